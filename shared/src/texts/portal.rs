//! The words of the portal, each in both languages side by side: those that stand on the page, and those that its script
//! says. What stands in braces is put in by the script; `.one` and `.many` are the two forms of a number.

/// A sentence: its key, in French, in English.
pub type Phrase = (&'static str, &'static str, &'static str);

/// What stands on the page.
pub const PAGE: &[Phrase] = &[
    ("title", "Votre compte Postly", "Your Postly account"),
    (
        "description",
        "Vos crédits, vos posts et votre téléphone, au même endroit.",
        "Your credits, your posts and your phone in one place.",
    ),
    ("skip", "Aller au contenu", "Skip to the content"),
    ("languages", "Langue", "Language"),
    ("sign_out", "Se déconnecter", "Sign out"),
    ("loading", "Chargement…", "Loading…"),
    (
        "no_script",
        "Cette page a besoin de JavaScript pour vous connecter.",
        "This page needs JavaScript to sign you in.",
    ),
    ("broken.title", "Nous n’arrivons pas à ouvrir votre compte", "We cannot open your account"),
    ("retry", "Réessayer", "Try again"),
    ("cancel", "Annuler", "Cancel"),
    (
        "footer",
        "Postly écrit vos posts dans WhatsApp. Cette page ne charge rien d’ailleurs et ne vous suit pas.",
        "Postly writes your posts in WhatsApp. This page loads nothing from elsewhere and does not track you.",
    ),
    ("out.title", "Connectez-vous à Postly", "Sign in to Postly"),
    (
        "out.lead",
        "Pas de mot de passe\u{a0}: votre numéro WhatsApp suffit. Si vous n’avez pas encore de compte, il sera créé.",
        "No password: your WhatsApp number is enough. If you have no account yet, one will be opened.",
    ),
    ("code.title", "Avec un code", "With a code"),
    ("code.number", "Votre numéro de téléphone", "Your phone number"),
    (
        "code.hint",
        "Par exemple 06 39 98 00 01, ou +32 pour un numéro belge. Le code arrive dans WhatsApp.",
        "For example 06 39 98 00 01 in France, or +44 for a British number. The code comes in WhatsApp.",
    ),
    ("code.send", "Recevoir un code", "Send me a code"),
    ("code.digits", "Le code à 6 chiffres", "The 6-digit code"),
    ("code.enter", "Valider le code", "Confirm the code"),
    ("code.resend", "Renvoyer un code", "Send another code"),
    ("code.other", "Changer de numéro", "Use another number"),
    ("whatsapp.title", "Avec WhatsApp", "With WhatsApp"),
    (
        "whatsapp.lead",
        "Envoyez-nous un message tout prêt, puis touchez le bon nombre. Rien à recopier.",
        "Send us a message that is already written, then tap the right number. Nothing to copy.",
    ),
    ("whatsapp.number", "Retenez ce nombre\u{a0}:", "Remember this number:"),
    ("whatsapp.open", "Ouvrir WhatsApp", "Open WhatsApp"),
    (
        "whatsapp.qr",
        "QR code\u{a0}: il ouvre WhatsApp sur votre téléphone, avec le message tout prêt.",
        "QR code: it opens WhatsApp on your phone, with the message already written.",
    ),
    (
        "whatsapp.how",
        "Scannez ce QR code avec votre téléphone, envoyez le message, puis touchez le nombre ci-dessus.",
        "Scan this QR code with your phone, send the message, then tap the number above.",
    ),
    ("whatsapp.here", "Ou ouvrez WhatsApp sur cet appareil.", "Or open WhatsApp on this device."),
    ("whatsapp.start", "Se connecter avec WhatsApp", "Sign in with WhatsApp"),
    ("in.title", "Votre compte", "Your account"),
    ("credits.title", "Vos crédits", "Your credits"),
    ("credits.price", "Un crédit, trois posts.", "One credit, three posts."),
    ("buy.title", "Recharger", "Buy more"),
    ("posts.title", "Vos posts", "Your posts"),
    (
        "posts.none",
        "Aucun post pour l’instant. Envoyez une idée à Postly dans WhatsApp.",
        "No posts yet. Send an idea to Postly in WhatsApp.",
    ),
    ("posts.more", "Voir des posts plus anciens", "Show older posts"),
    ("ledger.title", "L’historique de vos crédits", "What happened to your credits"),
    ("ledger.none", "Aucun mouvement pour l’instant.", "Nothing yet."),
    ("ledger.more", "Voir des mouvements plus anciens", "Show older lines"),
    ("phone.title", "Votre téléphone", "Your phone"),
    ("phone.linked", "est associé à ce compte.", "is linked to this account."),
    ("phone.unlink", "Dissocier ce numéro", "Unlink this number"),
    (
        "phone.only",
        "C’est par ce numéro que vous vous connectez\u{a0}: il reste associé à votre compte.",
        "You sign in by this number: it stays linked to your account.",
    ),
    (
        "phone.none",
        "Associez votre numéro WhatsApp\u{a0}: vos crédits servent alors ici et là-bas.",
        "Link your WhatsApp number: your credits then count here and there.",
    ),
    ("sessions.title", "Où vous êtes connecté", "Where you are signed in"),
    (
        "sessions.web",
        "Vous êtes connecté par le site de Postly\u{a0}: déconnectez-vous là-bas.",
        "You are signed in through the Postly site: sign out there.",
    ),
    ("export.title", "Vos données", "Your data"),
    (
        "export.lead",
        "Un fichier JSON avec tout ce que nous gardons de vous\u{a0}: compte, crédits, posts, messages, réactions et appareils.",
        "A JSON file with all that we keep of you: account, credits, posts, messages, reactions and devices.",
    ),
    ("export.do", "Télécharger mes données", "Download my data"),
    (
        "erase.lead",
        "Vous pouvez aussi tout faire supprimer\u{a0}: messages, posts, coordonnées, appareils.",
        "You can also have all of it deleted: messages, posts, contact details, devices.",
    ),
    ("erase.do", "Supprimer mes données", "Delete my data"),
];

/// What the script says.
pub const SCRIPT: &[Phrase] = &[
    (
        "error.offline",
        "Pas de réponse. Vérifiez votre connexion, puis réessayez.",
        "No answer. Check your connection, then try again.",
    ),
    (
        "error.broken",
        "Quelque chose ne marche pas chez nous. Réessayez dans quelques instants.",
        "Something is wrong on our side. Please try again shortly.",
    ),
    ("signed_in", "Vous êtes connecté.", "You are signed in."),
    ("signed_out", "Vous êtes déconnecté.", "You are signed out."),
    (
        "ended",
        "Votre session est terminée. Connectez-vous de nouveau.",
        "Your session has ended. Please sign in again.",
    ),
    ("code.no_number", "Écrivez d’abord votre numéro.", "Enter your number first."),
    ("code.six", "Le code se compose de six chiffres.", "The code has six digits."),
    (
        "code.sent",
        "Un code part dans WhatsApp\u{a0}: {phone}. Il est valable dix minutes.",
        "A code is on its way in WhatsApp: {phone}. It is valid for ten minutes.",
    ),
    (
        "code.again",
        "Un nouveau code est parti\u{a0}: {phone}. L’ancien ne sert plus.",
        "A new code is on its way: {phone}. The old one no longer works.",
    ),
    ("code.resend", "Renvoyer un code", "Send another code"),
    ("code.wait", "Renvoyer un code (dans {seconds})", "Send another code (in {seconds})"),
    ("seconds.one", "{n} seconde", "{n} second"),
    ("seconds.many", "{n} secondes", "{n} seconds"),
    ("whatsapp.start", "Se connecter avec WhatsApp", "Sign in with WhatsApp"),
    ("whatsapp.again", "Recommencer", "Start again"),
    (
        "whatsapp.waiting",
        "En attente de votre message. Dans WhatsApp, touchez {number}.",
        "Waiting for your message. In WhatsApp, tap {number}.",
    ),
    ("whatsapp.left", "Encore {seconds}.", "{seconds} left."),
    (
        "whatsapp.expired",
        "Le temps est écoulé. Recommencez quand vous voulez.",
        "Time is up. Start again whenever you like.",
    ),
    ("whatsapp.ended", "La connexion a été arrêtée dans WhatsApp.", "Signing in was stopped in WhatsApp."),
    (
        "whatsapp.closed",
        "Cette connexion n’est pas disponible pour l’instant. Utilisez un code.",
        "This is not available for the moment. Please use a code.",
    ),
    ("credits.one", "{n} crédit", "{n} credit"),
    ("credits.many", "{n} crédits", "{n} credits"),
    ("buy.one", "Acheter {credits} pour {price}", "Buy {credits} for {price}"),
    ("buy.opening", "Nous ouvrons la page de paiement…", "Opening the payment page…"),
    (
        "buy.elsewhere",
        "Pour l’instant, les crédits s’achètent sur le site de Postly.",
        "For the moment, credits are sold on the Postly site.",
    ),
    (
        "buy.closed",
        "Les recharges ne s’affichent pas pour l’instant. Revenez dans quelques minutes.",
        "What can be bought cannot be shown right now. Come back in a few minutes.",
    ),
    (
        "buy.failed",
        "La page de paiement ne s’ouvre pas. Rien n’a été payé. Réessayez dans quelques instants.",
        "The payment page does not open. Nothing was paid. Please try again shortly.",
    ),
    (
        "buy.too_many",
        "Vous avez ouvert beaucoup de pages de paiement. Réessayez dans dix minutes.",
        "You have opened many payment pages. Please try again in ten minutes.",
    ),
    ("paid.looking", "Nous cherchons votre paiement…", "We are looking for your payment…"),
    (
        "paid.yes",
        "Merci\u{202f}! Votre paiement est arrivé, vos crédits aussi.",
        "Thank you! Your payment has arrived, and so have your credits.",
    ),
    (
        "paid.late",
        "Votre paiement n’est pas encore confirmé. Vos crédits s’ajouteront dès qu’il le sera\u{a0}: inutile de payer une seconde fois.",
        "Your payment is not confirmed yet. Your credits will be added as soon as it is: no need to pay twice.",
    ),
    (
        "paid.failed",
        "Votre paiement n’a pas abouti\u{a0}: rien n’a été prélevé.",
        "Your payment did not go through: nothing was taken.",
    ),
    ("paid.no", "Paiement annulé\u{a0}: rien n’a été payé.", "Payment cancelled: nothing was paid."),
    ("posts.copy", "Copier", "Copy"),
    ("posts.copy_one", "Copier le post {n}", "Copy post {n}"),
    ("posts.copied", "Copié", "Copied"),
    (
        "posts.not_copied",
        "La copie ne marche pas ici. Sélectionnez le texte à la main.",
        "Copying does not work here. Select the text by hand.",
    ),
    ("ledger.whatsapp_generation", "Posts écrits dans WhatsApp", "Posts written in WhatsApp"),
    (
        "ledger.refund",
        "Crédit rendu, les posts n’ont pas abouti",
        "Credit given back, the posts did not work out",
    ),
    ("ledger.returned", "Paiement remboursé", "Payment refunded"),
    ("ledger.refund_reversed", "Remboursement annulé", "Refund reversed"),
    ("ledger.purchase", "Recharge", "Credits bought"),
    ("ledger.debt", "Remboursement antérieur réglé", "Earlier refund settled"),
    ("ledger.signup_bonus", "Cadeau de bienvenue", "Welcome gift"),
    ("ledger.adjustment", "Correction de notre équipe", "Correction by our team"),
    ("ledger.merge", "Compte réuni avec un autre", "Account joined with another"),
    ("ledger.other", "Mouvement sur le site de Postly", "Used on the Postly site"),
    ("ledger.left", "Solde\u{a0}: {credits}", "Balance: {credits}"),
    ("phone.done", "Votre numéro est associé.", "Your number is linked."),
    ("phone.sure", "Dissocier ce numéro\u{202f}?", "Unlink this number?"),
    (
        "phone.unlinking",
        "{phone} n’ouvrira plus ce compte. Ce que vous écrirez depuis WhatsApp n’utilisera plus ces crédits. Vos posts et vos crédits restent ici.",
        "{phone} will no longer open this account. What you write in WhatsApp will no longer use these credits. Your posts and credits stay here.",
    ),
    ("phone.unlink", "Dissocier ce numéro", "Unlink this number"),
    ("phone.gone", "Votre numéro est dissocié.", "Your number is unlinked."),
    ("erase.sure", "Supprimer toutes vos données\u{202f}?", "Delete all of your data?"),
    (
        "erase.erasing",
        "Vos messages, vos posts et vos coordonnées seront supprimés dans la minute, et les crédits qui vous restent seront perdus. C’est définitif.",
        "Your messages, your posts and your contact details will be deleted within a minute, and any credits you have left will be lost. It can’t be undone.",
    ),
    ("erase.yes", "Tout supprimer", "Delete everything"),
    (
        "erase.done",
        "Vos données sont supprimées dans la minute. Votre numéro de reçu\u{a0}: {receipt}",
        "Your data is deleted within a minute. The number of your receipt: {receipt}",
    ),
    ("sessions.unknown", "Appareil inconnu", "Unknown device"),
    ("sessions.here", "(cet appareil)", "(this device)"),
    ("sessions.since", "Connecté le {begun}, vu le {seen}", "Signed in on {begun}, seen on {seen}"),
    ("sessions.end", "Déconnecter", "Sign out"),
    ("sessions.end_one", "Déconnecter\u{a0}: {device}", "Sign out: {device}"),
    ("sessions.ended", "Cet appareil est déconnecté.", "That device is signed out."),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;

    use super::*;

    /// What is put into a sentence.
    fn holes(sentence: &str) -> BTreeSet<&str> {
        sentence.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(hole, _)| hole).collect()
    }

    #[test]
    fn the_words_of_the_portal() {
        let mut page = String::new();
        for (key, fr, en) in PAGE.iter().chain(SCRIPT) {
            writeln!(page, "== {key}\n-- fr\n{fr}\n-- en\n{en}").unwrap();
        }
        insta::assert_snapshot!(page);
    }

    #[test]
    fn both_languages_say_the_same_once() {
        for part in [PAGE, SCRIPT] {
            let keys: BTreeSet<&str> = part.iter().map(|(key, ..)| *key).collect();
            assert_eq!(keys.len(), part.len(), "a key is there twice");
            for (key, fr, en) in part {
                assert!(!fr.trim().is_empty() && !en.trim().is_empty(), "{key}");
                assert_eq!(holes(fr), holes(en), "{key}");
                assert!(!fr.contains('\''), "{key}: a French apostrophe is ’");
                for sign in [" :", " ?", " !", " ;", "« ", " »"] {
                    assert!(!fr.contains(sign), "{key}: French signs stand behind spaces that do not break");
                }
            }
        }
    }
}
