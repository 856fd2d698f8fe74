//! Ids of Meta's messages contain the number of their person: they stand in calls and in sealed jobs, and nowhere else.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use redis::aio::MultiplexedConnection;
use sandbox::conversation::{Sandbox, run_without_worker};
use sandbox::person::Person;
use sandbox::simulators::openai::OpenAiFault;
use serde_json::{Value, json};
use shared::env::Env;
use shared::job::Job;
use shared::message::{Provider, opaque};

use super::{TEA, dump};
use crate::{GROUND, until};

/// All that stands in our tables and in Redis: no id of Meta's is in it, whole or in part.
async fn looks(sandbox: &Sandbox, person: &Person, ids: &[&str]) -> String {
    let mut found = dump(sandbox).await;
    let keys = sandbox.queue.reads_all(|key, value| {
        let _ = writeln!(found, "{key}: {}", String::from_utf8_lossy(value));
    });
    assert!(keys.await.unwrap() > 0);
    let number = person.number().trim_start_matches('+');
    let mut told = vec!["wamid.".to_owned()];
    for id in ids.iter().map(|id| id.strip_prefix("wamid.").unwrap()) {
        let inside = BASE64_STANDARD.decode(id).unwrap();
        assert!(String::from_utf8_lossy(&inside).contains(number), "an id without a number: {id}");
        told.push(id.to_owned());
    }
    for id in told {
        let around = found.find(&id).map(|at| {
            let from = found[..at].rfind('\n').map_or(0, |end| end + 1);
            found[from..].lines().next().unwrap_or_default().to_owned()
        });
        assert_eq!(around, None, "{id} can be read");
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_id_that_tells_a_number_can_be_read_in_our_tables_or_in_redis() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        // While it waits, and with what changes it behind it.
        let said = alice.says(TEA).await;
        let edit = alice.meta().edits(&said.delivery.message_id, "Un post pour mon salon de thé").await;
        let mut ids = vec![said.delivery.message_id.clone(), edit.message_id];
        let here = looks(sandbox, &alice, &[&ids[0], &ids[1]]).await;
        assert!(here.contains(said.id.as_str()) && here.contains("}lane:meta:"), "{here}");

        // Answered, and reported on; Meta was told which message was read.
        sandbox.starts_worker();
        assert!(alice.hears().await.starts_with("✨"));
        let read = sandbox.stage.meta.read_receipts();
        assert!(read.iter().any(|receipt| receipt.message_id == ids[0] && receipt.typing), "{read:?}");
        sandbox.is_quiet().await;
        let posts = alice.screen().remove(0).id;
        ids.push(posts.clone());
        ids.push(alice.reacts(&posts, Some("👍")).await.unwrap().delivery.message_id);
        ids.push(alice.meta().edits(&said.delivery.message_id, "Un post pour mon salon").await.message_id);
        alice.hears().await;
        ids.push(alice.meta().deletes(&said.delivery.message_id).await.message_id);
        sandbox.is_quiet().await;
        let known: Vec<&str> = ids.iter().map(String::as_str).collect();
        let here = looks(sandbox, &alice, &known).await;
        for part in [&opaque(&posts), "feedback: ", "credit_op: ", "\"changes\": \"meta:"] {
            assert!(here.contains(part), "{part} is not in {here}");
        }

        // Given up; and what the provider reports while nobody takes it, here and while Redis is away.
        sandbox.stage.openai.fails_next(3, OpenAiFault::Overloaded503);
        ids.push(alice.says("Crée un post promo pour mes scones").await.delivery.message_id);
        alice.hears().await;
        sandbox.has_dead_letters(1).await;
        sandbox.stops_workers().await;
        // What has arrived stays so, whatever is said of it later.
        let second = alice.screen().remove(1).id;
        ids.push(second.clone());
        let report = |id: &str| {
            let report = json!({"id": id, "status": "failed", "timestamp": "1790000000", "errors": [{"code": 131_026}]});
            sandbox.stage.meta.envelope(&json!({ "statuses": [report] }))
        };
        sandbox.stage.meta.deliver(&report(&posts)).await;
        let mut away = sandbox.variables.clone();
        away.insert("REDIS_URL".to_owned(), "redis://127.0.0.1:1/0".to_owned());
        let config = ingest::config::Config::from_env(Env::from_values(away)).unwrap();
        let door = sandbox.starts_ingest(ingest::App::new(&config, sandbox.clock.clone()).unwrap()).await;
        sandbox.stage.calls(&door);
        sandbox.stage.meta.deliver(&report(&second)).await;
        ids.push(alice.says("solde").await.delivery.message_id);
        until("the spill", async || shared::spill::depth(&sandbox.pool).await.unwrap() == 2).await;
        let known: Vec<&str> = ids.iter().map(String::as_str).collect();
        let here = looks(sandbox, &alice, &known).await;
        let lane = format!("}}lane:status:{}", opaque(&posts));
        for part in [&lane, "}dead: ", "spill: ", &format!("meta:status:{}:failed", opaque(&second))] {
            assert!(here.contains(part), "{part} is not in {here}");
        }

        // All of it comes to its end.
        sandbox.stage.calls(&sandbox.ingest);
        sandbox.starts_worker();
        assert!(alice.hears().await.contains("crédit"));
        sandbox.is_quiet().await;
        let known: Vec<&str> = ids.iter().map(String::as_str).collect();
        looks(sandbox, &alice, &known).await;
        assert_eq!(alice.charges().await, (2, 1));
        let reported: Vec<String> = sqlx::query_scalar(
            "select error_code from wa.outbox where provider_message_id = any($1) and failed_at is not null",
        )
        .bind([&posts, &second].map(|id| opaque(id)))
        .fetch_all(&sandbox.pool)
        .await
        .unwrap();
        assert_eq!(reported, ["131026", "131026"], "each report has found what it is about");
    })
    .await;
}

/// A notice is kept as it came, but for whose message it names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_is_kept_without_the_ids_in_it() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta);
        let said = alice.meta().letter("text", &json!({"body": "solde"})).0;
        let errors = json!({ "errors": [{ "code": 131_051, "details": format!("of {said}") }] });
        sandbox.stage.meta.deliver(&sandbox.stage.meta.envelope(&errors)).await;
        sandbox.starts_worker();
        sandbox.is_quiet().await;
        let here = looks(sandbox, &alice, &[&said]).await;
        assert!(here.contains(&format!("of {}", opaque(&said))), "{here}");
    })
    .await;
}

async fn redis(sandbox: &Sandbox) -> MultiplexedConnection {
    let client = redis::Client::open(sandbox.variables["REDIS_URL"].as_str()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// A job as it was queued while the provider's own id was the key.
fn as_before(job: &Job, id: &str) -> String {
    let mut old = serde_json::to_value(job).unwrap();
    let message = old["work"]["message"].as_object_mut().unwrap();
    assert_eq!(message.remove("provider_id"), Some(Value::from(id)));
    let old = old.to_string();
    let key = job.id.as_str();
    assert_eq!(old.matches(key).count(), 2, "{old}");
    old.replace(key, &key.replace(job.id.provider_part(), id))
}

/// An older ingest has queued a message, and its provider delivers it again to a newer one: before anybody has begun, and after
/// all is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_an_older_version_that_comes_again_is_charged_once() {
    for again_first in [true, false] {
        run_without_worker(&GROUND, async |sandbox| {
            let alice = sandbox.person(Provider::Meta).with_credits(3).await;
            let said = alice.says(TEA).await;
            let job = sandbox.queue.search(&said.id).await.unwrap().unwrap().job;
            let old = as_before(&job, &said.delivery.message_id);
            let mut redis = redis(sandbox).await;
            let mut change = redis::pipe();
            change.atomic().cmd("FLUSHDB").ignore();
            change.cmd("RPUSH").arg(format!("{{wa:0}}lane:{}", job.lane.as_str())).arg(old).ignore();
            change.cmd("ZADD").arg("{wa:0}ready").arg(0).arg(job.lane.as_str()).ignore();
            change.cmd("HINCRBY").arg("{wa:0}stats").arg("depth").arg(1).ignore();
            change.query_async::<()>(&mut redis).await.unwrap();
            if again_first {
                alice.redeliver(&said, 2, false).await;
                let mut length = redis::cmd("LLEN");
                length.arg(format!("{{wa:0}}lane:{}", job.lane.as_str()));
                assert_eq!(length.query_async::<i64>(&mut redis).await.unwrap(), 2, "both forms wait");
            }
            sandbox.starts_worker();
            assert!(alice.hears().await.starts_with("✨"));
            // Its provider still knows it by its own id.
            let read = sandbox.stage.meta.read_receipts();
            assert!(read.iter().any(|receipt| receipt.message_id == said.delivery.message_id), "{read:?}");
            alice.redeliver(&said, 2, false).await;
            sandbox.is_quiet().await;
            assert_eq!((alice.charges().await, alice.credits().await), ((1, 0), 2));
            assert_eq!((alice.has_heard().len(), alice.generations().await), (1, 1));
            looks(sandbox, &alice, &[&said.delivery.message_id]).await;
        })
        .await;
    }
}
