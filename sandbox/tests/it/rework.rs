//! What can be done with posts that were written: others for a credit, the same in short or in the other language free.

use sandbox::conversation::Sandbox;
use sandbox::person::Person;
use sandbox::simulators::openai::OpenAiFault;
use shared::message::Provider;

const BRIEF: &str = "Crée un post promo pour l’ouverture de ma boulangerie";

/// The posts of the last generation.
async fn last(sandbox: &Sandbox) -> Vec<String> {
    sqlx::query_scalar(
        r#"select unnest("variants") from (select "variants" from "Generation" order by "createdAt" desc limit 1) g"#,
    )
    .fetch_all(&sandbox.pool)
    .await
    .unwrap()
}

/// Somebody with posts.
async fn author(sandbox: &mut Sandbox, provider: Provider) -> Person {
    let alice = sandbox.person(provider).with_credits(3).await;
    alice.says(BRIEF).await;
    alice.hears().await;
    alice
}

async fn another_version_is_another_one_and_costs_a_credit(sandbox: &mut Sandbox, provider: Provider) {
    let alice = author(sandbox, provider).await;
    let first = last(sandbox).await;
    alice.chooses("again:").await;
    let heard = alice.hears().await;
    assert!(
        heard.starts_with("✨ Voici vos trois posts") && heard.contains("Il vous reste 1 crédit."),
        "{heard}"
    );
    let second = last(sandbox).await;
    assert!(second.iter().all(|post| !first.contains(post)), "{second:?}");
    alice.says("Encore !").await;
    assert!(alice.hears().await.contains("0 crédit."));
    alice.says("encore").await;
    assert!(alice.hears().await.starts_with("Vous n’avez plus de crédit"));
    assert_eq!((alice.credits().await, alice.charges().await, alice.generations().await), (0, (3, 0), 3));
    let briefs: Vec<String> = sqlx::query_scalar(r#"select distinct "brief" from "Generation""#)
        .fetch_all(&sandbox.pool)
        .await
        .unwrap();
    assert_eq!(briefs, [BRIEF]);
}

async fn shorter_is_shorter_and_free(sandbox: &mut Sandbox, provider: Provider) {
    let alice = author(sandbox, provider).await;
    let long = last(sandbox).await;
    alice.chooses("shorter:").await;
    let heard = alice.hears().await;
    assert!(heard.starts_with("✂️ Voici vos trois posts, en plus court"), "{heard}");
    let short = last(sandbox).await;
    let length = |post: &String| post.chars().count();
    assert!(short.iter().zip(&long).all(|(short, long)| length(short) * 2 <= length(long)), "{short:?}");
    // What numbers mean now are the short ones.
    alice.says("3").await;
    assert_eq!(alice.hears().await, short[2]);
    assert_eq!((alice.credits().await, alice.charges().await, alice.generations().await), (2, (1, 0), 2));
}

async fn a_translation_goes_there_and_back(sandbox: &mut Sandbox, provider: Provider) {
    let alice = author(sandbox, provider).await;
    alice.chooses("translate:en:").await;
    let heard = alice.hears().await;
    assert!(
        heard.starts_with("🇬🇧 Voici vos trois posts en anglais") && heard.contains("good reasons"),
        "{heard}"
    );
    alice.says("Traduire en français").await;
    let heard = alice.hears().await;
    assert!(
        heard.starts_with("🇫🇷 Voici vos trois posts en français") && heard.contains("bonnes raisons"),
        "{heard}"
    );
    alice.says("translate").await;
    assert!(alice.hears().await.starts_with("🇬🇧 Voici vos trois posts en anglais"));
    assert_eq!((alice.credits().await, alice.charges().await, alice.generations().await), (2, (1, 0), 4));
}

async fn a_revision_that_fails_costs_nothing_and_is_said(sandbox: &mut Sandbox, provider: Provider) {
    let alice = author(sandbox, provider).await;
    sandbox.stage.openai.fails_next_of("posts", 2, OpenAiFault::TwoEqualPosts);
    sandbox.stage.openai.fails_next_of("posts", 1, OpenAiFault::Refusal);
    alice.chooses("shorter:").await;
    alice.hears().await;
    sandbox.is_quiet().await;
    assert_eq!((alice.credits().await, alice.charges().await), (2, (1, 0)));
}

crate::for_each_provider! {
    again => super::another_version_is_another_one_and_costs_a_credit;
    shorter => super::shorter_is_shorter_and_free;
    translation => super::a_translation_goes_there_and_back;
    failing => super::a_revision_that_fails_costs_nothing_and_is_said;
}
