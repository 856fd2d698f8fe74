//! Parameters as Stripe writes them: `line_items[0][price]`, in bodies and in queries.

/// Decoded pairs, in the order in which they came.
pub(super) type Form = Vec<(String, String)>;

/// The pairs of a body or of a query.
pub(super) fn decode(encoded: &[u8]) -> Form {
    form_urlencoded::parse(encoded).into_owned().collect()
}

/// The steps of a name: `line_items[0][price]` is `line_items`, `0`, `price`. A name that is written in any other
/// way is one step, which no parameter is called.
pub(super) fn steps(name: &str) -> Vec<&str> {
    let Some((first, rest)) = name.split_once('[') else { return vec![name] };
    let Some(rest) = rest.strip_suffix(']') else { return vec![name] };
    let mut steps = vec![first];
    steps.extend(rest.split("]["));
    if steps.iter().any(|step| step.contains(['[', ']'])) { vec![name] } else { steps }
}

#[cfg(test)]
mod tests {
    use super::steps;

    #[test]
    fn a_name_is_taken_apart_at_its_brackets() {
        assert_eq!(steps("mode"), ["mode"]);
        assert_eq!(steps("line_items[0][price]"), ["line_items", "0", "price"]);
        assert_eq!(steps("lookup_keys[]"), ["lookup_keys", ""]);
        assert_eq!(steps("metadata[a b]"), ["metadata", "a b"]);
        for odd in ["metadata[a", "metadata]a[", "metadata[a]b", "metadata[[a]]"] {
            assert_eq!(steps(odd), [odd]);
        }
    }
}
