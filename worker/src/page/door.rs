//! Who is let in: nobody is asked for a password, since the listener is private. What is stopped here is a browser that
//! reaches it for its operator, and is made to act by a page of somebody else.
//!
//! - A form or a script of another site: a deed needs an `Origin` that is the very host it was sent to, and where the
//!   browser says more (`Sec-Fetch-Site`, only to trustworthy origins), that as well. A program that sends neither, such as a
//!   request that somebody forged through another server, is refused too: scripts have `postly`.
//! - DNS rebinding: a name of the attacker's that comes to mean our address makes their page ours in the eyes of the browser,
//!   origin and all. But the browser sends that name as `Host`. Only an address, `localhost` (which browsers never ask a
//!   server for) and the names of `ADMIN_HOSTS` are answered, for looking as well as for deeds: an attacker cannot make a
//!   browser send any of them to us from a page of theirs.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Page;

/// Lets through what was sent to a host that is ours.
pub(super) async fn known(State(page): State<Page>, request: Request, next: Next) -> Response {
    if is_known(request.headers(), &page.settings.hosts) {
        next.run(request).await
    } else {
        let words = "This page is reached by an address, as localhost, or by a name in ADMIN_HOSTS.\n";
        (StatusCode::MISDIRECTED_REQUEST, words).into_response()
    }
}

/// Whether a page of ours asks for this deed.
pub(super) fn is_ours(headers: &HeaderMap) -> bool {
    let (Some(host), Some(origin)) = (only(headers, HOST.as_str()), only(headers, ORIGIN.as_str())) else {
        return false;
    };
    let from = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    from.is_some_and(|from| from.eq_ignore_ascii_case(host))
        && (!headers.contains_key("sec-fetch-site") || only(headers, "sec-fetch-site") == Some("same-origin"))
}

fn is_known(headers: &HeaderMap, hosts: &[String]) -> bool {
    let Some(authority) = only(headers, HOST.as_str()).and_then(|host| host.parse::<Authority>().ok()) else {
        return false;
    };
    let host = authority.host();
    host.eq_ignore_ascii_case("localhost")
        || host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
}

/// The value of a header that is there once. Of two, who knows which one somebody else believes.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn headers(headers: &[(&str, &str)]) -> HeaderMap {
        let pairs = headers
            .iter()
            .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), value.parse().unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append::<HeaderName>(name, value);
        }
        map
    }

    #[test]
    fn a_name_that_came_to_mean_our_address_is_not_answered() {
        let hosts = ["ops.internal".to_owned()];
        let known = |host: &str| is_known(&headers(&[("host", host)]), &hosts);
        for ours in
            ["127.0.0.1:9091", "10.2.3.4", "[::1]:9091", "localhost:9091", "LOCALHOST", "ops.internal:80"]
        {
            assert!(known(ours), "{ours}");
        }
        for theirs in [
            "evil.example:9091",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "x@evil.example",
            "ops.internal.evil.example",
            "1.2.3",
            "",
        ] {
            assert!(!known(theirs), "{theirs}");
        }
        assert!(!is_known(&HeaderMap::new(), &hosts));
        assert!(!is_known(&headers(&[("host", "localhost"), ("host", "evil.example")]), &hosts));
    }

    #[test]
    fn a_deed_comes_from_our_own_page() {
        let ours = |pairs: &[(&str, &str)]| is_ours(&headers(pairs));
        let host = ("host", "127.0.0.1:9091");
        assert!(ours(&[host, ("origin", "http://127.0.0.1:9091")]));
        assert!(ours(&[host, ("origin", "http://127.0.0.1:9091"), ("sec-fetch-site", "same-origin")]));
        assert!(!ours(&[host]), "who says nothing is no browser of an operator");
        assert!(!ours(&[host, ("sec-fetch-site", "same-origin")]));
        for origin in
            ["null", "http://evil.example", "http://127.0.0.1:9092", "http://127.0.0.1", "127.0.0.1:9091", ""]
        {
            assert!(!ours(&[host, ("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site", "none"] {
            assert!(!ours(&[host, ("origin", "http://127.0.0.1:9091"), ("sec-fetch-site", site)]), "{site}");
        }
    }
}
