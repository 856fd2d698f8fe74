//! The operator's tool at work: looking, replaying, explaining. It reveals nothing that it was not asked to.

mod page;

use std::time::Duration;

use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::simulators::openai::OpenAiFault;
use shared::clock::Clock;
use shared::env::Env;
use shared::message::Provider;
use worker::operator::dead::{self, Filter};
use worker::operator::deed::{self, Replayed};
use worker::operator::explain::explain;
use worker::operator::{Desk, audit, status};

const BRIEF: &str = "Crée un post sur les xylophones";

fn desk(sandbox: &Sandbox) -> Desk {
    Desk::open(Env::from_values(sandbox.variables.clone())).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_the_queue_tells_what_wants_attention() {
    run_without_worker(&crate::GROUND, async |sandbox| {
        let (desk, alice) = (desk(sandbox), sandbox.person(Provider::Meta));
        let idle = status::look(&desk).await.unwrap();
        assert!(idle.concerns(None).is_empty(), "{idle}");
        alice.says("aide").await;
        alice.says("solde").await;
        let waiting = status::look(&desk).await.unwrap();
        assert_eq!((waiting.ready, waiting.lanes, waiting.workers, waiting.spilled), (2, 1, 0, Some(0)));
        let concerns = waiting.concerns(Some(Duration::from_millis(1))).join("\n");
        assert!(concerns.contains("no worker is alive") && concerns.contains("oldest"), "{concerns}");
        desk.queue.pause().await.unwrap();
        sandbox.starts_worker();
        crate::until("a worker", async || desk.queue.figures().await.unwrap().workers == 1).await;
        let paused = status::look(&desk).await.unwrap();
        assert_eq!((paused.paused, paused.ready), (true, 2));
        assert!(paused.to_string().contains("PAUSED") && alice.has_heard().is_empty());
        desk.queue.resume().await.unwrap();
        assert!(alice.hears().await.contains("Postly"));
        // One that stops in order signs off: nobody waits a lease to see that it has gone.
        sandbox.stops_workers().await;
        assert_eq!(desk.queue.figures().await.unwrap().workers, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_failed_is_replayed_and_its_posts_cost_nothing_more() {
    run(&crate::GROUND, async |sandbox| {
        let (desk, now) = (desk(sandbox), Clock::system().now());
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        sandbox.stage.openai.fails_next(3, OpenAiFault::Overloaded503);
        let said = alice.says(BRIEF).await;
        assert!(alice.hears().await.starts_with("😕"));
        sandbox.is_quiet().await;

        let letters = dead::find(&desk, &Filter::default(), 10, now).await.unwrap();
        let listed = dead::list(&dead::entries(&letters, false));
        assert!(
            listed.contains("text") && !listed.contains("xylophone") && !listed.contains("639980"),
            "{listed}"
        );
        let revealed = dead::entries(&letters, true)[0].to_string();
        assert!(revealed.contains("xylophone") && revealed.contains("+33639980"), "{revealed}");
        let told = explain(&desk, said.id.as_str(), false).await.unwrap();
        assert!(told.now.starts_with("a dead letter"), "{told}");

        assert_eq!(deed::replay(&desk, &letters[0], &crate::author(), now).await.unwrap(), Replayed::Queued);
        assert!(alice.hears().await.contains("*3.* "));
        sandbox.has_dead_letters(0).await;
        assert_eq!((alice.credits().await, alice.charges().await, alice.generations().await), (5, (1, 1), 1));
        assert_eq!(deed::replay(&desk, &letters[0], &crate::author(), now).await.unwrap(), Replayed::Gone);
        let told = explain(&desk, said.id.as_str(), false).await.unwrap();
        assert_eq!(told.now, "ended: posts, after 1 replay(s)");
        sandbox.is_quiet().await;
        assert_eq!(alice.has_heard().len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_fails_again_is_apologised_for_again_and_refunds_nothing_twice() {
    run(&crate::GROUND, async |sandbox| {
        let (desk, now) = (desk(sandbox), Clock::system().now());
        let alice = sandbox.person(Provider::Twilio).with_credits(5).await;
        sandbox.stage.openai.fails_next(6, OpenAiFault::Overloaded503);
        alice.says(BRIEF).await;
        alice.hears().await;
        sandbox.has_dead_letters(1).await;
        let letters = dead::find(&desk, &Filter::default(), 10, now).await.unwrap();
        assert_eq!(deed::replay(&desk, &letters[0], &crate::author(), now).await.unwrap(), Replayed::Queued);
        assert!(alice.hears().await.starts_with("😕"));
        sandbox.has_dead_letters(1).await;
        assert_eq!((alice.credits().await, alice.charges().await), (5, (1, 1)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_chosen_by_reason_age_and_sender() {
    run(&crate::GROUND, async |sandbox| {
        let (desk, now) = (desk(sandbox), Clock::system().now());
        for person in [sandbox.person(Provider::Meta), sandbox.person(Provider::Twilio)] {
            let person = person.with_credits(1).await;
            sandbox.stage.openai.fails_next(3, OpenAiFault::Overloaded503);
            person.says(BRIEF).await;
            person.hears().await;
            sandbox.is_quiet().await;
        }
        let count = async |filter: Filter, now| dead::find(&desk, &filter, 10, now).await.unwrap().len();
        let all = dead::entries(&dead::find(&desk, &Filter::default(), 10, now).await.unwrap(), false);
        assert_eq!(all.len(), 2);
        assert_eq!(count(Filter { sender: all[0].sender.clone(), ..Filter::default() }, now).await, 1);
        assert_eq!(
            count(Filter { reason: Some("OVERLOADED".to_owned()), ..Filter::default() }, now).await,
            2
        );
        assert_eq!(count(Filter { reason: Some("sunshine".to_owned()), ..Filter::default() }, now).await, 0);
        let hour = chrono::TimeDelta::hours(1);
        let tomorrow = now + hour * 24;
        assert_eq!(count(Filter { since: Some(hour), ..Filter::default() }, tomorrow).await, 0);
        assert_eq!(count(Filter { before: Some(hour), ..Filter::default() }, tomorrow).await, 2);
        for letter in dead::find(&desk, &Filter::default(), 10, now).await.unwrap() {
            assert!(deed::discard(&desk, &letter, &crate::author(), now).await.unwrap());
            assert!(!deed::discard(&desk, &letter, &crate::author(), now).await.unwrap());
        }
        assert_eq!(count(Filter::default(), now).await, 0);
        // Each has a line of its own, which names nobody; so has who came too late.
        let audit = audit::since(&desk, now - hour, false).await.unwrap();
        let told = audit.to_string();
        assert_eq!(told.matches("operator:test").count(), 4, "{told}");
        for words in
            ["queue.discard", "discarded", "was no longer there", "a test", all[0].message.as_ref().unwrap()]
        {
            assert!(told.contains(words), "{words} is not in\n{told}");
        }
        assert!(!told.contains("639980"), "{told}");
        let json = serde_json::to_value(&audit).unwrap();
        assert_eq!(json.as_array().unwrap().len(), 4);
        assert!(audit::since(&desk, now + hour, true).await.unwrap().to_string().lines().count() == 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_explained_from_its_signature_to_the_phone() {
    run(&crate::GROUND, async |sandbox| {
        let desk = desk(sandbox);
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        sandbox.stage.openai.fails_next(1, OpenAiFault::Overloaded503);
        let said = alice.says(BRIEF).await;
        alice.hears().await;
        sandbox.is_quiet().await;
        let digest = format!("#{}", said.id.fingerprint());
        // By our key, as it is and as it was when it had the provider's id in it; by that, and by its digest; by our digest.
        let theirs = said.delivery.message_id.as_str();
        assert!(theirs.starts_with("wamid.") && !said.id.as_str().contains("wamid."), "{theirs}");
        let old_key = said.id.as_str().replace(said.id.provider_part(), theirs);
        for name in [said.id.as_str(), &old_key, theirs, said.id.provider_part(), digest.as_str()] {
            let told = explain(&desk, name, false).await.unwrap().to_string();
            let mut from = 0;
            for expected in [
                "signature verified",
                "start 1 ",
                "credit held",
                "start 1 ended: retry",
                "start 2 ",
                "model: intent",
                "model: prompt",
                "model: posts",
                "ended: posts",
                "part 1 handed to meta",
                "accepted by the provider",
            ] {
                let place = told[from..].find(expected);
                from += place.unwrap_or_else(|| panic!("{expected} is not in its place in\n{told}"));
            }
            for personal in ["xylophone", "639980", said.id.provider_part(), theirs] {
                assert!(!told.contains(personal), "{personal} is in\n{told}");
            }
        }
        let revealed = explain(&desk, said.id.as_str(), true).await.unwrap().to_string();
        assert!(revealed.contains(said.id.as_str()) && revealed.contains("*1.* "), "{revealed}");
        assert!(
            explain(&desk, "wamid.nobody", false).await.unwrap_err().to_string().contains("no such message")
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_nobody_has_begun_is_found_in_its_lane() {
    run_without_worker(&crate::GROUND, async |sandbox| {
        let (desk, alice) = (desk(sandbox), sandbox.person(Provider::Meta));
        alice.says("aide").await;
        let second = alice.says("solde").await;
        let told = explain(&desk, second.id.as_str(), false).await.unwrap();
        assert!(told.now.contains("behind 1 of its conversation"), "{told}");
        let old_key = second.id.as_str().replace(second.id.provider_part(), &second.delivery.message_id);
        assert_eq!(explain(&desk, &old_key, false).await.unwrap().now, told.now);
        assert!(told.sender.is_some() && told.texts.is_empty());
        assert_eq!(explain(&desk, second.id.as_str(), true).await.unwrap().texts, ["solde"]);
    })
    .await;
}
