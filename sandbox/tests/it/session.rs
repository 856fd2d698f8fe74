//! Sessions on the web in the books: whose they are, how long they last, and how they end.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, USER_AGENT};
use ingest::config::Config;
use ingest::session::{Device, Session, Sessions};
use sandbox::conversation::{Sandbox, run};
use serde_json::Value;
use shared::env::Env;
use shared::message::Provider;
use shared::person::UserId;
use shared::session;

use crate::GROUND;

const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// The sessions of an ingest that is told this as well.
pub(crate) fn told(sandbox: &Sandbox, further: &[(&str, &str)]) -> Sessions {
    let mut variables: BTreeMap<String, String> = sandbox.variables.clone();
    variables.extend(further.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Config::from_env(Env::from_values(variables)).unwrap().sessions.unwrap()
}

/// Begins a session, as a browser has it from then on.
pub(crate) async fn begins(sandbox: &Sandbox, sessions: &Sessions, user: &UserId) -> HeaderMap {
    let agent = HeaderMap::from_iter([(USER_AGENT, AGENT.parse().unwrap())]);
    let mut db = sandbox.pool.acquire().await.unwrap();
    let device = Device::of(&agent);
    let opened = sessions.open(&mut db, user, &device, sandbox.clock.now()).await.unwrap();
    let cookie = opened.cookies[0].to_str().unwrap().split(';').next().unwrap().to_owned();
    HeaderMap::from_iter([(COOKIE, cookie.parse().unwrap())])
}

pub(crate) async fn reads(sandbox: &Sandbox, sessions: &Sessions, browser: &HeaderMap) -> Option<Session> {
    sessions.read(&sandbox.pool, browser, sandbox.clock.now()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_known_by_the_version_and_the_secret_that_made_it() {
    run(&GROUND, async |sandbox: &mut Sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await.account().await;
        let all = [
            told(sandbox, &[]),
            told(sandbox, &[("NEXTAUTH_VERSION", "5")]),
            told(sandbox, &[("NEXTAUTH_SECRET", "another secret")]),
            told(sandbox, &[("NEXTAUTH_URL", "http://postly.example")]),
        ];
        for (writer, written) in all.iter().enumerate() {
            let browser = begins(sandbox, written, &alice).await;
            for (reader, sessions) in all.iter().enumerate() {
                let read = reads(sandbox, sessions, &browser).await;
                assert_eq!(read.is_some(), writer == reader, "{writer} for {reader}");
                assert!(read.is_none_or(|session| session.user == alice && !session.id.is_empty()));
            }
        }
        // While a secret is changed, both are good.
        let rotated = told(sandbox, &[("NEXTAUTH_SECRET", "a new one,another secret")]);
        let browser = begins(sandbox, &all[2], &alice).await;
        assert!(reads(sandbox, &rotated, &browser).await.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_lasts_thirty_days_and_can_be_ended_before() {
    run(&GROUND, async |sandbox: &mut Sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await.account().await;
        let bob = sandbox.person(Provider::Meta).with_credits(1).await.account().await;
        let sessions = told(sandbox, &[]);
        let (first, second) =
            (begins(sandbox, &sessions, &alice).await, begins(sandbox, &sessions, &alice).await);
        let id = reads(sandbox, &sessions, &first).await.unwrap().id;
        let now = || sandbox.clock.now();
        let listed = session::list(&sandbox.pool, &alice, now()).await.unwrap();
        assert_eq!(listed.len(), 2);
        let entry = listed.iter().find(|entry| entry.id == id).unwrap();
        assert_eq!((entry.browser.as_deref(), entry.system.as_deref()), (Some("Firefox"), Some("Windows")));
        // Only by its own person, and once.
        assert!(!session::revoke(&sandbox.pool, &bob, &id, now()).await.unwrap());
        assert!(session::revoke(&sandbox.pool, &alice, &id, now()).await.unwrap());
        assert!(!session::revoke(&sandbox.pool, &alice, &id, now()).await.unwrap());
        assert_eq!(reads(sandbox, &sessions, &first).await, None);
        assert_eq!(session::list(&sandbox.pool, &alice, now()).await.unwrap().len(), 1);
        // That it was seen is noted once an hour.
        let seen = async || session::list(&sandbox.pool, &alice, now()).await.unwrap()[0].seen_at;
        let begun = seen().await;
        sandbox.advances(Duration::from_mins(59));
        assert!(reads(sandbox, &sessions, &second).await.is_some());
        assert_eq!(seen().await, begun);
        sandbox.advances(Duration::from_mins(2));
        assert!(reads(sandbox, &sessions, &second).await.is_some());
        assert!(seen().await > begun);
        sandbox.advances(Duration::from_hours(30 * 24));
        assert_eq!(reads(sandbox, &sessions, &second).await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_follows_its_account_into_another_one() {
    run(&GROUND, async |sandbox: &mut Sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await.account().await;
        let web = sandbox.person(Provider::Meta).with_credits(1).await.account().await;
        let sessions = told(sandbox, &[]);
        let browser = begins(sandbox, &sessions, &alice).await;
        let joins = "insert into wa.merged_account (from_user, into_user, merged_at) values ($1, $2, now())";
        sqlx::query(joins).bind(alice.as_str()).bind(web.as_str()).execute(&sandbox.pool).await.unwrap();
        let session = reads(sandbox, &sessions, &browser).await.unwrap();
        assert_eq!(session.user, web);
        let now = sandbox.clock.now();
        assert_eq!(session::list(&sandbox.pool, &web, now).await.unwrap().len(), 1);
        assert!(session::revoke(&sandbox.pool, &web, &session.id, now).await.unwrap());
        assert_eq!(reads(sandbox, &sessions, &browser).await, None);
        sqlx::query("delete from wa.merged_account").execute(&sandbox.pool).await.unwrap();
    })
    .await;
}

/// Made by next-auth itself, which knows nothing of ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_the_web_app_began_is_as_good() {
    run(&GROUND, async |sandbox: &mut Sandbox| {
        let file: Value =
            serde_json::from_str(include_str!("../../../fixtures/nextauth-vectors.json")).unwrap();
        for (name, version, url) in [
            ("v4-encode-1", "4", "https://postly.example"),
            ("v5-encode authjs.session-token", "5", "http://postly.example"),
        ] {
            let vectors = file["vectors"].as_array().unwrap();
            let vector = vectors.iter().find(|vector| vector["name"] == name).unwrap();
            let text = |key: &str| vector[key].as_str().unwrap();
            let cookie = match version {
                "4" => "__Secure-next-auth.session-token",
                _ => "authjs.session-token",
            };
            let sessions = told(
                sandbox,
                &[("NEXTAUTH_SECRET", text("secret")), ("NEXTAUTH_VERSION", version), ("NEXTAUTH_URL", url)],
            );
            // In two pieces, as for a long one.
            let (start, rest) = text("token").split_at(100);
            let browser = HeaderMap::from_iter([(
                COOKIE,
                format!("{cookie}.1={rest}; {cookie}.0={start}").parse().unwrap(),
            )]);
            assert_eq!(reads(sandbox, &sessions, &browser).await, None, "there is no such account yet");
            let user = vector["decoded"]["sub"].as_str().unwrap();
            sqlx::query(r#"insert into "User" ("id", "credits", "updatedAt") values ($1, 0, now())"#)
                .bind(user)
                .execute(&sandbox.pool)
                .await
                .unwrap();
            let session = reads(sandbox, &sessions, &browser).await.unwrap();
            assert_eq!((session.user.as_str(), session.id.as_str()), (user, ""));
            sqlx::query(r#"delete from "User" where "id" = $1"#)
                .bind(user)
                .execute(&sandbox.pool)
                .await
                .unwrap();
        }
    })
    .await;
}
