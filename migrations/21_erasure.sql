-- Whatever names an account goes with it, but for the books of its money: what a number passed on as well.
alter table wa.passed_number
  add constraint passed_number_from_user_fkey
  foreign key (from_user) references public."User" ("id") on delete cascade on update cascade;

-- Who has joined an account is looked for wherever all of a person is read; by wa.joined only a cascade asks, and rarely.
create index merged_account_into on wa.merged_account (into_user);
drop index wa.joined_into;
