//! Whatever a browser, or a dead letter, may bring onto the operator's page.

use chrono::DateTime;
use proptest::prelude::*;

use super::form::{self, Filled, What};
use super::html::Html;
use crate::mutated::{bytes, often, texts};

proptest! {
    #![proptest_config(often())]

    #[test]
    fn nothing_that_comes_becomes_markup(text in texts(vec![b"\"><script>alert('x')</script>&amp;".into()])) {
        let mut html = Html::default();
        html.text(&text);
        let shown = html.finish();
        prop_assert!(!shown.contains(['<', '>', '"', '\'']), "{shown}");
        let back = ["&lt;<", "&gt;>", "&quot;\"", "&#39;'", "&amp;&"].iter().fold(shown, |text, pair| {
            let (escaped, sign) = pair.split_at(pair.len() - 1);
            text.replace(escaped, sign)
        });
        prop_assert_eq!(back, text);
    }

    #[test]
    fn a_form_is_shown_as_it_was_filled_in(body in bytes(vec![b"letter=1-2&by=Alice&why=%3Cb%3E+%22is%22+over".into()])) {
        let filled = Filled::read(&body);
        let empty = form::page(What::Pause, None, &Filled::default(), None, DateTime::UNIX_EPOCH);
        let page = form::page(What::Pause, None, &filled, None, DateTime::UNIX_EPOCH);
        // As many elements as an empty form has, and the letter.
        let elements = |page: &str| page.matches('<').count();
        prop_assert_eq!(elements(&page), elements(&empty) + usize::from(filled.letter.is_some()));
    }
}
