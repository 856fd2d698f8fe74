//! Each error code of each provider does what the provider's own table asks for. The lists here are written from the tables
//! (Meta: Error codes; Twilio: Error and Warning Dictionary), not from ours.

use std::time::Duration;

use sandbox::conversation::Sandbox;
use sandbox::simulators::meta::MetaFault;
use sandbox::simulators::twilio::TwilioFault;
use shared::env::Env;
use shared::message::{Address, Provider};
use shared::outbox::{OutboxId, Outgoing, State};
use worker::whatsapp::{Action, Why, reported};

use super::{BRIEF, Trouble, end, refusals, rows, somebody};
use crate::{GROUND, until};

const SECONDS_30: Action = Action::Later(Duration::from_secs(30));
const MINUTE: Action = Action::Later(Duration::from_mins(1));

const META: &[(Action, &[u32])] = &[
    (Action::Again, &[2, 131_016, 133_004]),
    (MINUTE, &[4, 80_007, 131_057]),
    (Action::AFew(3), &[1]),
    (Action::AFew(5), &[131_000]),
    (Action::AFew(2), &[135_000]),
    (Action::Pair, &[131_056]),
    (Action::Number, &[130_429]),
    (Action::Refused(Why::Window), &[131_047]),
    (Action::Refused(Why::Tomorrow), &[131_049]),
    (Action::Refused(Why::Stopped), &[131_050]),
    (Action::Refused(Why::Country), &[130_497]),
    (Action::Refused(Why::Template), &[132_001, 132_007, 132_015, 132_016]),
    (
        Action::Refused(Why::Person),
        &[130_403, 130_472, 131_021, 131_026, 131_030, 131_052, 131_060, 131_062, 137_000],
    ),
    (
        Action::Refused(Why::Request),
        &[100, 131_008, 131_009, 131_051, 131_053, 131_055, 132_000, 132_005, 132_008, 132_012],
    ),
    (
        Action::Operator,
        &[
            0, 3, 10, 33, 190, 200, 210, 250, 299, 368, 131_005, 131_031, 131_037, 131_042, 131_044, 131_045,
            131_048, 131_063, 131_064, 132_068, 132_069, 133_000, 133_005, 133_006, 133_008, 133_009,
            133_010, 133_015, 133_016, 134_011,
        ],
    ),
];

const TWILIO: &[(Action, &[u32])] = &[
    (Action::Again, &[20_429]),
    (Action::Unclear, &[20_500, 20_503]),
    (SECONDS_30, &[63_017, 63_018]),
    (Action::Full, &[21_611, 30_001]),
    (Action::AFew(2), &[30_008]),
    (Action::AFew(5), &[63_009, 63_010, 63_012, 63_023, 63_029]),
    (Action::Refused(Why::Window), &[63_016]),
    (Action::Refused(Why::Stopped), &[21_610]),
    (Action::Refused(Why::Exhausted), &[63_038]),
    (Action::Refused(Why::Country), &[21_408, 21_612]),
    (Action::Refused(Why::Template), &[63_027, 63_040, 63_041, 63_042]),
    (
        Action::Refused(Why::Person),
        &[
            21_211, 21_608, 21_614, 63_003, 63_014, 63_015, 63_019, 63_024, 63_025, 63_031, 63_032, 63_033,
            63_034, 63_037, 63_049,
        ],
    ),
    (
        Action::Refused(Why::Request),
        &[
            11_200, 11_205, 11_750, 12_100, 12_200, 12_300, 14_107, 20_404, 21_602, 21_603, 21_604, 21_609,
            21_617, 21_619, 21_620, 21_623, 21_624, 21_654, 21_655, 21_656, 21_658, 21_910, 63_005, 63_006,
            63_011, 63_021, 63_028, 63_030,
        ],
    ),
    (
        Action::Operator,
        &[
            20_003, 20_005, 21_606, 21_703, 21_704, 21_705, 30_002, 57_012, 63_001, 63_002, 63_007, 63_008,
            63_013, 63_020, 63_022, 63_026, 63_051, 63_112, 63_113,
        ],
    ),
];

/// Every code, over HTTP, as the answer to a send and as the code of a report.
async fn every_code_does_what_its_table_says(sandbox: &mut Sandbox, provider: Provider) {
    let config = worker::config::Config::from_env(Env::from_values(sandbox.variables.clone())).unwrap();
    let providers = config.providers(&reqwest::Client::new(), Duration::from_secs(10));
    let (table, business, address) = match provider {
        Provider::Meta => (
            META,
            sandbox.stage.meta.options().phone_number_id.clone(),
            Address::Phone("+33639980001".parse().unwrap()),
        ),
        Provider::Twilio => (
            TWILIO,
            sandbox.stage.twilio.options().from.clone(),
            Address::Channel("whatsapp:+33639980001".to_owned()),
        ),
    };
    let message = Outgoing {
        id: OutboxId::new(1),
        provider,
        business,
        address,
        body: "Bonjour".to_owned(),
        challenge: None,
        document: None,
        menu: None,
        state: State::Pending,
        attempts: 0,
        refused: None,
        created_at: sandbox.clock.now(),
        sending_at: None,
        reply: None,
    };
    for (action, codes) in table {
        for code in *codes {
            Trouble(MetaFault::Refused(*code), TwilioFault::Refused(*code)).strikes(sandbox, provider, 1);
            let error = providers.send(&message).await.unwrap_err();
            assert_eq!((error.code, error.action), (code.to_string(), *action));
            assert_eq!(reported(provider, &code.to_string()), Some(*action), "{code} in a report");
        }
    }
    assert_eq!(reported(provider, "1234567"), None);
    assert_eq!(reported(provider, "no code"), None);
}

/// One code of each kind that passes: the answer comes, and is paid for once.
async fn what_passes_is_waited_for(sandbox: &mut Sandbox, provider: Provider) {
    let alice = somebody(sandbox, provider).await;
    let troubles = [
        // R
        (131_016, 20_429),
        // R, minutes or slowly
        (131_057, 63_018),
        // R a few times
        (131_000, 63_012),
        // the throughput, a full queue
        (130_429, 21_611),
        // the pair
        (131_056, 63_017),
    ];
    for (meta, twilio) in troubles {
        Trouble(MetaFault::Refused(meta), TwilioFault::Refused(twilio)).strikes(sandbox, provider, 1);
    }
    alice.says(BRIEF).await;
    assert_eq!(end(sandbox, &alice).await, (1, 4, (1, 0), 0));
    assert_eq!(refusals(sandbox, provider).len(), troubles.len());
    assert_eq!(sandbox.stage.openai.calls().len(), 3);
}

/// One code of each kind that does not: one try, the credit back, and the code stays beside the part.
async fn what_does_not_pass_is_refunded_at_once(sandbox: &mut Sandbox, provider: Provider) {
    let alice = somebody(sandbox, provider).await;
    let troubles = [
        // N
        (131_026, 63_003),
        // outside the window
        (131_047, 63_016),
        // R24
        (131_049, 63_049),
        // BUG
        (131_009, 21_620),
        // N, and the operator should know
        (130_497, 21_408),
        // in no table
        (139_999, 69_999),
    ];
    for (place, (meta, twilio)) in (1..).zip(troubles) {
        Trouble(MetaFault::Refused(meta), TwilioFault::Refused(twilio)).strikes(sandbox, provider, 1);
        alice.says(BRIEF).await;
        assert_eq!(end(sandbox, &alice).await, (0, 5, (place, place), 0), "{meta} {twilio}");
        let code = if provider == Provider::Meta { meta } else { twilio };
        assert_eq!(rows(sandbox).await.pop(), Some(("failed".to_owned(), Some(code.to_string()))));
    }
    assert_eq!(refusals(sandbox, provider).len(), troubles.len(), "each was tried once");
}

/// "Something went wrong" so many times in a row is no accident.
async fn a_few_tries_are_not_endless(sandbox: &mut Sandbox, provider: Provider) {
    let alice = somebody(sandbox, provider).await;
    for (tries, meta, twilio) in [(2, 135_000, 30_008), (5, 131_000, 63_009)] {
        let before = refusals(sandbox, provider).len();
        Trouble(MetaFault::Refused(meta), TwilioFault::Refused(twilio)).strikes(sandbox, provider, tries);
        alice.says(BRIEF).await;
        let (heard, left, ..) = end(sandbox, &alice).await;
        assert_eq!((heard, left, refusals(sandbox, provider).len() - before), (0, 5, tries));
    }
}

/// Whoever tells the provider to stop has told us, at once or by a report; and may come back.
async fn an_opt_out_that_the_provider_tells_is_a_stop(sandbox: &mut Sandbox, provider: Provider) {
    let (alice, bob) = (somebody(sandbox, provider).await, somebody(sandbox, provider).await);
    let at_once = Trouble(MetaFault::Refused(131_050), TwilioFault::Unsubscribed21610);
    let later = Trouble(MetaFault::FailedByStatus(131_050), TwilioFault::FailedByStatus(21_610));
    for (person, trouble) in [(&alice, at_once), (&bob, later)] {
        trouble.strikes(sandbox, provider, 1);
        person.says(BRIEF).await;
        sandbox.is_quiet().await;
        assert_eq!((person.credits().await, person.charges().await), (5, (1, 1)));
        let before = person.has_heard().len();
        person.says("merci").await;
        person.says(BRIEF).await;
        sandbox.is_quiet().await;
        let heard = person.has_heard().split_off(before);
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert!(heard[0].starts_with("Vous m’avez demandé de ne plus vous écrire"), "{heard:?}");
        person.says("start").await;
        person.says(BRIEF).await;
        sandbox.is_quiet().await;
        assert_eq!((person.credits().await, person.charges().await), (4, (2, 1)));
    }
}

/// The same refusals, told minutes after the message was taken.
async fn what_is_told_later_is_refunded_as_well(sandbox: &mut Sandbox, provider: Provider) {
    let alice = somebody(sandbox, provider).await;
    for (place, (meta, twilio)) in (1..).zip([(131_047, 63_016), (131_049, 63_024), (131_053, 63_005)]) {
        let trouble = Trouble(MetaFault::FailedByStatus(meta), TwilioFault::FailedByStatus(twilio));
        trouble.strikes(sandbox, provider, 1);
        alice.says(BRIEF).await;
        sandbox.is_quiet().await;
        assert_eq!((alice.credits().await, alice.charges().await), (5, (place, place)), "{meta} {twilio}");
        let code = if provider == Provider::Meta { meta } else { twilio };
        assert_eq!(rows(sandbox).await.pop(), Some(("failed".to_owned(), Some(code.to_string()))));
    }
}

crate::for_each_provider! {
    every_code => super::every_code_does_what_its_table_says;
    passing => super::what_passes_is_waited_for;
    not_passing => super::what_does_not_pass_is_refunded_at_once;
    a_few => super::a_few_tries_are_not_endless;
    opt_out => super::an_opt_out_that_the_provider_tells_is_a_stop;
    later => super::what_is_told_later_is_refunded_as_well;
}

/// Each refusal by the pair limit makes the next wait four times as long, and only its person waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pair_limit_is_met_with_four_times_the_pause() {
    sandbox::conversation::run_without_worker(&GROUND, async |sandbox| {
        sandbox.patience.pair_pause = Duration::from_millis(300);
        sandbox.patience.longest_pause = Duration::from_secs(5);
        sandbox.starts_worker();
        let (alice, bob) = (somebody(sandbox, Provider::Meta).await, somebody(sandbox, Provider::Meta).await);
        sandbox.stage.meta.fails_next(2, MetaFault::PairRate131056);
        alice.says("solde").await;
        until("the second refusal", async || refusals(sandbox, Provider::Meta).len() == 2).await;
        bob.says("solde").await;
        bob.hears().await;
        assert!(alice.has_heard().is_empty(), "bob does not wait for alice");
        alice.hears().await;
        let refused = refusals(sandbox, Provider::Meta);
        let pauses = [refused[1] - refused[0], alice.screen()[0].at - refused[1]];
        for (pause, least) in pauses.into_iter().zip([300, 1_200]) {
            assert!(pause.num_milliseconds() >= least - 20, "{pause} is less than {least} ms");
        }
    })
    .await;
}
