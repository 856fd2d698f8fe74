//! From which address a request comes: that of the connection, unless a proxy of ours is at its other end.
//!
//! What a stranger writes into `X-Forwarded-For` stands on the left of it. So it is read from the right, and only as far as
//! those who wrote it are trusted (`TRUSTED_PROXIES`): the first one that is not is the address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

/// What each proxy appends the address to that it was called from.
const FORWARDED: &str = "x-forwarded-for";

/// The networks of proxies that are believed.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<Network>);

#[derive(Debug, Clone, Copy)]
struct Network {
    address: IpAddr,
    bits: u8,
}

/// Not a list of networks.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no network such as 10.0.0.0/8, fd00::/8 or 127.0.0.1")]
pub struct InvalidNetwork(String);

impl FromStr for Proxies {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork(text.to_owned());
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| invalid())?;
        if bits <= most { Ok(Self { address, bits }) } else { Err(invalid()) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.bits)
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(it)) => {
                (net.to_bits() ^ it.to_bits()).checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(it)) => {
                (net.to_bits() ^ it.to_bits()).checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl Proxies {
    /// The address of whoever made this request. `None`: the connection is not known.
    #[must_use]
    pub fn client(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip().to_canonical();
        Some(self.behind(peer, headers))
    }

    fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let trusted = |address: IpAddr| self.0.iter().any(|network| network.contains(address));
        let mut nearest = peer;
        let values = headers.get_all(FORWARDED).iter().filter_map(|value| value.to_str().ok());
        let mut hops: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
        while trusted(nearest) {
            // What is no address was written by nobody whom we trust to write one.
            let Some(hop) = hops.pop().and_then(read) else { break };
            nearest = hop;
        }
        nearest
    }
}

/// Some proxies write a port as well.
fn read(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// Who is counted as one: an address, or the /64 that one customer of a network has at least (RFC 6177).
#[must_use]
pub fn household(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => Ipv4Addr::to_string(&address),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &str, peer: &str, forwarded: &[&str]) -> String {
        let headers = forwarded.iter().map(|value| (FORWARDED.parse().unwrap(), value.parse().unwrap()));
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let headers =
            headers.fold(HeaderMap::new(), |mut map, (name, value): (axum::http::HeaderName, _)| {
                map.append(name, value);
                map
            });
        proxies.parse::<Proxies>().unwrap().client(&extensions, &headers).unwrap().to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        assert_eq!(client("", "203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(client("10.0.0.0/8", "203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
    }

    #[test]
    fn the_header_is_read_from_the_right_as_far_as_it_is_trusted() {
        let ours = "10.0.0.0/8, fd00::/8, 127.0.0.1";
        for (forwarded, expected) in [
            (&["198.51.100.1"][..], "198.51.100.1"),
            (&["1.2.3.4, 198.51.100.1"], "198.51.100.1"),
            (&["1.2.3.4", "198.51.100.1, 10.2.3.4"], "198.51.100.1"),
            (&["1.2.3.4, 198.51.100.1:4711"], "198.51.100.1"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
            (&["::ffff:198.51.100.1"], "198.51.100.1"),
            (&["10.9.9.9"], "10.9.9.9"),
            (&["unknown"], "10.0.0.1"),
            (&["198.51.100.1, unknown"], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(client(ours, "10.0.0.1", forwarded), expected, "{forwarded:?}");
        }
        assert_eq!(client(ours, "::ffff:127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("0.0.0.0/0", "10.0.0.1", &["a, 5.6.7.8"]), "5.6.7.8");
    }

    #[test]
    fn what_is_no_network_is_told() {
        for wrong in ["10.0.0.0/33", "fd00::/129", "proxy", "10.0.0.0/x"] {
            assert!(wrong.parse::<Proxies>().unwrap_err().to_string().contains(wrong));
        }
    }

    #[test]
    fn a_household_is_one_address_or_one_network() {
        assert_eq!(household("203.0.113.7".parse().unwrap()), "203.0.113.7");
        let [one, same] =
            ["2001:db8:1:2:3::1", "2001:db8:1:2:ffff::9"].map(|a| household(a.parse().unwrap()));
        assert_eq!(one, same);
        assert_ne!(one, household("2001:db8:1:3::1".parse().unwrap()));
    }
}
