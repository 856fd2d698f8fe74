-- What the portal needs of the shop: workers alone call Stripe, and leave here what they were told.

-- Pages to pay on that were asked for in the portal. Owner: checkout.rs
create table wa.checkout (
  key         text constraint checkout_once primary key,
  user_id     text not null references public."User" ("id") on delete cascade on update cascade,
  pack        text not null,
  language    text not null,
  -- Where the browser came from and goes back to.
  origin      text not null,
  asked_at    timestamptz not null,
  url         text,
  refused     text,
  answered_at timestamptz,
  constraint checkout_has_one_answer check (num_nonnulls(url, refused) = num_nonnulls(answered_at))
);
create index checkout_user on wa.checkout (user_id, asked_at);

-- What is for sale, and its prices: one row. Owner: shelf.rs
create table wa.shelf (
  single    boolean constraint shelf_is_one_row primary key default true check (single),
  items     jsonb not null,
  looked_at timestamptz not null
);
