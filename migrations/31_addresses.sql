-- Where something goes is sealed from now on: under the key of whoever gets it, or under one that follows from the master key
-- where nobody knows whose it is. What answers no message is found by a digest of where it went, which only such rows have.
-- What stands here in the open is sealed by whoever applies this (shared/src/db/addresses.rs). Owner: outbox.rs
alter table wa.outbox add column reached text;

-- An erasure looks here (shared/src/erasure/books.rs).
drop index wa.outbox_aside;
create index outbox_aside on wa.outbox (reached) where cause not like 'meta:%' and cause not like 'twilio:%';

-- What an older version has left in the open, or still writes: nothing, once that is sealed.
create index outbox_in_the_open on wa.outbox (id) where jsonb_typeof(address) = 'object';
