//! What is written down for programs is what they are answered.

use std::collections::BTreeSet;

use sandbox::conversation::run_without_worker;
use serde_json::{Value, json};

use crate::GROUND;

/// Sends something to every route, as nobody in particular, and as somebody who sends nonsense. `.ci/contract` tries much
/// more of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_of_every_route_is_written_down() {
    run_without_worker(&GROUND, async |sandbox| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::new();
        let ingest = &sandbox.ingest;
        let document: Value =
            http.get(format!("{ingest}/api/openapi.json")).send().await.unwrap().json().await.unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let mut tried = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let method: reqwest::Method = method.to_uppercase().parse().unwrap();
                let url = format!("{ingest}{}", path.replace(['{', '}'], ""));
                let bare = || http.request(method.clone(), &url);
                let asked = [
                    bare(),
                    bare().json(&json!({})),
                    bare().json(&json!({ "phone": "1", "code": "x" })),
                    bare().body("nonsense"),
                    bare().header("origin", "https://evil.example").json(&json!({})),
                    bare().header("content-type", "application/json").body(" ".repeat(5000)),
                ];
                for request in asked {
                    let answer = request.send().await.unwrap();
                    let status = answer.status();
                    let told = &operation["responses"][status.as_str()];
                    assert!(told.is_object(), "{method} {path} answers {status}");
                    assert!(!status.is_server_error(), "{method} {path} answers {status}");
                    if told["content"]["application/json"]["schema"]["$ref"] == "#/components/schemas/Refused"
                    {
                        let refused: Value = answer.json().await.unwrap();
                        let codes: BTreeSet<&str> =
                            told["description"].as_str().unwrap()["Refused: ".len()..].split(", ").collect();
                        let code = refused["error"]["code"].as_str().unwrap();
                        assert!(
                            codes.contains(code),
                            "{method} {path} refuses for {code}, not for {codes:?}"
                        );
                    }
                    tried += 1;
                }
            }
        }
        assert!(tried > 100, "{tried}");
    })
    .await;
}
