//! Media at Meta: an id leads to an address that is good for five minutes, and both want the same token (Meta: Media).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use shared::message::{Inbound, Voice};
use shared::texts::Unheard;

use super::{LARGEST, Unfetched, ask, read};
use crate::whatsapp::Action;
use crate::whatsapp::meta::{Meta, judge};

/// Where Meta serves media from, beside its API. Seen: `lookaside.fbsbx.com`.
const HOSTS: [&str; 2] = [".fbsbx.com", ".whatsapp.net"];

/// What Meta tells of a medium.
#[derive(Deserialize)]
pub(super) struct Medium {
    pub(super) url: String,
    mime_type: Option<String>,
    sha256: Option<String>,
    /// A number, or a number in quotes: both were seen.
    #[serde(default)]
    file_size: Value,
}

/// The bytes, and their type as Meta tells it. An address that has run out is asked for once more.
pub(super) async fn fetch(
    meta: &Meta,
    inbound: &Inbound,
    voice: &Voice,
) -> Result<(Vec<u8>, Option<String>), Unfetched> {
    let fetched = match attempt(meta, inbound, voice).await {
        Err(Unfetched::Missing) => attempt(meta, inbound, voice).await,
        fetched => fetched,
    };
    fetched.map_err(|error| match error {
        Unfetched::Missing => Unfetched::Never(Unheard::Gone),
        other => other,
    })
}

async fn attempt(
    meta: &Meta,
    inbound: &Inbound,
    voice: &Voice,
) -> Result<(Vec<u8>, Option<String>), Unfetched> {
    let medium = look_up(meta, inbound, voice).await?;
    let size = medium.file_size.as_u64().or_else(|| medium.file_size.as_str()?.parse().ok());
    if size.is_some_and(|size| size > LARGEST as u64) {
        return Err(Unfetched::Never(Unheard::TooLarge));
    }
    let url = trusted(&medium.url, &meta.graph_url)?;
    let request = meta.http.get(url).bearer_auth(meta.access_token.expose_secret()).timeout(meta.timeout);
    let bytes = read(ask(request).await?).await?;
    let told = [medium.sha256.as_deref(), voice.sha256.as_deref()];
    if let Some(told) = told.into_iter().flatten().find_map(digest)
        && told != Sha256::digest(&bytes)[..]
    {
        return Err(Unfetched::Retry("media: not the bytes that were announced".to_owned()));
    }
    Ok((bytes, medium.mime_type))
}

/// Asks what is behind an id.
async fn look_up(meta: &Meta, inbound: &Inbound, voice: &Voice) -> Result<Medium, Unfetched> {
    let base = meta.graph_url.trim_end_matches('/');
    let url = format!("{base}/{}/{}?phone_number_id={}", meta.version, voice.media, inbound.business);
    let request = meta.http.get(url).bearer_auth(meta.access_token.expose_secret()).timeout(meta.timeout);
    let response = ask(request).await?;
    let status = response.status();
    let answer: Value = response.json().await.unwrap_or_default();
    if !answer["error"].is_object() {
        super::judge(status)?;
    } else if !status.is_success() {
        let error = judge(status, &answer);
        return Err(match error.action {
            // An id that was never there, is older than seven days, or belongs to another number. In a path that names no
            // number of ours, 100 is about the id.
            _ if answer["error"]["code"] == 100 => Unfetched::Never(Unheard::Gone),
            Action::Refused(_) => Unfetched::Never(Unheard::Gone),
            Action::Operator => Unfetched::Operator(error.code),
            _ => Unfetched::Retry(format!("media: {}", error.code)),
        });
    }
    serde_json::from_value(answer)
        .map_err(|_| Unfetched::Retry("media: an answer without an address".to_owned()))
}

/// The address, if the token may go there: the API itself, or the hosts of media.
pub(super) fn trusted(address: &str, graph_url: &str) -> Result<Url, Unfetched> {
    let url =
        Url::parse(address).map_err(|_| Unfetched::Retry("media: an address that is none".to_owned()))?;
    let host = url.host_str().unwrap_or_default();
    let ours = Url::parse(graph_url).is_ok_and(|graph| graph.origin() == url.origin());
    if ours || (url.scheme() == "https" && HOSTS.iter().any(|known| host.ends_with(known))) {
        Ok(url)
    } else {
        // Meta may have moved its media: an operator has to know before the token goes anywhere.
        Err(Unfetched::Operator(format!("media at a host that is not known: {host}")))
    }
}

/// A digest as webhooks write it (base64), or as the API does (hexadecimal). Anything else proves nothing.
pub(super) fn digest(told: &str) -> Option<Vec<u8>> {
    let bytes = hex::decode(told).or_else(|_| STANDARD.decode(told)).ok()?;
    (bytes.len() == 32).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_to_meta_and_nowhere_else() {
        let graph = "https://graph.facebook.com";
        for good in [
            "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
            "https://mmg.whatsapp.net/v/1",
            "https://graph.facebook.com/x",
        ] {
            assert!(trusted(good, graph).is_ok(), "{good}");
        }
        for bad in [
            "http://lookaside.fbsbx.com/x",
            "https://fbsbx.com.evil.example/x",
            "https://evilfbsbx.com/x",
            "https://lookaside.fbsbx.com@evil.example/x",
            "https://evil.example/lookaside.fbsbx.com",
            "https://graph.facebook.com:8443/x",
            "http://graph.facebook.com/x",
            "file:///etc/passwd",
            "nonsense",
        ] {
            assert!(trusted(bad, graph).is_err(), "{bad}");
        }
        assert!(trusted("http://127.0.0.1:9/media", "http://127.0.0.1:9").is_ok());
        assert!(trusted("http://127.0.0.1:8/media", "http://127.0.0.1:9").is_err());
    }

    #[test]
    fn a_digest_is_read_in_both_its_forms() {
        let body = include_bytes!("../../../fixtures/meta/api_response_media_url.json");
        let medium: Medium = serde_json::from_slice(body).unwrap();
        assert_eq!(
            (medium.mime_type.as_deref(), medium.file_size.as_u64()),
            (Some("audio/ogg"), Some(15_432))
        );
        let hexadecimal = digest(&medium.sha256.unwrap()).unwrap();
        assert_eq!(digest(&STANDARD.encode(&hexadecimal)), Some(hexadecimal));
        assert_eq!((digest("soon"), digest("")), (None, None));
    }
}
