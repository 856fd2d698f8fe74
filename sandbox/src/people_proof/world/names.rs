//! The names of people: which they have, and which of them a message shows, in which spelling.

use rand::RngExt;
use rand::seq::IndexedRandom;
use shared::message::{Address, Provider, Sender};
use shared::phone::E164;

use super::{External, NUMBERS, QUARANTINE, What, World};
use crate::people_proof::truth::Shown;

impl World<'_> {
    /// Someone gets a number that nobody has, and ids with it.
    pub(super) fn settles(&mut self, human: usize) {
        let now = self.now;
        let free: Vec<usize> = (0..NUMBERS)
            .filter(|number| self.free[*number].is_some_and(|since| since + QUARANTINE < now))
            .collect();
        let Some(number) = free.choose(&mut self.chance).copied() else { return };
        self.free[number] = None;
        self.truth.holders.entry(number).or_default().insert(human);
        self.made += 1;
        let made = self.made;
        let person = &mut self.truth.humans[human];
        person.number = Some(number);
        person.period += 1;
        person.id = format!("FR.{}x{made}", self.number);
        person.external = match self.external {
            External::Nothing => None,
            External::MetasId => Some(person.id.clone()),
            External::ItsOwn => Some(format!("TW.{}x{made}", self.number)),
        };
        self.story
            .push(format!("{}: {human} has number {number}, id {}", self.now, self.truth.humans[human].id));
    }

    /// A message of someone, now, as a provider shows it.
    pub(super) fn message(&mut self, human: usize) -> What {
        let provider = if self.chance.random_bool(0.6) { Provider::Meta } else { Provider::Twilio };
        let person = &self.truth.humans[human];
        let id = match provider {
            Provider::Meta => Some(person.id.clone()),
            Provider::Twilio => person.external.clone(),
        };
        let number = person.number.filter(|_| !person.hidden || id.is_none());
        let shown = Shown { human, provider, id: id.clone(), number, period: person.period, at: self.now };
        let phone = number.map(|number| self.spelled(number));
        let address = match (provider, &phone) {
            (Provider::Twilio, Some(phone)) => Address::Channel(format!("whatsapp:{}", phone.as_str())),
            (Provider::Twilio, None) => {
                Address::Channel(format!("whatsapp:{}", id.clone().unwrap_or_default()))
            }
            (Provider::Meta, Some(phone)) => Address::Phone(phone.clone()),
            (Provider::Meta, None) => Address::Bsuid(id.clone().unwrap_or_default()),
        };
        What::Message(shown, Sender { address, phone, bsuid: id })
    }

    /// A number of this world: of four countries, three of which spell theirs in two ways.
    pub(super) fn phone(&self, number: usize) -> E164 {
        let own = self.number * NUMBERS + number;
        let digits = match number % 4 {
            0 => format!("+336{own:08}"),
            1 => format!("+553197{own:07}"),
            2 => format!("+52155{own:08}"),
            _ => format!("+5411{own:08}"),
        };
        digits.parse().unwrap_or_else(|_| unreachable!("a number of fixed length"))
    }

    pub(super) fn spelled(&mut self, number: usize) -> E164 {
        let spellings = self.phone(number).spellings();
        spellings.choose(&mut self.chance).cloned().unwrap_or_else(|| self.phone(number))
    }
}
