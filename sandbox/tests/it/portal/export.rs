//! The file with everything that is somebody's: all of it, at one moment, and nothing of anybody else.

use sandbox::conversation::{Sandbox, run};
use serde_json::{Value, json};
use shared::message::Provider;

use super::browser::{Browser, proves_her_number, web_account};
use crate::{GROUND, until};

const HERS: &str = "Crée un post pour mes brioches au beurre";
const HIS: &str = "Crée un post pour mon garage à vélos";

/// Alice has written, listened, reacted and bought; Bob has done the same.
async fn lives(sandbox: &Sandbox, brief: &str) -> sandbox::person::Person {
    let person = sandbox.person(Provider::Meta).with_credits(3).await;
    person.says(brief).await;
    person.hears().await;
    let posts = person.screen().pop().unwrap();
    person.reacts(&posts.id, Some("👍")).await.unwrap();
    person.speaks(&format!("{brief} encore")).await;
    person.hears().await;
    person
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_export_has_all_that_is_theirs_and_nothing_of_anybody_else() {
    run(&GROUND, async |sandbox| {
        let (alice, bob) = (lives(sandbox, HERS).await, lives(sandbox, HIS).await);
        until("the reactions", async || {
            let kept: i64 = sqlx::query_scalar("select count(*) from wa.feedback")
                .fetch_one(&sandbox.pool)
                .await
                .unwrap();
            kept == 2
        })
        .await;
        let (account, others) = (alice.account().await, bob.account().await);
        let web = web_account(sandbox, "alice@example.com", 10).await;
        proves_her_number(sandbox, &alice, &web).await;

        let browser = Browser::of(sandbox, &account).await;
        let answer = browser.get("/api/portal/export").await;
        assert_eq!(answer.status, 200);
        let name = answer.header("content-disposition");
        assert!(name.starts_with("attachment; filename=\"postly-20") && name.ends_with(".json\""), "{name}");
        assert_eq!(
            (answer.header("content-type"), answer.header("cache-control")),
            ("application/json; charset=utf-8", "no-store")
        );
        let all = answer.json();
        let number = |of: &Value| of.as_array().unwrap().len();
        assert_eq!(all["account"]["email"], "alice@example.com");
        assert_eq!(
            (all["account"]["phone"].as_str(), &all["account"]["credits"]),
            (Some(alice.number()), &json!(11))
        );
        assert_eq!(
            (number(&all["generations"]), number(&all["reactions"]), number(&all["sessions"])),
            (2, 1, 1)
        );
        assert_eq!(number(&all["ledger"]), 4, "two given, two spent");
        assert!(number(&all["messages"]["received"]) >= 3 && number(&all["messages"]["sent"]) >= 2, "{all}");
        assert!(
            all["messages"]["received"]
                .as_array()
                .unwrap()
                .iter()
                .any(|entry| entry["heard"] == format!("{HERS} encore"))
        );
        assert!(all["names"].as_array().unwrap().iter().any(|name| name["value"] == alice.number()));
        assert_eq!(all["reactions"][0]["emoji"], "👍");

        for foreign in [HIS, bob.number(), others.as_str()] {
            assert!(!answer.text.contains(foreign), "{foreign}");
        }
        // What opens doors is not in it.
        for secret in ["codeHash", "passwordHash", "jti"] {
            assert!(!answer.text.contains(secret), "{secret}");
        }
        let his = Browser::of(sandbox, &others).await.get("/api/portal/export").await;
        assert!(his.text.contains(HIS) && !his.text.contains(HERS) && !his.text.contains(alice.number()));
    })
    .await;
}
