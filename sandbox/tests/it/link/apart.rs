//! Two accounts after they were separated: each keeps what was its own before they met, and neither is entered by what the
//! other's person does there.

use chrono::{DateTime, TimeDelta, Utc};
use sandbox::conversation::{Sandbox, run_without_worker};
use shared::message::{Address, Provider, Sender};
use shared::person::{self, Linked, Unmerged, UserId};
use shared::phone::E164;
use shared::signin::{self, Asked, Beginning, Secret, Standing};
use sqlx::PgPool;

use super::{column, enter, link, unmerge, web, writes};
use crate::GROUND;
use crate::session::{begins, reads, told};

const ID: &str = "FR.13491208655302741918";
const NUMBER: &str = "+33639980001";
const SECOND: &str = "+33639980002";

/// A message that shows this id, this number, or both.
async fn shows(
    pool: &PgPool,
    provider: Provider,
    (id, number): (Option<&str>, Option<&str>),
    now: DateTime<Utc>,
) -> UserId {
    let phone: Option<E164> = number.map(|number| number.parse().unwrap());
    let address = match (provider, &phone) {
        (Provider::Meta, Some(phone)) => Address::Phone(phone.clone()),
        (Provider::Meta, None) => Address::Bsuid(id.unwrap().to_owned()),
        (Provider::Twilio, _) => Address::Channel(format!("whatsapp:{}", number.unwrap())),
    };
    let sender = Sender { address, phone, bsuid: id.map(str::to_owned) };
    let mut tx = pool.begin().await.unwrap();
    let user = person::resolve(&mut tx, &sandbox::stage::vault(), &sender, now, now).await.unwrap().id;
    tx.commit().await.unwrap();
    user
}

/// Separates an account from the one that it has joined. Says how many names went back.
async fn parts(pool: &PgPool, account: &UserId, now: DateTime<Utc>) -> usize {
    let done = unmerge(pool, account, now).await;
    let Unmerged::Apart(apart) = done else { panic!("{done:?}") };
    apart.names
}

/// A second, since moments in the books are compared.
const LATER: TimeDelta = TimeDelta::seconds(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_the_other_account_had_proved_stays_there() {
    for proved_here in [true, false] {
        run_without_worker(&GROUND, async |sandbox| {
            let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
            let mine = web(&pool, "web").await;
            if proved_here {
                assert_eq!(link(&pool, &mine, NUMBER, now).await, Linked::Linked { merged: None });
            } else {
                writes(&pool, &mine, NUMBER).await;
            }
            let hidden = shows(&pool, Provider::Meta, (Some(ID), None), now + LATER).await;
            assert_ne!(hidden, mine);
            let both = (Some(ID), Some(NUMBER));
            assert_eq!(shows(&pool, Provider::Meta, both, now + LATER * 2).await, mine);
            assert_eq!(parts(&pool, &hidden, now + LATER * 3).await, 1, "the id alone");
            assert_eq!(column(&pool, &mine).await.as_deref(), Some(NUMBER));
            assert_eq!(column(&pool, &hidden).await, None);
            assert_eq!(shows(&pool, Provider::Meta, (Some(ID), None), now + LATER * 4).await, hidden);
            assert_eq!(enter(&pool, NUMBER, now + LATER * 5).await.user, mine);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_the_other_account_had_stays_there() {
    run_without_worker(&GROUND, async |sandbox| {
        let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
        let older = shows(&pool, Provider::Meta, (Some(ID), None), now).await;
        let younger = shows(&pool, Provider::Twilio, (None, Some(NUMBER)), now + LATER).await;
        let both = (Some(ID), Some(NUMBER));
        assert_eq!(shows(&pool, Provider::Meta, both, now + LATER * 2).await, older);
        assert_eq!(parts(&pool, &younger, now + LATER * 3).await, 1, "the number alone");
        assert_eq!(shows(&pool, Provider::Meta, (Some(ID), None), now + LATER * 4).await, older);
        assert_eq!(shows(&pool, Provider::Twilio, (None, Some(NUMBER)), now + LATER * 4).await, younger);
    })
    .await;
}

/// What only came to light after the join is the person's whose name it stands beside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_learned_beside_a_name_since_goes_with_it() {
    run_without_worker(&GROUND, async |sandbox| {
        let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
        let hers = enter(&pool, NUMBER, now).await.user;
        let mine = web(&pool, "web").await;
        assert!(matches!(link(&pool, &mine, NUMBER, now).await, Linked::Linked { merged: Some(_) }));
        let both = (Some(ID), Some(NUMBER));
        assert_eq!(shows(&pool, Provider::Meta, both, now + LATER).await, mine);
        assert_eq!(parts(&pool, &hers, now + LATER * 2).await, 2);
        assert_eq!(shows(&pool, Provider::Meta, (Some(ID), None), now + LATER * 3).await, hers);
        assert_eq!(enter(&pool, NUMBER, now + LATER * 3).await.user, hers);
    })
    .await;
}

/// Her number is another account's meanwhile: she gets the names that are left, and no error for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_is_somebody_elses_now_is_not_given_back() {
    run_without_worker(&GROUND, async |sandbox| {
        let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
        let hers = enter(&pool, NUMBER, now).await.user;
        assert_eq!(shows(&pool, Provider::Meta, (Some(ID), Some(NUMBER)), now).await, hers);
        let mine = web(&pool, "web").await;
        let _ = link(&pool, &mine, NUMBER, now + LATER).await;
        // She has another number, proves it as well, and the web app gives the former one to somebody else.
        let moved = shows(&pool, Provider::Meta, (Some(ID), Some(SECOND)), now + LATER * 2).await;
        assert_eq!((&moved, column(&pool, &mine).await), (&mine, None));
        let _ = link(&pool, &mine, SECOND, now + LATER * 3).await;
        let other = web(&pool, "other").await;
        writes(&pool, &other, NUMBER).await;
        assert_eq!(parts(&pool, &hers, now + LATER * 5).await, 2);
        assert_eq!((column(&pool, &mine).await, column(&pool, &hers).await), (None, None));
        assert_eq!(column(&pool, &other).await.as_deref(), Some(NUMBER));
        assert_eq!(enter(&pool, SECOND, now + LATER * 6).await.user, hers);
    })
    .await;
}

/// The number that the other account had before, and that went to somebody else while the two were one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_former_number_comes_back_only_while_it_leads_to_nobody_else() {
    for (inherited, kept) in [(false, Some(SECOND)), (true, None)] {
        run_without_worker(&GROUND, async |sandbox| {
            let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
            let mine = web(&pool, "web").await;
            let _ = link(&pool, &mine, SECOND, now).await;
            assert_eq!(shows(&pool, Provider::Meta, (Some("FR.1"), Some(SECOND)), now).await, mine);
            let hers = enter(&pool, NUMBER, now).await.user;
            let _ = link(&pool, &mine, NUMBER, now + LATER).await;
            if inherited {
                let heir = shows(&pool, Provider::Meta, (Some("FR.2"), Some(SECOND)), now + LATER * 2).await;
                assert_ne!(heir, mine);
                assert_eq!(column(&pool, &heir).await.as_deref(), Some(SECOND));
            }
            parts(&pool, &hers, now + LATER * 3).await;
            assert_eq!(column(&pool, &hers).await.as_deref(), Some(NUMBER));
            assert_eq!(column(&pool, &mine).await.as_deref(), kept);
        })
        .await;
    }
}

/// A browser that her person has confirmed from the phone, and that has not collected its session yet.
async fn confirms(sandbox: &Sandbox, user: &UserId, now: DateTime<Utc>) -> Secret {
    let mut db = sandbox.pool.acquire().await.unwrap();
    let (token, browser) = (Secret::new(), Secret::new());
    let beginning = Beginning {
        token: &token,
        browser: &browser,
        number: 42,
        numbers: [17, 42, 88],
        agent: None,
        system: None,
        network: None,
        address: None,
    };
    assert!(signin::begin(&mut db, beginning, now).await.unwrap());
    let asked = signin::ask(&mut db, &token, user, now).await.unwrap();
    let Asked::Question(question) = asked else { panic!("{asked:?}") };
    assert!(signin::confirm(&mut *db, &question.id, user, now).await.unwrap());
    browser
}

/// Whose session it was that began in the account of both, nothing tells: it must not stay in either's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_came_in_while_two_were_one_signs_in_again() {
    run_without_worker(&GROUND, async |sandbox| {
        let (pool, sessions) = (sandbox.pool.clone(), told(sandbox, &[]));
        let hers = enter(&pool, NUMBER, sandbox.clock.now()).await.user;
        let mine = web(&pool, "web").await;
        let (her_own, my_own) =
            (begins(sandbox, &sessions, &hers).await, begins(sandbox, &sessions, &mine).await);
        let now = sandbox.clock.now();
        let _ = link(&pool, &mine, NUMBER, now).await;
        assert_eq!(reads(sandbox, &sessions, &her_own).await.unwrap().user, mine);
        // She enters by her number, once with a code and once from the phone.
        assert_eq!(enter(&pool, NUMBER, now + LATER).await.user, mine);
        let meanwhile = begins(sandbox, &sessions, &mine).await;
        assert_eq!(reads(sandbox, &sessions, &meanwhile).await.unwrap().user, mine);
        let waits = confirms(sandbox, &mine, now + LATER).await;
        parts(&pool, &hers, now + LATER * 2).await;
        assert_eq!(reads(sandbox, &sessions, &meanwhile).await, None);
        let mut db = pool.acquire().await.unwrap();
        assert_eq!(signin::look(&mut db, &waits, now + LATER * 3).await.unwrap(), Standing::Ended);
        // What had begun before is whose it was.
        assert_eq!(reads(sandbox, &sessions, &her_own).await.unwrap().user, hers);
        assert_eq!(reads(sandbox, &sessions, &my_own).await.unwrap().user, mine);
    })
    .await;
}
