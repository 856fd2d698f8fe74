//! What Stripe has told, against what is in the books of it.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use shared::ledger;
use shared::payment;
use shared::person::UserId;

use super::super::world::World;
use super::{Rule, judged as rule};

/// A row of the payments.
struct Paid {
    user: Option<UserId>,
    credits: Option<i32>,
    state: String,
    owed: i32,
    taken: i32,
}

type Row = (String, Option<String>, Option<i32>, String, i32, i32);

/// The rules about payments.
pub(super) async fn judged(world: &World) -> Result<Vec<Rule>> {
    let rows: Vec<Row> =
        sqlx::query_as("select session_id, user_id, credits, state, owed, taken from wa.payment")
            .fetch_all(&world.pool)
            .await?;
    let paid: HashMap<String, Paid> = rows
        .into_iter()
        .map(|(session, user, credits, state, owed, taken)| {
            (session, Paid { user: user.map(UserId::from_stored), credits, state, owed, taken })
        })
        .collect();
    // By the cause and not by the whole key: a credit under a second key counts as well.
    let credited: Vec<(String, i64, i64)> = sqlx::query_as(
        "select split_part(key, ':', 2), count(*), sum(delta)::bigint from wa.credit_op
         where key like 'purchase:%' group by 1",
    )
    .fetch_all(&world.pool)
    .await?;
    let credited: HashMap<String, (i64, i64)> =
        credited.into_iter().map(|(session, times, sum)| (session, (times, sum))).collect();
    let (mut wrong, mut back) = (Vec::new(), Vec::new());
    for sale in &world.sales {
        let (times, sum) = credited.get(&sale.session).copied().unwrap_or_default();
        let Some(row) = paid.get(&sale.session) else {
            wrong.push((None, format!("{} is not in the books", sale.session)));
            continue;
        };
        let expected = sale.credits.map_or((0, 0), |credits| (1, i64::from(credits)));
        if (times, sum) != expected || (row.state == "paid") != sale.credits.is_some() {
            let what = format!("{} is {}, credited {times} times, {sum} in all", sale.session, row.state);
            wrong.push((row.user.clone(), what));
        }
        let gave = row.credits.unwrap_or_default();
        if row.owed != sale.owed || !(0..=gave).contains(&row.taken) {
            let (owed, taken, must) = (row.owed, row.taken, sale.owed);
            let what = format!("{} gave {gave}, owes {owed} (must be {must}), {taken} taken", sale.session);
            back.push((row.user.clone(), what));
        }
    }
    let seen = i64::try_from(world.sales.len())?;
    Ok(vec![
        rule(world, "each checkout is credited once if it is paid, and never otherwise", seen, wrong),
        rule(world, "what is owed follows from the returns, and no more is taken than was given", seen, back),
        debts(world, paid.values()).await?,
    ])
}

/// For everybody, over all accounts that are one today: the lines took what the payments say was taken, and the debt is
/// what is owed and not taken.
async fn debts(world: &World, payments: impl Iterator<Item = &Paid>) -> Result<Rule> {
    let mut db = world.pool.acquire().await?;
    let mut survivors: HashMap<String, UserId> = HashMap::new();
    for account in &world.accounts {
        survivors.insert(account.id.as_str().to_owned(), ledger::survivor(&mut db, &account.id).await?);
    }
    // Of each survivor: taken as the payments say, owed and not taken, taken as the lines say.
    let mut sums: HashMap<&str, (i64, i64, i64)> = HashMap::new();
    for payment in payments {
        let survivor = payment.user.as_ref().and_then(|user| survivors.get(user.as_str()));
        let Some(survivor) = survivor else { continue };
        let sums = sums.entry(survivor.as_str()).or_default();
        sums.0 += i64::from(payment.taken);
        sums.1 += i64::from((payment.owed - payment.taken).max(0));
    }
    let taken: Vec<(String, i64)> = sqlx::query_as(
        "select user_id, -sum(delta)::bigint from wa.credit_op
         where split_part(key, ':', 1) in ('stripe_refund', 'stripe_reinstated', 'debt') group by user_id",
    )
    .fetch_all(&mut *db)
    .await?;
    for (user, taken) in &taken {
        if let Some(survivor) = survivors.get(user) {
            sums.entry(survivor.as_str()).or_default().2 += taken;
        }
    }
    let mut broken = Vec::new();
    let all: BTreeSet<&str> = sums.keys().copied().collect();
    for id in &all {
        let (taken, owing, written) = sums[id];
        let account = UserId::from_stored((*id).to_owned());
        let debt = payment::debt(&mut *db, &account).await?;
        if taken != written || debt != owing {
            let what =
                format!("{taken} taken, {written} by its lines; {owing} owed and not taken, debt {debt}");
            broken.push((Some(account), what));
        }
    }
    Ok(rule(
        world,
        "debts are what is owed and not taken, and lines say the same",
        i64::try_from(all.len())?,
        broken,
    ))
}
