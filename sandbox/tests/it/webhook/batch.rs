//! Meta aggregates under load: up to a thousand updates in one post, each of which counts.

use std::collections::{HashMap, HashSet};

use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::{Person, Phone};
use serde_json::{Value, json};
use shared::job::Work;
use shared::message::Provider;

use super::{drained, is_acknowledged, letter, signed};
use crate::GROUND;

/// What this person sends, with a fresh id.
fn composed(person: &Person, kind: &str, content: &Value) -> Value {
    let Phone::Meta(phone) = &person.phone else { panic!("not a person of Meta") };
    phone.compose(kind, content).1
}

/// One post with so many changes, each of which carries these.
fn post_of(sandbox: &Sandbox, lists: &[(&str, &[Value])]) -> Value {
    let changes: Vec<Value> = lists
        .iter()
        .map(|(name, list)| {
            let mut value = sandbox.stage.meta.metadata();
            value[*name] = json!(list);
            json!({"field": "messages", "value": value})
        })
        .collect();
    json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_one_of_a_thousand_mixed_updates_is_handled() {
    run(&GROUND, async |sandbox| {
        let people: Vec<Person> = (0..20).map(|_| sandbox.person(Provider::Meta)).collect();
        let mut messages: Vec<Value> = Vec::new();
        for round in 0..20 {
            for person in &people {
                messages.push(match round {
                    3 | 11 => composed(person, "text", &json!({"body": "solde"})),
                    7 => composed(person, "audio", &json!({"id": "1"})),
                    _ => composed(person, "reaction", &json!({"message_id": "wamid.x", "emoji": "👍"})),
                });
            }
        }
        let statuses: Vec<Value> = (0..600)
            .map(|number| json!({"id": format!("wamid.{}", number / 3), "status": (["sent", "delivered", "read"][number % 3]), "timestamp": "1790000000"}))
            .collect();
        let post = post_of(sandbox, &[("messages", &messages[..200]), ("statuses", &statuses), ("messages", &messages[200..])]);
        let delivery = sandbox.stage.meta.deliver(&post).await;
        assert!(is_acknowledged(Provider::Meta, &delivery), "{delivery:?}");
        for person in &people {
            for expected in ["💳 Il vous reste 0 crédit.", "🎤", "💳 Il vous reste 0 crédit."] {
                let heard = person.hears().await;
                assert!(heard.starts_with(expected), "{heard}");
            }
        }
        sandbox.is_quiet().await;
        let (kinds, all): (i64, i64) =
            sqlx::query_as("select count(*) filter (where kind = 'reaction' and outcome = 'recorded'), count(*) from wa.receipt")
                .fetch_one(&sandbox.pool)
                .await
                .unwrap();
        assert_eq!((kinds, all), (340, 400));
        assert_eq!(sandbox.queue.figures().await.unwrap().dead, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_messages_in_one_post_are_all_taken_once_and_in_their_order() {
    run_without_worker(&GROUND, async |sandbox| {
        let messages: Vec<Value> = (0..10_000)
            .map(|number| json!({"id": format!("wamid.{number}"), "from": format!("336399{:05}", number % 200), "text": {"body": "solde"}}))
            .collect();
        let body = post_of(sandbox, &[("messages", &messages)]).to_string().into_bytes();
        let (mut queued, mut places) = (HashSet::new(), HashMap::new());
        for _ in 0..2 {
            let delivery = signed(sandbox, Provider::Meta, &body).await;
            assert!(is_acknowledged(Provider::Meta, &delivery), "{delivery:?}");
            for job in drained(sandbox).await {
                let Work::Message(inbound) = &job.work else { panic!("{job:?}") };
                let number: usize = inbound.provider_id().strip_prefix("wamid.").unwrap().parse().unwrap();
                assert!(queued.insert(job.id.as_str().to_owned()), "queued twice: {number}");
                let before = places.insert(job.lane.clone(), number);
                assert!(before.is_none_or(|before| before < number), "{before:?}, then {number}");
            }
        }
        // A Redis that a busy machine made too slow counts as away: what it did not say to have is in the refuge.
        let spilled: Vec<String> = sqlx::query_scalar("delete from wa.spill returning message_id")
            .fetch_all(&sandbox.pool)
            .await
            .unwrap();
        queued.extend(spilled);
        assert_eq!(queued.len(), 10_000);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_read_does_not_take_its_neighbours_along() {
    run(&GROUND, async |sandbox| {
        let (alice, bob) = (sandbox.person(Provider::Meta), sandbox.person(Provider::Meta));
        let mut post = letter(&alice, "solde");
        let more = letter(&bob, "solde");
        let messages = post["entry"][0]["changes"][0]["value"]["messages"].as_array_mut().unwrap();
        messages.extend([json!(17), json!({"id": "wamid.nobody", "text": {"body": "solde"}})]);
        messages.push(more["entry"][0]["changes"][0]["value"]["messages"][0].clone());
        for _ in 0..2 {
            let delivery = sandbox.stage.meta.deliver(&post).await;
            assert!(is_acknowledged(Provider::Meta, &delivery), "{delivery:?}");
        }
        for person in [&alice, &bob] {
            assert_eq!(person.hears().await, "💳 Il vous reste 0 crédit.");
        }
        sandbox.has_dead_letters(2).await;
        assert_eq!((alice.has_heard().len(), bob.has_heard().len()), (1, 1));
    })
    .await;
}
