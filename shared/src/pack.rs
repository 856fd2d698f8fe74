//! What can be bought: packs of credits, each with its price at Stripe. Our own table; what a caller says about
//! amounts is never believed.

use std::str::FromStr;

use crate::ledger::Credits;
use crate::price::Price;

/// A pack at its price of today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What is offered.
    pub pack: Pack,
    /// The id of its price at Stripe.
    pub price_id: String,
    /// What it costs.
    pub price: Price,
}

/// A pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// Its name, as Stripe's metadata carries it.
    pub name: String,
    /// What it holds.
    pub credits: Credits,
    /// Its price at Stripe: an id (`price_...`), or a lookup key.
    pub price: String,
}

/// All packs, in the order in which they are offered (`CREDIT_PACKS`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packs(Vec<Pack>);

/// A list on a phone has ten rows (Meta: interactive list messages).
const MOST: usize = 10;

/// The largest pack: far from where balances end.
const LARGEST: u32 = 1_000_000;

impl Packs {
    /// The pack of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Pack> {
        self.0.iter().find(|pack| pack.name == name)
    }

    /// Every pack.
    pub fn iter(&self) -> impl Iterator<Item = &Pack> {
        self.0.iter()
    }
}

/// Three packs, whose prices Stripe knows by lookup keys that are the packs' names.
impl Default for Packs {
    fn default() -> Self {
        let pack = |credits: u32| {
            let name = format!("pack_{credits}");
            Pack { price: name.clone(), name, credits: Credits::new(credits) }
        };
        Self([20, 50, 200].map(pack).into())
    }
}

/// `name=credits:price`, separated by commas; without a price, Stripe is asked for the lookup key that is the name.
impl FromStr for Packs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut packs: Vec<Pack> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || format!("expected name=credits:price, separated by commas, and found {part:?}");
            let word = |text: &str| {
                !text.is_empty()
                    && text.len() <= 100
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
            };
            let (name, rest) = part.split_once('=').ok_or_else(wrong)?;
            let (credits, price) = rest.split_once(':').unwrap_or((rest, name));
            let credits: u32 = credits.trim().parse().map_err(|_| wrong())?;
            let (name, price) = (name.trim(), price.trim());
            if !word(name) || !word(price) || !(1..=LARGEST).contains(&credits) {
                return Err(wrong());
            }
            if packs.iter().any(|pack| pack.name == name) {
                return Err(format!("the pack {name} is there twice"));
            }
            packs.push(Pack {
                name: name.to_owned(),
                credits: Credits::new(credits),
                price: price.to_owned(),
            });
        }
        match packs.len() {
            0 => Err("there is no pack in it".to_owned()),
            1..=MOST => Ok(Self(packs)),
            more => Err(format!("{more} packs, and a list on a phone has {MOST} rows")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_are_read_as_they_are_written() {
        let packs: Packs = "pack_20=20:price_1Abc, big=500".parse().unwrap();
        assert_eq!(packs.named("pack_20").unwrap().price, "price_1Abc");
        assert_eq!(
            (packs.named("big").unwrap().credits.get(), packs.named("big").unwrap().price.as_str()),
            (500, "big")
        );
        assert_eq!(packs.named("pack_50"), None);
        assert_eq!("pack_20=20,pack_50=50,pack_200=200".parse::<Packs>().unwrap(), Packs::default());
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_words() {
        for (text, part) in [
            ("", "no pack"),
            ("pack_20", "name=credits"),
            ("pack_20=0:price_1", "name=credits"),
            ("pack_20=-5:price_1", "name=credits"),
            ("p=1000001", "name=credits"),
            ("p q=5", "name=credits"),
            ("a=1,a=2", "twice"),
            ("a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1", "11 packs"),
        ] {
            let error = text.parse::<Packs>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
