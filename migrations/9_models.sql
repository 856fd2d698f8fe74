-- What the model costs, step by step and day by day, in millionths of a dollar. Null: nobody had told the price.
alter table wa.step add column cost_micros bigint;

-- Sums for caps and for a day's bill. Days are UTC's. Owner: step/spend.rs
create table wa.spend (
  day               date not null,
  user_id           text not null,
  steps             integer not null,
  prompt_tokens     bigint not null,
  completion_tokens bigint not null,
  cost_micros       bigint not null,
  constraint spend_one_a_day primary key (day, user_id)
);
