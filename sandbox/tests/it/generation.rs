//! The main path: a brief comes in, three posts come back, one credit is gone.

use sandbox::conversation::Sandbox;
use shared::message::Provider;

async fn a_brief_becomes_three_posts(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(5).await;
    alice.says("Crée un post promo pour Instagram").await;
    let answer = alice.hears().await;
    assert!(answer.starts_with("✨ Voici vos trois posts, prêts à publier :"), "{answer}");
    for number in 1..=3 {
        assert!(answer.contains(&format!("*{number}.* ")), "{answer}");
    }
    assert!(answer.contains("💳 Il vous reste 4 crédits."), "{answer}");
    assert_eq!((alice.credits().await, alice.generations().await), (4, 1));
}

crate::for_each_provider! {
    main_path => super::a_brief_becomes_three_posts;
}
