//! One line of the books, named by its cause: the cause decides sign, reason and key, so they cannot disagree.

use super::Credits;
use crate::message::MessageId;
use crate::person::UserId;

/// What one generation costs.
pub const PRICE: i32 = 1;

/// What a person receives once, with the first verified login.
pub const SIGNUP_BONUS: i32 = 5;

/// One line of the books.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// A generation is held: −1, key `generation:<message>`.
    Generation(&'a MessageId),
    /// A held generation came to nothing: +1, key `refund:<message>`.
    Refund(&'a MessageId),
    /// A pack was paid for: +n, key `purchase:<checkout session>`.
    Purchase(&'a str, Credits),
    /// Money of a purchase went back: −n, key `stripe_refund:<what gave it back>`.
    Return(&'a str, Credits),
    /// Money that had gone back came again (a refund that failed, a dispute that was won): +n, key
    /// `stripe_reinstated:<what had taken it>`.
    Reinstated(&'a str, Credits),
    /// What an earlier return could not take is taken from a new purchase: −n, key `debt:<checkout session>`.
    Debt(&'a str, Credits),
    /// The welcome gift: +5, key `signup_bonus:<account>`.
    SignupBonus(&'a UserId),
    /// An operator's correction, ±n, key `adjustment:<key>`.
    Adjustment(&'a str, i32),
    /// Of two welcome gifts of one person, what is left of the second: −n, key `second_bonus:<join>`.
    SecondBonus(&'a str, Credits),
    /// That join is undone, so they are two people: +n, key `second_bonus_back:<join>`.
    SecondBonusBack(&'a str, Credits),
    /// The credits of an account that joins another one leave it: −n, key `merged_out:<account>`; when it has been
    /// separated and joins once more, `merged_out:<account>:<times before>`.
    MergedOut(&'a str, Credits),
    /// And arrive: +n, key `merged_in:<the same>`.
    MergedIn(&'a str, Credits),
    /// A join is undone: what had moved leaves the other account again: −n, key `unmerged_out:<the same>`.
    UnmergedOut(&'a str, Credits),
    /// And arrives: +n, key `unmerged_in:<the same>`.
    UnmergedIn(&'a str, Credits),
}

impl Entry<'_> {
    pub(super) fn delta(self) -> i32 {
        match self {
            Self::Generation(_) => -PRICE,
            Self::Refund(_) => PRICE,
            Self::SignupBonus(_) => SIGNUP_BONUS,
            Self::Adjustment(_, delta) => delta,
            Self::Purchase(_, credits)
            | Self::Reinstated(_, credits)
            | Self::SecondBonusBack(_, credits)
            | Self::MergedIn(_, credits)
            | Self::UnmergedIn(_, credits) => credits.column(),
            Self::Return(_, credits)
            | Self::Debt(_, credits)
            | Self::SecondBonus(_, credits)
            | Self::MergedOut(_, credits)
            | Self::UnmergedOut(_, credits) => -credits.column(),
        }
    }

    /// The word that the web app shows in its history.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Generation(_) => "whatsapp_generation",
            Self::Refund(_) | Self::Return(..) => "refund",
            Self::Purchase(..) => "purchase",
            Self::Reinstated(..) => "refund_reversed",
            Self::Debt(..) => "debt",
            Self::SignupBonus(_) | Self::SecondBonus(..) | Self::SecondBonusBack(..) => "signup_bonus",
            Self::Adjustment(..) => "adjustment",
            Self::MergedOut(..) | Self::MergedIn(..) | Self::UnmergedOut(..) | Self::UnmergedIn(..) => {
                "merge"
            }
        }
    }

    pub(super) fn message(self) -> Option<MessageId> {
        match self {
            Self::Generation(message) | Self::Refund(message) => Some(message.clone()),
            _ => None,
        }
    }

    pub(crate) fn key(self) -> String {
        let (kind, cause) = match self {
            Self::Generation(message) => ("generation", message.as_str()),
            Self::Refund(message) => ("refund", message.as_str()),
            Self::Purchase(session, _) => ("purchase", session),
            Self::Return(what, _) => ("stripe_refund", what),
            Self::Reinstated(what, _) => ("stripe_reinstated", what),
            Self::Debt(session, _) => ("debt", session),
            Self::SignupBonus(user) => ("signup_bonus", user.as_str()),
            Self::Adjustment(key, _) => ("adjustment", key),
            Self::SecondBonus(join, _) => ("second_bonus", join),
            Self::SecondBonusBack(join, _) => ("second_bonus_back", join),
            Self::MergedOut(which, _) => ("merged_out", which),
            Self::MergedIn(which, _) => ("merged_in", which),
            Self::UnmergedOut(which, _) => ("unmerged_out", which),
            Self::UnmergedIn(which, _) => ("unmerged_in", which),
        };
        let key = format!("{kind}:{cause}");
        if crate::fault::without("ledger_key") { format!("{key}:{}", crate::db::new_id()) } else { key }
    }
}
