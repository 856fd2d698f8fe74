//! How many codes may be asked for.

use std::time::Duration;

use sandbox::conversation::{Sandbox, run};
use sandbox::person::PATIENCE;

use super::browser::Browser;
use super::{A_MINUTE, ITS_CODE, RESERVED, count, door, reserve};
use crate::GROUND;

/// So many numbers of one prefix.
fn numbers(many: usize) -> Vec<String> {
    (0..many).map(|number| format!("+336399801{number:02}")).collect()
}

fn reserve_all(sandbox: &mut Sandbox, numbers: &[String]) {
    reserve(sandbox, &numbers.iter().map(String::as_str).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_sent_five_codes_in_an_hour_and_ten_in_a_day() {
    run(&GROUND, async |sandbox| {
        reserve(sandbox, &[RESERVED]);
        let ingest = sandbox.starts_ingest(sandbox.ingest_app()).await;
        let ask = async || Browser::at(&ingest).asks(RESERVED).await;
        for _ in 0..2 {
            for _ in 0..5 {
                assert_eq!(ask().await.status, 200);
                sandbox.advances(A_MINUTE);
            }
            let sixth = ask().await;
            assert_eq!(sixth.refused(), (429, "too_many_requests"));
            assert!(sixth.retry_after.is_some_and(|seconds| seconds > 3000), "{sixth:?}");
            sandbox.advances(Duration::from_hours(1));
        }
        let eleventh = ask().await;
        assert!(eleventh.retry_after.is_some_and(|seconds| seconds > 20 * 3600), "{eleventh:?}");
        sandbox.advances(Duration::from_hours(24));
        assert_eq!(ask().await.status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_asks_for_five_codes_in_five_minutes() {
    run(&GROUND, async |sandbox| {
        let phones = numbers(9);
        reserve_all(sandbox, &phones);
        let browser = door(sandbox).await.from("203.0.113.7, 127.0.0.1");
        let (six, others) = phones.split_at(6);
        for phone in &six[..5] {
            assert_eq!(browser.asks(phone).await.status, 200);
        }
        let refused = browser.asks(&six[5]).await;
        assert_eq!(refused.refused(), (429, "too_many_requests"));
        assert!(refused.retry_after.is_some_and(|seconds| seconds <= 300), "{refused:?}");
        // What a stranger writes to the left of their own address changes nothing.
        let browser = browser.from("192.0.2.1, 203.0.113.7");
        assert_eq!(browser.asks(&six[5]).await.status, 429);
        let browser = browser.from("203.0.113.8");
        assert_eq!(browser.asks(&others[0]).await.status, 200);
        sandbox.advances(Duration::from_secs(301));
        let browser = browser.from("203.0.113.7");
        assert_eq!(browser.asks(&six[5]).await.status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_of_which_nobody_verifies_slows_down_by_itself() {
    run(&GROUND, async |sandbox| {
        let phones = numbers(40);
        reserve_all(sandbox, &phones);
        let ingest = sandbox.starts_ingest(sandbox.ingest_app()).await;
        let ask = async |phone: &str| Browser::at(&ingest).asks(phone).await;
        for phone in &phones[..10] {
            assert_eq!(ask(phone).await.status, 200);
        }
        let slowed = ask(&phones[10]).await;
        assert_eq!(slowed.refused(), (429, "too_many_requests"));
        assert!(slowed.retry_after.is_some_and(|seconds| seconds <= 30), "{slowed:?}");
        // Another prefix is let alone, and this one goes on slowly.
        sandbox.advances(Duration::from_secs(31));
        assert_eq!(ask(&phones[10]).await.status, 200);
        assert_eq!(ask(&phones[11]).await.status, 429);
        // Its people are real: they verify.
        for phone in &phones[..4] {
            assert_eq!(Browser::at(&ingest).types(phone, ITS_CODE).await.status, 200);
        }
        for phone in &phones[12..20] {
            assert_eq!(ask(phone).await.status, 200);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_together_asks_for_so_many_codes_in_an_hour() {
    run(&GROUND, async |sandbox| {
        // Of different prefixes, each of which may have a quarter.
        let phones: Vec<String> = (1..=6).map(|n| format!("+3247012345{n}")).collect();
        let phones: Vec<String> =
            phones.iter().enumerate().map(|(n, phone)| phone.replacen("70", &format!("7{n}"), 1)).collect();
        reserve_all(sandbox, &phones);
        sandbox.variables.insert("OTP_CODES_PER_HOUR".to_owned(), "5".to_owned());
        let ingest = sandbox.starts_ingest(sandbox.ingest_app()).await;
        let statuses = futures_util::future::join_all(
            phones.iter().map(async |phone| Browser::at(&ingest).asks(phone).await.status),
        )
        .await;
        // At once, and still exactly as many.
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
        assert_eq!(count(sandbox, "select count(*) from wa.otp_asking").await, 5);
    })
    .await;
}

/// Whoever asks at once has no more than whoever asks one after the other: neither for one number, nor from one address, nor
/// for numbers that begin alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asking_at_once_gets_around_no_limit() {
    run(&GROUND, async |sandbox| {
        let phones = numbers(12);
        reserve_all(sandbox, &phones);
        sandbox.variables.insert("OTP_CODES_PER_HOUR".to_owned(), "32".to_owned());
        let ingest = sandbox.starts_ingest(sandbox.ingest_app()).await;
        let sent = async |asked: Vec<(Browser, &str)>| {
            let asked = asked.iter().map(async |(browser, phone)| browser.asks(phone).await.status);
            futures_util::future::join_all(asked).await.into_iter().filter(|status| *status == 200).count()
        };
        let one_number = (0..6).map(|_| (Browser::at(&ingest), phones[0].as_str()));
        assert_eq!(sent(one_number.collect()).await, 1);
        assert_eq!(count(sandbox, r#"select count(*) from "OtpChallenge""#).await, 1);
        let here = || Browser::at(&ingest).from("203.0.113.7");
        let one_address = phones[1..10].iter().map(|phone| (here(), phone.as_str()));
        assert_eq!(sent(one_address.collect()).await, 5);
        // A quarter of all is eight, of which six are gone.
        let one_prefix = phones[6..].iter().map(|phone| (Browser::at(&ingest), phone.as_str()));
        assert_eq!(sent(one_prefix.collect()).await, 2);
    })
    .await;
}

/// Numbers that WhatsApp does not know are not held against who mistyped them, but against all that begin like them: or they
/// would use up what everybody has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_numbers_take_no_more_than_their_prefix_has() {
    run(&GROUND, async |sandbox| {
        sandbox.variables.insert("OTP_CODES_PER_HOUR".to_owned(), "8".to_owned());
        let ingest = sandbox.starts_ingest(sandbox.ingest_app()).await;
        let ask = async |phone: &str| Browser::at(&ingest).asks(phone).await;
        for number in numbers(2) {
            let gone = sandbox.stage.meta.person(&number, "Nobody");
            gone.leaves_whatsapp();
            assert_eq!(ask(&number).await.refused(), (422, "unreachable"));
        }
        assert_eq!(ask(&numbers(3)[2]).await.refused(), (429, "too_many_requests"));
        let alice = sandbox.stage.meta.person("+32470123456", "Alice");
        assert_eq!(ask("+32470123456").await.status, 200);
        assert_eq!(alice.hears(1, PATIENCE).await.unwrap().len(), 1);
    })
    .await;
}

/// Also one whose codes all came to nothing: whoever types one may have guessed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_cannot_be_reached_is_asked_for_twenty_times_in_a_day() {
    run(&GROUND, async |sandbox| {
        let gone = sandbox.stage.meta.person("+32470123456", "Nobody");
        gone.leaves_whatsapp();
        let ingest = sandbox.starts_ingest(sandbox.ingest_app()).await;
        for _ in 0..20 {
            assert_eq!(Browser::at(&ingest).asks("+32470123456").await.status, 422);
            sandbox.advances(A_MINUTE);
        }
        let refused = Browser::at(&ingest).asks("+32470123456").await;
        assert_eq!(refused.refused(), (429, "too_many_requests"));
    })
    .await;
}
