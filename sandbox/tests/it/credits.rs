//! `postly credits` and `postly bill`: what an account has and why, corrections, sums that do not add up, what the
//! model costs and when that is enough.

use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::simulators::openai::OpenAiFault;
use shared::audit::Author;
use shared::env::Env;
use shared::ledger::{self, Blame};
use shared::message::Provider;
use worker::operator::Desk;
use worker::operator::credits::{self, Adjusted};
use worker::operator::{bill, explain::explain};

use crate::{GROUND, until};

const BRIEF: &str = "Crée un post sur les xylophones";

fn desk(sandbox: &Sandbox) -> Desk {
    Desk::open(Env::from_values(sandbox.variables.clone())).unwrap()
}

async fn execute(sandbox: &Sandbox, statement: &'static str) {
    sqlx::raw_sql(statement).execute(&sandbox.pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balance_is_explained_line_by_line_and_names_nobody() {
    run(&GROUND, async |sandbox| {
        let (desk, alice) = (desk(sandbox), sandbox.person(Provider::Meta).with_credits(2).await);
        let said = alice.says(BRIEF).await;
        alice.hears().await;
        sandbox.stage.openai.fails_next(1, OpenAiFault::Refusal);
        alice.says(BRIEF).await;
        alice.hears().await;
        alice.says("acheter 20").await;
        alice.hears().await;
        let page = sandbox.stage.stripe.sessions().remove(0);
        sandbox.stage.stripe.pays(&page.id).await;
        alice.hears().await;
        sandbox.stage.stripe.refunds(&page.id, 245).await.unwrap();
        let account = alice.account().await;
        let now = sandbox.clock.now();
        let author = Author::operator("camille", "a gift for waiting so long").unwrap();
        let correction = (&author, "ticket-7");
        assert!(matches!(credits::adjust(&desk, &account, 3, correction, now).await.unwrap(), Adjusted::To(left) if left.get() == 14));

        let told = credits::explain(&desk, &account).await.unwrap();
        let lines: Vec<(i64, i64, &str)> =
            told.lines.iter().map(|line| (line.delta, line.sum, line.reason.as_str())).collect();
        let expected = [
            (2, 2, "purchase"),
            (-1, 1, "whatsapp_generation"),
            (-1, 0, "whatsapp_generation"),
            (1, 1, "refund"),
            (20, 21, "purchase"),
            (-10, 11, "refund"),
            (3, 14, "adjustment"),
        ];
        assert_eq!((lines.as_slice(), told.balance, told.sum), (&expected[..], 14, 14));
        let page_of = told.to_string();
        let message = format!("message #{}, posts", said.id.fingerprint());
        for part in ["the web app's own", &message, "refused", "payment pack_20, cs_test_", "money went back: ", "a gift for waiting so long"] {
            assert!(page_of.contains(part), "{part} is not in\n{page_of}");
        }
        let shown = credits::show(&desk, &account, now, false).await.unwrap();
        assert_eq!((shown.balance, shown.debt, shown.held.len()), (14, 0, 0));
        for secret in ["639980", "xylophone"] {
            assert!(!page_of.contains(secret) && !shown.to_string().contains(secret), "{secret} is shown");
        }
        let revealed = credits::show(&desk, &account, now, true).await.unwrap().to_string();
        assert!(revealed.contains("+33639980"), "{revealed}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_found_by_any_of_their_names() {
    run(&GROUND, async |sandbox| {
        let (desk, alice) = (desk(sandbox), sandbox.person(Provider::Twilio).with_credits(1).await);
        let said = alice.says("solde").await;
        alice.hears().await;
        execute(sandbox, r#"update "User" set "email" = 'Camille@Example.com'"#).await;
        let account = alice.account().await;
        let sender = explain(&desk, said.id.as_str(), false).await.unwrap().sender.unwrap();
        let number: String =
            sqlx::query_scalar(r#"select "waPhoneE164" from "User""#).fetch_one(&sandbox.pool).await.unwrap();
        for name in [account.as_str(), number.as_str(), "camille@example.com", sender.as_str()] {
            assert_eq!(credits::find(&desk, name).await.unwrap(), account, "{name}");
        }
        for nobody in ["", "+33600000000", "#000000000000", "%"] {
            assert!(credits::find(&desk, nobody).await.is_err(), "{nobody}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_is_made_once_and_never_below_zero() {
    run_without_worker(&GROUND, async |sandbox| {
        let (desk, alice) = (desk(sandbox), sandbox.person(Provider::Meta).with_credits(5).await);
        let (account, now) = (alice.account().await, sandbox.clock.now());
        let adjust = async |delta, key| {
            credits::adjust(&desk, &account, delta, (&crate::author(), key), now).await.unwrap()
        };
        assert!(matches!(adjust(-6, "a").await, Adjusted::TooMuch));
        assert!(matches!(adjust(-5, "a").await, Adjusted::To(left) if left.get() == 0));
        assert!(matches!(adjust(-5, "a").await, Adjusted::Before(left) if left.get() == 0));
        assert!(matches!(adjust(2, "b").await, Adjusted::To(left) if left.get() == 2));
        assert!(
            credits::adjust(&desk, &account, i32::MAX, (&crate::author(), "c"), now).await.is_err(),
            "no number is that large"
        );
        let acts: Vec<(String, String, String)> =
            sqlx::query_as("select actor, key, note from wa.audit order by id")
                .fetch_all(&sandbox.pool)
                .await
                .unwrap();
        assert_eq!(acts.len(), 2, "what was not made is not written down: {acts:?}");
        assert_eq!(acts[0], ("operator:test".into(), "adjustment:a".into(), "a test".into()));
        assert_eq!(alice.credits().await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_web_app_does_is_no_difference() {
    run_without_worker(&GROUND, async |sandbox| {
        // Opened with its column's default and no line; spends with its own lines; a linked person writes to us.
        execute(
            sandbox,
            r#"insert into "User" ("id", "waPhoneE164", "updatedAt") values ('web1', '+33639980001', now()), ('web2', null, now());
               update "User" set "credits" = "credits" - 1 where "id" = 'web2';
               insert into "CreditLedger" ("id", "userId", "delta", "reason") values ('l1', 'web2', -1, 'web_generation')"#,
        )
        .await;
        sandbox.starts_worker();
        let alice = sandbox.person(Provider::Meta);
        alice.says(BRIEF).await;
        assert!(alice.hears().await.contains("Il vous reste 4 crédits."));
        let report = credits::check(&desk(sandbox), sandbox.clock.now()).await.unwrap();
        assert_eq!((report.imbalance, report.openings, report.opening), (0, 2, 5), "{report}");
        let told = credits::explain(&desk(sandbox), &alice.account().await).await.unwrap();
        assert_eq!((told.sum, told.balance, told.lines[0].delta), (4, 4, 5));
        // The default of an account that began in WhatsApp is nothing: there the same five are a difference.
        let bob = sandbox.person(Provider::Twilio);
        bob.says("solde").await;
        bob.hears().await;
        sandbox.is_quiet().await;
        sqlx::query(r#"update "User" set "credits" = 5 where "id" = $1"#)
            .bind(bob.account().await.as_str())
            .execute(&sandbox.pool)
            .await
            .unwrap();
        let report = credits::check(&desk(sandbox), sandbox.clock.now()).await.unwrap();
        assert_eq!((report.imbalance, report.differences.len()), (5, 1), "{report}");
        sqlx::query(r#"update "User" set "credits" = 0 where "id" = $1"#)
            .bind(bob.account().await.as_str())
            .execute(&sandbox.pool)
            .await
            .unwrap();
        // The books of a test must add up by their lines alone.
        execute(
            sandbox,
            r#"insert into "CreditLedger" ("id", "userId", "delta", "reason") values ('l2', 'web1', 5, 'signup'), ('l3', 'web2', 5, 'signup')"#,
        )
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balance_that_somebody_moved_is_found_and_so_is_when() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(9).await;
        alice.says(BRIEF).await;
        alice.hears().await;
        execute(sandbox, r#"update "User" set "credits" = "credits" + 7"#).await;
        alice.says(BRIEF).await;
        assert!(alice.hears().await.contains("Il vous reste 14 crédits."));
        sandbox.is_quiet().await;
        // Whoever works looks by themselves, and tells the same figure.
        until("the gauge", async || ledger::imbalance(&sandbox.pool).await.unwrap() == Some(7)).await;
        let report = credits::check(&desk(sandbox), sandbox.clock.now()).await.unwrap();
        assert_eq!((report.imbalance, report.differences[0].balance, report.differences[0].sum), (7, 14, 7));
        assert!(report.differences[0].why.contains("between"), "{report}");
        let told = credits::explain(&desk(sandbox), &alice.account().await).await.unwrap().to_string();
        assert!(told.contains("+7 that no line explains"), "{told}");
        execute(sandbox, r#"update "User" set "credits" = "credits" - 7"#).await;
        until("the gauge", async || ledger::imbalance(&sandbox.pool).await.unwrap() == Some(0)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_ours_that_was_changed_behind_the_database_is_ours_to_explain() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(9).await;
        alice.says(BRIEF).await;
        alice.hears().await;
        sandbox.is_quiet().await;
        let tamper = r#"alter table "CreditLedger" disable trigger wa_ledger_is_append_only;
            update "CreditLedger" set "delta" = -2 where "reason" = 'whatsapp_generation'"#;
        execute(sandbox, tamper).await;
        let found = ledger::look(&sandbox.pool).await.unwrap();
        assert_eq!((found.imbalance(), &found.differences[0].blame), (1, &Blame::OurLines(1)));
        execute(sandbox, r#"update "CreditLedger" set "delta" = -1 where "reason" = 'whatsapp_generation'"#)
            .await;
    })
    .await;
}

/// The web app may move a balance in one statement and write its line in another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_comes_a_moment_after_its_balance_is_no_difference() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        execute(sandbox, r#"update "User" set "credits" = "credits" - 1"#).await;
        let between = ledger::look(&sandbox.pool).await.unwrap();
        assert_eq!(between.imbalance(), 1);
        execute(
            sandbox,
            r#"insert into "CreditLedger" ("id", "userId", "delta", "reason") select 'l1', "id", -1, 'web_generation' from "User""#,
        )
        .await;
        let after = ledger::look(&sandbox.pool).await.unwrap();
        assert_eq!(ledger::confirmed(&between, after).imbalance(), 0);
        assert_eq!(ledger::confirmed(&between, between.clone()).imbalance(), 1);
        assert_eq!(alice.credits().await, 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_model_costs_is_told_by_message_and_by_day() {
    run(&GROUND, async |sandbox| {
        let (desk, alice) = (desk(sandbox), sandbox.person(Provider::Meta).with_credits(5).await);
        let mut said = None;
        for _ in 0..2 {
            said = Some(alice.says(BRIEF).await);
            alice.hears().await;
        }
        sandbox.is_quiet().await;
        // gpt-4o-mini: 0.15 and 0.60 dollars for a million tokens, each step rounded up to a millionth.
        let steps: Vec<(i32, i32, i64)> =
            sqlx::query_as("select prompt_tokens, completion_tokens, cost_micros from wa.step")
                .fetch_all(&sandbox.pool)
                .await
                .unwrap();
        assert_eq!(steps.len(), 6);
        for (read, written, cost) in &steps {
            // In hundredths of a millionth.
            let exact = i64::from(*read) * 15 + i64::from(*written) * 60;
            assert_eq!(*cost, (exact + 99) / 100);
        }
        let total: i64 = steps.iter().map(|(.., cost)| cost).sum();
        let today = bill::since(&desk, sandbox.clock.now().date_naive()).await.unwrap();
        assert_eq!((today.days[0].cost_micros, today.days[0].steps, today.days[0].people), (total, 6, 1));
        assert!(today.to_string().contains(&format!("$0.{total:06}")), "{today}");
        let story = explain(&desk, said.unwrap().id.as_str(), false).await.unwrap();
        let model = story.model.clone().unwrap();
        assert!(model.ends_with(&format!("$0.{:06}", total / 2)), "{model}");
        let step = story.events.iter().find(|line| line.what == "model: posts").unwrap();
        assert!(step.detail.contains("$0.000"), "{}", step.detail);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_had_enough_for_today_is_told_and_not_charged() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.variables.insert("DAILY_CAP_PERSON".into(), "0.0001".into());
        sandbox.starts_worker();
        let alice = sandbox.person(Provider::Meta).with_credits(9).await;
        let bob = sandbox.person(Provider::Twilio).with_credits(9).await;
        // What was begun before the limit goes on beyond it, also when it has to be tried again.
        sandbox.stage.openai.fails_later(1, 1, OpenAiFault::Overloaded503);
        alice.says(BRIEF).await;
        assert!(alice.hears().await.contains("*3.* "));
        let calls = sandbox.stage.openai.calls().len();
        alice.says(BRIEF).await;
        let told = alice.hears().await;
        assert!(told.starts_with("Vous avez beaucoup créé aujourd’hui"), "{told}");
        alice.says("solde").await;
        assert!(alice.hears().await.contains("8 crédits"));
        assert_eq!((sandbox.stage.openai.calls().len(), alice.charges().await), (calls, (1, 0)));
        bob.says(BRIEF).await;
        assert!(bob.hears().await.contains("*3.* "), "one person's limit is nobody else's");
        sandbox.is_quiet().await;
        let capped: i64 = sqlx::query_scalar("select count(*) from wa.receipt where outcome = 'capped'")
            .fetch_one(&sandbox.pool)
            .await
            .unwrap();
        assert_eq!(capped, 1);
        sandbox.advances(std::time::Duration::from_hours(24));
        alice.says(BRIEF).await;
        assert!(alice.hears().await.contains("*3.* "), "tomorrow is another day");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_everybody_has_had_enough_everybody_is_told() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.variables.insert("DAILY_CAP_TOTAL".into(), "0.0001".into());
        let alice = sandbox.person(Provider::Meta).with_credits(9).await;
        let bob = sandbox.person(Provider::Twilio).with_credits(9).await;
        sandbox.starts_worker();
        alice.says(BRIEF).await;
        assert!(alice.hears().await.contains("*3.* "));
        sandbox.is_quiet().await;
        sandbox.stops_workers().await;
        // One that has not added up yet: the sum may be some seconds old.
        sandbox.starts_worker();
        bob.says(BRIEF).await;
        let told = bob.hears().await;
        assert!(told.starts_with("Postly a atteint sa limite du jour"), "{told}");
        assert_eq!((bob.credits().await, bob.charges().await), (9, (0, 0)));
    })
    .await;
}
