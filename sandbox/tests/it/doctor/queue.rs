//! What is told about Redis.

use worker::doctor::Verdict;

use super::{Clinic, line};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_could_lose_messages_is_told() {
    let clinic = Clinic::well().await;
    for (setting, value, name, verdict, code) in [
        ("appendfsync", "everysec", "redis durability", Verdict::Warning, 0),
        ("appendfsync", "no", "redis durability", Verdict::Failed, 1),
        ("maxmemory-policy", "allkeys-lru", "redis eviction", Verdict::Failed, 1),
        ("maxmemory", "0", "redis memory", Verdict::Warning, 0),
        ("appendonly", "no", "redis durability", Verdict::Failed, 1),
    ] {
        let before = setting_of(&clinic, setting).await;
        clinic.redis(&["CONFIG", "SET", setting, value]).await;
        let report = clinic.shows(&[(name, verdict)], code).await;
        assert!(value != "everysec" || line(&report, name).found.contains("power cut"), "{report}");
        clinic.redis(&["CONFIG", "SET", setting, &before]).await;
    }
    clinic.closes().await;
}

async fn setting_of(clinic: &Clinic, name: &str) -> String {
    let client = redis::Client::open(clinic.servers.redis_url.as_str()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let pair: Vec<String> = redis::cmd("CONFIG").arg("GET").arg(name).query_async(&mut redis).await.unwrap();
    pair[1].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_managed_redis_hides_is_told_as_unseen() {
    let clinic = Clinic::well().await;
    clinic.redis(&["ACL", "SETUSER", "default", "-config"]).await;
    clinic.shows(&[("redis durability", Verdict::NotChecked)], 0).await;
    clinic.closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_away_does_not_hide_the_rest() {
    let clinic = Clinic::well().await;
    clinic.servers.stop_redis().await.unwrap();
    let report = clinic.shows(&[("redis", Verdict::Failed)], 1).await;
    assert!(line(&report, "clocks").found.contains("Postgres"), "{report}");
    clinic.closes().await;
}
