//! One message is one trace, across processes and minutes: a real collector's view of it.

use nix::sys::signal::Signal;
use sandbox::conversation::{Sandbox, run_without_worker};
use sandbox::person::PATIENCE;
use sandbox::port::free_address;
use sandbox::simulators::collector::{Collector, Span};
use serde_json::{Value, json};
use shared::message::Provider;

use crate::{GROUND, for_each_provider, until};

const BRIEF: &str = "Crée un post promo pour Instagram";

/// Variables of processes that send their spans here, at once.
fn traced<'a>(collector: &'a Collector, further: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut variables = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
        // The name of OpenTelemetry's own SDK: how long a span may wait for others.
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("LOG_FORMAT", "json"),
    ];
    variables.extend_from_slice(further);
    variables
}

/// An ingest that is traced, and everybody's webhooks lead there.
async fn door(sandbox: &Sandbox, collector: &Collector) -> sandbox::process::Process {
    let address = free_address().unwrap();
    let mut door = sandbox.ingest_process(&traced(collector, &[("INGEST_ADDR", &address)]));
    door.ready(PATIENCE).await.unwrap();
    sandbox.stage.calls(&format!("http://{address}"));
    door
}

/// The spans of this name in a trace.
fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// The only span of this name.
fn only<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found = named(spans, name);
    assert_eq!(found.len(), 1, "{name} in {spans:#?}");
    found[0]
}

/// All spans of the trace in which a brief was settled, once a report on its delivery is among them.
async fn of_the_brief(collector: &Collector) -> Vec<Span> {
    let of_one = || {
        let spans = collector.spans();
        let trace = spans.iter().find(|span| span.name == "settle")?.trace.clone();
        Some(spans.into_iter().filter(|span| span.trace == trace).collect::<Vec<_>>())
    };
    let delivered = |span: &Span| {
        span.name == "report" && span.attributes.get("status").is_some_and(|status| status == "delivered")
    };
    until("the whole trace", async || {
        of_one().is_some_and(|spans| {
            spans.iter().any(delivered) && spans.iter().any(|span| span.name == "webhook") && {
                let jobs = named(&spans, "job");
                jobs.iter().any(|job| job.attributes.get("outcome").is_some_and(|outcome| outcome == "done"))
            }
        })
    })
    .await;
    of_one().unwrap()
}

async fn one_message_is_one_tree(sandbox: &mut Sandbox, provider: Provider) {
    let collector = Collector::start().await.unwrap();
    let _door = door(sandbox, &collector).await;
    let _worker = sandbox.worker_process(&traced(&collector, &[]));
    let alice = sandbox.person(provider).with_credits(5).await;
    alice.says(BRIEF).await;
    alice.hears().await;
    sandbox.is_quiet().await;
    let spans = of_the_brief(&collector).await;
    let webhook = only(&spans, "webhook");
    assert_eq!((webhook.service.as_str(), webhook.parent.as_str()), ("postly-ingest", ""));
    let job = only(&spans, "job");
    assert_eq!((job.service.as_str(), &job.parent), ("postly-worker", &webhook.id));
    assert_eq!((job.attributes["kind"].as_str(), job.attributes["attempt"].as_str()), ("message", "1"));
    let steps: Vec<&str> =
        named(&spans, "model").into_iter().map(|step| step.attributes["step"].as_str()).collect();
    assert_eq!(steps, ["intent", "prompt", "posts"]);
    let send = only(&spans, "send");
    assert_eq!(
        (send.attributes["provider"].as_str(), send.attributes["outcome"].as_str()),
        (provider.as_str(), "accepted")
    );
    for under in ["hold", "model", "settle", "send"].into_iter().flat_map(|name| named(&spans, name)) {
        assert_eq!(under.parent, job.id, "{under:?}");
    }
    // What the provider reports came by webhooks of its own, which are noted; it belongs to what was sent.
    for report in named(&spans, "report") {
        assert_eq!(report.parent, send.id, "{report:?}");
        assert!(
            report.links.iter().all(|trace| *trace != report.trace) && report.links.len() == 1,
            "{report:?}"
        );
    }
}

for_each_provider! { in run_without_worker
    whole => super::one_message_is_one_tree;
}

/// Its second start belongs to the same trace, and so does every line that is logged about it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_taken_up_again_stays_in_its_trace_and_so_do_its_lines() {
    run_without_worker(&GROUND, async |sandbox| {
        let collector = Collector::start().await.unwrap();
        let _door = door(sandbox, &collector).await;
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        let mut doomed = sandbox.worker_process(&traced(&collector, &[("POSTLY_FAULT", "prompt.recorded")]));
        alice.says(BRIEF).await;
        let ended = doomed.ended(PATIENCE).await.unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(Signal::SIGABRT as i32));
        sandbox.log = sandbox.log.with_file_name("test-traces.log");
        let _ = std::fs::remove_file(&sandbox.log);
        sandbox.stage.openai.fails_next(1, sandbox::simulators::openai::OpenAiFault::Overloaded503);
        let _worker = sandbox.worker_process(&traced(&collector, &[]));
        alice.hears().await;
        sandbox.is_quiet().await;
        let spans = of_the_brief(&collector).await;
        let webhook = only(&spans, "webhook");
        let jobs = named(&spans, "job");
        // The start that failed with the model, and the one after it: that of the dead process was never sent.
        let attempts: Vec<&str> = jobs.iter().map(|job| job.attributes["attempt"].as_str()).collect();
        assert_eq!(attempts, ["2", "3"], "{jobs:#?}");
        assert!(jobs.iter().all(|job| job.parent == webhook.id));
        let recorded =
            |step: &Span| step.attributes.get("recorded").is_some_and(|recorded| recorded == "true");
        assert!(named(&spans, "model").into_iter().any(recorded), "a step that was found is told apart");
        let log = std::fs::read_to_string(&sandbox.log).unwrap();
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let refused = lines.iter().find(|line| line["message"] == "the model's server refused").unwrap();
        assert_eq!(refused["spans"][0]["trace_id"], webhook.trace.as_str(), "{refused}");
    })
    .await;
}

/// Where no span is recorded, a trace is what joins the lines that several processes and starts write about one message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_collector_a_trace_still_joins_the_lines() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.log = sandbox.log.with_file_name("test-traces-unrecorded.log");
        let _ = std::fs::remove_file(&sandbox.log);
        let address = free_address().unwrap();
        let mut door = sandbox.ingest_process(&[("INGEST_ADDR", &address), ("LOG_FORMAT", "json")]);
        door.ready(PATIENCE).await.unwrap();
        sandbox.stage.calls(&format!("http://{address}"));
        let _ = sandbox.stage.meta.deliver(&json!({ "entry": "none" })).await;
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        sandbox.stage.openai.fails_next(2, sandbox::simulators::openai::OpenAiFault::Overloaded503);
        let _worker = sandbox.worker_process(&[("LOG_FORMAT", "json")]);
        alice.says(BRIEF).await;
        alice.hears().await;
        let log = std::fs::read_to_string(&sandbox.log).unwrap();
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let about =
            |message: &str| lines.iter().filter(|line| line["message"] == message).collect::<Vec<_>>();
        let aside = about("signed, but not understood");
        let aside: Vec<&str> = aside.iter().map(|line| line["trace_id"].as_str().unwrap()).collect();
        assert!(aside.len() == 1 && aside[0].len() == 32, "{aside:?}");
        let refused = about("the model's server refused");
        let refused: Vec<&str> =
            refused.iter().map(|line| line["spans"][0]["trace_id"].as_str().unwrap()).collect();
        assert_eq!(refused.len(), 2, "{refused:?}");
        assert_eq!(refused[0], refused[1], "two starts of one message are one trace");
        assert_ne!(refused[0], aside[0], "and two webhooks are two");
    })
    .await;
}

/// What nobody collects costs nobody an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_holds_nothing_up() {
    run_without_worker(&GROUND, async |sandbox| {
        let nobody = format!("http://{}", free_address().unwrap());
        let mut worker = sandbox.worker_process(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &nobody)]);
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        alice.says(BRIEF).await;
        alice.hears().await;
        sandbox.is_quiet().await;
        worker.signal(Signal::SIGTERM);
        assert!(worker.ended(PATIENCE).await.unwrap().success());
    })
    .await;
}
