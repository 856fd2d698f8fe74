//! Numbers whose code is fixed, for a sandbox in which nobody reads a phone.
//!
//! With a real provider configured they would be a way in for everybody who knows them: then the start is refused.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::Code;
use crate::phone::E164;

/// Numbers with their codes (`OTP_TEST_NUMBERS`). No message is sent to them.
#[derive(Debug, Clone, Default)]
pub struct Reserved(BTreeMap<E164, Code>);

impl Reserved {
    /// The code of a number, if it is one of these.
    #[must_use]
    pub fn code(&self, phone: &E164) -> Option<&Code> {
        self.0.get(&phone.canonical())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Reserved {
    type Err = &'static str;

    /// `+33...=123456,+33...=654321`. The error repeats neither.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pair = |pair: &str| {
            let (phone, code) = pair.split_once('=')?;
            let phone: E164 = phone.trim().parse().ok()?;
            Some((phone.canonical(), code.trim().parse().ok()?))
        };
        let pairs = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        let numbers = pairs.map(pair).collect::<Option<_>>();
        numbers.map(Self).ok_or("must be a list such as +33639980001=123456,+33639980002=654321")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_shows_nothing() {
        let reserved: Reserved = "+33639980001=123456, +5511987654321=000000,".parse().unwrap();
        assert_eq!(reserved.code(&"+33639980001".parse().unwrap()).unwrap().digits(), "123456");
        // The other spelling of the same mobile.
        assert!(reserved.code(&"+551187654321".parse().unwrap()).is_some());
        assert!(reserved.code(&"+33639980002".parse().unwrap()).is_none());
        let shown = format!("{reserved:?}");
        assert!(!shown.contains("123456") && !shown.contains("3998"), "{shown}");
        for wrong in ["+33639980001", "+33639980001=12345", "0639980001=123456"] {
            assert!(!wrong.parse::<Reserved>().unwrap_err().contains("1234567"));
        }
    }
}
