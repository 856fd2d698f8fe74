//! `deploy/Dockerfile`: what is built, from what, and what runs in the end.

use super::{Shipment, is_pinned, source};

const FILE: &str = "deploy/Dockerfile";

/// Each image, the program in it, and the package that makes it.
const IMAGES: [(&str, &str); 4] =
    [("ingest", "postly-ingest"), ("worker", "postly-worker"), ("postly", "postly"), ("sandbox", "sandbox")];

pub(super) const SPOILS: &[(&str, &str, &str, &str)] = &[
    (FILE, "rust:1.95.0-slim-bookworm", "rust:latest", "rust:latest is not pinned"),
    (FILE, "rust:1.95.0-slim-bookworm", "rust:1.80.1-slim-bookworm", "older than rust-version"),
    (FILE, "--release --package ingest --package worker", "--release --workspace", "names no package"),
    (FILE, "USER 65532:65532", "USER 0:0", "as root"),
    (FILE, "FROM base AS postly\n", "FROM base AS tool\n", "no target postly"),
    (FILE, "/src/target/release/postly-worker ", "/src/target/release/worker ", "postly-worker is not in"),
    (FILE, "ENTRYPOINT [\"/postly-ingest\"]", "ENTRYPOINT [\"/ingest\"]", "does not start /postly-ingest"),
    (FILE, "CMD [\"/postly-worker\", \"ready\"]", "CMD [\"curl\", \"localhost\"]", "no health of its own"),
    (FILE, "COPY worker/Cargo.toml worker/\n", "", "worker/Cargo.toml is not in the layer"),
    (".dockerignore", "!migrations\n", "", "migrations is not sent"),
    (FILE, "FROM base AS sandbox\n", "FROM services AS sandbox\n", "sandbox is not built on base"),
];

pub(super) fn judge(shipment: &mut Shipment) {
    let text = shipment.text(FILE).to_owned();
    let stages: Vec<(&str, &str, &str)> = text
        .split("\nFROM ")
        .skip(1)
        .map(|stage| {
            let (head, body) = stage.split_once('\n').unwrap_or((stage, ""));
            let (from, name) = head.split_once(" AS ").unwrap_or((head, ""));
            (from, name, body)
        })
        .collect();
    let names: Vec<&str> = stages.iter().map(|(_, name, _)| *name).collect();
    for (from, ..) in &stages {
        let ours = names.contains(from) || *from == "scratch";
        shipment.demand(ours || is_pinned(from), format!("{from} is not pinned"));
    }
    for (_, name, body) in &stages {
        for line in body.replace("\\\n", " ").lines().filter(|line| line.contains("cargo build")) {
            shipment.demand(line.contains("--package"), format!("the build of {name} names no package"));
            shipment.demand(
                line.contains("--locked"),
                format!("the build of {name} does not keep to Cargo.lock"),
            );
            let rehearsal = line.contains("sandbox");
            shipment.demand(!rehearsal || *name == "rehearsal", format!("{name} builds the sandbox"));
        }
    }
    for (target, binary) in IMAGES {
        let Some((from, _, body)) = stages.iter().find(|(_, name, _)| *name == target) else {
            shipment.demand(false, format!("there is no target {target}"));
            continue;
        };
        shipment.demand(*from == "base", format!("{target} is not built on base"));
        let copied = format!("/src/target/release/{binary} /{binary}\n");
        shipment.demand(body.contains(&copied), format!("{binary} is not in the image {target}"));
        let started = format!("ENTRYPOINT [\"/{binary}\"]");
        shipment.demand(body.contains(&started), format!("the image {target} does not start /{binary}"));
        if ["ingest", "worker"].contains(&target) {
            let asked = format!("CMD [\"/{binary}\", \"ready\"]");
            shipment.demand(body.contains(&asked), format!("the image {target} has no health of its own"));
        }
        let made = ["ingest", "worker", "sandbox"].iter().any(|package| {
            let manifest = source(&format!("{package}/Cargo.toml"));
            manifest.contains(&format!("name = \"{binary}\""))
        });
        shipment.demand(made, format!("no package makes {binary}"));
    }
    let base = stages.iter().find(|(_, name, _)| *name == "base").map_or("", |(.., body)| body);
    let user = base.lines().find_map(|line| line.strip_prefix("USER ")).unwrap_or("0");
    shipment.demand(!user.starts_with('0') && user != "root", "the images run as root");
    toolchain(shipment, &text);
    sent(shipment, &text);
}

/// The compiler is at least the one that the workspace asks for.
fn toolchain(shipment: &mut Shipment, text: &str) {
    let numbers = |version: &str| -> Vec<u32> {
        version.split(['.', '-']).map_while(|part| part.parse().ok()).collect()
    };
    let ours = source("Cargo.toml");
    let ours = ours.split("rust-version = \"").nth(1).and_then(|rest| rest.split('"').next());
    let theirs = text.split("FROM rust:").nth(1).and_then(|rest| rest.split_whitespace().next());
    let (ours, theirs) = (numbers(ours.unwrap_or_default()), numbers(theirs.unwrap_or_default()));
    shipment.demand(
        theirs.is_empty() || theirs >= ours,
        format!("rust {theirs:?} is older than rust-version {ours:?}"),
    );
}

/// Every member's manifest is in the layer of the dependencies, and everything that is copied is sent to the builder.
fn sent(shipment: &mut Shipment, text: &str) {
    for member in ["shared", "ingest", "worker", "sandbox"] {
        let copied = text.contains(&format!("COPY {member}/Cargo.toml {member}/\n"));
        shipment.demand(copied, format!("{member}/Cargo.toml is not in the layer of the dependencies"));
    }
    let ignored = shipment.text(".dockerignore").to_owned();
    for copied in
        ["Cargo.toml", "Cargo.lock", ".cargo", "migrations", "shared", "ingest", "worker", "sandbox"]
    {
        let sent = ignored.lines().any(|line| line.strip_prefix('!') == Some(copied));
        shipment.demand(sent, format!("{copied} is not sent to the builder"));
    }
    shipment.demand(
        ignored.lines().any(|line| line == "*"),
        "everything is sent to the builder, secrets included",
    );
}
