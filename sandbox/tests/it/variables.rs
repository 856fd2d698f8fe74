//! The variables of the services: each one that is read is told to those who set it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// What stands in quotes in these files and looks like a variable.
fn read_by(files: &[&str]) -> BTreeSet<String> {
    let is_name = |text: &&str| {
        text.len() >= 4
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let mut names = BTreeSet::new();
    for file in files {
        let source = fs::read_to_string(root().join(file)).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        names.extend(source.split('"').filter(is_name).map(str::to_owned));
    }
    names
}

/// What `.env.example` explains: `NAME=value`, and words behind it or an obvious value.
fn explained() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(".env.example")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let names: Vec<String> = lines.map(|line| line.split_once('=').unwrap().0.to_owned()).collect();
    let once: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(names.len(), once.len(), "a variable is there twice");
    once
}

const SERVICES: [&str; 12] = [
    "shared/src/db.rs",
    "shared/src/queue/settings.rs",
    "shared/src/telemetry.rs",
    "shared/src/trace.rs",
    "shared/src/vault.rs",
    "ingest/src/config.rs",
    "ingest/src/config/codes.rs",
    "worker/src/config.rs",
    "worker/src/config/codes.rs",
    "worker/src/config/page.rs",
    "worker/src/config/providers.rs",
    "worker/src/config/retention.rs",
];
const DOCTOR: [&str; 2] = ["worker/src/doctor/settings.rs", "worker/src/doctor/settings/stripe.rs"];

#[test]
fn every_variable_that_is_read_is_explained_and_no_other() {
    let services = read_by(&SERVICES);
    assert!(services.len() > 30 && services.contains("DAILY_CAP_TOTAL"), "{services:?}");
    let all: BTreeSet<String> = services.union(&read_by(&DOCTOR)).cloned().collect();
    let explained = explained();
    assert_eq!(all.difference(&explained).collect::<Vec<_>>(), Vec::<&String>::new(), "not in .env.example");
    assert_eq!(explained.difference(&all).collect::<Vec<_>>(), Vec::<&String>::new(), "read by nobody");
}

/// What `--help` prints is what each of them reads, and nothing that only the other one does.
#[test]
fn each_service_explains_what_it_reads() {
    for (usage, own) in [(ingest::USAGE, "ingest/"), (worker::USAGE, "worker/")] {
        let files: Vec<&str> = SERVICES
            .into_iter()
            .filter(|file| file.starts_with(own) || file.starts_with("shared/"))
            .collect();
        let read: BTreeSet<String> = read_by(&files);
        let told: BTreeSet<String> = usage.names().map(str::to_owned).collect();
        assert_eq!(told, read, "{}", usage.program);
        let help = usage.help();
        for name in &told {
            let line = help.lines().position(|line| line.starts_with(&format!("  {name}="))).unwrap();
            let words = help.lines().nth(line + 1).unwrap().trim();
            assert!(words.len() > 10, "{name} is not explained: {words}");
        }
    }
}

#[test]
fn every_variable_of_the_services_is_in_the_table_of_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let table: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `")).collect();
    for name in read_by(&SERVICES) {
        assert!(table.iter().any(|row| row.contains(&format!("`{name}`"))), "{name} is not in the table");
    }
}
