//! The programs that print figures: they run at tiny sizes, end by themselves, and print their lines. What the
//! figures are is nobody's business here.

use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// What a program prints.
async fn prints(arguments: &[&str]) -> String {
    let mut load = Command::new(env!("CARGO_BIN_EXE_sandbox"));
    load.arg("load").args(arguments).kill_on_drop(true);
    let ended = timeout(Duration::from_mins(2), load.output()).await.expect("it ends by itself").unwrap();
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{errors}");
    String::from_utf8(ended.stdout).unwrap()
}

fn lines(printed: &str, wanted: &[&str]) {
    for line in wanted {
        assert!(printed.contains(line), "no {line:?} in:\n{printed}");
    }
}

#[tokio::test]
async fn a_small_backlog_is_filled_and_drained_and_leaves_only_what_is_remembered() {
    let printed = prints(&["backlog", "--messages", "2000", "--lanes", "100", "--slots", "20"]).await;
    lines(
        &printed,
        &[
            "backlog: 2000 messages of 100 conversations",
            "appendonly yes, appendfsync always",
            "1800-2000",
            "last slice / first slice",
            "memory per waiting message",
            "first message handled after",
            "bytes per remembered id",
        ],
    );
    let left = printed.lines().find(|line| line.contains("what is left")).unwrap();
    assert!(!left.contains("\"lane\"") && left.contains("\"seen\""), "{left}");
}

#[tokio::test]
async fn a_small_flood_is_told_from_no_flood() {
    // As habit has it from `cargo demo`.
    let small = ["--", "flood", "--senders", "40", "--messages", "200", "--over", "300", "--work", "5"];
    let printed = prints(&[&small[..], &["--rounds", "2"]].concat()).await;
    lines(
        &printed,
        &["200 messages of one sender among 40 others", "pair 1", "pair 2", "median p95", "ratio of p95"],
    );
}

#[tokio::test]
async fn workers_come_and_go_and_the_books_agree() {
    let small = ["scale", "--workers", "1,2,1", "--slots", "2", "--model", "100", "--watch", "1"];
    let printed = prints(&small).await;
    lines(
        &printed,
        &[
            "[1, 2, 1] worker processes of 2 slots",
            "messages/s",
            "beside one",
            "0 failed, 0 left open, 0 dead",
        ],
    );
}
