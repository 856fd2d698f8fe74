//! Master keys: a new one takes the place of an old one, and without the right one everything waits.

use chrono::TimeDelta;
use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::PATIENCE;
use secrecy::SecretString;
use shared::audit::Author;
use shared::clock::Clock;
use shared::env::Env;
use shared::message::Provider;
use shared::queue::{Head, Queue, QueueSettings};
use shared::retention::{self, Kind, Until};
use shared::vault::{MasterKey, Vault};
use worker::operator::keys::{self, Standing};
use worker::operator::person as operators;
use worker::operator::{Desk, audit};

use super::{TEA, desk};
use crate::otp::browser::{Browser, leaves_by};
use crate::{GROUND, until};

/// A master key of its own for a test.
const OTHER: &str = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3Q=";

/// The queue, for somebody who has this master key.
fn under(master_key: &str, sandbox: &Sandbox) -> Queue {
    let vault = Vault::new(MasterKey::read(&SecretString::from(master_key)).into_iter().collect());
    let settings = QueueSettings { vault: Some(vault), ..QueueSettings::default() };
    Queue::open(&sandbox.variables["REDIS_URL"].clone().into(), settings).unwrap()
}

/// Everybody is started again, with these master keys.
async fn restarts(sandbox: &mut Sandbox, master_key: &str) {
    sandbox.variables.insert("MASTER_KEY".to_owned(), master_key.to_owned());
    sandbox.stops_workers().await;
    let door = sandbox.starts_ingest(sandbox.ingest_app()).await;
    sandbox.stage.calls(&door);
    sandbox.starts_worker();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_master_key_takes_the_place_of_an_old_one_while_people_write() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        alice.says(TEA).await;
        alice.hears().await;
        sandbox.is_quiet().await;
        let old = sandbox.variables["MASTER_KEY"].clone();
        let author = Author::operator("nora", "once a year").unwrap();
        let now = Clock::system().now();

        // First everybody learns the new one.
        restarts(sandbox, &format!("{OTHER},{old}")).await;
        let desk = desk(sandbox);
        let before = keys::show(&desk).await.unwrap();
        assert_eq!(before.masters[1].standing, Standing::Old);
        assert!(before.masters[1].keys > 0 && before.want_attention(), "{before}");
        let bob = sandbox.person(Provider::Twilio).with_credits(1).await;
        bob.says(TEA).await;
        let rotated = keys::rotate(&desk, &author, now).await.unwrap();
        assert_eq!(i64::try_from(rotated).unwrap(), before.masters[1].keys);
        bob.hears().await;
        assert_eq!(keys::rotate(&desk, &author, now).await.unwrap(), 0, "nothing is left to do");
        let after = keys::show(&desk).await.unwrap();
        assert!(!after.want_attention() && after.to_string().contains("take it out"), "{after}");
        let lines = audit::since(&desk, now, false).await.unwrap().to_string();
        assert!(lines.contains("keys.rotate") && lines.contains("nora"), "{lines}");

        // Then the old one goes, and everything can still be read.
        restarts(sandbox, OTHER).await;
        alice.says("encore").await;
        assert!(alice.hears().await.starts_with("✨"));
        let new = Desk::open(Env::from_values(sandbox.variables.clone())).unwrap();
        let account = alice.account().await;
        let export = operators::export(&new, &account, now).await.unwrap().to_string();
        assert!(export.contains("crédit"), "{export}");
        assert_eq!(keys::show(&new).await.unwrap().masters.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_spilled_under_another_master_key_stays_until_it_can_be_read() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let mut away = sandbox.variables.clone();
        away.insert("REDIS_URL".to_owned(), "redis://127.0.0.1:1/0".to_owned());
        let config = ingest::config::Config::from_env(Env::from_values(away)).unwrap();
        let door = sandbox.starts_ingest(ingest::App::new(&config, sandbox.clock.clone()).unwrap()).await;
        sandbox.stage.calls(&door);
        alice.says(TEA).await;
        until("the spill", async || shared::spill::depth(&sandbox.pool).await.unwrap() == 1).await;
        let queue = under(OTHER, sandbox);
        let other = queue.vault().unwrap();
        let passed = worker::relay::pass(&sandbox.pool, &queue, &sandbox.clock).await;
        assert!(passed.unwrap_err().to_string().contains("MASTER_KEY"));
        let now = sandbox.clock.now() + TimeDelta::days(40);
        let gone = async |vault: &Vault| {
            let periods = retention::Periods::default();
            let until = Until { before: now - periods.of(Kind::Spill), failed_before: now };
            retention::batch(&sandbox.pool, vault, Kind::Spill, until, 10, now).await.unwrap().gone
        };
        assert_eq!(gone(other).await, 0);
        assert_eq!(shared::spill::depth(&sandbox.pool).await.unwrap(), 1);
        sandbox.stage.calls(&sandbox.ingest);
        sandbox.starts_worker();
        assert!(alice.hears().await.starts_with("✨"));
        assert_eq!(shared::spill::depth(&sandbox.pool).await.unwrap(), 0);
    })
    .await;
}

/// Where a code goes is sealed under the master's own key: until it has left, the master is needed for more than its job.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_has_not_left_hangs_on_its_master() {
    run_without_worker(&GROUND, async |sandbox| {
        leaves_by(sandbox, Provider::Meta);
        let alice = sandbox.person(Provider::Meta);
        let (desk, browser) = (desk(sandbox), Browser::new(sandbox));
        let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", "code.stored")]);
        let told = async {
            doomed.ended(PATIENCE).await.unwrap();
            let before = keys::show(&desk).await.unwrap();
            sandbox.starts_worker();
            alice.hears_code().await;
            before
        };
        let (_, before) = tokio::join!(browser.asks(alice.number()), told);
        assert_eq!(before.masters[0].waiting, 2, "{before}");
        sandbox.is_quiet().await;
        assert_eq!(keys::show(&desk).await.unwrap().masters[0].waiting, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_master_key_nothing_is_lost_and_nobody_is_charged() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        alice.says(TEA).await;
        alice.hears().await;
        sandbox.is_quiet().await;
        let right = sandbox.variables.insert("MASTER_KEY".to_owned(), OTHER.to_owned()).unwrap();
        sandbox.stops_workers().await;
        sandbox.starts_worker();
        // Sealed under the right one, so that nobody can read the message itself.
        let said = alice.says(TEA).await;
        let waits = async || match sandbox.queue.search(&said.id).await.unwrap() {
            Some(place) => matches!(place.head, Head::Delayed(_)),
            None => panic!("it is gone"),
        };
        until("somebody cannot read the message", waits).await;
        // Sealed under the wrong one, so that what is in the books cannot be opened: as for a dependency that is away, no start
        // is used up. Who has never written waits as well, since by what people are found cannot be opened either.
        let door = sandbox.starts_ingest(sandbox.ingest_app()).await;
        sandbox.stage.calls(&door);
        let bob = sandbox.person(Provider::Twilio);
        let asked = bob.says("aide").await;
        let queue = under(OTHER, sandbox);
        let waits = async || match queue.search(&asked.id).await.unwrap() {
            Some(place) => matches!(place.head, Head::Delayed(_)),
            None => panic!("it is gone"),
        };
        until("nobody can be found", waits).await;
        let accounts: i64 =
            sqlx::query_scalar(r#"select count(*) from "User""#).fetch_one(&sandbox.pool).await.unwrap();
        assert_eq!((accounts, bob.has_heard()), (1, Vec::new()));
        assert_eq!(sandbox.queue.figures().await.unwrap().dead, 0);
        sandbox.variables.insert("MASTER_KEY".to_owned(), format!("{right},{OTHER}"));
        sandbox.stops_workers().await;
        sandbox.starts_worker();
        alice.hears().await;
        bob.hears().await;
        assert_eq!(alice.credits().await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_cannot_be_opened_uses_up_no_start() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        alice.says("aide").await;
        alice.hears().await;
        sandbox.is_quiet().await;
        // Somebody has restored keys of another master.
        let (master, wrapped): (String, Vec<u8>) = sqlx::query_as(
            "update wa.data_key k set master = 'nobodys0' from wa.data_key o where o.id = k.id and k.user_id is not null
                            returning o.master, o.wrapped",
        )
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
        let said = alice.says(TEA).await;
        let waits = async || match sandbox.queue.search(&said.id).await.unwrap() {
            Some(place) => matches!(place.head, Head::Delayed(_)),
            None => panic!("it is gone"),
        };
        until("somebody waits for the master key", waits).await;
        sqlx::query("update wa.data_key set master = $1, wrapped = $2 where user_id is not null")
            .bind(master)
            .bind(wrapped)
            .execute(&sandbox.pool)
            .await
            .unwrap();
        assert!(alice.hears().await.starts_with("✨"));
        assert_eq!((alice.charges().await, sandbox.queue.figures().await.unwrap().dead), ((1, 0), 0));
    })
    .await;
}

#[test]
fn a_vault_needs_a_key() {
    assert!(MasterKey::read(&SecretString::from(OTHER)).is_some());
    assert_eq!(Vault::new(Vec::new()).current(), "");
}
