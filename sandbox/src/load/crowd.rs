//! Messages of many people, made as ingest makes them from a webhook of Meta: the sizes in Redis are the real ones.

use shared::clock::Clock;
use shared::job::Job;
use shared::message::{Address, Content, Inbound, MessageId, Provider, ProviderId, Sender};
use shared::phone::E164;

use crate::simulators::meta::wamid;
use crate::stage::META_PHONE_NUMBER_ID;

/// What people write, from a word to a paragraph.
const BRIEFS: [&str; 5] = [
    "solde",
    "Crée un post promo pour Instagram",
    "Bonjour ! Un post pour annoncer l’ouverture de notre salon de thé samedi prochain à Nantes, avec une boisson \
     offerte aux vingt premiers clients. Merci d’avance",
    "Write a LinkedIn post about our new bakery: sourdough, local flour, open from 7 a.m., and we are looking for an \
     apprentice.",
    "Il me faudrait trois idées de posts pour notre collecte de jouets de Noël : on récupère les jouets en bon état \
     jusqu’au 15 décembre à la mairie, les bénévoles les nettoient et les emballent, et ils sont remis aux familles \
     le 22. Ton chaleureux, pas trop d’emojis, et une phrase qui donne envie de venir aider une heure ou deux. On \
     peut citer l’école Jules-Ferry qui participe pour la troisième année.",
];

/// The number of somebody: one of the ten thousand that the French regulator keeps for fiction.
#[must_use]
pub fn number(person: usize) -> String {
    format!("+3363998{:04}", person % 10_000)
}

/// The id of somebody in Meta's terms.
#[must_use]
pub fn bsuid(person: usize) -> String {
    format!("FR.{:020}", 13_491_208_655_302_740_000_u64 + person as u64)
}

/// What somebody writes this time.
#[must_use]
pub fn brief(message: usize) -> &'static str {
    BRIEFS[message % BRIEFS.len()]
}

/// A new message of this person, received now. Every person is a lane.
#[must_use]
pub fn job(person: usize, message: usize, clock: &Clock) -> Job {
    let number = number(person);
    let phone = E164::from_provider(&number).expect("a number of the reserved range");
    let received_at = clock.now();
    let id = wamid::inbound(number.trim_start_matches('+'));
    let inbound = Inbound {
        lane: None,
        id: MessageId::new(Provider::Meta, META_PHONE_NUMBER_ID, &id),
        provider_id: ProviderId::of(&id),
        provider: Provider::Meta,
        business: META_PHONE_NUMBER_ID.to_owned(),
        sender: Sender {
            address: Address::Phone(phone.clone()),
            phone: Some(phone),
            bsuid: Some(bsuid(person)),
        },
        sent_at: received_at,
        content: Content::Text(brief(message).to_owned()),
    };
    Job::message(inbound, received_at)
}
