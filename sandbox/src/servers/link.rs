//! The holder's end of the two pipes to its keeper.
//!
//! A thread reads what the keeper says, and no runtime's reactor is involved: tests share one link although each
//! has a runtime of its own. The keeper leads a process group of its own, so the Ctrl-C of a terminal reaches the
//! holder only and the keeper hears of it by the closing of the pipe.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::{
    sync::{Mutex, mpsc},
    time::timeout,
};

use super::words::{Answer, FirstLine, Greeting, Numbered, Order, Request};

/// A server has 30 s to come up, after as long for its end; the keeper answers before this.
const ANSWER_LIMIT: Duration = Duration::from_secs(90);

/// An open link; the keeper ends when it is dropped.
#[derive(Debug)]
pub struct Link(Mutex<Pipes>);

#[derive(Debug)]
struct Pipes {
    requests: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
    asked: u64,
}

impl Link {
    /// Starts a keeper with its order.
    pub fn open(keeper_exe: &Path, order: &Order) -> Result<Self> {
        let order = serde_json::to_string(order).context("a path of the servers is not valid UTF-8")?;
        let mut keeper = Command::new(keeper_exe)
            .args([super::keeper::ARGUMENT, &order])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start the keeper {}", keeper_exe.display()))?;
        let requests = keeper.stdin.take().context("the keeper has no standard input")?;
        let said = keeper.stdout.take().context("the keeper has no standard output")?;
        let (line, lines) = mpsc::unbounded_channel();
        thread::Builder::new().name("keeper".into()).spawn(move || listen(keeper, said, &line))?;
        Ok(Self(Mutex::new(Pipes { requests, lines, asked: 0 })))
    }

    /// Waits for the keeper's first line.
    pub async fn greeting(&self, limit: Duration) -> Result<Greeting> {
        let line = self.0.lock().await.line(limit).await?;
        match serde_json::from_str(&line).with_context(|| format!("the keeper said {line:?}"))? {
            FirstLine::Ready(greeting) => Ok(greeting),
            FirstLine::Failed { error } => Err(anyhow!(error)),
        }
    }

    /// Has the keeper do something and waits until it is done.
    pub async fn ask(&self, request: Request) -> Result<()> {
        let mut pipes = self.0.lock().await;
        pipes.asked += 1;
        let number = pipes.asked;
        let mut line = serde_json::to_string(&Numbered { number, value: request })?;
        line.push('\n');
        pipes.requests.write_all(line.as_bytes()).context("the keeper of the servers has ended")?;
        loop {
            let answer: Numbered<Answer> = serde_json::from_str(&pipes.line(ANSWER_LIMIT).await?)?;
            match answer.value {
                // Whoever asked that stopped waiting for the answer.
                _ if answer.number < number => {}
                None => return Ok(()),
                Some(reason) => bail!(reason),
            }
        }
    }

    /// Closes the pipe and waits until the keeper has cleaned up and ended.
    pub async fn close(self) -> Result<()> {
        let Pipes { requests, mut lines, .. } = self.0.into_inner();
        drop(requests);
        let ended = async {
            let mut result = Ok(());
            while let Some(line) = lines.recv().await {
                if let Ok(FirstLine::Failed { error }) = serde_json::from_str(&line) {
                    result = Err(anyhow!(error));
                }
            }
            result
        };
        timeout(ANSWER_LIMIT, ended).await.context("the keeper of the servers does not end")?
    }
}

impl Pipes {
    async fn line(&mut self, limit: Duration) -> Result<String> {
        timeout(limit, self.lines.recv())
            .await
            .with_context(|| format!("the keeper of the servers says nothing for {} s", limit.as_secs()))?
            .context(
                "the keeper of the servers ended without a word; does `main` lead to servers::keeper::main?",
            )
    }
}

/// Passes the keeper's lines on, and buries it: the channel closes only when the process is gone.
fn listen(mut keeper: Child, said: ChildStdout, line: &mpsc::UnboundedSender<String>) {
    for said in BufReader::new(said).lines().map_while(Result::ok) {
        // Nobody listens any more when the holder dropped the link; the keeper is still to be waited for.
        let _ = line.send(said);
    }
    let _ = keeper.wait();
}
