//! A way to Redis on which its replies can be held back, and which remembers what was written to it: so a test sees how many
//! calls somebody makes who has no answer yet.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The word that each call of a script begins with.
const CALL: &str = "EVALSHA";

/// The way, open at first.
pub(super) struct Valve {
    /// Where it begins.
    pub(super) address: SocketAddr,
    open: watch::Sender<bool>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Valve {
    /// Lays one before this server, until the test ends.
    pub(super) async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (valve, server) =
            (Self { address, open: watch::Sender::new(true), written: Arc::default() }, server.to_owned());
        let (open, written) = (valve.open.clone(), valve.written.clone());
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(carry(caller, server, open.subscribe(), written.clone()));
            }
        });
        valve
    }

    /// Lets replies through, or holds them back.
    pub(super) fn is_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    /// What each call of a script has said so far.
    pub(super) fn calls(&self) -> Vec<String> {
        let written = self.written.lock().unwrap();
        String::from_utf8_lossy(&written).split(CALL).skip(1).map(str::to_owned).collect()
    }
}

async fn carry(
    caller: TcpStream,
    server: TcpStream,
    mut open: watch::Receiver<bool>,
    written: Arc<Mutex<Vec<u8>>>,
) {
    let ((mut asks, mut hears), (mut says, mut takes)) = (caller.into_split(), server.into_split());
    let there = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = asks.read(&mut bytes).await {
            written.lock().unwrap().extend_from_slice(&bytes[..read]);
            if takes.write_all(&bytes[..read]).await.is_err() {
                break;
            }
        }
    };
    let back = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = says.read(&mut bytes).await {
            if open.wait_for(|open| *open).await.is_err() || hears.write_all(&bytes[..read]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = there => {}
        () = back => {}
    }
}
