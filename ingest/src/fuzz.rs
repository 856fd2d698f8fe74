//! Whatever a browser, a proxy, or somebody who calls himself one, may write beside what it asks.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use futures_util::FutureExt;
use proptest::prelude::*;
use serde_json::Value;

use crate::address::{Proxies, household};
use crate::form;
use crate::mutated::{bytes, often, texts};

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let Ok(value) = HeaderValue::try_from(*value) else { continue };
        headers.append(HeaderName::try_from(*name).unwrap(), value);
    }
    headers
}

fn forwarded() -> impl Strategy<Value = String> {
    texts(vec![
        b"1.2.3.4, 198.51.100.1:4711, 10.2.3.4".into(),
        b"[2001:db8::1]:443, ::ffff:10.0.0.7, unknown".into(),
    ])
}

proptest! {
    #![proptest_config(often())]

    #[test]
    fn an_address_is_that_of_the_connection_or_one_that_a_trusted_proxy_wrote(peer in any::<IpAddr>(), lines in prop::collection::vec(forwarded(), 0..3)) {
        let pairs: Vec<(&str, &str)> = lines.iter().map(|line| ("x-forwarded-for", line.as_str())).collect();
        let headers = headers(&pairs);
        let address = |proxies: &str, peer: IpAddr| {
            let mut extensions = Extensions::new();
            extensions.insert(ConnectInfo(SocketAddr::new(peer, 1)));
            proxies.parse::<Proxies>().unwrap().client(&extensions, &headers).unwrap()
        };
        prop_assert_eq!(address("", peer), peer.to_canonical(), "nobody is trusted");
        prop_assert_eq!(address("10.0.0.0/8", "203.0.113.7".parse().unwrap()).to_string(), "203.0.113.7");
        let ours = "10.0.0.0/8,fd00::/8";
        let behind = address(ours, "10.0.0.1".parse().unwrap());
        let hops: Vec<&str> = lines.iter().flat_map(|line| line.split(',')).map(str::trim).collect();
        let written = hops.iter().any(|hop| {
            let bare = hop.trim_matches(['[', ']']).parse::<IpAddr>().ok();
            bare.or(hop.parse::<SocketAddr>().ok().map(|address| address.ip())).map(|address| address.to_canonical()) == Some(behind)
        });
        prop_assert!(written || behind.to_string() == "10.0.0.1", "{behind} of {hops:?}");
        prop_assert_eq!(household(behind), household(household(behind).parse().unwrap()));
    }

    #[test]
    fn networks_are_read_or_refused(networks in texts(vec![b"10.0.0.0/8, fd00::/8, 127.0.0.1".into()]), peer in any::<IpAddr>()) {
        let Ok(proxies) = networks.parse::<Proxies>() else { return Ok(()) };
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer, 1)));
        prop_assert_eq!(proxies.client(&extensions, &HeaderMap::new()), Some(peer.to_canonical()));
    }

    #[test]
    fn a_form_is_json_from_our_own_site_or_nothing(
        body in bytes(vec![br#"{"phone":"+33 6 39 98 01 23","purpose":"login"}"#.into(), br#"{"key":"a","pack":"pack_20"}"#.into()]),
        kind in texts(vec![b"application/json; charset=utf-8".into()]),
        origin in texts(vec![b"https://hooks.example".into(), b"https://postly.example".into(), b"https://hooks.example:8443".into(), b"https://hooks.example@evil.example".into()]),
    ) {
        let headers = headers(&[("content-type", &kind), ("origin", &origin), ("host", "hooks.example")]);
        let sent = headers.contains_key("origin");
        let read = form::read::<Value>(&headers, Body::from(body.to_vec()), Some("https://postly.example/app"));
        // What is at hand is read at once.
        if let Ok(read) = read.now_or_never().unwrap() {
            prop_assert_eq!(Some(read), serde_json::from_slice(&body).ok());
            prop_assert!(kind.to_ascii_lowercase().contains("application/json"));
            let from = origin.to_ascii_lowercase();
            let from = from.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
            prop_assert!(!sent || matches!(from, Some("hooks.example" | "postly.example")), "{origin}");
        }
    }
}
