//! What is shipped, held against the code: each variable, port, path, program and patience that a file for operators names. No
//! container is started. The files are judged as texts, so that a second test can spoil each of them and see it noticed.

mod cluster;
mod compose;
mod image;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use shared::env::{Env, SECRETS};
use shared::probe;
use shared::usage::Usage;

const FILES: [&str; 15] = [
    ".dockerignore",
    "deploy/Dockerfile",
    "deploy/k8s/base/ingest.yaml",
    "deploy/k8s/base/kustomization.yaml",
    "deploy/k8s/base/migrate.yaml",
    "deploy/k8s/base/network.yaml",
    "deploy/k8s/base/settings.yaml",
    "deploy/k8s/base/worker.yaml",
    "deploy/k8s/overlays/hpa/adapter.yaml",
    "deploy/k8s/overlays/keda/scaledobject.yaml",
    "deploy/k8s/secret.example.yaml",
    "deploy/proxy/nginx.conf",
    "deploy/redis/redis.conf",
    "deploy/secrets",
    "docker-compose.yml",
];

/// One of the two services, as the files for operators have to describe it.
struct Service {
    name: &'static str,
    binary: &'static str,
    admin: u16,
    /// How long it goes on after it was told to stop.
    stopping: Duration,
    variables: BTreeSet<String>,
}

/// Both services.
fn services() -> [Service; 2] {
    // A test of `variables` compares this with what they read.
    let read = |usage: Usage| usage.names().map(str::to_owned).collect();
    [
        Service {
            name: "ingest",
            binary: "postly-ingest",
            admin: ingest::config::ADMIN_ADDR.port(),
            stopping: ingest::limits::DRAIN,
            variables: read(ingest::USAGE),
        },
        Service {
            name: "worker",
            binary: "postly-worker",
            admin: worker::config::ADMIN_ADDR.port(),
            stopping: worker::policy::DRAIN + worker::policy::CLOSE,
            variables: read(worker::USAGE),
        },
    ]
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn source(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The variable that a name sets: a secret also by its file.
fn variable(name: &str) -> &str {
    let base = name.strip_suffix("_FILE").filter(|base| SECRETS.contains(base));
    base.unwrap_or(name)
}

/// The files, and what is wrong with them.
struct Shipment {
    files: BTreeMap<&'static str, String>,
    problems: Vec<String>,
}

impl Shipment {
    fn of_the_repository() -> Self {
        Self { files: FILES.into_iter().map(|file| (file, source(file))).collect(), problems: Vec::new() }
    }

    /// With one text in the place of another.
    fn spoiled(file: &'static str, good: &str, bad: &str) -> Self {
        let mut shipment = Self::of_the_repository();
        let text = shipment.files.get_mut(file).unwrap();
        assert!(text.contains(good), "{file} has no {good}");
        *text = text.replace(good, bad);
        shipment
    }

    fn text(&self, file: &str) -> &str {
        &self.files[file]
    }

    fn yaml(&self, file: &str) -> Value {
        serde_saphyr::from_str(self.text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    fn yamls(&self, file: &str) -> Vec<Value> {
        serde_saphyr::from_multiple(self.text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    fn demand(&mut self, holds: bool, otherwise: impl Into<String>) {
        if !holds {
            self.problems.push(otherwise.into());
        }
    }

    /// Every problem, a line each.
    fn judged(mut self) -> Vec<String> {
        image::judge(&mut self);
        compose::judge(&mut self);
        cluster::judge(&mut self);
        self.problems
    }
}

/// A text at a place such as `/services/ingest/user`; empty where there is none.
fn text<'a>(value: &'a Value, place: &str) -> &'a str {
    value.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

/// The texts of a list at a place.
fn texts<'a>(value: &'a Value, place: &str) -> Vec<&'a str> {
    let list = value.pointer(place).and_then(Value::as_array);
    list.map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// The port behind the colon.
fn port(address: &str) -> Option<u16> {
    address.rsplit(':').next()?.parse().ok()
}

/// Whether an image is named by a version: not by nothing, and not by a word that means another image tomorrow.
fn is_pinned(image: &str) -> bool {
    let tag = image.rsplit('/').next().and_then(|name| name.split_once(':'));
    tag.is_some_and(|(_, tag)| tag.bytes().any(|b| b.is_ascii_digit()) && tag.contains('.'))
}

/// The connections of one process of each service: what Postgres has to bear.
fn connections() -> (u32, u32) {
    let values = [
        ("REDIS_URL", "redis://127.0.0.1"),
        ("DATABASE_URL", "postgres://u@127.0.0.1/db"),
        ("META_ACCESS_TOKEN", "token"),
        ("OPENAI_API_KEY", "key"),
        ("MASTER_KEY", "c2hpcHBlZCBzaGlwcGVkIHNoaXBwZWQgc2hpcHBlZCE="),
    ];
    let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let worker = worker::config::Config::from_env(Env::from_values(values.into())).unwrap();
    (ingest::limits::CONNECTIONS, worker.connections)
}

#[test]
fn what_is_shipped_fits_the_code() {
    assert_eq!(Shipment::of_the_repository().judged(), Vec::<String>::new());
}

#[test]
fn everything_that_is_spoiled_is_noticed() {
    let spoils = [image::SPOILS, compose::SPOILS, cluster::SPOILS].concat();
    for (file, good, bad, word) in spoils {
        let problems = Shipment::spoiled(file, good, bad).judged();
        let told = problems.iter().any(|problem| problem.contains(word));
        assert!(told, "{file} with {bad:?} in the place of {good:?}: {problems:?}");
    }
}

#[test]
fn a_secret_of_either_service_may_stand_in_a_file() {
    let read = [".secret(\"", ".secrets(\""];
    for file in [
        "ingest/src/config.rs",
        "ingest/src/config/codes.rs",
        "worker/src/config.rs",
        "worker/src/config/codes.rs",
        "worker/src/config/providers.rs",
    ] {
        let source = source(file);
        let product = source.split("#[cfg(test)]").next().unwrap_or_default();
        for call in read {
            for rest in product.split(call).skip(1) {
                let name = rest.split('"').next().unwrap();
                assert!(
                    SECRETS.contains(&name),
                    "{name}, which {file} reads, is no secret of shared/src/env.rs"
                );
            }
        }
    }
}

#[test]
fn what_a_probe_asks_is_answered_by_both() {
    for service in services() {
        let admin = source(&format!("{}/src/admin.rs", service.name));
        for word in ["health", "ready"] {
            let path = probe::path(word).unwrap();
            assert!(admin.contains(&format!(".route(\"{path}\"")), "{} has no {path}", service.name);
        }
    }
}
