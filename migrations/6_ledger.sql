-- What an entry was and what balance it left, so that a balance can be explained and a difference found in time.
-- Null in the rows of versions before this one, which may still be running: their entries speak for themselves.
alter table wa.credit_op
  add column seq bigint generated always as identity,
  add column delta integer,
  add column balance integer constraint credit_op_balance_not_negative check (balance >= 0);
create index credit_op_user on wa.credit_op (user_id, seq);

-- Accounts that were joined to another one: what is still owed to the old one goes to the new one.
-- Owner: ledger/merge.rs
create table wa.merged_account (
  from_user text constraint merged_account_once primary key
    references public."User" ("id") on delete restrict on update restrict,
  into_user text not null references public."User" ("id") on delete restrict on update restrict,
  merged_at timestamptz not null,
  constraint merged_account_is_another check (from_user <> into_user)
);

-- What operators and the system did to accounts by hand, and why. Owner: audit.rs
create table wa.audit (
  id      bigint generated always as identity primary key,
  at      timestamptz not null,
  actor   text not null,
  action  text not null,
  subject text not null,
  key     text not null constraint audit_once unique,
  note    text not null
);
create index audit_subject on wa.audit (subject, at);

-- The last look at the sums: one row. Owner: ledger/reconcile.rs
create table wa.reconciliation (
  single     boolean constraint reconciliation_is_one_row primary key default true check (single),
  looked_at  timestamptz not null,
  imbalance  bigint not null,
  accounts   bigint not null
);
