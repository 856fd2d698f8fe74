//! What the books say of themselves: whether somebody looks at their sums and they add up, and whether somebody has
//! paid and was given nothing.

use chrono::{DateTime, TimeDelta, Utc};
use shared::{ledger, payment};
use sqlx::PgConnection;

use crate::doctor::finding::Finding;

/// Workers look every few minutes: after this, none of them does.
const OLD: TimeDelta = TimeDelta::hours(1);

/// The last look at the sums of all accounts.
pub(super) async fn sums(db: &mut PgConnection, now: DateTime<Utc>) -> Result<Finding, sqlx::Error> {
    const NAME: &str = "credit sums";
    let again = "start a worker, which looks every few minutes; `postly credits reconcile` looks at once";
    let Some((looked_at, imbalance)) = ledger::last_look(db).await? else {
        return Ok(Finding::not_checked(NAME, "nobody has looked yet", again));
    };
    let age = now - looked_at;
    let when = format!("looked at {} minute(s) ago", age.num_minutes());
    Ok(if imbalance != 0 {
        let advice = "run `postly credits reconcile`: it names the accounts, and who moved what";
        Finding::warning(NAME, format!("{imbalance} credit(s) that nobody can explain, {when}"), advice)
    } else if age > OLD {
        Finding::warning(NAME, format!("they added up, {when}"), again)
    } else {
        Finding::ok(NAME, format!("every balance is the sum of its lines, {when}"))
    })
}

/// Payments that nobody could claim.
pub(super) async fn payments(db: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    const NAME: &str = "payments";
    Ok(match payment::unclaimed(db).await?.len() {
        0 => Finding::ok(NAME, "none is unclaimed"),
        some => {
            let advice = "run `postly credits reconcile`: it names them, and what was wrong";
            Finding::warning(NAME, format!("{some} unclaimed: paid, and nobody was credited"), advice)
        }
    })
}
