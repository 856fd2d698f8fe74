-- What operators do to messages and to the queue is written down as well as what they do to accounts, and what came of it
-- where the deed and its line could not be one transaction. Owner: audit.rs
-- Whoever wrote before this knew of accounts only, and may still be running.
alter table wa.audit
  add column about text not null default 'account'
    constraint audit_about_something_known check (about in ('account', 'message', 'letter', 'queue')),
  add column outcome text;
create index audit_at on wa.audit (at);
