//! One value of Meta's JSON, as far as it is looked at. Ids and times come as text in some places and as a number in
//! others; whatever is neither is as if it were not there, so that no surprise costs the message around it.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Number, error::Category};

/// A text, a number, a truth, or nothing that is known.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Scalar<'a> {
    #[default]
    Nothing,
    Text(Cow<'a, str>),
    Number(Number),
    Truth(bool),
}

impl Scalar<'_> {
    /// What is meant as text, also when it is empty.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A text that says something: more than spaces, and than NUL, which is taken out of whatever is kept.
    pub(super) fn said(&self) -> Option<&str> {
        self.text().filter(|text| text.chars().any(|c| c != '\0' && !c.is_whitespace()))
    }

    /// An id or a time: a text that says something, or a number.
    pub(super) fn id(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            _ => self.said().map(Cow::Borrowed),
        }
    }

    /// Whether it is so.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Truth(truth) => Some(*truth),
            _ => None,
        }
    }

    /// Seconds since 1970; anything absurd is no time at all.
    pub(super) fn moment(&self) -> Option<DateTime<Utc>> {
        let seconds: i64 = self.id()?.parse().ok()?;
        DateTime::from_timestamp(seconds, 0).filter(|at| (0..=4_102_444_800).contains(&at.timestamp()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Any)
    }
}

/// Takes whatever comes.
struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Scalar<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(number).map_or(Scalar::Nothing, Scalar::Number))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Truth(truth))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nothing)
    }
}

/// Reads a part of a message whose fields are all optional. A part that is absent, or of another shape altogether, has none
/// of them. Fails only for what is no text: half of a surrogate pair, which the scan for a part's end does not see.
pub(super) fn part<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> serde_json::Result<T> {
    let Some(raw) = raw.filter(|raw| is_object(raw)) else { return Ok(T::default()) };
    serde_json::from_str(raw.get()).or_else(|error| match error.classify() {
        Category::Data => Ok(T::default()),
        _ => Err(error),
    })
}

/// Whether it has fields.
pub(super) fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// The first of a list, if it is one.
pub(super) fn first(raw: Option<&RawValue>) -> Option<&RawValue> {
    serde_json::from_str::<Vec<&RawValue>>(raw?.get()).ok()?.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Scalar<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_id_is_a_text_or_a_number_and_nothing_else() {
        for (json, id) in [
            (r#""wamid.A""#, Some("wamid.A")),
            ("7", Some("7")),
            ("-7", Some("-7")),
            ("1.5", Some("1.5")),
            (r#"" ""#, None),
            ("true", None),
            ("null", None),
            ("[1,[2]]", None),
            (r#"{"a":{"b":1}}"#, None),
        ] {
            assert_eq!(read(json).id().as_deref(), id, "{json}");
        }
        assert_eq!((read(r#""""#).text(), read("7").text()), (Some(""), None));
        assert_eq!((read("false").truth(), read(r#""false""#).truth()), (Some(false), None));
    }

    #[test]
    fn a_time_is_no_time_when_it_is_absurd() {
        assert_eq!(read("1790000000").moment(), DateTime::from_timestamp(1_790_000_000, 0));
        assert_eq!(read(r#""1790000000""#).moment(), read("1790000000").moment());
        for absurd in ["-1", "1.5", "99999999999999", r#""soon""#, "null"] {
            assert_eq!(read(absurd).moment(), None, "{absurd}");
        }
    }
}
