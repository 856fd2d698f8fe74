//! An erasure whose worker dies: the next one goes on where it stands.

use chrono::TimeDelta;
use sandbox::conversation::run_without_worker;
use sandbox::person::PATIENCE;
use sandbox::stage::vault;
use shared::erasure::{self as wishes, AskedBy};
use shared::fault::ERASURE_POINTS;
use shared::job::Job;
use shared::message::{Address, Content, Inbound, Provider, Sender};
use sqlx::types::Json;
use worker::operator::keys;

use super::{desk, is_forgotten, known, nothing_is_left};
use crate::GROUND;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_dies_over_it_is_followed_by_another() {
    for point in ERASURE_POINTS {
        run_without_worker(&GROUND, async |sandbox| {
            let alice = sandbox.person(Provider::Meta).with_credits(3).await;
            sandbox.starts_worker();
            alice.says("Crée un post promo pour mes brioches au beurre").await;
            alice.hears().await;
            sandbox.is_quiet().await;
            sandbox.stops_workers().await;
            // One more waits, and one has died.
            alice.says("Un post pour mes brioches au sucre").await;
            let hers = alice.account().await;
            let known = known(sandbox, &hers).await;
            let mut db = sandbox.pool.acquire().await.unwrap();
            let receipt = wishes::ask(&mut db, &hers, AskedBy::Portal, sandbox.clock.now()).await.unwrap();
            drop(db);
            sandbox.stage.openai.hold();
            let dies = [("POSTLY_FAULT", *point), ("POSTLY_HURRY", "on")];
            let mut doomed = sandbox.worker_process(&dies);
            doomed.ended(PATIENCE).await.unwrap();
            let open = wishes::find(&sandbox.pool, &receipt).await.unwrap().expect("it is not over");
            assert_eq!(open.has_left_the_books(), *point == "erasure.forgot", "{point}");
            sandbox.stage.openai.release();
            sandbox.starts_worker();
            is_forgotten(sandbox, &hers).await;
            nothing_is_left(sandbox, &known).await;
            let kept: Option<serde_json::Value> =
                sqlx::query_scalar("select reach from wa.erasure").fetch_one(&sandbox.pool).await.unwrap();
            assert_eq!(kept, None, "nor by what she was looked for");
            assert_eq!(alice.has_heard().len(), 1, "nothing of hers was answered any more");
        })
        .await;
    }
}

/// For the seconds in which the queue is searched the books say by what: sealed, and as an older worker left it, it is read all
/// the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_what_they_are_looked_for_can_be_read_by_nobody_else() {
    for older in [false, true] {
        run_without_worker(&GROUND, async |sandbox| {
            let alice = sandbox.person(Provider::Meta).with_credits(3).await;
            sandbox.starts_worker();
            alice.says("aide").await;
            alice.hears().await;
            sandbox.is_quiet().await;
            sandbox.stops_workers().await;
            let hers = alice.account().await;
            let asked_at = sandbox.clock.now();
            let mut db = sandbox.pool.acquire().await.unwrap();
            let receipt = wishes::ask(&mut db, &hers, AskedBy::Portal, asked_at).await.unwrap();
            drop(db);
            let dies = [("POSTLY_FAULT", "erasure.forgot"), ("POSTLY_HURRY", "on")];
            sandbox.worker_process(&dies).ended(PATIENCE).await.unwrap();

            let open = wishes::find(&sandbox.pool, &receipt).await.unwrap().expect("it is not over");
            let reach = open.reach(&vault()).unwrap().expect("the queue is left");
            let digits = alice.number().trim_start_matches('+');
            assert!(serde_json::to_string(&reach).unwrap().contains(digits));
            let kept: String = sqlx::query_scalar("select reach::text from wa.erasure")
                .fetch_one(&sandbox.pool)
                .await
                .unwrap();
            assert!(!kept.contains(&digits[3..]), "{kept}");
            if older {
                sqlx::query("update wa.erasure set reach = $1")
                    .bind(Json(&reach))
                    .execute(&sandbox.pool)
                    .await
                    .unwrap();
            }
            // Whoever takes a master key away has to wait for this.
            let masters = keys::show(&desk(sandbox)).await.unwrap();
            assert_eq!(masters.masters[0].waiting, i64::from(!older), "{masters}");
            // What somebody was bringing into the queue meanwhile, and nobody is to handle first.
            sandbox.queue.pause().await.unwrap();
            let phone: shared::phone::E164 = alice.number().parse().unwrap();
            let late = Inbound {
                id: alice.key("late"),
                provider: Provider::Meta,
                business: sandbox.stage.meta.options().phone_number_id.clone(),
                sender: Sender { address: Address::Phone(phone.clone()), phone: Some(phone), bsuid: None },
                sent_at: asked_at,
                content: Content::Text("solde".to_owned()),
                provider_id: None,
                lane: None,
            };
            let late = Job::message(late, asked_at - TimeDelta::seconds(1));
            sandbox.queue.enqueue(&[late]).await.unwrap();
            sandbox.starts_worker();
            is_forgotten(sandbox, &hers).await;
            sandbox.queue.resume().await.unwrap();
            assert_eq!(alice.has_heard().len(), 1);
        })
        .await;
    }
}
