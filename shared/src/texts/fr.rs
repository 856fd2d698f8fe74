//! Le français, langue première du produit. En français, zéro et un sont au singulier.

use super::{Text, Words, beginning};
use crate::language::Language;
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
            • *acheter* : recharger vos crédits\n\
            • *aide* : ce message"
            .to_owned(),
        Text::Balance(credits) => format!("💳 Il vous reste {}.", count(credits)),
        Text::OutOfCredits { offers: [] } => {
            "Vous n’avez plus de crédit, je ne peux donc pas créer ces posts pour l’instant. \
            Rien n’a été débité.\n\n\
            Rechargez votre compte sur le site de Postly, puis renvoyez-moi votre idée."
                .to_owned()
        }
        Text::OutOfCredits { .. } => {
            "Vous n’avez plus de crédit, je ne peux donc pas créer ces posts pour l’instant. \
            Rien n’a été débité.\n\n\
            Je garde votre idée pendant 24 heures : choisissez une recharge, et je vous proposerai de créer les posts dès que le paiement sera reçu."
                .to_owned()
        }
        Text::Posts { posts: [one, two, three], left, low } => {
            return vec![
                "✨ Voici vos trois posts, prêts à publier :".to_owned(),
                format!("*1.* {one}"),
                format!("*2.* {two}"),
                format!("*3.* {three}"),
                if low {
                    format!("💳 Il ne vous reste que {}. Écrivez *acheter* pour recharger.", count(left))
                } else {
                    format!("💳 Il vous reste {}.", count(left))
                },
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
        Text::Shop { .. } => {
            "🛒 Quelle recharge voulez-vous ? Vous payez sur une page sécurisée de Stripe.".to_owned()
        }
        Text::NoShop => {
            "Pour l’instant, les crédits s’achètent sur le site de Postly. Ils sont aussitôt disponibles ici."
                .to_owned()
        }
        Text::Checkout { credits, price, url } => format!(
            "Voici votre page de paiement pour {} ({}) :\n{url}\n\n\
            Cette page vous est réservée et reste ouverte 23 heures. Je vous écris dès que le paiement est reçu.",
            count(credits),
            price.in_language(Language::Fr)
        ),
        Text::ShopClosed => "😕 Le paiement n’est pas disponible pour le moment. Rien n’a été payé ni débité. \
            Réessayez dans quelques minutes en écrivant *acheter*."
            .to_owned(),
        Text::Paid { bought, left, kept } => {
            let thanks = format!(
                "✅ Merci ! Votre paiement a bien été reçu ({}). Votre solde : {}.",
                count(bought),
                count(left)
            );
            match kept {
                None => thanks,
                Some(brief) => {
                    format!("{thanks}\n\nVotre idée attend : « {} ». Je crée les posts ? (1 crédit)", beginning(brief))
                }
            }
        }
        Text::PaymentFailed => "😕 Votre paiement n’a pas abouti : rien n’a été prélevé et aucun crédit n’a été ajouté. \
            Vous pouvez réessayer en écrivant *acheter*."
            .to_owned(),
        Text::NothingOffered => "Je ne sais pas à quel choix correspond ce numéro. \
            Écrivez *acheter* pour voir les recharges, ou envoyez-moi votre idée de post."
            .to_owned(),
        Text::NothingKept => "Je n’ai plus votre idée : je ne la garde que 24 heures. \
            Renvoyez-la-moi et je m’en occupe. Rien n’a été débité."
            .to_owned(),
        Text::Capped { everybody: false } => "Vous avez beaucoup créé aujourd’hui : la limite du jour est atteinte. \
            Rien n’a été débité. Renvoyez-moi votre idée demain."
            .to_owned(),
        Text::Capped { everybody: true } => "Postly a atteint sa limite du jour et ne peut pas créer de posts pour \
            l’instant. Rien n’a été débité. Renvoyez-moi votre idée demain."
            .to_owned(),
        Text::PickByNumber => "Répondez par le numéro de votre choix.".to_owned(),
    };
    vec![sentence]
}

pub(super) const WORDS: Words = Words { packs: "Voir les recharges", write_them: "Créer les posts", count };

fn count(credits: Credits) -> String {
    match credits.get() {
        0 => "0 crédit".to_owned(),
        1 => "1 crédit".to_owned(),
        many => format!("{many} crédits"),
    }
}
