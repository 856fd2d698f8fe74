//! A short cut of `cargo people`: worlds of people under changing names, against a truth that knows who they are.

use rand::Rng;
use sandbox::people_proof::{Plan, prove};

use crate::GROUND;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_has_one_account_and_nobody_anothers() {
    let plan = Plan { seed: rand::rng().next_u64() >> 32, events: 1_500, hands: 4 };
    println!("seed {}", plan.seed);
    let proof = prove(&GROUND.database().await, plan).await.unwrap();
    assert!(proof.breaches.is_empty(), "{}\n{}", proof.lines.join("\n"), proof.breaches.join("\n"));
}
