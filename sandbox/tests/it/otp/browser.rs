//! A browser on the web side: posts what a page would, keeps its cookie, and comes from an address of its own.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use sandbox::conversation::Sandbox;
use serde_json::{Value, json};
use shared::message::Provider;

/// Each browser of a program comes from another one.
static ADDRESSES: AtomicU32 = AtomicU32::new(1);

pub struct Browser {
    http: reqwest::Client,
    ingest: String,
    address: String,
    cookie: Mutex<Option<String>>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub status: u16,
    pub body: Value,
    pub retry_after: Option<u64>,
}

impl Page {
    /// The stable word of a refusal; empty when it is none.
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub fn refused(&self) -> (u16, &str) {
        (self.status, self.code())
    }
}

/// Codes leave by this provider from now on.
pub fn leaves_by(sandbox: &mut Sandbox, provider: Provider) {
    sandbox.variables.insert("WHATSAPP_PROVIDER".to_owned(), provider.to_string());
}

impl Browser {
    pub fn new(sandbox: &Sandbox) -> Self {
        Self::at(&sandbox.ingest)
    }

    pub fn at(ingest: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let number = ADDRESSES.fetch_add(1, Ordering::SeqCst);
        Self {
            http: reqwest::Client::new(),
            ingest: ingest.to_owned(),
            address: format!("198.51.{}.{}", number / 250, number % 250),
            cookie: Mutex::default(),
        }
    }

    /// The same, from this address.
    pub fn from(mut self, address: &str) -> Self {
        address.clone_into(&mut self.address);
        self
    }

    /// Takes a cookie that nobody set here.
    pub fn has(&self, cookie: Option<String>) {
        *self.cookie.lock().unwrap() = cookie;
    }

    pub fn cookie(&self) -> Option<String> {
        self.cookie.lock().unwrap().clone()
    }

    /// Whose session this browser has.
    pub async fn is(&self, sandbox: &Sandbox) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, self.cookie()?.parse().unwrap());
        let sessions = sandbox.ingest_app().sessions.clone().unwrap();
        let session = sessions.read(&sandbox.pool, &headers, sandbox.clock.now()).await.unwrap();
        session.map(|session| session.user.as_str().to_owned())
    }

    pub async fn asks(&self, phone: &str) -> Page {
        self.posts("/api/auth/request-otp", &json!({ "phone": phone })).await
    }

    pub async fn asks_to_link(&self, phone: &str) -> Page {
        self.posts("/api/auth/request-otp", &json!({ "phone": phone, "purpose": "link" })).await
    }

    pub async fn types(&self, phone: &str, code: &str) -> Page {
        self.posts("/api/auth/verify-otp", &json!({ "phone": phone, "code": code })).await
    }

    pub async fn posts(&self, path: &str, body: &Value) -> Page {
        self.sends(path, &[("content-type", "application/json")], &body.to_string()).await
    }

    pub async fn sends(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Page {
        let mut request = self.http.post(format!("{}{path}", self.ingest)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = self.cookie() {
            request = request.header("cookie", cookie);
        }
        let answer = request.header("x-forwarded-for", &self.address).send().await.unwrap();
        let mut set = answer.headers().get_all("set-cookie").iter().filter_map(|value| {
            let pair = value.to_str().ok()?.split(';').next()?;
            pair.split_once('=').filter(|(_, value)| !value.is_empty()).map(|_| pair.to_owned())
        });
        if let Some(cookie) = set.next_back() {
            self.has(Some(cookie));
        }
        let retry_after =
            answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let status = answer.status().as_u16();
        Page { status, body: answer.json().await.unwrap_or_default(), retry_after }
    }
}
