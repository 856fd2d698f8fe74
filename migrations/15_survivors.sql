-- Every account that is this one today: itself, and all that have joined it. Owner: ledger/merge.rs
create function wa.accounts_of(account text) returns setof text language sql stable as $$
  with recursive accounts (id) as (
    select account union select m.from_user from accounts join wa.merged_account m on m.into_user = accounts.id
  ) select id from accounts
$$;

-- A worker from before seen_at still writes names down while it is being replaced.
alter table wa.identity alter column seen_at set default now();
