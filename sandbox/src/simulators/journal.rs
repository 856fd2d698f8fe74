//! What was asked of a simulator, in order of arrival.
//!
//! Every request is written down when it arrives, also the refused, the cut and the unanswered ones. Bodies and
//! headers are not kept: keys and codes travel in them. The journal is bounded, the oldest lines go first.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use chrono::{DateTime, Utc};

use super::clock::Clock;
use super::life::WasCut;
use super::watched::{TimedOut, Watched};

/// Enough for any test; a demo that runs for days forgets its first requests.
const LINES: usize = 10_000;

/// One request and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Arrival by the simulator's clock.
    pub at: DateTime<Utc>,
    /// `POST`, `GET`, …
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// The status of the answer; `None` when no answer has left (still held, hanging, or cut on purpose).
    pub status: Option<u16>,
}

/// The list of all exchanges. Clones are the same list.
#[derive(Clone, Debug)]
pub struct Journal {
    clock: Clock,
    lines: Arc<Watched<Lines>>,
}

#[derive(Debug, Default)]
struct Lines {
    /// Number of lines that were forgotten, so that a line keeps its number.
    forgotten: usize,
    kept: VecDeque<Exchange>,
}

impl Journal {
    /// An empty journal that dates its lines by this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, lines: Arc::new(Watched::new(Lines::default())) }
    }

    /// Every exchange so far, oldest first.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.lines.read(|lines| lines.kept.iter().cloned().collect())
    }

    /// Waits until `n` exchanges fulfil `which`.
    pub async fn wait(
        &self,
        n: usize,
        within: Duration,
        which: impl Fn(&Exchange) -> bool,
    ) -> Result<(), TimedOut> {
        let enough =
            |lines: &Lines| (lines.kept.iter().filter(|exchange| which(exchange)).count() >= n).then_some(());
        self.lines.until(within, format!("{n} requests"), enough).await
    }

    fn arrived(&self, request: &Request) -> usize {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let exchange = Exchange { at: self.clock.now(), method, path, status: None };
        self.lines.change(|lines| {
            if lines.kept.len() == LINES {
                lines.kept.pop_front();
                lines.forgotten += 1;
            }
            lines.kept.push_back(exchange);
            lines.forgotten + lines.kept.len() - 1
        })
    }

    fn answered(&self, line: usize, status: u16) {
        self.lines.change(|lines| {
            if let Some(exchange) = line.checked_sub(lines.forgotten).and_then(|at| lines.kept.get_mut(at)) {
                exchange.status = Some(status);
            }
        });
    }
}

/// The middleware that writes the journal.
pub async fn keep(State(journal): State<Journal>, request: Request, next: Next) -> Response {
    let line = journal.arrived(&request);
    let response = next.run(request).await;
    if response.extensions().get::<WasCut>().is_none() {
        journal.answered(line, response.status().as_u16());
    }
    response
}
