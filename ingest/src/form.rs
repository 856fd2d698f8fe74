//! What a page of ours posts: a little JSON, from our own site.
//!
//! A page of another site can make a browser post a form, with the person's cookie, and cannot make it post JSON without
//! asking first (Fetch: CORS-safelisted request-header). The type of the body is looked at, and whatever the browser says
//! of where the page is from.

use axum::body::{Body, to_bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use serde::de::DeserializeOwned;
use shared::texts::Denial;

use crate::refusal::Refusal;

/// More than any form of ours needs.
const LONGEST: usize = 4 * 1024;

/// Reads a body. `site`: the address of the web app, whose pages may ask beside our own.
pub async fn read<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    site: Option<&str>,
) -> Result<T, Refusal> {
    let refused = |denial| Refusal::new(denial, headers);
    if !is_ours(headers, site) {
        return Err(refused(Denial::ForeignOrigin));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(refused(Denial::NotJson));
    }
    let bytes = to_bytes(body, LONGEST).await.map_err(|_| refused(Denial::TooLarge))?;
    serde_json::from_slice(&bytes).map_err(|_| refused(Denial::BadRequest))
}

/// Whether a browser that says where the page is from names us. What is no browser says nothing.
fn is_ours(headers: &HeaderMap, site: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if text("sec-fetch-site").is_some_and(|from| from == "cross-site") {
        return false;
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return true };
    let host = |address: &str| Some(address.split_once("://")?.1.split('/').next()?.to_ascii_lowercase());
    let Some(from) = host(origin) else { return false };
    text(HOST.as_str()).is_some_and(|ours| ours.eq_ignore_ascii_case(&from))
        || site.and_then(host).is_some_and(|site| site == from)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn ours(headers: &[(&str, &str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), value.parse().unwrap()));
        is_ours(&headers.collect(), Some("https://postly.example/app"))
    }

    #[test]
    fn a_page_of_another_site_is_not_ours() {
        assert!(ours(&[("host", "127.0.0.1:8080")]));
        assert!(ours(&[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")]));
        assert!(ours(&[("host", "hooks.example"), ("origin", "https://Postly.example")]));
        assert!(ours(&[("host", "h"), ("sec-fetch-site", "same-origin"), ("origin", "https://h")]));
        for origin in [
            "null",
            "https://evil.example",
            "https://postly.example.evil.example",
            "https://postly.example:8443",
            "",
        ] {
            assert!(!ours(&[("host", "hooks.example"), ("origin", origin)]), "{origin}");
        }
        assert!(!ours(&[("host", "h"), ("sec-fetch-site", "cross-site")]));
    }
}
