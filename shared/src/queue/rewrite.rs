//! What was deleted stands in Redis' append-only file until that is written anew, which Redis does by itself only when the file
//! has grown much (redis.conf: `auto-aof-rewrite-percentage`). Whoever was forgotten must not wait for that.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Queue, QueueError, key};

/// Where the moment of the last one is kept, among the figures: milliseconds since 1970.
const MARK: &str = "rewritten";

impl Queue {
    /// Has the file written anew, unless that was begun since `gone`, when the last of what must not be in it was deleted; not
    /// more often than `every`. `false`: there was no need, it is too early, or there is no such file.
    ///
    /// Redis writes it beside its work, and refuses while it is at it, which is an error here: ask again. A server that allows the
    /// command to nobody refuses for good.
    pub async fn rewrite(
        &self,
        gone: DateTime<Utc>,
        every: Duration,
        now: DateTime<Utc>,
    ) -> Result<bool, QueueError> {
        let mut connection = self.connection.clone();
        let mut look = redis::pipe();
        look.cmd("HGET").arg(key("stats")).arg(MARK).cmd("INFO").arg("persistence");
        let (mark, info): (Option<i64>, String) = look.query_async(&mut connection).await?;
        let info: HashMap<&str, &str> = info.lines().filter_map(|line| line.split_once(':')).collect();
        if info.get("aof_enabled") != Some(&"1") {
            return Ok(false);
        }
        let last = mark.and_then(DateTime::from_timestamp_millis);
        let failed = info.get("aof_last_bgrewrite_status") == Some(&"err");
        let early = last.is_some_and(|last| (now - last).to_std().is_ok_and(|since| since < every));
        if early || !failed && last.is_some_and(|last| last > gone) {
            return Ok(false);
        }
        redis::cmd("BGREWRITEAOF").query_async::<()>(&mut connection).await?;
        let mut note = redis::cmd("HSET");
        note.arg(key("stats")).arg(MARK).arg(now.timestamp_millis());
        note.query_async::<()>(&mut connection).await?;
        Ok(true)
    }
}
