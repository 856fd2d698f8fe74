-- Every account that is this one today: itself, and all that have joined it. Owner: ledger/merge.rs
create function wa.accounts_of(account text) returns setof text language sql stable as $$
  with recursive accounts (id) as (
    select account union select m.from_user from accounts join wa.merged_account m on m.into_user = accounts.id
  ) select id from accounts
$$;

-- A worker from before seen_at still writes names down while it is being replaced.
alter table wa.identity alter column seen_at set default now();

-- What stood beside a number when it passed from one account to another: when it turns out that both are one person's,
-- it stands beside it again. Owner: person/identity.rs
create table wa.passed_number (
  value text constraint passed_number_pkey primary key,
  from_user text not null,
  at timestamptz not null,
  beside_meta text,
  beside_twilio text
);
