//! The rules of a day on which a minute takes a second and a half: copies of the files, in which every stretch of time is
//! divided by one number and nothing else is touched.
//!
//! A stretch is what stands in `[…]`, after `offset`, `for:` and `interval:`. Bars are not: a message that is a minute old
//! is waited for. A process whose Redis is away takes a second to say so, hence no scrape is quicker, and no factor larger.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// By how much time is shortened.
pub(super) const FACTOR: u64 = 40;

/// What a stretch of time follows, and where it ends.
const BEFORE: [(&str, &[char]); 4] =
    [("[", &[']']), ("offset ", &[' ', ')', '\n']), ("for: ", &['\n']), ("interval: ", &['\n'])];

/// Copies every file of rules, shortened.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let files = fs::read_dir(from).with_context(|| format!("reading {}", from.display()))?;
    for file in files {
        let path = file?.path();
        let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|end| end == "yml")) else {
            continue;
        };
        fs::write(to.join(name), shortened(&fs::read_to_string(&path)?)?)?;
    }
    Ok(())
}

/// The names of all alerts in these files.
pub(super) fn alerts(of: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in fs::read_dir(of)? {
        let text = fs::read_to_string(file?.path())?;
        names.extend(text.lines().filter_map(|line| Some(line.trim().strip_prefix("- alert: ")?.to_owned())));
    }
    names.sort();
    ensure!(!names.is_empty(), "there are no alerts in {}", of.display());
    Ok(names)
}

fn shortened(text: &str) -> Result<String> {
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        // A comment may speak of minutes.
        lines.push(if line.trim_start().starts_with('#') { line.to_owned() } else { shorten(line)? });
    }
    Ok(lines.concat())
}

fn shorten(line: &str) -> Result<String> {
    let mut rest = line;
    let mut out = String::new();
    while let Some((at, ends)) = BEFORE
        .iter()
        .filter_map(|(before, ends)| Some((rest.find(before)? + before.len(), *ends)))
        .min_by_key(|(at, _)| *at)
    {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(ends).unwrap_or(rest.len());
        match millis(&rest[..end]) {
            Some(stretch) => {
                ensure!(stretch % FACTOR == 0, "{} is not divided by {FACTOR}", &rest[..end]);
                out.extend([(stretch / FACTOR).to_string().as_str(), "ms"]);
            }
            // A set of characters, or the word in a sentence.
            None => out.push_str(&rest[..end]),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    Ok(out)
}

fn millis(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].parse().ok()?;
    Some(number * seconds * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_divided_and_nothing_else() {
        let rules = "# for: 5m\n- record: a:new15m\n  expr: (x unless x[1h] offset 15m) > 60 and y[2m]\n  for: 1m\n  labels: { span: 15m }\n";
        let short = "# for: 5m\n- record: a:new15m\n  expr: (x unless x[90000ms] offset 22500ms) > 60 and y[3000ms]\n  for: 1500ms\n  labels: { span: 15m }\n";
        assert_eq!(shortened(rules).unwrap(), short);
    }

    #[test]
    fn every_alert_of_ours_is_provoked_or_excused_once() {
        let ours = alerts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus/rules")).unwrap();
        let mut known = super::super::cause::alerts();
        known.sort_unstable();
        assert_eq!(known, ours.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
