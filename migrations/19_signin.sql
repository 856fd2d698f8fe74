-- Signing in on the web by a message in WhatsApp: a browser begins, a person sends what it shows, and says which number
-- stands on it. Of the two secrets only digests are kept. Owner: signin.rs
create table wa.signin (
  id         text constraint signin_one_each primary key,
  -- Of the token in the link, which a person sends.
  token      text not null constraint signin_token_once unique,
  -- Of the cookie of the browser that began.
  browser    text not null constraint signin_browser_once unique,
  -- What stands on its screen, and what is offered to choose from.
  number     smallint not null,
  numbers    smallint[] not null,
  -- What its person may know it by: names of a browser and of a system, and the beginning of its address.
  agent      text,
  system     text,
  network    text,
  -- A keyed digest of the address, for limits.
  address    text,
  begun_at   timestamptz not null,
  state      text not null default 'begun'
    constraint signin_state_known check (state in ('begun', 'asked', 'confirmed', 'collected', 'wrong', 'denied')),
  -- Who sent the token, and when.
  asked_by   text references public."User" ("id") on delete cascade on update cascade,
  asked_at   timestamptz,
  -- Into which account it leads, and the session that came of it.
  user_id    text references public."User" ("id") on delete cascade on update cascade,
  session_id text,
  constraint signin_number_is_offered check (number = any (numbers) and cardinality(numbers) = 3),
  constraint signin_asked_by_somebody check (state = 'begun' or asked_by is not null and asked_at is not null),
  constraint signin_collected_once check ((state = 'confirmed' or state = 'collected') <= (user_id is not null))
);
create index signin_begun on wa.signin (begun_at);
create index signin_address on wa.signin (address, begun_at) where address is not null;
create index signin_asked on wa.signin (asked_by, asked_at) where asked_by is not null;
