//! What the books forget of a person, table by table, and what stays without them. `PRIVACY.md` lists every column, and a
//! test holds the list against the tables.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection};

use super::Reach;
use crate::job::Job;
use crate::person::UserId;
use crate::vault::Vault;

/// What every statement below may use: the accounts of the person, their names, and the keys of what they said.
const REACH: &str = "with r (accounts, digests, whos, patterns, messages, challenges, addresses) as (
  select array(select wa.accounts_of($1)), $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[]
) ";

/// In the order in which whoever works on a message comes to these rows.
const FORGET: &[&str] = &[
    // What they wrote and were told. Steps and attempts go with their receipt, a reaction with what it was about.
    "delete from wa.receipt x using r where x.message_id = any(r.messages)",
    // Notices about somebody, and messages of which the start was all that happened.
    "delete from wa.receipt x using r
     where x.user_id is null and (
       exists (select from unnest(r.patterns) name where x.detail ~ name or x.lane ~ name)
       or exists (select from unnest(r.whos) who where right(x.lane, length(who) + 1) = ':' || who))",
    "delete from wa.outbox x using r where x.cause = any(r.messages)",
    // What answers no message: codes, words about payments and about waiting. By an index of their own, since no table is larger.
    "delete from wa.outbox x using r
     where x.cause not like 'meta:%' and x.cause not like 'twilio:%' and x.reached = any(r.digests)",
    // The same, as an older worker still writes them until it is stopped.
    "delete from wa.outbox x using r
     where x.cause not like 'meta:%' and x.cause not like 'twilio:%' and x.reached is null and x.address = any(r.addresses)",
    "delete from wa.feedback x using r where x.user_id = any(r.accounts)",
    "delete from wa.kept_brief x using r where x.user_id = any(r.accounts)",
    "delete from wa.menu x using r where x.user_id = any(r.accounts)",
    r#"delete from "Generation" x using r where x."userId" = any(r.accounts)"#,
    // The key of all that they wrote and were written: what is left of that anywhere is noise from now on (shared/src/vault.rs).
    "delete from wa.data_key x using r where x.user_id = any(r.accounts)",
    // Who they are.
    "delete from wa.identity x using r where x.user_id = any(r.accounts)",
    "update wa.identity x set beside_meta = null from r where x.beside_meta = any(r.digests)",
    "update wa.identity x set beside_twilio = null from r where x.beside_twilio = any(r.digests)",
    "delete from wa.passed_number x using r where x.from_user = any(r.accounts) or x.value = any(r.digests)",
    "delete from wa.joined x using r where x.from_user = any(r.accounts) or x.into_user = any(r.accounts)",
    "delete from wa.preference x using r where x.user_id = any(r.accounts)",
    // How they came in. A challenge is left as an empty row for as long as limits count it (shared/src/otp): whoever is
    // forgotten must not be sent more codes for that.
    r#"update "OtpChallenge" x set "userId" = null, "phoneE164" = '', "codeHash" = '', "consumed" = true
       from r where x."id" = any(r.challenges)"#,
    "delete from wa.session x using r where x.user_id = any(r.accounts)",
    "delete from wa.signin x using r where x.user_id = any(r.accounts) or x.asked_by = any(r.accounts)",
    "delete from wa.checkout x using r where x.user_id = any(r.accounts)",
    // The lines of the money stay, by the account's id. Their keys are made of ids of messages, by which they would still be told apart.
    "update wa.credit_op x
     set key = split_part(x.key, ':', 1) || ':erased:' || x.ledger_id, message_id = null
     from r where x.user_id = any(r.accounts) and x.message_id is not null",
    // So does who decided what about the account; but not a name that they wrote down.
    "update wa.audit x set note = '(erased)' from r
     where exists (select from unnest(r.patterns) name where x.note ~ name)",
];

/// Holds every receipt of a person until the transaction ends.
pub(super) async fn hold_receipts(db: &mut PgConnection, account: &UserId) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select from wa.receipt where user_id in (select wa.accounts_of($1)) order by message_id for update",
    )
    .bind(account.as_str())
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets. The account and its names are held.
pub(super) async fn forget(
    db: &mut PgConnection,
    vault: &Vault,
    account: &UserId,
    reach: &Reach,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    for statement in FORGET {
        sqlx::query(AssertSqlSafe(format!("{REACH}{statement}")))
            .bind(account.as_str())
            .bind(reach.digests())
            .bind(reach.whos(vault))
            .bind(reach.patterns())
            .bind(reach.messages())
            .bind(reach.challenges())
            .bind(reach.addresses().into_iter().map(Json).collect::<Vec<_>>())
            .execute(&mut *db)
            .await?;
    }
    forget_spilled(db, vault, reach).await?;
    leave_nobody(db, account, now).await
}

/// What waits in the spill is in no table's columns: each job is read.
async fn forget_spilled(db: &mut PgConnection, vault: &Vault, reach: &Reach) -> Result<(), sqlx::Error> {
    let mut after = 0_i64;
    loop {
        let page: Vec<(i64, String)> =
            sqlx::query_as("select id, job from wa.spill where id > $1 order by id limit 500")
                .bind(after)
                .fetch_all(&mut *db)
                .await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = *last;
        let theirs = |job: &String| match Job::unpack(job.as_bytes(), Some(vault)) {
            Ok(job) => reach.has(&job),
            Err(_) => reach.is_named_in(job.as_bytes()),
        };
        let theirs: Vec<i64> = page.iter().filter(|(_, job)| theirs(job)).map(|(id, _)| *id).collect();
        sqlx::query("delete from wa.spill where id = any($1)").bind(theirs).execute(&mut *db).await?;
    }
}

/// The row of the web app stays, since its lines of money and whatever else the web app has refer to it: with its id, its
/// credits and its times, and nothing else that could name somebody. Columns that the web app has added since are emptied
/// where they may be empty.
async fn leave_nobody(
    db: &mut PgConnection,
    account: &UserId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let columns: Vec<String> = sqlx::query_scalar(
        "select column_name::text from information_schema.columns
         where table_schema = 'public' and table_name = 'User' and is_nullable = 'YES' and is_generated = 'NEVER'
           and column_name not in ('id', 'credits', 'createdAt', 'updatedAt')
         order by ordinal_position",
    )
    .fetch_all(&mut *db)
    .await?;
    let quoted = |column: &String| format!("\"{}\"", column.replace('"', "\"\""));
    let emptied: Vec<String> = columns.iter().map(|column| quoted(column) + " = default").collect();
    let query = format!(
        r#"update "User" set "updatedAt" = $2, {} where "id" in (select wa.accounts_of($1))"#,
        emptied.join(", ")
    );
    sqlx::query(AssertSqlSafe(query)).bind(account.as_str()).bind(now.naive_utc()).execute(db).await?;
    Ok(())
}
