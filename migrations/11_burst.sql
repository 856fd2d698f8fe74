-- Messages of one moment are one brief, and words are changed after they were sent. Owner: receipt/burst.rs

-- What a message asks for in other words than its own: with those of the messages that followed it at once, or as it was
-- edited before it was begun. Kept while it is worked on, so that every start works on the same. In the row of an edit
-- that came before its message: the words that await that one.
alter table wa.receipt add column brief text;

-- The message whose brief this one has become a part of.
alter table wa.receipt add column joined_to text;

-- The message that an edit or a deletion is about.
alter table wa.receipt add column changes text;
create index receipt_changes on wa.receipt (changes) where changes is not null;
