//! What a person has asked for, about how we speak to them: a language, and silence.
//!
//! Owner of `wa.preference`. The web app sees a chosen language in its own column as well.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::language::Language;
use crate::ledger::{self, LedgerError};
use crate::message::MessageId;
use crate::person::UserId;

/// Chooses a language. The account is held first, as by those who join two accounts with all that their person wished
/// for, and so are the wishes below: none of them is lost meanwhile.
pub async fn speak(
    db: &mut PgConnection,
    user: &UserId,
    language: Language,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    let (user, _) = ledger::lock(db, user).await?;
    sqlx::query(r#"update "User" set "waPreferredLang" = $2, "updatedAt" = $3 where "id" = $1"#)
        .bind(user.as_str())
        .bind(language.code())
        .bind(now.naive_utc())
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "insert into wa.preference (user_id, language) values ($1, $2)
         on conflict (user_id) do update set language = excluded.language",
    )
    .bind(user.as_str())
    .bind(language.code())
    .execute(db)
    .await?;
    Ok(())
}

/// Notes in which language they wrote, for as long as they choose none.
pub async fn wrote(db: impl PgExecutor<'_>, user: &UserId, language: Language) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into wa.preference as p (user_id, written) values ($1, $2)
         on conflict (user_id) do update set written = excluded.written where p.written is distinct from excluded.written",
    )
    .bind(user.as_str())
    .bind(language.code())
    .execute(db)
    .await?;
    Ok(())
}

/// Nothing more is sent from this moment on, but answers to what is asked for later.
pub async fn stop(db: &mut PgConnection, user: &UserId, at: DateTime<Utc>) -> Result<(), LedgerError> {
    let (user, _) = ledger::lock(db, user).await?;
    sqlx::query(
        "insert into wa.preference as p (user_id, stopped_at) values ($1, $2)
         on conflict (user_id) do update set stopped_at = coalesce(p.stopped_at, excluded.stopped_at)",
    )
    .bind(user.as_str())
    .bind(at)
    .execute(db)
    .await?;
    Ok(())
}

/// The provider says that who wrote this message wants nothing more from us: the same as if they had told us.
pub async fn stop_who_wrote(
    db: &mut PgConnection,
    message: &MessageId,
    at: DateTime<Utc>,
) -> Result<(), LedgerError> {
    let user: Option<Option<String>> =
        sqlx::query_scalar("select user_id from wa.receipt where message_id = $1")
            .bind(message.as_str())
            .fetch_optional(&mut *db)
            .await?;
    match user.flatten() {
        Some(user) => stop(db, &UserId::from_stored(user), at).await,
        None => Ok(()),
    }
}

/// Everything is sent again.
pub async fn start(db: &mut PgConnection, user: &UserId) -> Result<(), LedgerError> {
    let (user, _) = ledger::lock(db, user).await?;
    sqlx::query("update wa.preference set stopped_at = null where user_id = $1")
        .bind(user.as_str())
        .execute(db)
        .await?;
    Ok(())
}

/// Whether this person wants no messages.
pub async fn is_stopped(db: impl PgExecutor<'_>, user: &UserId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from wa.preference where user_id = $1 and stopped_at is not null)",
    )
    .bind(user.as_str())
    .fetch_one(db)
    .await
}

/// Whether what this message causes to be said must not be sent: its person wants no messages, and it is nothing that
/// they have asked for since.
pub async fn silences(db: impl PgExecutor<'_>, cause: &MessageId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (
           select from wa.receipt r join wa.preference p on p.user_id = wa.survivor(r.user_id)
           where r.message_id = $1 and (p.stopped_at > r.received_at or p.stopped_at is not null and r.kind = 'payment'))",
    )
    .bind(cause.as_str())
    .fetch_one(db)
    .await
}
