//! A page to pay on that somebody asked for in the portal: asked of a worker, since only workers call Stripe, and answered
//! here, where ingest looks for it.
//!
//! Owner of `wa.checkout`. The key is the request's own, so that one click is one page however often it arrives. An answer
//! is final.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgExecutor, PgPool};

use crate::language::Language;
use crate::person::UserId;

/// Pages that one account may ask for within [`RECENT`]. Each is an object at Stripe that nobody deletes.
const AT_MOST: i64 = 10;

/// See [`AT_MOST`].
const RECENT: TimeDelta = TimeDelta::minutes(10);

/// How long one is kept: longer than Stripe keeps a page open, and than its key may come again.
pub(crate) const KEPT: TimeDelta = TimeDelta::days(2);

/// A page that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// For whom.
    pub user: UserId,
    /// Which pack.
    pub pack: String,
    /// The language of the page.
    pub language: Language,
    /// Where the browser came from and goes back to: scheme, host and port.
    pub origin: String,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
}

/// What became of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Asked {
    /// It is written down, now or before.
    Kept,
    /// The key is another wish's.
    Taken,
    /// So many pages in a short time.
    TooMany,
}

/// Writes a wish down, once for its key. One wish of an account after the other: each sees those before it.
pub async fn ask(pool: &PgPool, key: &str, wish: &Wish) -> Result<Asked, sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('checkout:' || $1, 0))")
        .bind(wish.user.as_str())
        .execute(&mut *tx)
        .await?;
    let (same, other): (bool, bool) = sqlx::query_as(
        "with known as (
           select user_id = $2 and pack = $3 as same from wa.checkout where key = $1
         ), asked as (
           insert into wa.checkout (key, user_id, pack, language, origin, asked_at)
           select $1, $2, $3, $4, $5, $6
           where (select count(*) from wa.checkout where user_id = $2 and asked_at > $7) < $8
           on conflict (key) do nothing
           returning true as same
         )
         select exists (select from known where same) or exists (select from asked),
                exists (select from known where not same)",
    )
    .bind(key)
    .bind(wish.user.as_str())
    .bind(&wish.pack)
    .bind(wish.language.code())
    .bind(&wish.origin)
    .bind(wish.asked_at)
    .bind(wish.asked_at - RECENT)
    .bind(AT_MOST)
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(match (same, other) {
        (true, _) => Asked::Kept,
        (false, true) => Asked::Taken,
        (false, false) => Asked::TooMany,
    })
}

/// The wish of this key, unless it was answered.
pub async fn open(db: impl PgExecutor<'_>, key: &str) -> Result<Option<Wish>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "select wa.survivor(user_id), pack, language, origin, asked_at from wa.checkout
         where key = $1 and answered_at is null",
    )
    .bind(key)
    .fetch_optional(db)
    .await?;
    Ok(row.map(wish))
}

/// Every wish of a person that is still kept, in order.
pub async fn of(db: impl PgExecutor<'_>, user: &UserId) -> Result<Vec<Wish>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select wa.survivor(user_id), pack, language, origin, asked_at from wa.checkout
         where user_id in (select wa.accounts_of($1)) order by asked_at, key",
    )
    .bind(user.as_str())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(wish).collect())
}

/// Account, pack, language, origin, and when.
type Row = (String, String, String, String, DateTime<Utc>);

fn wish((user, pack, language, origin, asked_at): Row) -> Wish {
    Wish {
        user: UserId::from_stored(user),
        pack,
        language: Language::from_code(&language).unwrap_or_default(),
        origin,
        asked_at,
    }
}

/// What a worker answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The page's address.
    Page(String),
    /// There is none, for this reason: a word of ours.
    Refused(String),
}

/// The answer to a wish. `None`: none yet.
pub async fn answer(db: impl PgExecutor<'_>, key: &str) -> Result<Option<Answer>, sqlx::Error> {
    let row: Option<(Option<String>, Option<String>)> =
        sqlx::query_as("select url, refused from wa.checkout where key = $1 and answered_at is not null")
            .bind(key)
            .fetch_optional(db)
            .await?;
    Ok(row.map(|(url, refused)| match url {
        Some(url) => Answer::Page(url),
        None => Answer::Refused(refused.unwrap_or_default()),
    }))
}

/// Answers a wish, once.
pub async fn answered(
    db: impl PgExecutor<'_>,
    key: &str,
    answer: &Answer,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (url, refused) = match answer {
        Answer::Page(url) => (Some(url), None),
        Answer::Refused(why) => (None, Some(why)),
    };
    sqlx::query(
        "update wa.checkout set url = $2, refused = $3, answered_at = $4 where key = $1 and answered_at is null",
    )
    .bind(key)
    .bind(url)
    .bind(refused)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}
