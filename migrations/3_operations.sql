-- What operating the queue needs: the order of what was spilled, every start of a message, replays.

-- Which conversation a spilled job belongs to and when it arrived: a later message of the same conversation that took
-- the way through Redis waits for it. Owner: spill.rs
alter table wa.spill add column lane text, add column received_at timestamptz;
create index spill_lane on wa.spill (lane, received_at);

-- How often an operator had a message that had failed handled again. Its answers are numbered anew each time.
alter table wa.receipt add column replays integer not null default 0;

-- Every start of a message: by whom, when, and why it was not the last. A start that only waited for something (a
-- dependency, a delivery report) keeps its number and is resumed. Owner: receipt.rs
create table wa.attempt (
  message_id text not null references wa.receipt (message_id) on delete cascade,
  number     integer not null,
  worker     text not null,
  began_at   timestamptz not null,
  runs       integer not null default 1,
  resumed_at timestamptz,
  ended_at   timestamptz,
  verdict    text,
  reason     text,
  constraint attempt_once primary key (message_id, number)
);
