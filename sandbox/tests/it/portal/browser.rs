//! A browser in front of the portal: it asks as the page does, in a language, perhaps with a session.

use ingest::session::Device;
use reqwest::header::{HeaderMap, SET_COOKIE, USER_AGENT};
use reqwest::{RequestBuilder, StatusCode};
use sandbox::conversation::Sandbox;
use sandbox::person::Person;
use serde_json::{Value, json};
use shared::person::{self, Linked, UserId};

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// See the module.
#[derive(Clone)]
pub(crate) struct Browser {
    http: reqwest::Client,
    pub(crate) site: String,
    cookie: String,
    language: &'static str,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The stable word of a refusal.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and word of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status.as_u16(), self.code())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl Browser {
    /// Nobody's yet.
    pub(crate) fn stranger(sandbox: &Sandbox) -> Self {
        let http = reqwest::Client::builder().user_agent(AGENT).build().unwrap();
        Self { http, site: sandbox.ingest.clone(), cookie: String::new(), language: "fr" }
    }

    /// Somebody's, with a session of this account.
    pub(crate) async fn of(sandbox: &Sandbox, user: &UserId) -> Self {
        let sessions = sandbox.ingest_app().sessions.clone().unwrap();
        let device = Device::of(&HeaderMap::from_iter([(USER_AGENT, AGENT.parse().unwrap())]));
        let mut db = sandbox.pool.acquire().await.unwrap();
        let opened = sessions.open(&mut db, user, &device, sandbox.clock.now()).await.unwrap();
        let cookies: Vec<&str> = opened.cookies.iter().map(|cookie| cookie.to_str().unwrap()).collect();
        let kept = cookies.iter().filter_map(|cookie| cookie.split(';').next());
        let cookie = kept.filter(|pair| !pair.ends_with('=')).collect::<Vec<_>>().join("; ");
        Self { cookie, ..Self::stranger(sandbox) }
    }

    /// The same, at another door.
    pub(crate) fn at(&self, site: &str) -> Self {
        Self { site: site.to_owned(), ..self.clone() }
    }

    /// The same, in this language.
    pub(crate) fn speaks(&self, language: &'static str) -> Self {
        Self { language, ..self.clone() }
    }

    /// A request, to be changed before it is sent.
    pub(crate) fn asks(&self, method: &str, path: &str) -> RequestBuilder {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.site));
        let request = request.header("accept-language", self.language);
        if self.cookie.is_empty() { request } else { request.header("cookie", &self.cookie) }
    }

    pub(crate) async fn sends(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.sends(self.asks("GET", path)).await
    }

    /// What is there: it must be.
    pub(crate) async fn sees(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.json()
    }

    /// As the page posts.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let request = self.asks("POST", path).header("origin", &self.site).json(&body);
        self.sends(request.header("sec-fetch-site", "same-origin")).await
    }

    /// Whether the server would know who this is.
    pub(crate) async fn is_in(&self) -> bool {
        self.get("/api/portal/account").await.status == StatusCode::OK
    }

    pub(crate) async fn signs_out(&self) -> Vec<String> {
        let answer = self.post("/api/portal/sign-out", json!({})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let cookies = answer.headers.get_all(SET_COOKIE).iter();
        cookies.map(|cookie| cookie.to_str().unwrap().to_owned()).collect()
    }
}

/// An account of the web app, with an e-mail address and so many credits that its ledger explains.
pub(crate) async fn web_account(sandbox: &Sandbox, email: &str, credits: i32) -> UserId {
    let id = shared::db::new_id();
    sqlx::query(
        r#"with person as (
             insert into "User" ("id", "email", "credits", "updatedAt") values ($1, $2, $3, now()) returning "id")
           insert into "CreditLedger" ("id", "userId", "delta", "reason", "createdAt")
           select $4, "id", $3, 'purchase', now() - interval '1 day' from person"#,
    )
    .bind(&id)
    .bind(email)
    .bind(credits)
    .bind(shared::db::new_id())
    .execute(&sandbox.pool)
    .await
    .unwrap();
    UserId::from_stored(id)
}

/// She proves her number to who is signed in to this account: the one that she writes from joins it.
pub(crate) async fn proves_her_number(sandbox: &Sandbox, alice: &Person, web: &UserId) {
    let phone = alice.number().parse().unwrap();
    let mut tx = sandbox.pool.begin().await.unwrap();
    let linked =
        person::link(&mut tx, &sandbox::stage::vault(), web, &phone, sandbox.clock.now()).await.unwrap();
    assert!(matches!(linked, Linked::Linked { merged: Some(_) }), "{linked:?}");
    tx.commit().await.unwrap();
}
