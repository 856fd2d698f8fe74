-- One entry of the books: the account is held, the cause claimed, then the line and the balance written. Returns the balance
-- before, and after if it moved; no row for an account that is not there, or has joined another. Owner: ledger.rs
--
-- A function, since each of its statements begins with the rows as they are by then. One statement that held an account
-- and wrote it came, for the write, by way of the row as it had been before the wait; whoever waits next holds the place
-- at that row and waits for this one, while a receipt keeps the row shared.
create function wa.post(
  account text, cause text, line text, message text, amount integer, why text, at timestamptz
) returns table (before integer, after integer) language plpgsql as $$
begin
  -- The lock is the one that an update takes anyway: two receipts of one person both hold a weaker one on this row by
  -- their foreign keys, and a stronger one would wait for the other's for ever.
  select u."credits" into before from "User" u
    where u."id" = account and not exists (select from wa.merged_account m where m.from_user = account)
    for no key update;
  -- It may have joined another while it was waited for.
  if not found or exists (select from wa.merged_account m where m.from_user = account) then
    return;
  end if;
  if before + amount >= 0 then
    -- The line follows only from a claimed cause.
    with op as (
      insert into wa.credit_op (key, ledger_id, user_id, message_id, created_at, delta, balance)
        values (cause, line, account, message, at, amount, before + amount)
        on conflict (key) do nothing
        returning ledger_id
    )
    insert into "CreditLedger" ("id", "userId", "delta", "reason", "createdAt")
      select op.ledger_id, account, amount, why, at at time zone 'UTC' from op;
    if found then
      update "User" u set "credits" = u."credits" + amount, "updatedAt" = at at time zone 'UTC'
        where u."id" = account returning u."credits" into after;
    end if;
  end if;
  return next;
end
$$;
