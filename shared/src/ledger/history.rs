//! What a person reads about their credits: every line of theirs, the newest first, a page at a time, whichever of the
//! accounts that are one today it was written in.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::person::UserId;

/// One line, as its person reads it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Movement {
    /// The line: where the next page begins.
    pub id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// What it moved.
    pub delta: i32,
    /// The word in the ledger.
    pub reason: String,
    /// The balance after it.
    pub balance: i64,
}

/// The lines of a person before this one (`None`: the last ones). One that is not theirs has none before it.
///
/// Two lines by which credits moved from one of their accounts to another cancel each other out, and are left out: it
/// never happened to the person. The balance is counted back from today's, since an account of the web app may have begun
/// with credits that no line gave.
pub async fn history(
    db: impl PgExecutor<'_>,
    user: &UserId,
    before: Option<&str>,
    at_most: i64,
) -> Result<Vec<Movement>, sqlx::Error> {
    sqlx::query_as(
        r#"with accounts as (
             select "id" as id, "credits" as credits from "User" where "id" in (select wa.accounts_of($1))
           ), line as (
             select l."id" as id, l."createdAt" at time zone 'UTC' as at, l."delta" as delta, l."reason" as reason,
                    sum(l."delta") over (partition by l."reason", l."createdAt") as together,
                    row_number() over theirs as place,
                    sum(l."delta") over (theirs rows between 1 following and unbounded following) as later
             from "CreditLedger" l left join wa.credit_op op on op.ledger_id = l."id"
             where l."userId" in (select id from accounts)
             window theirs as (order by l."createdAt", op.seq nulls first, l."id")
           )
           select id, at, delta, reason, ((select sum(credits) from accounts) - coalesce(later, 0))::bigint as balance
           from line
           where not (reason = 'merge' and together = 0)
             and ($2::text is null or place < (select place from line where id = $2))
           order by place desc limit $3"#,
    )
    .bind(user.as_str())
    .bind(before)
    .bind(at_most)
    .fetch_all(db)
    .await
}
