-- Ids of Meta's messages contain the number of their person, in base64. From here on their digests stand in their place, in every
-- table and in all that stands there already: shared/src/message/opaque.rs says how, and why without a key.

-- A text with digests in place of such ids, as `conceal` there. Owner: message/opaque.rs
create function wa.conceal(words text) returns text language plpgsql immutable strict as $$
declare
  id text;
begin
  loop
    id := substring(words from 'wamid\.(?:[A-Za-z0-9+/=_-]|\\/)*');
    exit when id is null;
    words := overlay(words placing 'sha256-' || encode(sha256(convert_to(replace(id, '\', ''), 'UTF8')), 'hex')
                     from position(id in words) for length(id));
  end loop;
  return words;
end
$$;

-- Words are sealed for the id of their row, which is another now. Under what they were sealed stands here until somebody comes who has
-- the keys and seals them anew: the same program, next. Owner: db/message_ids.rs
create table wa.renamed (
  message_id text constraint renamed_once primary key,
  was        text not null
);
insert into wa.renamed (message_id, was)
select wa.conceal(id), id from (
    select message_id as id from wa.receipt where brief like 'sealed:%'
  union select message_id from wa.step where output like 'sealed:%'
  union select o.cause from wa.outbox o join wa.receipt r on r.message_id = o.cause
    where o.body like 'sealed:%' or o.menu #>> '{}' like 'sealed:%'
) sealed where id like '%wamid.%';

-- An operator's deeds name a message by the digest of its key, of which lists show twelve digits.
update wa.audit a
set subject = '#' || left(encode(sha256(convert_to(wa.conceal(r.message_id), 'UTF8')), 'hex'), 12)
from wa.receipt r
where a.about = 'message' and r.message_id like '%wamid.%'
  and a.subject = '#' || left(encode(sha256(convert_to(r.message_id, 'UTF8')), 'hex'), 12);

alter table wa.step drop constraint step_message_id_fkey;
alter table wa.attempt drop constraint attempt_message_id_fkey;

update wa.receipt
set message_id = wa.conceal(message_id), joined_to = wa.conceal(joined_to), changes = wa.conceal(changes),
    detail = wa.conceal(detail)
where concat_ws(' ', message_id, joined_to, changes, detail) like '%wamid.%';
update wa.step set message_id = wa.conceal(message_id) where message_id like '%wamid.%';
update wa.attempt set message_id = wa.conceal(message_id), reason = wa.conceal(reason)
where concat_ws(' ', message_id, reason) like '%wamid.%';

alter table wa.step add constraint step_message_id_fkey
  foreign key (message_id) references wa.receipt (message_id) on delete cascade;
alter table wa.attempt add constraint attempt_message_id_fkey
  foreign key (message_id) references wa.receipt (message_id) on delete cascade;
alter table wa.renamed add constraint renamed_message_id_fkey
  foreign key (message_id) references wa.receipt (message_id) on delete cascade;

update wa.outbox set cause = wa.conceal(cause), provider_message_id = wa.conceal(provider_message_id)
where concat_ws(' ', cause, provider_message_id) like '%wamid.%';
update wa.credit_op set key = wa.conceal(key), message_id = wa.conceal(message_id)
where concat_ws(' ', key, message_id) like '%wamid.%';
update wa.kept_brief set taken_by = wa.conceal(taken_by) where taken_by like '%wamid.%';
update wa.audit set subject = wa.conceal(subject), key = wa.conceal(key), note = wa.conceal(note)
where concat_ws(' ', subject, key, note) like '%wamid.%';
update wa.erasure set reach = wa.conceal(reach::text)::jsonb where reach::text like '%wamid.%';
-- What was spilled has its id once more inside, under which it is sealed: that waits for the keys as well.
update wa.spill set message_id = wa.conceal(message_id), lane = wa.conceal(lane)
where concat_ws(' ', message_id, lane) like '%wamid.%';

-- A worker from before this writes nothing here any more, so that no message is known by two ids, and charged under each.
alter table wa.receipt add constraint receipt_ids_tell_no_number
  check (message_id not like '%wamid.%' and joined_to not like '%wamid.%' and changes not like '%wamid.%');
alter table wa.outbox add constraint outbox_ids_tell_no_number
  check (cause not like '%wamid.%' and provider_message_id not like '%wamid.%');
alter table wa.credit_op add constraint credit_op_ids_tell_no_number
  check (key not like '%wamid.%' and message_id not like '%wamid.%');
alter table wa.kept_brief add constraint kept_brief_ids_tell_no_number check (taken_by not like '%wamid.%');
alter table wa.spill add constraint spill_ids_tell_no_number
  check (message_id not like '%wamid.%' and lane not like '%wamid.%');
