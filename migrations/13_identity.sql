-- What each name of a person is evidence of, so that a number that was given to somebody else is noticed.

alter table wa.identity
  -- As it was last written, for numbers: some countries have two spellings, and answers go to the one that came.
  add column spelling text,
  -- When it was last shown, says the provider; noted once an hour.
  add column seen_at timestamptz,
  -- Of a business-scoped id: since when its person has another one.
  add column retired_at timestamptz,
  -- Of a number: the business-scoped id that each provider showed last beside it.
  add column beside_meta text,
  add column beside_twilio text,
  add constraint identity_only_ids_retire check (kind = 'bsuid' or retired_at is null),
  add constraint identity_only_numbers_stand_beside
    check (kind = 'phone' or coalesce(spelling, beside_meta, beside_twilio) is null);
create index identity_beside_meta on wa.identity (beside_meta) where beside_meta is not null;
create index identity_beside_twilio on wa.identity (beside_twilio) where beside_twilio is not null;

update wa.identity set seen_at = created_at, spelling = case when kind = 'phone' then value end;

-- Numbers are known by the spelling that people dial (shared/src/phone/spelling.rs). Where both spellings are there,
-- the dialled one has won already.
with dialled as (
  select value, case
      when value ~ '^\+55[1-9][1-9][6-9]\d{7}$' then left(value, 5) || '9' || substr(value, 6)
      when value ~ '^\+521[2-9]\d{9}$' then '+52' || substr(value, 5)
      when value ~ '^\+54[1-3]\d{9}$' then '+549' || substr(value, 4)
    end as becomes
  from wa.identity where kind = 'phone'
)
update wa.identity i set value = dialled.becomes
from dialled
where i.kind = 'phone' and i.value = dialled.value and dialled.becomes is not null
  and not exists (select from wa.identity o where o.kind = 'phone' and o.value = dialled.becomes);

-- An id and a number that are the only ones of their account have been shown together; by whom, its messages tell.
with pair as (
  select user_id, min(value) filter (where kind = 'bsuid') as id, min(value) filter (where kind = 'phone') as number
  from wa.identity group by user_id
  having count(*) filter (where kind = 'bsuid') = 1 and count(*) filter (where kind = 'phone') = 1
), shown as (
  select pair.*,
         exists (select from wa.receipt r where r.user_id = pair.user_id and r.provider = 'twilio'
                   and right(r.lane, length(pair.id) + 1) = ':' || pair.id) as by_twilio
  from pair
)
update wa.identity i
set beside_meta = case when not shown.by_twilio then shown.id end,
    beside_twilio = case when shown.by_twilio then shown.id end
from shown where i.kind = 'phone' and i.value = shown.number;

alter table wa.identity alter column seen_at set not null;

-- The account that this one is today: itself, or the last of those that it has joined. Owner: ledger/merge.rs
create function wa.survivor(account text) returns text language sql stable as $$
  with recursive line (id, place) as (
    select account, 0
    union all
    select m.into_user, line.place + 1 from line join wa.merged_account m on m.from_user = line.id
  ) select id from line order by place desc limit 1
$$;
