//! A code on its way: what a worker has to know to send it, and what became of it.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::ask::NO_CODE_YET;
use super::{Code, LIFETIME, Salt};
use crate::language::Language;
use crate::message::MessageId;
use crate::phone::E164;

/// A code that is to be sent.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// To this number.
    pub phone: E164,
    /// In the language in which it was asked for.
    pub language: Language,
}

/// Why a code was not sent. The word is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// WhatsApp cannot reach the number.
    Unreachable,
    /// WhatsApp did not take it.
    Refused,
    /// There is no template for codes, and no conversation in which one could be written.
    NoTemplate,
    /// It was too late for it.
    Late,
}

impl Refusal {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::NoTemplate => "no_template",
            Self::Late => "late",
        }
    }

    fn from_stored(word: &str) -> Self {
        [Self::Unreachable, Self::NoTemplate, Self::Late]
            .into_iter()
            .find(|refusal| refusal.as_str() == word)
            .unwrap_or(Self::Refused)
    }
}

/// What is known of a code that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing yet.
    Waiting,
    /// The provider has it.
    Taken,
    /// It came to nothing.
    Refused(Refusal),
}

/// One that still counts and is the latest of its challenge.
const WANTED: &str = r#"from wa.otp_asking o join wa.otp_attempt a on a.challenge_id = o.challenge_id
     join "OtpChallenge" c on c."id" = o.challenge_id
   where o.cause = $1 and o.number = a.askings and o.returned_at is null
     and not c."consumed" and c."expiresAt" > $2"#;

/// What this asking wants to be sent. `None`: nothing any more, since it was too long ago, or another one followed.
pub async fn wanted(
    db: impl PgExecutor<'_>,
    cause: &MessageId,
    now: DateTime<Utc>,
) -> Result<Option<Wanted>, sqlx::Error> {
    let row: Option<(String, String)> =
        sqlx::query_as(sqlx::AssertSqlSafe(format!(r#"select c."phoneE164", a.language {WANTED}"#)))
            .bind(cause.as_str())
            .bind(now.naive_utc())
            .fetch_optional(db)
            .await?;
    let Some((phone, language)) = row else { return Ok(None) };
    let phone = phone.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(Some(Wanted { phone, language: Language::from_code(&language).unwrap_or_default() }))
}

/// Whether anybody still waits for the code of this asking.
pub async fn is_wanted(
    db: impl PgExecutor<'_>,
    cause: &MessageId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select exists (select {WANTED})")))
        .bind(cause.as_str())
        .bind(now.naive_utc())
        .fetch_one(db)
        .await
}

/// Makes the code of this asking, in the moment in which it leaves. It takes the place of whatever code there was; only
/// its seal stays here. `None`: nobody waits for it any more.
pub async fn make(
    db: impl PgExecutor<'_>,
    salt: &Salt,
    (cause, challenge): (&MessageId, &str),
    now: DateTime<Utc>,
) -> Result<Option<Code>, sqlx::Error> {
    let code = Code::random().map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?;
    let done = sqlx::query(sqlx::AssertSqlSafe(format!(
        r#"update "OtpChallenge" set "codeHash" = $3 where "id" in (select c."id" {WANTED})"#
    )))
    .bind(cause.as_str())
    .bind(now.naive_utc())
    .bind(salt.seal(challenge, &code))
    .execute(db)
    .await?;
    Ok((done.rows_affected() == 1).then_some(code))
}

/// Gives a challenge this code, which nobody is sent.
pub async fn preset(
    db: impl PgExecutor<'_>,
    salt: &Salt,
    challenge: &str,
    code: &Code,
) -> Result<(), sqlx::Error> {
    sqlx::query(r#"update "OtpChallenge" set "codeHash" = $2 where "id" = $1"#)
        .bind(challenge)
        .bind(salt.seal(challenge, code))
        .execute(db)
        .await?;
    Ok(())
}

/// A code came to nothing, at once or as a report tells later: it is not held against who asked, unless somebody has
/// used it. Told again, it changes nothing.
pub async fn give_back(
    db: impl PgExecutor<'_>,
    cause: &MessageId,
    refusal: Refusal,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update wa.otp_asking set returned_at = $2, refusal = $3
         where cause = $1 and returned_at is null and verified_at is null",
    )
    .bind(cause.as_str())
    .bind(now)
    .bind(refusal.as_str())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What became of a code that was asked for.
pub async fn fate(db: impl PgExecutor<'_>, cause: &MessageId) -> Result<Fate, sqlx::Error> {
    let row: Option<(Option<String>, bool)> = sqlx::query_as(
        "select a.refusal, exists (select from wa.outbox o where o.cause = a.cause
                                     and o.state in ('accepted', 'sent', 'delivered', 'read'))
         from wa.otp_asking a where a.cause = $1",
    )
    .bind(cause.as_str())
    .fetch_optional(db)
    .await?;
    Ok(match row {
        Some((Some(refusal), _)) => Fate::Refused(Refusal::from_stored(&refusal)),
        Some((None, true)) => Fate::Taken,
        _ => Fate::Waiting,
    })
}

/// Codes whose senders are gone: what has not left by the end of its life never will, and what was never made is not held
/// against anybody.
pub async fn expire(db: &mut PgConnection, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    crate::outbox::expire(&mut *db, "code:", now - LIFETIME * 2, now).await?;
    sqlx::query(
        r#"update wa.otp_asking a set returned_at = $1, refusal = $2 from "OtpChallenge" c
           where c."id" = a.challenge_id and c."codeHash" = $5
             and a.returned_at is null and a.verified_at is null and a.asked_at between $3 and $4"#,
    )
    .bind(now)
    .bind(Refusal::Late.as_str())
    .bind(now - LIFETIME * 12)
    .bind(now - LIFETIME * 2)
    .bind(NO_CODE_YET)
    .execute(db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_no_code_is_no_seal() {
        assert!(hex::decode(NO_CODE_YET).is_err());
    }

    #[test]
    fn a_refusal_is_known_by_its_word() {
        for refusal in [Refusal::Unreachable, Refusal::Refused, Refusal::NoTemplate, Refusal::Late] {
            assert_eq!(Refusal::from_stored(refusal.as_str()), refusal);
        }
    }
}
