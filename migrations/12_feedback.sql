-- What people make of our messages, by a tap on an emoji: their last word on each. Owner: feedback.rs
create table wa.feedback (
  user_id       text not null references public."User" ("id") on delete cascade on update cascade,
  outbox_id     bigint not null references wa.outbox (id) on delete cascade,
  -- Null: taken back.
  emoji         text,
  kind          text constraint feedback_kind_known check (kind in ('positive', 'negative', 'other')),
  -- The posts that it is about, where the message carried some.
  generation_id text,
  -- When, says the provider, whose seconds decide which word is the last.
  reacted_at    timestamptz not null,
  constraint feedback_one_each primary key (user_id, outbox_id),
  constraint feedback_of_an_emoji check ((emoji is null) = (kind is null))
);
create index feedback_outbox on wa.feedback (outbox_id);
