//! Bytes of chance at every door: whoever sends them is refused, nobody else notices, and nothing is told that is nobody's business.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use sandbox::conversation::run;
use sandbox::person::PATIENCE;
use serde_json::Value;
use shared::message::Provider;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::GROUND;
use crate::portal::browser::Browser;

/// Requests, and connections that speak no HTTP.
const REQUESTS: usize = 1_500;
const CONNECTIONS: usize = 60;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
const TYPES: [&str; 6] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain; charset=utf-16",
    "application/json; charset=\"",
    "",
];

/// Bodies that look like something, to be spoiled.
const SHAPES: [&str; 8] = [
    r#"{"phone":"+33639980001","purpose":"login"}"#,
    r#"{"phone":"+33639980001","code":"123456","purpose":"link"}"#,
    r#"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[]}]}"#,
    r#"{"id":"evt_1","type":"checkout.session.completed","data":{"object":{"id":"cs_1"}}}"#,
    r#"{"language":"fr","pack":"pack_20","key":"0123456789"}"#,
    "MessageSid=SM1&From=whatsapp%3A%2B33639980001&Body=solde",
    r#"{"poll":"x","number":47}"#,
    "",
];

/// A body: one of a known shape with some bytes changed, or nothing but chance.
fn body(chance: &mut StdRng) -> Vec<u8> {
    let mut body = SHAPES.choose(chance).unwrap_or(&"").as_bytes().to_vec();
    if chance.random_ratio(1, 3) {
        body = vec![0; chance.random_range(0..400)];
        chance.fill_bytes(&mut body);
    }
    for _ in 0..chance.random_range(0..6) {
        if body.is_empty() {
            break;
        }
        let at = chance.random_range(0..body.len());
        match chance.random_range(0..3) {
            0 => body[at] = chance.random(),
            1 => drop(body.remove(at)),
            _ => body.insert(at, chance.random()),
        }
    }
    body
}

/// What may stand behind a path, as far as a URL can hold it.
fn tail(chance: &mut StdRng) -> String {
    let tails = [
        "",
        "?",
        "?a=%ff%00&b",
        "?after=-1&limit=99999999999999999999",
        "/..%2f..%2fetc",
        "?hub.mode=subscribe&hub.challenge=%0d%0a",
        "?id=%F0%9F%A5%90",
        ";x",
        "/%00",
    ];
    (*tails.choose(chance).unwrap_or(&"")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_bytes_come_to_whichever_door_nobody_else_notices() {
    run(&GROUND, async |sandbox| {
        let seed: u64 = rand::random();
        let chance = &mut StdRng::seed_from_u64(seed);
        let alice = sandbox.person(Provider::Meta).with_credits(2).await;
        alice.says("Crée un post promo pour mon salon de thé").await;
        alice.hears().await;
        let account = alice.account().await;
        let (stranger, signed_in) = (Browser::stranger(sandbox), Browser::of(sandbox, &account).await);
        let mut worker = sandbox.worker_process(&[("POSTLY_HURRY", "on")]);
        worker.ready(PATIENCE).await.unwrap();
        let operator = stranger.at(worker.admin_url());

        let document: Value = stranger.sees("/api/openapi.json").await;
        let mut public: Vec<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
        public.extend(["/", "/portal/x/y.js", "/nowhere"].map(str::to_owned));
        assert!(public.len() > 20, "{public:?}");
        let private = [
            "/",
            "/page/now",
            "/page/x.js",
            "/deed/replay",
            "/deed/discard",
            "/metrics",
            "/healthz",
            "/readyz",
        ];
        for turn in 0..REQUESTS {
            let (browser, path) = match chance.random_range(0..5) {
                0 => (&operator, (*private.choose(chance).unwrap()).to_owned()),
                // Somebody who is signed in may do away with her own things; the session ends with that.
                1 => (
                    &signed_in,
                    public
                        .iter()
                        .filter(|path| !path.ends_with("/erase"))
                        .nth(turn % (public.len() - 1))
                        .unwrap()
                        .clone(),
                ),
                _ => (&stranger, public[turn % public.len()].clone()),
            };
            let path = format!("{path}{}", tail(chance));
            let method = *METHODS.choose(chance).unwrap();
            let mut request =
                browser.asks(method, &path).header("content-type", *TYPES.choose(chance).unwrap());
            if chance.random_ratio(1, 4) {
                request =
                    request.header("x-hub-signature-256", "sha256=00").header("x-twilio-signature", "AA==");
            }
            if chance.random_ratio(1, 6) {
                request = request.header("cookie", "next-auth.session-token=eyJhbGciOiJkaXIi..a.b.c; a=x");
            }
            if chance.random_ratio(1, 2) {
                request = request.header("origin", browser.site.clone());
            }
            let answer = browser.sends(request.body(body(chance))).await;
            let told =
                format!("seed {seed}, turn {turn}: {method} {path}: {} {}", answer.status, answer.text);
            assert!(!answer.status.is_server_error() || answer.status == 503, "{told}");
            for secret in
                ["panicked", "src/", "postgres", "redis://", sandbox.variables["NEXTAUTH_SECRET"].as_str()]
            {
                assert!(answer.status.is_success() || !answer.text.contains(secret), "{told}");
            }
        }
        for turn in 0..CONNECTIONS {
            let address = sandbox.ingest.trim_start_matches("http://");
            let mut line = TcpStream::connect(address).await.unwrap();
            let mut bytes = vec![0; chance.random_range(1..600)];
            chance.fill_bytes(&mut bytes);
            if turn % 3 == 0 {
                bytes.splice(
                    0..0,
                    *b"POST /api/whatsapp/webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 99999\r\n",
                );
            }
            // Whoever hears nothing more hangs up, as people do.
            let _ = line.write_all(&bytes).await;
            let _ = line.shutdown().await;
            let mut heard = Vec::new();
            let _ = tokio::time::timeout(Duration::from_secs(20), line.read_to_end(&mut heard)).await;
            let heard = String::from_utf8_lossy(&heard);
            assert!(
                heard.is_empty() || heard.starts_with("HTTP/1.1 4"),
                "seed {seed}, connection {turn}: {heard}"
            );
        }
        // Everything is as before.
        assert!(!stranger.is_in().await);
        alice.says("Crée un post promo pour mes madeleines").await;
        assert!(alice.hears().await.starts_with("✨"));
        assert_eq!(alice.credits().await, 0);
        worker.signal(nix::sys::signal::Signal::SIGTERM);
        worker.ended(PATIENCE).await.unwrap();
    })
    .await;
}
