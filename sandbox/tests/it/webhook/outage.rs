//! Redis away, Postgres away, both away, or the queue full: what was acknowledged is answered, once.
//!
//! These tests take servers away, so they have servers of their own, and take turns.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use ingest::intake::Intake;
use sandbox::conversation::{Ground, Sandbox, run, run_without_worker};
use sandbox::port::free_address;
use sandbox::servers::Servers;
use shared::message::Provider;
use shared::queue::{Queue, QueueSettings};
use shared::spill;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::{ask, is_acknowledged, raw};
use crate::{GROUND, until};

static AWAY: LazyLock<Ground> =
    LazyLock::new(|| Ground::private(PathBuf::from(env!("CARGO_BIN_EXE_sandbox"))));
static TURN: Mutex<()> = Mutex::const_new(());

/// The longest that an answer may take while Redis, or both, are away.
const BOUNDED: Duration = Duration::from_secs(1);

const BRIEF: &str = "Crée un post promo pour Instagram";

async fn in_turn(test: impl AsyncFnOnce(&mut Sandbox, &Servers)) {
    let _turn = TURN.lock().await;
    let servers = AWAY.servers().await;
    // A test that failed may have left them away; those that run refuse to start again.
    let _ = (servers.thaw_redis().await, servers.start_redis().await, servers.start_postgres().await);
    run(&AWAY, async |sandbox| test(sandbox, servers).await).await;
}

/// Waits until both are reached again by this test as well.
async fn both_are_back(sandbox: &Sandbox) {
    until("Redis", async || sandbox.queue.ping().await.is_ok()).await;
    until("Postgres", async || spill::depth(&sandbox.pool).await.is_ok()).await;
}

async fn a_webhook_without_redis_is_kept_and_answered_once(
    sandbox: &Sandbox,
    servers: &Servers,
    provider: Provider,
    frozen: bool,
) {
    let alice = sandbox.person(provider).with_credits(5).await;
    if frozen {
        servers.freeze_redis().await.unwrap();
    } else {
        servers.kill_redis().await.unwrap();
    }
    let said = alice.says(BRIEF).await;
    assert!(is_acknowledged(provider, &said.delivery), "{:?}", said.delivery);
    assert!(said.delivery.elapsed < BOUNDED, "{:?}", said.delivery);
    for again in alice.redeliver(&said, 5, true).await {
        assert!(is_acknowledged(provider, &again) && again.elapsed < BOUNDED, "{again:?}");
    }
    assert_eq!(spill::depth(&sandbox.pool).await.unwrap(), 1);
    if frozen {
        servers.thaw_redis().await.unwrap();
    } else {
        servers.start_redis().await.unwrap();
    }

    assert!(alice.hears().await.contains("💳 Il vous reste 4 crédits."));
    both_are_back(sandbox).await;
    for again in alice.redeliver(&said, 5, true).await {
        assert!(is_acknowledged(provider, &again), "{again:?}");
    }
    // The last of these may have been spilled too, while the door still shunned Redis.
    until("the relay", async || spill::depth(&sandbox.pool).await.unwrap() == 0).await;
    sandbox.is_quiet().await;
    assert_eq!((alice.has_heard().len(), alice.charges().await), (1, (1, 0)));
    assert_eq!(alice.generations().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_redis_costs_nobody_an_answer() {
    in_turn(async |sandbox, servers| {
        a_webhook_without_redis_is_kept_and_answered_once(sandbox, servers, Provider::Meta, false).await;
        a_webhook_without_redis_is_kept_and_answered_once(sandbox, servers, Provider::Twilio, false).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_stands_still_costs_nobody_an_answer() {
    in_turn(async |sandbox, servers| {
        a_webhook_without_redis_is_kept_and_answered_once(sandbox, servers, Provider::Meta, true).await;
        a_webhook_without_redis_is_kept_and_answered_once(sandbox, servers, Provider::Twilio, true).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_neither_the_door_opens_and_asks_the_provider_to_come_again() {
    in_turn(async |sandbox, servers| {
        let people = [sandbox.person(Provider::Meta), sandbox.person(Provider::Twilio)];
        let [alice, bob] = people;
        let (alice, bob) = (alice.with_credits(2).await, bob.with_credits(2).await);
        servers.kill_redis().await.unwrap();
        servers.kill_postgres().await.unwrap();

        // Started only now, as after the loss of a whole machine.
        let address = free_address().unwrap();
        let mut door = sandbox.ingest_process(&[("INGEST_ADDR", &address), ("MIGRATE", "on")]);
        let url = format!("http://{address}");
        until("the door", async || TcpStream::connect(&address).await.is_ok()).await;
        assert_eq!(raw(door.admin_url(), &ask("GET", "/healthz")).await.0, 200);
        assert_eq!(raw(door.admin_url(), &ask("GET", "/readyz")).await.0, 503);
        sandbox.stage.calls(&url);
        let (asked, bobs) = (alice.says(BRIEF).await, bob.says(BRIEF).await);
        for delivery in [&asked.delivery, &bobs.delivery] {
            assert_eq!((delivery.status, delivery.body.as_str()), (Some(503), ""), "{delivery:?}");
            assert!(delivery.elapsed < BOUNDED, "{delivery:?}");
        }

        servers.start_postgres().await.unwrap();
        servers.start_redis().await.unwrap();
        door.ready(Duration::from_secs(20)).await.unwrap();
        both_are_back(sandbox).await;
        for (person, said) in [(&alice, &asked), (&bob, &bobs)] {
            for again in person.redeliver(said, 3, true).await {
                assert_eq!(again.status, Some(200), "{again:?}");
            }
            assert!(person.hears().await.contains("💳 Il vous reste 1 crédit."));
        }
        sandbox.is_quiet().await;
        assert_eq!((alice.has_heard().len(), bob.has_heard().len()), (1, 1));
        sandbox.stage.calls(&sandbox.ingest);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_full_queue_refuses_is_spilled_and_answered_once() {
    run_without_worker(&GROUND, async |sandbox| {
        let (alice, bob) = (sandbox.person(Provider::Meta), sandbox.person(Provider::Twilio));
        let (alice, bob) = (alice.with_credits(3).await, bob.with_credits(3).await);
        let narrow = QueueSettings { at_most: 1, ..QueueSettings::default() };
        let mut app = sandbox.ingest_app();
        let queue = Queue::open(&sandbox.variables["REDIS_URL"].clone().into(), narrow).unwrap();
        app.intake = Intake::new(queue, sandbox.pool.clone(), sandbox.clock.clone());
        let door = sandbox.starts_ingest(app).await;
        sandbox.stage.calls(&door);
        let mut said = Vec::new();
        for person in [&alice, &bob] {
            let brief = person.says(BRIEF).await;
            assert_eq!(brief.delivery.status, Some(200));
            said.push(brief);
        }
        assert_eq!(sandbox.queue.figures().await.unwrap().ready, 1);
        assert_eq!(spill::depth(&sandbox.pool).await.unwrap(), 1);
        bob.redeliver(&said[1], 3, false).await;

        sandbox.stage.calls(&sandbox.ingest);
        sandbox.starts_worker();
        for person in [&alice, &bob] {
            assert!(person.hears().await.contains("💳 Il ne vous reste que 2 crédits."));
        }
        bob.redeliver(&said[1], 3, false).await;
        sandbox.is_quiet().await;
        assert_eq!((alice.has_heard().len(), bob.has_heard().len()), (1, 1));
    })
    .await;
}

/// One door could not reach Redis (here: finds it full), another could: the conversation keeps its order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_spilled_is_answered_before_what_came_later_through_redis() {
    run_without_worker(&GROUND, async |sandbox| {
        let (alice, bob) = (sandbox.person(Provider::Meta), sandbox.person(Provider::Twilio));
        let alice = alice.with_credits(3).await;
        let mut app = sandbox.ingest_app();
        let vault = Some(sandbox::stage::vault());
        let none = QueueSettings { at_most: 0, vault, ..QueueSettings::default() };
        let queue = Queue::open(&sandbox.variables["REDIS_URL"].clone().into(), none).unwrap();
        app.intake = Intake::new(queue, sandbox.pool.clone(), sandbox.clock.clone());
        let full = sandbox.starts_ingest(app).await;

        sandbox.stage.calls(&full);
        alice.says("solde").await;
        sandbox.stage.calls(&sandbox.ingest);
        let later = alice.says("aide").await;
        bob.says("aide").await;
        assert_eq!(
            (spill::depth(&sandbox.pool).await.unwrap(), sandbox.queue.figures().await.unwrap().ready),
            (1, 2)
        );
        sandbox.starts_worker();
        assert!(alice.hears().await.contains("3 crédits"));
        assert!(alice.hears().await.contains("Postly"));
        sandbox.is_quiet().await;
        let runs: i32 = sqlx::query_scalar("select runs from wa.attempt where message_id = $1")
            .bind(later.id.as_str())
            .fetch_one(&sandbox.pool)
            .await
            .unwrap();
        assert_eq!(runs, 1, "the later one had not begun");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_without_postgres_is_told_again_and_without_redis_is_booked_at_once() {
    in_turn(async |sandbox, servers| {
        let stripe = sandbox.stage.stripe.clone();
        let alice = sandbox.person(Provider::Meta).with_credits(0).await;
        for _ in 0..2 {
            alice.says("acheter 20").await;
            alice.hears().await;
        }
        let pages = stripe.sessions();
        // A send that is not written down yet would rightly be made again.
        sandbox.is_quiet().await;
        servers.kill_postgres().await.unwrap();
        stripe.insists(1, Duration::ZERO);
        let told = stripe.pays(&pages[0].id).await;
        let refused = told.iter().filter(|delivery| delivery.status == Some(503)).count();
        assert_eq!(refused, 1, "only what needs the books waits for them: {told:?}");
        servers.start_postgres().await.unwrap();
        both_are_back(sandbox).await;
        let event = &stripe.event_ids_of("checkout.session.completed")[0];
        until("the door to reach Postgres again", async || {
            stripe.redeliver(event, 1, false).await[0].status == Some(200)
        })
        .await;
        let thanks = alice.hears().await;
        assert!(thanks.contains("Votre solde : 20 crédits"), "{thanks}");
        sandbox.is_quiet().await;
        // Its books are in Postgres; only the word about it waits for Redis.
        servers.kill_redis().await.unwrap();
        let told = stripe.pays(&pages[1].id).await;
        assert!(told.iter().all(|delivery| delivery.status == Some(200)), "{told:?}");
        assert_eq!(alice.credits().await, 40);
        servers.start_redis().await.unwrap();
        both_are_back(sandbox).await;
        let thanks = alice.hears().await;
        assert!(thanks.contains("Votre solde : 40 crédits"), "{thanks}");
    })
    .await;
}
