-- People who want to be forgotten: each wish once, from the moment in which it was confirmed until nothing of them is left. The
-- row stays, and names nobody: an account that its person has left has no name. Owner: erasure.rs
create table wa.erasure (
  -- What its person can refer to.
  receipt   text constraint erasure_receipt_once primary key,
  account   text not null references public."User" ("id") on delete cascade on update cascade,
  via       text not null constraint erasure_via_known check (via in ('chat', 'portal', 'operator')),
  asked_at  timestamptz not null,
  -- When the books had forgotten them.
  forgot_at timestamptz,
  -- By what the queue is searched for what is left of them there: between the two, and never before or after.
  reach     jsonb,
  -- When the queue had forgotten them as well.
  done_at   timestamptz,
  constraint erasure_reaches_in_between check ((reach is not null) = (forgot_at is not null and done_at is null)),
  constraint erasure_ends_after_the_books check (done_at is null or forgot_at is not null)
);
-- A wish that is repeated while it is carried out is the same one.
create unique index erasure_open on wa.erasure (account) where done_at is null;
create index erasure_account on wa.erasure (account);

-- What was told to somebody without a message of theirs is found by where it went (shared/src/erasure/books.rs).
create index outbox_aside on wa.outbox (address) where cause not like 'meta:%' and cause not like 'twilio:%';
