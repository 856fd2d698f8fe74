//! Le français, langue première du produit. En français, zéro et un sont au singulier.

use super::Text;
use crate::ledger::Credits;

pub(super) fn say(text: Text<'_>) -> Vec<String> {
    let sentence = match text {
        Text::Help => "👋 Je suis *Postly* : j’écris vos posts pour les réseaux sociaux.\n\n\
            Envoyez-moi votre idée, par exemple :\n\
            « Crée un post promo pour Instagram »\n\
            et vous recevez trois posts prêts à publier (1 crédit).\n\n\
            Les mots que je connais :\n\
            • *gen* suivi de votre idée : créer des posts\n\
            • *solde* : vos crédits\n\
            • *aide* : ce message"
            .to_owned(),
        Text::Balance(credits) => format!("💳 Il vous reste {}.", count(credits)),
        Text::OutOfCredits => {
            "Vous n’avez plus de crédit, je ne peux donc pas créer ces posts pour l’instant. \
            Rien n’a été débité.\n\n\
            Rechargez votre compte sur le site de Postly, puis renvoyez-moi votre idée."
                .to_owned()
        }
        Text::Posts { posts: [one, two, three], left } => {
            return vec![
                "✨ Voici vos trois posts, prêts à publier :".to_owned(),
                format!("*1.* {one}"),
                format!("*2.* {two}"),
                format!("*3.* {three}"),
                format!("💳 Il vous reste {}.", count(left)),
            ];
        }
        Text::TextOnly => "Pour l’instant, je ne lis que les messages écrits. \
            Décrivez-moi votre post en une phrase et je m’en occupe. Rien n’a été débité."
            .to_owned(),
        Text::BriefMissing => "Dites-moi de quoi doit parler le post, par exemple : \
            « gen soldes d’hiver pour ma boutique, sur Instagram »."
            .to_owned(),
        Text::Refused(credits) => format!(
            "Je ne peux pas écrire de post sur ce sujet. Rien n’a été débité : il vous reste {}.",
            count(credits)
        ),
        Text::Failed => "😕 Je n’ai pas réussi à créer vos posts cette fois-ci. \
            Aucun crédit ne vous est compté. Renvoyez votre idée dans quelques minutes."
            .to_owned(),
    };
    vec![sentence]
}

fn count(credits: Credits) -> String {
    match credits.get() {
        0 => "0 crédit".to_owned(),
        1 => "1 crédit".to_owned(),
        many => format!("{many} crédits"),
    }
}
