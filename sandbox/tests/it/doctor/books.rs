//! What is told about the books and the tables that they stand in.

use worker::doctor::Verdict;

use super::{Clinic, line};
use crate::migrations::seed_without;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_and_migrations_that_are_missing_are_named() {
    let mut clinic = Clinic::opens(&seed_without(&["usageTokens"]), false).await;
    let expected = [
        ("migrations", Verdict::Warning),
        ("tables", Verdict::Failed),
        ("master key", Verdict::NotChecked),
        ("credits check", Verdict::Failed),
        ("credit sums", Verdict::NotChecked),
        ("payments", Verdict::NotChecked),
    ];
    let report = clinic.shows(&expected, 1).await;
    assert!(line(&report, "tables").found.contains(r#""Generation"."usageTokens""#), "{report}");
    clinic.set("MIGRATE", "off");
    assert_eq!(line(&clinic.report().await, "migrations").verdict, Verdict::Failed);
    clinic.set("DATABASE_URL", "postgres://127.0.0.1:1/nowhere");
    clinic.shows(&[("postgres", Verdict::Failed)], 1).await;
    clinic.closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_that_nobody_looks_at_and_sums_that_are_off_are_told() {
    let clinic = Clinic::well().await;
    for (sql, verdict, part) in [
        (
            "update wa.reconciliation set looked_at = now() - interval '50 minutes'",
            Verdict::Ok,
            "50 minute(s)",
        ),
        (
            "update wa.reconciliation set looked_at = now() - interval '2 hours'",
            Verdict::Warning,
            "120 minute(s)",
        ),
        ("update wa.reconciliation set imbalance = 7", Verdict::Warning, "7 credit(s)"),
        ("delete from wa.reconciliation", Verdict::NotChecked, "nobody has looked"),
    ] {
        clinic.books(sql).await;
        let report = clinic.report().await;
        let line = line(&report, "credit sums");
        assert!(line.verdict == verdict && line.found.contains(part), "{sql}: {report}");
        assert_eq!(report.exit_code(), 0, "{report}");
    }
    clinic.closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_under_an_old_or_a_missing_master_key_are_told() {
    let mut clinic = Clinic::well().await;
    let (new, old) = ("b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3Q=", clinic.variables["MASTER_KEY"].clone());
    clinic.books("update wa.data_key set master = 'nobodys0'").await;
    let report = clinic.shows(&[("master key", Verdict::Failed)], 1).await;
    assert!(line(&report, "master key").found.starts_with("1 of 1"), "{report}");
    // The digest of the sandbox's own.
    assert_eq!(sandbox::stage::vault().current(), "1ae55a5c");
    clinic.books("update wa.data_key set master = '1ae55a5c'").await;
    clinic.shows(&[], 0).await;
    clinic.set("MASTER_KEY", &format!("{new},{old}"));
    let report = clinic.shows(&[("master key", Verdict::Warning)], 0).await;
    assert!(!report.to_string().contains(&old) && !report.to_string().contains(new), "{report}");
    clinic.set("MASTER_KEY", new);
    clinic.shows(&[("master key", Verdict::Failed)], 1).await;
    clinic.set("MASTER_KEY", &old);
    clinic.books("delete from wa.data_key").await;
    let report = clinic.shows(&[("master key", Verdict::Failed)], 1).await;
    assert!(line(&report, "master key").found.contains("looked up"), "{report}");
    clinic.closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_that_nobody_could_claim_are_counted() {
    let clinic = Clinic::well().await;
    clinic
        .books(
            "insert into wa.payment (session_id, pack, amount, currency, state, created_at)
             select 'cs_' || state || n, 'pack_9', 490, 'eur', state, now()
             from generate_series(1, 2) n, unnest(array['unclaimed', 'paid', 'failed']) state",
        )
        .await;
    let report = clinic.shows(&[("payments", Verdict::Warning)], 0).await;
    let line = line(&report, "payments");
    assert!(line.found.starts_with("2 unclaimed"), "{report}");
    assert!(line.advice.as_ref().unwrap().contains("postly credits reconcile"), "{report}");
    clinic.closes().await;
}
