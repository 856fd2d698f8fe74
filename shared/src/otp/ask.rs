//! Asking for a code: the challenge, and everything that may be in the way.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::limits::{ADDRESS, ADDRESS_ALL, Limit, PHONE, PHONE_ALL, PREFIX_DIGITS, PREFIX_WITHIN, pause};
use super::{COOL_DOWN, LIFETIME, Limits, Salt, TRIES};
use crate::job::CodeWish;
use crate::language::Language;
use crate::person::UserId;
use crate::phone::E164;

/// What a right code will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// Sign in, or up: which of the two nobody knows yet.
    Enter,
    /// Join the number to this account.
    Link(&'a UserId),
}

impl Purpose<'_> {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Enter => "LOGIN",
            Self::Link(_) => "LINK",
        }
    }

    pub(super) fn user(&self) -> Option<&str> {
        match self {
            Self::Enter => None,
            Self::Link(user) => Some(user.as_str()),
        }
    }
}

/// Somebody asks for a code.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// For this number.
    pub phone: &'a E164,
    /// To do this.
    pub purpose: Purpose<'a>,
    /// From this address or network, where it was asked for on the web.
    pub address: Option<&'a str>,
    /// In this language.
    pub language: Language,
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Answer {
    /// A code is to be sent.
    Go(CodeWish),
    /// Not now.
    Wait {
        /// Why.
        why: Why,
        /// When to ask again.
        after: TimeDelta,
    },
}

/// Why no code is sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// One was sent a moment ago.
    CoolDown,
    /// The last one was guessed at too often.
    Exhausted,
    /// Too many: for this number.
    Phone,
    /// For numbers that begin like this one.
    Prefix,
    /// From this address.
    Address,
    /// For everybody together.
    Overall,
}

impl Why {
    /// The word in labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CoolDown => "cool_down",
            Self::Exhausted => "exhausted",
            Self::Phone => "limit_phone",
            Self::Prefix => "limit_prefix",
            Self::Address => "limit_address",
            Self::Overall => "limit_overall",
        }
    }
}

/// What is counted, in the order in which it is held: whoever comes takes the same order, so that none wait for each other.
const HELD: [&str; 4] = ["address", "phone", "prefix", "overall"];

/// Asks for a code. Belongs in a transaction of its own or of the message that asks; what is counted stays locked until it
/// ends, so that no two who come at once have the last one.
pub async fn ask(
    db: &mut PgConnection,
    salt: &Salt,
    asking: Asking<'_>,
    limits: Limits,
    now: DateTime<Utc>,
) -> Result<Answer, sqlx::Error> {
    let number = asking.phone.canonical();
    let phone = salt.digest("phone", number.as_str());
    let digits = &number.as_str()[1..];
    let prefix = &digits[..digits.len().min(PREFIX_DIGITS)];
    let address = asking.address.map(|address| salt.digest("address", address));
    let refused = |why, after| Ok(Answer::Wait { why, after });

    if let Some(user) = asking.purpose.user() {
        // The account that the challenge will refer to, before what is counted: a conversation holds its person first.
        sqlx::query(r#"select from "User" where "id" = $1 for key share"#)
            .bind(user)
            .execute(&mut *db)
            .await?;
    }
    if let Some(address) = &address {
        hold(db, "address", address).await?;
        let counted = [(ADDRESS, COUNTED), (ADDRESS_ALL, "true")];
        for (limit, which) in counted {
            if let Some(after) = reached(db, ("address = $1", address), which, limit, now).await? {
                return refused(Why::Address, after);
            }
        }
    }
    hold(db, "phone", &phone).await?;
    let challenge = live(db, &number, asking.purpose, now).await?;
    if let Some(challenge) = &challenge {
        if challenge.tries >= TRIES {
            return refused(Why::Exhausted, challenge.expires_at.and_utc() - now);
        }
        let since = now - challenge.asked_at.unwrap_or_default();
        if since < COOL_DOWN {
            return refused(Why::CoolDown, COOL_DOWN - since);
        }
    }
    let counted = PHONE.map(|limit| (limit, COUNTED)).into_iter().chain([(PHONE_ALL, "true")]);
    for (limit, which) in counted {
        if let Some(after) = reached(db, ("phone = $1", &phone), which, limit, now).await? {
            return refused(Why::Phone, after);
        }
    }
    hold(db, "prefix", prefix).await?;
    if let Some(after) = reached(db, ("prefix = $1", prefix), "true", limits.prefix(), now).await? {
        return refused(Why::Prefix, after);
    }
    if let Some(after) = unusual(db, prefix, now).await? {
        return refused(Why::Prefix, after);
    }
    hold(db, "overall", "").await?;
    if let Some(after) = reached(db, ("$1 = ''", ""), "true", limits.overall(), now).await? {
        return refused(Why::Overall, after);
    }
    let wish = match challenge {
        Some(challenge) => renew(db, &challenge.id, asking.language, now).await?,
        None => open(db, &number, asking, now).await?,
    };
    sqlx::query(
        "insert into wa.otp_asking (cause, challenge_id, number, asked_at, phone, prefix, address)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(wish.cause().as_str())
    .bind(&wish.challenge)
    .bind(wish.number)
    .bind(now)
    .bind(phone)
    .bind(prefix)
    .bind(address)
    .execute(db)
    .await?;
    Ok(Answer::Go(wish))
}

/// Which askings count: those that came to something, as far as is known.
const COUNTED: &str = "returned_at is null";

/// Keeps others away from this count until the transaction ends.
async fn hold(db: &mut PgConnection, kind: &str, name: &str) -> Result<(), sqlx::Error> {
    let place = HELD.iter().position(|held| *held == kind).and_then(|place| i32::try_from(place).ok());
    sqlx::query("select pg_advisory_xact_lock(hashtext('postly.otp') + $1, hashtext($2))")
        .bind(place.unwrap_or_default())
        .bind(name)
        .execute(db)
        .await?;
    Ok(())
}

/// In how long a limit lets somebody through. `None`: at once.
async fn reached(
    db: &mut PgConnection,
    (of, name): (&str, &str),
    which: &str,
    limit: Limit,
    now: DateTime<Utc>,
) -> Result<Option<TimeDelta>, sqlx::Error> {
    let in_the_way: Option<DateTime<Utc>> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "select asked_at from wa.otp_asking where {of} and {which} and asked_at > $2
         order by asked_at desc offset $3 limit 1"
    )))
    .bind(name)
    .bind(now - limit.within)
    .bind(limit.at_most - 1)
    .fetch_optional(db)
    .await?;
    Ok(in_the_way.map(|asked| asked + limit.within - now))
}

/// In how long a prefix may have another code of which few are ever verified.
async fn unusual(
    db: &mut PgConnection,
    prefix: &str,
    now: DateTime<Utc>,
) -> Result<Option<TimeDelta>, sqlx::Error> {
    let (sent, verified, last): (i64, i64, Option<DateTime<Utc>>) = sqlx::query_as(
        "select count(*), count(verified_at), max(asked_at) from wa.otp_asking
         where prefix = $1 and asked_at > $2 and returned_at is null",
    )
    .bind(prefix)
    .bind(now - PREFIX_WITHIN)
    .fetch_one(db)
    .await?;
    let pause = pause(sent, verified);
    // Who had to wait for the count may have come before the last one: that alone is no reason.
    let after = last.filter(|_| pause > TimeDelta::zero()).map(|last| last + pause - now);
    Ok(after.filter(|after| *after > TimeDelta::zero()))
}

#[derive(sqlx::FromRow)]
struct Live {
    id: String,
    expires_at: NaiveDateTime,
    tries: i32,
    asked_at: Option<DateTime<Utc>>,
}

/// The challenge of this number for this purpose that still counts.
async fn live(
    db: &mut PgConnection,
    phone: &E164,
    purpose: Purpose<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Live>, sqlx::Error> {
    sqlx::query_as(
        r#"select c."id" as id, c."expiresAt" as expires_at, a.tries,
                  (select max(asked_at) from wa.otp_asking o where o.challenge_id = c."id" and o.returned_at is null)
                    as asked_at
           from "OtpChallenge" c join wa.otp_attempt a on a.challenge_id = c."id"
           where c."phoneE164" = $1 and not c."consumed" and c."expiresAt" > $2
             and c."purpose" = $3::"OtpPurpose" and wa.survivor(c."userId") is not distinct from $4
           order by c."createdAt" desc limit 1"#,
    )
    .bind(phone.as_str())
    .bind(now.naive_utc())
    .bind(purpose.word())
    .bind(purpose.user())
    .fetch_optional(db)
    .await
}

/// What stands where the seal of a code will: no code has it.
pub(super) const NO_CODE_YET: &str = "-";

async fn open(
    db: &mut PgConnection,
    phone: &E164,
    asking: Asking<'_>,
    now: DateTime<Utc>,
) -> Result<CodeWish, sqlx::Error> {
    let id = crate::db::new_id();
    sqlx::query(
        r#"insert into "OtpChallenge" ("id", "userId", "phoneE164", "codeHash", "purpose", "consumed", "expiresAt", "createdAt")
           values ($1, $2, $3, $4, $5::"OtpPurpose", false, $6, $7)"#,
    )
    .bind(&id)
    .bind(asking.purpose.user())
    .bind(phone.as_str())
    .bind(NO_CODE_YET)
    .bind(asking.purpose.word())
    .bind((now + LIFETIME).naive_utc())
    .bind(now.naive_utc())
    .execute(&mut *db)
    .await?;
    sqlx::query("insert into wa.otp_attempt (challenge_id, language) values ($1, $2)")
        .bind(&id)
        .bind(asking.language.code())
        .execute(db)
        .await?;
    Ok(CodeWish::new(id, 1))
}

/// Another code for a challenge: the tries that were made stay counted.
async fn renew(
    db: &mut PgConnection,
    challenge: &str,
    language: Language,
    now: DateTime<Utc>,
) -> Result<CodeWish, sqlx::Error> {
    sqlx::query(r#"update "OtpChallenge" set "expiresAt" = $2 where "id" = $1"#)
        .bind(challenge)
        .bind((now + LIFETIME).naive_utc())
        .execute(&mut *db)
        .await?;
    let number: i32 = sqlx::query_scalar(
        "update wa.otp_attempt set askings = askings + 1, language = $2 where challenge_id = $1 returning askings",
    )
    .bind(challenge)
    .bind(language.code())
    .fetch_one(db)
    .await?;
    Ok(CodeWish::new(challenge.to_owned(), number))
}
