//! Signing in on the web from the phone: a browser shows a link, whoever sends its token in WhatsApp has the phone in
//! hand, and the number that stands on the screen tells whether it is also their browser. A token alone opens nothing,
//! since anybody can be talked into sending one.
//!
//! Each step changes a row only from the state that it expects: a token is asked about by one person, a number is chosen
//! once, a session is opened once, in the browser that began, within [`OPEN`].
//!
//! Owner of `wa.signin`.

mod secret;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::person::UserId;

pub use secret::{InvalidSecret, Secret};

/// From the link to the number: as long as it takes to pick up a phone, and no longer than a call may last in which
/// somebody is talked into it.
pub const OPEN: TimeDelta = TimeDelta::minutes(2);

/// How much longer a browser may collect what was confirmed in the last moment.
const COLLECT: TimeDelta = TimeDelta::seconds(30);

/// Who is asked so often within [`ASKED_WITHIN`] is being tried upon: one of three guesses is right.
const ASKED_AT_MOST: i64 = 3;

/// See [`ASKED_AT_MOST`].
const ASKED_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// How long "that was not me" still closes what was opened.
const REGRET: TimeDelta = TimeDelta::minutes(15);

/// Begun from one address within [`BEGUN_WITHIN`]: a whole office may sit behind it.
const BEGUN_AT_MOST: i64 = 30;

/// See [`BEGUN_AT_MOST`].
const BEGUN_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// How long a row is kept, for who asks what happened.
pub(crate) const KEPT: TimeDelta = TimeDelta::days(1);

/// What a browser begins with.
#[derive(Debug, Clone, Copy)]
pub struct Beginning<'a> {
    /// The token in its link.
    pub token: &'a Secret,
    /// Its cookie.
    pub browser: &'a Secret,
    /// On its screen.
    pub number: u8,
    /// To choose from, in this order.
    pub numbers: [u8; 3],
    /// The name of the browser.
    pub agent: Option<&'a str>,
    /// The name of its system.
    pub system: Option<&'a str>,
    /// The beginning of its address.
    pub network: Option<&'a str>,
    /// A keyed digest of its address.
    pub address: Option<&'a str>,
}

/// Notes that a browser has begun. `false`: too many have, from this address.
pub async fn begin(
    db: &mut PgConnection,
    beginning: Beginning<'_>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "insert into wa.signin (id, token, browser, number, numbers, agent, system, network, address, begun_at)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
         where $9::text is null
            or (select count(*) from wa.signin where address = $9 and begun_at > $11) < $12",
    )
    .bind(crate::db::new_id())
    .bind(beginning.token.digest())
    .bind(beginning.browser.digest())
    .bind(i16::from(beginning.number))
    .bind(beginning.numbers.map(i16::from).to_vec())
    .bind(beginning.agent)
    .bind(beginning.system)
    .bind(beginning.network)
    .bind(beginning.address)
    .bind(now)
    .bind(now - BEGUN_WITHIN)
    .bind(BEGUN_AT_MOST)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What is asked of who has sent a token.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Question {
    /// The sign-in.
    pub id: String,
    /// One of them stands on the screen.
    #[sqlx(try_from = "Vec<i16>")]
    pub numbers: Numbers,
    /// The name of the browser.
    pub agent: Option<String>,
    /// The name of its system.
    pub system: Option<String>,
    /// The beginning of its address.
    pub network: Option<String>,
}

/// The three, in the order in which they are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers(pub [u8; 3]);

impl TryFrom<Vec<i16>> for Numbers {
    type Error = &'static str;

    fn try_from(stored: Vec<i16>) -> Result<Self, Self::Error> {
        let numbers: Vec<u8> = stored.into_iter().filter_map(|number| number.try_into().ok()).collect();
        numbers.try_into().map(Self).map_err(|_| "not three numbers")
    }
}

/// What a token leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Asked {
    /// This is to be asked.
    Question(Question),
    /// It is not known, or its time is over, or somebody else has sent it.
    Over,
    /// This person was asked too often.
    TooOften,
}

/// Somebody has sent a token. Sent again by the same person, it leads to the same question.
pub async fn ask(
    db: &mut PgConnection,
    token: &Secret,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<Asked, sqlx::Error> {
    let before: i64 = sqlx::query_scalar(
        "select count(*) from wa.signin
         where asked_by in (select wa.accounts_of($1)) and asked_at > $2 and state <> 'collected' and token <> $3",
    )
    .bind(user.as_str())
    .bind(now - ASKED_WITHIN)
    .bind(token.digest())
    .fetch_one(&mut *db)
    .await?;
    if before >= ASKED_AT_MOST {
        return Ok(Asked::TooOften);
    }
    let question = sqlx::query_as(
        "update wa.signin set state = 'asked', asked_by = $2, asked_at = $3
         where token = $1 and begun_at > $4
           and (state = 'begun' or state = 'asked' and wa.survivor(asked_by) = wa.survivor($2))
         returning id, numbers, agent, system, network",
    )
    .bind(token.digest())
    .bind(user.as_str())
    .bind(now)
    .bind(now - OPEN)
    .fetch_optional(db)
    .await?;
    Ok(question.map_or(Asked::Over, Asked::Question))
}

/// The question that this person has not answered yet, the last one if there are several.
pub async fn question(
    db: impl PgExecutor<'_>,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select id from wa.signin
         where asked_by in (select wa.accounts_of(wa.survivor($1))) and state = 'asked' and begun_at > $2
         order by asked_at desc, id limit 1",
    )
    .bind(user.as_str())
    .bind(now - OPEN)
    .fetch_optional(db)
    .await
}

/// Whether this number is the one on the screen. `None`: there is no such question for this person, or not any more.
pub async fn is_right(
    db: impl PgExecutor<'_>,
    id: &str,
    user: &UserId,
    number: u8,
    now: DateTime<Utc>,
) -> Result<Option<bool>, sqlx::Error> {
    sqlx::query_scalar(
        "select number = $3 from wa.signin
         where id = $1 and wa.survivor(asked_by) = wa.survivor($2) and state = 'asked' and begun_at > $4",
    )
    .bind(id)
    .bind(user.as_str())
    .bind(i16::from(number))
    .bind(now - OPEN)
    .fetch_optional(db)
    .await
}

/// The right number was chosen: the browser may collect a session of this account. `false`: meanwhile it was ended.
pub async fn confirm(
    db: impl PgExecutor<'_>,
    id: &str,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update wa.signin set state = 'confirmed', user_id = $2
         where id = $1 and state = 'asked' and begun_at > $3",
    )
    .bind(id)
    .bind(user.as_str())
    .bind(now - OPEN)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The wrong number was chosen: that was the only try.
pub async fn fail(db: impl PgExecutor<'_>, id: &str) -> Result<(), sqlx::Error> {
    sqlx::query("update wa.signin set state = 'wrong' where id = $1 and state = 'asked'")
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// What "that is not me" has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Denied {
    /// What was asked: nobody gets in.
    Asked,
    /// What had just been opened, and whatever was asked beside it.
    Opened,
    /// There was nothing.
    Nothing,
}

/// "That is not me": ends everything that waits for this person, and closes every session that was opened within
/// the time to regret it. Both, always: whoever was let in once may have begun once more.
pub async fn deny(db: &mut PgConnection, user: &UserId, now: DateTime<Utc>) -> Result<Denied, sqlx::Error> {
    let ended = sqlx::query(
        "update wa.signin set state = 'denied'
         where asked_by in (select wa.accounts_of(wa.survivor($1))) and state in ('asked', 'confirmed') and begun_at > $2",
    )
    .bind(user.as_str())
    .bind(now - OPEN - COLLECT)
    .execute(&mut *db)
    .await?;
    // After the others: one that a browser was collecting meanwhile is among these. Whose session it is says its own row.
    let opened: Vec<(String, String)> = sqlx::query_as(
        "update wa.signin set state = 'denied'
         where asked_by in (select wa.accounts_of(wa.survivor($1))) and state = 'collected' and asked_at > $2
           and session_id is not null
         returning wa.survivor(user_id), session_id",
    )
    .bind(user.as_str())
    .bind(now - REGRET)
    .fetch_all(&mut *db)
    .await?;
    let mut closed = false;
    for (owner, session) in opened {
        closed |= crate::session::revoke(&mut *db, &UserId::from_stored(owner), &session, now).await?;
    }
    Ok(match (closed, ended.rows_affected()) {
        (true, _) => Denied::Opened,
        (false, 0) => Denied::Nothing,
        (false, _) => Denied::Asked,
    })
}

/// Ends everything that was confirmed for this account and not collected yet.
pub(crate) async fn end_confirmed(db: impl PgExecutor<'_>, user: &UserId) -> Result<(), sqlx::Error> {
    sqlx::query("update wa.signin set state = 'denied' where user_id = $1 and state = 'confirmed'")
        .bind(user.as_str())
        .execute(db)
        .await?;
    Ok(())
}

/// Where a browser stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Standing {
    /// Nobody has chosen yet.
    Waiting,
    /// A session of this account is to be opened, and noted with [`collected`].
    Confirmed {
        /// The sign-in.
        id: String,
        /// The account, as it is today.
        user: UserId,
    },
    /// This session was opened, and the browser asks again: it may not have heard of it.
    Collected {
        /// The session, which may have ended meanwhile.
        session: String,
    },
    /// Its person has ended it, by another number or in words.
    Ended,
    /// It is not known, or its time is over.
    Over,
}

/// Looks, for the browser with this cookie, and holds the row until the transaction ends: only one of two that come at
/// once opens the session, and the other one finds it.
pub async fn look(
    db: &mut PgConnection,
    browser: &Secret,
    now: DateTime<Utc>,
) -> Result<Standing, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "select id, state, wa.survivor(user_id), session_id, begun_at from wa.signin where browser = $1 for update",
    )
    .bind(browser.digest())
    .fetch_optional(db)
    .await?;
    let Some((id, state, user, session, begun_at)) = row else { return Ok(Standing::Over) };
    let in_time = begun_at > now - OPEN - COLLECT;
    Ok(match (state.as_str(), user, session) {
        ("confirmed", Some(user), _) if in_time => {
            Standing::Confirmed { id, user: UserId::from_stored(user) }
        }
        ("collected", _, Some(session)) if in_time => Standing::Collected { session },
        ("begun" | "asked", ..) if begun_at > now - OPEN => Standing::Waiting,
        ("wrong" | "denied", ..) => Standing::Ended,
        _ => Standing::Over,
    })
}

/// Id, state, the account as it is today, the session that came of it, and when it began.
type Row = (String, String, Option<String>, Option<String>, DateTime<Utc>);

/// Notes which session came of it. Belongs in the transaction of [`look`].
pub async fn collected(db: impl PgExecutor<'_>, id: &str, session: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wa.signin set state = 'collected', session_id = $2 where id = $1 and state = 'confirmed'",
    )
    .bind(id)
    .bind(session)
    .execute(db)
    .await?;
    Ok(())
}
