//! A simulator's life: its listener, the errands it runs beside its answers, and its end.
//!
//! A server binds port 0 of 127.0.0.1, so several live side by side. `stop` refuses new connections, ends what
//! hangs or is held, and returns when nothing of it runs any more. This room also holds the two ways of not
//! answering that every provider has: a connection cut after the work was done, and silence.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::watched::{TimedOut, Watched};

/// A stop does not wait longer than this for connections that a client keeps open.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// An address that is already taken, before anybody answers there.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    address: SocketAddr,
}

/// Marks a response that is a cut connection, for the journal.
#[derive(Debug, Clone, Copy)]
pub struct WasCut;

impl Door {
    /// Takes a free port of the loopback address.
    pub async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// The running tasks of one simulator. Clones are the same life.
#[derive(Clone, Debug)]
pub struct Life {
    stopping: CancellationToken,
    tasks: TaskTracker,
    errands: Arc<Watched<usize>>,
}

impl Default for Life {
    fn default() -> Self {
        let errands = Arc::new(Watched::new(0));
        Self { stopping: CancellationToken::new(), tasks: TaskTracker::new(), errands }
    }
}

impl Life {
    /// Answers at the door until the end.
    pub fn serve(&self, door: Door, router: Router) {
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            let end = stopping.cancelled_owned();
            // A loopback listener that fails shows itself as a refused connection in the caller's own test.
            let _ = axum::serve(door.listener, router).with_graceful_shutdown(end).await;
        });
    }

    /// Runs something beside the answers (a status webhook, for instance) until it is done or the life ends.
    pub fn errand(&self, errand: impl Future<Output = ()> + Send + 'static) {
        let (stopping, errands) = (self.stopping.clone(), Arc::clone(&self.errands));
        errands.change(|running| *running += 1);
        self.tasks.spawn(async move {
            let _ = stopping.run_until_cancelled(errand).await;
            errands.change(|running| *running -= 1);
        });
    }

    /// Waits until no errand runs: every status webhook that was due has been posted, or given up.
    pub async fn quiet(&self, within: Duration) -> Result<(), TimedOut> {
        self.errands.until(within, "the errands to finish", |running| (*running == 0).then_some(())).await
    }

    /// Stays silent until the client gives up or the simulator stops.
    pub async fn hang(&self) -> Response {
        self.stopping.cancelled().await;
        cut()
    }

    /// Waits for `what`, unless the simulator stops first.
    pub async fn unless_stopped<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        self.stopping.run_until_cancelled(what).await
    }

    /// Ends everything. Afterwards the port refuses connections.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        // A client may keep a connection open for ever; the listener is closed all the same.
        let _ = tokio::time::timeout(LAST_WORDS, self.tasks.wait()).await;
    }
}

/// A response that makes the server close the connection before a single byte of the answer left.
///
/// The body fails at its first frame, when the head is still in the server's buffer: the server drops both.
#[must_use]
pub fn cut() -> Response {
    let broken = futures_util::stream::once(async { Err::<Vec<u8>, _>(io::Error::other("cut on purpose")) });
    let mut response = Response::new(Body::from_stream(broken));
    response.extensions_mut().insert(WasCut);
    response
}
