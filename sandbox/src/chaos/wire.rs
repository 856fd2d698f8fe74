//! A wire to Redis that can be cut: one door and one worker reach it through theirs, so that the network can fail for
//! one while it works for the others.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A wire. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    address: SocketAddr,
    whole: watch::Sender<bool>,
}

impl Wire {
    /// Lays one to this address, until the program ends.
    pub(super) async fn to(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a free port")?;
        let wire = Self { address: listener.local_addr()?, whole: watch::Sender::new(true) };
        let whole = wire.whole.clone();
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                // Dropped at once while the wire is cut.
                if *whole.borrow() {
                    tokio::spawn(carry(caller, target, whole.subscribe()));
                }
            }
        });
        Ok(wire)
    }

    /// Where it begins.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it, or mends it.
    pub(super) fn is_whole(&self, whole: bool) {
        self.whole.send_replace(whole);
    }
}

async fn carry(mut caller: TcpStream, target: SocketAddr, mut whole: watch::Receiver<bool>) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let _ = (caller.set_nodelay(true), server.set_nodelay(true));
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut caller, &mut server) => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}
