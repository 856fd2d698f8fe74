//! Le français, langue première du produit. En français, zéro et un sont au singulier.

use chrono::{DateTime, Datelike, Utc};

use super::menu::Words;
use super::{Text, Unheard, Unread, beginning, numbered, said};
use crate::generation::Revision;
use crate::language::Language;
use crate::ledger::Credits;

#[expect(clippy::too_many_lines, reason = "one match: a sentence that is missing does not compile")]
pub(super) fn say(text: Text<'_>) -> Vec<String> {
    let sentence = match text {
        Text::Help => "👋 Je suis *Postly* : j’écris vos posts pour les réseaux sociaux.\n\n\
            Envoyez-moi votre idée, par exemple :\n\
            « Crée un post promo pour Instagram »\n\
            et vous recevez trois posts prêts à publier (1 crédit). Un message vocal convient aussi.\n\n\
            Les mots que je connais :\n\
            • *gen* suivi de votre idée : créer des posts\n\
            • *solde* : vos crédits\n\
            • *acheter* : recharger vos crédits\n\
            • *encore* : une autre version (1 crédit)\n\
            • *traduire*, *plus court* : retoucher vos posts (gratuit)\n\
            • *historique* : vos derniers posts\n\
            • *langue* : français ou anglais\n\
            • *connexion* : votre compte sur le site\n\
            • *stop* : ne plus recevoir de messages\n\
            • *exporter mes données*, *supprimer mes données*\n\
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
        Text::Posts { posts, left, low, .. } => {
            let mut blocks = numbered("✨ Voici vos trois posts, prêts à publier :", posts);
            blocks.push(if low {
                    format!("💳 Il ne vous reste que {}. Écrivez *acheter* pour recharger.", count(left))
                } else {
                    format!("💳 Il vous reste {}.", count(left))
                });
            return blocks;
        }
        Text::Unread(kind) => unread(kind).to_owned(),
        Text::EditedTooLate => "✏️ Votre modification est arrivée trop tard : ces posts suivent la première version de votre message. \
            Je recommence avec la nouvelle ? (1 crédit)"
            .to_owned(),
        Text::Busy => "⏳ Il y a beaucoup de demandes en ce moment : ma réponse prendra plus de temps que d’habitude. \
            Votre message est bien arrivé, inutile de le renvoyer."
            .to_owned(),
        Text::Heard { words } => format!("🎤 «\u{a0}{}\u{a0}»", said(words)),
        Text::Unheard(why) => unheard(why).to_owned(),
        Text::BriefMissing => "Dites-moi de quoi doit parler le post, par exemple : \
            « gen soldes d’hiver pour ma boutique, sur Instagram »."
            .to_owned(),
        Text::Refused(credits) => format!(
            "Je ne peux pas écrire de post sur ce sujet. Rien n’a été débité : il vous reste {}.",
            count(credits)
        ),
        Text::OffTopic(credits) => format!(
            "🙂 Je ne suis pas doué pour la conversation : mon métier, c’est d’écrire des posts pour vos réseaux sociaux. \
            Dites-moi de quoi le prochain doit parler. Rien n’a été débité : il vous reste {}.",
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
        Text::Paid { bought, settled, left, kept } => {
            let settled = match settled.get() {
                0 => String::new(),
                1 => " 1 crédit a servi à régler un remboursement antérieur.".to_owned(),
                many => format!(" {many} crédits ont servi à régler un remboursement antérieur."),
            };
            let thanks = format!(
                "✅ Merci ! Votre paiement a bien été reçu ({}).{settled} Votre solde : {}.",
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
        Text::TooFast { minutes } => format!(
            "🐢 Vous allez plus vite que moi ! Je n’ai pas commencé cette idée et rien n’a été débité. \
            Renvoyez-la-moi dans {}.",
            if minutes <= 1 { "une minute".to_owned() } else { format!("{minutes} minutes") }
        ),
        Text::Thanks => "Avec plaisir ! Envoyez-moi votre prochaine idée quand vous voulez. 🙂".to_owned(),
        Text::Listening => {
            "👌 Je suis là : envoyez-moi une idée de post, ou écrivez *aide* pour voir ce que je sais faire.".to_owned()
        }
        Text::Almost { word } => format!(
            "Vouliez-vous dire *{}* ? Si c’est une idée de post, écrivez *gen* suivi de votre idée. \
            Rien n’a été débité.",
            word.fr
        ),
        Text::AskLanguage => "🌍 Dans quelle langue voulez-vous que je vous réponde ? \
            Vos posts, eux, suivent la langue de votre idée."
            .to_owned(),
        Text::LanguageSet => "🇫🇷 C’est noté : je vous réponds désormais en français. \
            Vos posts, eux, suivent la langue de votre idée."
            .to_owned(),
        Text::History { .. } => {
            "🗂️ Vos derniers posts. Choisissez ceux que vous voulez recevoir de nouveau, c’est gratuit.".to_owned()
        }
        Text::NoHistory => "Je n’ai pas encore de posts de vous ici. Envoyez-moi une idée et je m’en occupe.".to_owned(),
        Text::OnePost(post) => post.to_owned(),
        Text::Resent { posts, .. } => return numbered("🗂️ Voici de nouveau vos trois posts :", posts),
        Text::Revised { revision, posts, .. } => {
            let intro = match revision {
                Revision::Shorten => "✂️ Voici vos trois posts, en plus court :",
                Revision::Translate(Language::Fr) => "🇫🇷 Voici vos trois posts en français :",
                Revision::Translate(Language::En) => "🇬🇧 Voici vos trois posts en anglais :",
            };
            return numbered(intro, posts);
        }
        Text::Stopped => "C’est noté : je ne vous écris plus. Vos crédits restent à vous. \
            Écrivez *start* pour reprendre quand vous voulez."
            .to_owned(),
        Text::Started => "👋 Content de vous retrouver ! Envoyez-moi votre idée de post.".to_owned(),
        Text::StillStopped => "Vous m’avez demandé de ne plus vous écrire, je n’ai donc rien créé et rien n’a été débité. \
            Écrivez *start* pour reprendre."
            .to_owned(),
        Text::Login { url: Some(url) } => {
            format!("🔐 Votre compte est sur {url}\nConnectez-vous avec le numéro de ce téléphone.")
        }
        Text::Login { url: None } => {
            "🔐 Connectez-vous sur le site de Postly avec le numéro de ce téléphone.".to_owned()
        }
        Text::Code { code } => format!(
            "🔐 *{code}* est votre code de connexion à Postly, valable 10\u{a0}minutes. Ne le donnez à personne."
        ),
        Text::LoginCode { url } => format!(
            "🔐 Votre code de connexion arrive dans le prochain message. Saisissez-le sur {} avec le numéro de ce téléphone. \
            Il est valable 10\u{a0}minutes\u{a0}; ne le donnez à personne.",
            url.unwrap_or("le site de Postly")
        ),
        Text::LoginLater { minutes } => format!(
            "🔐 Je vous ai déjà envoyé un code. Vous pourrez en demander un autre dans {}.",
            if minutes <= 1 { "une minute".to_owned() } else { format!("{minutes}\u{a0}minutes") }
        ),
        Text::LoginNoNumber { url } => format!(
            "🔐 WhatsApp ne me montre pas votre numéro\u{a0}: je ne peux donc pas vous envoyer de code d’ici. \
            Saisissez votre numéro sur {}, et le code arrivera sur ce téléphone.",
            url.unwrap_or("le site de Postly")
        ),
        Text::SignIn(said) => said.fr(),
        Text::Export { url } => format!(
            "📦 Tout ce que nous gardons de vous tient dans un fichier\u{a0}: connectez-vous avec ce téléphone sur {}, puis \
            «\u{a0}Télécharger mes données\u{a0}». Pour tout faire supprimer, écrivez *supprimer mes données*.",
            url.unwrap_or("le site de Postly")
        ),
        Text::Exported => "📦 Voici tout ce que nous gardons de vous, dans un fichier que d’autres services savent lire (JSON). \
            Pour tout faire supprimer, écrivez *supprimer mes données*."
            .to_owned(),
        Text::ExportLater { minutes } => format!(
            "📦 Je viens de vous envoyer tout ce que nous gardons de vous\u{a0}: le fichier est un peu plus haut. Vous pourrez en \
            demander un nouveau dans {}.",
            if minutes <= 1 { "une minute".to_owned() } else { format!("{minutes}\u{a0}minutes") }
        ),
        Text::AskErase => "🗑️ Voulez-vous que nous supprimions vos messages, vos posts et vos coordonnées ? \
            Les crédits qui vous restent seraient perdus, et c’est définitif."
            .to_owned(),
        Text::Erasing { receipt } => format!(
            "🗑️ C’est parti\u{a0}: dans une minute, nous ne saurons plus rien de vous. Les écritures de paiement que la loi nous \
            oblige à garder le seront sans votre nom. Votre numéro de reçu\u{a0}: *{receipt}*. Cette conversation reste sur \
            votre téléphone\u{a0}; si vous nous écrivez de nouveau, vous repartirez de zéro."
        ),
        Text::PickByNumber => "Répondez par le numéro de votre choix.".to_owned(),
    };
    vec![sentence]
}

pub(super) const WORDS: Words = Words {
    packs: "Voir les recharges",
    write_them: "Créer les posts",
    choose: "Choisir",
    again: "Refaire (1 crédit)",
    translate: |language| match language {
        Language::Fr => "Traduire en français",
        Language::En => "Traduire en anglais",
    },
    shorter: "Plus court",
    post: "Post",
    free: "gratuit",
    start: "Reprendre",
    erase: "Oui, supprimer",
    count,
    day,
};

fn day(at: DateTime<Utc>) -> String {
    const MONTHS: [&str; 12] = [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ];
    let number = if at.day() == 1 { "1er".to_owned() } else { at.day().to_string() };
    format!("{number} {} {}", MONTHS[at.month0() as usize], at.year())
}

fn unread(kind: Unread) -> &'static str {
    match kind {
        Unread::Voice => {
            "🎤 Je ne sais pas encore écouter les messages vocaux. Écrivez-moi votre idée en une phrase et je m’en occupe. Rien n’a été débité."
        }
        Unread::Picture => {
            "📷 Bien reçu ! Que doit raconter le post qui ira avec cette image ? Décrivez-le-moi en une phrase. Rien n’a été débité."
        }
        Unread::Video => {
            "🎬 Je ne sais pas regarder les vidéos. Que doit raconter le post ? Décrivez-le-moi en une phrase. Rien n’a été débité."
        }
        Unread::Document => {
            "📄 Je ne sais pas lire les documents. Copiez-moi l’essentiel en une phrase et je m’en occupe. Rien n’a été débité."
        }
        Unread::Sticker => "😄 Joli ! Et si vous m’envoyiez une idée de post ?",
        Unread::Place => {
            "📍 C’est noté, mais un lieu seul ne me suffit pas : que doit raconter le post ? Rien n’a été débité."
        }
        Unread::Contact => {
            "👤 Je ne garde pas les contacts. Envoyez-moi plutôt une idée de post. Rien n’a été débité."
        }
        Unread::Other => {
            "Je ne sais pas lire ce type de message. Décrivez-moi votre post en une phrase et je m’en occupe. Rien n’a été débité."
        }
    }
}

fn unheard(why: Unheard) -> &'static str {
    match why {
        Unheard::Gone => {
            "🎤 Je n’ai pas pu récupérer votre message vocal. Renvoyez-le-moi, ou écrivez-moi votre idée en une phrase. Rien n’a été débité."
        }
        Unheard::TooLarge => {
            "🎤 Ce fichier audio est trop lourd pour moi : 16 Mo au plus. Envoyez-moi un message vocal plus court, ou écrivez-moi l’essentiel. Rien n’a été débité."
        }
        Unheard::TooLong => {
            "🎤 Ce message vocal est trop long pour moi : dites-moi l’essentiel en moins de cinq minutes, ou écrivez-le-moi. Rien n’a été débité."
        }
        Unheard::Format => {
            "🎤 Je ne sais pas lire ce format audio. Enregistrez un message vocal ici même, ou écrivez-moi votre idée en une phrase. Rien n’a été débité."
        }
        Unheard::Nothing => {
            "🎤 Je n’ai pas entendu de mots dans ce message vocal. Réessayez au calme, ou écrivez-moi votre idée en une phrase. Rien n’a été débité."
        }
    }
}

fn count(credits: Credits) -> String {
    match credits.get() {
        0 => "0 crédit".to_owned(),
        1 => "1 crédit".to_owned(),
        many => format!("{many} crédits"),
    }
}
