//! Under which conditions figures were taken: without them no figure means anything.

use super::instrument::Instrument;

/// One line about this machine and this program.
#[must_use]
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or("?".to_owned(), |cores| cores.to_string());
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!("{cores} cores, load of the last minute {}, {build} build", load())
}

/// The kernel's load of the last minute, where it says so.
fn load() -> String {
    let average = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    average.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// The machine, and how careful this Redis is.
pub async fn with_redis(redis: &mut Instrument) -> anyhow::Result<String> {
    let version = redis.word("server", "redis_version").await?;
    let aof = redis.setting("appendonly").await?;
    let fsync = redis.setting("appendfsync").await?;
    Ok(format!("{}; Redis {version}, appendonly {aof}, appendfsync {fsync}", machine()))
}
