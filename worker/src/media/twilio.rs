//! Media at Twilio: an address of its API that wants our credentials and leads on to a store that must not see them
//! (Twilio: Media resource).

use reqwest::Url;
use reqwest::header::LOCATION;
use secrecy::ExposeSecret;
use shared::message::Voice;
use shared::texts::Unheard;

use super::{Unfetched, ask, read};
use crate::whatsapp::Twilio;

/// Regions have hosts of their own.
const HOSTS: &str = ".twilio.com";

/// The bytes.
pub(super) async fn fetch(twilio: &Twilio, voice: &Voice) -> Result<Vec<u8>, Unfetched> {
    let api = Url::parse(&twilio.api_url).map_err(|_| Unfetched::Operator("TWILIO_API_URL".to_owned()))?;
    let url = Url::parse(&voice.media).ok().filter(|url| trusted(url, &api));
    let Some(url) = url else {
        tracing::warn!("a voice note at an address that is not Twilio's is left alone");
        return Err(Unfetched::Never(Unheard::Gone));
    };
    let request = twilio.http.get(url.clone()).timeout(twilio.timeout);
    let response =
        ask(request.basic_auth(&twilio.account_sid, Some(twilio.auth_token.expose_secret()))).await?;
    if !response.status().is_redirection() {
        return read(response).await;
    }
    let lost = || Unfetched::Retry("media: a redirect to nowhere".to_owned());
    let location =
        response.headers().get(LOCATION).and_then(|location| location.to_str().ok()).ok_or_else(lost)?;
    let store = url.join(location).map_err(|_| lost())?;
    // Once, and in the clear only where all of it is.
    if store.scheme() != "https" && store.scheme() != api.scheme() {
        return Err(lost());
    }
    read(ask(twilio.http.get(store).timeout(twilio.timeout)).await?).await
}

/// Whether our credentials may go there.
pub(super) fn trusted(url: &Url, api: &Url) -> bool {
    let is_twilios = |url: &Url| {
        url.scheme() == "https"
            && url.port().is_none()
            && url.host_str().is_some_and(|host| host.ends_with(HOSTS))
    };
    url.origin() == api.origin() || (is_twilios(url) && is_twilios(api))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credentials_go_to_twilio_and_nowhere_else() {
        let trusts = |api: &str, url: &str| trusted(&Url::parse(url).unwrap(), &Url::parse(api).unwrap());
        let real = "https://api.twilio.com";
        assert!(trusts(real, "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"));
        assert!(trusts("https://api.dublin.ie1.twilio.com", "https://api.twilio.com/x"));
        assert!(trusts("http://127.0.0.1:9", "http://127.0.0.1:9/x"));
        for bad in [
            "http://api.twilio.com/x",
            "https://api.twilio.com:8443/x",
            "https://api.twilio.com.evil.example/x",
            "https://eviltwilio.com/x",
            "https://mms.twiliocdn.com/x",
        ] {
            assert!(!trusts(real, bad), "{bad}");
        }
        assert!(
            !trusts("http://127.0.0.1:9", "https://api.twilio.com/x"),
            "a test's credentials stay at home"
        );
    }
}
