//! Ids that no page of ours sends: Postgres could not even read some of them.

use sandbox::conversation::{Sandbox, run};
use serde_json::json;
use shared::message::Provider;

use super::browser::Browser;
use crate::GROUND;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_nobody_has_given_out_is_a_bad_request() {
    run(&GROUND, async |sandbox: &mut Sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let browser = Browser::of(sandbox, &alice.account().await).await;
        let bad = (400, "bad_request".to_owned());
        let long = "x".repeat(256);
        for id in ["%00", "a%00b", "%0A", long.as_str()] {
            for path in ["ledger?before=", "generations?before=", "payment?session="] {
                let answer = browser.get(&format!("/api/portal/{path}{id}")).await;
                assert_eq!(answer.refusal(), bad, "{path}{id}");
            }
        }
        for id in ["\0", "a\0b", "\n", long.as_str()] {
            let answer = browser.post("/api/portal/sessions/revoke", json!({ "id": id })).await;
            assert_eq!(answer.refusal(), bad, "revoke {id:?}");
            let wish = json!({ "pack": id, "key": "0123456789abcdef" });
            let answer = browser.post("/api/portal/checkout", wish).await;
            assert_eq!(answer.refusal(), bad, "checkout {id:?}");
        }
        // What is only not theirs, or not there, is no mistake.
        let longest = &long[1..];
        let page = browser.sees(&format!("/api/portal/ledger?before={longest}")).await;
        assert_eq!(page["items"], json!([]));
        assert_eq!(browser.sees("/api/portal/payment?session=cs_é").await["state"], "unknown");
    })
    .await;
}
