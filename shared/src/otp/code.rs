//! The code itself, and the seal that is all we keep of it.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use rand::TryRng;
use rand::rngs::{SysError, SysRng};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// Six digits. Its `Debug` is mute.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

/// Not six digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not six digits")]
pub struct InvalidCode;

impl Code {
    /// A new one, from the operating system's generator. Each of the million is as likely as any other.
    pub fn random() -> Result<Self, SysError> {
        const CODES: u32 = 1_000_000;
        // What lies beyond the last whole million would make small codes likelier: drawn again.
        const FAIR: u32 = u32::MAX - u32::MAX % CODES;
        loop {
            let drawn = SysRng.try_next_u32()?;
            if drawn < FAIR {
                return Ok(Self(format!("{:06}", drawn % CODES)));
            }
        }
    }

    /// The digits, for the one who sends them.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl FromStr for Code {
    type Err = InvalidCode;

    /// As people type it, with spaces or a hyphen between.
    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let six = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if six { Ok(Self(digits)) } else { Err(InvalidCode) }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Code(…)")
    }
}

/// The key of every seal (`OTP_SALT`). Six digits are guessed in a moment by whoever has it and a dump of the table, so it
/// is kept where the table is not.
#[derive(Debug, Clone)]
pub struct Salt(SecretString);

impl Salt {
    /// The least that a key may have.
    pub const SHORTEST: usize = 16;

    /// A key. `None`: too short to be one.
    #[must_use]
    pub fn new(secret: SecretString) -> Option<Self> {
        (secret.expose_secret().len() >= Self::SHORTEST).then_some(Self(secret))
    }

    /// What is written down of a code.
    #[must_use]
    pub fn seal(&self, challenge: &str, code: &Code) -> String {
        hex::encode(self.mac(&["code", challenge, &code.0]).finalize().into_bytes())
    }

    /// Whether this is the code of that seal. In constant time; what is no seal is nobody's.
    #[must_use]
    pub fn fits(&self, challenge: &str, code: &Code, seal: &str) -> bool {
        let mac = self.mac(&["code", challenge, &code.0]);
        mac.verify_slice(&hex::decode(seal).unwrap_or_default()).is_ok()
    }

    /// A name for a number or an address, for counting: without the key it leads back to nobody.
    #[must_use]
    pub fn digest(&self, kind: &str, name: &str) -> String {
        hex::encode(&self.mac(&[kind, name]).finalize().into_bytes()[..16])
    }

    fn mac(&self, parts: &[&str]) -> Hmac<Sha256> {
        let key = self.0.expose_secret().as_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(key)
            .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
        for part in parts {
            mac.update(part.as_bytes());
            mac.update(b"\n");
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salt(text: &str) -> Salt {
        Salt::new(SecretString::from(text.to_owned())).unwrap()
    }

    #[test]
    fn a_code_fits_its_own_challenge_and_no_other() {
        let (ours, theirs) = (salt("a salt of ours, long enough"), salt("a salt of theirs, long enough"));
        let code: Code = "123456".parse().unwrap();
        let seal = ours.seal("c1", &code);
        assert!(ours.fits("c1", &code, &seal));
        assert!(!ours.fits("c2", &code, &seal) && !theirs.fits("c1", &code, &seal));
        assert!(!ours.fits("c1", &"123457".parse().unwrap(), &seal));
        for no_seal in ["", "-", "123456", &seal[..62]] {
            assert!(!ours.fits("c1", &code, no_seal), "{no_seal}");
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for typed in ["012345", " 012 345 ", "012-345", "012\u{202f}345"] {
            assert_eq!(typed.parse::<Code>().unwrap().digits(), "012345", "{typed}");
        }
        for wrong in ["", "12345", "1234567", "12345a", "１２３４５６"] {
            assert_eq!(wrong.parse::<Code>(), Err(InvalidCode), "{wrong}");
        }
    }

    #[test]
    fn codes_are_of_six_digits_and_differ() {
        let codes: Vec<Code> = (0..1000).map(|_| Code::random().unwrap()).collect();
        assert!(codes.iter().all(|code| code.digits().parse::<Code>().as_ref() == Ok(code)));
        assert!(codes.iter().any(|code| code.digits().starts_with('0')));
        let mut once: Vec<&str> = codes.iter().map(Code::digits).collect();
        once.sort_unstable();
        once.dedup();
        assert!(once.len() > 990, "{}", once.len());
    }

    #[test]
    fn neither_code_nor_salt_says_anything() {
        let shown = format!("{:?} {:?}", "123456".parse::<Code>(), salt("a salt of ours, long enough"));
        assert!(!shown.contains("123456") && !shown.contains("ours"), "{shown}");
        assert!(Salt::new(SecretString::from("short".to_owned())).is_none());
    }
}
