//! Amounts of money: what a pack costs, as people read it; what a model's tokens cost, as an operator sums it.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::language::Language;

/// An amount in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// In the currency's smallest unit.
    pub minor: i64,
    /// Three letters.
    pub currency: String,
}

/// Currencies without a smaller unit (Stripe: Zero-decimal currencies).
const WHOLE: [&str; 16] = [
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof",
    "xpf",
];

impl Price {
    /// As it is read: `4,90 €`, `€4.90`, `4.90 CHF`.
    #[must_use]
    pub fn in_language(&self, language: Language) -> String {
        let currency = self.currency.to_lowercase();
        let number = if WHOLE.contains(&currency.as_str()) {
            self.minor.to_string()
        } else {
            format!("{}.{:02}", self.minor / 100, (self.minor % 100).abs())
        };
        let symbol = match currency.as_str() {
            "eur" => Some('€'),
            "usd" => Some('$'),
            "gbp" => Some('£'),
            _ => None,
        };
        match (language, symbol) {
            // A narrow no-break space before the symbol, as French typography has it.
            (Language::Fr, Some(symbol)) => format!("{}\u{202f}{symbol}", number.replace('.', ",")),
            (Language::Fr, None) => {
                format!("{}\u{202f}{}", number.replace('.', ","), currency.to_uppercase())
            }
            (Language::En, Some(symbol)) => format!("{symbol}{number}"),
            (Language::En, None) => format!("{number} {}", currency.to_uppercase()),
        }
    }
}

/// Millionths of a dollar. A million tokens at one dollar cost a million of these: one each.
pub type Micros = i64;

/// What each model costs (`MODEL_PRICES`).
#[derive(Debug, Clone, PartialEq)]
pub struct ModelPrices(BTreeMap<String, Rate>);

/// What a model counts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rate {
    /// Dollars for a million tokens, read and written.
    Tokens(f64, f64),
    /// Dollars for a minute of sound.
    Minute(f64),
}

impl ModelPrices {
    /// The cost of a call of this model: by its own name, or by the longest listed name that it begins with, since the
    /// API answers with dated names. `None`: nobody has told the price.
    #[must_use]
    pub fn cost(&self, model: &str, prompt_tokens: i32, completion_tokens: i32) -> Option<Micros> {
        let Rate::Tokens(read, written) = self.rate(model)? else { return None };
        let cost = f64::from(prompt_tokens.max(0)) * read + f64::from(completion_tokens.max(0)) * written;
        Some(micros(cost))
    }

    /// The cost of so much sound. `None`: nobody has told what a minute costs.
    #[must_use]
    pub fn cost_of_sound(&self, model: &str, seconds: f64) -> Option<Micros> {
        let Rate::Minute(dollars) = self.rate(model)? else { return None };
        Some(micros(seconds.max(0.0) / 60.0 * dollars * 1e6))
    }

    fn rate(&self, model: &str) -> Option<Rate> {
        let of = |known: &String| {
            model.strip_prefix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let known = self.0.iter().filter(|(known, _)| of(known)).max_by_key(|(known, _)| known.len());
        known.map(|(_, rate)| *rate)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and a call costs fractions of a cent")]
fn micros(cost: f64) -> Micros {
    // A sum of fractions may lie a hair above a whole number, which is no reason to pay one more.
    (cost - 1e-6).ceil().max(0.0) as Micros
}

/// As published in November 2026.
impl Default for ModelPrices {
    fn default() -> Self {
        let prices = [
            ("gpt-4o-mini", Rate::Tokens(0.15, 0.60)),
            ("gpt-6-luna", Rate::Tokens(0.10, 0.50)),
            ("gpt-transcribe", Rate::Minute(0.0045)),
        ];
        Self(prices.map(|(model, rate)| (model.to_owned(), rate)).into())
    }
}

/// `model=read/written` in dollars for a million tokens, or `model=price/min` in dollars for a minute of sound;
/// separated by commas.
impl FromStr for ModelPrices {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut prices = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || {
                format!(
                    "expected model=read/written in dollars for a million tokens, or model=price/min, and found {part:?}"
                )
            };
            let (model, both) = part.rsplit_once('=').ok_or_else(wrong)?;
            let (read, written) = both.split_once('/').ok_or_else(wrong)?;
            let number =
                |text: &str| text.trim().parse::<f64>().ok().filter(|price| (0.0..1e6).contains(price));
            let rate = match (number(read), written.trim()) {
                (Some(price), "min") => Rate::Minute(price),
                (Some(read), written) => Rate::Tokens(read, number(written).ok_or_else(wrong)?),
                (None, _) => return Err(wrong()),
            };
            prices.insert(model.trim().to_owned(), rate);
        }
        if prices.is_empty() { Err("there is no price in it".to_owned()) } else { Ok(Self(prices)) }
    }
}

/// Millionths of a dollar as dollars, for operators.
#[must_use]
pub fn dollars(micros: Micros) -> String {
    format!("${}.{:06}", micros / 1_000_000, (micros % 1_000_000).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_each_language_writes_them() {
        let price = |minor, currency: &str| Price { minor, currency: currency.to_owned() };
        for (price, french, english) in [
            (price(490, "eur"), "4,90\u{202f}€", "€4.90"),
            (price(2005, "USD"), "20,05\u{202f}$", "$20.05"),
            (price(500, "jpy"), "500\u{202f}JPY", "500 JPY"),
            (price(1250, "chf"), "12,50\u{202f}CHF", "12.50 CHF"),
        ] {
            assert_eq!(price.in_language(Language::Fr), french);
            assert_eq!(price.in_language(Language::En), english);
        }
    }

    #[test]
    fn a_dated_model_costs_what_its_family_costs() {
        let prices = ModelPrices::default();
        assert_eq!(prices.cost("gpt-4o-mini-2024-07-18", 1_000_000, 1_000_000), Some(750_000));
        assert_eq!(prices.cost("gpt-4o-mini", 263, 100), Some(100));
        assert_eq!(prices.cost("gpt-4o-minimal", 1, 1), None);
        assert_eq!(prices.cost("mistral-small", 1, 1), None);
        let named: ModelPrices = "gpt=1/2, gpt-4o-mini=3/4, org/llama:8b=0/0".parse().unwrap();
        assert_eq!(named.cost("gpt-4o-mini-x", 1, 1), Some(7));
        assert_eq!(named.cost("org/llama:8b", 5, 5), Some(0));
    }

    #[test]
    fn sound_costs_by_the_minute() {
        let prices = ModelPrices::default();
        assert_eq!(prices.cost_of_sound("gpt-transcribe", 60.0), Some(4_500));
        assert_eq!(prices.cost_of_sound("gpt-transcribe-2026-08-01", 1.0), Some(75));
        assert_eq!(prices.cost("gpt-transcribe", 1, 1), None, "a minute says nothing of tokens");
        assert_eq!(prices.cost_of_sound("gpt-4o-mini", 60.0), None, "nor tokens of minutes");
        let named: ModelPrices = "whisper=0.006/min,gpt=1/2".parse().unwrap();
        assert_eq!(named.cost_of_sound("whisper", 30.0), Some(3_000));
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for text in ["", "gpt", "gpt=1", "gpt=1/x", "gpt=-1/2", "gpt=1/nan", "gpt=x/min", "gpt=1/hour"] {
            assert!(text.parse::<ModelPrices>().is_err(), "{text}");
        }
        assert_eq!(dollars(1_234_567), "$1.234567");
    }
}
