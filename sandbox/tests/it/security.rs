//! `SECURITY.md` names tests and files. A name that is no more would be a promise that nobody keeps.

use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../../SECURITY.md");

/// Every file of Rust below, read.
fn sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_test_and_every_file_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut code = String::new();
    sources(root, &mut code);
    let section = PAGE.split_once("## Which test shows it").unwrap().1.split_once("\n## ").unwrap().0;
    let named: BTreeSet<&str> = section.split('`').skip(1).step_by(2).collect();
    let (files, others): (Vec<&str>, Vec<&str>) = named.into_iter().partition(|name| name.contains('/'));
    for file in files {
        let place = file
            .strip_prefix("it/")
            .map_or_else(|| file.to_owned(), |rest| format!("sandbox/tests/it/{rest}"));
        assert!(root.join(&place).exists(), "{place} is not there");
    }
    let sentences: Vec<&str> =
        others.into_iter().filter(|name| name.contains('_') && !name.contains('.')).collect();
    assert!(sentences.len() > 50, "hardly any test is named: {sentences:?}");
    for test in sentences {
        let is_there = code.contains(&format!("fn {test}(")) || code.contains(&format!("{test} => super::"));
        assert!(is_there, "no test is called {test}");
    }
}
