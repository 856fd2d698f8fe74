//! Somebody wants to be forgotten: within a minute nothing is left of them, anywhere, and of everybody else everything is.

mod killed;
mod queued;
mod rows;

use sandbox::conversation::{Sandbox, run};
use sandbox::person::Person;
use serde_json::json;
use shared::clock::Clock;
use shared::env::Env;
use shared::message::Provider;
use shared::person::UserId;
use worker::operator::Desk;
use worker::operator::erasure::{self, Findings, Known, Place};
use worker::operator::person as operators;

use crate::portal::browser::{Browser, web_account};
use crate::{GROUND, for_each_provider, until};

fn desk(sandbox: &Sandbox) -> Desk {
    Desk::open(Env::from_values(sandbox.variables.clone())).unwrap()
}

/// All that is known of somebody now.
async fn known(sandbox: &Sandbox, user: &UserId) -> Known {
    erasure::known(&desk(sandbox), user, Clock::system().now()).await.unwrap()
}

async fn looks(sandbox: &Sandbox, known: &Known) -> Findings {
    erasure::scan(&desk(sandbox), known, &[]).await.unwrap()
}

/// Nothing of this is anywhere.
async fn nothing_is_left(sandbox: &Sandbox, known: &Known) {
    let findings = looks(sandbox, known).await;
    assert!(findings.found.is_empty(), "{findings}");
    assert!(findings.tables > 25 && findings.values > 0, "{findings}");
}

/// Everything that somebody may leave behind: posts, a voice note, a reaction, a wish, a menu, a session, a code, a sign-in.
async fn lives(sandbox: &mut Sandbox, provider: Provider, about: &str) -> Person {
    let person = sandbox.person(provider).with_credits(3).await;
    person.says(&format!("Crée un post promo pour {about}")).await;
    person.hears().await;
    if let Some(posts) = person.screen().pop() {
        person.reacts(&posts.id, Some("👍")).await;
    }
    person.speaks(&format!("Un post sur {about}, pour les enfants")).await;
    person.hears().await;
    person.says("langue : français").await;
    person.hears().await;
    let account = person.account().await;
    let browser = Browser::of(sandbox, &account).await;
    assert!(browser.is_in().await);
    sandbox.is_quiet().await;
    person
}

async fn is_written_anew(sandbox: &Sandbox) -> bool {
    let client = redis::Client::open(sandbox.variables["REDIS_URL"].as_str()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("HEXISTS").arg("{wa:0}stats").arg("rewritten").query_async(&mut redis).await.unwrap()
}

async fn is_forgotten(sandbox: &Sandbox, account: &UserId) {
    until("the erasure", async || {
        sqlx::query_scalar(
            "select exists (select from wa.erasure where account = $1 and done_at is not null)",
        )
        .bind(account.as_str())
        .fetch_one(&sandbox.pool)
        .await
        .unwrap()
    })
    .await;
    sandbox.is_quiet().await;
}

/// How many lines of money an account has, and what they come to; and what its row says.
async fn purse(sandbox: &Sandbox, account: &UserId) -> (i64, i64, i32) {
    sqlx::query_as(
        r#"select (select count(*) from "CreditLedger" where "userId" = u."id"),
                  (select coalesce(sum("delta"), 0) from "CreditLedger" where "userId" = u."id"), u."credits"
           from "User" u where u."id" = $1"#,
    )
    .bind(account.as_str())
    .fetch_one(&sandbox.pool)
    .await
    .unwrap()
}

async fn in_the_chat(sandbox: &mut Sandbox, provider: Provider) {
    let alice = lives(sandbox, provider, "mes brioches au beurre").await;
    let bob = lives(sandbox, provider, "mon garage à vélos").await;
    let (hers, his) = (alice.account().await, bob.account().await);
    let browser = Browser::of(sandbox, &hers).await;
    let (money, bobs) = (purse(sandbox, &hers).await, known(sandbox, &his).await);

    alice.says("Supprimer mes données").await;
    let asked = alice.hears().await;
    assert!(asked.starts_with("🗑️ Voulez-vous") && asked.contains("crédits"), "{asked}");
    // Asked once, and nothing happens by itself.
    assert!(browser.is_in().await);
    let hers_known = known(sandbox, &hers).await;
    let before = looks(sandbox, &hers_known).await;
    let stands_in = |place: &str| before.found.contains_key(&Place::Column(place.to_owned()));
    for place in ["wa.identity.value", "wa.receipt.message_id", "public.Generation.brief"] {
        assert!(stands_in(place), "{place}: {before}");
    }
    assert!(!stands_in("wa.outbox.address"), "sealed: {before}");
    alice.chooses("erase:yes").await;
    let told = alice.hears().await;
    assert!(told.contains("*EF-"), "{told}");
    is_forgotten(sandbox, &hers).await;

    nothing_is_left(sandbox, &hers_known).await;
    until("Redis is asked to write its file anew", async || is_written_anew(sandbox).await).await;
    assert_eq!(purse(sandbox, &hers).await, money, "the money stays, without her");
    assert!(!browser.is_in().await, "her sessions have ended");
    assert_eq!(looks(sandbox, &bobs).await.values, bobs.len());
    assert_eq!(bobs.len(), known(sandbox, &his).await.len(), "his things are all there");

    // She writes again, and is somebody new.
    alice.says("historique").await;
    assert!(alice.hears().await.starts_with("Je n’ai pas encore de posts de vous"));
    let again = alice.account().await;
    assert_ne!(again, hers);
    assert_eq!(purse(sandbox, &again).await, (0, 0, 0));
    bob.says("historique").await;
    let his = bob.hears().await;
    assert!(his.contains("mon garage"), "{his}");
}

for_each_provider! {
    whoever_confirms_is_forgotten => super::in_the_chat;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_of_the_web_keeps_its_row_and_nothing_that_names_anybody() {
    run(&GROUND, async |sandbox| {
        let alice = lives(sandbox, Provider::Meta, "mes brioches").await;
        let chat = alice.account().await;
        let web = web_account(sandbox, "alice@example.com", 10).await;
        crate::portal::browser::proves_her_number(sandbox, &alice, &web).await;
        // What only the web app knows of, it may have in a column of its own.
        sqlx::query(r#"alter table "User" add column "name" text, add column "plan" text not null default 'free'"#)
            .execute(&sandbox.pool)
            .await
            .unwrap();
        sqlx::query(r#"update "User" set "name" = 'Alice Martin', "passwordHash" = 'x' where "id" = $1"#)
            .bind(web.as_str())
            .execute(&sandbox.pool)
            .await
            .unwrap();
        let foreign = Browser::of(sandbox, &web).await;
        let known = known(sandbox, &web).await;
        let erased = erasure::erase(&desk(sandbox), &web, &crate::author(), Clock::system().now()).await.unwrap();
        assert!(erased.receipt.starts_with("EF-"));
        nothing_is_left(sandbox, &known).await;
        assert!(!foreign.is_in().await);
        let rows: Vec<serde_json::Value> =
            sqlx::query_scalar(r#"select to_jsonb(u) - 'createdAt' - 'updatedAt' - 'id' from "User" u order by "credits""#)
                .fetch_all(&sandbox.pool)
                .await
                .unwrap();
        let nobody = |credits: i32| {
            json!({ "email": null, "passwordHash": null, "credits": credits, "waPhoneE164": null, "waUserId": null,
                    "waLinkedAt": null, "waPreferredLang": "fr", "name": null, "plan": "free" })
        };
        assert_eq!(rows, [nobody(0), nobody(11)], "both accounts that were hers");
        assert_ne!(chat, web);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_twice_has_one_receipt_and_an_operator_finds_it_done() {
    run(&GROUND, async |sandbox| {
        let alice = lives(sandbox, Provider::Meta, "mes brioches").await;
        let (hers, now) = (alice.account().await, Clock::system().now());
        let first = erasure::erase(&desk(sandbox), &hers, &crate::author(), now).await.unwrap();
        let second = erasure::erase(&desk(sandbox), &hers, &crate::author(), now).await.unwrap();
        assert_eq!(first.receipt, second.receipt);
        let (receipts, lines): (i64, i64) = sqlx::query_as(
            "select (select count(*) from wa.erasure),
                    (select count(*) from wa.audit where action like '%eras%' and subject = $1)",
        )
        .bind(hers.as_str())
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
        assert_eq!((receipts, lines), (1, 2), "asked for, and done");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_on_the_portal_is_forgotten_with_every_session() {
    run(&GROUND, async |sandbox| {
        let alice = lives(sandbox, Provider::Meta, "mes brioches").await;
        let hers = alice.account().await;
        let (phone, laptop) = (Browser::of(sandbox, &hers).await, Browser::of(sandbox, &hers).await);
        let known = known(sandbox, &hers).await;
        let stranger = Browser::stranger(sandbox).post("/api/portal/erase", json!({})).await;
        assert_eq!(stranger.refusal(), (401, "not_signed_in".to_owned()));
        let asked = phone.post("/api/portal/erase", json!({})).await;
        let receipt = asked.json()["receipt"].as_str().unwrap().to_owned();
        is_forgotten(sandbox, &hers).await;
        assert!(!phone.is_in().await && !laptop.is_in().await);
        nothing_is_left(sandbox, &known).await;
        let kept: String =
            sqlx::query_scalar("select receipt from wa.erasure").fetch_one(&sandbox.pool).await.unwrap();
        assert_eq!(kept, receipt);
    })
    .await;
}

/// The scan knows no list of places: it finds what an erasure would have forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_left_is_found_wherever_it_is() {
    run(&GROUND, async |sandbox| {
        let alice = lives(sandbox, Provider::Twilio, "mes brioches").await;
        let hers = alice.account().await;
        let known = known(sandbox, &hers).await;
        erasure::erase(&desk(sandbox), &hers, &crate::author(), Clock::system().now()).await.unwrap();
        nothing_is_left(sandbox, &known).await;
        sqlx::query(
            "insert into wa.shelf (items, looked_at) values (jsonb_build_object('to', $1::text), now())",
        )
        .bind(alice.number())
        .execute(&sandbox.pool)
        .await
        .unwrap();
        let client = redis::Client::open(sandbox.variables["REDIS_URL"].as_str()).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        let of = |kind: &str| format!("left:{kind}:x");
        let said = format!("\"{}\"", "Un post sur mes brioches, pour les enfants");
        for command in [
            redis::cmd("SET").arg(of("string")).arg(&said),
            redis::cmd("RPUSH").arg(of("list")).arg("a").arg(&said),
            redis::cmd("HSET").arg(of("hash")).arg("field").arg(&said),
            redis::cmd("SADD").arg(of("set")).arg(&said),
            redis::cmd("ZADD").arg(of("zset")).arg(1).arg(&said),
            redis::cmd("XADD").arg(of("stream")).arg("*").arg("job").arg(&said),
            redis::cmd("SET").arg(format!("left:key:{}", alice.number())).arg("x"),
        ] {
            command.query_async::<redis::Value>(&mut redis).await.unwrap();
        }
        let log = std::env::temp_dir().join(format!("postly-left-{}.log", std::process::id()));
        std::fs::write(&log, format!("a line\nto={}\n", alice.number())).unwrap();
        let found = erasure::scan(&desk(sandbox), &known, std::slice::from_ref(&log)).await.unwrap().found;
        std::fs::remove_file(&log).unwrap();
        let kinds = ["hash", "key", "list", "set", "stream", "string", "zset"];
        let mut expected: Vec<Place> = vec![Place::Column("wa.shelf.items".to_owned())];
        expected.extend(kinds.iter().map(|kind| Place::Key(format!("left:{kind}"))));
        expected.push(Place::File(log));
        assert_eq!(found.into_keys().collect::<Vec<_>>(), expected);
        redis::cmd("FLUSHDB").query_async::<()>(&mut redis).await.unwrap();
    })
    .await;
}

/// Codes, and words about payments and about waiting, answer no message: they are found by where they went.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_without_being_asked_goes_as_well() {
    run(&GROUND, async |sandbox| {
        let alice = lives(sandbox, Provider::Meta, "mes brioches").await;
        let bob = lives(sandbox, Provider::Meta, "mon garage").await;
        for person in [&alice, &bob] {
            for cause in ["code:c1:1", "payment:cs_1:paid", "busy:3f2a:7"] {
                sqlx::query(
                    "insert into wa.outbox (cause, part, provider, business, address, body, state, created_at)
                     values ($1 || $2, 1, 'meta', '1098', jsonb_build_object('phone', $2::text), 'un mot', 'read', now())",
                )
                .bind(cause)
                .bind(person.number())
                .execute(&sandbox.pool)
                .await
                .unwrap();
            }
        }
        let hers = alice.account().await;
        let known = known(sandbox, &hers).await;
        erasure::erase(&desk(sandbox), &hers, &crate::author(), Clock::system().now()).await.unwrap();
        nothing_is_left(sandbox, &known).await;
        let his: i64 = sqlx::query_scalar("select count(*) from wa.outbox where body = 'un mot'")
            .fetch_one(&sandbox.pool)
            .await
            .unwrap();
        assert_eq!(his, 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_hands_out_what_the_portal_would() {
    run(&GROUND, async |sandbox| {
        let alice = lives(sandbox, Provider::Meta, "mes brioches").await;
        let hers = alice.account().await;
        let now = sandbox.clock.now();
        let mut handed = operators::export(&desk(sandbox), &hers, now).await.unwrap();
        let mut own = Browser::of(sandbox, &hers).await.sees("/api/portal/export").await;
        assert!(
            handed["generations"].as_array().unwrap().len() == 2 && handed["checkouts"].is_array(),
            "{handed}"
        );
        for document in [&mut handed, &mut own] {
            // The one that looked is itself a session.
            document.as_object_mut().unwrap().retain(|key, _| key != "exportedAt" && key != "sessions");
        }
        assert_eq!(handed, own);
    })
    .await;
}
