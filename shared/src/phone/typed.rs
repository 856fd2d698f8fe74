//! Numbers as people type them: with the country or without, with any of the signs that they put between.
//!
//! A small table instead of all numbering plans: how a number of a country is dialled at home and from abroad (ITU-T E.164
//! and the national plans). WhatsApp says whether anybody is there; what cannot be a number at all is refused here.

use std::fmt;
use std::str::FromStr;

use super::{E164, InvalidPhone};

/// A country, by which a number without its code is read (`DEFAULT_REGION`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    name: &'static str,
    /// The country code.
    code: &'static str,
    /// What is dialled before a number at home, and not from abroad.
    trunk: &'static str,
    /// Digits of a number, without either.
    digits: (usize, usize),
}

/// Ordinary numbers of these countries, first those where French is spoken.
const REGIONS: [Region; 38] = [
    region("FR", "33", "0", (9, 9)),
    region("BE", "32", "0", (8, 9)),
    region("CH", "41", "0", (9, 9)),
    region("LU", "352", "", (6, 11)),
    region("MC", "377", "", (8, 9)),
    region("CA", "1", "1", (10, 10)),
    region("RE", "262", "0", (9, 9)),
    region("YT", "262", "0", (9, 9)),
    region("GP", "590", "0", (9, 9)),
    region("GF", "594", "0", (9, 9)),
    region("MQ", "596", "0", (9, 9)),
    region("NC", "687", "", (6, 6)),
    region("PF", "689", "", (6, 8)),
    region("MA", "212", "0", (9, 9)),
    region("DZ", "213", "0", (8, 9)),
    region("TN", "216", "", (8, 8)),
    region("SN", "221", "", (9, 9)),
    region("ML", "223", "", (8, 8)),
    region("GN", "224", "", (8, 9)),
    region("CI", "225", "", (10, 10)),
    region("BF", "226", "", (8, 8)),
    region("NE", "227", "", (8, 8)),
    region("TG", "228", "", (8, 8)),
    region("BJ", "229", "", (8, 10)),
    region("CM", "237", "", (8, 9)),
    region("GA", "241", "0", (7, 8)),
    region("CG", "242", "", (9, 9)),
    region("CD", "243", "0", (7, 9)),
    region("MG", "261", "0", (9, 9)),
    region("HT", "509", "", (8, 8)),
    region("GB", "44", "0", (7, 10)),
    region("US", "1", "1", (10, 10)),
    region("DE", "49", "0", (5, 11)),
    region("ES", "34", "", (9, 9)),
    region("IT", "39", "", (6, 11)),
    region("NL", "31", "0", (9, 9)),
    region("PT", "351", "", (9, 9)),
    region("BR", "55", "0", (10, 11)),
];

const fn region(
    name: &'static str,
    code: &'static str,
    trunk: &'static str,
    digits: (usize, usize),
) -> Region {
    Region { name, code, trunk, digits }
}

/// Mobiles overseas, as they are dialled in France with nothing before them (ARCEP: Plan national de numérotation). Those
/// that begin with 639 98 are for fiction, and of the mainland.
const OVERSEAS: [(&str, &str); 8] = [
    ("639", "262"),
    ("690", "590"),
    ("691", "590"),
    ("692", "262"),
    ("693", "262"),
    ("694", "594"),
    ("696", "596"),
    ("697", "596"),
];

impl Default for Region {
    fn default() -> Self {
        REGIONS[0]
    }
}

impl FromStr for Region {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = REGIONS.into_iter().find(|region| region.name.eq_ignore_ascii_case(name));
        known.ok_or_else(|| {
            let names: Vec<&str> = REGIONS.iter().map(|region| region.name).collect();
            format!("not one of the countries known here: {}", names.join(" "))
        })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)
    }
}

/// More than a number with all its signs can be: anything longer is not looked at.
const LONGEST: usize = 40;

impl E164 {
    /// Reads what somebody has typed.
    pub fn typed(text: &str, region: Region) -> Result<Self, InvalidPhone> {
        if text.len() > LONGEST * 4 || text.chars().count() > LONGEST {
            return Err(InvalidPhone);
        }
        let text = text.trim().trim_start_matches("whatsapp:").trim_start_matches("tel:");
        let mut digits = String::new();
        let (mut abroad, mut optional) = (false, None);
        for c in text.chars() {
            match c {
                '0'..='9' => digits.push(c),
                // From keyboards that write them wide.
                '０'..='９' => {
                    digits.push(char::from(b'0' + u8::try_from(u32::from(c) - 0xff10).unwrap_or(0)));
                }
                '+' | '＋' if digits.is_empty() && !abroad => abroad = true,
                '(' if optional.is_none() => optional = Some(digits.len()),
                // +33 (0)6: dialled at home only.
                ')' if abroad && optional.is_some_and(|start| &digits[start..] == "0") => {
                    digits.pop();
                }
                ')'
                | '('
                | '.'
                | '-'
                | '/'
                | '\u{2010}'..='\u{2015}'
                | '\u{200e}'
                | '\u{202a}'
                | '\u{202c}' => {}
                c if c.is_whitespace() => {}
                _ => return Err(InvalidPhone),
            }
        }
        if !abroad {
            // 011 is what North America dials before a country.
            let out = if region.code == "1" { "011" } else { "00" };
            if let Some(rest) = digits.strip_prefix(out) {
                (abroad, digits) = (true, rest.to_owned());
            }
        }
        let (code, number) = if abroad {
            match REGIONS.iter().find(|region| digits.starts_with(region.code)) {
                Some(region) => (*region, digits[region.code.len()..].to_owned()),
                None => return format!("+{digits}").parse(),
            }
        } else {
            let fits = |number: &&str| (region.digits.0..=region.digits.1).contains(&number.len());
            let at_home = digits.strip_prefix(region.trunk).filter(|_| !region.trunk.is_empty());
            // Without the sign that says so, a country code is one only where it makes the number fit.
            let number = at_home
                .or(Some(digits.as_str()).filter(fits))
                .or(digits.strip_prefix(region.code).filter(fits));
            (region, number.ok_or(InvalidPhone)?.to_owned())
        };
        // The departments overseas share the mobiles of the mainland's plan.
        let shares = OVERSEAS.iter().any(|(_, code)| *code == region.code);
        let code = if !abroad && shares && number.starts_with(['6', '7']) { Region::default() } else { code };
        // +33 06: the zero of home, kept by mistake.
        let number = match number.strip_prefix(code.trunk) {
            Some(rest) if abroad && code.trunk == "0" && number.len() > code.digits.1 => rest.to_owned(),
            _ => number,
        };
        let (least, most) = code.digits;
        if !(least..=most).contains(&number.len()) || (code.trunk == "0" && number.starts_with('0')) {
            return Err(InvalidPhone);
        }
        let overseas = || {
            let at = OVERSEAS.iter().find(|(begins, _)| number.starts_with(begins));
            at.filter(|_| code.code == "33" && !number.starts_with("63998")).map(|(_, code)| *code)
        };
        format!("+{}{number}", overseas().unwrap_or(code.code)).parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str, region: &str) -> Option<String> {
        E164::typed(text, region.parse().unwrap()).ok().map(String::from)
    }

    #[test]
    fn one_number_in_every_spelling() {
        for text in [
            "0639980123",
            "639980123",
            "33639980123",
            "06 39 98 01 23",
            "06.39.98.01.23",
            "06-39-98-01-23",
            "06\u{a0}39\u{202f}98\u{a0}01\u{a0}23",
            " (06) 39 98 01 23 ",
            "+33639980123",
            "+33 6 39 98 01 23",
            "+33 (0)6 39 98 01 23",
            "+33 (0) 6 39 98 01 23",
            "+33 06 39 98 01 23",
            "0033 6 39 98 01 23",
            "00 33 6 39 98 01 23",
            "whatsapp:+33639980123",
            "tel:+33-6-39-98-01-23",
            "０６３９９８０１２３",
            "\u{202a}+33 6 39 98 01 23\u{202c}",
        ] {
            assert_eq!(typed(text, "FR").as_deref(), Some("+33639980123"), "{text:?}");
        }
    }

    #[test]
    fn numbers_of_other_countries() {
        for (text, region, expected) in [
            ("0470 12 34 56", "BE", "+32470123456"),
            ("079 123 45 67", "CH", "+41791234567"),
            ("621 123 456", "LU", "+352621123456"),
            ("(514) 555-0123", "CA", "+15145550123"),
            ("1 514 555 0123", "CA", "+15145550123"),
            ("011 33 6 39 98 01 23", "CA", "+33639980123"),
            ("0612345678", "MA", "+212612345678"),
            ("4915112345678", "DE", "+4915112345678"),
            ("+49 0151 12345678", "DE", "+4915112345678"),
            ("06 39 98 01 23", "RE", "+33639980123"),
            ("0692 12 34 56", "RE", "+262692123456"),
            ("0690 12 34 56", "MQ", "+590690123456"),
            ("07 07 07 07 07", "CI", "+2250707070707"),
            ("+225 01 02 03 04 05", "FR", "+2250102030405"),
            ("+39 06 1234 5678", "FR", "+390612345678"),
            ("+1 415 523 8886", "FR", "+14155238886"),
            ("+52 1 55 1234 5678", "FR", "+5215512345678"),
            ("+86 138 0013 8000", "FR", "+8613800138000"),
            // Overseas, as dialled in Paris; and Mayotte, whose block holds the numbers of fiction.
            ("0692 12 34 56", "FR", "+262692123456"),
            ("0690123456", "FR", "+590690123456"),
            ("0696 12 34 56", "FR", "+596696123456"),
            ("+33 694 12 34 56", "FR", "+594694123456"),
            ("0639 01 23 45", "FR", "+262639012345"),
            ("0692 12 34 56", "RE", "+262692123456"),
        ] {
            assert_eq!(typed(text, region).as_deref(), Some(expected), "{text} in {region}");
        }
    }

    #[test]
    fn what_cannot_be_a_number_is_none() {
        for text in [
            "",
            "   ",
            "+",
            "06",
            "063998012",
            "06399801234",
            "63998012",
            "336399801234",
            "+33 39980123",
            "+33 0 39 98 01 23 45",
            "06 39 98 01 2x",
            "alice@example.com",
            "+0033639980123",
            "++33639980123",
            "06+39980123",
            "(((((",
            "+999999999999999999",
            "0000000000",
        ] {
            assert_eq!(typed(text, "FR"), None, "{text:?}");
        }
        assert_eq!(typed(&"0".repeat(5000), "FR"), None);
        assert!("XX".parse::<Region>().unwrap_err().contains("FR BE CH"));
    }
}
