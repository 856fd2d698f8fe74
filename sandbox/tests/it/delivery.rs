//! An answer leaves once, in order, and nobody pays for what cannot arrive, whatever the providers do.
//!
//! Answers of several parts are in `parts`, what a provider tells about a message afterwards in `reports`, what each of
//! its codes leads to in `codes`; `pace`, `pause` and `window` are about when an answer may leave at all.

mod codes;
mod pace;
mod parts;
mod pause;
mod reports;
mod window;

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use sandbox::conversation::{Sandbox, run_without_worker};
use sandbox::person::{PATIENCE, Person, Phone};
use sandbox::simulators::journal::Exchange;
use sandbox::simulators::meta::{MetaFault, Verdict};
use sandbox::simulators::openai::OpenAiFault;
use sandbox::simulators::twilio::TwilioFault;
use shared::message::Provider;

use crate::GROUND;

const BRIEF: &str = "Crée un post promo pour Instagram";

/// The same trouble, in each provider's words.
#[derive(Clone, Copy)]
struct Trouble(MetaFault, TwilioFault);

impl Trouble {
    fn strikes(self, sandbox: &Sandbox, provider: Provider, times: usize) {
        match provider {
            Provider::Meta => sandbox.stage.meta.fails_next(times, self.0),
            Provider::Twilio => sandbox.stage.twilio.fails_next(times, self.1),
        }
    }
}

const CUT: Trouble = Trouble(MetaFault::Drop, TwilioFault::Drop);
const LOCKED_OUT: Trouble = Trouble(MetaFault::TokenExpired190, TwilioFault::Authenticate20003);
const REFUSED: Trouble = Trouble(MetaFault::Refused(131_026), TwilioFault::Refused(63_024));
const BUSY: Trouble = Trouble(MetaFault::Throughput130429, TwilioFault::TooMany20429);

async fn somebody(sandbox: &Sandbox, provider: Provider) -> Person {
    sandbox.person(provider).with_credits(5).await
}

/// From now on a report is waited for less long.
async fn is_impatient(sandbox: &mut Sandbox) {
    sandbox.stops_workers().await;
    sandbox.patience.unknown_deadline = Duration::from_millis(800);
    sandbox.starts_worker();
}

/// How a brief ended: messages heard, balance, (debits, refunds), dead letters.
async fn end(sandbox: &Sandbox, person: &Person) -> (usize, i32, (i64, i64), usize) {
    sandbox.is_quiet().await;
    let dead = sandbox.dead_letters().await.len();
    (person.has_heard().len(), person.credits().await, person.charges().await, dead)
}

/// How often a provider has refused a message of ours.
fn refusals(sandbox: &Sandbox, provider: Provider) -> Vec<DateTime<Utc>> {
    let journal = match provider {
        Provider::Meta => sandbox.stage.meta.journal(),
        Provider::Twilio => sandbox.stage.twilio.journal(),
    };
    let refused = |exchange: &Exchange| exchange.status.is_some_and(|status| status >= 400);
    journal.exchanges().into_iter().filter(refused).map(|exchange| exchange.at).collect()
}

/// The rows of the outbox, in order: state and code.
async fn rows(sandbox: &Sandbox) -> Vec<(String, Option<String>)> {
    sqlx::query_as("select state, error_code from wa.outbox order by id")
        .fetch_all(&sandbox.pool)
        .await
        .unwrap()
}

/// More refusals than a message has attempts: the answer is written and paid for, so it is kept.
async fn a_passing_refusal_is_tried_again(sandbox: &mut Sandbox, provider: Provider) {
    let alice = somebody(sandbox, provider).await;
    BUSY.strikes(sandbox, provider, 5);
    Trouble(MetaFault::Unavailable131016, TwilioFault::TooMany20429).strikes(sandbox, provider, 1);
    Trouble(MetaFault::Unknown131000, TwilioFault::TooMany20429).strikes(sandbox, provider, 1);
    Trouble(MetaFault::Transient2, TwilioFault::TooMany20429).strikes(sandbox, provider, 1);
    alice.says(BRIEF).await;
    assert_eq!(end(sandbox, &alice).await, (1, 4, (1, 0), 0));
    assert_eq!(sandbox.stage.openai.calls().len(), 3);
}

/// Silence, half an answer, a gateway's page: nothing was taken, and nothing says so.
async fn an_answer_that_says_nothing_is_waited_for_and_then_sent_again(
    sandbox: &mut Sandbox,
    provider: Provider,
) {
    is_impatient(sandbox).await;
    let people = join_all((0..4).map(|_| somebody(sandbox, provider))).await;
    Trouble(MetaFault::Hang, TwilioFault::Hang).strikes(sandbox, provider, 1);
    Trouble(MetaFault::Garbage200, TwilioFault::Garbage200).strikes(sandbox, provider, 1);
    Trouble(MetaFault::Http500Html, TwilioFault::Http500Html).strikes(sandbox, provider, 1);
    Trouble(MetaFault::Http500Html, TwilioFault::Unavailable20503).strikes(sandbox, provider, 1);
    join_all(people.iter().map(|person| person.says(BRIEF))).await;
    for person in &people {
        assert_eq!(end(sandbox, person).await, (1, 4, (1, 0), 0));
    }
}

async fn a_refused_answer_is_refunded_and_not_repeated(sandbox: &mut Sandbox, provider: Provider) {
    let alice = somebody(sandbox, provider).await;
    REFUSED.strikes(sandbox, provider, 1);
    alice.says(BRIEF).await;
    assert_eq!(end(sandbox, &alice).await, (0, 5, (1, 1), 0));
    // The answer to a command cost nothing, and its refusal changes nothing.
    REFUSED.strikes(sandbox, provider, 1);
    alice.says("solde").await;
    assert_eq!(end(sandbox, &alice).await, (0, 5, (1, 1), 0));
    alice.says(BRIEF).await;
    assert_eq!(end(sandbox, &alice).await, (1, 4, (2, 1), 0));
    let outcomes: Vec<String> = sqlx::query_scalar("select outcome from wa.receipt order by started_at")
        .fetch_all(&sandbox.pool)
        .await
        .unwrap();
    assert_eq!(outcomes, ["undelivered", "answered", "posts"]);
}

/// Twilio takes messages for people who are not there and says so later; Meta does either.
async fn an_answer_that_is_refused_later_is_refunded_as_well(sandbox: &mut Sandbox, provider: Provider) {
    sandbox.stage.meta.verdicts(Verdict::ByStatus);
    let alice = somebody(sandbox, provider).await;
    match &alice.phone {
        Phone::Meta(phone) => phone.leaves_whatsapp(),
        Phone::Twilio(phone) => phone.leaves_whatsapp(),
    }
    alice.says(BRIEF).await;
    assert_eq!(end(sandbox, &alice).await, (1, 5, (1, 1), 0));
    let code = if provider == Provider::Meta { "131026" } else { "63024" };
    assert_eq!(rows(sandbox).await, [("failed".to_owned(), Some(code.to_owned()))]);
}

async fn a_number_that_is_locked_out_loses_nothing(sandbox: &mut Sandbox, provider: Provider) {
    let alice = somebody(sandbox, provider).await;
    LOCKED_OUT.strikes(sandbox, provider, 5);
    alice.says(BRIEF).await;
    assert_eq!(end(sandbox, &alice).await, (1, 4, (1, 0), 0));
    assert_eq!(sandbox.stage.openai.calls().len(), 3);
}

/// The dead letter comes after the apology, whatever the apology has to wait for.
async fn an_apology_is_not_lost(sandbox: &mut Sandbox, provider: Provider) {
    let alice = somebody(sandbox, provider).await;
    for trouble in [BUSY, CUT, LOCKED_OUT] {
        sandbox.stage.openai.fails_next(1, OpenAiFault::InsufficientQuota);
        trouble.strikes(sandbox, provider, 1);
        alice.says(BRIEF).await;
        assert!(alice.hears().await.starts_with("😕 Je n’ai pas réussi"));
    }
    assert_eq!(end(sandbox, &alice).await, (3, 5, (3, 3), 3));
}

async fn a_person_sees_that_we_are_at_work(sandbox: &mut Sandbox, provider: Provider) {
    sandbox.stage.meta.fails_next_receipts(1, MetaFault::Unknown131000);
    sandbox.stage.twilio.fails_next_typings(1, TwilioFault::Http500Html);
    let (alice, bob) = (somebody(sandbox, provider).await, somebody(sandbox, provider).await);
    alice.says(BRIEF).await;
    alice.hears().await;
    sandbox.stage.openai.hold();
    let said = bob.says(BRIEF).await;
    sandbox.stage.openai.wait_calls(4, PATIENCE).await.unwrap();
    let sees_typing = || match &bob.phone {
        Phone::Meta(phone) => phone.sees_typing(),
        Phone::Twilio(phone) => phone.sees_typing(),
    };
    crate::until("typing", async || sees_typing()).await;
    let marked: Vec<String> = match provider {
        Provider::Meta => {
            sandbox.stage.meta.read_receipts().into_iter().map(|receipt| receipt.message_id).collect()
        }
        Provider::Twilio => {
            sandbox.stage.twilio.typings().into_iter().map(|typing| typing.message_sid).collect()
        }
    };
    assert_eq!(marked, [said.delivery.message_id]);
    sandbox.stage.openai.release();
    bob.hears().await;
    assert!(!sees_typing());
}

/// The indicator fades after 25 seconds at both providers.
async fn a_long_work_is_shown_again_and_again(sandbox: &mut Sandbox, provider: Provider) {
    sandbox.stops_workers().await;
    sandbox.patience.typing_again = Duration::from_millis(50);
    sandbox.starts_worker();
    let alice = somebody(sandbox, provider).await;
    sandbox.stage.openai.hold();
    alice.says(BRIEF).await;
    let shown = || match provider {
        Provider::Meta => sandbox.stage.meta.read_receipts().len(),
        Provider::Twilio => sandbox.stage.twilio.typings().len(),
    };
    crate::until("three times", async || shown() >= 3).await;
    sandbox.stage.openai.release();
    alice.hears().await;
    sandbox.is_quiet().await;
    let ended = shown();
    alice.says("solde").await;
    alice.hears().await;
    assert_eq!(shown(), ended, "nobody is at work any more");
}

crate::for_each_provider! {
    passing => super::a_passing_refusal_is_tried_again;
    unclear => super::an_answer_that_says_nothing_is_waited_for_and_then_sent_again;
    refused => super::a_refused_answer_is_refunded_and_not_repeated;
    refused_later => super::an_answer_that_is_refused_later_is_refunded_as_well;
    locked_out => super::a_number_that_is_locked_out_loses_nothing;
    apology => super::an_apology_is_not_lost;
    typing => super::a_person_sees_that_we_are_at_work;
    typing_on => super::a_long_work_is_shown_again_and_again;
}

/// A provider that stays away is given up on: the refund comes, and nothing is left behind to be sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_nobody_takes_in_time_is_refunded() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.patience.send_deadline = Duration::from_millis(500);
        sandbox.starts_worker();
        let alice = somebody(sandbox, Provider::Twilio).await;
        sandbox.stage.openai.fails_next_of("posts", 1, OpenAiFault::LongPosts);
        BUSY.strikes(sandbox, Provider::Twilio, 10_000);
        alice.says(BRIEF).await;
        assert_eq!(end(sandbox, &alice).await, (0, 5, (1, 1), 0));
        let codes: Vec<_> = rows(sandbox).await.into_iter().map(|(_, code)| code.unwrap()).collect();
        assert_eq!(codes, ["20429", "abandoned", "abandoned"]);
    })
    .await;
}
