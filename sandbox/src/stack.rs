//! The demo's system: private servers, simulators, one ingest and one worker as processes of their own.
//!
//! Whatever the environment configures for real (a model, a provider) is used for real, and its simulator stays out
//! of the way.

pub mod supervisor;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use shared::db;
use shared::env::Env;
use shared::message::Provider;
use shared::queue::{Queue, QueueSettings};
use sqlx::PgPool;
use tokio::time::timeout;

use crate::port::free_address;
use crate::process::{Process, Role};
use crate::servers::{Options, Servers, default_base};
use crate::simulators::receipts::Statuses;
use crate::stage::{Stage, vault};

use supervisor::Supervisor;

/// How long a process of ours may take to become ready. Migrations of an empty database are part of it.
const READY: Duration = Duration::from_secs(30);

/// How long a server may take to show that it is there, and how long a process may take to end without it.
const AWAY: Duration = Duration::from_secs(2);

/// The lease in seconds, unless the operator says otherwise: whoever kills a worker wants to see another one take over.
const LEASE: &str = "5";

/// What is real, by the variables that make it so.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for one of the simulators")]
pub struct Reality {
    /// `OPENAI_API_KEY` or `OPENAI_BASE_URL` is set.
    pub model: bool,
    /// `META_ACCESS_TOKEN` and `META_APP_SECRET` are set.
    pub meta: bool,
    /// `TWILIO_ACCOUNT_SID` and `TWILIO_AUTH_TOKEN` are set.
    pub twilio: bool,
    /// `STRIPE_SECRET_KEY` and `STRIPE_WEBHOOK_SECRET` are set.
    pub stripe: bool,
}

impl Reality {
    /// What the environment asks for.
    #[must_use]
    pub fn of(env: &Env) -> Self {
        let has = |name: &str| env.text(name).is_some();
        Self {
            model: has("OPENAI_API_KEY") || has("OPENAI_BASE_URL"),
            meta: has("META_ACCESS_TOKEN") && has("META_APP_SECRET"),
            twilio: has("TWILIO_ACCOUNT_SID") && has("TWILIO_AUTH_TOKEN"),
            stripe: has("STRIPE_SECRET_KEY") && has("STRIPE_WEBHOOK_SECRET"),
        }
    }

    /// Whether a provider is the real one.
    #[must_use]
    pub fn of_provider(self, provider: Provider) -> bool {
        match provider {
            Provider::Meta => self.meta,
            Provider::Twilio => self.twilio,
        }
    }
}

/// Variables of the operator that the demo's processes keep, by prefix.
const KEPT: [&str; 18] = [
    "OPENAI_",
    "META_",
    "TWILIO_",
    "STRIPE_",
    "CREDIT_PACKS",
    "MODEL_PRICES",
    "DAILY_CAP_",
    "NEXTAUTH_URL",
    "PUBLIC_URL",
    "WHATSAPP_PROVIDER",
    "DEFAULT_REGION",
    "OTP_",
    "WORKER_CONCURRENCY",
    "LEASE_SECONDS",
    // Who walks through the demo by a program does not wait a minute and a half for a message to die.
    "POSTLY_HURRY",
    "RUST_LOG",
    "HTTP",
    "SSL_CERT",
];

/// The running system.
pub struct Stack {
    /// The simulators.
    pub stage: Stage,
    /// What is not simulated.
    pub reality: Reality,
    /// The books.
    pub pool: PgPool,
    /// The queue.
    pub queue: Queue,
    /// Where ingest answers.
    pub ingest_url: String,
    /// Where ingest and worker write their logs.
    pub logs: PathBuf,
    /// How long a dead worker keeps its messages.
    pub lease: Duration,
    /// Postgres and Redis.
    pub servers: Servers,
    /// The worker, and who starts it again.
    pub worker: Supervisor,
    /// Where the worker tells operators how it is, whichever one runs.
    pub operator_url: String,
    ingest: Process,
}

impl Stack {
    /// Starts everything; returns when the first message could be sent. `says` tells a person how far it is. `web` is the
    /// address that a simulated payment leads back to, in place of the web app's.
    pub async fn start(web: &str, says: impl Fn(&str)) -> Result<Self> {
        let exe = std::env::current_exe().context("finding this program")?;
        // Beside the servers' data, which vanishes at the end: the logs of the last run stay to be read.
        let logs = default_base().with_file_name("demo-logs");
        Self::start_with(Options::demo(&exe), &exe, logs, web, says).await
    }

    /// The same with these servers, `exe` being the sandbox's own program, and logs in a directory that is emptied.
    pub async fn start_with(
        options: Options,
        exe: &Path,
        logs: PathBuf,
        web: &str,
        says: impl Fn(&str),
    ) -> Result<Self> {
        let env = Env::of_process();
        let reality = Reality::of(&env);
        says("Starting Postgres and Redis");
        let servers = Servers::start(options).await?;
        let stage = Stage::open().await.context("opening the simulated providers")?;
        stage.statuses(Statuses::Delayed(Duration::from_millis(150)));
        let ingest_addr = match env.text("INGEST_ADDR") {
            Some(addr) => addr,
            None if reality.meta || reality.twilio => "127.0.0.1:8080".to_owned(),
            None => free_address()?,
        };
        let variables = variables(&stage, &servers, reality, (&ingest_addr, web));
        let _ = std::fs::remove_dir_all(&logs);
        std::fs::create_dir_all(&logs).context("making a directory for logs")?;
        says("Starting ingest and a worker");
        let mut ingest = Process::start(exe, Role::Ingest, &variables, &logs.join("ingest.log"))?;
        // The next worker answers where this one did, so that an operator's page survives it.
        let mut variables = variables;
        variables.insert("ADMIN_ADDR".to_owned(), free_address()?);
        let mut worker = Process::start(exe, Role::Worker, &variables, &logs.join("worker.log"))?;
        let operator_url = worker.admin_url().to_owned();
        let ready = async { tokio::try_join!(ingest.ready(READY), worker.ready(READY)) };
        if let Err(error) = ready.await {
            let tail = |name: &str| {
                let text = std::fs::read_to_string(logs.join(name)).unwrap_or_default();
                text.lines()
                    .rev()
                    .take(4)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect::<Vec<_>>()
                    .join("\n")
            };
            anyhow::bail!("{error}\n{}\n{}", tail("ingest.log"), tail("worker.log"));
        }
        let pool = PgPool::connect(&servers.database_url).await.context("connecting to Postgres")?;
        db::migrate(&pool, &vault()).await.context("migrating the database")?;
        let settings = QueueSettings { vault: Some(vault()), ..QueueSettings::default() };
        let queue = Queue::open(&servers.redis_url.clone().into(), settings)?;
        let ingest_url = format!("http://{}", ingest_addr.replace("0.0.0.0", "127.0.0.1"));
        stage.calls(&ingest_url);
        if let Some(public_url) = env.text("PUBLIC_URL") {
            stage.twilio.public_url(format!("{}/api/whatsapp/webhook", public_url.trim_end_matches('/')));
        }
        // The worker has refused what is no number.
        let lease = variables.get("LEASE_SECONDS").and_then(|seconds| seconds.trim().parse().ok());
        let lease = Duration::from_secs(lease.unwrap_or_default());
        let (exe, log) = (exe.to_owned(), logs.join("worker.log"));
        let again = move || Process::start(&exe, Role::Worker, &variables, &log);
        let worker = Supervisor::over(worker, again);
        Ok(Self {
            stage,
            reality,
            pool,
            queue,
            ingest_url,
            logs,
            lease,
            servers,
            worker,
            operator_url,
            ingest,
        })
    }

    /// Where ingest tells operators how it is.
    #[must_use]
    pub fn ingest_admin_url(&self) -> &str {
        self.ingest.admin_url()
    }

    /// Stops everything, in the order in which nothing is lost.
    pub async fn stop(mut self) -> Result<()> {
        let (redis, postgres) =
            tokio::join!(timeout(AWAY, self.queue.ping()), timeout(AWAY, self.pool.acquire()));
        let both = matches!((redis, postgres), (Ok(Ok(())), Ok(Ok(_))));
        // Without its servers nobody finishes anything, and nobody at a terminal waits for that.
        let within = if both { READY } else { AWAY };
        self.ingest.signal(nix::sys::signal::Signal::SIGTERM);
        let _ = tokio::join!(self.ingest.ended(within), self.worker.stop(within));
        self.stage.close().await;
        self.pool.close().await;
        self.servers.stop().await
    }
}

/// What the processes are told: the operator's own variables where something is real, the simulators' elsewhere.
fn variables(
    stage: &Stage,
    servers: &Servers,
    reality: Reality,
    (ingest_addr, web): (&str, &str),
) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| KEPT.iter().any(|kept| name.starts_with(kept)))
        .collect();
    let mut simulated = stage.variables();
    simulated.insert("NEXTAUTH_URL".to_owned(), web.to_owned());
    for (name, value) in simulated {
        let real = (name.starts_with("OPENAI_") && reality.model)
            || (name.starts_with("META_") && reality.meta)
            || (name.starts_with("TWILIO_") && reality.twilio)
            || (name == "PUBLIC_URL" && reality.twilio)
            || ((name.starts_with("STRIPE_") || name == "NEXTAUTH_URL") && reality.stripe);
        if !real {
            variables.remove(&format!("{name}_FILE"));
            variables.insert(name, value);
        }
    }
    variables.entry("LEASE_SECONDS".to_owned()).or_insert_with(|| LEASE.to_owned());
    for (name, value) in [
        ("DATABASE_URL", servers.database_url.as_str()),
        ("REDIS_URL", servers.redis_url.as_str()),
        ("INGEST_ADDR", ingest_addr),
        ("LOG_FORMAT", "pretty"),
    ] {
        variables.insert(name.to_owned(), value.to_owned());
    }
    variables
}
