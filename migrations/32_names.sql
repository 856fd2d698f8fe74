-- A name of a person is found by a digest under a key that only this database has, and read under the key of whose it is.
-- `value`, `spelling`, `beside_meta` and `beside_twilio` are such digests from now on, and so are the lists of wa.joined;
-- its columns of the web app are sealed. What stood here in the open is brought under keys by whoever applies this, since a
-- table has none (shared/src/person/upgrade.rs). Owners: person/identity.rs, person/joined.rs, person/welcome.rs
alter table wa.identity
  -- A number as it was last spelled, or an id, sealed.
  add column name text,
  add constraint identity_can_be_read check (name is not null or not starts_with(value, 'k1:'));
