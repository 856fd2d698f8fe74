//! A proof as a program: on a Postgres of its own, timed, and orderly when it is interrupted.

use anyhow::{Context, Result, bail};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::servers::{Options, Servers};

/// Proves something on a database that belongs to nobody else and is gone afterwards. Returns what came out, and the
/// seconds that it took.
pub(crate) async fn run<P>(
    stop: &CancellationToken,
    prove: impl AsyncFnOnce(&str) -> Result<P>,
) -> Result<(P, f64)> {
    let work = async {
        let exe = std::env::current_exe().context("finding this program")?;
        // No Redis: nothing here is queued.
        let nowhere = Some("redis://nowhere".to_owned());
        let options = Options { database_url: None, redis_url: nowhere, ..Options::tests(exe) };
        let servers = Servers::start(options).await?;
        let began = Instant::now();
        let proved = prove(&servers.database_url).await;
        let seconds = began.elapsed().as_secs_f64();
        servers.stop().await?;
        Ok((proved?, seconds))
    };
    tokio::select! {
        ended = work => ended,
        () = stop.cancelled() => bail!("interrupted"),
    }
}
