//! One person with two accounts, once a message shows it: the two become one, with all that was in them.

use chrono::TimeDelta;
use futures_util::future::join_all;
use sandbox::conversation::run;
use sandbox::person::Person;
use shared::message::{Address, Provider, Sender};
use shared::person::{self, Change};
use shared::phone::E164;

use super::{NOTHING, THREE, accounts, alice, announce, balance};
use crate::GROUND;

const NUMBER: &str = "+33639980555";
const ID: &str = "FR.13491208655302741918";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hides_the_number_and_then_shows_it_is_one_person() {
    run(&GROUND, async |sandbox| {
        let hidden = sandbox.stage.meta.hidden_person(ID, "camille.d", "Camille");
        assert_eq!(balance(&hidden).await, NOTHING);
        let twilio = Person::new(&sandbox.stage, &sandbox.pool, Provider::Twilio, NUMBER, "Camille");
        let twilio = twilio.with_credits(4).await;
        twilio.says("Un post sur le pain").await;
        assert!(twilio.hears().await.contains("Il vous reste 3 crédits"));
        assert_eq!(accounts(sandbox).await, 2);
        hidden.shows_number(NUMBER);
        assert_eq!((balance(&hidden).await, accounts(sandbox).await), (THREE.to_owned(), 1));
        hidden.hides_number();
        assert_eq!(balance(&hidden).await, THREE);
        // The posts came along.
        let before = hidden.heard().len();
        hidden.text("historique").await;
        let history = hidden.hears(before + 1, sandbox::person::PATIENCE).await.unwrap().swap_remove(before);
        assert!(history.text.contains("Un post sur le pain"), "{}", history.text);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_for_silence_is_kept_when_two_accounts_become_one() {
    run(&GROUND, async |sandbox| {
        // The account that says stop is the one that joins the other: it is the younger one.
        let older = Person::new(&sandbox.stage, &sandbox.pool, Provider::Twilio, NUMBER, "Camille");
        let older = older.with_credits(3).await;
        // A wish of its own is there already.
        older.says("langue fr").await;
        older.hears().await;
        let hidden = sandbox.stage.meta.hidden_person(ID, "camille.d", "Camille");
        hidden.text("stop").await;
        hidden.hears(1, sandbox::person::PATIENCE).await.unwrap();
        hidden.shows_number(NUMBER);
        assert_eq!(balance(&hidden).await, THREE);
        older.says("Un post sur le pain").await;
        let heard = older.hears().await;
        assert!(!heard.contains("Voici vos trois posts"), "{heard}");
        assert_eq!((older.credits().await, accounts(sandbox).await), (3, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_of_the_web_app_is_the_one_that_remains_and_two_of_them_stay_two() {
    run(&GROUND, async |sandbox| {
        let web = async |id: &str, email: &str, phone: Option<&str>, wa: Option<&str>| {
            sqlx::query(
                r#"insert into "User" ("id", "email", "credits", "waPhoneE164", "waUserId", "waLinkedAt", "updatedAt")
                   values ($1, $2, 0, $3, $4, now(), now())"#,
            )
            .bind(id)
            .bind(email)
            .bind(phone)
            .bind(wa)
            .execute(&sandbox.pool)
            .await
            .unwrap();
        };
        let hidden = sandbox.stage.meta.hidden_person(ID, "camille.d", "Camille");
        balance(&hidden).await;
        web("web", "camille@example.com", Some(NUMBER), None).await;
        hidden.shows_number(NUMBER);
        balance(&hidden).await;
        let joined: Vec<String> =
            sqlx::query_scalar("select into_user from wa.merged_account").fetch_all(&sandbox.pool).await.unwrap();
        assert_eq!(joined, ["web"]);
        // Two addresses: the id wins, and nothing moves.
        web("one", "alix@example.com", None, Some("FR.998")).await;
        web("two", "alex@example.com", Some("+33639980556"), None).await;
        let other = sandbox.stage.meta.hidden_person("FR.998", "alix", "Alix");
        other.shows_number("+33639980556");
        balance(&other).await;
        balance(&other).await;
        let whose: Vec<Option<String>> =
            sqlx::query_scalar("select distinct user_id from wa.receipt order by 1").fetch_all(&sandbox.pool).await.unwrap();
        assert!(whose.contains(&Some("one".to_owned())) && !whose.contains(&Some("two".to_owned())), "{whose:?}");
        let linked: Option<String> = sqlx::query_scalar(r#"select "waPhoneE164" from "User" where "id" = 'two'"#)
            .fetch_one(&sandbox.pool)
            .await
            .unwrap();
        assert_eq!(linked.as_deref(), Some("+33639980556"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_about_one_person_at_once_ends_in_one_account_without_an_error() {
    run(&GROUND, async |sandbox| {
        sandbox.starts_worker();
        let people = join_all((0..6).map(async |number| {
            let digits = format!("+3363998060{number}");
            let twilio = Person::new(&sandbox.stage, &sandbox.pool, Provider::Twilio, &digits, "Camille");
            let twilio = twilio.with_credits(3).await;
            let hidden = sandbox.stage.meta.hidden_person(
                &format!("FR.77{number}"),
                &format!("camille{number}"),
                "Camille",
            );
            balance(&hidden).await;
            (twilio, hidden, digits)
        }))
        .await;
        join_all(people.iter().map(async |(twilio, hidden, digits)| {
            hidden.shows_number(digits);
            tokio::join!(
                hidden.text("solde"),
                twilio.says("solde"),
                hidden.text("aide"),
                twilio.says("aide")
            );
        }))
        .await;
        sandbox.is_quiet().await;
        assert_eq!(accounts(sandbox).await, 6);
        for (twilio, hidden, _) in &people {
            assert_eq!(balance(hidden).await, THREE);
            let phone = twilio.twilio();
            assert_eq!(phone.heard().len(), 2);
        }
        let again: i64 =
            sqlx::query_scalar("select count(*) from wa.attempt where number > 1 or verdict is not null")
                .fetch_one(&sandbox.pool)
                .await
                .unwrap();
        assert_eq!(again, 0, "those who meet at one person wait for each other, and none fails");
    })
    .await;
}

/// The account that remains is the one under the new number, which was opened first. The names of the other one are its own
/// from then on: also the number that its person has left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_names_of_an_account_that_joins_another_move_with_it() {
    run(&GROUND, async |sandbox| {
        let early = Person::new(&sandbox.stage, &sandbox.pool, Provider::Twilio, "+33639980777", "Alice");
        early.says("solde").await;
        assert_eq!(early.hears().await, NOTHING);
        let (alice, phone) = alice(sandbox).await;
        let (moved, announcement) = phone.changes_number("+33639980777");
        announce(sandbox, &announcement).await;
        assert_eq!((balance(&moved).await, accounts(sandbox).await), (THREE.to_owned(), 1));
        let stranger = Person::new(&sandbox.stage, &sandbox.pool, Provider::Twilio, alice.number(), "Alix");
        stranger.says("solde").await;
        assert_eq!(stranger.hears().await, NOTHING);
    })
    .await;
}

/// Somebody was still signed in to the account that has joined another one, and linked the number to it once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_an_account_that_is_gone_counts_for_the_one_that_it_joined() {
    run(&GROUND, async |sandbox| {
        let (alice, _) = alice(sandbox).await;
        let from = alice.account().await;
        let into = sandbox.person(Provider::Twilio).with_credits(1).await.account().await;
        let mut db = sandbox.pool.acquire().await.unwrap();
        let _merged = shared::ledger::merge(&mut db, &from, &into, sandbox.clock.now()).await.unwrap();
        sqlx::query("update wa.identity set user_id = $2 where user_id = $1")
            .bind(from.as_str())
            .bind(into.as_str())
            .execute(&mut *db)
            .await
            .unwrap();
        sqlx::query(r#"update "User" set "waLinkedAt" = now() at time zone 'UTC' + interval '1 second' where "id" = $1"#)
            .bind(from.as_str())
            .execute(&mut *db)
            .await
            .unwrap();
        sandbox.advances(std::time::Duration::from_mins(1));
        alice.says("solde").await;
        alice.hears().await;
        assert_eq!(alice.hears().await, "💳 Il vous reste 4 crédits.");
    })
    .await;
}

/// Her new id was announced long after she had written with it: the number had passed to an account of its own meanwhile.
/// What Twilio had shown beside it before still tells who inherits it from somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stood_beside_a_number_stands_there_again_when_its_two_accounts_become_one() {
    run(&GROUND, async |sandbox| {
        let phone: E164 = NUMBER.parse().unwrap();
        let shows = |provider: Provider, id: &str| Sender {
            address: match provider {
                Provider::Meta => Address::Phone(phone.clone()),
                Provider::Twilio => Address::Channel(format!("whatsapp:{NUMBER}")),
            },
            phone: Some(phone.clone()),
            bsuid: Some(id.to_owned()),
        };
        let mut db = sandbox.pool.acquire().await.unwrap();
        let began = sandbox.clock.now();
        let day = |days| began + TimeDelta::days(days);
        let mut writes = async |sender: Sender, at| {
            let person = person::resolve(&mut db, &sandbox::stage::vault(), &sender, at, at).await.unwrap();
            (person.id, at)
        };
        let (alice, _) = writes(shows(Provider::Meta, "FR.1"), day(0)).await;
        assert_eq!(writes(shows(Provider::Twilio, "TW.1"), day(1)).await.0, alice);
        let (renewed, written) = writes(shows(Provider::Meta, "FR.2"), day(2)).await;
        assert_ne!(renewed, alice);
        let changed = written - TimeDelta::hours(1);
        let change = Change {
            previous_bsuid: Some("FR.1".to_owned()),
            previous_phone: Some(phone.clone()),
            bsuid: Some("FR.2".to_owned()),
            phone: Some(phone.clone()),
        };
        let mut announced = sandbox.pool.acquire().await.unwrap();
        assert_eq!(
            person::changed(&mut announced, &sandbox::stage::vault(), &change, changed, day(30))
                .await
                .unwrap(),
            alice
        );
        assert_eq!(accounts(sandbox).await, 1);
        let (heir, _) = writes(shows(Provider::Twilio, "TW.2"), day(90)).await;
        assert_ne!(heir, alice);
    })
    .await;
}

/// Her id changed twice, and the second change was announced first. Who was not told to have another number has not left hers;
/// who was has left it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_announced_after_the_next_one_takes_a_number_only_where_there_is_another() {
    for other in [None, Some("+33639980777")] {
        run(&GROUND, async |sandbox| {
            let began = sandbox.clock.now();
            let day = |days| began + TimeDelta::days(days);
            let phone = |number: &str| number.parse::<E164>().unwrap();
            let by_number = || Sender {
                address: Address::Channel(format!("whatsapp:{NUMBER}")),
                phone: Some(phone(NUMBER)),
                bsuid: None,
            };
            let by_id = |id: &str| Sender {
                address: Address::Bsuid(id.to_owned()),
                phone: None,
                bsuid: Some(id.to_owned()),
            };
            let mut db = sandbox.pool.acquire().await.unwrap();
            person::resolve(&mut db, &sandbox::stage::vault(), &by_number(), day(0), day(0)).await.unwrap();
            person::resolve(&mut db, &sandbox::stage::vault(), &by_id("FR.1"), day(1), day(1)).await.unwrap();
            let change = |from: &str, to: &str, before: Option<&str>, after: Option<&str>| Change {
                previous_bsuid: Some(from.to_owned()),
                previous_phone: before.map(phone),
                bsuid: Some(to.to_owned()),
                phone: after.map(phone),
            };
            let second = change("FR.2", "FR.3", other.map(|_| NUMBER), other);
            person::changed(&mut db, &sandbox::stage::vault(), &second, day(51), day(51)).await.unwrap();
            let first = change("FR.1", "FR.2", Some(NUMBER), Some(NUMBER));
            person::changed(&mut db, &sandbox::stage::vault(), &first, day(50), day(90)).await.unwrap();
            let alice = person::resolve(&mut db, &sandbox::stage::vault(), &by_id("FR.3"), day(91), day(91))
                .await
                .unwrap();
            assert_eq!(accounts(sandbox).await, 1);
            let writes = person::resolve(&mut db, &sandbox::stage::vault(), &by_number(), day(92), day(92))
                .await
                .unwrap();
            assert_eq!(writes.id == alice.id, other.is_none(), "{other:?}");
        })
        .await;
    }
}
