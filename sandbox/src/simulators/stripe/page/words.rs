//! The words of the page, in French and in English.

/// Every sentence of the page.
#[derive(Debug)]
pub(super) struct Words {
    pub lang: &'static str,
    pub title: &'static str,
    pub notice: &'static str,
    pub to_pay: &'static str,
    pub card: &'static str,
    pub debit: &'static str,
    pub debit_succeeds: &'static str,
    pub debit_fails: &'static str,
    pub cancel: &'static str,
    pub complete: &'static str,
    pub complete_more: &'static str,
    pub expired: &'static str,
    pub expired_more: &'static str,
    pub unknown: &'static str,
    pub unknown_more: &'static str,
    pub back: &'static str,
}

const FRENCH: Words = Words {
    lang: "fr",
    title: "Paiement (simulation)",
    notice: "Stripe est simulé ici : aucun argent ne bouge.",
    to_pay: "À payer",
    card: "Payer par carte",
    debit: "Payer par prélèvement SEPA",
    debit_succeeds: "la banque l’accepte un peu plus tard",
    debit_fails: "la banque le refuse un peu plus tard",
    cancel: "Annuler et revenir",
    complete: "C’est déjà fait",
    complete_more: "Ce paiement a été confirmé. Il ne peut pas l’être une deuxième fois.",
    expired: "Ce lien a expiré",
    expired_more: "Rien n’a été payé. Demandez un nouveau lien pour recommencer.",
    unknown: "Page introuvable",
    unknown_more: "Ce lien ne mène à aucun paiement.",
    back: "Revenir à la boutique",
};

const ENGLISH: Words = Words {
    lang: "en",
    title: "Payment (simulated)",
    notice: "Stripe is simulated here: no money moves.",
    to_pay: "To pay",
    card: "Pay by card",
    debit: "Pay by SEPA debit",
    debit_succeeds: "the bank accepts it a little later",
    debit_fails: "the bank refuses it a little later",
    cancel: "Cancel and go back",
    complete: "This is already done",
    complete_more: "This payment was confirmed. It cannot be confirmed a second time.",
    expired: "This link has expired",
    expired_more: "Nothing was paid. Ask for a new link to start again.",
    unknown: "Page not found",
    unknown_more: "This link leads to no payment.",
    back: "Back to the shop",
};

impl Words {
    /// French or English: by the session's locale, else (`auto`, none) by what the browser prefers.
    pub fn of(locale: Option<&str>, accept_language: &str) -> &'static Self {
        let wanted = locale.filter(|locale| *locale != "auto").unwrap_or(accept_language);
        if wanted.starts_with("fr") { &FRENCH } else { &ENGLISH }
    }

    /// An amount as it is written in this language.
    pub fn money(&self, cents: u64, currency: &str) -> String {
        let symbol = if currency == "eur" { "€".to_owned() } else { currency.to_uppercase() };
        let (whole, rest) = (cents / 100, cents % 100);
        if self.lang == "fr" {
            return format!("{whole},{rest:02}\u{a0}{symbol}");
        }
        format!("{symbol}{whole}.{rest:02}")
    }
}
