-- The account that this one is today: itself, or the last of those that it has joined. Owner: ledger/merge.rs
--
-- The same answers as before, from a language that keeps its plans: a function in SQL is planned anew at each call, which
-- was most of what finding a person cost.
create or replace function wa.survivor(account text) returns text language plpgsql stable as $$
declare
  joined text;
begin
  loop
    select m.into_user into joined from wa.merged_account m where m.from_user = account;
    exit when not found;
    account := joined;
  end loop;
  return account;
end
$$;

-- Every account that is this one today: itself, and all that have joined it. Owner: ledger/merge.rs
--
-- With the number of rows that it has: taken for a hundred, whoever read the lines of one account read everybody's.
create or replace function wa.accounts_of(account text) returns setof text language plpgsql stable rows 1 as $$
begin
  return next account;
  return query
    with recursive accounts (id) as (
      select m.from_user from wa.merged_account m where m.into_user = account
      union select m.from_user from accounts join wa.merged_account m on m.into_user = accounts.id
    ) select id from accounts;
end
$$;
