//! From Markdown, which models write whatever they are told, to what WhatsApp shows: `*bold*`, `_italic_`, `~struck~`,
//! `> quotes` and lists (WhatsApp: Formatting messages). Headings become bold, a link its words and its address.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// What makes a text worth reading as Markdown: everything else is left exactly as it is.
const SIGNS: [&str; 6] = ["**", "__", "~~", "](", "\n# ", "\n#"];

/// The text as WhatsApp shows it.
pub(super) fn for_whatsapp(text: &str) -> String {
    let heading = text.starts_with('#') || text.contains("\n#");
    let marked = SIGNS[..4].iter().any(|sign| text.contains(sign));
    let bullets = text.starts_with("* ") || text.contains("\n* ");
    if !(heading || marked || bullets) {
        return text.to_owned();
    }
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// One line: blocks are lines in a post, and a parser of whole documents would join them.
fn line(text: &str) -> String {
    let indent = text.len() - text.trim_start().len();
    let (space, rest) = text.split_at(indent);
    let (list, rest) = match rest.strip_prefix("* ").or_else(|| rest.strip_prefix("+ ")) {
        Some(item) => ("- ", item),
        None => ("", rest),
    };
    if list.is_empty() && !rest.starts_with('#') && !SIGNS[..4].iter().any(|sign| rest.contains(sign)) {
        return text.to_owned();
    }
    let mut out = format!("{space}{list}");
    let mut links = Vec::new();
    for event in Parser::new_ext(rest, Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(Tag::Strong | Tag::Heading { .. })
            | Event::End(TagEnd::Strong | TagEnd::Heading(_)) => {
                out.push('*');
            }
            Event::Start(Tag::Emphasis) | Event::End(TagEnd::Emphasis) => out.push('_'),
            Event::Start(Tag::Strikethrough) | Event::End(TagEnd::Strikethrough) => out.push('~'),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                links.push((dest_url, out.len()));
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if let Some((url, from)) = links.pop()
                    && out.get(from..) != Some(&*url)
                {
                    out.extend([" (", &*url, ")"]);
                }
            }
            Event::Start(Tag::Item) => out.push_str("- "),
            Event::Text(words) | Event::Code(words) | Event::InlineHtml(words) | Event::Html(words) => {
                out.push_str(&words);
            }
            _ => {}
        }
    }
    // An address with a name before it, or a fence with words behind it, is nothing that a parser shows.
    let says = |text: &str| text.chars().any(char::is_alphanumeric);
    if says(text) && !says(&out) { text.to_owned() } else { out.replace("**", "*") }
}

#[cfg(test)]
mod tests {
    use super::for_whatsapp;

    #[test]
    fn markdown_becomes_what_whatsapp_shows() {
        for (markdown, shown) in [
            ("**Soldes** d’été", "*Soldes* d’été"),
            ("__Soldes__ et ~~20 €~~ 15 €", "*Soldes* et ~20 €~ 15 €"),
            ("# Grande ouverture\nVenez !", "*Grande ouverture*\nVenez !"),
            ("## **Ouverture**", "*Ouverture*"),
            ("Voir [notre site](https://pain.example/a_b)", "Voir notre site (https://pain.example/a_b)"),
            ("[https://pain.example](https://pain.example)", "https://pain.example"),
            ("Au menu :\n* pain\n* **brioche**", "Au menu :\n- pain\n- *brioche*"),
        ] {
            assert_eq!(for_whatsapp(markdown), shown, "{markdown}");
        }
    }

    #[test]
    fn a_line_with_words_keeps_them() {
        // For Markdown, a definition and the beginning of a block of code: neither is shown.
        for line in ["[Site]: https://pain.example/nos__pains", "~~~Soldes~~~", "1. ~~~Soldes"] {
            assert_eq!(for_whatsapp(&format!("Venez !\n{line}")), format!("Venez !\n{line}"));
        }
    }

    #[test]
    fn what_is_no_markdown_stays_as_it_is() {
        for text in [
            "✨ Le pain est là ! #Boulangerie #Lyon",
            "#Boulangerie en premier\n#Lyon ensuite",
            "*déjà gras* et _italique_",
            "5 * 3 = 15, nom_de_fichier, <3",
            "1️⃣ un\n2️⃣ deux\n\n\n- trois",
            "    décalé exprès",
        ] {
            assert_eq!(for_whatsapp(text), text);
        }
    }
}
