//! What all tests of one program share: the servers, a migrated database to copy, and the logical databases of Redis
//! that nobody uses at the moment.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::{Mutex, OnceCell, Semaphore, SemaphorePermit};

use crate::servers::{Options, Servers, memory_base};

/// What all tests of one program share: the servers, and the logical Redis databases that are free.
pub struct Ground {
    exe: PathBuf,
    private: bool,
    servers: OnceCell<Servers>,
    template: Mutex<bool>,
    copies: OnceCell<bool>,
    redis: Semaphore,
    free: std::sync::Mutex<Vec<u32>>,
    next: AtomicU32,
}

impl Ground {
    /// A ground whose servers start with the first test. `exe` is the sandbox's own program.
    #[must_use]
    pub const fn new(exe: PathBuf) -> Self {
        Self {
            exe,
            private: false,
            servers: OnceCell::const_new(),
            template: Mutex::const_new(false),
            copies: OnceCell::const_new(),
            redis: Semaphore::const_new(0),
            free: std::sync::Mutex::new(Vec::new()),
            next: AtomicU32::new(0),
        }
    }

    /// A ground whose servers are its own, whatever the environment names: for tests that take them away.
    #[must_use]
    pub const fn private(exe: PathBuf) -> Self {
        let mut ground = Self::new(exe);
        ground.private = true;
        ground
    }

    /// The servers, started at the first call.
    pub async fn servers(&self) -> &Servers {
        let start = async {
            let mut options = Options::tests(&self.exe);
            options.base = memory_base().unwrap_or(options.base);
            if self.private {
                (options.database_url, options.redis_url) = (None, None);
            }
            let servers = Servers::start(options).await.expect("the servers of the tests");
            let client = redis::Client::open(servers.redis_url.as_str()).expect("an address of Redis");
            let mut redis = client.get_multiplexed_async_connection().await.expect("a connection to Redis");
            let config: Vec<String> = redis::cmd("CONFIG")
                .arg("GET")
                .arg("databases")
                .query_async(&mut redis)
                .await
                .expect("databases");
            let databases: u32 = config[1].parse().expect("a number of databases");
            self.free.lock().expect("no panic while held").extend((0..databases).rev());
            self.redis.add_permits(databases as usize);
            servers
        };
        self.servers.get_or_init(|| start).await
    }

    /// The sandbox's own program.
    pub(super) fn exe(&self) -> &Path {
        &self.exe
    }

    /// An empty logical database of Redis that nobody else uses, as soon as there is one.
    pub(super) async fn place(&'static self) -> Place {
        self.servers().await;
        let permit = self.redis.acquire().await.expect("never closed");
        let number = self.free.lock().expect("no panic while held").pop().expect("as many as permits");
        Place { ground: self, number, permit: Some(permit) }
    }

    /// A fresh database, copied from one that is migrated once.
    pub async fn database(&self) -> String {
        let url = &self.servers().await.database_url;
        let (base, _) = url.rsplit_once('/').expect("an address with a database");
        let template = format!("postly_template_{}", std::process::id());
        let mut admin = PgConnection::connect(url).await.expect("a connection to Postgres");
        let mut made = self.template.lock().await;
        if !*made {
            create(&mut admin, &template, "template0", "").await;
            let pool = PgPool::connect(&format!("{base}/{template}")).await.expect("the template");
            shared::db::migrate(&pool, &crate::stage::vault()).await.expect("migrations");
            pool.close().await;
            *made = true;
        }
        let name = format!("postly_test_{}_{}", std::process::id(), self.next.fetch_add(1, Ordering::SeqCst));
        let strategy = self.strategy(&mut admin).await;
        create(&mut admin, &name, &template, strategy).await;
        format!("{base}/{name}")
    }

    /// How a database is copied: in memory file by file costs half of what writing it to the log does, on a disk twice. Before
    /// version 15 there is no choice (Postgres documentation, "CREATE DATABASE").
    async fn strategy(&self, admin: &mut PgConnection) -> &'static str {
        let copies = async || {
            let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
                .fetch_one(admin)
                .await?;
            Ok::<_, sqlx::Error>(memory_base().is_some() && version >= 150_000)
        };
        let copies = self.copies.get_or_init(async || copies().await.unwrap_or(false)).await;
        if *copies { "strategy file_copy" } else { "" }
    }

    /// Drops a database that nobody needs any more. Where that fails, it goes with its server.
    pub(super) async fn drops(&self, database_url: &str) {
        let Some((_, name)) = database_url.rsplit_once('/') else { return };
        let statement = format!("drop database if exists {name} with (force)");
        if let Ok(mut admin) = PgConnection::connect(&self.servers().await.database_url).await {
            let _left_to_the_server = sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut admin).await;
        }
    }
}

async fn create(admin: &mut PgConnection, name: &str, template: &str, strategy: &str) {
    let statement = format!("create database {name} template {template} {strategy}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(admin).await.expect("a database of its own");
}

/// A logical database of Redis, for one test. A test that fails takes it along: it may not be empty.
pub(super) struct Place {
    ground: &'static Ground,
    number: u32,
    permit: Option<SemaphorePermit<'static>>,
}

impl Place {
    /// Its address.
    pub(super) async fn redis_url(&self) -> String {
        format!("{}/{}", self.ground.servers().await.redis_url.trim_end_matches('/'), self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if let Some(permit) = self.permit.take() {
                permit.forget();
            }
        } else {
            self.ground.free.lock().expect("no panic while held").push(self.number);
        }
    }
}
