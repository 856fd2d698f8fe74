//! A number is joined to an account: by whoever is signed in to it, and by nobody else.

use std::time::Duration;

use ingest::session::Device;
use sandbox::conversation::{Sandbox, run};
use serde_json::json;
use shared::message::Provider;
use shared::person::UserId;

use super::browser::Browser;
use super::{ITS_CODE, RESERVED, count, credits, door, reserve, somebody_waits};
use crate::{GROUND, until};

/// Somebody who began on the web, signed in: the account, and the browser.
async fn web_account(sandbox: &Sandbox, email: &str, browser: Browser) -> (String, Browser) {
    let id = shared::db::new_id();
    sqlx::query(
        r#"with person as (insert into "User" ("id", "email", "credits", "updatedAt") values ($1, $2, 5, now()) returning "id")
           insert into "CreditLedger" ("id", "userId", "delta", "reason") select $1, "id", 5, 'signup' from person"#,
    )
    .bind(&id)
    .bind(email)
    .execute(&sandbox.pool)
    .await
    .unwrap();
    let sessions = sandbox.ingest_app().sessions.clone().unwrap();
    let mut db = sandbox.pool.acquire().await.unwrap();
    let user = UserId::from_stored(id.clone());
    let opened = sessions.open(&mut db, &user, &Device::default(), sandbox.clock.now()).await.unwrap();
    let mut set = opened.cookies.iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    let cookie = set.rfind(|pair| !pair.ends_with('=')).unwrap().to_owned();
    browser.has(Some(cookie));
    (id, browser)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_of_nobody_is_joined_to_the_account_that_asks() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta);
        let (id, browser) = web_account(sandbox, "alice@example.com", Browser::new(sandbox)).await;
        assert_eq!(browser.asks_to_link(alice.number()).await.status, 200);
        let code = alice.hears_code().await;
        let linked = browser.types(alice.number(), &code).await;
        assert_eq!((linked.status, &linked.body["linked"]), (200, &json!(true)), "{linked:?}");
        assert_eq!(linked.body["user"]["id"], json!(id));
        alice.says("solde").await;
        assert!(alice.hears().await.contains("5 crédits"));
        assert_eq!(alice.account().await.as_str(), id);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_began_in_the_chat_joins_the_one_on_the_web() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Twilio).with_credits(7).await;
        alice.says("solde").await;
        alice.hears().await;
        let (id, browser) = web_account(sandbox, "alice@example.com", Browser::new(sandbox)).await;
        browser.asks_to_link(alice.number()).await;
        let code =
            sandbox.stage.meta.wait_sent_to(alice.number(), 1, sandbox::person::PATIENCE).await.unwrap();
        let code = code[0]
            .text
            .split(|c: char| !c.is_ascii_digit())
            .find(|word| word.len() == 6)
            .unwrap()
            .to_owned();
        let linked = browser.types(alice.number(), &code).await;
        assert_eq!((linked.status, &linked.body["merged"]), (200, &json!(true)), "{linked:?}");
        assert_eq!(credits(sandbox, &id).await, 12);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_of_another_account_tells_nothing() {
    run(&GROUND, async |sandbox| {
        reserve(sandbox, &[RESERVED]);
        let (_, bob) = web_account(sandbox, "bob@example.com", door(sandbox).await).await;
        bob.asks_to_link(RESERVED).await;
        assert_eq!(bob.types(RESERVED, ITS_CODE).await.status, 200);
        let (id, mallory) = web_account(sandbox, "mallory@example.com", door(sandbox).await).await;
        // Asking tells nothing either.
        assert_eq!(mallory.asks_to_link(RESERVED).await.status, 200);
        let taken = mallory.types(RESERVED, ITS_CODE).await;
        assert_eq!(taken.refused(), (409, "number_taken"));
        assert!(!taken.body.to_string().contains("bob"));
        assert_eq!(mallory.types(RESERVED, ITS_CODE).await.refused(), (410, "expired"), "told once");
        assert_eq!(mallory.is(sandbox).await, Some(id), "and mallory stays who she is");
    })
    .await;
}

/// The seed of this product took the account from the body: anybody could join their phone to anybody's account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_in_the_body_is_not_believed() {
    run(&GROUND, async |sandbox| {
        reserve(sandbox, &[RESERVED]);
        let (alice, _) = web_account(sandbox, "alice@example.com", door(sandbox).await).await;
        let (mallory, browser) = web_account(sandbox, "mallory@example.com", door(sandbox).await).await;
        let stranger = door(sandbox).await;
        let link = json!({ "phone": RESERVED, "purpose": "link", "userId": alice });
        let path = "/api/auth/request-otp";
        assert_eq!(stranger.posts(path, &link).await.refused(), (401, "not_signed_in"));
        assert_eq!(browser.posts(path, &link).await.status, 200);
        let of: String = sqlx::query_scalar(r#"select "userId" from "OtpChallenge""#)
            .fetch_one(&sandbox.pool)
            .await
            .unwrap();
        assert_eq!(of, mallory);
        // Somebody else cannot finish it, whatever they say.
        let typed = json!({ "phone": RESERVED, "code": ITS_CODE, "purpose": "link", "userId": mallory });
        let path = "/api/auth/verify-otp";
        assert_eq!(stranger.posts(path, &typed).await.refused(), (401, "not_signed_in"));
        assert_eq!(stranger.types(RESERVED, ITS_CODE).await.refused(), (410, "expired"), "no login waits");
        assert_eq!(browser.posts(path, &typed).await.body["user"]["id"], json!(mallory));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_session_that_counts_joins_a_number() {
    run(&GROUND, async |sandbox| {
        reserve(sandbox, &[RESERVED]);
        let (_, browser) = web_account(sandbox, "alice@example.com", door(sandbox).await).await;
        let good = browser.cookie().unwrap();
        let (name, token) = good.split_once('=').unwrap();
        let (head, last) = token.split_at(token.len() - 4);
        let altered: String = last.chars().map(|c| if c == 'A' { 'B' } else { 'A' }).collect();
        for cookie in [
            None,
            Some(format!("{name}=")),
            Some(format!("{name}=eyJhbGciOiJub25lIn0.e30.")),
            Some(format!("{name}={head}{altered}")),
            Some(format!("another-{good}")),
        ] {
            browser.has(cookie.clone());
            let refused = browser.asks_to_link(RESERVED).await;
            assert_eq!(refused.refused(), (401, "not_signed_in"), "{cookie:?}");
        }
        browser.has(Some(good));
        assert_eq!(browser.asks_to_link(RESERVED).await.status, 200);
        sandbox.advances(Duration::from_hours(31 * 24));
        assert_eq!(browser.asks_to_link(RESERVED).await.refused(), (401, "not_signed_in"), "it has expired");
        assert_eq!(count(sandbox, r#"select count(*) from "OtpChallenge""#).await, 1);
    })
    .await;
}

/// Somebody's account is being written to for a while. Who waits for it keeps nobody else from a code.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_waits_for_its_account_holds_nobody_up() {
    run(&GROUND, async |sandbox| {
        reserve(sandbox, &[RESERVED, "+33639980071"]);
        let (id, browser) = web_account(sandbox, "alice@example.com", door(sandbox).await).await;
        let mut held = sandbox.pool.begin().await.unwrap();
        sqlx::query(r#"select from "User" where "id" = $1 for update"#)
            .bind(&id)
            .execute(&mut *held)
            .await
            .unwrap();
        let (linking, other) = tokio::join!(browser.asks_to_link(RESERVED), async {
            until("a wait", async || somebody_waits(sandbox).await).await;
            let other = door(sandbox).await.asks("+33639980071").await;
            held.rollback().await.unwrap();
            other
        });
        assert_eq!((linking.status, other.status), (200, 200), "{linking:?} {other:?}");
    })
    .await;
}
