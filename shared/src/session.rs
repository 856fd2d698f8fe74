//! Sessions on the web, as far as the books know them: begun, seen, and perhaps ended by their person.
//!
//! A session is a token of NextAuth's, which the door makes and reads (`ingest/src/session.rs`); the web app makes it anew
//! whenever it is shown. Its claim `sid` stays, and names a row here. Whose session it is follows the account that signed
//! in: after a join it is the survivor's, after the join was undone its own again.
//!
//! Owner of `wa.session`.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::person::UserId;

/// How precisely it is known when a session was last seen: not every look at a page is worth a write.
const SEEN_EVERY: TimeDelta = TimeDelta::hours(1);

/// A session that was not shown for so long is over. The web app keeps a token alive for thirty days (NextAuth: maxAge),
/// anew each time it is shown there, which we do not see.
pub(crate) const FORGOTTEN_AFTER: TimeDelta = TimeDelta::days(90);

/// What a session is begun with.
#[derive(Debug, Clone, Copy)]
pub struct Beginning<'a> {
    /// Its id, which nobody can guess.
    pub id: &'a str,
    /// Who signed in.
    pub user: &'a UserId,
    /// The name of the browser, where it is known.
    pub browser: Option<&'a str>,
    /// The name of the system, where it is known.
    pub system: Option<&'a str>,
}

/// A session, as its person sees it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Since when.
    pub begun_at: DateTime<Utc>,
    /// When it was last seen, within the hour.
    pub seen_at: DateTime<Utc>,
    /// The browser.
    pub browser: Option<String>,
    /// The system.
    pub system: Option<String>,
}

/// Begins a session. Says the e-mail address of its account, which its token carries; `None` means that there is no such
/// account, and nothing was begun.
pub async fn begin(
    db: &mut PgConnection,
    beginning: Beginning<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Option<String>>, sqlx::Error> {
    let user = beginning.user.as_str();
    let email: Option<Option<String>> = sqlx::query_scalar(r#"select "email" from "User" where "id" = $1"#)
        .bind(user)
        .fetch_optional(&mut *db)
        .await?;
    if email.is_none() {
        return Ok(None);
    }
    sqlx::query(
        "insert into wa.session (id, user_id, begun_at, seen_at, browser, system) values ($1, $2, $3, $3, $4, $5)",
    )
    .bind(beginning.id)
    .bind(user)
    .bind(now)
    .bind(beginning.browser)
    .bind(beginning.system)
    .execute(db)
    .await?;
    Ok(email)
}

/// Who began a session that has not ended, and the e-mail address of that account: what its token says.
pub async fn begun_by(
    db: impl PgExecutor<'_>,
    id: &str,
) -> Result<Option<(UserId, Option<String>)>, sqlx::Error> {
    let begun: Option<(String, Option<String>)> = sqlx::query_as(
        r#"select s.user_id, u."email" from wa.session s join "User" u on u."id" = s.user_id
           where s.id = $1 and s.revoked_at is null"#,
    )
    .bind(id)
    .fetch_optional(db)
    .await?;
    Ok(begun.map(|(user, email)| (UserId::from_stored(user), email)))
}

/// The account of a token: of `sub` and, where the token is one that we began, of the session `sid`. `None`: the session was
/// ended, or is not known, or there is no such account, or its person is forgotten. Notes that it was seen.
pub async fn account(
    db: impl PgExecutor<'_>,
    sub: &str,
    sid: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, sqlx::Error> {
    let user: Option<String> = sqlx::query_scalar(
        r#"with seen as (
             update wa.session set seen_at = $3 where id = $2 and revoked_at is null and seen_at < $4)
           select u."id" from "User" u
           where u."id" = wa.survivor($1)
             and not exists (select from wa.erasure e where e.account = u."id" and e.forgot_at is not null)
             and ($2::text is null
                  or exists (select from wa.session s where s.id = $2 and s.user_id = $1 and s.revoked_at is null))"#,
    )
    .bind(sub)
    .bind(sid)
    .bind(now)
    .bind(now - SEEN_EVERY)
    .fetch_optional(db)
    .await?;
    Ok(user.map(UserId::from_stored))
}

/// The sessions of a person that may still be used, the one that was seen last first.
pub async fn list(
    db: impl PgExecutor<'_>,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<Vec<Entry>, sqlx::Error> {
    sqlx::query_as(
        "select id, begun_at, seen_at, browser, system from wa.session
         where user_id in (select wa.accounts_of($1)) and revoked_at is null and seen_at > $2
         order by seen_at desc, begun_at desc, id",
    )
    .bind(user.as_str())
    .bind(now - FORGOTTEN_AFTER)
    .fetch_all(db)
    .await
}

/// Ends every session that was begun in this account then or later.
pub(crate) async fn revoke_since(
    db: impl PgExecutor<'_>,
    user: &UserId,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wa.session set revoked_at = $3 where user_id = $1 and begun_at >= $2 and revoked_at is null",
    )
    .bind(user.as_str())
    .bind(since)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// Ends a session of this person. `false`: they have no such session, or it has ended before.
pub async fn revoke(
    db: impl PgExecutor<'_>,
    user: &UserId,
    id: &str,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update wa.session set revoked_at = $3
         where id = $2 and user_id in (select wa.accounts_of($1)) and revoked_at is null",
    )
    .bind(user.as_str())
    .bind(id)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
