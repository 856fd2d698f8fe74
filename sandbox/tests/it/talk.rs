//! What is said beside briefs: languages, the history, slips, and words for company.

use sandbox::conversation::Sandbox;
use shared::message::Provider;

const BRIEF: &str = "Crée un post promo pour l’ouverture de ma boulangerie";

async fn a_language_is_chosen_once_and_stays(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(3).await;
    alice.says("Langue").await;
    let asked = alice.hears().await;
    assert!(asked.starts_with("🌍 Dans quelle langue") && asked.contains("English"), "{asked}");
    alice.chooses("lang:en").await;
    assert!(alice.hears().await.starts_with("🇬🇧 Noted"));
    alice.says("solde").await;
    assert_eq!(alice.hears().await, "💳 You have 3 credits left.");
    let web: String =
        sqlx::query_scalar(r#"select "waPreferredLang" from "User""#).fetch_one(&sandbox.pool).await.unwrap();
    assert_eq!(web, "en", "the web app sees it");
    // The words around the posts are in that language, the posts in that of the brief.
    alice.says(BRIEF).await;
    let posts = alice.hears().await;
    assert!(posts.starts_with("✨ Here are your three posts") && posts.contains("bonnes raisons"), "{posts}");
    alice.says("langue : français").await;
    assert!(alice.hears().await.starts_with("🇫🇷 C’est noté"));
    alice.says("lang klingon").await;
    assert!(alice.hears().await.starts_with("🌍 Dans quelle langue"));
    assert_eq!(alice.charges().await, (1, 0));
}

/// The language of the interface follows the brief until one is chosen; the posts may be wanted in another one.
async fn who_writes_english_is_answered_in_english(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(2).await;
    alice.says("Write a post about the opening of our new bakery, please").await;
    let posts = alice.hears().await;
    assert!(posts.starts_with("✨ Here are your three posts"), "{posts}");
    alice.says("balance").await;
    assert_eq!(alice.hears().await, "💳 You have 1 credit left.");
    alice.says("Un post en anglais sur l’ouverture de notre boulangerie à Lyon").await;
    let posts = alice.hears().await;
    assert!(posts.starts_with("✨ Voici vos trois posts") && posts.contains("good reasons"), "{posts}");
    // Before any model is asked, the words alone must tell.
    alice.says("Write a post about the opening of our second bakery in the old town").await;
    assert!(alice.hears().await.starts_with("You have no credits left"));
    alice.says("Un post sur l’ouverture de notre deuxième boulangerie dans la vieille ville").await;
    assert!(alice.hears().await.starts_with("Vous n’avez plus de crédit"));
}

async fn the_history_gives_back_what_was_paid_for(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(9).await;
    alice.says("historique").await;
    assert!(alice.hears().await.starts_with("Je n’ai pas encore de posts de vous"));
    let mut written = Vec::new();
    for what in ["le pain", "le vin", "les fleurs", "la neige", "la mer", "les lilas"] {
        alice.says(&format!("Un post sur {what}")).await;
        written.push(alice.hears().await);
    }
    let calls = sandbox.stage.openai.calls().len();
    alice.says("/History").await;
    let list = alice.hears().await;
    assert!(list.starts_with("🗂️ Vos derniers posts") && list.contains("Un post sur les lilas"), "{list}");
    assert!(!list.contains("le pain"), "the last five: {list}");
    // The oldest of the five stands last.
    alice.picks(5).await;
    let again = alice.hears().await;
    let first_post = |text: &str| text.lines().find(|line| line.starts_with("*1.*")).map(str::to_owned);
    assert!(again.starts_with("🗂️ Voici de nouveau vos trois posts"), "{again}");
    assert_eq!(first_post(&again), first_post(&written[1]));
    // Somebody else's are not theirs.
    let id: String = sqlx::query_scalar(r#"select "id" from "Generation" limit 1"#)
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
    let bob = sandbox.person(provider);
    for stolen in
        [format!("history:{id}"), format!("post:{id}:1"), format!("again:{id}"), format!("shorter:{id}")]
    {
        bob.says(&stolen).await;
        assert!(bob.hears().await.starts_with("Je n’ai pas encore de posts de vous"), "{stolen}");
    }
    assert_eq!((alice.charges().await, sandbox.stage.openai.calls().len()), ((6, 0), calls));
}

async fn one_post_comes_alone_to_be_copied(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(3).await;
    alice.says(BRIEF).await;
    let all = alice.hears().await;
    let posts: Vec<String> = sqlx::query_scalar(r#"select unnest("variants") from "Generation""#)
        .fetch_all(&sandbox.pool)
        .await
        .unwrap();
    for (said, post) in [("2", 1), ("post 3", 2), ("1.", 0)] {
        alice.says(said).await;
        assert_eq!(alice.hears().await, posts[post], "{said}");
        assert!(all.contains(&posts[post]));
    }
    alice.says("7").await;
    assert!(alice.hears().await.starts_with("Je ne sais pas à quel choix"));
    assert_eq!((alice.charges().await, sandbox.stage.openai.calls().len()), ((1, 0), 3));
}

async fn slips_and_small_talk_cost_nothing(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(3).await;
    for (said, answer) in [
        ("sodle", "Vouliez-vous dire *solde* ?"),
        ("achetter", "Vouliez-vous dire *acheter* ?"),
        ("suprimer mes donées", "Vouliez-vous dire *supprimer mes données* ?"),
        ("merci !", "Avec plaisir !"),
        ("👍", "👌 Je suis là"),
        ("ok", "👌 Je suis là"),
        ("?", "👋 Je suis *Postly*"),
        ("Bonjour", "👋 Je suis *Postly*"),
        ("connexion", "🔐 Votre code de connexion arrive"),
    ] {
        alice.says(said).await;
        let heard = alice.hears().await;
        assert!(heard.starts_with(answer), "{said}: {heard}");
    }
    assert_eq!((alice.charges().await, sandbox.stage.openai.calls().len()), ((0, 0), 0));
}

async fn a_chat_is_led_back_to_posts_and_costs_nothing(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(3).await;
    alice.says("Quel temps fait-il à Lyon demain, s’il te plaît ?").await;
    let heard = alice.hears().await;
    assert!(
        heard.starts_with("🙂 Je ne suis pas doué pour la conversation") && heard.contains("3 crédits"),
        "{heard}"
    );
    alice.says("Un post sur le temps qu’il fait à Lyon").await;
    assert!(alice.hears().await.starts_with("✨"));
    sandbox.is_quiet().await;
    // One step for the chat, three for the post; what was held for the chat came back.
    assert_eq!((alice.charges().await, alice.credits().await), ((2, 1), 2));
    assert_eq!(sandbox.stage.openai.calls().len(), 4);
}

async fn who_wants_to_be_forgotten_is_asked_first(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(3).await;
    let wishes = async || -> i64 {
        sqlx::query_scalar("select count(*) from wa.erasure where via = 'chat'")
            .fetch_one(&sandbox.pool)
            .await
            .unwrap()
    };
    alice.says("Supprimer mes données").await;
    assert!(alice.hears().await.starts_with("🗑️ Voulez-vous que nous supprimions"));
    alice.says("merci").await;
    alice.hears().await;
    assert_eq!(wishes().await, 0);
    alice.says("oui").await;
    assert!(alice.hears().await.starts_with("🗑️ C’est parti"));
    assert_eq!(wishes().await, 1);
}

crate::for_each_provider! {
    language => super::a_language_is_chosen_once_and_stays;
    detected => super::who_writes_english_is_answered_in_english;
    history => super::the_history_gives_back_what_was_paid_for;
    one_post => super::one_post_comes_alone_to_be_copied;
    for_nothing => super::slips_and_small_talk_cost_nothing;
    off_topic => super::a_chat_is_led_back_to_posts_and_costs_nothing;
    erasure => super::who_wants_to_be_forgotten_is_asked_first;
}
