//! What is told about Meta, Twilio and the model.

use sandbox::simulators::openai::Model;
use worker::doctor::Verdict;

use super::{Clinic, line};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_refused_is_a_failure_of_its_provider_alone() {
    let mut clinic = Clinic::well().await;
    clinic.set("META_ACCESS_TOKEN", "wrong-meta");
    clinic.set("TWILIO_AUTH_TOKEN", "wrong-twilio");
    clinic.set("OPENAI_API_KEY", "wrong-openai");
    clinic.set("STRIPE_SECRET_KEY", "sk_test_wrong-stripe");
    let refused = [
        "meta token",
        "meta subscription",
        "meta template",
        "twilio account",
        "twilio sender",
        "twilio template",
        "openai model",
        "openai transcription",
        "stripe key",
        "stripe webhook",
    ];
    let report = clinic.shows(&refused.map(|name| (name, Verdict::Failed)), 1).await;
    assert!(line(&report, "meta token").found.contains("190"));
    assert!(!report.to_string().contains("wrong-"), "{report}");
    clinic.closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_providers_own_state_is_told() {
    let mut clinic = Clinic::well().await;
    clinic.stage.meta.number_is("FLAGGED", "RED");
    clinic.stage.meta.unsubscribes();
    clinic.stage.meta.webhook_url("https://elsewhere.example/api/whatsapp/webhook?token=s3cret");
    clinic.stage.twilio.public_url("https://elsewhere.example/api/whatsapp/webhook");
    clinic.set("META_OTP_TEMPLATE", "unknown");
    clinic.set("TWILIO_OTP_CONTENT_SID", "HX00000000000000000000000000000000");
    let expected = [
        ("meta number", Verdict::Warning),
        ("meta webhook", Verdict::Warning),
        ("meta subscription", Verdict::Failed),
        ("meta template", Verdict::Failed),
        ("twilio webhook", Verdict::Failed),
        ("twilio template", Verdict::Failed),
    ];
    let report = clinic.shows(&expected, 1).await;
    assert!(!report.to_string().contains("s3cret"), "{report}");
    clinic.set("META_PHONE_NUMBER_ID", "4711");
    let report = clinic.report().await;
    assert!(line(&report, "meta token").found.contains("100/33"), "{report}");
    clinic.closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_is_told_before_and_after_its_end() {
    let mut clinic = Clinic::well().await;
    for (days, verdict, code) in [(-1, Verdict::Failed, 1), (30, Verdict::Warning, 0), (400, Verdict::Ok, 0)]
    {
        let end = (clinic.clock.now() + chrono::TimeDelta::days(days)).date_naive().to_string();
        let mut models = Model::current();
        for model in &mut models {
            model.shutdown_date = Some(end.clone());
        }
        clinic.stage.openai.models(models);
        let report = clinic.report().await;
        assert_eq!((line(&report, "openai model").verdict, report.exit_code()), (verdict, code), "{report}");
    }
    clinic.stage.openai.models(Model::current());
    clinic.set("OPENAI_TRANSCRIBE_MODEL", "deaf");
    clinic.shows(&[("openai transcription", Verdict::Warning)], 0).await;
    clinic.set("OPENAI_TRANSCRIBE_MODEL", "off");
    clinic.stage.openai.models(Vec::new());
    clinic.shows(&[("openai model", Verdict::Failed)], 1).await;
    clinic.closes().await;
}
