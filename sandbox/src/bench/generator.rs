//! Sends prepared webhooks and measures: as fast as they are answered, or at a fixed rate, where each latency counts
//! from the moment at which its webhook was due, so that a stall shows in all that had to wait for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::load::sample::{Sample, float};

/// The longest that an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one run found.
pub struct Flow {
    /// Webhooks that were answered with 200.
    pub taken: usize,
    /// All others.
    pub refused: usize,
    /// From the first byte to the last answer.
    pub took: Duration,
    /// Milliseconds from when each was due to its answer.
    pub latencies: Sample,
}

impl Flow {
    /// Acknowledged webhooks per second.
    pub fn rate(&self) -> f64 {
        float(self.taken) / self.took.as_secs_f64()
    }
}

/// Sends all of them over so many connections, on each the next as soon as the last is answered.
pub async fn flat_out(to: SocketAddr, letters: Vec<Bytes>, connections: usize) -> Result<Flow> {
    send(to, letters, connections, |_| None).await
}

/// Sends all of them at so many a second, whatever the answers do. `connections` bounds how many may be unanswered; those
/// that are due meanwhile leave late, and their lateness counts.
pub async fn at_rate(to: SocketAddr, letters: Vec<Bytes>, rate: f64, connections: usize) -> Result<Flow> {
    send(to, letters, connections, move |n| Some(Duration::from_secs_f64(float(n) / rate))).await
}

/// All at once: each is due in this moment.
pub async fn at_once(to: SocketAddr, letters: Vec<Bytes>, connections: usize) -> Result<Flow> {
    send(to, letters, connections, |_| Some(Duration::ZERO)).await
}

async fn send(
    to: SocketAddr,
    letters: Vec<Bytes>,
    connections: usize,
    due: impl Fn(usize) -> Option<Duration> + Send + Sync + 'static,
) -> Result<Flow> {
    let mut lines = Vec::with_capacity(connections);
    for _ in 0..connections {
        lines.push(Line::open(to).await?);
    }
    let (letters, due) = (Arc::new(letters), Arc::new(due));
    let (next, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let began = Instant::now();
    pace(letters.len(), began, due.clone(), gate.clone());
    let mut senders = JoinSet::new();
    for mut line in lines {
        let (letters, due, next, gate) = (letters.clone(), due.clone(), next.clone(), gate.clone());
        senders.spawn(async move {
            let (mut latencies, mut refused) = (Vec::new(), 0);
            loop {
                gate.acquire().await?.forget();
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some(letter) = letters.get(n) else { return anyhow::Ok((latencies, refused)) };
                let from = due(n).map_or_else(Instant::now, |due| began + due);
                if line.post(letter).await? {
                    latencies.push(from.elapsed().as_secs_f64() * 1e3);
                } else {
                    refused += 1;
                }
            }
        });
    }
    let (mut latencies, mut refused) = (Vec::with_capacity(letters.len()), 0);
    let all = async {
        while let Some(sender) = senders.join_next().await {
            let (more, not) = sender??;
            latencies.extend(more);
            refused += not;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE * 2, all).await.context("the webhooks were not all answered")??;
    let took = began.elapsed();
    Ok(Flow { taken: latencies.len(), refused, took, latencies: latencies.into_iter().collect() })
}

/// Opens the gate for each webhook when it is due. A thread of its own: a timer of the runtime counts in milliseconds.
fn pace(
    number: usize,
    began: Instant,
    due: Arc<impl Fn(usize) -> Option<Duration> + Send + Sync + 'static>,
    gate: Arc<Semaphore>,
) {
    std::thread::spawn(move || {
        let mut n = 0;
        while n < number {
            let first = n;
            while n < number && due(n).is_none_or(|due| began.elapsed() >= due) {
                n += 1;
            }
            gate.add_permits(n - first);
            if n < number
                && let Some(due) = due(n)
            {
                std::thread::sleep(due.saturating_sub(began.elapsed()));
            }
        }
        // Whoever asks beyond the last one is told that there is none.
        gate.add_permits(Semaphore::MAX_PERMITS / 2);
    });
}

/// One connection, kept open as both providers keep theirs.
struct Line {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Line {
    async fn open(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await.context("connecting to the one that is measured")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::with_capacity(1024) })
    }

    /// Sends one and waits for the answer. Whether it was 200.
    async fn post(&mut self, letter: &[u8]) -> Result<bool> {
        self.stream.write_all(letter).await?;
        self.read.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.read).await? > 0, "the connection was closed");
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.read[..end]).to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
                let whole = end + 4 + length.map_or(Ok(0), |length| length.trim().parse::<usize>())?;
                while self.read.len() < whole {
                    ensure!(self.stream.read_buf(&mut self.read).await? > 0, "half an answer");
                }
                return Ok(head.starts_with("http/1.1 200"));
            }
        }
    }
}
