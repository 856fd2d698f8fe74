//! The hand that posts webhooks to the product.
//!
//! One client for all of a simulator's deliveries: no proxy, no redirects, no trust in any certificate (the
//! product listens in clear on this machine). What comes back is kept whole, since a provider judges it: Meta
//! wants exactly 200, Twilio reads the content type. How often it tries again is the provider's own rule.

use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;

/// Twilio's limit for an answer; Meta documents none, and waiting longer would only hide a slow door.
const PATIENCE: Duration = Duration::from_secs(15);

/// A reason to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody listens there.
    Connect,
    /// The request left and no answer came, in time or at all.
    NoAnswer,
    /// An answer from 400 to 499.
    ClientError,
    /// An answer from 500 to 599.
    ServerError,
    /// Any other answer that is not 200.
    NotOk,
}

/// How stubborn a provider is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persistence {
    /// Attempts in all, at least one.
    pub tries: u32,
    /// The pause before the second attempt; it doubles each time.
    pub pause: Duration,
    /// The troubles after which it tries again.
    pub after: Vec<Trouble>,
}

impl Persistence {
    /// One attempt.
    #[must_use]
    pub fn once() -> Self {
        Self { tries: 1, pause: Duration::ZERO, after: Vec::new() }
    }

    /// Meta's rule, shortened from seven days: anything but 200 is tried again, at growing distances.
    #[must_use]
    pub fn until_ok(tries: u32, pause: Duration) -> Self {
        use Trouble::{ClientError, Connect, NoAnswer, NotOk, ServerError};
        Self { tries, pause, after: vec![Connect, NoAnswer, ClientError, ServerError, NotOk] }
    }
}

/// What became of one delivery, after its last attempt.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The provider's id of the (first) message inside, empty for a delivery without one.
    pub message_id: String,
    /// The product's answer, `None` when none came.
    pub status: Option<u16>,
    /// `Content-Type` of the answer.
    pub content_type: Option<String>,
    /// Body of the answer.
    pub body: String,
    /// From the first byte sent to the last byte of the last answer, pauses included.
    pub elapsed: Duration,
    /// Attempts made.
    pub attempts: u32,
    /// Why no answer came.
    pub error: Option<String>,
}

impl Delivery {
    /// The delivery of a provider that was never told where to deliver.
    #[must_use]
    pub fn nowhere() -> Self {
        Self {
            message_id: String::new(),
            status: None,
            content_type: None,
            body: String::new(),
            elapsed: Duration::ZERO,
            attempts: 0,
            error: Some("no webhook URL is set".to_owned()),
        }
    }

    fn trouble(&self, connected: bool) -> Option<Trouble> {
        match self.status {
            None if connected => Some(Trouble::NoAnswer),
            None => Some(Trouble::Connect),
            Some(200) => None,
            Some(400..=499) => Some(Trouble::ClientError),
            Some(500..=599) => Some(Trouble::ServerError),
            Some(_) => Some(Trouble::NotOk),
        }
    }
}

/// Posts deliveries.
#[derive(Debug, Clone)]
pub struct Courier(reqwest::Client);

impl Courier {
    /// A courier with connections of its own.
    #[must_use]
    pub fn new(user_agent: &str) -> Self {
        Self(loopback_client(user_agent))
    }

    /// Posts the same bytes until they are taken or the provider's patience is over.
    pub async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
        persistence: &Persistence,
    ) -> Delivery {
        let started = Instant::now();
        let mut pause = persistence.pause;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (mut delivery, connected) = self.attempt(url, headers.clone(), body.clone()).await;
            delivery.attempts = attempts;
            delivery.elapsed = started.elapsed();
            let again =
                delivery.trouble(connected).is_some_and(|trouble| persistence.after.contains(&trouble));
            if !again || attempts >= persistence.tries {
                return delivery;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    /// One attempt, and whether a connection stood.
    async fn attempt(&self, url: &str, headers: HeaderMap, body: Vec<u8>) -> (Delivery, bool) {
        let mut delivery = Delivery { error: None, ..Delivery::nowhere() };
        let answer = match self.0.post(url).headers(headers).body(body).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let connected = !error.is_connect() && !error.is_builder();
                delivery.error = Some(error.to_string());
                return (delivery, connected);
            }
        };
        let status = answer.status().as_u16();
        let content_type = answer.headers().get("content-type");
        delivery.content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        match answer.bytes().await {
            Ok(body) => {
                delivery.status = Some(status);
                delivery.body = String::from_utf8_lossy(&body).into_owned();
            }
            Err(error) => delivery.error = Some(error.to_string()),
        }
        (delivery, true)
    }
}

/// A client for this machine only.
pub(super) fn loopback_client(user_agent: &str) -> reqwest::Client {
    // Given explicitly, so that no process-wide cryptography provider needs to be installed first.
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default protocol versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .user_agent(user_agent)
        .build()
        .expect("a client with a ready TLS configuration has nothing left to fail on")
}
