//! Balances and their entries, account by account, and whether the product's own look at its books says the same.

use std::collections::HashMap;

use anyhow::Result;
use shared::ledger;
use shared::person::UserId;

use super::super::web::WELCOME;
use super::super::world::World;
use super::{Rule, judged as rule};

/// The rules about sums.
pub(super) async fn judged(world: &World) -> Result<Vec<Rule>> {
    let sums: Vec<(String, i32, i64)> = sqlx::query_as(
        r#"select u."id", u."credits", coalesce(sum(l."delta"), 0)::bigint from "User" u
           left join "CreditLedger" l on l."userId" = u."id" group by u."id", u."credits" order by u."id""#,
    )
    .fetch_all(&world.pool)
    .await?;
    let known: HashMap<&str, i64> =
        world.accounts.iter().map(|account| (account.id.as_str(), account.unwritten)).collect();
    let (mut off, mut openings) = (Vec::new(), 0);
    for (id, balance, entries) in &sums {
        // Accounts that nobody knew before were opened by the web app meanwhile.
        let unwritten = known.get(id.as_str()).copied().unwrap_or(WELCOME);
        openings += i64::from(unwritten > 0);
        if i64::from(*balance) != entries + unwritten {
            let what = format!("{balance} credits, entries {entries}, opened with {unwritten}");
            off.push((Some(UserId::from_stored(id.clone())), what));
        }
    }
    let seen = i64::try_from(sums.len())?;
    let mut rules =
        vec![rule(world, "entries sum to balances, with what accounts were opened with", seen, off)];
    let look = ledger::look(&world.pool).await?;
    let mut off: Vec<(Option<UserId>, String)> = look
        .differences
        .iter()
        .map(|off| (Some(off.user.clone()), format!("{} unexplained, {:?}", off.drift(), off.blame)))
        .collect();
    if look.imbalance() != 0 && off.is_empty() {
        off.push((None, format!("an imbalance of {}", look.imbalance())));
    }
    if look.openings != openings {
        off.push((None, format!("{} openings found, and there were {openings}", look.openings)));
    }
    rules.push(rule(world, "the product's own look finds an imbalance of 0", look.lines, off));
    Ok(rules)
}
