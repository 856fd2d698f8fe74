//! Markup. What is markup stands in this program, letter by letter; everything that comes from elsewhere becomes text.

use std::fmt::{self, Display, Write};

/// Markup that is being written.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Words of this program: the type keeps out whatever was made while it ran.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Anything, as text or in the quotes of an attribute.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        // Writing to a string does not fail.
        let _ = write!(Escaping(&mut self.0), "{text}");
        self
    }

    /// All of it.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Html;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let mut html = Html::default();
        html.raw("<p title=\"").text("\" onclick='x' &amp;").raw("\">").text("<b>é</b>").raw("</p>");
        assert_eq!(
            html.finish(),
            "<p title=\"&quot; onclick=&#39;x&#39; &amp;amp;\">&lt;b&gt;é&lt;/b&gt;</p>"
        );
    }
}
