//! What must hold when everything is over, read from the tables by statements that have nothing in common with those
//! that wrote them.

mod accounts;
mod payments;

use anyhow::Result;
use shared::ledger;
use shared::person::UserId;
use sqlx::PgPool;

use super::world::World;

/// Every rule that one statement can look for: what holds, how many rows it was looked at in, and who breaks it
/// (account, what).
const RULES: &[(&str, &str, &str)] = &[
    (
        "no balance is negative",
        r#"select count(*) from "User""#,
        r#"select "id", "credits" || ' credits' from "User" where "credits" < 0"#,
    ),
    (
        "no recorded balance is negative",
        "select count(*) from wa.credit_op",
        "select user_id, key || ' left ' || balance from wa.credit_op where balance is null or balance < 0",
    ),
    (
        "every key of ours stands once",
        "select count(*) from wa.credit_op",
        "select min(user_id), key || ' stands ' || count(*) || ' times' from wa.credit_op group by key having count(*) > 1",
    ),
    (
        "one kind of cause moves a balance once for each cause",
        "select count(*) from wa.credit_op",
        "select min(user_id), cause || ' was posted ' || count(*) || ' times'
         from (select user_id, split_part(key, ':', 1) || ' of ' || coalesce(message_id, split_part(key, ':', 2) || ':' || split_part(key, ':', 3)) as cause from wa.credit_op) as ops
         group by cause having count(*) > 1",
    ),
    (
        "every key has its line, with its delta, of its account",
        "select count(*) from wa.credit_op",
        r#"select op.user_id, op.key || ': ' || coalesce(l."delta"::text, 'no line') from wa.credit_op op
           left join "CreditLedger" l on l."id" = op.ledger_id
           where l."id" is null or l."userId" <> op.user_id or op.delta is null or l."delta" <> op.delta"#,
    ),
    (
        "every line that is not the web app's has its key",
        r#"select count(*) from "CreditLedger""#,
        r#"select l."userId", l."id" || ' ' || l."reason" from "CreditLedger" l
           where l."reason" not in ('web_generation', 'signup') and not exists (select from wa.credit_op op where op.ledger_id = l."id")"#,
    ),
    (
        "each balance that was recorded follows from the one before, less what the web app spent between",
        "select count(*) from wa.credit_op",
        "select user_id, key || ': ' || before || ' and ' || delta || ' made ' || balance from (
           select user_id, key, delta, balance, lag(balance) over (partition by user_id order by seq) as before from wa.credit_op) as chain
         where before is not null and balance > before + delta",
    ),
    (
        "an account that has joined another one is empty",
        "select count(*) from wa.merged_account",
        r#"select u."id", u."credits" || ' credits' from wa.merged_account m join "User" u on u."id" = m.from_user
           where u."credits" <> 0"#,
    ),
    (
        "every message has ended",
        "select count(*) from wa.receipt",
        "select user_id, message_id from wa.receipt where state = 'started'",
    ),
    (
        "no hold without its end: posts keep it, everything else gives it back",
        "select count(*) from wa.credit_op where key like 'generation:%'",
        "select op.user_id, op.key || ' and ' || coalesce(r.outcome, 'no receipt') || ', '
                || case when back.key is null then 'not ' else '' end || 'refunded' from wa.credit_op op
         left join wa.receipt r on r.message_id = op.message_id
         left join wa.credit_op back on back.message_id = op.message_id and back.key like 'refund:%'
         where op.key like 'generation:%' and (r.outcome is null or (r.outcome = 'posts') <> (back.key is null))",
    ),
    (
        "no refund without its hold",
        "select count(*) from wa.credit_op where key like 'refund:%'",
        "select back.user_id, back.key from wa.credit_op back where back.key like 'refund:%' and not exists (
           select from wa.credit_op held where held.message_id = back.message_id and held.key like 'generation:%' and held.delta = -back.delta)",
    ),
    (
        "posts only for a credit",
        "select count(*) from wa.receipt where outcome = 'posts'",
        "select user_id, message_id from wa.receipt r where outcome = 'posts' and not exists (
           select from wa.credit_op held where held.message_id = r.message_id and held.key like 'generation:%')",
    ),
    (
        "as many generations in the history as messages that ended with posts",
        r#"select count(*) from "Generation""#,
        // Of each person: a receipt stays with an account that has joined another one, and later posts go to that one.
        r#"with ended as (
             select wa.survivor(user_id) as id, count(*) as messages from wa.receipt
             where outcome in ('posts', 'undelivered') group by 1
           ), kept as (select wa.survivor("userId") as id, count(*) as generations from "Generation" group by 1)
           select id, coalesce(messages, 0) || ' ended with posts' from ended full join kept using (id)
           where messages is distinct from generations"#,
    ),
];

/// The result of one rule.
pub(super) struct Rule {
    name: String,
    seen: i64,
    broken: usize,
}

impl Rule {
    /// Its line in the table.
    pub(super) fn line(&self) -> String {
        let Self { name, seen, broken } = self;
        match broken {
            0 => format!("held    {name}: {seen} seen"),
            _ => format!("BROKEN  {name}: {seen} seen, {broken} broken"),
        }
    }
}

/// Looks at everything. What is broken is added to the tally.
pub(super) async fn over(world: &World) -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    for (name, seen, broken) in RULES {
        let seen = sqlx::query_scalar(*seen).fetch_one(&world.pool).await?;
        let broken: Vec<(Option<String>, String)> = sqlx::query_as(*broken).fetch_all(&world.pool).await?;
        let broken = broken.into_iter().map(|(id, what)| (id.map(UserId::from_stored), what)).collect();
        rules.push(judged(world, name, seen, broken));
    }
    rules.extend(accounts::judged(world).await?);
    rules.extend(payments::judged(world).await?);
    Ok(rules)
}

fn judged(world: &World, name: &str, seen: i64, broken: Vec<(Option<UserId>, String)>) -> Rule {
    let rule = Rule { name: name.to_owned(), seen, broken: broken.len() };
    for (account, what) in broken {
        world.tally.breach(account.as_ref(), format!("{name}: {what}"));
    }
    rule
}

/// Every line of an account, for whoever has to understand a breach.
pub(super) async fn tells(pool: &PgPool, account: &UserId) -> Result<Vec<String>> {
    let mut db = pool.acquire().await?;
    let balance = ledger::balance(&mut db, account).await?.get();
    let mut lines = vec![format!("the account {}, whose balance is {balance}:", account.as_str())];
    for line in ledger::statement(&mut *db, account).await? {
        let key = line.key.as_deref().unwrap_or("(of the web app)");
        let left = line.balance.map_or(String::new(), |balance| format!(" = {balance}"));
        let end = line.message.map_or(String::new(), |(_, end)| format!(" ({end})"));
        lines.push(format!("  {} {:+}{left} {} {key}{end}", line.at, line.delta, line.reason));
    }
    Ok(lines)
}
