//! A browser that signs in: it keeps its cookies, and nobody else's.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HeaderMap, ORIGIN, RETRY_AFTER, SET_COOKIE, USER_AGENT};
use sandbox::conversation::Sandbox;
use serde_json::{Value, json};
use shared::person::UserId;

const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// The browser.
pub struct Browser {
    ingest: String,
    http: reqwest::Client,
    cookies: Mutex<BTreeMap<String, String>>,
    origin: Option<String>,
}

/// What its page shows.
pub struct Begun {
    /// On the screen.
    pub number: u8,
    /// What the link writes for who follows it.
    pub words: String,
    /// As a picture.
    pub qr: String,
    /// In seconds.
    pub expires_in: u64,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: Value,
}

impl Browser {
    pub fn new(sandbox: &Sandbox) -> Self {
        Self::at(sandbox.ingest.clone())
    }

    pub fn at(ingest: String) -> Self {
        Self { ingest, http: reqwest::Client::new(), cookies: Mutex::default(), origin: None }
    }

    /// The same, on a page of this site.
    pub fn from(&self, origin: &str) -> Self {
        Self { origin: Some(origin.to_owned()), ..Self::at(self.ingest.clone()) }
    }

    /// Begins to sign in.
    pub async fn begins(&self) -> Begun {
        let Answer { status, body, .. } = self.posts("start", true).await;
        assert_eq!(status, 200, "{body}");
        let link = url::Url::parse(body["link"].as_str().unwrap()).unwrap();
        assert_eq!((link.host_str(), link.path()), (Some("wa.me"), "/33199001234"));
        let words = link.query_pairs().find(|(name, _)| name == "text").unwrap().1.into_owned();
        Begun {
            number: u8::try_from(body["number"].as_u64().unwrap()).unwrap(),
            words,
            qr: body["qr"].as_str().unwrap().to_owned(),
            expires_in: body["expiresIn"].as_u64().unwrap(),
        }
    }

    /// Asks where it stands.
    pub async fn asks(&self) -> String {
        let Answer { status, body, .. } = self.posts("poll", true).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body["state"] == "done", body["redirect"] == "/dashboard", "{body}");
        body["state"].as_str().unwrap().to_owned()
    }

    /// The same, in a tab that sees nothing of what the others are told.
    pub async fn asks_alone(&self) -> String {
        let Answer { body, .. } = self.posts("poll", false).await;
        body["state"].as_str().unwrap().to_owned()
    }

    /// Posts to a route of signing in; `keeps`: whether it keeps the cookies of the answer.
    pub async fn posts(&self, route: &str, keeps: bool) -> Answer {
        let mut request = self
            .http
            .post(format!("{}/api/auth/whatsapp/{route}", self.ingest))
            .header(USER_AGENT, AGENT)
            .header(ACCEPT_LANGUAGE, "fr")
            .header(COOKIE, self.cookies())
            .json(&json!({}));
        if let Some(origin) = &self.origin {
            request = request.header(ORIGIN, origin);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        if keeps {
            self.keeps(&headers);
        }
        let retry_after = headers.get(RETRY_AFTER).map(|wait| wait.to_str().unwrap().to_owned());
        Answer { status, retry_after, body: answer.json().await.unwrap() }
    }

    /// Whose session it has.
    pub async fn is(&self, sandbox: &Sandbox) -> Option<UserId> {
        let headers = HeaderMap::from_iter([(COOKIE, self.cookies().parse().unwrap())]);
        let sessions = sandbox.ingest_app().sessions.clone().unwrap();
        let session = sessions.read(&sandbox.pool, &headers, sandbox.clock.now()).await.unwrap();
        session.map(|session| session.user)
    }

    fn cookies(&self) -> String {
        let cookies = self.cookies.lock().unwrap();
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keeps(&self, headers: &HeaderMap) {
        let mut cookies = self.cookies.lock().unwrap();
        for line in headers.get_all(SET_COOKIE) {
            let line = line.to_str().unwrap();
            assert!(line.contains("; HttpOnly; SameSite=") && line.ends_with("; Secure"), "{line}");
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            match value {
                "" => cookies.remove(name),
                value => cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }
}
