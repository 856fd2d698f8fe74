//! Where something goes stands sealed in the outbox, also what answers no message; it is found by a digest, and what an older
//! version has left in the open is still sent, and sealed with the migrations.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use sandbox::conversation::{Sandbox, run_without_worker};
use sandbox::person::{PATIENCE, Person};
use sandbox::stage::vault;
use shared::clock::Clock;
use shared::env::Env;
use shared::job::{SendStatus, StatusReport};
use shared::message::{Address, Lane, MessageId, Provider};
use shared::outbox;
use sqlx::types::Json;
use worker::operator::erasure;

use super::{TEA, desk};
use crate::otp::browser::{Browser, leaves_by};
use crate::{GROUND, for_each_provider};

/// Where somebody is written to.
fn address(provider: Provider, person: &Person) -> Address {
    match provider {
        Provider::Meta => Address::Phone(person.number().parse().unwrap()),
        Provider::Twilio => Address::Channel(format!("whatsapp:{}", person.number())),
    }
}

/// Somebody buys credits, and is told.
async fn buys(sandbox: &Sandbox, person: &Person) {
    person.says("acheter 20").await;
    let told = person.hears().await;
    let sessions = sandbox.stage.stripe.sessions();
    let page = sessions.iter().find(|session| told.contains(&session.url)).unwrap();
    sandbox.stage.stripe.pays(&page.id).await;
    assert!(person.hears().await.starts_with("✅ Merci"));
}

/// Somebody asks for a code on the web, and it comes.
async fn has_a_code(sandbox: &Sandbox, person: &Person) {
    assert_eq!(Browser::new(sandbox).asks(person.number()).await.status, 200);
    person.hears_code().await;
}

/// Of each row: its cause, where it goes as it stands there, by what it is found.
async fn rows(sandbox: &Sandbox) -> Vec<(String, String, Option<String>)> {
    sqlx::query_as("select cause, address #>> '{}', reached from wa.outbox order by id")
        .fetch_all(&sandbox.pool)
        .await
        .unwrap()
}

/// Leaves what is to be sent as an older version wrote it.
async fn in_the_open(sandbox: &Sandbox, address: &Address) {
    let done = sqlx::query("update wa.outbox set address = $1, reached = null where state = 'pending'")
        .bind(Json(address))
        .execute(&sandbox.pool)
        .await
        .unwrap();
    assert!(done.rows_affected() > 0);
}

async fn nowhere_in_the_open(sandbox: &mut Sandbox, provider: Provider) {
    leaves_by(sandbox, provider);
    sandbox.starts_worker();
    let alice = sandbox.person(provider).with_credits(0).await;
    alice.says("solde").await;
    alice.hears().await;
    buys(sandbox, &alice).await;
    has_a_code(sandbox, &alice).await;
    sandbox.is_quiet().await;
    let lookup = vault().lookup(&sandbox.pool).await.unwrap();
    let digits = alice.number().trim_start_matches('+');
    let mut db = sandbox.pool.acquire().await.unwrap();
    let mut seen = BTreeSet::new();
    for (cause, stored, reached) in rows(sandbox).await {
        let kind = cause.split(':').next().unwrap().to_owned();
        let cause = MessageId::from_stored(cause);
        // Under her number, or the id that Meta has for her.
        let here = outbox::caused_by(&mut db, &vault(), &cause).await.unwrap().remove(0).address;
        assert!(kind != "code" || here == address(provider, &alice));
        let row: String = sqlx::query_scalar("select to_jsonb(o)::text from wa.outbox o where cause = $1")
            .bind(cause.as_str())
            .fetch_one(&mut *db)
            .await
            .unwrap();
        for name in [&digits[3..], here.as_str()] {
            assert!(!row.contains(name), "{name} stands in {row}");
        }
        let seal = if kind == "code" { "waiting:1:" } else { "sealed:1:" };
        assert!(stored.starts_with(seal), "{kind}: {stored}");
        let answers = kind == provider.as_str();
        assert_eq!(reached, (!answers).then(|| lookup.address(&here)), "{kind}");
        seen.insert(kind);
    }
    drop(db);
    assert_eq!(seen, ["code", "payment", provider.as_str()].map(str::to_owned).into());

    // The code was sent to a number, and to no account: it is found by the digest alone.
    let hers = alice.account().await;
    erasure::erase(&desk(sandbox), &hers, &crate::author(), Clock::system().now()).await.unwrap();
    assert_eq!(rows(sandbox).await, []);
}

async fn what_an_older_worker_left_is_still_sent(sandbox: &mut Sandbox, provider: Provider) {
    leaves_by(sandbox, provider);
    let alice = sandbox.person(provider).with_credits(1).await;
    let here = address(provider, &alice);
    let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", "reply.stored")]);
    alice.says(TEA).await;
    doomed.ended(PATIENCE).await.unwrap();
    in_the_open(sandbox, &here).await;
    sandbox.starts_worker();
    assert!(alice.hears().await.starts_with("✨"));
    sandbox.is_quiet().await;
    sandbox.stops_workers().await;

    let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", "code.stored")]);
    let browser = Browser::new(sandbox);
    let code = async {
        doomed.ended(PATIENCE).await.unwrap();
        in_the_open(sandbox, &here).await;
        sandbox.starts_worker();
        alice.hears_code().await
    };
    let (asked, code) = tokio::join!(browser.asks(alice.number()), code);
    assert_eq!(asked.status, 200);
    assert_eq!(browser.types(alice.number(), &code).await.status, 200);
}

/// A backup from before an erasure is restored without the keys, with words in it that an older version had written.
async fn what_nobody_can_read_any_more_is_not_sent(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(1).await;
    let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", "reply.stored")]);
    alice.says(TEA).await;
    doomed.ended(PATIENCE).await.unwrap();
    for statement in [
        "update wa.outbox set body = 'Bonjour', menu = null",
        "delete from wa.data_key where user_id is not null",
    ] {
        sqlx::query(statement).execute(&sandbox.pool).await.unwrap();
    }
    sandbox.starts_worker();
    sandbox.is_quiet().await;
    assert_eq!(alice.has_heard(), Vec::<String>::new());
    assert_eq!((alice.credits().await, alice.charges().await), (1, (1, 1)));
    // Not even tried: what the provider would make of no address is not asked.
    let ends: Vec<(String, bool)> =
        sqlx::query_as("select distinct state, sending_at is not null from wa.outbox")
            .fetch_all(&sandbox.pool)
            .await
            .unwrap();
    assert_eq!(ends, [("failed".to_owned(), false)]);
}

/// Words that are tried once, and whose person is forgotten in between: they end, untried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_courtesy_that_nobody_can_read_any_more_is_not_tried() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let config = worker::config::Config::from_env(Env::from_values(sandbox.variables.clone())).unwrap();
        let worker = worker::Worker::new(&config, sandbox.clock.clone(), sandbox.patience.clone()).unwrap();
        let cause = MessageId::from_stored("busy:test:1".to_owned());
        let address = address(Provider::Meta, &alice);
        let to = outbox::Recipient {
            cause: &cause,
            provider: Provider::Meta,
            business: &sandbox.stage.meta.options().phone_number_id.clone(),
            address: &address,
            lane: Lane::aside("busy", "test"),
        };
        let mut db = sandbox.pool.acquire().await.unwrap();
        let key = vault().key(&mut db, &alice.account().await).await.unwrap();
        let words = ["Un instant".to_owned()];
        outbox::put(&mut db, (&vault(), Some(&key)), to, &words, None, sandbox.clock.now()).await.unwrap();
        sqlx::query("delete from wa.data_key where user_id is not null").execute(&mut *db).await.unwrap();
        assert!(!worker::delivery::try_once(&worker, &cause).await.unwrap());
        let end: (String, bool, Option<String>) =
            sqlx::query_as("select state, sending_at is not null, error_code from wa.outbox")
                .fetch_one(&mut *db)
                .await
                .unwrap();
        assert_eq!(end, ("failed".to_owned(), false, Some("forgotten".to_owned())));
        assert_eq!(alice.has_heard(), Vec::<String>::new());
    })
    .await;
}

/// A report that something will not arrive is about whoever it went to; of all others nobody asks.
async fn a_report_knows_whom_it_is_about(sandbox: &mut Sandbox, provider: Provider) {
    sandbox.starts_worker();
    let alice = sandbox.person(provider).with_credits(1).await;
    alice.says("solde").await;
    alice.hears().await;
    sandbox.is_quiet().await;
    let id: i64 = sqlx::query_scalar("select max(id) from wa.outbox").fetch_one(&sandbox.pool).await.unwrap();
    let mut db = sandbox.pool.acquire().await.unwrap();
    for (status, known) in [(SendStatus::Read, None), (SendStatus::Failed, Some(address(provider, &alice)))] {
        let report = StatusReport {
            provider,
            provider_message_id: "reported".to_owned(),
            outbox_id: Some(id),
            status,
            at: sandbox.clock.now(),
            error_code: None,
            pricing: None,
        };
        let reported = outbox::report(&mut db, &vault(), &report).await.unwrap().unwrap();
        assert_eq!(reported.address, known, "{status:?}");
    }
}

for_each_provider! { in run_without_worker
    nowhere => super::nowhere_in_the_open;
    older => super::what_an_older_worker_left_is_still_sent;
    unreadable => super::what_nobody_can_read_any_more_is_not_sent;
    reported => super::a_report_knows_whom_it_is_about;
}

/// More than one batch of rows, of somebody whose key is there and of somebody whose key is not; and one that never had an
/// address. Four services begin at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_older_version_wrote_is_sealed_with_the_migrations() {
    run_without_worker(&GROUND, async |sandbox| {
        leaves_by(sandbox, Provider::Meta);
        sandbox.starts_worker();
        let alice = sandbox.person(Provider::Meta).with_credits(0).await;
        let bob = sandbox.person(Provider::Twilio).with_credits(0).await;
        for person in [&alice, &bob] {
            person.says("solde").await;
            person.hears().await;
            buys(sandbox, person).await;
        }
        has_a_code(sandbox, &alice).await;
        sandbox.is_quiet().await;
        sandbox.stops_workers().await;
        let people = [(Provider::Meta, &alice), (Provider::Twilio, &bob)];
        for (provider, person) in people {
            // As they stood there: in the open, and many.
            sqlx::query("update wa.outbox set address = $2, reached = null where provider = $1")
                .bind(provider.as_str())
                .bind(Json(address(provider, person)))
                .execute(&sandbox.pool)
                .await
                .unwrap();
            sqlx::query(
                "insert into wa.outbox (cause, part, provider, business, address, body, state, created_at)
                 select 'busy:' || $1 || ':' || n, 1, $1, '1098', $2, 'un mot', 'read', now() from generate_series(1, 1200) n",
            )
            .bind(provider.as_str())
            .bind(Json(address(provider, person)))
            .execute(&sandbox.pool)
            .await
            .unwrap();
        }
        sqlx::raw_sql(
            "insert into wa.outbox (cause, part, provider, business, address, body, state, created_at)
             values ('meta:1:none', 1, 'meta', '1098', '{}', 'un mot', 'read', now())",
        )
        .execute(&sandbox.pool)
        .await
        .unwrap();
        let his = bob.account().await;
        sqlx::query("delete from wa.data_key where user_id = $1").bind(his.as_str()).execute(&sandbox.pool).await.unwrap();

        let ours = vault();
        for migrated in join_all((0..4).map(|_| shared::db::migrate(&sandbox.pool, &ours))).await {
            migrated.unwrap();
        }
        let sealed = rows(sandbox).await;
        assert!(sealed.len() > 2_400);
        let lookup = vault().lookup(&sandbox.pool).await.unwrap();
        let mut db = sandbox.pool.acquire().await.unwrap();
        let mut seen = BTreeSet::new();
        for (cause, stored, reached) in &sealed {
            if cause == "meta:1:none" {
                assert_eq!((stored.as_str(), reached), ("{}", &None));
                continue;
            }
            // Of those that are all alike a few are opened.
            if cause.starts_with("busy:") && !cause.ends_with("00") {
                assert!(stored.starts_with("waiting:1:") && reached.is_some(), "{cause}: {stored}");
                continue;
            }
            let kind = cause.split(':').next().unwrap();
            let read = outbox::caused_by(&mut db, &vault(), &MessageId::from_stored(cause.clone())).await.unwrap();
            let here = &read[0].address;
            let of_alice = *here == address(Provider::Meta, &alice);
            assert!(of_alice || *here == address(Provider::Twilio, &bob), "{cause}");
            let seal = if of_alice && ["meta", "payment"].contains(&kind) { "sealed:1:" } else { "waiting:1:" };
            assert!(stored.starts_with(seal), "{cause}: {stored}");
            let aside = !["meta", "twilio"].contains(&kind);
            assert_eq!(*reached, aside.then(|| lookup.address(here)), "{cause}");
            seen.insert((kind, of_alice));
        }
        assert_eq!(seen.len(), 7, "{seen:?}");
        drop(db);
        // Once is enough.
        shared::db::migrate(&sandbox.pool, &vault()).await.unwrap();
        assert_eq!(rows(sandbox).await, sealed);

        let desk = desk(sandbox);
        erasure::erase(&desk, &alice.account().await, &crate::author(), Clock::system().now()).await.unwrap();
        let left = rows(sandbox).await;
        assert!(left.iter().all(|(.., reached)| *reached != Some(lookup.address(&address(Provider::Meta, &alice)))));
        let his = sealed.iter().filter(|(_, _, reached)| *reached == Some(lookup.address(&address(Provider::Twilio, &bob))));
        assert!(his.clone().count() > 1_200 && his.into_iter().all(|row| left.contains(row)), "his are all there");
    })
    .await;
}
