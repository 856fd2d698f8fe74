//! The portal over HTTP: who may see what, in which words, and what changes.

pub mod browser;
mod export;
mod ids;
mod page;
mod shop;

use sandbox::conversation::{Sandbox, run};
use serde_json::json;
use shared::message::Provider;

use crate::GROUND;
use browser::{Browser, proves_her_number, web_account};

const BRIEF: &str = "Crée un post promo pour l’ouverture de ma boulangerie";

const READ: [&str; 7] = [
    "/api/portal/account",
    "/api/portal/ledger",
    "/api/portal/generations",
    "/api/portal/packs",
    "/api/portal/payment?session=cs_1",
    "/api/portal/sessions",
    "/api/portal/export",
];
const WRITTEN: [&str; 6] = [
    "/api/portal/language",
    "/api/portal/unlink",
    "/api/portal/erase",
    "/api/portal/checkout",
    "/api/portal/sessions/revoke",
    "/api/portal/sign-out",
];

async fn what_is_written_in_whatsapp_is_seen_on_the_web(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(2).await;
    alice.says(BRIEF).await;
    let posts = alice.hears().await;
    let browser = Browser::of(sandbox, &alice.account().await).await;
    let account = browser.sees("/api/portal/account").await;
    assert_eq!(
        (&account["credits"], &account["language"], &account["email"]),
        (&json!(1), &json!("fr"), &json!(null))
    );
    let number = alice.number();
    assert_eq!(
        account["phone"],
        format!("+33…{}", &number[number.len() - 2..]),
        "nobody reads it over a shoulder"
    );

    let ledger = browser.sees("/api/portal/ledger").await;
    let lines: Vec<_> = ledger["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (&line["delta"], &line["reason"], &line["balance"]))
        .collect();
    assert_eq!(
        lines,
        [(&json!(-1), &json!("whatsapp_generation"), &json!(1)), (&json!(2), &json!("purchase"), &json!(2))]
    );
    assert_eq!(ledger["next"], json!(null));

    let written = browser.sees("/api/portal/generations").await;
    let [written] = written["items"].as_array().unwrap().as_slice() else { panic!("{written}") };
    assert_eq!(written["brief"], BRIEF);
    for post in written["posts"].as_array().unwrap() {
        assert!(posts.contains(post.as_str().unwrap()), "{post} is not in {posts}");
    }
}

async fn a_language_chosen_on_the_web_is_spoken_in_whatsapp(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(1).await;
    let browser = Browser::of(sandbox, &alice.account().await).await;
    let done = browser.post("/api/portal/language", json!({ "language": "en" })).await;
    assert_eq!(done.json(), json!({ "language": "en" }));
    alice.says("solde").await;
    assert!(alice.hears().await.contains("1 credit"));
    assert_eq!(browser.sees("/api/portal/account").await["language"], "en");
    assert!(
        browser.get("/").await.text.contains("<html lang=\"en\">"),
        "the account is asked before the browser"
    );
    let refused = browser.post("/api/portal/language", json!({ "language": "de" })).await;
    assert_eq!(refused.refusal(), (400, "bad_request".to_owned()));
}

async fn who_unlinks_a_number_is_somebody_new_in_whatsapp(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(3).await;
    let whatsapp = Browser::of(sandbox, &alice.account().await).await;
    let refused = whatsapp.post("/api/portal/unlink", json!({})).await;
    assert_eq!(refused.refusal(), (409, "only_way_in".to_owned()), "nobody could come back to the credits");
    assert_eq!(alice.credits().await, 3);

    let web = web_account(sandbox, "alice@example.com", 10).await;
    proves_her_number(sandbox, &alice, &web).await;
    // The session that began before is this account's as well.
    for browser in [&whatsapp, &Browser::of(sandbox, &web).await] {
        let account = browser.sees("/api/portal/account").await;
        assert_eq!((&account["credits"], &account["email"]), (&json!(13), &json!("alice@example.com")));
        assert!(account["phone"].is_string());
    }
    assert_eq!(whatsapp.post("/api/portal/unlink", json!({})).await.json(), json!({ "unlinked": true }));
    assert_eq!(whatsapp.sees("/api/portal/account").await["phone"], json!(null));
    alice.says("solde").await;
    assert!(alice.hears().await.contains("0 crédit"));
    assert_eq!(whatsapp.sees("/api/portal/account").await["credits"], 13);
    assert_eq!(whatsapp.post("/api/portal/unlink", json!({})).await.json(), json!({ "unlinked": false }));
}

crate::for_each_provider! {
    seen => super::what_is_written_in_whatsapp_is_seen_on_the_web;
    language => super::a_language_chosen_on_the_web_is_spoken_in_whatsapp;
    unlink => super::who_unlinks_a_number_is_somebody_new_in_whatsapp;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_or_changes_anything_without_a_session() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let stranger = Browser::stranger(sandbox);
        for path in READ {
            let answer = stranger.speaks("en").get(path).await;
            assert_eq!(answer.refusal(), (401, "not_signed_in".to_owned()), "{path}");
            assert!(
                answer.text.contains("You are not signed in") && answer.header("cache-control") == "no-store",
                "{path}"
            );
        }
        for path in WRITTEN {
            let body = json!({ "language": "en", "pack": "pack_20", "key": "0123456789", "id": "x" });
            assert_eq!(
                stranger.post(path, body).await.refusal(),
                (401, "not_signed_in".to_owned()),
                "{path}"
            );
        }
        assert_eq!(alice.credits().await, 1);
        // A door without the web app's secret knows nobody, whatever cookie comes.
        let mut app = sandbox.ingest_app();
        app.sessions = None;
        let door = sandbox.starts_ingest(app).await;
        let signed_in = Browser::of(sandbox, &alice.account().await).await;
        assert!(signed_in.is_in().await);
        for path in READ {
            let answer = signed_in.at(&door).get(path).await;
            assert_eq!(answer.refusal(), (503, "not_configured".to_owned()), "{path}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_changes_nothing() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let browser = Browser::of(sandbox, &alice.account().await).await;
        let (evil, json) = ("https://evil.example", "application/json");
        let own = browser.site.clone();
        let body = r#"{"language":"en"}"#;
        for (headers, body, refusal) in [
            (
                vec![("sec-fetch-site", "cross-site"), ("origin", evil), ("content-type", json)],
                body,
                (403, "foreign_origin"),
            ),
            (vec![("origin", evil), ("content-type", json)], body, (403, "foreign_origin")),
            (vec![("origin", "null"), ("content-type", json)], body, (403, "foreign_origin")),
            (vec![("origin", own.as_str()), ("content-type", "text/plain")], body, (415, "not_json")),
            (vec![("content-type", "application/x-www-form-urlencoded")], "language=en", (415, "not_json")),
            (vec![("origin", own.as_str())], body, (415, "not_json")),
            (vec![("content-type", json)], "language", (400, "bad_request")),
            (vec![("content-type", json)], "", (400, "bad_request")),
            (
                vec![("content-type", json)],
                &format!("{{\"language\":\"{}\"}}", "x".repeat(5000)),
                (413, "too_large"),
            ),
        ] {
            let mut request = browser.asks("POST", "/api/portal/language").body(body.to_owned());
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let answer = browser.sends(request).await;
            assert_eq!(answer.refusal(), (refusal.0, refusal.1.to_owned()), "{headers:?}");
        }
        for path in WRITTEN {
            let request = browser.asks("POST", path).header("sec-fetch-site", "cross-site");
            let answer = browser.sends(request.json(&json!({}))).await;
            assert_eq!(answer.refusal(), (403, "foreign_origin".to_owned()), "{path}");
        }
        assert!(browser.is_in().await);
        assert_eq!(browser.sees("/api/portal/account").await["language"], "fr");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_that_have_joined_are_one_history() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(2).await;
        alice.says(BRIEF).await;
        alice.hears().await;
        let old = Browser::of(sandbox, &alice.account().await).await;
        let web = web_account(sandbox, "alice@example.com", 10).await;
        proves_her_number(sandbox, &alice, &web).await;
        alice.says(BRIEF).await;
        alice.hears().await;
        for browser in [&old, &Browser::of(sandbox, &web).await] {
            let ledger = browser.sees("/api/portal/ledger").await;
            let lines: Vec<(i64, i64)> = ledger["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|line| (line["delta"].as_i64().unwrap(), line["balance"].as_i64().unwrap()))
                .collect();
            // Both purchases and both posts; what only went from one of their accounts to the other never happened to them.
            assert_eq!(lines, [(-1, 10), (-1, 11), (2, 12), (10, 10)]);
            assert_eq!(browser.sees("/api/portal/generations").await["items"].as_array().unwrap().len(), 2);
            assert_eq!(browser.sees("/api/portal/account").await["credits"], 10);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_history_comes_page_by_page_and_nobody_elses() {
    run(&GROUND, async |sandbox| {
        let (alice, bob) = (sandbox.person(Provider::Meta).with_credits(100).await, sandbox.person(Provider::Meta).with_credits(7).await);
        let (user, other) = (alice.account().await, bob.account().await);
        // Several in one moment, as a loop of the web app writes them.
        sqlx::query(
            r#"with moved as (update "User" set "credits" = "credits" - 44 where "id" = $1)
               insert into "CreditLedger" ("id", "userId", "delta", "reason", "createdAt")
               select 'line' || n, $1, -1, 'web_generation', now() + make_interval(secs => n / 3) from generate_series(1, 44) n"#,
        )
        .bind(user.as_str())
        .execute(&sandbox.pool)
        .await
        .unwrap();
        sqlx::query(
            r#"insert into "Generation" ("id", "userId", "brief", "variants", "createdAt")
               select case when n % 5 = 0 then 'bob' else 'alice' end || n, case when n % 5 = 0 then $2 else $1 end,
                      'idée ' || n, array['un', 'deux', 'trois'], now() + make_interval(secs => n / 3)
               from generate_series(1, 30) n"#,
        )
        .bind(user.as_str())
        .bind(other.as_str())
        .execute(&sandbox.pool)
        .await
        .unwrap();
        let browser = Browser::of(sandbox, &user).await;
        let (mut balances, mut sizes, mut next) = (Vec::new(), Vec::new(), String::new());
        loop {
            let page = browser.sees(&format!("/api/portal/ledger{next}")).await;
            let items = page["items"].as_array().unwrap();
            sizes.push(items.len());
            balances.extend(items.iter().map(|line| line["balance"].as_i64().unwrap()));
            let Some(before) = page["next"].as_str() else { break };
            next = format!("?before={before}");
        }
        assert_eq!(sizes, [20, 20, 5]);
        assert_eq!(balances, (56..=100).collect::<Vec<i64>>());

        let first = browser.sees("/api/portal/generations").await;
        let second = browser.sees(&format!("/api/portal/generations?before={}", first["next"].as_str().unwrap())).await;
        let third = browser.sees(&format!("/api/portal/generations?before={}", second["next"].as_str().unwrap())).await;
        let briefs: Vec<&str> = [&first, &second, &third].iter()
            .flat_map(|page| page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap())).collect();
        assert_eq!((briefs.len(), briefs[0], &third["next"]), (24, "alice29", &json!(null)));
        assert!(briefs.iter().all(|id| id.starts_with("alice")), "{briefs:?}");
        // What is not theirs marks no place in what is.
        assert_eq!(browser.sees("/api/portal/generations?before=bob30").await["items"], json!([]));
        let line: String = sqlx::query_scalar(r#"select "id" from "CreditLedger" where "userId" = $1"#)
            .bind(other.as_str()).fetch_one(&sandbox.pool).await.unwrap();
        assert_eq!(browser.sees(&format!("/api/portal/ledger?before={line}")).await["items"], json!([]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_ended_from_any_device_of_its_person_and_of_nobody_else() {
    run(&GROUND, async |sandbox| {
        let (alice, bob) = (
            sandbox.person(Provider::Meta).with_credits(1).await,
            sandbox.person(Provider::Meta).with_credits(1).await,
        );
        let (phone, laptop) = (
            Browser::of(sandbox, &alice.account().await).await,
            Browser::of(sandbox, &alice.account().await).await,
        );
        let stranger = Browser::of(sandbox, &bob.account().await).await;
        let devices = phone.sees("/api/portal/sessions").await["items"].as_array().unwrap().clone();
        assert_eq!(devices.len(), 2);
        assert_eq!((&devices[0]["browser"], &devices[0]["system"]), (&json!("Firefox"), &json!("Linux")));
        let [mine] = devices.iter().filter(|device| device["current"] == true).collect::<Vec<_>>()[..] else {
            panic!("{devices:?}")
        };
        let [other] = devices.iter().filter(|device| device["current"] == false).collect::<Vec<_>>()[..]
        else {
            panic!("{devices:?}")
        };
        let revoke = |id: &serde_json::Value| json!({ "id": id });
        let refused = stranger.post("/api/portal/sessions/revoke", revoke(&mine["id"])).await;
        assert_eq!(refused.refusal(), (404, "not_found".to_owned()));
        assert!(phone.is_in().await && laptop.is_in().await);

        assert_eq!(phone.post("/api/portal/sessions/revoke", revoke(&other["id"])).await.status, 200);
        assert!(phone.is_in().await && !laptop.is_in().await);
        assert_eq!(
            phone.post("/api/portal/sessions/revoke", revoke(&other["id"])).await.status,
            404,
            "it has ended"
        );
        let cookies = phone.signs_out().await;
        assert!(
            cookies.iter().any(|cookie| cookie.starts_with("__Secure-next-auth.session-token=;")),
            "{cookies:?}"
        );
        assert!(!phone.is_in().await && stranger.is_in().await);
    })
    .await;
}
