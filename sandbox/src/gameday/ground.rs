//! The system of a game day, and of whoever else wants one that runs for a while: private servers, simulators, one ingest, one worker, and whoever else is called for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use nix::sys::signal::Signal;
use shared::clock::Clock;
use shared::db;
use shared::message::Provider;
use shared::queue::{Queue, QueueSettings};
use shared::spill;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use crate::person::Person;
use crate::port::free_address;
use crate::process::{Process, Role};
use crate::servers::{Options, Servers, default_base};
use crate::simulators::openai::Model;
use crate::simulators::receipts::Statuses;
use crate::stage::Stage;

/// How long a process may take to become ready, or to stop.
const READY: Duration = Duration::from_mins(1);

/// The lease: whoever kills a worker wants to see what becomes of its messages.
const LEASE: Duration = Duration::from_secs(2);

/// The system.
pub(crate) struct Ground {
    pub(crate) stage: Stage,
    pub(crate) servers: Servers,
    pub(crate) pool: PgPool,
    pub(crate) queue: Queue,
    pub(crate) clock: Clock,
    /// Where ingest answers.
    pub(crate) door: String,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) ingest: Process,
    pub(crate) worker: Process,
    /// One more worker.
    pub(crate) extra: Option<Process>,
    /// What goes on until it is undone.
    pub(crate) aside: JoinSet<()>,
    /// What goes on until the end of the day.
    pub(crate) ordinary: JoinSet<()>,
    exe: PathBuf,
    logs: PathBuf,
    admins: [String; 2],
    people: AtomicUsize,
}

impl Ground {
    /// Starts all of it; its processes write into the directory of this name.
    pub(crate) async fn open(logs: &str) -> Result<Self> {
        let exe = std::env::current_exe().context("finding this program")?;
        let logs = default_base().with_file_name(logs);
        let _ = std::fs::remove_dir_all(&logs);
        std::fs::create_dir_all(&logs).context("making a directory for logs")?;
        // Its own servers, whatever the environment names: it takes them away.
        let options = Options { database_url: None, redis_url: None, ..Options::demo(&exe) };
        let servers = Servers::start(options).await?;
        let stage = Stage::open().await.context("opening the simulated providers")?;
        stage.statuses(Statuses::Delayed(Duration::from_millis(100)));
        let clock = Clock::system();
        stage.openai.models(models(&clock, TimeDelta::days(400)));
        let admins = [free_address()?, free_address()?];
        let door = free_address()?;
        let mut variables = stage.variables();
        for (name, value) in [
            ("DATABASE_URL", servers.database_url.clone()),
            ("REDIS_URL", servers.redis_url.clone()),
            ("INGEST_ADDR", door.clone()),
            ("LEASE_SECONDS", LEASE.as_secs().to_string()),
            ("WORKER_CONCURRENCY", "8".to_owned()),
            ("LOG_FORMAT", "pretty".to_owned()),
            // What takes minutes in production takes seconds, as in the rules of the day.
            ("POSTLY_HURRY", "on".to_owned()),
            ("BRIEFS_PER_TEN_MINUTES", "0".to_owned()),
            // So that one can come from several addresses.
            ("TRUSTED_PROXIES", "127.0.0.1".to_owned()),
            // A quarter for numbers that begin alike: one.
            ("OTP_CODES_PER_HOUR", "4".to_owned()),
        ] {
            variables.insert(name.to_owned(), value);
        }
        let start = |role: Role, admin: &str| {
            let mut variables = variables.clone();
            variables.insert("ADMIN_ADDR".to_owned(), admin.to_owned());
            Process::start(&exe, role, &variables, &logs.join(format!("{}.log", role.argument())))
        };
        let (mut ingest, mut worker) = (start(Role::Ingest, &admins[0])?, start(Role::Worker, &admins[1])?);
        tokio::try_join!(ingest.ready(READY), worker.ready(READY))?;
        let pool = PgPool::connect(&servers.database_url).await.context("connecting to Postgres")?;
        db::migrate(&pool, &crate::stage::vault()).await.context("migrating the database")?;
        let settings =
            QueueSettings { lease: LEASE, vault: Some(crate::stage::vault()), ..QueueSettings::default() };
        let queue = Queue::open(&servers.redis_url.clone().into(), settings)?;
        let door = format!("http://{door}");
        stage.calls(&door);
        let (extra, aside, ordinary, people) = (None, JoinSet::new(), JoinSet::new(), AtomicUsize::new(1));
        Ok(Self {
            stage,
            servers,
            pool,
            queue,
            clock,
            door,
            variables,
            ingest,
            worker,
            extra,
            aside,
            ordinary,
            exe,
            logs,
            admins,
            people,
        })
    }

    /// Where ingest tells operators, and where the worker does.
    pub(crate) fn admins(&self) -> [&str; 2] {
        [&self.admins[0], &self.admins[1]]
    }

    /// Where its processes write their logs.
    pub(crate) fn logs(&self) -> &Path {
        &self.logs
    }

    /// Where its servers keep their data.
    pub(crate) fn directory(&self) -> Result<PathBuf> {
        self.servers.directory.clone().context("servers without a directory of their own")
    }

    /// Somebody new, who can pay for some posts.
    pub(crate) async fn person(&self, provider: Provider) -> Person {
        let number = format!("+3363998{:04}", self.people.fetch_add(1, Ordering::Relaxed) % 10_000);
        Person::new(&self.stage, &self.pool, provider, &number, "Camille Durand").with_credits(5).await
    }

    /// So many people write this to Meta's number, all at once.
    pub(crate) async fn say(&self, people: usize, text: &str) {
        let all = (0..people).map(|_| self.person(Provider::Meta));
        let all = futures_util::future::join_all(all).await;
        futures_util::future::join_all(all.iter().map(|person| person.says(text))).await;
    }

    /// From now on somebody asks for posts every second, as on any day.
    pub(crate) async fn lives_on(&mut self, text: &'static str) {
        let all = (0..120).map(|_| self.person(Provider::Meta));
        let people = futures_util::future::join_all(all).await;
        self.ordinary.spawn(async move {
            let mut turns = interval(Duration::from_secs(1));
            for person in people {
                turns.tick().await;
                person.says(text).await;
            }
        });
    }

    /// Starts a process of this role where the last one was, with further variables.
    pub(crate) async fn starts(&mut self, role: Role) -> Result<()> {
        let mut variables = self.variables.clone();
        variables.insert("ADMIN_ADDR".to_owned(), self.admins[usize::from(role == Role::Worker)].clone());
        let mut process = self.process(role, &variables)?;
        process.ready(READY).await?;
        match role {
            Role::Ingest => self.ingest = process,
            Role::Worker => self.worker = process,
        }
        Ok(())
    }

    /// The worker is asked to stop, and another takes its place.
    pub(crate) async fn starts_worker_anew(&mut self) -> Result<()> {
        self.worker.signal(Signal::SIGTERM);
        self.worker.ended(READY).await?;
        self.starts(Role::Worker).await
    }

    /// A process of this role with exactly these variables.
    pub(crate) fn process(&self, role: Role, variables: &BTreeMap<String, String>) -> Result<Process> {
        Process::start(&self.exe, role, variables, &self.logs.join(format!("{}.log", role.argument())))
    }

    /// One command to Redis.
    pub(crate) async fn redis(&self, words: &[&str]) -> Result<()> {
        let client = redis::Client::open(self.servers.redis_url.as_str())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let _: redis::Value = command.query_async(&mut connection).await?;
        Ok(())
    }

    /// The operator has looked at every dead letter.
    pub(crate) async fn discards_dead_letters(&self) -> Result<()> {
        for letter in self.queue.dead_letters(None, 1000).await? {
            self.queue.discard(&letter.id).await?;
        }
        Ok(())
    }

    /// Waits until nothing is queued, spilled or being worked on.
    pub(crate) async fn is_quiet(&self) -> Result<()> {
        let deadline = Instant::now() + READY;
        let mut turns = interval(Duration::from_millis(100));
        loop {
            turns.tick().await;
            let figures = self.queue.figures().await;
            let spilled = spill::depth(&self.pool).await;
            if figures.is_ok_and(|figures| figures.lanes == 0) && spilled.is_ok_and(|spilled| spilled == 0) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "it does not become quiet");
        }
    }

    /// Stops everything.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.aside.shutdown().await;
        self.ordinary.shutdown().await;
        for process in
            [Some(&mut self.worker), Some(&mut self.ingest), self.extra.as_mut()].into_iter().flatten()
        {
            process.signal(Signal::SIGCONT);
            process.signal(Signal::SIGTERM);
        }
        for process in
            [Some(&mut self.worker), Some(&mut self.ingest), self.extra.as_mut()].into_iter().flatten()
        {
            let _ = process.ended(READY).await;
        }
        self.stage.close().await;
        self.pool.close().await;
        self.servers.stop().await
    }
}

/// The models on offer, whose end is so far away.
pub(crate) fn models(clock: &Clock, end: TimeDelta) -> Vec<Model> {
    let day = (clock.now() + end).format("%Y-%m-%d").to_string();
    let models = Model::current().into_iter();
    models.map(|model| Model { shutdown_date: model.shutdown_date.and(Some(day.clone())), ..model }).collect()
}
