//! What is told about the books and the tables that they stand in.

use worker::doctor::Verdict;

use super::{Clinic, line};
use crate::migrations::seed_without;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_and_migrations_that_are_missing_are_named() {
    let mut clinic = Clinic::opens(&seed_without(&["usageTokens"]), false).await;
    let expected =
        [("migrations", Verdict::Warning), ("tables", Verdict::Failed), ("credits check", Verdict::Failed)];
    let report = clinic.shows(&expected, 1).await;
    assert!(line(&report, "tables").found.contains(r#""Generation"."usageTokens""#), "{report}");
    clinic.set("MIGRATE", "off");
    assert_eq!(line(&clinic.report().await, "migrations").verdict, Verdict::Failed);
    clinic.set("DATABASE_URL", "postgres://127.0.0.1:1/nowhere");
    clinic.shows(&[("postgres", Verdict::Failed)], 1).await;
    clinic.closes().await;
}
