-- What this service remembers, in a schema of its own: Prisma drops what it does not know in "public" and never
-- looks elsewhere. One file of shared/src owns each table.

-- A person's balance never goes below zero, whoever writes. Prisma ignores check constraints; NOT VALID leaves
-- rows alone that the web app may have written before us.
do $$ begin
  if not exists (select from pg_constraint where conname = 'User_credits_not_negative') then
    alter table public."User" add constraint "User_credits_not_negative" check ("credits" >= 0) not valid;
  end if;
end $$;

-- Every name under which a person is known to a provider. Owner: person.rs
create table wa.identity (
  kind       text not null constraint identity_kind_known check (kind in ('bsuid', 'phone')),
  value      text not null,
  user_id    text not null references public."User" ("id") on delete cascade on update cascade,
  created_at timestamptz not null,
  constraint identity_is_of_one_person primary key (kind, value)
);
create index identity_user on wa.identity (user_id);

-- One row per provider message id: that we have it, and how it ended. Owner: receipt.rs
create table wa.receipt (
  message_id  text constraint receipt_once primary key,
  provider    text not null,
  business    text not null,
  lane        text not null,
  user_id     text references public."User" ("id") on delete set null on update cascade,
  kind        text not null,
  state       text not null constraint receipt_state_known check (state in ('started', 'finished', 'failed')),
  outcome     text,
  detail      text,
  attempts    integer not null,
  sent_at     timestamptz,
  received_at timestamptz not null,
  started_at  timestamptz not null,
  finished_at timestamptz,
  constraint receipt_ends_with_an_outcome
    check ((state = 'started') = (finished_at is null) and (state = 'started') = (outcome is null))
);
create index receipt_user on wa.receipt (user_id, received_at);
create index receipt_open on wa.receipt (started_at) where state = 'started';

-- What a model answered, recorded before the next step begins: a retry never pays twice. Owner: step.rs
create table wa.step (
  message_id        text not null references wa.receipt (message_id) on delete cascade,
  name              text not null,
  output            text not null,
  finish_reason     text not null,
  model             text not null,
  prompt_tokens     integer not null,
  completion_tokens integer not null,
  took_ms           integer not null,
  finished_at       timestamptz not null,
  constraint step_paid_once primary key (message_id, name)
);

-- The key of every change of a balance that we made, beside its row in the ledger. Owner: ledger.rs
create table wa.credit_op (
  key        text constraint credit_op_once primary key,
  ledger_id  text not null constraint credit_op_one_row unique
    references public."CreditLedger" ("id") on delete restrict on update restrict,
  user_id    text not null,
  message_id text,
  created_at timestamptz not null
);
create index credit_op_message on wa.credit_op (message_id);

-- A ledger row of ours is never changed or removed (the web app's own rows are its affair).
create function wa.refuse_ledger_change() returns trigger language plpgsql as $$ begin
  if exists (select from wa.credit_op where ledger_id = old."id") then
    raise exception 'a ledger row of this service is final' using errcode = 'integrity_constraint_violation';
  end if;
  if tg_op = 'DELETE' then return old; else return new; end if;
end $$;
create trigger wa_ledger_is_append_only before update or delete on public."CreditLedger"
  for each row execute function wa.refuse_ledger_change();

-- Every word that we send, from before it is sent until it was read. Owner: outbox.rs
create table wa.outbox (
  id                  bigint generated always as identity primary key,
  cause               text not null,
  part                integer not null,
  provider            text not null,
  business            text not null,
  address             jsonb not null,
  body                text not null,
  state               text not null default 'pending' constraint outbox_state_known check
    (state in ('pending', 'sending', 'unknown', 'accepted', 'sent', 'delivered', 'read', 'failed')),
  attempts            integer not null default 0,
  provider_message_id text,
  error_code          text,
  created_at          timestamptz not null,
  sending_at          timestamptz,
  accepted_at         timestamptz,
  sent_at             timestamptz,
  delivered_at        timestamptz,
  read_at             timestamptz,
  failed_at           timestamptz,
  constraint outbox_once unique (cause, part)
);
create index outbox_provider_message on wa.outbox (provider_message_id);

-- Verified work that arrived while Redis was away, until the relay has brought it into its lane. Owner: spill.rs
create table wa.spill (
  id         bigint generated always as identity primary key,
  message_id text not null constraint spill_once unique,
  job        text not null,
  spilled_at timestamptz not null
);
