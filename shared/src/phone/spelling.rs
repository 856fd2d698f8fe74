//! Numbers that are written in two ways: the digits that WhatsApp shows differ from those that a person would dial, in
//! three countries (Meta: Send messages, "the extra added prefix"). Both are one number.
//!
//! The spelling that people dial is the one under which a number is known; an answer goes to the spelling that came.
//! Only forms that belong to mobiles are touched: an eight-digit number of Brazil that begins with 2 to 5 is a landline,
//! and stays another number than the mobile with a 9 before it.

use super::E164;

impl E164 {
    /// The number as it is dialled from abroad.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let digits = &self.0[1..];
        let dialled = |number: String| Self(number);
        if let Some((area, rest)) = brazil(digits)
            && rest.len() == 8
        {
            return dialled(format!("+55{area}9{rest}"));
        }
        if let Some(rest) = national(digits, "521", b'2'..=b'9') {
            return dialled(format!("+52{rest}"));
        }
        if let Some(rest) = national(digits, "54", b'1'..=b'3') {
            return dialled(format!("+549{rest}"));
        }
        self.clone()
    }

    /// Every spelling of this number, the dialled one first: for columns that somebody else has filled.
    #[must_use]
    pub fn spellings(&self) -> Vec<Self> {
        let dialled = self.canonical();
        let digits = &dialled.0[1..];
        let other = if let Some((area, rest)) = brazil(digits) {
            Some(format!("+55{area}{}", &rest[1..]))
        } else if let Some(rest) = national(digits, "52", b'2'..=b'9') {
            Some(format!("+521{rest}"))
        } else {
            national(digits, "549", b'1'..=b'3').map(|rest| format!("+54{rest}"))
        };
        std::iter::once(dialled.clone()).chain(other.map(Self)).collect()
    }

    /// The same as text, for statements that look for any of them.
    #[must_use]
    pub fn spelled(&self) -> Vec<String> {
        self.spellings().into_iter().map(String::from).collect()
    }
}

/// Area code and mobile number of Brazil: eight digits that begin with 6 to 9, or the same with a 9 before them.
fn brazil(digits: &str) -> Option<(&str, &str)> {
    let (area, rest) = digits.strip_prefix("55")?.split_at_checked(2)?;
    let old = match rest.len() {
        8 => rest,
        9 => rest.strip_prefix('9')?,
        _ => return None,
    };
    (!area.contains('0') && matches!(old.as_bytes().first(), Some(b'6'..=b'9'))).then_some((area, rest))
}

/// The ten digits after a prefix, when they begin like an area code of that country.
fn national<'a>(digits: &'a str, prefix: &str, first: std::ops::RangeInclusive<u8>) -> Option<&'a str> {
    let rest = digits.strip_prefix(prefix).filter(|rest| rest.len() == 10)?;
    rest.bytes().next().is_some_and(|digit| first.contains(&digit)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spellings(number: &str) -> Vec<String> {
        let number: E164 = number.parse().unwrap();
        number.spelled()
    }

    #[test]
    fn two_spellings_of_one_mobile_are_one_number() {
        for (dialled, shown) in [
            ("+5531998765432", "+553198765432"),
            ("+5511961234567", "+551161234567"),
            ("+525512345678", "+5215512345678"),
            ("+529991234567", "+5219991234567"),
            ("+5491123456789", "+541123456789"),
            ("+5493514123456", "+543514123456"),
        ] {
            for spelling in [dialled, shown] {
                assert_eq!(spellings(spelling), [dialled, shown], "{spelling}");
            }
        }
    }

    #[test]
    fn whatever_else_looks_like_it_stays_what_it_is() {
        for number in [
            // Landlines of Brazil, and mobiles whose number without the 9 would be one.
            "+553132345678",
            "+5531932345678",
            "+551140028922",
            // No area code has a zero.
            "+553098765432",
            "+5530998765432",
            // Too short, too long.
            "+55319876543",
            "+55319987654321",
            "+52155123456789",
            "+52551234567",
            "+54911234567890",
            // Ten digits that begin with no area code.
            "+521123456789",
            "+5211234567890",
            "+544123456789",
            // Other countries with the same digits in them.
            "+33639980123",
            "+15212345678",
            "+5415512345",
            "+2250712345678",
            "+590690123456",
        ] {
            assert_eq!(spellings(number), [number]);
        }
    }
}
