//! The keeper, which ends the servers when nobody needs them any more, however their program ended.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use sandbox::servers::{Options, Servers};
use sqlx::Connection as _;

use super::{Base, KEEPER, eventually, postgres, processes_in};

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
            .args(["--exact", "keeper::servers_vanish_when_their_program_is_killed", "--nocapture"])
            .env(DOOMED, &base.0)
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let lines = BufReader::new(doomed.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.into_iter().any(|line| line.starts_with("up ")), "the doomed program is up");
        // The system lists processes while they come and go: one look may miss some.
        eventually("both servers are in the list of processes", || {
            let names: Vec<_> = base.processes().into_iter().map(|(_, name)| name).collect();
            names.contains(&"postgres".into()) && names.contains(&"redis-server".into())
        })
        .await;
        // To the whole group, as a terminal does it with Ctrl-C.
        killpg(Pid::from_raw(doomed.id().cast_signed()), signal).unwrap();
        doomed.wait().unwrap();
        base.assert_vanishes().await;
    }
}

#[tokio::test]
async fn servers_vanish_when_they_are_dropped() {
    let base = Base::new("dropped");
    drop(Servers::start(base.options()).await.unwrap());
    base.assert_vanishes().await;
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

#[tokio::test]
async fn a_keeper_whose_holder_dies_during_the_start_cleans_up_too() {
    let base = Base::new("early");
    let mut keeper = keeper(&base);
    eventually("the keeper has begun", || !base.is_empty()).await;
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
async fn a_program_that_is_no_keeper_is_recognised() {
    let options = Options { keeper_exe: "true".into(), ..Base::new("none").options() };
    let error = format!("{:#}", Servers::start(options).await.unwrap_err());
    assert!(error.contains("without a word"), "{error}");
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
