-- Sending well: in which conversation a part goes, how often it was refused, and what the provider billed for it.

-- The conversation that a part belongs to, whose person opens the 24-hour window by writing there. Null in rows from
-- before this: their message's own is meant. Owner: outbox.rs
alter table wa.outbox add column lane text;

-- How often in a row the provider refused it with the code that stands beside it. Owner: outbox.rs
alter table wa.outbox add column refusals integer not null default 0;

-- In the provider's words, as far as its reports say so. Owner: outbox/reports.rs
alter table wa.outbox
  add column billable boolean,
  add column pricing_model text,
  add column pricing_type text,
  add column pricing_category text;

-- When somebody wrote last in a conversation, asked before each answer is sent. Owner: receipt/conversation.rs
create index receipt_lane on wa.receipt (lane, received_at);
