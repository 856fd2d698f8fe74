//! The door over real HTTP: who is let in, what is answered, and that everything signed leads to something once.
//!
//! What large batches do is in `batch`, the providers' own payloads are in `fixtures`, absurd ones in `hostile`, outages
//! in `outage`, who is not let in is in `refused`.

mod batch;
mod fixtures;
mod hostile;
mod outage;
mod refused;

use axum::http::HeaderMap;
use futures_util::future::join_all;
use sandbox::conversation::{Sandbox, run};
use sandbox::person::{Person, Phone};
use sandbox::simulators::courier::{Courier, Delivery, Persistence};
use sandbox::simulators::{meta, twilio};
use sandbox::stage::PUBLIC_URL;
use serde_json::{Value, json};
use shared::job::Job;
use shared::message::Provider;
use shared::queue::{Settlement, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::GROUND;

const PATH: &str = "/api/whatsapp/webhook";
const META: &str = "x-hub-signature-256";
const TWILIO: &str = "x-twilio-signature";
const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const TWIML: &str = "<Response></Response>";

/// What Meta sends with these bytes.
fn meta_signature(sandbox: &Sandbox, body: &[u8]) -> String {
    meta::signature::sign(&sandbox.stage.meta.options().app_secret, body)
}

/// What Twilio sends with these bytes to this path.
fn twilio_signature(sandbox: &Sandbox, path: &str, body: &[u8]) -> String {
    let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let token = &sandbox.stage.twilio.options().auth_token;
    twilio::signature::sign(token, &format!("{PUBLIC_URL}{path}"), &form)
}

/// Posts bytes to the webhook with exactly these headers, a repeated name repeated.
async fn post(sandbox: &Sandbox, headers: &[(&'static str, &str)], body: &[u8]) -> Delivery {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    let url = format!("{}{PATH}", sandbox.ingest);
    Courier::new("somebody").post(&url, map, body.to_vec(), &Persistence::once()).await
}

/// Posts bytes as this provider would.
async fn signed(sandbox: &Sandbox, provider: Provider, body: &[u8]) -> Delivery {
    match provider {
        Provider::Meta => post(sandbox, &[JSON, (META, &meta_signature(sandbox, body))], body).await,
        Provider::Twilio => {
            post(sandbox, &[FORM, (TWILIO, &twilio_signature(sandbox, PATH, body))], body).await
        }
    }
}

/// The one answer that each provider takes for "we have it".
fn is_acknowledged(provider: Provider, delivery: &Delivery) -> bool {
    let kind = delivery.content_type.as_deref();
    delivery.status == Some(200)
        && match provider {
            Provider::Meta => delivery.body.is_empty() && kind.is_none(),
            Provider::Twilio => delivery.body == TWIML && kind == Some("text/xml"),
        }
}

/// Puts bytes on a connection of their own and returns the status and the body of the answer.
pub(crate) async fn raw(ingest: &str, request: &[u8]) -> (u16, String) {
    let mut connection = connect(ingest).await;
    connection.write_all(request).await.unwrap();
    answer(connection).await
}

async fn connect(ingest: &str) -> TcpStream {
    TcpStream::connect(ingest.strip_prefix("http://").unwrap()).await.unwrap()
}

async fn answer(mut connection: TcpStream) -> (u16, String) {
    let mut answer = Vec::new();
    // A door that refuses early may cut the connection right after its answer: that is no concern of ours.
    let _ = connection.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn ask(method: &str, path: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .into_bytes()
}

/// The head of a post whose body is announced, or comes in chunks.
fn head(length: Option<usize>, signature: &str) -> Vec<u8> {
    let length = length.map_or_else(
        || "transfer-encoding: chunked".to_owned(),
        |length| format!("content-length: {length}"),
    );
    format!("POST {PATH} HTTP/1.1\r\nhost: x\r\n{META}: {signature}\r\n{length}\r\nconnection: close\r\n\r\n")
        .into_bytes()
}

/// A text of this person that nobody has delivered yet, as Meta wraps it.
fn letter(person: &Person, text: &str) -> Value {
    person.meta().letter("text", &json!({ "body": text })).1
}

/// Takes everything out of the queue, as a worker that does nothing would.
async fn drained(sandbox: &Sandbox) -> Vec<Job> {
    let mut jobs = Vec::new();
    loop {
        let leased = sandbox.queue.fetch("a test", 200).await.unwrap().leased;
        if leased.is_empty() {
            return jobs;
        }
        jobs.extend(leased.iter().map(|leased| sandbox.queue.read(&leased.payload).unwrap()));
        let done: Vec<Settlement> = leased
            .into_iter()
            .map(|leased| Settlement { lease: leased.lease, verdict: Verdict::Done })
            .collect();
        sandbox.queue.settle(&done).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_handshake_repeats_the_challenge_to_whoever_knows_the_token() {
    run(&GROUND, async |sandbox| {
        let token = &sandbox.variables["META_VERIFY_TOKEN"];
        let handshake = |mode: &str, token: &str, challenge: &str| {
            ask("GET", &format!("{PATH}?hub.mode={mode}&hub.challenge={challenge}&hub.verify_token={token}"))
        };
        for (request, status, body) in [
            (handshake("subscribe", token, "1158201444"), 200, "1158201444"),
            (handshake("subscribe", token, "a%20b%26c"), 200, "a b&c"),
            (handshake("subscribe", "another", "1158201444"), 403, ""),
            (handshake("subscribe", "", "1158201444"), 403, ""),
            (handshake("unsubscribe", token, "1158201444"), 403, ""),
            (handshake("subscribe", token, ""), 403, ""),
            (handshake("subscribe", token, &"x".repeat(5_000)), 403, ""),
            (ask("GET", PATH), 403, ""),
        ] {
            assert_eq!(raw(&sandbox.ingest, &request).await, (status, body.to_owned()));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_paths_and_methods_are_nobodys() {
    run(&GROUND, async |sandbox| {
        for (method, path, status) in [
            ("GET", "/other", 404),
            ("POST", "/api/whatsapp/webhook/", 404),
            ("POST", "/api/whatsapp/other", 404),
            ("GET", "/metrics", 404),
            ("GET", "/api/whatsapp/status", 405),
            ("PUT", PATH, 405),
            ("DELETE", PATH, 405),
            ("POST", PATH, 401),
            ("POST", "/api/whatsapp/status", 401),
        ] {
            let answer = raw(&sandbox.ingest, &ask(method, path)).await;
            assert_eq!(answer, (status, String::new()), "{method} {path}");
        }
    })
    .await;
}

async fn what_is_signed_and_cannot_be_read_is_kept_aside_once(sandbox: &mut Sandbox, provider: Provider) {
    let bytes: &[u8] = match provider {
        Provider::Meta => b"\xff\xfe{\"entry\"",
        Provider::Twilio => b"MessageSid=SM1&Body=%00%ff",
    };
    for _ in 0..3 {
        let delivery = signed(sandbox, provider, bytes).await;
        assert!(is_acknowledged(provider, &delivery), "{delivery:?}");
    }
    sandbox.has_dead_letters(1).await;
    let alice = sandbox.person(provider);
    alice.says("aide").await;
    alice.hears().await;
}

async fn fifty_deliveries_at_once_are_one_message(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(5).await;
    let brief = "Crée un post promo pour Instagram";
    let deliveries = match &alice.phone {
        Phone::Meta(_) => {
            let letter = letter(&alice, brief);
            join_all((0..50).map(|_| sandbox.stage.meta.deliver(&letter))).await
        }
        Phone::Twilio(phone) => {
            let form = phone.compose(brief, &[]);
            join_all((0..50).map(|_| sandbox.stage.twilio.deliver(form.clone()))).await
        }
    };
    assert!(deliveries.iter().all(|delivery| is_acknowledged(provider, delivery)), "{deliveries:?}");
    assert!(alice.hears().await.contains("💳 Il vous reste 4 crédits."));
    sandbox.is_quiet().await;
    assert_eq!(alice.has_heard().len(), 1);
    assert_eq!((alice.charges().await, alice.generations().await), ((1, 0), 1));
    assert_eq!(sandbox.stage.openai.calls().len(), 3);
}

async fn a_message_that_was_answered_is_not_answered_again(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(5).await;
    let said = alice.says("Crée un post promo pour Instagram").await;
    alice.hears().await;
    sandbox.is_quiet().await;
    for delivery in [alice.redeliver(&said, 3, false).await, alice.redeliver(&said, 10, true).await].concat()
    {
        assert!(is_acknowledged(provider, &delivery), "{delivery:?}");
    }
    sandbox.is_quiet().await;
    assert_eq!((alice.has_heard().len(), alice.credits().await, alice.generations().await), (1, 4, 1));
    assert_eq!(sandbox.stage.openai.calls().len(), 3);
}

async fn people_who_hang_up_or_dawdle_are_in_nobodys_way(sandbox: &mut Sandbox, provider: Provider) {
    let dawdler = sandbox.person(Provider::Meta);
    dawdler.says("aide").await;
    dawdler.hears().await;
    let body = letter(&dawdler, "aide").to_string().into_bytes();
    let head = head(Some(body.len()), &meta_signature(sandbox, &body));
    let mut half = head.clone();
    half.extend_from_slice(&body[..body.len() / 2]);
    let mut waiting = Vec::new();
    for _ in 0..100 {
        let mut connection = connect(&sandbox.ingest).await;
        connection.write_all(&half).await.unwrap();
        waiting.push(connection);
    }
    let alice = sandbox.person(provider);
    alice.says("solde").await;
    alice.hears().await;
    let mut last = waiting.pop().unwrap();
    drop(waiting);
    sandbox.is_quiet().await;
    assert_eq!(dawdler.has_heard().len(), 1, "half a letter was read");
    last.write_all(&body[body.len() / 2..]).await.unwrap();
    assert_eq!(answer(last).await, (200, String::new()));
    dawdler.hears().await;
}

crate::for_each_provider! {
    unreadable => super::what_is_signed_and_cannot_be_read_is_kept_aside_once;
    at_once => super::fifty_deliveries_at_once_are_one_message;
    redelivered => super::a_message_that_was_answered_is_not_answered_again;
    dawdlers => super::people_who_hang_up_or_dawdle_are_in_nobodys_way;
}
