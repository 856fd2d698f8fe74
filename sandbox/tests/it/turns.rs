//! Webhooks need the connections that everybody uses: whoever floods the web side leaves some of them.

use std::time::Duration;

use ingest::limits::{CODE_TURNS, PORTAL_TURNS};
use reqwest::Client;
use sandbox::conversation::{Sandbox, run_without_worker};
use serde_json::json;
use shared::message::Provider;
use shared::person::UserId;
use tokio::time::{Instant, interval};

use crate::{GROUND, until};

/// How long it is watched: shorter than anybody's patience.
const WATCHED: Duration = Duration::from_millis(300);

/// How many connections wait for a lock.
async fn waiting(sandbox: &Sandbox) -> i64 {
    sqlx::query_scalar(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    )
    .fetch_one(&sandbox.pool)
    .await
    .unwrap()
}

/// The cookie of a session of this account.
async fn cookie(sandbox: &Sandbox, user: &UserId) -> String {
    let sessions = sandbox.ingest_app().sessions.clone().unwrap();
    let id = "a-session";
    let beginning = shared::session::Beginning { id, user, browser: None, system: None };
    let mut db = sandbox.pool.acquire().await.unwrap();
    shared::session::begin(&mut db, beginning, sandbox.clock.now()).await.unwrap().unwrap();
    let token = sessions.token(user, None, id, sandbox.clock.now()).unwrap();
    format!("__Secure-next-auth.session-token={token}")
}

/// The most connections that wait at once when somebody asks for this a dozen times while the sessions are held.
async fn taken_by(sandbox: &Sandbox, asks: impl Fn() -> reqwest::RequestBuilder) -> i64 {
    let mut held = sandbox.pool.begin().await.unwrap();
    sqlx::query("lock table wa.session").execute(&mut *held).await.unwrap();
    let asked: Vec<_> = (0..12).map(|_| tokio::spawn(asks().send())).collect();
    until("somebody waits", async || waiting(sandbox).await > 0).await;
    let (since, mut looks, mut most) = (Instant::now(), interval(Duration::from_millis(10)), 0);
    while since.elapsed() < WATCHED {
        looks.tick().await;
        most = most.max(waiting(sandbox).await);
    }
    held.rollback().await.unwrap();
    for answer in asked {
        answer.await.unwrap().unwrap();
    }
    until("nobody waits", async || waiting(sandbox).await == 0).await;
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_floods_a_route_of_people_leaves_connections_to_webhooks() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let cookie = cookie(sandbox, &alice.account().await).await;
        let (http, site) = (Client::new(), &sandbox.ingest);
        let page = || http.get(format!("{site}/")).header("cookie", &cookie);
        let most = taken_by(sandbox, page).await;
        assert!(most <= i64::try_from(PORTAL_TURNS).unwrap(), "the page takes {most}");
        let body = json!({ "phone": alice.number(), "purpose": "link" });
        let links =
            || http.post(format!("{site}/api/auth/request-otp")).header("cookie", &cookie).json(&body);
        let most = taken_by(sandbox, links).await;
        assert!(most <= i64::try_from(CODE_TURNS).unwrap(), "a code to link takes {most}");
    })
    .await;
}
