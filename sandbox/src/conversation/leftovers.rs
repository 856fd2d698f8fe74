//! What a quiet world may leave in Redis: claims, figures, dead letters, and paces that vanish by themselves.

use std::time::Duration;

/// What stays of finished work, by the beginnings of keys.
const BELONGS: [&str; 5] = ["{wa:0}seen:", "{wa:0}stats", "{wa:0}dead", "{wa:0}wake", "{wa:0}workers"];

/// What paces leave behind, for as long as they matter.
const PACE: &str = "{wa:0}pace:";

/// Panics when finished work has left anything else, and empties the database.
pub(super) async fn nothing_is_left(url: &str, patience: Duration) {
    let client = redis::Client::open(url).expect("an address of Redis");
    // A busy machine may take its time over all the keys.
    let patient = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(patience))
        .set_response_timeout(Some(patience));
    let mut redis = client.get_multiplexed_async_connection_with_config(&patient).await.expect("Redis");
    let mut strays: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.expect("keys");
    strays.retain(|key| !BELONGS.iter().any(|known| key.starts_with(known)));
    for key in strays.extract_if(.., |key| key.starts_with(PACE)) {
        let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut redis).await.expect("a time to live");
        assert_ne!(left, -1, "{key} would stay for ever");
    }
    assert!(strays.is_empty(), "finished work left something in Redis: {strays:?}");
    redis::cmd("FLUSHDB").query_async::<()>(&mut redis).await.expect("an empty database");
}
