-- What is still to be sent, which is little, beside all that ever was: the sweep looks at it every minute.
create index outbox_unsent on wa.outbox (cause) where state in ('pending', 'sending', 'unknown');
