//! What goes from the tables, kind by kind. Each statement looks for the oldest that are over, leaves out what somebody
//! holds, and takes at most so many.
//!
//! What refers to a row goes before it, by a statement of its own: a deletion that cascaded would wait for whoever holds one
//! of those. `$1`: what ended before it; `$2`: so many at most; `$3`: of what failed, only what ended before it as well.

use sqlx::postgres::PgQueryResult;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use super::{Kind, Until};

/// What came of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct Batch {
    /// So many rows went, or lost their words.
    pub gone: u64,
    /// There may be more.
    pub more: bool,
}

/// What a batch may wait for and take at most: whoever comes in its way is not to notice, and one that gives up is the next
/// turn's. And that it goes along its index, row by row: Postgres takes what is looked for behind it (`not exists`) for rarer
/// than it is, and would rather read all of a table and sort it.
const BOUNDS: &str = "select set_config(name, value, true)
  from (values ('lock_timeout', '500ms'), ('statement_timeout', '15s'), ('enable_seqscan', 'off'), ('enable_sort', 'off'),
               ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'), ('enable_bitmapscan', 'off')) as bounds (name, value)";

/// What is told, or failed to be, and nobody may be about to send. In the words of the index.
const TOLD: &str = "o.state not in ('pending', 'sending', 'unknown') and o.created_at < $1
  and not exists (select from wa.receipt r where r.message_id = o.cause and r.state = 'started')";

/// What has ended and no dead letter may bring back.
const ENDED: &str = "r.state <> 'started' and (r.state = 'finished' or r.finished_at < $3)";

/// A message of which nothing is left but its receipt and its starts.
const ALONE: &str = "r.finished_at < $1
  and not exists (select from wa.outbox o where o.cause = r.message_id)
  and not exists (select from wa.step s where s.message_id = r.message_id)";

/// The statements of a kind, in order: one that finds as many as it may is done again before the next.
fn statements(kind: Kind) -> Vec<String> {
    let one = |statement: &str| vec![statement.to_owned()];
    match kind {
        Kind::Texts => vec![
            format!(
                "with old as (select o.id from wa.outbox o where {TOLD} and o.body <> ''
                   order by o.created_at limit $2 for update of o skip locked)
                 update wa.outbox x set body = '', menu = null from old where x.id = old.id"
            ),
            format!(
                "with old as (select r.message_id from wa.receipt r
                   where {ENDED} and r.finished_at < $1
                     and (r.brief is not null or r.kind = 'unreadable' and r.detail is not null)
                   order by r.finished_at limit $2 for update skip locked)
                 update wa.receipt x
                 set brief = null, detail = case when x.kind = 'unreadable' then null else x.detail end
                 from old where x.message_id = old.message_id"
            ),
        ],
        Kind::Steps => one(&format!(
            "with old as (select s.message_id, s.name from wa.step s join wa.receipt r on r.message_id = s.message_id
               where s.finished_at < $1 and {ENDED}
               order by s.finished_at limit $2 for update of s skip locked)
             delete from wa.step x using old where x.message_id = old.message_id and x.name = old.name"
        )),
        Kind::Outbox => vec![
            format!(
                "with old as (select o.id from wa.outbox o
                   where {TOLD} and not exists (select from wa.feedback f where f.outbox_id = o.id)
                   order by o.created_at limit $2 for update of o skip locked)
                 delete from wa.outbox x using old where x.id = old.id"
            ),
            // By now hardly anything else is that old.
            format!(
                "with old as (select f.user_id, f.outbox_id from wa.outbox o join wa.feedback f on f.outbox_id = o.id
                   where {TOLD} order by o.created_at limit $2 for update of f skip locked)
                 delete from wa.feedback x using old where x.user_id = old.user_id and x.outbox_id = old.outbox_id"
            ),
        ],
        Kind::Attempts => one(&format!(
            "with old as (select a.message_id, a.number from wa.receipt r join wa.attempt a on a.message_id = r.message_id
               where {ENDED} and {ALONE}
               order by r.finished_at limit $2 for update of a skip locked)
             delete from wa.attempt x using old where x.message_id = old.message_id and x.number = old.number"
        )),
        Kind::Receipts => one(&format!(
            "with old as (select r.message_id from wa.receipt r
               where {ENDED} and {ALONE}
                 and not exists (select from wa.attempt a where a.message_id = r.message_id)
               order by r.finished_at limit $2 for update skip locked)
             delete from wa.receipt x using old where x.message_id = old.message_id"
        )),
        // Ours only, which are those that were asked for here: of the web app's own it knows the time. Found by when they
        // were first asked for, since the web app's table has no index of their end.
        Kind::Codes => one(r#"with old as (select c."id" from wa.otp_asking o join "OtpChallenge" c on c."id" = o.challenge_id
               where o.number = 1 and o.asked_at < $1 and c."expiresAt" < $1 at time zone 'UTC'
               order by o.asked_at limit $2 for update of c, o skip locked)
             delete from "OtpChallenge" x using old where x."id" = old."id""#),
        Kind::SignIns => one("with old as (select id from wa.signin where begun_at < $1
               order by begun_at limit $2 for update skip locked)
             delete from wa.signin x using old where x.id = old.id"),
        Kind::Sessions => one("with old as (select id from wa.session where seen_at < $1
               order by seen_at limit $2 for update skip locked)
             delete from wa.session x using old where x.id = old.id"),
        // One that a message has taken is that message's until it has ended.
        Kind::KeptBriefs => one("with old as (select k.user_id from wa.kept_brief k where k.kept_at < $1
                 and not exists (select from wa.receipt r where r.message_id = k.taken_by and r.state = 'started')
               order by k.kept_at limit $2 for update of k skip locked)
             delete from wa.kept_brief x using old where x.user_id = old.user_id"),
        Kind::Checkouts => one("with old as (select key from wa.checkout where asked_at < $1
               order by asked_at limit $2 for update skip locked)
             delete from wa.checkout x using old where x.key = old.key"),
        Kind::Menus => one("with old as (select user_id from wa.menu where opened_at < $1
               order by opened_at limit $2 for update skip locked)
             delete from wa.menu x using old where x.user_id = old.user_id"),
        // What explains a line of the money is a part of the books.
        Kind::Audit => one("with old as (select a.id from wa.audit a where a.at < $1
                 and not exists (select from wa.credit_op op where op.key = a.key)
               order by a.at limit $2 for update of a skip locked)
             delete from wa.audit x using old where x.id = old.id"),
        Kind::Joins => one("with old as (select id from wa.joined where joined_at < $1
               order by joined_at limit $2 for update skip locked)
             delete from wa.joined x using old where x.id = old.id"),
        Kind::PassedNumbers => one("with old as (select value from wa.passed_number where at < $1
               order by at limit $2 for update skip locked)
             delete from wa.passed_number x using old where x.value = old.value"),
        Kind::DeadLetters | Kind::Spill => Vec::new(),
    }
}

/// One batch: the first statement that finds anything, in a transaction of its own.
pub(super) async fn batch(
    pool: &PgPool,
    kind: Kind,
    until: Until,
    at_most: i64,
) -> Result<Batch, sqlx::Error> {
    let statements = statements(kind);
    for statement in &statements {
        let mut tx = pool.begin().await?;
        bound(&mut tx).await?;
        let gone = run(&mut tx, statement, until, at_most).await?.rows_affected();
        tx.commit().await?;
        let full = gone >= u64::try_from(at_most).unwrap_or(u64::MAX);
        if gone > 0 {
            return Ok(Batch { gone, more: full || statements.len() > 1 });
        }
    }
    Ok(Batch::default())
}

/// Holds the transaction to its bounds.
pub(super) async fn bound(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(BOUNDS).execute(db).await?;
    Ok(())
}

async fn run(
    db: &mut PgConnection,
    statement: &str,
    until: Until,
    at_most: i64,
) -> Result<PgQueryResult, sqlx::Error> {
    let query = sqlx::query(AssertSqlSafe(statement.to_owned())).bind(until.before).bind(at_most);
    // A statement that names no third is not given one.
    let query = if statement.contains("$3") { query.bind(until.failed_before) } else { query };
    query.execute(db).await
}

/// The plan of each statement of a kind, as Postgres would carry it out: for a test.
pub async fn plans(
    pool: &PgPool,
    kind: Kind,
    until: Until,
    at_most: i64,
) -> Result<Vec<String>, sqlx::Error> {
    let mut plans = Vec::new();
    let mut tx = pool.begin().await?;
    bound(&mut tx).await?;
    for statement in statements(kind) {
        let explain = format!("explain {statement}");
        let query = sqlx::query_scalar::<_, String>(AssertSqlSafe(explain)).bind(until.before).bind(at_most);
        let query = if statement.contains("$3") { query.bind(until.failed_before) } else { query };
        plans.push(query.fetch_all(&mut *tx).await?.join("\n"));
    }
    tx.rollback().await?;
    Ok(plans)
}
