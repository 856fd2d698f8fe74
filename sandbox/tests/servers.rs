//! The private servers as a program meets them: up in seconds, harmed on request, gone without a trace.
//!
//! Everything here is real: servers, keepers, signals. Each test looks at a base directory of its own, so that
//! "nothing is left" means an empty place.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
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
    fn assert_vanishes(&self) {
        eventually("the servers and their data are gone", || self.processes().is_empty() && self.is_empty());
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

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
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

/// The id of the System V segment that a running Postgres has written into its pid file.
fn segment(data: &Path) -> String {
    let pid_file = fs::read_to_string(data.join("postmaster.pid")).unwrap();
    pid_file.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap().to_owned()
}

fn segments_of_the_machine() -> Vec<String> {
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    table.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect()
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

/// Plays two parts: started by itself with this variable, it is the program that will be killed.
const DOOMED: &str = "SERVERS_TEST_DOOMED_BASE";

#[tokio::test]
async fn servers_vanish_when_their_program_is_killed() {
    if let Some(base) = env::var_os(DOOMED) {
        let servers = Servers::start(Base(base.into()).options()).await.unwrap();
        println!("\nup {}", servers.redis_url);
        return std::future::pending().await;
    }
    let base = Base::new("killed");
    for signal in [Signal::SIGKILL, Signal::SIGINT] {
        let mut doomed = Command::new(env::current_exe().unwrap())
            .args(["--exact", "servers_vanish_when_their_program_is_killed", "--nocapture"])
            .env(DOOMED, &base.0)
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let lines = BufReader::new(doomed.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.into_iter().any(|line| line.starts_with("up ")), "the doomed program is up");
        let names: Vec<_> = base.processes().into_iter().map(|(_, name)| name).collect();
        assert!(names.contains(&"postgres".into()) && names.contains(&"redis-server".into()), "{names:?}");
        // To the whole group, as a terminal does it with Ctrl-C.
        killpg(Pid::from_raw(doomed.id().cast_signed()), signal).unwrap();
        doomed.wait().unwrap();
        base.assert_vanishes();
    }
}

#[tokio::test]
async fn servers_vanish_when_they_are_dropped() {
    let base = Base::new("dropped");
    drop(Servers::start(base.options()).await.unwrap());
    base.assert_vanishes();
}

/// A keeper without a holder, as its parts are seen from a shell.
fn keeper(base: &Base) -> Child {
    let order = format!(
        r#"{{"base":{:?},"durable":false,"redis_databases":16,"postgres_connections":20}}"#,
        base.0.to_str().unwrap()
    );
    let mut keeper = Command::new(KEEPER);
    keeper
        .args(["keeper", &order])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap()
}

#[test]
fn a_keeper_whose_holder_dies_during_the_start_cleans_up_too() {
    let base = Base::new("early");
    let mut keeper = keeper(&base);
    eventually("the keeper has begun", || !base.is_empty());
    drop(keeper.stdin.take());
    drop(keeper.stdout.take());
    keeper.wait().unwrap();
    assert!(base.processes().is_empty());
    assert!(base.is_empty());
}

#[test]
fn a_terminated_keeper_cleans_up_with_its_holder_still_there() {
    let base = Base::new("terminated");
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut keeper = keeper(&base);
        let mut greeting = String::new();
        BufReader::new(keeper.stdout.as_mut().unwrap()).read_line(&mut greeting).unwrap();
        assert!(greeting.contains("postgres://") && greeting.contains("redis://"), "{greeting}");
        kill(Pid::from_raw(keeper.id().cast_signed()), signal).unwrap();
        assert!(keeper.wait().unwrap().success());
        assert!(base.processes().is_empty());
        assert!(base.is_empty());
    }
}

#[tokio::test]
async fn what_a_killed_keeper_left_is_removed_by_the_next_run_and_nothing_else_is() {
    let base = Base::new("stale");
    let neighbour = Servers::start(base.options()).await.unwrap();
    let mut killed = keeper(&base);
    let mut greeting = String::new();
    BufReader::new(killed.stdout.as_mut().unwrap()).read_line(&mut greeting).unwrap();
    let abandoned = base.0.join(format!("run-{}", killed.id()));
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!processes_in(&abandoned).is_empty(), "nobody is there to end the servers");

    let next = Servers::start(base.options()).await.unwrap();
    assert!(processes_in(&abandoned).is_empty());
    assert!(!abandoned.exists());
    assert!(postgres(&neighbour).await.ping().await.is_ok(), "a living keeper's servers are left alone");
    next.stop().await.unwrap();
    neighbour.stop().await.unwrap();
    assert!(base.is_empty());
}

#[tokio::test]
async fn redis_keeps_what_it_acknowledged_when_it_is_killed() {
    let base = Base::new("redis");
    let servers = Servers::start(base.options()).await.unwrap();
    let mut queue = redis(&servers).await;
    for n in 0..500 {
        let () = queue.rpush("list", n).await.unwrap();
    }
    servers.kill_redis().await.unwrap();
    assert!(queue.get::<_, Option<String>>("key").await.is_err());
    let error = servers.kill_redis().await.unwrap_err().to_string();
    assert!(error.contains("Redis is not running"), "{error}");

    servers.start_redis().await.unwrap();
    let mut queue = redis(&servers).await;
    assert_eq!(queue.llen::<_, u32>("list").await.unwrap(), 500);
    assert!(servers.start_redis().await.unwrap_err().to_string().contains("running already"));

    servers.stop_redis().await.unwrap();
    servers.start_redis().await.unwrap();
    assert_eq!(redis(&servers).await.llen::<_, u32>("list").await.unwrap(), 500);

    servers.freeze_redis().await.unwrap();
    let mut queue = redis::Client::open(servers.redis_url.as_str()).unwrap();
    let _ = &mut queue;
    let frozen =
        tokio::time::timeout(Duration::from_millis(300), queue.get_multiplexed_async_connection()).await;
    assert!(!matches!(frozen, Ok(Ok(_))), "a frozen Redis answers nobody");
    servers.thaw_redis().await.unwrap();
    assert_eq!(redis(&servers).await.llen::<_, u32>("list").await.unwrap(), 500);

    servers.freeze_redis().await.unwrap();
    servers.stop().await.unwrap();
    assert!(base.processes().is_empty() && base.is_empty(), "a frozen server can be ended");
}

#[tokio::test]
async fn postgres_recovers_when_it_is_killed_and_leaves_nothing_in_the_kernel() {
    let base = Base::new("postgres");
    let servers = Servers::start(base.options()).await.unwrap();
    let data = servers.directory.clone().unwrap().join("postgres/data");
    let mut db = postgres(&servers).await;
    sqlx::query("create table notes (text text)").execute(&mut db).await.unwrap();
    sqlx::query("insert into notes values ('kept')").execute(&mut db).await.unwrap();
    // A backend that would run on without its postmaster.
    let mut busy = postgres(&servers).await;
    let busy = tokio::spawn(async move { sqlx::query("select pg_sleep(600)").execute(&mut busy).await });
    let asleep = "select count(*) from pg_stat_activity where query = 'select pg_sleep(600)'";
    while sqlx::query_scalar::<_, i64>(asleep).fetch_one(&mut db).await.unwrap() == 0 {}

    servers.kill_postgres().await.unwrap();
    assert!(busy.await.unwrap().is_err());
    assert!(base.processes().iter().all(|(_, name)| name != "postgres"), "{:?}", base.processes());
    servers.start_postgres().await.unwrap();
    let kept = "select text from notes";
    assert_eq!(
        sqlx::query_scalar::<_, String>(kept).fetch_one(&mut postgres(&servers).await).await.unwrap(),
        "kept"
    );

    let mut db = postgres(&servers).await;
    servers.freeze_postgres().await.unwrap();
    let answer = tokio::time::timeout(Duration::from_millis(300), db.ping()).await;
    assert!(answer.is_err(), "open connections freeze too");
    servers.thaw_postgres().await.unwrap();
    assert_eq!(
        sqlx::query_scalar::<_, String>(kept).fetch_one(&mut postgres(&servers).await).await.unwrap(),
        "kept"
    );

    servers.stop_postgres().await.unwrap();
    servers.start_postgres().await.unwrap();
    assert!(postgres(&servers).await.ping().await.is_ok());

    servers.freeze_postgres().await.unwrap();
    let segment = segment(&data);
    servers.kill_postgres().await.unwrap();
    assert!(segments_of_the_machine().contains(&segment), "a killed server leaves its segment");
    servers.stop().await.unwrap();
    assert!(base.is_empty());
    assert!(!segments_of_the_machine().contains(&segment));
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

#[tokio::test]
async fn a_program_that_is_no_keeper_is_recognised() {
    let options = Options { keeper_exe: "true".into(), ..Base::new("none").options() };
    let error = format!("{:#}", Servers::start(options).await.unwrap_err());
    assert!(error.contains("without a word"), "{error}");
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

#[test]
fn a_keeper_that_is_told_nonsense_leaves() {
    let base = Base::new("nonsense");
    let mut keeper = keeper(&base);
    keeper.stdin.as_mut().unwrap().write_all(b"kill everybody\n").unwrap();
    let mut said = String::new();
    keeper.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    keeper.wait().unwrap();
    assert!(base.is_empty());
}
