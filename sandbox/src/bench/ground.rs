//! What is measured, running: the product's own programs as they are shipped, the reference, and servers as careful as in
//! production.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::bare;
use super::cost::Cost;
use crate::port::free_address;
use crate::servers::{Options, Servers, default_base};
use crate::stage::{
    MASTER_KEY, META_APP_SECRET, META_PHONE_NUMBER_ID, PUBLIC_URL, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN,
    TWILIO_FROM,
};

/// How long a program may take to become ready.
const PATIENCE: Duration = Duration::from_secs(20);

/// Servers, programs, and where they log.
pub struct Ground {
    /// Postgres and Redis.
    pub servers: Servers,
    programs: PathBuf,
    logs: PathBuf,
}

/// A running program. Dropped, it is killed.
pub struct Running {
    /// Where it serves, if it is one that serves.
    pub address: SocketAddr,
    /// What it costs.
    pub cost: Cost,
    /// From the start of the process to its first "ready".
    pub ready_after: Duration,
    child: Child,
}

impl Ground {
    /// Builds the product as it is shipped (without the tests' fault points), in the profile that this program was built in,
    /// and starts the servers.
    pub async fn prepare() -> Result<Self> {
        let exe = std::env::current_exe().context("finding this program")?;
        let programs = exe.parent().context("a directory of programs")?.join("shipped");
        build(&exe, &programs).await?;
        let private = Options { database_url: None, redis_url: None, ..Options::demo(&exe) };
        let servers = Servers::start(private).await?;
        let logs = default_base().with_file_name("bench-logs");
        let _ = std::fs::remove_dir_all(&logs);
        std::fs::create_dir_all(&logs).context("making a directory for logs")?;
        Ok(Self { servers, programs, logs })
    }

    /// Where a program of the product is.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// The reference for ingest.
    pub async fn bare(&self) -> Result<Running> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args([bare::ARGUMENT, &address, &self.servers.redis_url]);
        self.start(command, "bare", &address, &address).await
    }

    /// `postly-ingest`.
    pub async fn ingest(&self) -> Result<Running> {
        let (address, admin) = (free_address()?, free_address()?);
        let mut command = Command::new(self.program("postly-ingest"));
        command.env_clear().envs(self.variables()).env("INGEST_ADDR", &address).env("ADMIN_ADDR", &admin);
        self.start(command, "ingest", &address, &admin).await
    }

    /// `postly-worker` with so many slots, and these variables more.
    pub async fn worker(&self, slots: usize, more: &BTreeMap<String, String>) -> Result<Running> {
        let admin = free_address()?;
        let mut command = Command::new(self.program("postly-worker"));
        command.env_clear().envs(self.variables()).envs(more).env("ADMIN_ADDR", &admin);
        command.env("WORKER_CONCURRENCY", slots.to_string());
        self.start(command, "worker", &admin, &admin).await
    }

    fn variables(&self) -> BTreeMap<&str, String> {
        [
            ("DATABASE_URL", self.servers.database_url.clone()),
            ("REDIS_URL", self.servers.redis_url.clone()),
            ("META_APP_SECRET", META_APP_SECRET.to_owned()),
            ("META_PHONE_NUMBER_ID", META_PHONE_NUMBER_ID.to_owned()),
            ("TWILIO_AUTH_TOKEN", TWILIO_AUTH_TOKEN.to_owned()),
            ("TWILIO_ACCOUNT_SID", TWILIO_ACCOUNT_SID.to_owned()),
            ("TWILIO_WHATSAPP_FROM", TWILIO_FROM.to_owned()),
            ("PUBLIC_URL", PUBLIC_URL.to_owned()),
            ("MASTER_KEY", MASTER_KEY.to_owned()),
            ("MIGRATE", "off".to_owned()),
        ]
        .into()
    }

    /// Starts it, and asks `/readyz` until somebody answers yes; of the reference, which has none, any answer will do.
    async fn start(&self, mut command: Command, name: &str, address: &str, asked: &str) -> Result<Running> {
        let log =
            std::fs::File::options().create(true).append(true).open(self.logs.join(format!("{name}.log")))?;
        let command = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let began = Instant::now();
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let (pid, asked) = (child.id().context("a process")?, asked.parse()?);
        loop {
            if let Some(status) = child.try_wait()? {
                anyhow::bail!("{name} ended at its start ({status}); the log is in {}", self.logs.display());
            }
            if answer(asked, "/readyz").await.is_ok_and(|answer| {
                answer.starts_with("HTTP/1.1 200") || name == "bare" && answer.starts_with("HTTP/1.1 ")
            }) {
                break;
            }
            ensure!(began.elapsed() < PATIENCE, "{name} is not ready; the log is in {}", self.logs.display());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(Running { address: address.parse()?, cost: Cost(pid), ready_after: began.elapsed(), child })
    }
}

impl Running {
    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) -> Result<()> {
        if let Ok(pid) = i32::try_from(self.cost.0) {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM);
        }
        if tokio::time::timeout(PATIENCE, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}

/// One `GET`, all of the answer.
pub async fn answer(to: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(to).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await??;
    Ok(answer)
}

/// Builds the three programs in a target directory of their own features, and puts them where they stay.
async fn build(exe: &Path, into: &Path) -> Result<()> {
    let profile = exe.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    let profile = profile.map_or("release", |name| if name == "debug" { "dev" } else { name });
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    eprintln!("… Building postly-ingest, postly-worker and postly as they are shipped (profile {profile})");
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--profile", profile, "--package", "ingest", "--package", "worker"])
        .arg("--manifest-path")
        .arg(manifest)
        .stdin(Stdio::null())
        .status()
        .await
        .context("running cargo")?;
    ensure!(built.success(), "the product could not be built");
    std::fs::create_dir_all(into)?;
    for name in ["postly-ingest", "postly-worker", "postly"] {
        // A copy: the next build of the sandbox, with fault points, may put another one in its place.
        std::fs::copy(exe.with_file_name(name), into.join(name))
            .with_context(|| format!("keeping {name}"))?;
    }
    Ok(())
}
