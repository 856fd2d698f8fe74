//! What leaves us is what is needed: the model is told what somebody wants written, and never who wants it.

use sandbox::conversation::{Sandbox, run};
use shared::message::Provider;

use crate::{GROUND, for_each_provider};

/// Every field by which the API could tell one person of ours from another (OpenAI: Chat completions).
const NAMING: [&str; 4] = ["user", "safety_identifier", "prompt_cache_key", "metadata"];

/// Brief, voice note, revision and another round, and all that the model was asked because of them.
async fn the_model_is_never_told_who_asks(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(5).await;
    let mut said = vec![alice.says("Crée un post promo pour mon salon de thé").await];
    alice.hears().await;
    said.push(alice.speaks("Un post sur les madeleines, pour les enfants").await);
    alice.hears().await;
    for more in ["plus court", "encore"] {
        said.push(alice.says(more).await);
        alice.hears().await;
    }
    sandbox.is_quiet().await;

    let calls = sandbox.stage.openai.calls();
    assert!(calls.len() >= 10, "{}", calls.len());
    let account = alice.account().await;
    let mut db = sandbox.pool.acquire().await.unwrap();
    let named = shared::person::names(&mut db, &sandbox::stage::vault(), &account).await.unwrap();
    drop(db);
    assert!(!named.is_empty());
    let mut telling = vec![alice.number().trim_start_matches('+').to_owned(), account.as_str().to_owned()];
    telling.extend(["Camille", "Durand"].map(str::to_owned));
    telling.extend(named.into_iter().map(|name| name.value.trim_start_matches('+').to_owned()));
    telling.extend(
        said.iter().flat_map(|said| [said.id.provider_part().to_owned(), said.delivery.message_id.clone()]),
    );
    let heard = sandbox.stage.openai.transcriptions();
    assert_eq!(heard.len(), 1);
    let asked = calls.iter().map(|call| call.request.to_string()).chain([format!("{heard:?}")]);
    for asked in asked {
        for telling in &telling {
            assert!(!asked.contains(telling.as_str()), "{telling} is in {asked}");
        }
    }
    for field in NAMING {
        assert!(calls.iter().all(|call| call.request.get(field).is_none()), "{field}");
    }
}

/// What somebody calls themselves comes with every webhook, and is nobody's business here.
async fn the_name_that_somebody_shows_is_stored_nowhere(sandbox: &mut Sandbox, provider: Provider) {
    sandbox.queue.pause().await.unwrap();
    let alice = sandbox.person(provider).with_credits(1).await;
    alice.says("Crée un post promo pour mon salon de thé").await;
    let found = async || {
        let mut found = crate::vault::dump(sandbox).await;
        let keys = sandbox.queue.reads_all(|_, value| found.push_str(&String::from_utf8_lossy(value)));
        keys.await.unwrap();
        found.contains("Durand")
    };
    assert!(!found().await, "while it waits");
    sandbox.queue.resume().await.unwrap();
    alice.hears().await;
    assert!(!found().await);
}

for_each_provider! {
    model => super::the_model_is_never_told_who_asks;
    name => super::the_name_that_somebody_shows_is_stored_nowhere;
}

/// The words for which somebody is known to us do not become part of a question either: what is asked twice is asked alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_who_want_the_same_ask_the_same() {
    run(&GROUND, async |sandbox| {
        let people = [sandbox.person(Provider::Meta), sandbox.person(Provider::Meta)];
        let mut asked = Vec::new();
        for person in people {
            let person = person.with_credits(1).await;
            person.says("Crée un post promo pour mon salon de thé").await;
            person.hears().await;
            sandbox.is_quiet().await;
            let calls = sandbox.stage.openai.calls();
            asked.push(
                calls[asked.iter().map(Vec::len).sum::<usize>()..]
                    .iter()
                    .map(|call| call.request.clone())
                    .collect(),
            );
        }
        let [first, second] = <[Vec<serde_json::Value>; 2]>::try_from(asked).unwrap();
        assert_eq!(first, second);
    })
    .await;
}
