//! Asking providers over HTTPS, once and briefly. Answers are JSON or nothing; errors become words of ours, since
//! those of a library may repeat an address.

use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use super::ANSWER;
use super::finding::Finding;

/// Where both providers should call us, below the public address.
pub(super) const WEBHOOK: &str = "/api/whatsapp/webhook";

/// Where Stripe should call us, below the public address.
pub(super) const STRIPE_WEBHOOK: &str = "/api/stripe/webhook";

/// What a provider answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The body, or null when it was not JSON.
    pub(super) body: Value,
}

/// A client that waits briefly and follows nobody elsewhere.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    // Another component of the process may have installed it: that is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().timeout(ANSWER).redirect(reqwest::redirect::Policy::none());
    client.build()
}

/// Asks, and describes what went wrong.
pub(super) async fn ask(request: RequestBuilder) -> Result<Answer, &'static str> {
    let response = request.timeout(ANSWER).send().await.map_err(|error| match error {
        error if error.is_timeout() => "did not answer in time",
        error if error.is_connect() => "could not be reached (name, network, or certificate)",
        _ => "broke the connection",
    })?;
    let status = response.status().as_u16();
    let body = response.bytes().await.map_err(|_| "broke off its answer")?;
    Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or_default() })
}

/// The finding about a provider that said nothing.
pub(super) fn silent(name: &'static str, who: &str, how: &str) -> Finding {
    let advice =
        "look at the provider's status page, and at this host's DNS, outgoing network and certificates";
    Finding::failed(name, format!("{who} {how}"), advice)
}

/// The finding about an answer that nobody can read anything from.
pub(super) fn puzzling(name: &'static str, who: &str, answer: &Answer, code: Option<i64>) -> Finding {
    let code = code.map(|code| format!(", code {code}")).unwrap_or_default();
    let found = format!("could not be checked: {who} answered HTTP {}{code}", answer.status);
    if answer.status >= 500 {
        let advice = "look at the provider's status page and ask again; messages wait until it works";
        return Finding::failed(name, found, advice);
    }
    Finding::not_checked(
        name,
        found,
        "ask again in a minute; if it stays so, look the code up in the provider's documentation",
    )
}

/// An address without what may be secret in it: credentials, query, fragment.
pub(super) fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
            format!("{scheme}://{}{path}", authority.rsplit('@').next().unwrap_or_default())
        }
        None => "an address without a scheme".to_owned(),
    }
}

/// The address of one of our paths below a public one, which may already name the webhook.
pub(super) fn below(public_url: &str, path: &str) -> String {
    let base = shown(public_url);
    let base = base.trim_end_matches('/');
    format!("{}{path}", base.strip_suffix(WEBHOOK).unwrap_or(base))
}

/// The host of an address, with its port if it names one.
pub(super) fn host(url: &str) -> String {
    let url = shown(url);
    let host = url.split_once("://").map_or("", |(_, rest)| rest).split('/').next();
    host.unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        assert_eq!(shown("https://user:s3cret@hooks.example/a?token=s3cret#rc=5"), "https://hooks.example/a");
        assert_eq!(shown("s3cret"), "an address without a scheme");
    }

    #[test]
    fn the_webhooks_address_may_be_given_whole_or_by_its_origin() {
        let whole = "https://hooks.example/api/whatsapp/webhook";
        assert_eq!(below("https://hooks.example/", WEBHOOK), whole);
        assert_eq!(below(whole, WEBHOOK), whole);
        assert_eq!(below(whole, "/api/stripe/webhook"), "https://hooks.example/api/stripe/webhook");
    }

    #[test]
    fn a_host_is_what_stands_between_a_scheme_and_a_path() {
        assert_eq!(host("https://user:s3cret@Hooks.example:8443/a"), "hooks.example:8443");
        assert_eq!(host("http://localhost"), "localhost");
        assert_eq!(host("nowhere"), "");
    }
}
