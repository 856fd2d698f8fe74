//! The welcome gift: five credits for each person, with their first verified login.
//!
//! Once for each person: none of the accounts that are one has had it. The web app gives it to whoever signs up there, by
//! the default of its column, which no line of the ledger explains. Nor has the number had it: unlinked and entered
//! again, it would bring another one each time. When two accounts that have both had it become one, what is left of the
//! second goes, and never what was paid for.
//!
//! Owner of `wa.welcomed`. The number and the account are held.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::UserId;
use super::names::Names;
use crate::ledger::{self, Credits, Entry, LedgerError, Posted, SIGNUP_BONUS};
use crate::phone::E164;

/// Gives it, if it is due. Says whether it was.
pub(super) async fn give(
    db: &mut PgConnection,
    names: &Names,
    user: &UserId,
    phone: &E164,
    now: DateTime<Utc>,
) -> Result<bool, LedgerError> {
    let had = had(db, user).await?;
    if !remember(db, names, phone, now).await? || had {
        return Ok(false);
    }
    let posted = ledger::post(db, user, Entry::SignupBonus(user), now).await?;
    Ok(matches!(posted, Posted::Applied(_)))
}

/// Whether the person of an account has had it: here, or from the web app, which gives it to everybody who signs up with
/// an e-mail address, and to whoever it has opened an account for otherwise.
pub(super) async fn had(db: &mut PgConnection, user: &UserId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        r#"select exists (
             select from "User" u where u."id" in (select wa.accounts_of($1)) and (
               u."email" is not null
               or exists (select from "CreditLedger" l
                          where l."userId" = u."id" and l."reason" = 'signup_bonus' and l."delta" > 0)
               or u."credits" > (select coalesce(sum(l."delta"), 0) from "CreditLedger" l where l."userId" = u."id")))"#,
    )
    .bind(user.as_str())
    .fetch_one(db)
    .await
}

/// The person of this number has had it. `false`: that was known.
pub(super) async fn remember(
    db: &mut PgConnection,
    names: &Names,
    phone: &E164,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "insert into wa.welcomed (number_digest, welcomed_at) values ($1, $2)
         on conflict (number_digest) do nothing",
    )
    .bind(names.welcomed(phone))
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The number is somebody else's from now on, who has not been welcomed.
pub(super) async fn forget(db: &mut PgConnection, names: &Names, phone: &E164) -> Result<(), sqlx::Error> {
    sqlx::query("delete from wa.welcomed where number_digest = $1")
        .bind(names.welcomed(phone))
        .execute(db)
        .await?;
    Ok(())
}

/// Takes what is left of a second gift. Gifts count as spent before what was paid for.
pub(super) async fn takes_second(
    db: &mut PgConnection,
    join: &str,
    account: &UserId,
    now: DateTime<Utc>,
) -> Result<Credits, LedgerError> {
    // What was paid for or given by hand, less what went back, in whichever of the accounts. The web app's own lines
    // have no key; of those, whatever adds.
    let paid: i64 = sqlx::query_scalar(
        r#"select coalesce(sum(l."delta"), 0)::bigint
           from "CreditLedger" l left join wa.credit_op op on op.ledger_id = l."id"
           where l."userId" in (select wa.accounts_of($1))
             and (split_part(op.key, ':', 1) in ('purchase', 'stripe_refund', 'stripe_reinstated', 'debt', 'adjustment')
                  or op.key is null and l."delta" > 0 and l."reason" <> 'signup_bonus')"#,
    )
    .bind(account.as_str())
    .fetch_one(&mut *db)
    .await?;
    let balance = ledger::balance(db, account).await?;
    let given = (i64::from(balance.get()) - paid).clamp(0, i64::from(SIGNUP_BONUS));
    let given = Credits::new(u32::try_from(given).unwrap_or(0));
    ledger::take(db, (account, balance), given, |taken| Entry::SecondBonus(join, taken), now).await
}
