//! Ports for servers that are told where to listen before they start: those that the system does not lend to anybody.
//! A port that it chose itself (port 0) is soon another's, an outgoing connection's for instance, and the server
//! that comes a moment later finds it taken.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;

use anyhow::{Context, Result};
use rand::RngExt;

/// Below the ports that Linux lends (32768 to 60999 by default: ip(7), `ip_local_port_range`), and above those of
/// services that may be installed.
const OURS: std::ops::Range<u16> = 20_000..32_000;

/// The last one given. Another process begins elsewhere, so that two that look at the same moment do not agree.
static LAST: Mutex<Option<u16>> = Mutex::new(None);

/// A port of this machine where nobody listens, and that this process has not given to anybody for a long time.
pub fn free() -> Result<u16> {
    let mut last = LAST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for _ in OURS {
        let next = match *last {
            None => rand::rng().random_range(OURS),
            Some(port) if port + 1 < OURS.end => port + 1,
            Some(_) => OURS.start,
        };
        *last = Some(next);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, next)).is_ok() {
            return Ok(next);
        }
    }
    None.context("somebody listens on every port of this machine")
}

/// The same as an address: `127.0.0.1:PORT`.
pub fn free_address() -> Result<String> {
    Ok(format!("{}:{}", Ipv4Addr::LOCALHOST, free()?))
}
