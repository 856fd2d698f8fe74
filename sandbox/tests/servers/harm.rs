//! Servers that are killed, stopped and frozen on request: what they had acknowledged is there afterwards.

use std::{fs, path::Path, time::Duration};

use redis::AsyncCommands as _;
use sandbox::servers::Servers;
use sqlx::Connection as _;

use super::{Base, postgres, redis};

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
