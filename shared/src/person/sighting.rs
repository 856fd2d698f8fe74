//! What one message shows of who wrote it.

use chrono::{DateTime, SubsecRound, Utc};

use super::names::{Names, kind};
use crate::message::{Address, Provider, Sender};
use crate::phone::E164;

/// What one message shows of who wrote it.
#[derive(Clone)]
pub(super) struct Sighting<'a> {
    /// How its names stand in the tables.
    pub(super) names: &'a Names,
    pub(super) provider: Provider,
    pub(super) bsuid: Option<&'a str>,
    pub(super) phone: Option<&'a E164>,
    /// When it was written, says the provider.
    pub(super) at: DateTime<Utc>,
    /// Whether a provider has spelled the number, and not its person.
    pub(super) spelled: bool,
}

impl<'a> Sighting<'a> {
    /// A number whose person has just typed the code that came to it. Only the number is shown, so whose messages count
    /// as shown beside it does not matter. Providers count in seconds: what they bring of this one is not older.
    pub(super) fn proved(names: &'a Names, phone: &'a E164, at: DateTime<Utc>) -> Self {
        Self {
            names,
            provider: Provider::Meta,
            bsuid: None,
            phone: Some(phone),
            at: at.trunc_subsecs(0),
            spelled: false,
        }
    }

    pub(super) fn of(names: &'a Names, sender: &'a Sender, at: DateTime<Utc>) -> Self {
        let provider = match sender.address {
            Address::Channel(_) => Provider::Twilio,
            Address::Phone(_) | Address::Bsuid(_) => Provider::Meta,
        };
        let (bsuid, phone) = (sender.bsuid.as_deref(), sender.phone.as_ref());
        Self { names, provider, bsuid, phone, at, spelled: true }
    }

    /// By what its id is found.
    pub(super) fn id(&self) -> Option<String> {
        self.bsuid.map(|id| self.names.id(id))
    }

    /// By what its number is found.
    pub(super) fn number(&self) -> Option<String> {
        self.phone.map(|phone| self.names.phone(phone))
    }

    /// The keys of what is shown.
    pub(super) fn shown(&self) -> Vec<(&'static str, String)> {
        let bsuid = self.id().map(|id| (kind(false), id));
        let phone = self.number().map(|phone| (kind(true), phone));
        bsuid.into_iter().chain(phone).collect()
    }

    pub(super) fn spellings(&self) -> Vec<String> {
        self.phone.map(E164::spelled).unwrap_or_default()
    }
}
