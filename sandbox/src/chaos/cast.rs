//! The processes of a storm, and the supervisor that starts each again when it has ended, for whatever reason: as a
//! real one would.

mod orders;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use nix::sys::signal::Signal;
use shared::clock::Clock;
use tokio_util::sync::CancellationToken;

use super::wire::Wire;
use super::{LEASE, POISON};
use crate::process::{Process, Role};
use crate::servers::{Servers, default_base};
use crate::simulators::openai::OpenAi;
use crate::stage::Stage;

const INGESTS: usize = 2;
const WORKERS: usize = 3;

/// How long a process may take to become ready, or to stop.
const READY: Duration = Duration::from_secs(30);

/// How often the supervisor looks.
const TURN: Duration = Duration::from_millis(20);

/// Why a process ended, as far as the storm had a hand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doom {
    None,
    /// `kill -9`.
    Killed,
    /// Asked to stop.
    Asked,
}

/// A place in the cast, and whoever fills it at the moment.
struct Part {
    role: Role,
    variables: BTreeMap<String, String>,
    process: Option<Process>,
    key: String,
    /// The point at which this one dies by itself.
    point: Option<String>,
    doom: Doom,
}

/// When a worker could lose what the model had told it: it died, or stood still.
#[derive(Debug, Clone)]
pub(super) struct Absence {
    /// The key that the worker called the model with; empty for all of them, while Postgres was away.
    pub(super) key: String,
    /// From when.
    pub(super) from: DateTime<Utc>,
    /// Until when; a dead one never comes back.
    pub(super) until: Option<DateTime<Utc>>,
}

/// The processes.
pub(super) struct Cast {
    exe: PathBuf,
    logs: PathBuf,
    openai: OpenAi,
    doors: Vec<String>,
    wires: Vec<(Role, Wire)>,
    parts: Mutex<Vec<Part>>,
    /// Points at which the next ones that start are to die: `(role, point)`.
    points: Mutex<VecDeque<(Role, String)>>,
    absences: Mutex<Vec<Absence>>,
    accidents: Mutex<Vec<String>>,
    clock: Clock,
    starts: AtomicU32,
    /// Processes and servers that were killed.
    pub(super) kills: AtomicU32,
    /// Points at which somebody died.
    pub(super) died_at: Mutex<BTreeMap<String, u32>>,
}

impl Cast {
    /// Starts everybody; returns when all are ready.
    pub(super) async fn enter(
        exe: &Path,
        stage: &Stage,
        servers: &Servers,
        without: &[String],
    ) -> Result<Self> {
        let logs = default_base().with_file_name("chaos-logs");
        let _ = std::fs::remove_dir_all(&logs);
        std::fs::create_dir_all(&logs).context("making a directory for logs")?;
        let mut variables = stage.variables();
        for (name, value) in [
            ("DATABASE_URL", servers.database_url.clone()),
            ("REDIS_URL", servers.redis_url.clone()),
            ("LEASE_SECONDS", LEASE.as_secs().to_string()),
            ("WORKER_CONCURRENCY", "8".to_owned()),
            ("MIGRATE", "off".to_owned()),
            ("LOG_FORMAT", "pretty".to_owned()),
            ("POSTLY_HURRY", "on".to_owned()),
            // Its people write more than people do.
            ("BRIEFS_PER_TEN_MINUTES", "0".to_owned()),
            ("POSTLY_POISON", POISON.to_owned()),
            ("POSTLY_WITHOUT", without.join(",")),
        ] {
            variables.insert(name.to_owned(), value);
        }
        let redis: SocketAddr = servers
            .redis_url
            .trim_start_matches("redis://")
            .trim_end_matches('/')
            .parse()
            .context("the address of Redis")?;
        let mut numbers = fixed_ports(2 * INGESTS + WORKERS).into_iter();
        let mut address = || numbers.next().map(|port| format!("127.0.0.1:{port}")).context("a free port");
        let (mut parts, mut doors, mut wires) = (Vec::new(), Vec::new(), Vec::new());
        for place in 0..INGESTS + WORKERS {
            let role = if place < INGESTS { Role::Ingest } else { Role::Worker };
            let mut variables = variables.clone();
            variables.insert("ADMIN_ADDR".to_owned(), address()?);
            if role == Role::Ingest {
                let door = address()?;
                doors.push(format!("http://{door}"));
                variables.insert("INGEST_ADDR".to_owned(), door);
            }
            // The first of each role is on a wire of its own.
            if place == 0 || place == INGESTS {
                let wire = Wire::to(redis).await?;
                variables.insert("REDIS_URL".to_owned(), format!("redis://{}", wire.address()));
                wires.push((role, wire));
            }
            let (key, point, doom) = (String::new(), None, Doom::None);
            parts.push(Part { role, variables, process: None, key, point, doom });
        }
        let cast = Self {
            exe: exe.to_owned(),
            logs,
            openai: stage.openai.clone(),
            doors,
            wires,
            parts: Mutex::new(Vec::new()),
            points: Mutex::default(),
            absences: Mutex::default(),
            accidents: Mutex::default(),
            clock: Clock::system(),
            starts: AtomicU32::new(0),
            kills: AtomicU32::new(0),
            died_at: Mutex::default(),
        };
        for part in &mut parts {
            cast.start(part)?;
        }
        for part in &mut parts {
            if let Some(process) = &mut part.process {
                process.ready(READY).await?;
            }
        }
        *lock(&cast.parts) = parts;
        Ok(cast)
    }

    /// Where ingest answers.
    pub(super) fn doors(&self) -> Vec<String> {
        self.doors.clone()
    }

    fn start(&self, part: &mut Part) -> Result<()> {
        let number = self.starts.fetch_add(1, Ordering::SeqCst);
        part.key = self.openai.issues_key(&number.to_string());
        part.doom = Doom::None;
        part.point = {
            let mut points = lock(&self.points);
            let place = points.iter().position(|(role, _)| *role == part.role);
            place.and_then(|place| points.remove(place)).map(|(_, point)| point)
        };
        let mut variables = part.variables.clone();
        variables.insert("OPENAI_API_KEY".to_owned(), part.key.clone());
        if let Some(point) = &part.point {
            variables.insert("POSTLY_FAULT".to_owned(), point.clone());
        }
        let log = self.logs.join(format!("{}.log", part.role.argument()));
        part.process = Some(Process::start(&self.exe, part.role, &variables, &log)?);
        Ok(())
    }

    /// Starts again whoever has ended, until told to stop.
    pub(super) async fn supervise(&self, over: CancellationToken) -> Result<()> {
        let mut turns = tokio::time::interval(TURN);
        while !over.is_cancelled() {
            turns.tick().await;
            for part in lock(&self.parts).iter_mut() {
                let exit = part.process.as_mut().map(Process::exit).transpose()?.flatten();
                if let Some(exit) = exit {
                    self.buries(part, exit);
                    self.start(part)?;
                }
            }
        }
        Ok(())
    }

    fn buries(&self, part: &Part, exit: std::process::ExitStatus) {
        let now = self.clock.now();
        lock(&self.absences).push(Absence { key: part.key.clone(), from: now, until: None });
        let signal = exit.signal().and_then(|signal| Signal::try_from(signal).ok());
        match (signal, part.doom) {
            // Or asked before it had begun to listen for that.
            (Some(Signal::SIGKILL), Doom::Killed) | (Some(Signal::SIGTERM), Doom::Asked) => {}
            (Some(Signal::SIGABRT), _) => {
                self.kills.fetch_add(1, Ordering::SeqCst);
                let point =
                    part.point.as_deref().map_or("poison", |point| point.split(':').next().unwrap_or(point));
                *lock(&self.died_at).entry(point.to_owned()).or_default() += 1;
            }
            _ if exit.success() && part.doom == Doom::Asked => {}
            _ => lock(&self.accidents).push(format!("{} ended by itself: {exit}", part.role.argument())),
        }
    }

    /// Ends that nobody had ordered.
    pub(super) fn accidents(&self) -> Vec<String> {
        lock(&self.accidents).clone()
    }

    /// When which worker was gone.
    pub(super) fn absences(&self) -> Vec<Absence> {
        lock(&self.absences).clone()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ports that a process can come back to: below those that outgoing connections get.
fn fixed_ports(count: usize) -> Vec<u16> {
    let first = rand::random_range(20_000..28_000);
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (first..32_000).filter(free).take(count).collect()
}
