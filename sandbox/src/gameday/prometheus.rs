//! A Prometheus of our own on loopback, as the one of production but for its clock: our rules, our jobs, and targets in files.
//!
//! It ends when its standard input closes, so that it does not outlive the program that started it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{Instant, interval, timeout};

use super::rules;
use crate::port::free_address;
use crate::process::Role;

/// How long it may take to become ready, or to end.
const READY: Duration = Duration::from_secs(30);

/// Prometheus looks back five minutes for the latest sample of a series.
const LOOKBACK_MILLIS: u64 = 5 * 60 * 1000 / rules::FACTOR;

/// Waits for the end of its own input beside the server.
const GUARD: &str = "\"$@\" & child=$!; cat >/dev/null; kill \"$child\"; wait \"$child\"";

/// The server.
pub(super) struct Prometheus {
    pub(super) url: String,
    room: PathBuf,
    http: reqwest::Client,
    child: Child,
}

/// Where the sources are.
pub(super) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The program, on this machine or unpacked from Debian's package as `.ci/alerts` does it. `None`: it cannot be had.
pub(super) async fn find() -> Option<PathBuf> {
    let unpacked = sources().join("target/prometheus");
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&places)
        .map(|place| place.join("prometheus"))
        .chain([unpacked.join("usr/bin/prometheus")])
        .find(|program| program.is_file());
    if found.is_some() {
        return found;
    }
    let unpack = "mkdir -p \"$1\" && cd \"$1\" && { [ \"$(id -u)\" = 0 ] || as='sudo -n'; } && \
                  { $as apt-get download prometheus || { $as apt-get update && $as apt-get download prometheus; }; } && \
                  dpkg-deb --extract prometheus_*.deb .";
    let mut command = Command::new("sh");
    command.args(["-c", unpack, "sh"]).arg(&unpacked).stdin(Stdio::null()).kill_on_drop(true);
    let done = timeout(Duration::from_mins(3), command.output()).await;
    let program = unpacked.join("usr/bin/prometheus");
    (done.is_ok_and(|done| done.is_ok_and(|output| output.status.success())) && program.is_file())
        .then_some(program)
}

impl Prometheus {
    /// Starts it in this directory; what it scrapes is told by [`Prometheus::watches`].
    pub(super) async fn start(program: &Path, room: &Path) -> Result<Self> {
        let _ = fs::remove_dir_all(room);
        fs::create_dir_all(room)?;
        rules::copy(&sources().join("deploy/prometheus/rules"), &room.join("rules"))?;
        let job = |role: Role| {
            let name = role.argument();
            format!("  - job_name: postly-{name}\n    file_sd_configs: [{{ files: ['{name}.json'] }}]\n")
        };
        let config = format!(
            "global:\n  scrape_interval: {every}ms\n  scrape_timeout: {every}ms\n  evaluation_interval: 1s\n  external_labels: {{ runbook: docs/RUNBOOK.md }}\n\
             rule_files: [rules/*.yml]\nscrape_configs:\n{}{}",
            job(Role::Ingest),
            job(Role::Worker),
            every = 60_000 / rules::FACTOR,
        );
        fs::write(room.join("prometheus.yml"), config)?;
        let address = free_address()?;
        let log = File::create(room.join("log"))?;
        let mut child = Command::new("sh")
            .args(["-c", GUARD, "sh"])
            .arg(program)
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--query.lookback-delta={LOOKBACK_MILLIS}ms"))
            .current_dir(room)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting Prometheus")?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        let url = format!("http://{address}");
        let deadline = Instant::now() + READY;
        let mut turns = interval(Duration::from_millis(100));
        loop {
            turns.tick().await;
            let answer = http.get(format!("{url}/-/ready")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(Self { url, room: room.to_owned(), http, child });
            }
            let log = room.join("log");
            ensure!(child.try_wait()?.is_none(), "Prometheus ended at its start: {}", log.display());
            ensure!(Instant::now() < deadline, "Prometheus is not ready: {}", log.display());
        }
    }

    /// The processes of a role that it scrapes from now on, by the addresses of their operators' listeners.
    pub(super) fn watches(&self, role: Role, addresses: &[&str]) -> Result<()> {
        let targets = serde_json::json!([{ "targets": addresses }]);
        // Whole or not at all: it reads the file the moment it changes.
        let (new, file) = (self.room.join("new"), self.room.join(format!("{}.json", role.argument())));
        fs::write(&new, targets.to_string())?;
        Ok(fs::rename(new, file)?)
    }

    /// The alerts that fire now: name, severity.
    pub(super) async fn firing(&self) -> Result<Vec<(String, String)>> {
        let answer: Value = self.http.get(format!("{}/api/v1/alerts", self.url)).send().await?.json().await?;
        let Some(alerts) = answer["data"]["alerts"].as_array() else {
            bail!("Prometheus has no alerts: {answer}")
        };
        let label = |alert: &Value, name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        Ok(firing.map(|alert| (label(alert, "alertname"), label(alert, "severity"))).collect())
    }

    /// How many series this question finds now.
    pub(super) async fn finds(&self, question: &str) -> Result<usize> {
        let query = self.http.post(format!("{}/api/v1/query", self.url)).form(&[("query", question)]);
        let answer: Value = query.send().await?.json().await?;
        Ok(answer["data"]["result"].as_array().map_or(0, Vec::len))
    }

    /// Ends it.
    pub(super) async fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        timeout(READY, self.child.wait()).await.context("Prometheus did not end")??;
        Ok(())
    }
}
