-- One-time codes. A challenge is a row of the web app's "OtpChallenge"; what its table has no room for stands here.

-- The counters of a challenge. Owner: otp.rs
create table wa.otp_attempt (
  challenge_id text primary key references public."OtpChallenge" ("id") on delete cascade on update cascade,
  tries        integer not null default 0 constraint otp_attempt_at_most_three check (tries between 0 and 3),
  askings      integer not null default 1,
  language     text not null
);

-- Every time that a code was asked for: what limits count. Number and address by keyed digests, and one that came to
-- nothing stays with when that was known and why. Owner: otp/ask.rs
create table wa.otp_asking (
  cause        text constraint otp_asking_once primary key,
  challenge_id text not null references public."OtpChallenge" ("id") on delete cascade on update cascade,
  number       integer not null,
  asked_at     timestamptz not null,
  phone        text not null,
  prefix       text not null,
  address      text,
  verified_at  timestamptz,
  returned_at  timestamptz,
  refusal      text,
  constraint otp_asking_numbered unique (challenge_id, number),
  constraint otp_asking_returned_for_a_reason check ((returned_at is null) = (refusal is null))
);
create index otp_asking_time on wa.otp_asking (asked_at);
create index otp_asking_phone on wa.otp_asking (phone, asked_at);
create index otp_asking_prefix on wa.otp_asking (prefix, asked_at);
create index otp_asking_address on wa.otp_asking (address, asked_at) where address is not null;

-- A code is made when it is sent and stands nowhere: such a row has no body, and names the challenge. Owner: outbox.rs
alter table wa.outbox add column challenge text;
