-- Choices that are offered in the chat, and what waits for one of them.

-- What stands under a part of an answer, where its provider can show it. Owner: outbox.rs
alter table wa.outbox add column menu jsonb;

-- What the numbers mean that a person may type now: the choices offered last. Owner: menu.rs
create table wa.menu (
  user_id   text constraint menu_one_each primary key references public."User" ("id") on delete cascade on update cascade,
  choices   text[] not null,
  opened_at timestamptz not null
);

-- The brief for which there was no credit, kept for a day in case its person buys some. A message that takes it keeps
-- it until that message has ended. Owner: kept.rs
create table wa.kept_brief (
  user_id  text constraint kept_brief_one_each primary key references public."User" ("id") on delete cascade on update cascade,
  brief    text not null,
  kept_at  timestamptz not null,
  taken_by text
);
