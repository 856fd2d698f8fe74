//! Codes: somebody types a number on the web, reads six digits on the phone, and is in.

pub(crate) mod browser;
mod guesses;
mod limits;
mod link;
pub(crate) mod secrecy;
mod sending;

use std::time::Duration;

use sandbox::conversation::{Sandbox, run};
use serde_json::json;
use shared::message::Provider;

use crate::{GROUND, for_each_provider};
use browser::{Browser, leaves_by};

/// Longer than the cool-down.
const A_MINUTE: Duration = Duration::from_secs(61);

/// Names and values.
type Headers = &'static [(&'static str, &'static str)];

/// A number for which nobody has to read a phone, and its code.
const RESERVED: &str = "+33639980070";
const ITS_CODE: &str = "535353";

/// Numbers of their own code, so that a test about counting sends nothing.
fn reserve(sandbox: &mut Sandbox, numbers: &[&str]) {
    let list: Vec<String> = numbers.iter().map(|number| format!("{number}={ITS_CODE}")).collect();
    sandbox.variables.insert("OTP_TEST_NUMBERS".to_owned(), list.join(","));
}

/// A door with the variables as they are now.
async fn door(sandbox: &Sandbox) -> Browser {
    Browser::at(&sandbox.starts_ingest(sandbox.ingest_app()).await)
}

async fn credits(sandbox: &Sandbox, user: &str) -> i32 {
    sqlx::query_scalar(r#"select "credits" from "User" where "id" = $1"#)
        .bind(user)
        .fetch_one(&sandbox.pool)
        .await
        .unwrap()
}

async fn count(sandbox: &Sandbox, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&sandbox.pool).await.unwrap()
}

/// Whether a transaction waits for another one.
async fn somebody_waits(sandbox: &Sandbox) -> bool {
    let waiting = "select count(*) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock'";
    count(sandbox, waiting).await > 0
}

async fn a_code_signs_in(sandbox: &mut Sandbox, provider: Provider) {
    leaves_by(sandbox, provider);
    sandbox.starts_worker();
    let alice = sandbox.person(provider);
    let browser = Browser::new(sandbox);
    // As it is typed in France; the books know it as +33639980001.
    let asked = browser.asks("06 39 98 00 01").await;
    assert_eq!((asked.status, &asked.body["sent"]), (200, &json!(true)), "{asked:?}");
    assert_eq!(asked.body["phone"], "+33…01");
    let code = alice.hears_code().await;
    let entered = browser.types("+33 6 39 98 00 01", &code).await;
    assert_eq!((entered.status, &entered.body["redirect"]), (200, &json!("/dashboard")), "{entered:?}");
    let user = entered.body["user"]["id"].as_str().unwrap().to_owned();
    assert_eq!((&entered.body["user"]["isNew"], &entered.body["user"]["credits"]), (&json!(true), &json!(5)));
    assert_eq!(browser.is(sandbox).await, Some(user.clone()), "the session is theirs");
    assert_eq!(browser.asks("0639980001").await.code(), "", "a code that was used cools nothing down");
    let code = alice.hears_code().await;
    let again = browser.types("0639980001", &code).await;
    assert_eq!((&again.body["user"]["id"], &again.body["user"]["isNew"]), (&json!(user), &json!(false)));
    assert_eq!(credits(sandbox, &user).await, 5, "a gift is given once");
    // Whoever writes in WhatsApp is the same person.
    alice.says("solde").await;
    assert!(alice.hears().await.contains('5'));
}

for_each_provider! { in run_without_worker
    signing_in => super::a_code_signs_in;
}

async fn written_in_the_chat(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider);
    alice.says("connexion").await;
    assert!(alice.hears().await.contains("https://postly.example"));
    let code = alice.hears_code().await;
    let entered = Browser::new(sandbox).types(alice.number(), &code).await;
    assert_eq!((entered.status, &entered.body["user"]["isNew"]), (200, &json!(false)), "{entered:?}");
    assert_eq!(entered.body["user"]["id"], json!(alice.account().await.as_str()));
    assert_eq!(
        credits(sandbox, alice.account().await.as_str()).await,
        5,
        "the welcome gift, at the first login"
    );
    // At once again: a new challenge, since the last one is used up. Then it is too soon.
    alice.says("login").await;
    alice.hears().await;
    alice.hears_code().await;
    alice.says("login").await;
    let later = alice.hears().await;
    assert!(later.contains("une minute"), "{later}");
}

async fn stopped_people_get_the_code_they_ask_for(sandbox: &mut Sandbox, provider: Provider) {
    leaves_by(sandbox, provider);
    sandbox.starts_worker();
    let alice = sandbox.person(provider);
    alice.says("stop").await;
    alice.hears().await;
    assert_eq!(Browser::new(sandbox).asks(alice.number()).await.status, 200);
    alice.hears_code().await;
}

for_each_provider! {
    login_in_the_chat => super::written_in_the_chat;
}

for_each_provider! { in run_without_worker
    silence => super::stopped_people_get_the_code_they_ask_for;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hides_the_number_is_told_to_type_it() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta);
        alice.meta().hides_number();
        alice.says("connexion").await;
        let told = alice.hears().await;
        assert!(told.contains("ne me montre pas votre numéro"), "{told}");
    })
    .await;
}

/// Nothing says that a chat in which no number is shown is the phone of the number in the books: the code goes to that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_comes_to_the_number_and_not_to_the_chat_that_hides_it() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Twilio).with_credits(1).await;
        let id = [("ExternalUserId", "FR.13491208655302741918")];
        alice.twilio().message("solde", &id).await;
        alice.hears().await;
        let hidden = [id[0], ("From", "whatsapp:FR.13491208655302741918"), ("WaId", "")];
        alice.twilio().message("connexion", &hidden).await;
        let code = alice.hears_code().await;
        let entered = Browser::new(sandbox).types(alice.number(), &code).await;
        assert_eq!(entered.body["user"]["id"], json!(alice.account().await.as_str()), "{entered:?}");
    })
    .await;
}

/// Nothing of the answer tells a number that has an account from one that has none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_and_unknown_numbers_are_answered_alike() {
    run(&GROUND, async |sandbox| {
        let known = sandbox.person(Provider::Meta).with_credits(9).await;
        let unknown = sandbox.person(Provider::Meta);
        let browser = Browser::new(sandbox);
        let mut asked = [browser.asks(known.number()).await, browser.asks(unknown.number()).await];
        let mut typed =
            [browser.types(known.number(), "000000").await, browser.types(unknown.number(), "000000").await];
        let mut soon = [browser.asks(known.number()).await, browser.asks(unknown.number()).await];
        for pair in [&mut asked, &mut typed, &mut soon] {
            for page in pair.iter_mut() {
                page.body["phone"].take();
                page.retry_after.take();
            }
            assert_eq!(pair[0], pair[1]);
        }
        // The one code in a million that was guessed here would be an accident.
        assert_eq!((asked[0].status, typed[0].status, soon[0].status), (200, 401, 429));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_question_of_ours_is_refused() {
    run(&GROUND, async |sandbox| {
        let browser = Browser::new(sandbox);
        for phone in ["", "06", "alice@example.com", "+33 0 00", "06 39 98 00 0x"] {
            assert_eq!(browser.asks(phone).await.refused(), (400, "bad_phone"), "{phone}");
        }
        for code in ["", "12345", "1234567", "abcdef"] {
            assert_eq!(browser.types(RESERVED, code).await.refused(), (400, "bad_code"), "{code}");
        }
        let path = "/api/auth/request-otp";
        let phone = json!({ "phone": RESERVED, "purpose": "admin" });
        assert_eq!(browser.posts(path, &phone).await.refused(), (400, "bad_request"));
        let cases: [(Headers, &str, u16, &str); 6] = [
            (&[("content-type", "application/x-www-form-urlencoded")], "phone=0639980001", 415, "not_json"),
            (&[("content-type", "text/plain")], "{\"phone\":\"0639980001\"}", 415, "not_json"),
            (&[("content-type", "application/json")], "{\"phone\":", 400, "bad_request"),
            (&[("content-type", "application/json")], "[]", 400, "bad_request"),
            (
                &[("content-type", "application/json"), ("origin", "https://evil.example")],
                "{\"phone\":\"0639980001\"}",
                403,
                "foreign_origin",
            ),
            (
                &[("content-type", "application/json"), ("sec-fetch-site", "cross-site")],
                "{\"phone\":\"0639980001\"}",
                403,
                "foreign_origin",
            ),
        ];
        for (headers, body, status, code) in cases {
            assert_eq!(browser.sends(path, headers, body).await.refused(), (status, code), "{body}");
        }
        let large = format!("{{\"phone\":\"{}\"}}", "0".repeat(5000));
        let json = [("content-type", "application/json")];
        assert_eq!(browser.sends(path, &json, &large).await.refused(), (413, "too_large"));
        let english = browser.sends(path, &[("accept-language", "en"), json[0]], "{\"phone\":\"06\"}").await;
        assert!(english.body["error"]["message"].as_str().unwrap().starts_with("This phone number"));
        assert_eq!(count(sandbox, r#"select count(*) from "OtpChallenge""#).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_salt_or_a_secret_nobody_is_let_in() {
    run(&GROUND, async |sandbox| {
        for missing in ["OTP_SALT", "NEXTAUTH_SECRET"] {
            let there = sandbox.variables.remove(missing).unwrap();
            let closed = door(sandbox).await;
            assert_eq!(closed.asks(RESERVED).await.refused(), (503, "not_configured"), "{missing}");
            assert_eq!(
                closed.types(RESERVED, "123456").await.refused(),
                (503, "not_configured"),
                "{missing}"
            );
            sandbox.variables.insert(missing.to_owned(), there);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgres_nothing_is_sent_and_nobody_is_let_in() {
    run(&GROUND, async |sandbox| {
        let app = sandbox.ingest_app();
        app.pool().close().await;
        let alone = Browser::at(&sandbox.starts_ingest(app).await);
        for page in [alone.asks("+33639980001").await, alone.types("+33639980001", "123456").await] {
            assert_eq!(page.refused(), (503, "unavailable"));
            assert!(page.retry_after.is_some());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_number_has_its_code_and_is_sent_nothing() {
    run(&GROUND, async |sandbox| {
        reserve(sandbox, &[RESERVED]);
        let browser = door(sandbox).await;
        assert_eq!(browser.asks(RESERVED).await.status, 200);
        assert_eq!(browser.types(RESERVED, ITS_CODE).await.status, 200);
        sandbox.is_quiet().await;
        assert_eq!((sandbox.stage.meta.sent().len(), sandbox.stage.twilio.sent().len()), (0, 0));
    })
    .await;
}
