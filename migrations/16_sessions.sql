-- Sessions on the web that we began, each named by a claim of its token. The token itself is nowhere. Owner: session.rs
create table wa.session (
  id         text constraint session_one_each primary key,
  -- Who signed in. Whose it is today, wa.survivor says.
  user_id    text not null references public."User" ("id") on delete cascade on update cascade,
  begun_at   timestamptz not null,
  -- When it was last shown to us; noted once an hour.
  seen_at    timestamptz not null,
  -- What people would call the device: a browser and a system by their names, never what the browser says of itself.
  browser    text,
  system     text,
  revoked_at timestamptz
);
create index session_account on wa.session (user_id);
