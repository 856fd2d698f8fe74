//! A test's world: a database and a queue of its own, ingest, workers, simulators, and people.
//!
//! When the test is over the world becomes quiet and its books are checked, so that every test checks them.

mod ground;
mod leftovers;
mod queue;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ingest::App;
use shared::clock::Clock;
use shared::env::Env;
use shared::message::Provider;
use shared::queue::{Queue, QueueSettings};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use worker::Worker;
use worker::policy::{self, Backoff, Patience};

use crate::person::Person;
use crate::process::{Process, Role};
use crate::stage::Stage;

pub use ground::Ground;
pub use queue::{BareQueue, Contents, DeadLetter, queue};

/// The longest that a world may take to become quiet after a test.
const QUIET: Duration = Duration::from_secs(30);

/// How often a world's chores come round: soon enough for a test that waits for one, and not so often that hundreds of worlds
/// do little else.
const CHORES: Duration = Duration::from_millis(500);

/// Connections of a worker with eight slots. Each one is a process of Postgres, and a world lives for a second.
const CONNECTIONS: u32 = 6;

/// The world.
pub struct Sandbox {
    /// The providers and the model.
    pub stage: Stage,
    /// The books.
    pub pool: PgPool,
    /// The queue.
    pub queue: Queue,
    /// The time of ingest and of the workers in this process.
    pub clock: Clock,
    /// Where ingest answers.
    pub ingest: String,
    /// The variables of every process.
    pub variables: BTreeMap<String, String>,
    /// The patience of the workers that start in this process from now on.
    pub patience: Patience,
    /// Where processes of their own write their logs from now on.
    pub log: PathBuf,
    exe: PathBuf,
    workers: Vec<(CancellationToken, JoinHandle<anyhow::Result<()>>)>,
    door: CancellationToken,
    people: AtomicU32,
}

/// Runs a test in a world of its own, with one worker already there.
pub async fn run(ground: &'static Ground, test: impl AsyncFnOnce(&mut Sandbox)) {
    run_without_worker(ground, async |sandbox: &mut Sandbox| {
        sandbox.starts_worker();
        test(sandbox).await;
    })
    .await;
}

/// Runs a test in a world in which nobody works yet.
pub async fn run_without_worker(ground: &'static Ground, test: impl AsyncFnOnce(&mut Sandbox)) {
    let place = ground.place().await;
    let mut sandbox = Sandbox::open(ground, place.redis_url().await).await;
    let database = sandbox.variables["DATABASE_URL"].clone();
    test(&mut sandbox).await;
    sandbox.ends().await;
    ground.drops(&database).await;
}

impl Sandbox {
    async fn open(ground: &Ground, redis_url: String) -> Self {
        let stage = Stage::open().await.expect("the simulators");
        let mut variables = stage.variables();
        variables.insert("DATABASE_URL".to_owned(), ground.database().await);
        variables.insert("REDIS_URL".to_owned(), redis_url);
        variables.insert("LEASE_SECONDS".to_owned(), "1".to_owned());
        variables.insert("MIGRATE".to_owned(), "off".to_owned());
        // A test that says much is about something else.
        variables.insert("BRIEFS_PER_TEN_MINUTES".to_owned(), "0".to_owned());
        // So that a test can say from where a browser calls.
        variables.insert("TRUSTED_PROXIES".to_owned(), "127.0.0.1".to_owned());
        let pool = PgPool::connect(&variables["DATABASE_URL"]).await.expect("the database of a test");
        let settings = QueueSettings {
            lease: Duration::from_secs(1),
            vault: Some(crate::stage::vault()),
            ..QueueSettings::default()
        };
        let queue =
            Queue::open(&variables["REDIS_URL"].clone().into(), settings).expect("an address of Redis");
        assert_eq!(
            queue.figures().await.expect("Redis").lanes,
            0,
            "the queue of a test must be empty: is it another's?"
        );
        let clock = Clock::system();
        let door = CancellationToken::new();
        let ingest = serve(app(&variables, &clock), &door).await;
        stage.calls(&ingest);
        let patience = Patience {
            typing_again: Duration::from_secs(2),
            attempts: 3,
            retry: Backoff { first: Duration::from_millis(20), longest: Duration::from_millis(100) },
            unknown_deadline: Duration::from_secs(3),
            unknown_poll: Duration::from_millis(50),
            send_timeout: Duration::from_secs(2),
            send_deadline: Duration::from_secs(20),
            longest_pause: Duration::from_millis(200),
            // A test that says much to one person is not about paces.
            pair_every: Duration::from_millis(1),
            pair_burst: policy::PAIR_BURST,
            pair_pause: Duration::from_millis(10),
            operator_pause: Duration::from_millis(200),
            operator_deadline: Duration::from_secs(20),
            moment: Duration::ZERO,
            busy_after: policy::BUSY_AFTER,
            busy_period: CHORES,
            model_timeout: Duration::from_secs(5),
            sweep_period: CHORES,
            erase_period: CHORES,
            rewrite_every: policy::REWRITE_EVERY,
            // A test that is about it says so: nothing of any other is old enough.
            retain_period: policy::RETAIN_PERIOD,
            retain_batch: policy::RETAIN_BATCH,
            sweep_age: Duration::from_mins(10),
            reconcile_period: CHORES,
            stands_still: policy::STANDS_STILL,
        };
        let exe = ground.exe().to_owned();
        Self {
            stage,
            pool,
            queue,
            clock,
            ingest,
            variables,
            patience,
            log: crate::servers::default_base().with_file_name("test-processes.log"),
            exe,
            workers: Vec::new(),
            door,
            people: AtomicU32::new(1),
        }
    }

    /// Somebody new, through this provider.
    #[must_use]
    pub fn person(&self, provider: Provider) -> Person {
        let number = self.people.fetch_add(1, Ordering::SeqCst);
        Person::new(&self.stage, &self.pool, provider, &format!("+336399800{number:02}"), "Camille Durand")
    }

    /// One more worker, inside this process.
    pub fn starts_worker(&mut self) {
        let mut config = worker::config::Config::from_env(Env::from_values(self.variables.clone()))
            .expect("a configuration");
        config.connections = CONNECTIONS;
        let worker = Worker::new(&config, self.clock.clone(), self.patience.clone()).expect("a worker");
        let stop = CancellationToken::new();
        self.workers.push((stop.clone(), tokio::spawn(worker.run(8, stop))));
    }

    /// Every worker of this process is asked to stop, and does.
    pub async fn stops_workers(&mut self) {
        for (stop, running) in self.workers.drain(..) {
            stop.cancel();
            running.await.expect("a worker does not panic").expect("a worker stops in order");
        }
    }

    /// A worker as a process of its own, with further variables.
    #[must_use]
    pub fn worker_process(&self, further: &[(&str, &str)]) -> Process {
        self.process(Role::Worker, further)
    }

    /// An ingest as a process of its own, with further variables.
    #[must_use]
    pub fn ingest_process(&self, further: &[(&str, &str)]) -> Process {
        self.process(Role::Ingest, further)
    }

    fn process(&self, role: Role, further: &[(&str, &str)]) -> Process {
        let mut variables = self.variables.clone();
        variables.extend(further.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Process::start(&self.exe, role, &variables, &self.log).expect("a process of its own")
    }

    /// What an ingest of this world is made of, for a test that changes something about it.
    #[must_use]
    pub fn ingest_app(&self) -> App {
        app(&self.variables, &self.clock)
    }

    /// One more ingest inside this process, until the world ends. Says where it answers.
    pub async fn starts_ingest(&self, app: App) -> String {
        serve(app, &self.door).await
    }

    /// Everybody's time moves on: ours, and that of the providers.
    pub fn advances(&self, by: Duration) {
        self.clock.advance(by);
        self.stage.meta.clock().advance(by);
        self.stage.twilio.clock().advance(by);
    }

    /// Waits until nothing is queued, being worked on, or on its way.
    pub async fn is_quiet(&self) {
        let deadline = Instant::now() + QUIET;
        let mut turns = tokio::time::interval(Duration::from_millis(20));
        loop {
            turns.tick().await;
            let stage = &self.stage;
            let before = self.queue.figures().await.expect("Redis");
            let (meta, twilio, stripe) =
                tokio::join!(stage.meta.quiet(QUIET), stage.twilio.quiet(QUIET), stage.stripe.quiet(QUIET));
            // What is to be told of a payment goes through the spill.
            let spilled = shared::spill::depth(&self.pool).await.expect("Postgres");
            let figures = self.queue.figures().await.expect("Redis");
            // Nothing was to be done before and after, and nothing came between: so nothing was sent since either, on which
            // a provider might still report.
            let idle = before.lanes == 0 && figures.lanes == 0 && before.taken == figures.taken;
            if idle && spilled == 0 && meta.is_ok() && twilio.is_ok() && stripe.is_ok() {
                return;
            }
            assert!(Instant::now() < deadline, "the world does not become quiet: {figures:?}");
        }
    }

    /// Waits until the queue has so many dead letters.
    pub async fn has_dead_letters(&self, expected: u64) {
        self.is_quiet().await;
        assert_eq!(self.queue.figures().await.expect("Redis").dead, expected, "dead letters");
    }

    /// Why the dead letters are dead, oldest first.
    pub async fn dead_letters(&self) -> Vec<String> {
        let client = redis::Client::open(self.variables["REDIS_URL"].as_str()).expect("an address of Redis");
        let mut redis = client.get_multiplexed_async_connection().await.expect("Redis");
        let letters: Vec<(String, BTreeMap<String, Vec<u8>>)> = redis::cmd("XRANGE")
            .arg("{wa:0}dead")
            .arg("-")
            .arg("+")
            .query_async(&mut redis)
            .await
            .expect("the dead letters");
        letters.iter().map(|(_, letter)| String::from_utf8_lossy(&letter["reason"]).into_owned()).collect()
    }

    async fn ends(&mut self) {
        if self.workers.is_empty() {
            self.starts_worker();
        }
        self.is_quiet().await;
        self.stops_workers().await;
        self.door.cancel();
        self.stage.close().await;
        self.checks_the_books().await;
        self.pool.close().await;
        leftovers::nothing_is_left(&self.variables["REDIS_URL"], QUIET).await;
    }

    /// Entries sum to balances, as an operator would be told; every key once; a hold ends in posts or in a refund, never both; nothing is left
    /// to be sent.
    async fn checks_the_books(&self) {
        let off = shared::ledger::look(&self.pool).await.expect("the books").differences;
        assert!(off.is_empty(), "balances that their entries do not explain: {off:?}");
        let unsent: i64 = sqlx::query_scalar(
            "select count(*) from wa.outbox where state in ('pending', 'sending', 'unknown')",
        )
        .fetch_one(&self.pool)
        .await
        .expect("the outbox");
        assert_eq!(unsent, 0, "words that were never sent");
        let unbalanced: Vec<String> = sqlx::query_scalar(
            "select r.message_id from wa.receipt r
             left join wa.credit_op held on held.key = 'generation:' || r.message_id
             left join wa.credit_op back on back.key = 'refund:' || r.message_id
             where r.state = 'started'
                or (r.outcome = 'posts') <> (held.key is not null and back.key is null) and r.replays = 0",
        )
        .fetch_all(&self.pool)
        .await
        .expect("the receipts");
        assert!(unbalanced.is_empty(), "messages whose end and whose debit disagree: {unbalanced:?}");
    }
}

fn app(variables: &BTreeMap<String, String>, clock: &Clock) -> App {
    let config =
        ingest::config::Config::from_env(Env::from_values(variables.clone())).expect("a configuration");
    App::new(&config, clock.clone()).expect("an ingest")
}

/// Ingest on a free port of this process.
async fn serve(app: App, stop: &CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let stop = stop.clone();
    tokio::spawn(async move {
        axum::serve(listener, ingest::routes_with_address(app))
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
    });
    format!("http://{address}")
}
