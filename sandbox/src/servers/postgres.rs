//! The recipe of a private Postgres: a cluster made by `initdb` for this run alone.
//!
//! It listens on 127.0.0.1 only and asks for a password that nobody but the holder of its address knows. Nothing
//! of it lies outside of its room but a few bytes of shared memory, which a killed server cannot give back itself.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;
use tokio::{process::Command, time::timeout};

use super::{
    account::Account,
    directory::RunDirectory,
    instance::{LIMIT, Recipe, plain_command, private_file, quote_end},
    programs::PostgresPrograms,
};

/// The owner of everything in the cluster.
const USER: &str = "sandbox";
/// The first knows the upper and lower case of every language, the second exists everywhere.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];
/// What `initdb` says when the system does not have a locale.
const NO_SUCH_LOCALE: &str = "invalid locale";

/// A cluster on disk and how to serve it.
#[derive(Debug)]
pub struct Postgres {
    programs: PostgresPrograms,
    account: Option<Account>,
    data: PathBuf,
    password: String,
    connections: u16,
    durable: bool,
}

impl Postgres {
    /// Makes a new, empty cluster. Takes about a second.
    pub async fn create(
        programs: PostgresPrograms,
        directory: &RunDirectory,
        connections: u16,
        durable: bool,
    ) -> Result<Self> {
        let account = Account::for_postgres()?;
        let room = match account {
            Some(account) => directory.room_for("postgres", account)?,
            None => directory.room("postgres")?,
        };
        let password = hex::encode(rand::random::<[u8; 16]>());
        let postgres = Self { programs, account, data: room.join("data"), password, connections, durable };
        let password_file = room.join("password");
        private_file(&password_file)?.write_all(postgres.password.as_bytes())?;
        if let Some(account) = account {
            account.owns(&password_file)?;
        }
        postgres.initdb(&password_file).await?;
        fs::remove_file(&password_file)?;
        Ok(postgres)
    }

    async fn initdb(&self, password_file: &Path) -> Result<()> {
        let mut complaint = String::new();
        for locale in LOCALES {
            let mut command = self.plain_command(&self.programs.initdb);
            command
                .args(["--encoding=UTF8", "--no-sync", "--auth=password"])
                .arg(format!("--username={USER}"))
                .arg(format!("--locale={locale}"))
                .arg("--pwfile")
                .arg(password_file)
                .arg("--pgdata")
                .arg(&self.data)
                .stdin(Stdio::null())
                .kill_on_drop(true);
            let ended = timeout(LIMIT, command.output()).await;
            let output = ended
                .with_context(|| format!("initdb does not end in {} s", LIMIT.as_secs()))?
                .with_context(|| format!("cannot run {}", self.programs.initdb.display()))?;
            if output.status.success() {
                return Ok(());
            }
            complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            if !complaint.contains(NO_SUCH_LOCALE) {
                break;
            }
        }
        bail!("initdb failed:{}", quote_end(&complaint))
    }

    /// A command under the right account, in a directory that every account can enter.
    fn plain_command(&self, program: &Path) -> Command {
        let mut command = plain_command(program);
        command.current_dir("/");
        if let Some(account) = self.account {
            account.takes(command.as_std_mut());
        }
        command
    }

    fn pid_file(&self) -> PathBuf {
        self.data.join("postmaster.pid")
    }
}

impl Recipe for Postgres {
    const NAME: &'static str = "Postgres";
    // "Fast": running transactions are rolled back, then a checkpoint (Postgres documentation, "Shutting Down the
    // Server").
    const STOP: Signal = Signal::SIGINT;
    // "Immediate": nothing is written any more.
    const END: Signal = Signal::SIGQUIT;

    fn command(&self, port: u16) -> Command {
        let mut command = self.plain_command(&self.programs.postgres);
        command.arg("-D").arg(&self.data).arg("-p").arg(port.to_string());
        let mut set = |setting: &str| {
            command.args(["-c", setting]);
        };
        set("listen_addresses=127.0.0.1");
        set("unix_socket_directories=");
        set(&format!("max_connections={}", self.connections));
        set("timezone=UTC");
        set("log_timezone=UTC");
        // Files in the room instead of segments in /dev/shm, which a killed server would leave there.
        set("dynamic_shared_memory_type=mmap");
        if !self.durable {
            // Not synchronous_commit: without fsync it costs next to nothing, and with it a commit that was
            // acknowledged survives `kill -9` of the server, which tests rely on.
            set("fsync=off");
            set("full_page_writes=off");
        }
        command
    }

    fn directory(&self) -> &Path {
        &self.data
    }

    fn url(&self, port: u16) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{port}/postgres", self.password)
    }

    /// All processes of the server are known to be gone, but its process id may be somebody else's by now, and
    /// then Postgres would not start.
    fn tidy(&self) -> Result<()> {
        if self.pid_file().exists() {
            fs::remove_file(self.pid_file())?;
        }
        Ok(())
    }

    /// As `pg_ctl --wait` finds out: the eighth line of `postmaster.pid` is the state, the first the process.
    async fn is_ready(&self, pid: u32, _port: u16) -> bool {
        let Ok(text) = fs::read_to_string(self.pid_file()) else { return false };
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.first() == Some(&pid.to_string().as_str()) && lines.get(7) == Some(&"ready")
    }

    /// A killed server leaves its pid file and a small System V segment. The next server on the same data takes
    /// the segment over and gives it back: one that has nothing to do and nobody to serve is enough.
    async fn reclaim(&self) {
        if !self.pid_file().exists() || self.tidy().is_err() {
            return;
        }
        let mut command = self.plain_command(&self.programs.postgres);
        command.arg("--single").arg("-D").arg(&self.data).arg("postgres");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        if let Ok(mut child) = command.spawn() {
            // When it fails, some fifty bytes stay until the machine restarts: not worth an error.
            let _ = timeout(LIMIT, child.wait()).await;
        }
    }
}
