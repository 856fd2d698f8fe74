//! Everything that Stripe may tell of some payments, told in any order, several times and at once: the books end the
//! same.

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use sandbox::conversation::{Sandbox, run};
use sandbox::person::Person;
use sandbox::simulators::stripe::{PaymentStatus, Session};

use super::{debt, shopper};
use crate::GROUND;

/// How often the whole is played.
const ROUNDS: usize = 4;

/// Something is done with a page, as a customer, a bank and an operator at Stripe would.
async fn lives(sandbox: &Sandbox, page: &Session, chance: &mut StdRng) {
    let stripe = &sandbox.stage.stripe;
    match chance.random_range(0..5) {
        0 => drop(stripe.pays_by_debit(&page.id).await),
        1 => {
            stripe.pays_by_debit(&page.id).await;
            stripe.debit_fails(&page.id).await;
        }
        2 => {
            stripe.pays_by_debit(&page.id).await;
            stripe.debit_succeeds(&page.id).await;
        }
        _ => drop(stripe.pays(&page.id).await),
    }
    for _ in 0..chance.random_range(0..4) {
        let cents = chance.random_range(1..page.amount_total);
        match chance.random_range(0..6) {
            0 | 1 => drop(stripe.refunds(&page.id, cents).await),
            2 => {
                if let Some(refund) = stripe.refunds_pending(&page.id, cents).await {
                    stripe.refund_succeeds(&refund).await;
                }
            }
            3 => {
                if let Some(refund) = stripe.refunds(&page.id, cents).await {
                    stripe.refund_fails(&refund).await;
                }
            }
            4 => {
                if let Some(dispute) = stripe.disputes(&page.id).await {
                    stripe.dispute_is_won(&dispute).await;
                }
            }
            _ => drop(stripe.disputes(&page.id).await),
        }
    }
}

/// The credits of a page, less those whose money went back: what its account must have of it in the end.
fn worth(page: &Session) -> i64 {
    if page.payment_status == PaymentStatus::Unpaid {
        return 0;
    }
    let credits = match page.amount_total {
        490 => 20,
        990 => 50,
        _ => 200,
    };
    let payment = page.payment.as_ref().expect("somebody has paid");
    let gone =
        (payment.amount_refunded + if payment.disputed { payment.amount } else { 0 }).min(payment.amount);
    credits - credits * i64::try_from(gone).unwrap() / i64::try_from(payment.amount).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_order_the_books_end_the_same() {
    run(&GROUND, async |sandbox| {
        let seed = rand::rng().next_u64();
        println!("seed {seed}");
        let mut chance = StdRng::seed_from_u64(seed);
        let mut people: Vec<(Person, Session)> = Vec::new();
        let stripe = sandbox.stage.stripe.clone();
        for _ in 0..ROUNDS {
            // Nothing is told while it happens.
            stripe.hold();
            let known = stripe.event_ids().len();
            for pack in ["20", "50", "200"] {
                let (person, page) = shopper(sandbox, 0, pack).await;
                lives(sandbox, &page, &mut chance).await;
                people.push((person, page));
            }
            let mut events: Vec<String> = stripe.event_ids()[known..].to_vec();
            let again: Vec<String> = events.iter().filter(|_| chance.random_bool(0.3)).cloned().collect();
            events.extend(again);
            events.shuffle(&mut chance);
            for some in events.chunks(6) {
                let told = join_all(some.iter().map(|event| stripe.redeliver(event, 1, false))).await;
                for delivery in told.into_iter().flatten() {
                    assert_eq!(delivery.status, Some(200), "{delivery:?}");
                }
            }
            stripe.release().await;
        }
        for (person, page) in &people {
            let page = stripe.session(&page.id).unwrap();
            let owed = debt(sandbox, person).await;
            assert_eq!((i64::from(person.credits().await), owed), (worth(&page), 0), "{page:?}");
        }
        let paid = people.iter().filter(|(_, page)| worth(&stripe.session(&page.id).unwrap()) > 0).count();
        assert!(paid > 0, "nobody bought anything: the disorder tried nothing");
    })
    .await;
}
