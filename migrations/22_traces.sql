-- The span that sent a row (W3C Trace Context, traceparent): what its provider reports on it belongs under that one.
alter table wa.outbox add column trace text;
