//! The private servers as a program meets them: up in seconds, harmed on request, gone without a trace.
//!
//! What happens when they are harmed is in `harm`, what becomes of them without their program in `keeper`.
//!
//! Everything here is real: servers, keepers, signals. Each test looks at a base directory of its own, so that
//! "nothing is left" means an empty place.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

mod harm;
mod keeper;

use std::{
    env, fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use redis::AsyncCommands as _;
use sandbox::servers::{Options, Servers, default_base};
use sqlx::{Connection as _, PgConnection};

const KEEPER: &str = env!("CARGO_BIN_EXE_sandbox");
const LIMIT: Duration = Duration::from_secs(20);

/// A base directory for one test. What is left in it at the end fails the test.
struct Base(PathBuf);

impl Base {
    fn new(name: &str) -> Self {
        Self::at(&default_base().join(format!("test-{name}-{}", std::process::id())))
    }

    fn at(path: &Path) -> Self {
        fs::create_dir_all(path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    fn options(&self) -> Options {
        Options { base: self.0.clone(), database_url: None, redis_url: None, ..Options::tests(KEEPER) }
    }

    fn is_empty(&self) -> bool {
        !self.0.exists() || fs::read_dir(&self.0).unwrap().next().is_none()
    }

    /// Waits until no process works in the base and nothing is in it.
    async fn assert_vanishes(&self) {
        let vanished = || self.processes().is_empty() && self.is_empty();
        eventually("the servers and their data are gone", vanished).await;
    }

    /// Everybody who works in the base.
    fn processes(&self) -> Vec<(i32, String)> {
        processes_in(&self.0)
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn processes_in(directory: &Path) -> Vec<(i32, String)> {
    let ids =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|id| fs::read_link(format!("/proc/{id}/cwd")).is_ok_and(|cwd| cwd.starts_with(directory)))
        .map(|id| (id, fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default().trim().to_owned()))
        .collect()
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    let mut turns = tokio::time::interval(Duration::from_millis(10));
    while !holds() {
        assert!(started.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        turns.tick().await;
    }
}

async fn postgres(servers: &Servers) -> PgConnection {
    PgConnection::connect(&servers.database_url).await.unwrap()
}

async fn redis(servers: &Servers) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(servers.redis_url.as_str()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

async fn setting(db: &mut PgConnection, name: &str) -> String {
    sqlx::query_scalar("select current_setting($1)").bind(name).fetch_one(db).await.unwrap()
}

#[tokio::test]
async fn both_servers_are_up_as_ordered_and_gone_after_stop() {
    let base = Base::new("up");
    let started = Instant::now();
    let servers = Servers::start(base.options()).await.unwrap();
    eprintln!("started in {:?}", started.elapsed());

    let mut db = postgres(&servers).await;
    assert_eq!(setting(&mut db, "max_connections").await, "300");
    assert_eq!(setting(&mut db, "fsync").await, "off");
    assert_eq!(setting(&mut db, "TimeZone").await, "UTC");
    assert_eq!(setting(&mut db, "server_encoding").await, "UTF8");
    assert_eq!(setting(&mut db, "listen_addresses").await, "127.0.0.1");
    let upper: String = sqlx::query_scalar("select upper('é')").fetch_one(&mut db).await.unwrap();
    assert_eq!(upper, "É");
    let wrong = servers.database_url.replace("sandbox:", "sandbox:x");
    assert!(PgConnection::connect(&wrong).await.is_err(), "a password is needed");

    let last = format!("{}/4095", servers.redis_url);
    let mut queue = redis::Client::open(last).unwrap().get_multiplexed_async_connection().await.unwrap();
    let () = queue.set("key", "value").await.unwrap();
    let policy: Vec<String> =
        redis::cmd("CONFIG").arg("GET").arg("maxmemory-policy").query_async(&mut queue).await.unwrap();
    assert_eq!(policy[1], "noeviction");

    assert!(!base.processes().is_empty());
    let started = Instant::now();
    servers.stop().await.unwrap();
    eprintln!("stopped in {:?}", started.elapsed());
    assert!(base.processes().is_empty(), "{:?}", base.processes());
    assert!(base.is_empty());
}

#[tokio::test]
async fn a_demo_is_durable() {
    let base = Base::new("durable");
    let options = Options { durable: true, ..base.options() };
    let servers = Servers::start(options).await.unwrap();
    let mut db = postgres(&servers).await;
    assert_eq!(setting(&mut db, "fsync").await, "on");
    assert_eq!(setting(&mut db, "synchronous_commit").await, "on");
    let mut queue = redis(&servers).await;
    let fsync: Vec<String> =
        redis::cmd("CONFIG").arg("GET").arg("appendfsync").query_async(&mut queue).await.unwrap();
    assert_eq!(fsync[1], "always");
    servers.stop().await.unwrap();
}

#[tokio::test]
async fn two_runs_at_once_do_not_meet() {
    let base = Base::new("two");
    let (one, two) = tokio::join!(Servers::start(base.options()), Servers::start(base.options()));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.redis_url, two.redis_url);
    assert_ne!(one.database_url, two.database_url);
    one.stop().await.unwrap();
    assert!(postgres(&two).await.ping().await.is_ok());
    two.kill_redis().await.unwrap();
    two.stop().await.unwrap();
    assert!(base.is_empty());
}

#[tokio::test]
async fn servers_of_the_environment_are_used_and_left_alone() {
    let base = Base::new("named");
    let owner = Servers::start(base.options()).await.unwrap();
    let (database_url, redis_url) = (owner.database_url.clone(), owner.redis_url.clone());

    let both = Options {
        database_url: Some(database_url.clone()),
        redis_url: Some(redis_url.clone()),
        ..base.options()
    };
    let guest = Servers::start(both).await.unwrap();
    assert_eq!((&guest.database_url, &guest.redis_url), (&database_url, &redis_url));
    let error = guest.kill_redis().await.unwrap_err().to_string();
    assert!(error.contains("Redis is not private") && error.contains("REDIS_URL"), "{error}");
    guest.stop().await.unwrap();

    let half = Options { redis_url: Some(redis_url.clone()), ..base.options() };
    let guest = Servers::start(half).await.unwrap();
    assert_eq!(guest.redis_url, redis_url);
    assert_ne!(guest.database_url, database_url);
    assert!(guest.freeze_redis().await.is_err());
    guest.kill_postgres().await.unwrap();
    guest.stop().await.unwrap();

    let () = redis(&owner).await.set("still", "there").await.unwrap();
    assert!(postgres(&owner).await.ping().await.is_ok());
    owner.stop().await.unwrap();
    assert!(base.is_empty());
}

#[tokio::test]
async fn a_checkout_that_postgres_may_not_enter_is_no_obstacle() {
    let base = Base::at(&env::temp_dir().join(format!("closed-{}", std::process::id())).join("a directory"));
    let closed = base.0.parent().unwrap().to_path_buf();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let servers = Servers::start(base.options()).await.unwrap();
    let elsewhere = fs::read_to_string(servers.directory.as_ref().unwrap().join("elsewhere")).ok();
    let is_root = fs::metadata(&closed).unwrap().uid() == 0;
    assert_eq!(elsewhere.is_some(), is_root, "only root needs another place");
    assert!(postgres(&servers).await.ping().await.is_ok());
    servers.kill_postgres().await.unwrap();
    servers.start_postgres().await.unwrap();
    servers.stop().await.unwrap();
    assert!(base.is_empty());
    assert!(elsewhere.is_none_or(|path| !Path::new(&path).exists()));
    fs::remove_dir_all(closed).unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_come_up_is_explained_by_its_log() {
    let base = Base::new("broken");
    let options = Options { postgres_connections: 0, ..base.options() };
    let error = Servers::start(options).await.unwrap_err().to_string();
    assert!(
        error.contains("Postgres ended while it was starting") && error.contains("max_connections"),
        "{error}"
    );
    assert!(base.processes().is_empty() && base.is_empty(), "the other server has gone too");
}

#[test]
fn one_link_serves_tests_with_runtimes_of_their_own() {
    let base = Base::new("runtimes");
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let servers = run().block_on(Servers::start(base.options())).unwrap();
    run().block_on(servers.kill_redis()).unwrap();
    run().block_on(servers.start_redis()).unwrap();
    run().block_on(servers.stop()).unwrap();
    assert!(base.is_empty());
}
