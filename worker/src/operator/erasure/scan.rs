//! Whether anything is left of somebody: their names, the ids of their messages and their words, looked for in every column of
//! every table, under every key of Redis, and in files.
//!
//! It knows no list of places, so that it finds what a list has forgotten.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use aho_corasick::AhoCorasick;
use anyhow::Context;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use serde_json::Value;
use shared::message::conceal;
use shared::person::UserId;
use shared::phone::E164;
use shared::{erasure, kept, receipt};
use sqlx::AssertSqlSafe;

use super::Desk;

/// Shorter words are said by everybody.
const TELLING: usize = 12;

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Names and ids: found where they stand by themselves, since the digits of a number may stand inside another one.
    names: BTreeSet<String>,
    /// What they wrote and were written: found anywhere.
    words: BTreeSet<String>,
}

impl Known {
    /// How many values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len() + self.words.len()
    }

    /// Looks for these words too.
    pub fn add_words(&mut self, words: impl IntoIterator<Item = String>) {
        self.words.extend(words);
    }

    /// Looks for what is known of somebody else as well.
    pub fn extend(&mut self, other: Self) {
        self.names.extend(other.names);
        self.words.extend(other.words);
    }

    /// Looks for this name no more.
    pub fn forget(&mut self, name: &str) {
        self.names.remove(name);
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// All that the books know of a person.
pub async fn known(desk: &Desk, user: &UserId, now: DateTime<Utc>) -> anyhow::Result<Known> {
    let mut db = desk.pool.acquire().await?;
    let names = erasure::names(&mut db, &desk.vault, user, now).await?.into_iter().collect();
    let mut words: Vec<String> = sqlx::query_scalar(
        r#"select "brief" from "Generation" where "userId" in (select wa.accounts_of($1))
           union select unnest("variants") from "Generation" where "userId" in (select wa.accounts_of($1))"#,
    )
    .bind(user.as_str())
    .fetch_all(&mut *db)
    .await?;
    let diary = receipt::diary(&mut db, &desk.vault, user).await?;
    words.extend(diary.into_iter().flat_map(|entry| [entry.brief, entry.heard]).flatten());
    words.extend(kept::find(&mut db, &desk.vault, user, now).await?);
    let telling = |words: &String| words.chars().count() >= TELLING;
    Ok(Known { names, words: words.into_iter().filter(telling).collect() })
}

/// What an operator can say of somebody whom the books do not know any more: a number in every spelling, or an id, an address.
#[must_use]
pub fn names(name: &str) -> Known {
    let name = name.trim();
    let names = match name.parse::<E164>() {
        Ok(number) => {
            number.spelled().iter().map(|number| number.trim_start_matches('+').to_owned()).collect()
        }
        Err(_) => [name.to_owned()].into(),
    };
    Known { names, words: BTreeSet::new() }
}

/// Where something may be found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A column, by its table.
    Column(String),
    /// Keys of Redis, by what stands before what names them.
    Key(String),
    /// A file.
    File(PathBuf),
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// In how many rows, values or lines of each place.
    pub found: BTreeMap<Place, usize>,
    /// How many values were looked for.
    pub values: usize,
    /// In how many tables.
    pub tables: usize,
    /// Under how many keys.
    pub keys: usize,
    /// In how many files.
    pub files: usize,
}

/// The values as one machine.
struct Needles {
    machine: AhoCorasick,
    /// How many of them are names; they come first.
    names: usize,
}

impl Needles {
    fn of(known: &Known) -> anyhow::Result<Self> {
        // Words stand escaped inside JSON, in a job as in a row.
        let escaped =
            |words: &String| Some(Value::from(words.as_str()).to_string().trim_matches('"').to_owned());
        let words = known.words.iter().cloned().chain(known.words.iter().filter_map(escaped));
        let machine = AhoCorasick::new(known.names.iter().cloned().chain(words))?;
        Ok(Self { machine, names: known.names.len() })
    }

    fn are_in(&self, bytes: &[u8]) -> bool {
        // The books know ids of messages by their digests, and an id that was left somewhere as it was has one too.
        self.stand_in(bytes)
            || match conceal(&String::from_utf8_lossy(bytes)) {
                Cow::Owned(concealed) => self.stand_in(concealed.as_bytes()),
                Cow::Borrowed(_) => false,
            }
    }

    fn stand_in(&self, bytes: &[u8]) -> bool {
        let apart = |beside: Option<&u8>| beside.is_none_or(|beside| !beside.is_ascii_alphanumeric());
        self.machine.find_overlapping_iter(bytes).any(|found| {
            found.pattern().as_usize() >= self.names
                || apart(bytes[..found.start()].last()) && apart(bytes.get(found.end()))
        })
    }
}

/// Looks everywhere.
pub async fn scan(desk: &Desk, known: &Known, files: &[PathBuf]) -> anyhow::Result<Findings> {
    let needles = Needles::of(known)?;
    let mut findings = Findings { values: known.len(), files: files.len(), ..Findings::default() };
    books(desk, &needles, &mut findings).await?;
    let mut found = Vec::new();
    findings.keys = desk
        .queue
        .reads_all(|key, value| {
            if needles.are_in(value) {
                // A key may itself be what is looked for.
                found.push(Place::Key(key.split(':').take(2).collect::<Vec<_>>().join(":")));
            }
        })
        .await?;
    for file in files {
        let lines = std::fs::File::open(file).with_context(|| format!("{}", file.display()))?;
        for line in BufReader::new(lines).split(b'\n') {
            if needles.are_in(&line?) {
                found.push(Place::File(file.clone()));
            }
        }
    }
    for place in found {
        *findings.found.entry(place).or_default() += 1;
    }
    Ok(findings)
}

async fn books(desk: &Desk, needles: &Needles, findings: &mut Findings) -> anyhow::Result<()> {
    let tables: Vec<(String, String)> = sqlx::query_as(
        "select table_schema::text, table_name::text from information_schema.tables
         where table_schema in ('public', 'wa') and table_type = 'BASE TABLE' order by 1, 2",
    )
    .fetch_all(&desk.pool)
    .await?;
    findings.tables = tables.len();
    for (schema, table) in tables {
        let query = format!(r#"select to_jsonb(t)::text from "{schema}"."{table}" t"#);
        let mut rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(query)).fetch(&desk.pool);
        while let Some(row) = rows.try_next().await? {
            if !needles.are_in(row.as_bytes()) {
                continue;
            }
            let columns: BTreeMap<String, Value> = serde_json::from_str(&row)?;
            let holds = columns.iter().filter(|(_, value)| needles.are_in(value.to_string().as_bytes()));
            for (column, _) in holds {
                *findings.found.entry(Place::Column(format!("{schema}.{table}.{column}"))).or_default() += 1;
            }
        }
    }
    Ok(())
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => write!(out, "column {column}"),
            Self::Key(key) => write!(out, "Redis key {key}:…"),
            Self::File(file) => write!(out, "file {}", file.display()),
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, values, tables, keys, files } = self;
        for (place, times) in found {
            writeln!(out, "found {times} time(s) in {place}")?;
        }
        let said = if found.is_empty() { "nothing is left" } else { "something is left" };
        write!(
            out,
            "{said}: {values} known value(s) looked for in {tables} tables, {keys} keys of Redis and {files} file(s)"
        )
    }
}

#[cfg(test)]
mod tests {
    use shared::message::opaque;

    use super::*;

    fn are_in(known: &Known, text: &str) -> bool {
        Needles::of(known).unwrap().are_in(text.as_bytes())
    }

    #[test]
    fn a_number_is_found_however_it_is_spelled_and_not_inside_another_one() {
        let alice = names("+551161234567");
        for text in ["whatsapp:+5511961234567", r#"{"wa_id":"551161234567"}"#, "551161234567"] {
            assert!(are_in(&alice, text), "{text}");
        }
        for text in ["15511612345670", "551161234568", "a551161234567b"] {
            assert!(!are_in(&alice, text), "{text}");
        }
    }

    #[test]
    fn an_id_that_was_left_is_found_by_its_digest() {
        let known = Known { names: [opaque("wamid.A")].into(), ..Known::default() };
        for text in [r#"{"id":"wamid.A"}"#, "a log: wamid.A", &opaque("wamid.A")] {
            assert!(are_in(&known, text), "{text}");
        }
        assert!(!are_in(&known, "wamid.AB") && !are_in(&known, "wamid.B"));
    }

    #[test]
    fn words_are_found_inside_json_too() {
        let known = Known { words: ["Mes \"brioches\"\nau beurre".to_owned()].into(), ..Known::default() };
        assert!(are_in(&known, "…Mes \"brioches\"\nau beurre…"));
        assert!(are_in(&known, &serde_json::json!({ "text": "Mes \"brioches\"\nau beurre !" }).to_string()));
        assert!(!are_in(&known, "Mes brioches"));
    }
}
