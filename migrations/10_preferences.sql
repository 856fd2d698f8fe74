-- What a person has asked for, about how we speak to them. Owner: preference.rs
create table wa.preference (
  user_id    text constraint preference_one_each primary key
    references public."User" ("id") on delete cascade on update cascade,
  -- Chosen, and not only detected: the web app's column has French as its default.
  language   text constraint preference_language_known check (language in ('fr', 'en')),
  -- In which they wrote their last brief, as far as it is one of ours.
  written    text constraint preference_written_known check (written in ('fr', 'en')),
  -- Since when nothing but answers to what they ask for may be sent.
  stopped_at timestamptz
);
