//! Why the web side says no, and in which words: a page shows the sentence, a program goes by the code.
//!
//! No sentence tells whether a number has an account, or whose it is.

use crate::language::Language;

/// Why something that a browser asked for is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// What this needs is not configured here.
    NotConfigured,
    /// What this needs is away: later again.
    Unavailable,
    /// Not JSON.
    NotJson,
    /// JSON, and not what was expected.
    BadRequest,
    /// More than any such request needs.
    TooLarge,
    /// Asked by a page of another site.
    ForeignOrigin,
    /// Nobody is signed in.
    NotSignedIn,
    /// There is no such thing here, or not for this person.
    NotFound,
    /// No number that anybody could be reached at.
    BadPhone,
    /// Not six digits.
    BadCode,
    /// Another code, so soon after the last.
    TooSoon,
    /// Too many codes were asked for.
    TooManyRequests,
    /// Not the code; this many may still be tried.
    WrongCode {
        /// How many.
        left: u32,
    },
    /// Too many wrong codes.
    TooManyAttempts,
    /// There is no code, or not any more.
    Expired,
    /// The number cannot be reached through WhatsApp.
    Unreachable,
    /// WhatsApp did not take the code.
    NotSent,
    /// Stripe did not open a page to pay on, and will not for this wish.
    NotOpened,
    /// The number cannot be joined to this account.
    NumberTaken,
    /// The number is the only way into its account.
    OnlyWayIn,
}

impl Denial {
    /// One of each, for those who list them.
    pub const ALL: [Self; 20] = [
        Self::NotConfigured,
        Self::Unavailable,
        Self::NotJson,
        Self::BadRequest,
        Self::TooLarge,
        Self::ForeignOrigin,
        Self::NotSignedIn,
        Self::NotFound,
        Self::BadPhone,
        Self::BadCode,
        Self::TooSoon,
        Self::TooManyRequests,
        Self::WrongCode { left: 1 },
        Self::TooManyAttempts,
        Self::Expired,
        Self::Unreachable,
        Self::NotSent,
        Self::NotOpened,
        Self::NumberTaken,
        Self::OnlyWayIn,
    ];

    /// The word for programs. It never changes.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotConfigured => "not_configured",
            Self::Unavailable => "unavailable",
            Self::NotJson => "not_json",
            Self::BadRequest => "bad_request",
            Self::TooLarge => "too_large",
            Self::ForeignOrigin => "foreign_origin",
            Self::NotSignedIn => "not_signed_in",
            Self::NotFound => "not_found",
            Self::BadPhone => "bad_phone",
            Self::BadCode => "bad_code",
            Self::TooSoon => "too_soon",
            Self::TooManyRequests => "too_many_requests",
            Self::WrongCode { .. } => "wrong_code",
            Self::TooManyAttempts => "too_many_attempts",
            Self::Expired => "expired",
            Self::Unreachable => "unreachable",
            Self::NotSent => "not_sent",
            Self::NotOpened => "not_opened",
            Self::NumberTaken => "number_taken",
            Self::OnlyWayIn => "only_way_in",
        }
    }

    /// The sentence for people.
    #[must_use]
    pub fn in_language(self, language: Language) -> String {
        let (fr, en) = self.sentences();
        match language {
            Language::Fr => fr,
            Language::En => en,
        }
    }

    fn sentences(self) -> (String, String) {
        let (fr, en) = match self {
            Self::NotConfigured => {
                ("Ce service n’est pas encore ouvert ici.", "This service is not open here yet.")
            }
            Self::Unavailable => (
                "Le service est momentanément indisponible. Réessayez dans quelques instants.",
                "The service is unavailable for the moment. Please try again shortly.",
            ),
            Self::NotJson => ("Cette demande doit être en JSON.", "This request must be JSON."),
            Self::BadRequest => ("Cette demande est incomplète.", "This request is incomplete."),
            Self::TooLarge => ("Cette demande est trop longue.", "This request is too long."),
            Self::ForeignOrigin => (
                "Cette demande vient d’un autre site : elle est refusée.",
                "This request comes from another site: it is refused.",
            ),
            Self::NotSignedIn => (
                "Vous n’êtes pas connecté, ou plus. Connectez-vous.",
                "You are not signed in, or not any more. Please sign in.",
            ),
            Self::NotFound => ("Il n’y a rien ici.", "There is nothing here."),
            Self::BadPhone => (
                "Ce numéro de téléphone n’est pas valide. Pour un numéro étranger, commencez par + et l’indicatif du pays.",
                "This phone number is not valid. For a number abroad, start with + and the country code.",
            ),
            Self::BadCode => ("Le code se compose de six chiffres.", "The code has six digits."),
            Self::TooSoon => (
                "Un code vient de vous être envoyé. Patientez un peu avant d’en demander un autre.",
                "A code has just been sent to you. Please wait a little before you ask for another one.",
            ),
            Self::TooManyRequests => (
                "Trop de codes ont été demandés. Réessayez plus tard.",
                "Too many codes have been asked for. Please try again later.",
            ),
            Self::WrongCode { left } => return wrong(left),
            Self::TooManyAttempts => (
                "Trop d’essais : ce code ne peut plus servir. Demandez-en un autre plus tard.",
                "Too many tries: this code cannot be used any more. Ask for another one later.",
            ),
            Self::Expired => (
                "Ce code n’est plus valable. Demandez-en un autre.",
                "This code is no longer valid. Ask for another one.",
            ),
            Self::Unreachable => (
                "WhatsApp ne peut pas remettre de code à ce numéro. Vérifiez-le.",
                "WhatsApp cannot deliver a code to this number. Please check it.",
            ),
            Self::NotSent => (
                "WhatsApp n’a pas pris le code. Réessayez dans quelques instants.",
                "WhatsApp did not take the code. Please try again shortly.",
            ),
            Self::NotOpened => (
                "La page de paiement ne s’ouvre pas. Rien n’a été payé. Réessayez dans quelques instants.",
                "The payment page does not open. Nothing was paid. Please try again shortly.",
            ),
            Self::NumberTaken => (
                "Ce numéro ne peut pas être associé à votre compte.",
                "This number cannot be joined to your account.",
            ),
            Self::OnlyWayIn => (
                "C’est par ce numéro que vous vous connectez : il reste associé à votre compte.",
                "You sign in by this number: it stays linked to your account.",
            ),
        };
        (fr.to_owned(), en.to_owned())
    }
}

fn wrong(left: u32) -> (String, String) {
    match left {
        0 => (
            "Ce n’est pas le bon code, et c’était le dernier essai. Demandez-en un autre plus tard."
                .to_owned(),
            "This is not the right code, and it was the last try. Ask for another one later.".to_owned(),
        ),
        1 => (
            "Ce n’est pas le bon code. Il vous reste 1 essai.".to_owned(),
            "This is not the right code. You have 1 try left.".to_owned(),
        ),
        many => (
            format!("Ce n’est pas le bon code. Il vous reste {many} essais."),
            format!("This is not the right code. You have {many} tries left."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn every_refusal_of_the_web_side() {
        let mut page = String::new();
        let more = [0, 2].map(|left| Denial::WrongCode { left });
        for denial in Denial::ALL.into_iter().chain(more) {
            writeln!(page, "== {}", denial.code()).unwrap();
            for language in Language::ALL {
                writeln!(page, "-- {}\n{}", language.code(), denial.in_language(language)).unwrap();
            }
        }
        insta::assert_snapshot!(page);
    }

    #[test]
    fn a_program_can_tell_any_two_apart() {
        let mut codes = Denial::ALL.map(Denial::code).to_vec();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Denial::ALL.len());
    }
}
