-- One person, one account: what moved when two became one, and who has been welcomed.

-- A join of two accounts, with all that came from the one that is gone, so that it can be given back.
-- Owner: person/joined.rs
create table wa.joined (
  id             bigint generated always as identity primary key,
  from_user      text not null references public."User" ("id") on delete cascade on update cascade,
  into_user      text not null references public."User" ("id") on delete cascade on update cascade,
  -- Names that a provider showed together, or a code that was typed by who is signed in.
  shown_by       text not null constraint joined_shown_by_known check (shown_by in ('identity', 'link')),
  joined_at      timestamptz not null,
  credits        integer not null constraint joined_credits_not_negative check (credits >= 0),
  -- Of two welcome gifts, what was left of the second.
  bonus          integer not null default 0 constraint joined_bonus_not_negative check (bonus >= 0),
  generations    text[] not null,
  numbers        text[] not null,
  ids            text[] not null,
  language       text,
  written        text,
  -- The columns of the web app, as they were in both.
  from_phone     text,
  from_linked_at timestamp(3),
  from_bsuid     text,
  into_phone     text,
  into_linked_at timestamp(3),
  into_bsuid     text,
  undone_at      timestamptz
);
create unique index joined_once on wa.joined (from_user) where undone_at is null;
create index joined_into on wa.joined (into_user);

-- Numbers whose person has had the welcome gift, as digests: unlinked and entered again, a number brings no second one.
-- Owner: person/welcome.rs
create table wa.welcomed (
  number_digest bytea constraint welcomed_once primary key,
  welcomed_at   timestamptz not null
);
