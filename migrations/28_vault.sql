-- The keys of what is kept sealed, each of them sealed itself under a master key that no table has. One for each person: who is
-- forgotten loses it, and with it every copy of their words that is anywhere, in a backup too. Keep this table out of the
-- backups of the others (PRIVACY.md says how). Owner: vault.rs
create table wa.data_key (
  id      text constraint data_key_once primary key,
  -- Whose; nobody's is the one by which a number is looked up without being written down.
  user_id text constraint data_key_one_each unique references public."User" ("id") on delete cascade on update cascade,
  -- The digest of the master key that has sealed it.
  master  text not null,
  wrapped bytea not null
);
create unique index data_key_of_lookups on wa.data_key ((true)) where user_id is null;
create index data_key_master on wa.data_key (master);

-- Whoever puts a new master key in place of an old one stands in the audit.
alter table wa.audit
  drop constraint audit_about_something_known,
  add constraint audit_about_something_known check (about in ('account', 'message', 'letter', 'queue', 'keys'));
