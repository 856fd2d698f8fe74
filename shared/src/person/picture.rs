//! What the books know of the names of a sighting.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::sighting::Sighting;
use super::{Person, Row, UserId, person};

/// A name that is in the books.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) user: UserId,
    /// Its person.
    pub(super) person: Person,
    /// Since when it is theirs.
    pub(super) since: DateTime<Utc>,
    pub(super) seen_at: DateTime<Utc>,
    pub(super) retired_at: Option<DateTime<Utc>>,
    /// By what its spelling is told apart.
    pub(super) spelling: Option<String>,
    /// The digest of the id that the provider of the sighting showed last beside it.
    pub(super) beside: Option<String>,
    /// Whether any provider has shown an id beside it.
    pub(super) has_id: bool,
    /// Another account, to which the web app has linked this number since it was last shown, and before the sighting.
    pub(super) linked: Option<UserId>,
}

/// What is known of the names of a sighting.
#[derive(Clone, Default)]
pub(super) struct Picture {
    pub(super) bsuid: Option<Known>,
    pub(super) phone: Option<Known>,
}

#[derive(sqlx::FromRow)]
struct Line {
    kind: String,
    created_at: DateTime<Utc>,
    seen_at: DateTime<Utc>,
    retired_at: Option<DateTime<Utc>>,
    spelling: Option<String>,
    beside: Option<String>,
    has_id: bool,
    linked: Option<String>,
    id: String,
    web: Option<String>,
    language: Option<String>,
    written: Option<String>,
    stopped: bool,
}

/// Reads what is known.
pub(super) async fn read(db: &mut PgConnection, sighting: &Sighting<'_>) -> Result<Picture, sqlx::Error> {
    let (kinds, values): (Vec<&str>, Vec<String>) = sighting.shown().into_iter().unzip();
    let lines: Vec<Line> = sqlx::query_as(
        r#"select i.kind, i.created_at, i.seen_at, i.retired_at, i.spelling,
                  case $3 when 'meta' then i.beside_meta else i.beside_twilio end as beside,
                  coalesce(i.beside_meta, i.beside_twilio) is not null as has_id,
                  case when i.kind = 'phone' then (
                    select wa.survivor(w."id") from "User" w
                    where w."waPhoneE164" = any($4) and wa.survivor(w."id") <> wa.survivor(i.user_id)
                      and w."waLinkedAt" at time zone 'UTC' > i.seen_at
                      and w."waLinkedAt" at time zone 'UTC' <= $5 limit 1) end as linked,
                  u."id" as id, u."waPreferredLang" as web, p.language, p.written,
                  p.stopped_at is not null as stopped
           from unnest($1::text[], $2::text[]) as wanted (kind, value)
           join wa.identity i using (kind, value)
           join "User" u on u."id" = wa.survivor(i.user_id)
           left join wa.preference p on p.user_id = u."id""#,
    )
    .bind(kinds)
    .bind(values)
    .bind(sighting.provider.as_str())
    .bind(sighting.spellings())
    .bind(sighting.at)
    .fetch_all(db)
    .await?;
    let mut picture = Picture::default();
    for line in lines {
        let row: Row = (line.id.clone(), line.web, line.language, line.written, line.stopped);
        let known = Known {
            user: UserId(line.id),
            person: person(row),
            since: line.created_at,
            seen_at: line.seen_at,
            retired_at: line.retired_at,
            spelling: line.spelling,
            beside: line.beside,
            has_id: line.has_id,
            linked: line.linked.map(UserId),
        };
        if line.kind == "bsuid" { picture.bsuid = Some(known) } else { picture.phone = Some(known) }
    }
    Ok(picture)
}
