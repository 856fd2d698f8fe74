//! What the processes tell about themselves, in logs, metrics and traces, holds nobody's number, words or code, whatever
//! happens to a message.

use std::time::Duration;

use nix::sys::signal::Signal;
use sandbox::conversation::{Sandbox, run_without_worker};
use sandbox::person::{PATIENCE, Person};
use sandbox::port::free_address;
use sandbox::process::Process;
use sandbox::simulators::collector::Collector;
use sandbox::simulators::meta::MetaFault;
use sandbox::simulators::openai::OpenAiFault;
use sandbox::simulators::twilio::TwilioFault;
use serde_json::json;
use shared::message::Provider;

use crate::GROUND;
use crate::otp::secrecy::holds;

/// A word that is in every text of these people, and nowhere else.
const WORD: &str = "zanzibarquille";

/// Everything that a process is told to tell, as an operator in trouble may ask for it.
const LOUD: &str = "debug,shared=trace,ingest=trace,worker=trace";

/// A world whose processes tell everything.
struct Loud {
    collector: Collector,
    door: Process,
    worker: Process,
    address: String,
}

impl Loud {
    async fn begins(sandbox: &mut Sandbox, log: &str) -> Self {
        let collector = Collector::start().await.unwrap();
        sandbox.log = sandbox.log.with_file_name(format!("test-{log}.log"));
        let _ = std::fs::remove_file(&sandbox.log);
        let address = free_address().unwrap();
        let variables = [
            ("RUST_LOG", LOUD),
            ("LOG_FORMAT", "json"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("POSTLY_HURRY", "on"),
            ("INGEST_ADDR", &address),
        ];
        let mut door = sandbox.ingest_process(&variables);
        let mut worker = sandbox.worker_process(&variables);
        door.ready(PATIENCE).await.unwrap();
        worker.ready(PATIENCE).await.unwrap();
        sandbox.stage.calls(&format!("http://{address}"));
        Self { collector, door, worker, address }
    }

    /// Everything that was told, once the processes have ended.
    async fn told(mut self, sandbox: &Sandbox) -> String {
        let http = reqwest::Client::new();
        let mut told = String::new();
        for process in [&self.door, &self.worker] {
            let metrics = http.get(format!("{}/metrics", process.admin_url())).send().await.unwrap();
            told.push_str(&metrics.text().await.unwrap());
        }
        for process in [&mut self.worker, &mut self.door] {
            process.signal(Signal::SIGTERM);
            assert!(process.ended(PATIENCE).await.unwrap().success());
        }
        assert!(told.contains("postly_queue_oldest_age_seconds") && !self.collector.spans().is_empty());
        told.push_str(&String::from_utf8_lossy(&self.collector.bytes()));
        let log = std::fs::read_to_string(&sandbox.log).unwrap();
        assert!(log.lines().count() > 100, "{log}");
        told + &log
    }
}

/// What nobody but a person may know.
struct Secrets {
    codes: [String; 2],
    posts: String,
}

/// The line around something that should not be there.
fn around<'a>(told: &'a str, what: &str) -> Option<&'a str> {
    told.lines().find(|line| line.contains(what))
}

/// Everything that people do, and everything that can go wrong with it.
async fn lives(sandbox: &Sandbox, alice: &Person, address: &str) -> Secrets {
    let brief = |what: &str| format!("Crée un post {what} pour Instagram sur {WORD}");
    alice.says(&brief("promo")).await;
    let posts = alice.hears().await;
    let commands =
        ["solde", "historique", "lang", "2", "plus court", "traduire", "zanzibarquille ?", "acheter"];
    for command in commands {
        alice.says(command).await;
        alice.hears().await;
    }
    alice.speaks(&brief("parlé")).await;
    alice.hears().await;
    alice.sends_sound(WORD.as_bytes(), "audio/ogg").await;
    alice.hears().await;
    let openai = &sandbox.stage.openai;
    for fault in [
        OpenAiFault::Http500,
        OpenAiFault::Garbage,
        OpenAiFault::EmptyChoices,
        OpenAiFault::InvalidJsonContent,
        OpenAiFault::Truncated,
        OpenAiFault::RateLimited { retry_after: Duration::from_millis(20) },
    ] {
        openai.fails_next(1, fault);
        alice.says(&brief("tenace")).await;
        alice.hears().await;
    }
    openai.fails_next(1, OpenAiFault::InsufficientQuota);
    alice.says(&brief("sans le sou")).await;
    alice.hears().await;
    openai.fails_next(1, OpenAiFault::Refusal);
    alice.says(&brief("refusé")).await;
    alice.hears().await;
    // Refused at once, later, in a way that only an operator can mend, and not at all.
    let (meta, twilio) = (&sandbox.stage.meta, &sandbox.stage.twilio);
    meta.fails_next(1, MetaFault::Refused(131_026));
    twilio.fails_next(1, TwilioFault::Refused(63_024));
    alice.says(&brief("perdu")).await;
    sandbox.is_quiet().await;
    meta.fails_next(1, MetaFault::FailedByStatus(131_026));
    meta.fails_next(1, MetaFault::TokenExpired190);
    meta.fails_next(1, MetaFault::Http500Html);
    twilio.fails_next(1, TwilioFault::Authenticate20003);
    alice.says(&brief("attendu")).await;
    sandbox.is_quiet().await;
    // Codes: asked for in the chat and on the web, and tried.
    alice.says("connexion").await;
    let code = loop {
        // What came late of what was said before stands between.
        let heard = alice.hears().await;
        let mut words = heard.split(|c: char| !c.is_ascii_digit());
        if let Some(code) = words.find(|digits| digits.len() == 6) {
            break code.to_owned();
        }
    };
    let http = reqwest::Client::new();
    let typed = async |path: &str, body: serde_json::Value| {
        let answer = http.post(format!("http://{address}/api/auth/{path}")).json(&body).send().await.unwrap();
        answer.text().await.unwrap()
    };
    let number = alice.number().to_owned();
    let mut answers = vec![
        typed("verify-otp", json!({ "phone": number, "code": "191919" })).await,
        typed("verify-otp", json!({ "phone": number, "code": WORD })).await,
        typed("request-otp", json!({ "phone": WORD })).await,
        typed("request-otp", json!({ "phone": number, "purpose": WORD })).await,
        typed("request-otp", json!({ "phone": number, "purpose": "link", "userId": WORD })).await,
        typed("verify-otp", json!({ "phone": number, "code": code })).await,
    ];
    answers.retain(|answer| [&number, &code, WORD].into_iter().any(|typed| answer.contains(typed)));
    assert_eq!(answers, Vec::<String>::new(), "an answer repeats what was typed");
    Secrets { codes: [code, "191919".to_owned()], posts }
}

async fn nobody_is_named(sandbox: &mut Sandbox, provider: Provider) {
    // No link in a list of commands is part of this, but a till is.
    sandbox.variables.insert("WHATSAPP_PROVIDER".to_owned(), provider.as_str().to_owned());
    let loud = Loud::begins(sandbox, &format!("telling-{}", provider.as_str())).await;
    let alice = sandbox.person(provider).with_credits(60).await;
    let secrets = lives(sandbox, &alice, &loud.address).await;
    if provider == Provider::Meta {
        let phone = alice.meta();
        phone.message("location", &json!({ "latitude": 48.85, "longitude": 2.35, "name": WORD })).await;
        phone.message("unheard_of", &json!({ "what": WORD })).await;
        phone.message("text", &json!({ "body": { "not": WORD } })).await;
        let (_, announcement) = phone.changes_number("+33639980777");
        sandbox.stage.meta.deliver(&announcement).await;
        let forged =
            sandbox.stage.meta.envelope(&json!({ "messages": [{ "from": "33639980111", "text": WORD }] }));
        sandbox.stage.meta.forge(&forged, "not the secret").await;
    }
    sandbox.is_quiet().await;
    let told = loud.told(sandbox).await;
    for personal in [WORD, "639980", "Camille", "wamid."] {
        assert_eq!(around(&told, personal), None, "{personal} is told");
    }
    for code in &secrets.codes {
        assert!(!holds(&told, code), "a code is told");
    }
    for line in secrets.posts.lines().filter(|line| line.chars().count() > 12) {
        assert_eq!(around(&told, line), None, "a post is told");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_told_of_people_through_meta() {
    run_without_worker(&GROUND, async |sandbox| nobody_is_named(sandbox, Provider::Meta).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_told_of_people_through_twilio() {
    run_without_worker(&GROUND, async |sandbox| nobody_is_named(sandbox, Provider::Twilio).await).await;
}

/// Both dependencies away, and a process that is killed: what is told then is no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_leaves_nothing_of_people_in_its_log() {
    run_without_worker(&GROUND, async |sandbox| {
        let loud = Loud::begins(sandbox, "telling-killed").await;
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        sandbox.stage.openai.hold();
        alice.says(&format!("Crée un post promo sur {WORD}")).await;
        sandbox.stage.openai.wait_calls(1, PATIENCE).await.unwrap();
        loud.worker.signal(Signal::SIGKILL);
        sandbox.stage.openai.release();
        sandbox.starts_worker();
        alice.hears().await;
        sandbox.is_quiet().await;
        let log = std::fs::read_to_string(&sandbox.log).unwrap();
        for personal in [WORD, "639980", "Camille"] {
            assert_eq!(around(&log, personal), None, "{personal} is told");
        }
    })
    .await;
}
