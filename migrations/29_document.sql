-- A document is made when it leaves and stands nowhere: such a row has the words beside it, and which document it is. Whose, its
-- message says. Owner: outbox.rs
alter table wa.outbox add column document text;
