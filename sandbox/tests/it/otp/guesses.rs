//! Who does not have the phone in hand guesses.

use futures_util::future::join_all;
use sandbox::conversation::{run, run_without_worker};
use serde_json::json;
use shared::language::Language;
use shared::otp::{self, Asking, Purpose};
use shared::phone::E164;
use std::time::Duration;

use super::browser::Browser;
use super::{A_MINUTE, ITS_CODE, RESERVED, count, door, reserve, somebody_waits};
use crate::{GROUND, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_good_for_three_tries_ten_minutes_and_one_time() {
    run(&GROUND, async |sandbox| {
        reserve(sandbox, &[RESERVED]);
        let browser = door(sandbox).await;
        assert_eq!(browser.types(RESERVED, ITS_CODE).await.refused(), (410, "expired"), "nobody has asked");
        browser.asks(RESERVED).await;
        let wrong = browser.types(RESERVED, "000000").await;
        assert_eq!((wrong.refused(), &wrong.body["error"]["attemptsLeft"]), ((401, "wrong_code"), &json!(2)));
        assert_eq!(browser.types(RESERVED, ITS_CODE).await.status, 200);
        assert_eq!(browser.types(RESERVED, ITS_CODE).await.refused(), (410, "expired"), "it was used");

        assert_eq!(browser.asks(RESERVED).await.status, 200);
        sandbox.advances(Duration::from_secs(601));
        assert_eq!(browser.types(RESERVED, ITS_CODE).await.refused(), (410, "expired"), "it is too old");

        assert_eq!(browser.asks(RESERVED).await.status, 200);
        for left in [2, 1, 0] {
            let wrong = browser.types(RESERVED, "000000").await;
            assert_eq!((wrong.status, &wrong.body["error"]["attemptsLeft"]), (401, &json!(left)));
        }
        assert_eq!(browser.types(RESERVED, ITS_CODE).await.refused(), (429, "too_many_attempts"));
        // Another code is no way to more tries.
        sandbox.advances(A_MINUTE);
        let again = browser.asks(RESERVED).await;
        assert_eq!(again.refused(), (429, "too_many_attempts"));
        assert!(again.retry_after.is_some_and(|seconds| (500..=600).contains(&seconds)), "{again:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_guesses_at_once_three_are_compared() {
    run(&GROUND, async |sandbox| {
        reserve(sandbox, &[RESERVED]);
        let browser = door(sandbox).await;
        browser.asks(RESERVED).await;
        let guesses: Vec<String> = (0..200).map(|guess| format!("{guess:06}")).collect();
        let pages = join_all(guesses.iter().map(|guess| browser.types(RESERVED, guess))).await;
        let compared = pages.iter().filter(|page| page.code() == "wrong_code").count();
        assert_eq!(compared, 3);
        assert!(pages.iter().all(|page| [401, 429, 503].contains(&page.status)));
        assert_eq!(count(sandbox, "select max(tries)::int8 from wa.otp_attempt").await, 3);
        assert_eq!(browser.types(RESERVED, ITS_CODE).await.refused(), (429, "too_many_attempts"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_code_that_is_typed_twice_at_once_opens_one_session() {
    run(&GROUND, async |sandbox| {
        reserve(sandbox, &[RESERVED]);
        let browser = door(sandbox).await;
        for round in 1..=5 {
            browser.asks(RESERVED).await;
            let browsers = [Browser::new(sandbox), Browser::new(sandbox)];
            let pages = join_all(browsers.iter().map(|browser| browser.types(RESERVED, ITS_CODE))).await;
            let entered = pages.iter().filter(|page| page.status == 200).count();
            assert_eq!(entered, 1, "{pages:?}");
            assert!(pages.iter().any(|page| page.refused() == (410, "expired")), "{pages:?}");
            assert_eq!(count(sandbox, "select count(*) from wa.session").await, round);
        }
        assert_eq!(count(sandbox, r#"select count(*) from "CreditLedger""#).await, 1, "one gift");
        assert_eq!(count(sandbox, r#"select count(*) from "User""#).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_code_takes_the_place_of_the_first_and_its_tries() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.starts_worker();
        let alice = sandbox.person(shared::message::Provider::Meta);
        let browser = Browser::new(sandbox);
        browser.asks(alice.number()).await;
        let first = alice.hears_code().await;
        let soon = browser.asks(alice.number()).await;
        assert_eq!(soon.refused(), (429, "too_soon"));
        assert!(soon.retry_after.is_some_and(|seconds| seconds <= 60), "{soon:?}");
        let wrong = if first == "000000" { "000001" } else { "000000" };
        assert_eq!(browser.types(alice.number(), wrong).await.body["error"]["attemptsLeft"], 2);
        sandbox.advances(A_MINUTE);
        assert_eq!(browser.asks(alice.number()).await.status, 200);
        let second = alice.hears_code().await;
        if first != second {
            assert_eq!(browser.types(alice.number(), &first).await.body["error"]["attemptsLeft"], 1);
        }
        assert_eq!(browser.types(alice.number(), &second).await.status, 200);
    })
    .await;
}

/// She types the code while another one is asked for in the chat, which holds her account before her challenge: so does the
/// code, or the two would wait for each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_is_typed_while_the_chat_asks_for_another_is_good() {
    run(&GROUND, async |sandbox| {
        reserve(sandbox, &[RESERVED]);
        let browser = door(sandbox).await;
        browser.asks(RESERVED).await;
        assert_eq!(browser.types(RESERVED, ITS_CODE).await.status, 200, "the account is there");
        browser.asks(RESERVED).await;
        sandbox.advances(A_MINUTE);
        let mut chat = sandbox.pool.begin().await.unwrap();
        sqlx::query(r#"select from "User" for key share"#).execute(&mut *chat).await.unwrap();
        let (typed, ()) = tokio::join!(browser.types(RESERVED, ITS_CODE), async {
            until("a wait", async || somebody_waits(sandbox).await).await;
            let phone: E164 = RESERVED.parse().unwrap();
            let salt = otp::Salt::new(sandbox.variables["OTP_SALT"].clone().into()).unwrap();
            let asking =
                Asking { phone: &phone, purpose: Purpose::Enter, address: None, language: Language::Fr };
            let now = sandbox.clock.now();
            let asked = otp::ask(&mut chat, &salt, asking, otp::Limits::default(), now).await.unwrap();
            assert!(matches!(asked, otp::Answer::Go(_)), "{asked:?}");
            chat.commit().await.unwrap();
        });
        assert_eq!(typed.status, 200, "{typed:?}");
    })
    .await;
}
