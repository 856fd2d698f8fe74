//! An erasure whose worker dies: the next one goes on where it stands.

use sandbox::conversation::run_without_worker;
use sandbox::person::PATIENCE;
use shared::erasure::{self as wishes, AskedBy};
use shared::fault::ERASURE_POINTS;
use shared::message::Provider;

use super::{is_forgotten, known, nothing_is_left};
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
            assert_eq!(open.reach().is_some(), *point == "erasure.forgot", "{point}");
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
