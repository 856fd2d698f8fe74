//! The search: for everything that was known of those who are gone, and for everything of those who are not.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use shared::clock::Clock;
use shared::env::Env;
use shared::person::UserId;
use tokio::process::Command;
use tokio::time::{Instant, interval};
use worker::operator::erasure::{self, Findings, Known};
use worker::operator::{Desk, person};

use super::life::Life;
use crate::gameday::Ground;
use crate::stage::vault;

/// How long Redis may take to write its file anew.
const ANEW: Duration = Duration::from_mins(1);

pub(super) fn desk(ground: &Ground) -> Result<Desk> {
    Desk::open(Env::from_values(ground.variables.clone()))
}

/// Looks in every table, under every key, in a dump, in Redis' files and in all logs.
pub(super) async fn everywhere(ground: &Ground, lives: &[Life]) -> Result<Findings> {
    is_written_anew(ground).await?;
    let mut known = Known::default();
    for life in lives {
        // Whoever wrote again has the same number, and is somebody else; the keys of what they had said are not theirs any more.
        known.extend(life.known().cloned().unwrap_or_default());
    }
    for number in still_there(ground).await? {
        known.forget(&number);
    }
    let mut files = vec![dump(ground).await?];
    for place in [ground.logs(), &ground.directory()?.join("redis")] {
        collect(place, &mut files)?;
    }
    ensure!(files.len() >= 4, "hardly a file to look through: {files:?}");
    erasure::scan(&desk(ground)?, &known, &files).await
}

/// The names of those whom the books know: a number may have come back.
async fn still_there(ground: &Ground) -> Result<Vec<String>> {
    let mut db = ground.pool.acquire().await?;
    let accounts: Vec<String> =
        sqlx::query_scalar("select distinct user_id from wa.identity").fetch_all(&mut *db).await?;
    // By what they are found as well, which is the same for whoever has them.
    let mut there: Vec<String> =
        sqlx::query_scalar("select value from wa.identity").fetch_all(&mut *db).await?;
    for account in accounts.into_iter().map(UserId::from_stored) {
        let names = shared::person::names(&mut db, &vault(), &account).await?;
        there.extend(names.into_iter().map(|name| name.value.trim_start_matches('+').to_owned()));
    }
    Ok(there)
}

/// Waits until Redis has written its file anew since the last of them was forgotten.
async fn is_written_anew(ground: &Ground) -> Result<()> {
    let client = redis::Client::open(ground.servers.redis_url.as_str())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let last: i64 =
        sqlx::query_scalar("select (extract(epoch from max(done_at)) * 1000)::bigint from wa.erasure")
            .fetch_one(&ground.pool)
            .await?;
    let deadline = Instant::now() + ANEW;
    let mut turns = interval(Duration::from_millis(200));
    loop {
        turns.tick().await;
        let mut look = redis::pipe();
        look.cmd("HGET").arg("{wa:0}stats").arg("rewritten").cmd("INFO").arg("persistence");
        let (mark, info): (Option<i64>, String) = look.query_async(&mut connection).await?;
        let idle = ["aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0"];
        if mark.is_some_and(|mark| mark >= last) && idle.iter().all(|idle| info.contains(idle)) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "Redis does not write its file anew");
    }
}

/// A dump of all tables, as somebody makes one for a backup.
async fn dump(ground: &Ground) -> Result<PathBuf> {
    let path = ground.logs().join("dump.sql");
    let program = pg_dump().context("no pg_dump is to be found beside Postgres")?;
    let done = Command::new(program)
        .arg(format!("--file={}", path.display()))
        .arg(&ground.servers.database_url)
        .stdin(Stdio::null())
        .output()
        .await?;
    ensure!(done.status.success(), "pg_dump: {}", String::from_utf8_lossy(&done.stderr));
    Ok(path)
}

/// Where Debian puts it, the newest version first; or wherever PATH leads.
fn pg_dump() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut programs: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin/pg_dump")).filter(|path| path.is_file()).collect();
    programs.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    programs.pop().or_else(|| {
        std::env::split_paths(&path).map(|place| place.join("pg_dump")).find(|path| path.is_file())
    })
}

fn collect(place: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(place).with_context(|| place.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if !files.contains(&path) {
            files.push(path);
        }
    }
    Ok(())
}

/// What somebody misses who is not forgotten.
pub(super) async fn the_others(ground: &Ground, lives: &[Life]) -> Result<Vec<String>> {
    let (desk, mut missing) = (desk(ground)?, Vec::new());
    for (account, word) in lives.iter().filter_map(Life::stays) {
        let all = person::export(&desk, account, Clock::system().now()).await?;
        let written = all["generations"].as_array().map_or(0, Vec::len);
        let credits = all["account"]["credits"].as_i64().unwrap_or(-1);
        let paid = all["ledger"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|line| line["delta"].as_i64())
            .sum::<i64>();
        if written == 0 || !all.to_string().contains(word) || credits != paid {
            missing
                .push(format!("{word}: {written} generation(s), {credits} credit(s), {paid} in the ledger"));
        }
    }
    Ok(missing)
}
