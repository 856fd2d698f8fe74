//! Whoever asks in the chat for what is kept of them gets all of it there, as a document that is made when it leaves, comes once
//! whatever happens on its way, and stays nowhere.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use nix::sys::signal::Signal;
use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::{PATIENCE, Person};
use sandbox::simulators::meta::MetaFault;
use serde_json::Value;
use shared::env::Env;
use shared::fault::{DOCUMENT_POINTS, POINTS};
use shared::message::Provider;
use shared::person;
use worker::operator::{Desk, person as operators};

use crate::portal::browser::Browser;
use crate::{GROUND, until};

const HERS: &str = "Crée un post pour mes brioches au beurre";
const HIS: &str = "Crée un post pour mon garage à vélos";
const ASKS: &str = "Exporter mes données";
const BESIDE: &str = "📦 Voici tout ce que nous gardons de vous";
const ELSEWHERE: &str = "📦 Tout ce que nous gardons de vous";

fn desk(sandbox: &Sandbox) -> Desk {
    Desk::open(Env::from_values(sandbox.variables.clone())).unwrap()
}

/// The only document on a phone, read.
fn document(person: &Person) -> Value {
    let documents = person.documents();
    assert_eq!(documents.len(), 1, "{:?}", person.has_heard());
    serde_json::from_slice(&documents[0].bytes).unwrap()
}

/// What two documents of one moment have in common: when they were made, who is signed in to see one of them, and how far the
/// last words have come meanwhile is their own.
fn alike(mut document: Value) -> Value {
    document.as_object_mut().unwrap().retain(|key, _| key != "exportedAt" && key != "sessions");
    let last = document["messages"]["sent"].as_array_mut().unwrap().last_mut().unwrap();
    last.as_object_mut().unwrap().remove("state");
    document
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_in_the_chat_gets_what_the_portal_and_an_operator_would_give() {
    run(&GROUND, async |sandbox| {
        let (alice, bob) = (sandbox.person(Provider::Meta), sandbox.person(Provider::Meta));
        let (alice, bob) = (alice.with_credits(3).await, bob.with_credits(3).await);
        alice.says(HERS).await;
        let posts = alice.hears().await;
        bob.says(HIS).await;
        bob.hears().await;
        sandbox.is_quiet().await;
        alice.says(ASKS).await;
        let told = alice.hears().await;
        let name = format!("[postly-{}.json]", sandbox.clock.now().format("%Y-%m-%d"));
        assert!(told.starts_with(BESIDE) && told.ends_with(&name), "{told}");
        assert_eq!(alice.documents()[0].mime_type, "text/plain");
        sandbox.is_quiet().await;

        let hers = alice.account().await;
        let handed = operators::export(&desk(sandbox), &hers, sandbox.clock.now()).await.unwrap();
        let own = Browser::of(sandbox, &hers).await.sees("/api/portal/export").await;
        let come = document(&alice);
        assert_eq!(alike(come.clone()), alike(handed));
        assert_eq!(alike(come.clone()), alike(own));
        assert_eq!(come["account"]["phone"], alice.number());
        let come = come.to_string();
        let post = posts.lines().find(|line| line.starts_with("*1.* ")).unwrap().trim_start_matches("*1.* ");
        for theirs in [HERS, post] {
            assert!(come.contains(theirs), "{theirs} is not in {come}");
        }
        for foreign in [HIS, bob.number(), bob.account().await.as_str()] {
            assert!(!come.contains(foreign), "{foreign}");
        }
        assert_eq!((alice.charges().await, bob.documents().len()), ((1, 0), 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_english_by_voice_without_a_number_or_after_a_stop_it_comes_as_well() {
    run(&GROUND, async |sandbox| {
        let (alice, bob) = (sandbox.person(Provider::Meta), sandbox.person(Provider::Meta));
        alice.says("lang en").await;
        alice.hears().await;
        alice.says("stop").await;
        alice.hears().await;
        alice.says("Export my data").await;
        let told = alice.hears().await;
        assert!(told.starts_with("📦 Here is all that we keep of you"), "{told}");
        assert_eq!(document(&alice)["account"]["wantsNoMessages"], true);
        bob.speaks(ASKS).await;
        let told = bob.hears().await;
        assert!(told.contains(ASKS) && told.contains(BESIDE), "{told}");
        assert_eq!(document(&bob)["messages"]["received"][0]["heard"], ASKS);
        let carol = sandbox.person(Provider::Meta);
        carol.meta().hides_number();
        carol.says(ASKS).await;
        assert!(carol.hears().await.starts_with(BESIDE));
        assert_eq!(document(&carol)["account"]["phone"], Value::Null);
    })
    .await;
}

/// The row says what it is and whose answer, and every table of ours is without a word of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_stands_in_no_table_of_ours() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        alice.says(ASKS).await;
        alice.hears().await;
        sandbox.is_quiet().await;
        let rows: Vec<(String, Option<String>)> =
            sqlx::query_as("select body, document from wa.outbox").fetch_all(&sandbox.pool).await.unwrap();
        let [(body, kind)] = &rows[..] else { panic!("{rows:?}") };
        assert!(body.starts_with("sealed:1:"), "{body}");
        assert_eq!(kind.as_deref(), Some("export"));
        let tables: Vec<String> = sqlx::query_scalar(
            "select table_name::text from information_schema.tables where table_schema = 'wa' and table_type = 'BASE TABLE'",
        )
        .fetch_all(&sandbox.pool)
        .await
        .unwrap();
        assert!(tables.len() > 20, "{tables:?}");
        let come = document(&alice).to_string();
        for table in tables {
            let statement = format!("select coalesce(jsonb_agg(to_jsonb(t))::text, '') from wa.{table} t");
            let all: String =
                sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(&sandbox.pool).await.unwrap();
            for piece in ["exportedAt", "keptBrief", "wantsNoMessages", "tout ce que nous gardons"] {
                assert!(!all.contains(piece), "{piece} stands in wa.{table}: {all}");
            }
        }
        assert!(come.contains("wantsNoMessages"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_one_document_in_an_hour_and_what_did_not_come_is_not_counted() {
    run(&GROUND, async |sandbox| {
        let (alice, bob) = (sandbox.person(Provider::Meta), sandbox.person(Provider::Meta));
        sandbox.stage.meta.fails_next(1, MetaFault::Refused(131_026));
        alice.says(ASKS).await;
        sandbox.is_quiet().await;
        assert!(alice.has_heard().is_empty());
        alice.says(ASKS).await;
        assert!(alice.hears().await.starts_with(BESIDE));
        alice.says(ASKS).await;
        let told = alice.hears().await;
        assert!(
            told.starts_with("📦 Je viens de vous envoyer") && told.ends_with("60\u{a0}minutes."),
            "{told}"
        );
        bob.says(ASKS).await;
        assert!(bob.hears().await.starts_with(BESIDE));
        sandbox.is_quiet().await;
        assert_eq!((alice.documents().len(), sandbox.stage.meta.uploads()), (1, 3));
        sandbox.advances(Duration::from_mins(61));
        alice.says(ASKS).await;
        assert!(alice.hears().await.starts_with(BESIDE));
        assert_eq!(alice.documents().len(), 2);
    })
    .await;
}

/// Before the upload, between it and the send, and after the send: another worker goes on, and the phone has one document.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_on_its_way_costs_no_document_and_brings_no_second_one() {
    let points = DOCUMENT_POINTS.iter().chain(POINTS.iter().filter(|point| point.starts_with("send.")));
    futures_util::future::join_all(points.map(|point| {
        run_without_worker(&GROUND, async move |sandbox: &mut Sandbox| {
            let alice = sandbox.person(Provider::Meta);
            let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", point)]);
            alice.says(ASKS).await;
            let ended = doomed.ended(PATIENCE).await.unwrap();
            assert_eq!(ended.signal(), Some(Signal::SIGABRT as i32), "nobody came by {point}");
            sandbox.starts_worker();
            sandbox.is_quiet().await;
            assert_eq!((alice.documents().len(), alice.has_heard().len()), (1, 1), "{point}");
            let uploads = if *point == "document.uploaded" { 2 } else { 1 };
            assert_eq!(sandbox.stage.meta.uploads(), uploads, "{point}");
        })
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_fails_is_tried_again_until_the_document_has_come() {
    run(&GROUND, async |sandbox| {
        for fault in [
            MetaFault::Unavailable131016,
            MetaFault::Throughput130429,
            MetaFault::TokenExpired190,
            MetaFault::Transient2,
            MetaFault::Http500Html,
            MetaFault::Garbage200,
            MetaFault::Drop,
            MetaFault::Hang,
        ] {
            let alice = sandbox.person(Provider::Meta);
            sandbox.stage.meta.fails_next_uploads(2, fault);
            alice.says(ASKS).await;
            assert!(alice.hears().await.starts_with(BESIDE), "{fault:?}");
            sandbox.is_quiet().await;
            assert_eq!((alice.documents().len(), alice.has_heard().len()), (1, 1), "{fault:?}");
        }
        // The upload came, and the send did not.
        let bob = sandbox.person(Provider::Meta);
        let before = sandbox.stage.meta.uploads();
        sandbox.stage.meta.fails_next(1, MetaFault::Unavailable131016);
        bob.says(ASKS).await;
        assert!(bob.hears().await.starts_with(BESIDE));
        sandbox.is_quiet().await;
        assert_eq!((bob.documents().len(), sandbox.stage.meta.uploads() - before), (1, 2));
        // The send came, and its answer did not: a report tells, and nothing is sent twice.
        let carol = sandbox.person(Provider::Meta);
        sandbox.stage.meta.drops_next(1);
        carol.says(ASKS).await;
        carol.hears().await;
        sandbox.is_quiet().await;
        assert_eq!((carol.documents().len(), carol.has_heard().len()), (1, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_or_not_taken_is_said_to_be_had_on_the_web() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        sqlx::query(
            r#"insert into "Generation" ("id", "userId", "brief", "platform", "language", "promptFinal", "variants")
               values ('c1', $1, repeat('x', 17000000), 'instagram', 'fr', '', array['a', 'b', 'c'])"#,
        )
        .bind(alice.account().await.as_str())
        .execute(&sandbox.pool)
        .await
        .unwrap();
        for _ in 0..2 {
            alice.says(ASKS).await;
            let told = alice.hears().await;
            assert!(told.starts_with(ELSEWHERE), "{told}");
        }
        assert_eq!((alice.documents().len(), sandbox.stage.meta.uploads()), (0, 0));
        for code in [100, 131_053, 139_999] {
            let bob = sandbox.person(Provider::Meta);
            sandbox.stage.meta.fails_next_uploads(1, MetaFault::Refused(code));
            bob.says(ASKS).await;
            let told = bob.hears().await;
            assert!(told.starts_with(ELSEWHERE) && bob.documents().is_empty(), "{code}: {told}");
            // Nothing came that would count.
            bob.says(ASKS).await;
            bob.hears().await;
            let said = &document(&bob)["messages"]["sent"];
            assert!(said[0]["words"].as_str().unwrap().starts_with(ELSEWHERE), "{said}");
        }
    })
    .await;
}

/// How a number leaves an account while an answer waits.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Leaves {
    /// Its person unlinks it in the portal.
    Unlinked,
    /// Somebody else has proved it on the web.
    Linked,
}

async fn leaves(sandbox: &Sandbox, alice: &Person, how: Leaves) {
    let account = alice.account().await;
    let mut tx = sandbox.pool.begin().await.unwrap();
    match how {
        Leaves::Unlinked => {
            sqlx::query(r#"update "User" set "email" = 'alice@example.com' where "id" = $1"#)
                .bind(account.as_str())
                .execute(&mut *tx)
                .await
                .unwrap();
            assert!(
                person::unlink(&mut tx, &sandbox::stage::vault(), &account, sandbox.clock.now())
                    .await
                    .unwrap()
            );
        }
        Leaves::Linked => {
            sqlx::query(r#"update "User" set "waPhoneE164" = null where "id" = $1"#)
                .bind(account.as_str())
                .execute(&mut *tx)
                .await
                .unwrap();
            sqlx::query(
                r#"insert into "User" ("id", "credits", "waPhoneE164", "updatedAt") values ('c2', 0, $1, now())"#,
            )
            .bind(alice.number())
            .execute(&mut *tx)
            .await
            .unwrap();
        }
    }
    tx.commit().await.unwrap();
}

/// The answer waited, and meanwhile the phone has come to be somebody else's, or nobody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_was_unlinked_meanwhile_gets_no_document() {
    run(&GROUND, async |sandbox| {
        for how in [Leaves::Unlinked, Leaves::Linked] {
            let alice = sandbox.person(Provider::Meta).with_credits(1).await;
            sandbox.stage.meta.fails_next_uploads(10_000, MetaFault::Unavailable131016);
            alice.says(ASKS).await;
            until("a refusal", async || {
                let waits: i64 = sqlx::query_scalar("select count(*) from wa.outbox where refusals > 0 and state <> 'accepted' and sent_at is null")
                    .fetch_one(&sandbox.pool)
                    .await
                    .unwrap();
                waits > 0
            })
            .await;
            leaves(sandbox, &alice, how).await;
            // What had been looked at before that, and was on its way, is refused still: only what comes after it can be told.
            let told = alice.hears().await;
            assert!(told.starts_with(ELSEWHERE), "{how:?}: {told}");
            sandbox.stage.meta.recovers();
            sandbox.is_quiet().await;
            assert_eq!((alice.documents().len(), sandbox.stage.meta.uploads()), (0, 0), "{how:?}");
        }
    })
    .await;
}

/// Twilio carries no file of text, and no name of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_twilio_it_is_said_where_to_have_it() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Twilio).with_credits(3).await;
        for _ in 0..2 {
            alice.says(ASKS).await;
            let told = alice.hears().await;
            assert!(told.starts_with(ELSEWHERE), "{told}");
        }
        assert_eq!((alice.charges().await, sandbox.stage.openai.calls().len()), ((0, 0), 0));
        assert!(alice.documents().is_empty());
    })
    .await;
}
