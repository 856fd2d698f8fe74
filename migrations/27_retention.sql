-- What nobody needs any more is found by an index, oldest first, so that a batch of it reads about as many rows as it takes
-- (shared/src/retention/books.rs). Each index has only what is over: what is still worked on is none of retention's business.
create index receipt_over on wa.receipt (finished_at) where state <> 'started';
create index receipt_worded on wa.receipt (finished_at)
  where state <> 'started' and (brief is not null or kind = 'unreadable' and detail is not null);
create index outbox_over on wa.outbox (created_at) where state not in ('pending', 'sending', 'unknown');
create index outbox_worded on wa.outbox (created_at) where state not in ('pending', 'sending', 'unknown') and body <> '';
create index step_finished on wa.step (finished_at);
create index session_seen on wa.session (seen_at);
create index spill_time on wa.spill (spilled_at);

-- When each kind was last found without anything that could go: whoever looks after the service sees that retention stands
-- still. A kind is new here from the first look at it on. Owner: retention.rs
create table wa.retention (
  kind    text constraint retention_one_each primary key,
  done_at timestamptz not null
);
