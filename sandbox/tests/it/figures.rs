//! What the processes count, as Prometheus scrapes it: whoever is woken by it must not be woken for nothing, nor left asleep.

use std::collections::BTreeMap;

use sandbox::conversation::{Sandbox, run_without_worker};
use sandbox::person::PATIENCE;
use sandbox::port::free_address;
use sandbox::process::Process;
use sandbox::simulators::meta::MetaFault;
use sandbox::simulators::openai::OpenAiFault;
use sandbox::simulators::twilio::TwilioFault;
use serde_json::json;
use shared::message::Provider;

use crate::silence::stops_meanwhile;
use crate::{GROUND, for_each_provider};

const BRIEF: &str = "Crée un post promo pour Instagram";

/// Every figure of a process, by its name and labels, as they are written.
async fn figures(process: &Process) -> BTreeMap<String, String> {
    let url = format!("{}/metrics", process.admin_url());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let read = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.to_owned())
    };
    lines.map(read).collect()
}

/// A worker as a process of its own, which alone counts.
async fn worker(sandbox: &Sandbox) -> Process {
    let mut worker = sandbox.worker_process(&[("POSTLY_HURRY", "on")]);
    worker.ready(PATIENCE).await.unwrap();
    worker
}

/// How replies have ended: answered, apologised, undelivered; and how many waits were measured.
async fn felt(worker: &Process) -> [u64; 4] {
    let figures = figures(worker).await;
    let count = |name: &str| figures.get(name).map(|value| value.parse::<u64>().unwrap());
    let ended = |outcome: &str| count(&format!("postly_replies_total{{outcome=\"{outcome}\"}}")).unwrap();
    let measured = count("postly_first_reply_seconds_count").unwrap_or_default();
    [ended("answered"), ended("apologised"), ended("undelivered"), measured]
}

async fn each_reply_is_counted_once_as_what_it_was(sandbox: &mut Sandbox, provider: Provider) {
    let worker = worker(sandbox).await;
    assert_eq!(felt(&worker).await, [0; 4], "a counter that is not there yet hides its first event");
    let alice = sandbox.person(provider).with_credits(9).await;
    let said = alice.says(BRIEF).await;
    alice.hears().await;
    alice.redeliver(&said, 3, true).await;
    alice.says("solde").await;
    alice.hears().await;
    sandbox.is_quiet().await;
    assert_eq!(felt(&worker).await, [2, 0, 0, 2]);
    sandbox.stage.openai.fails_next(1, OpenAiFault::InsufficientQuota);
    alice.says(BRIEF).await;
    assert!(alice.hears().await.starts_with("😕"));
    sandbox.is_quiet().await;
    assert_eq!(felt(&worker).await, [2, 1, 0, 2]);
    match provider {
        Provider::Meta => sandbox.stage.meta.fails_next(1, MetaFault::Refused(131_026)),
        Provider::Twilio => sandbox.stage.twilio.fails_next(1, TwilioFault::Refused(63_024)),
    }
    alice.says("solde").await;
    sandbox.is_quiet().await;
    assert_eq!(felt(&worker).await, [2, 1, 1, 2]);
    let figures = figures(&worker).await;
    let failed = |reason: &str| {
        figures[&format!("postly_llm_failures_total{{step=\"intent\",reason=\"{reason}\"}}")].as_str()
    };
    assert_eq!((failed("quota"), failed("server")), ("1", "0"));
}

for_each_provider! { in run_without_worker
    felt => super::each_reply_is_counted_once_as_what_it_was;
}

/// Who wants no messages is owed none: nobody has to be woken because they get none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_wanted_any_more_is_not_undelivered() {
    run_without_worker(&GROUND, async |sandbox| {
        let worker = worker(sandbox).await;
        let stopped = stops_meanwhile(sandbox).await;
        assert!(stopped.has_heard().is_empty());
        let [_, apologised, undelivered, _] = felt(&worker).await;
        assert_eq!((apologised, undelivered), (0, 0));
    })
    .await;
}

/// A kind of notice that Meta thinks of tomorrow is counted, and makes no label of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notices_are_counted_by_the_kinds_that_are_known() {
    run_without_worker(&GROUND, async |sandbox| {
        let worker = worker(sandbox).await;
        for (field, entry) in [("phone_number_quality_update", "1"), ("moon_phase_update", "2")] {
            let change = json!({ "field": field, "value": { "event": "FLAGGED", "at": entry } });
            let notice = json!({
                "object": "whatsapp_business_account",
                "entry": [{ "id": entry, "time": 1, "changes": [change] }]
            });
            assert_eq!(sandbox.stage.meta.deliver(&notice).await.status, Some(200));
        }
        sandbox.is_quiet().await;
        let figures = figures(&worker).await;
        let noticed: Vec<(&str, &str)> = figures
            .iter()
            .filter(|(name, value)| name.starts_with("postly_provider_notices_total") && *value != "0")
            .map(|(name, value)| {
                (name.split("kind=\"").nth(1).unwrap().trim_end_matches("\"}"), value.as_str())
            })
            .collect();
        assert_eq!(noticed, [("other", "1"), ("phone_number_quality_update", "1")]);
    })
    .await;
}

/// Both say the same of what they share, and ingest whether what it acknowledges is safe: here it is not, since the servers
/// of tests write nothing to disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_and_the_worker_tell_the_same_queue() {
    run_without_worker(&GROUND, async |sandbox| {
        let worker = worker(sandbox).await;
        let address = free_address().unwrap();
        let mut door = sandbox.ingest_process(&[("INGEST_ADDR", &address)]);
        door.ready(PATIENCE).await.unwrap();
        sandbox.stage.calls(&format!("http://{address}"));
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        alice.says("solde").await;
        alice.hears().await;
        sandbox.is_quiet().await;
        let (ours, theirs) = (figures(&door).await, figures(&worker).await);
        for (name, value) in [
            ("postly_queue_workers", "1"),
            ("postly_queue_paused", "0"),
            ("postly_queue_durable", "0"),
            ("postly_queue_messages{state=\"dead\"}", "0"),
            ("postly_queue_messages{state=\"spilled\"}", "0"),
            ("postly_numbers_paused{provider=\"meta\"}", "0"),
            ("postly_numbers_paused{provider=\"twilio\"}", "0"),
        ] {
            let told = |figures: &BTreeMap<String, String>| figures.get(name).cloned().unwrap_or_default();
            assert_eq!((told(&ours).as_str(), told(&theirs).as_str()), (value, value), "{name}");
        }
        let webhooks = |outcome: &str| {
            ours[&format!("postly_webhooks_total{{provider=\"meta\",outcome=\"{outcome}\"}}")].as_str()
        };
        assert_ne!(webhooks("accepted"), "0");
        assert_eq!((webhooks("unavailable"), webhooks("bad_signature")), ("0", "0"));
        let ready: serde_json::Value =
            reqwest::get(format!("{}/readyz", door.admin_url())).await.unwrap().json().await.unwrap();
        assert_eq!(ready, json!({ "ready": true, "redis": true, "postgres": true, "durable": false }));
        let loops =
            ["fetch", "renew"].map(|name| format!("postly_worker_progress_age_seconds{{loop=\"{name}\"}}"));
        assert!(loops.iter().all(|name| theirs[name].parse::<f64>().unwrap() < 60.0), "{theirs:?}");
    })
    .await;
}
