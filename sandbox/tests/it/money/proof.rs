//! A short cut of `cargo ledger`: many hands, every way of moving a credit, broken connections, and every rule of the
//! books.

use rand::Rng;
use sandbox::ledger_proof::{Plan, prove};
use sqlx::{Connection, PgConnection};

use crate::GROUND;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_schedule_of_everything_at_once_breaks_a_rule_of_the_books() {
    let url = &GROUND.servers().await.database_url;
    let (base, _) = url.rsplit_once('/').unwrap();
    let name = format!("postly_proof_{}", std::process::id());
    let mut admin = PgConnection::connect(url).await.unwrap();
    let statement = format!("create database {name} template template0");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
    let plan = Plan { seed: rand::rng().next_u64() >> 32, operations: 2_500, hands: 16 };
    println!("seed {}", plan.seed);
    let proof = prove(&format!("{base}/{name}"), plan).await.unwrap();
    assert!(proof.breaches.is_empty(), "{}\n{}", proof.lines.join("\n"), proof.stories.join("\n"));
}
