//! The address under which the world sees this service: what Twilio signs.
//!
//! Configured, never rebuilt from `Host` or forwarding headers, which a proxy changes and a stranger can write.

use std::fmt;
use std::str::FromStr;

/// `PUBLIC_URL`, without what Twilio does not sign: credentials and the fragment with its connection overrides.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: String,
    host: String,
    port: Option<u16>,
    /// Without a trailing slash; empty for a bare origin.
    path: String,
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "must be an address such as https://hooks.example.com";
        let text = text.split(['#', '?']).next().unwrap_or_default();
        let (scheme, rest) = text.split_once("://").ok_or(SHAPE)?;
        if scheme != "https" && scheme != "http" {
            return Err(SHAPE);
        }
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port.parse().map_err(|_| SHAPE)?)),
            _ => (authority, None),
        };
        if host.is_empty() {
            return Err(SHAPE);
        }
        let path = path.trim_end_matches('/').to_owned();
        Ok(Self { scheme: scheme.to_owned(), host: host.to_owned(), port, path })
    }
}

impl PublicUrl {
    /// Every address that Twilio may have signed for a request to this path and query, byte for byte. Its signer is
    /// not consistent about ports, so both spellings stand, as they do in Twilio's own libraries.
    #[must_use]
    pub fn addresses(&self, path_and_query: &str) -> Vec<String> {
        let default = if self.scheme == "https" { 443 } else { 80 };
        let ports = [None, Some(self.port.unwrap_or(default))];
        let mut paths = vec![format!("{}{path_and_query}", self.path)];
        // An operator may have configured the webhook's whole address rather than the origin.
        let asked = path_and_query.split('?').next().unwrap_or_default();
        if !self.path.is_empty() && self.path.ends_with(asked.trim_end_matches('/')) {
            let query = &path_and_query[asked.len()..];
            paths.push(format!("{}{query}", self.path));
        }
        let mut addresses = Vec::new();
        for port in ports {
            for path in &paths {
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                addresses.push(format!("{}://{}{port}{path}", self.scheme, self.host));
            }
        }
        addresses
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}{}", self.scheme, self.host, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_fragments_are_not_part_of_the_address() {
        let url: PublicUrl = "https://hook:s3cret@hooks.example/base/#rc=5&rp=all".parse().unwrap();
        assert_eq!(
            url.addresses("/api/whatsapp/webhook?a=1"),
            [
                "https://hooks.example/base/api/whatsapp/webhook?a=1",
                "https://hooks.example:443/base/api/whatsapp/webhook?a=1",
            ]
        );
    }

    #[test]
    fn a_port_is_signed_or_left_out() {
        let url: PublicUrl = "http://localhost:8080".parse().unwrap();
        assert_eq!(url.addresses("/x"), ["http://localhost/x", "http://localhost:8080/x"]);
        let url: PublicUrl = "https://[::1]".parse().unwrap();
        assert_eq!(url.addresses("/x")[0], "https://[::1]/x");
    }

    #[test]
    fn the_whole_webhook_address_may_be_configured() {
        let url: PublicUrl = "https://hooks.example/api/whatsapp/webhook".parse().unwrap();
        assert!(
            url.addresses("/api/whatsapp/webhook?b=2")
                .contains(&"https://hooks.example/api/whatsapp/webhook?b=2".into())
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in ["", "hooks.example", "ftp://hooks.example", "https://", "https://h:port"] {
            assert!(wrong.parse::<PublicUrl>().is_err(), "{wrong}");
        }
    }
}
