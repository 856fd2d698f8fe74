//! Whether balances are the sums of their entries, and if not, who moved what, and when.
//!
//! Owner of `wa.reconciliation`. Two writers share these tables. What we write, we can answer for: each of our lines
//! has a key, and beside it what it moved and what balance it left. So a difference is ours when one of our lines is not
//! as its key says; otherwise somebody moved the balance, or wrote a line, without the other half, and the balances that
//! our own lines left tell between which two of them. One such case is no difference at all: the web app opens an
//! account with the credits that the column's default gives, and writes no line for them.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::person::UserId;

/// Whose doing a difference is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blame {
    /// Somebody who writes without us: after the first of these moments and before the second, as far as our own lines
    /// tell.
    Stranger(Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// So many of our own lines are not as their keys say: changed by hand, behind the database's back.
    OurLines(i64),
}

/// An account whose balance is not the sum of its lines, or whose lines of ours were tampered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The account.
    pub user: UserId,
    /// `"User"."credits"`.
    pub balance: i64,
    /// The sum of its lines, and of what the web app opened it with.
    pub entries: i64,
    /// Whose doing.
    pub blame: Blame,
}

impl Difference {
    /// The credits that nobody can explain.
    #[must_use]
    pub fn drift(&self) -> i64 {
        self.balance - self.entries
    }

    fn imbalance(&self) -> i64 {
        match self.blame {
            Blame::Stranger(..) => self.drift().abs(),
            // A line may be wrong and the sum right by chance: that is still not in order.
            Blame::OurLines(lines) => self.drift().abs().max(lines),
        }
    }
}

/// What a look at the books has found.
#[derive(Debug, Clone, Default)]
pub struct Reconciliation {
    /// Accounts looked at.
    pub accounts: i64,
    /// Lines looked at.
    pub lines: i64,
    /// Accounts that the web app opened with the default of its column, without a line: explained.
    pub openings: i64,
    /// What the default is.
    pub opening: i64,
    /// Everything else that does not add up.
    pub differences: Vec<Difference>,
}

impl Reconciliation {
    /// What `postly_ledger_imbalance` shows: the credits that nobody can explain. Must read 0.
    #[must_use]
    pub fn imbalance(&self) -> i64 {
        self.differences.iter().map(Difference::imbalance).sum()
    }
}

/// The credits that the column gives to an account that is opened without saying how many: `opening (credits)`.
const OPENING: &str = r#"
    opening as (
      select coalesce((
        select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
        join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where d.adrelid = '"User"'::regclass and a.attname = 'credits'
          and pg_get_expr(d.adbin, d.adrelid) ~ '^[0-9]{1,9}$')::bigint, 0) as credits
    )"#;

/// Whether an account `u` was opened by us: one that began in WhatsApp began with nothing, at the moment of its first
/// identity, which its column rounds to milliseconds.
const OURS: &str = r#"exists (
        select from wa.identity i
        where i.user_id = u."id" and (i.created_at at time zone 'UTC')::timestamp(3) = u."createdAt")"#;

/// Every account that does not add up, `found (id, balance, entries, strange, opened)`: how many of our lines are not as
/// they should be, and whether the web app's way of opening accounts explains it.
fn sums() -> String {
    format!(
        r#"with {OPENING}, sums as (
             select l."userId" as id, sum(l."delta")::bigint as entries,
                    count(*) filter (where op.key is not null
                      and (op.user_id <> l."userId" or op.delta is not null and op.delta <> l."delta")) as strange
             from "CreditLedger" l left join wa.credit_op op on op.ledger_id = l."id"
             group by l."userId"
           ), found as (
             select u."id" as id, u."credits"::bigint as balance, coalesce(s.entries, 0) as entries,
                    coalesce(s.strange, 0) as strange,
                    coalesce(s.strange, 0) = 0 and opening.credits > 0
                      and u."credits" - coalesce(s.entries, 0) = opening.credits and not {OURS} as opened
             from "User" u cross join opening left join sums s on s.id = u."id"
             where u."credits" <> coalesce(s.entries, 0) or s.strange > 0
           )"#
    )
}

/// What the web app opened this account with, if that is by how much it is off.
pub async fn opening(db: impl PgExecutor<'_>, user: &UserId, drift: i64) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        r#"with {OPENING} select opening.credits from opening, "User" u
           where u."id" = $1 and opening.credits = $2 and opening.credits > 0 and not {OURS}"#
    )))
    .bind(user.as_str())
    .bind(drift)
    .fetch_optional(db)
    .await
}

/// Looks at every account, in one snapshot.
pub async fn look(pool: &PgPool) -> Result<Reconciliation, sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only").execute(&mut *tx).await?;
    let (accounts, lines, openings, opening): (i64, i64, i64, i64) =
        sqlx::query_as(sqlx::AssertSqlSafe(format!(
            r#"{} select (select count(*) from "User"), (select count(*) from "CreditLedger"),
                 (select count(*) from found where opened), (select credits from opening)"#,
            sums()
        )))
        .fetch_one(&mut *tx)
        .await?;
    let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{} select id, balance, entries, strange from found where not opened order by id",
        sums()
    )))
    .fetch_all(&mut *tx)
    .await?;
    let mut differences = Vec::new();
    for (id, balance, entries, strange) in rows {
        let user = UserId::from_stored(id);
        let blame = match strange {
            0 => window(&mut tx, &user, balance - entries).await?,
            lines => Blame::OurLines(lines),
        };
        differences.push(Difference { user, balance, entries, blame });
    }
    tx.rollback().await?;
    Ok(Reconciliation { accounts, lines, openings, opening, differences })
}

/// Those of the first look's differences that the second one found just so: the web app may move a balance and write
/// its line one after the other, and between the two they differ.
#[must_use]
pub fn confirmed(first: &Reconciliation, mut second: Reconciliation) -> Reconciliation {
    second.differences.retain(|found| {
        first.differences.iter().any(|before| before.user == found.user && before.drift() == found.drift())
    });
    second
}

/// Between which of our lines an account came to be off by so much. Lines are put in order by their times, and two
/// writers have two clocks: a hint for an operator, nothing more.
async fn window(db: &mut PgConnection, user: &UserId, drift: i64) -> Result<Blame, sqlx::Error> {
    // What was off when each of our latest lines had been written: the balance that it left, less all lines until then.
    let known: Vec<(DateTime<Utc>, i64)> = sqlx::query_as(
        r#"with lines as (
             select op.seq, op.created_at, op.balance,
                    sum(l."delta") over (order by l."createdAt", op.seq nulls first)::bigint as entries
             from "CreditLedger" l left join wa.credit_op op on op.ledger_id = l."id"
             where l."userId" = $1
           ) select created_at, balance - entries from lines where balance is not null order by seq desc"#,
    )
    .bind(user.as_str())
    .fetch_all(&mut *db)
    .await?;
    let before = known.iter().find(|(_, off)| *off != drift).map(|(at, _)| *at);
    let after = known.iter().take_while(|(_, off)| *off == drift).last().map(|(at, _)| *at);
    Ok(Blame::Stranger(before, after))
}

/// Keeps the result for everybody who is asked for it.
pub async fn record(
    db: impl PgExecutor<'_>,
    found: &Reconciliation,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into wa.reconciliation (looked_at, imbalance, accounts) values ($1, $2, $3)
         on conflict (single) do update
           set looked_at = excluded.looked_at, imbalance = excluded.imbalance, accounts = excluded.accounts",
    )
    .bind(now)
    .bind(found.imbalance())
    .bind(i64::try_from(found.differences.len()).unwrap_or(i64::MAX))
    .execute(db)
    .await?;
    Ok(())
}

/// How many credits nobody could explain at the last look. `None` before the first.
pub async fn imbalance(db: impl PgExecutor<'_>) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("select imbalance from wa.reconciliation").fetch_optional(db).await
}

/// When the sums were last looked at, and how many credits nobody could explain then. `None` before the first look.
pub async fn last_look(db: impl PgExecutor<'_>) -> Result<Option<(DateTime<Utc>, i64)>, sqlx::Error> {
    sqlx::query_as("select looked_at, imbalance from wa.reconciliation").fetch_optional(db).await
}
