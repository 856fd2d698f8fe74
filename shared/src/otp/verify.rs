//! A code comes back.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::ask::Purpose;
use super::{Code, Salt, TRIES};
use crate::phone::E164;

/// A challenge whose code was right. It is not used up yet: see [`consume`].
#[derive(Debug, Clone)]
pub struct Challenge {
    id: String,
    seal: String,
}

/// What a code turned out to be.
#[derive(Debug)]
#[must_use]
pub enum Verified {
    /// The right one.
    Right(Challenge),
    /// Not the right one; so many tries are left.
    Wrong {
        /// How many.
        left: u32,
    },
    /// No try was left: nothing was compared.
    Exhausted,
    /// There is no challenge that counts.
    Expired,
}

#[derive(sqlx::FromRow)]
struct Tried {
    id: String,
    seal: String,
    tries: i32,
}

/// Looks at a code. The try is counted first, and for good, whatever becomes of us: so this must not run inside a
/// transaction. Of any number that come at once, three are compared.
pub async fn verify(
    pool: &sqlx::PgPool,
    salt: &Salt,
    (phone, code): (&E164, &Code),
    purpose: Purpose<'_>,
    now: DateTime<Utc>,
) -> Result<Verified, sqlx::Error> {
    let phone = phone.canonical();
    let counted: Option<Tried> = sqlx::query_as(
        r#"update wa.otp_attempt a set tries = a.tries + 1 from "OtpChallenge" c
           where c."id" = a.challenge_id and a.tries < $5 and not c."consumed" and c."expiresAt" > $2
             and c."id" = (
               select l."id" from "OtpChallenge" l join wa.otp_attempt on challenge_id = l."id"
               where l."phoneE164" = $1 and l."purpose" = $3::"OtpPurpose"
                 and wa.survivor(l."userId") is not distinct from $4
               order by l."createdAt" desc limit 1)
           returning a.challenge_id as id, c."codeHash" as seal, a.tries"#,
    )
    .bind(phone.as_str())
    .bind(now.naive_utc())
    .bind(purpose.word())
    .bind(purpose.user())
    .bind(TRIES)
    .fetch_optional(pool)
    .await?;
    let Some(Tried { id, seal, tries }) = counted else {
        let exhausted = is_live(pool, &phone, purpose, now).await?;
        return Ok(if exhausted { Verified::Exhausted } else { Verified::Expired });
    };
    if salt.fits(&id, code, &seal) {
        return Ok(Verified::Right(Challenge { id, seal }));
    }
    Ok(Verified::Wrong { left: u32::try_from(TRIES - tries).unwrap_or_default() })
}

/// Whether a challenge of this number for this purpose counts.
async fn is_live(
    db: impl PgExecutor<'_>,
    phone: &E164,
    purpose: Purpose<'_>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        r#"select exists (
             select from "OtpChallenge" join wa.otp_attempt on challenge_id = "id"
             where "phoneE164" = $1 and not "consumed" and "expiresAt" > $2
               and "purpose" = $3::"OtpPurpose" and wa.survivor("userId") is not distinct from $4)"#,
    )
    .bind(phone.as_str())
    .bind(now.naive_utc())
    .bind(purpose.word())
    .bind(purpose.user())
    .fetch_one(db)
    .await
}

/// Whether a link of this number to this account waits for its code.
pub async fn opened(
    db: impl PgExecutor<'_>,
    phone: &E164,
    purpose: Purpose<'_>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    is_live(db, &phone.canonical(), purpose, now).await
}

/// Uses a challenge up: in the transaction of what its code does. `false`: somebody else has, or another code took the
/// place of the one that was compared.
#[must_use = "a code is good for one thing"]
pub async fn consume(
    db: &mut PgConnection,
    challenge: &Challenge,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        r#"update "OtpChallenge" set "consumed" = true
           where "id" = $1 and not "consumed" and "codeHash" = $2 and "expiresAt" > $3"#,
    )
    .bind(&challenge.id)
    .bind(&challenge.seal)
    .bind(now.naive_utc())
    .execute(&mut *db)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    // Whoever verifies the second code has needed both: neither is unusual.
    sqlx::query("update wa.otp_asking set verified_at = $2 where challenge_id = $1 and returned_at is null")
        .bind(&challenge.id)
        .bind(now)
        .execute(db)
        .await?;
    Ok(true)
}
