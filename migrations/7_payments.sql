-- What Stripe told, and what it means in credits. Every change of a balance that follows is in the ledger.

-- Events that were acted upon: the second delivery of one does nothing. Owner: payment.rs
create table wa.stripe_event (
  id          text constraint stripe_event_once primary key,
  kind        text not null,
  object      text not null,
  outcome     text not null,
  created_at  timestamptz not null,
  received_at timestamptz not null
);

-- One checkout of a pack of ours. Owner: payment.rs
--   owed: the credits that are to go back, for money that went back; taken: those of them that did. What is owed and
--   not taken is a debt, which the next purchase settles.
create table wa.payment (
  session_id     text constraint payment_once primary key,
  payment_intent text,
  user_id        text,
  pack           text not null,
  credits        integer constraint payment_credits_positive check (credits > 0),
  amount         bigint not null,
  currency       text not null,
  state          text not null constraint payment_state_known check (state in ('unpaid', 'paid', 'failed', 'unclaimed')),
  detail         text,
  owed           integer not null default 0,
  taken          integer not null default 0,
  created_at     timestamptz not null,
  paid_at        timestamptz,
  told_at        timestamptz,
  constraint payment_takes_back_what_it_gave check (0 <= taken and 0 <= owed and owed <= coalesce(credits, 0) and taken <= coalesce(credits, 0))
);
create index payment_user on wa.payment (user_id);
create index payment_intent on wa.payment (payment_intent);

-- Money that went back, or was to: refunds, disputes, and the running total that a charge tells. It may be known before
-- the payment is. Owner: payment/returned.rs
create table wa.payment_return (
  id             text constraint payment_return_once primary key,
  payment_intent text not null,
  kind           text not null constraint payment_return_kind_known check (kind in ('refund', 'dispute', 'charge')),
  amount         bigint not null,
  state          text not null constraint payment_return_state_known check (state in ('pending', 'gone', 'back')),
  told_at        timestamptz not null
);
create index payment_return_intent on wa.payment_return (payment_intent);
