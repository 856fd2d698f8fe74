//! `docker-compose.yml`, and the settings of the servers that it mounts.

use std::collections::BTreeMap;
use std::time::Duration;

use sandbox::props;
use sandbox::stage::Stage;
use serde_json::Value;
use shared::env::SECRETS;
use shared::probe;

use super::{Shipment, connections, is_pinned, port, services, source, text, texts, variable};

const FILE: &str = "docker-compose.yml";
const PROXY: &str = "deploy/proxy/nginx.conf";
const REDIS: &str = "deploy/redis/redis.conf";

/// Variables that a composed system does not offer: the other name of a secret, numbers for simulated providers, and those that
/// ingest looks at only to say that others are missing.
const NOT_OFFERED: [(&str, &str); 4] = [
    ("ingest", "AUTH_SECRET"),
    ("ingest", "OTP_TEST_NUMBERS"),
    ("ingest", "META_ACCESS_TOKEN"),
    ("ingest", "TWILIO_ACCOUNT_SID"),
];

/// What runs once, or ends when something is wrong.
const WITHOUT_HEALTH: [&str; 3] = ["migrate", "postly", "sandbox"];

pub(super) const SPOILS: &[(&str, &str, &str, &str)] = &[
    (FILE, "META_PHONE_NUMBER_ID:", "META_PHONE_ID:", "META_PHONE_ID is read by nobody"),
    (FILE, "  LEASE_SECONDS: ${LEASE_SECONDS:-}\n", "", "LEASE_SECONDS is not offered"),
    (
        FILE,
        "OTP_SALT_FILE: /run/secrets/otp_salt",
        "OTP_SALT_FILE: /run/secrets/salt",
        "salt is not among its secrets",
    ),
    (FILE, "OTP_SALT_FILE: /run/secrets/otp_salt", "OTP_SALT: abc", "OTP_SALT stands in the file"),
    ("deploy/secrets", "stripe_secret_key", "stripe_key", "stripe_secret_key is made by nobody"),
    ("deploy/secrets", "EAAsandbox0token", "EAAother", "META_ACCESS_TOKEN is another"),
    (FILE, "ADMIN_ADDR: 0.0.0.0:9091", "ADMIN_ADDR: 0.0.0.0:9191", "admin port"),
    (FILE, "MIGRATE: \"off\"", "MIGRATE: \"on\"", "MIGRATE"),
    (
        FILE,
        "test: [CMD, /postly-ingest, ready]",
        "test: [CMD, /postly-ingest, alive]",
        "is not asked by /postly-ingest",
    ),
    (
        FILE,
        "test: [CMD, /postly-worker, ready]",
        "test: [CMD, curl, localhost]",
        "is not asked by /postly-worker",
    ),
    (FILE, "stop_grace_period: 45s", "stop_grace_period: 25s", "worker is cut off"),
    (FILE, "stop_grace_period: 30s", "stop_grace_period: 10s", "ingest is cut off"),
    (FILE, "redis:7.4.6-bookworm", "redis:latest", "redis:latest is not pinned"),
    (FILE, "redis:7.4.6-bookworm", "redis", "redis is not pinned"),
    (FILE, "read_only: true", "read_only: false", "may write anywhere"),
    (FILE, "cap_drop: [ALL]", "cap_drop: [NET_RAW]", "keeps capabilities"),
    (FILE, "\"no-new-privileges:true\"", "\"label:disable\"", "may gain rights"),
    (FILE, "user: \"999:999\"", "user: \"0:0\"", "runs as root"),
    (FILE, "target: worker}", "target: hands}", "no target hands"),
    (FILE, "command: [migrate]", "command: [upgrade]", "postly has no upgrade"),
    (FILE, "secrets: [database_url, master_key]", "secrets: [database_url]", "migrate has no master key"),
    (FILE, "TRUSTED_PROXIES: 172.31.240.0/24", "TRUSTED_PROXIES: 172.16.0.0/12", "TRUSTED_PROXIES"),
    (FILE, "  data: {internal: true}", "  data: {}", "the network data is open"),
    (FILE, "networks: [edge, data, watch]", "networks: [outside, edge, data, watch]", "ingest is in outside"),
    (FILE, "ports: [\"127.0.0.1:9090:9090\"]", "ports: [\"9090:9090\"]", "published to everybody"),
    (FILE, "max_connections=150", "max_connections=60", "Postgres takes 60"),
    (FILE, "memory: 2G", "memory: 1G", "no room to rewrite"),
    (
        FILE,
        "<<: *often\n      test: [CMD, pg_isready",
        "disable: true\n      test_: [CMD, pg_isready",
        "nobody asks postgres",
    ),
    (REDIS, "appendfsync always", "appendfsync everysec", "appendfsync"),
    (REDIS, "noeviction", "allkeys-lru", "maxmemory-policy"),
    (PROXY, "client_max_body_size 4m", "client_max_body_size 1m", "bodies"),
    (PROXY, "proxy_set_header Host $http_host", "proxy_set_header Host ingest", "Host"),
    (PROXY, "ingest:8080 resolve", "ingest:8000 resolve", "port of ingest"),
];

pub(super) fn judge(shipment: &mut Shipment) {
    let file = shipment.yaml(FILE);
    let all = file["services"].as_object().cloned().unwrap_or_default();
    for (name, service) in &all {
        confined(shipment, name, service);
    }
    told(shipment, &file);
    networks(shipment, &file);
    servers(shipment, &file);
    rehearsal(shipment);
    let command = texts(&file, "/services/migrate/command").join(" ");
    let known = source("worker/src/postly/main.rs").contains("Command::Migrate =>");
    shipment.demand(command == "migrate" && known, format!("postly has no {command}"));
    let migrate = &file["services"]["migrate"];
    let keyed = text(migrate, "/environment/MASTER_KEY_FILE") == "/run/secrets/master_key";
    let mounted = texts(migrate, "/secrets").contains(&"master_key");
    shipment.demand(keyed && mounted, "migrate has no master key");
}

/// Pinned, without rights, bounded, and asked how it is.
fn confined(shipment: &mut Shipment, name: &str, service: &Value) {
    let image = text(service, "/image");
    let ours = image.starts_with("postly-") && image.ends_with(":${POSTLY_VERSION:-dev}");
    shipment.demand(ours || is_pinned(image), format!("{image} is not pinned"));
    shipment.demand(service["read_only"] == true, format!("{name} may write anywhere"));
    shipment.demand(texts(service, "/cap_drop") == ["ALL"], format!("{name} keeps capabilities"));
    let fixed = texts(service, "/security_opt").contains(&"no-new-privileges:true");
    shipment.demand(fixed, format!("{name} may gain rights"));
    let user = text(service, "/user").split(':').next().and_then(|user| user.parse::<u32>().ok());
    shipment.demand(user.is_some_and(|user| user > 0), format!("{name} runs as root"));
    for limit in ["cpus", "memory"] {
        let limited = !text(service, &format!("/deploy/resources/limits/{limit}")).is_empty();
        shipment.demand(limited, format!("{name} may take all {limit}"));
    }
    let asked = !texts(service, "/healthcheck/test").is_empty();
    shipment.demand(asked || WITHOUT_HEALTH.contains(&name), format!("nobody asks {name} how it is"));
    if let Some(target) = service.pointer("/build/target").and_then(Value::as_str) {
        let stage = shipment.text("deploy/Dockerfile").contains(&format!(" AS {target}\n"));
        shipment.demand(stage, format!("the Dockerfile has no target {target}"));
        shipment.demand(
            image.starts_with(&format!("postly-{target}:")),
            format!("{image} is not the target {target}"),
        );
    }
}

/// What ingest and worker are told, and how long they are waited for.
fn told(shipment: &mut Shipment, file: &Value) {
    for service in services() {
        let name = service.name;
        let here = &file["services"][name];
        let variables = here["environment"].as_object().cloned().unwrap_or_default();
        for (given, value) in &variables {
            let known = service.variables.contains(variable(given));
            shipment.demand(known, format!("{name}: {given} is read by nobody"));
            shipment.demand(
                !SECRETS.contains(&given.as_str()) || given == "PUBLIC_URL",
                format!("{name}: {given} stands in the file"),
            );
            if variable(given) != given {
                let secret =
                    value.as_str().and_then(|path| path.strip_prefix("/run/secrets/")).unwrap_or_default();
                let mounted = texts(here, "/secrets").contains(&secret);
                shipment.demand(mounted, format!("{name}: {secret} is not among its secrets"));
                let made = shipment.text("deploy/secrets").contains(&format!("{secret} "))
                    && file["secrets"][secret].is_object();
                shipment.demand(made, format!("{secret} is made by nobody"));
            }
        }
        for wanted in &service.variables {
            let offered = variables.keys().any(|given| variable(given) == wanted)
                || NOT_OFFERED.contains(&(name, wanted.as_str()));
            shipment.demand(offered, format!("{name}: {wanted} is not offered"));
        }
        let admin = text(here, "/environment/ADMIN_ADDR");
        shipment.demand(
            port(admin) == Some(service.admin),
            format!("{name}: another admin port than {}", service.admin),
        );
        shipment.demand(text(here, "/environment/MIGRATE") == "off", format!("{name}: MIGRATE is not off"));
        let test = texts(here, "/healthcheck/test");
        let asks =
            test.len() == 3 && test[1] == format!("/{}", service.binary) && probe::path(test[2]).is_some();
        shipment.demand(asks, format!("{name} is not asked by /{}", service.binary));
        let grace = text(here, "/stop_grace_period").trim_end_matches('s').parse().map(Duration::from_secs);
        shipment.demand(
            grace.is_ok_and(|grace| grace > service.stopping),
            format!("{name} is cut off while it stops"),
        );
        shipment.demand(here["deploy"]["replicas"] == 2, format!("there is one {name}"));
        shipment.demand(here.get("ports").is_none(), format!("{name} is published past the proxy"));
    }
}

/// Who reaches whom.
fn networks(shipment: &mut Shipment, file: &Value) {
    for inside in ["edge", "data", "watch"] {
        let closed = file["networks"][inside]["internal"] == true;
        shipment.demand(closed, format!("the network {inside} is open"));
    }
    for (service, networks) in [
        ("ingest", vec!["edge", "data", "watch"]),
        ("worker", vec!["outside", "data", "watch"]),
        ("postgres", vec!["data"]),
        ("redis", vec!["data"]),
    ] {
        for network in texts(file, &format!("/services/{service}/networks")) {
            shipment.demand(networks.contains(&network), format!("{service} is in {network}"));
        }
    }
    let edge = text(file, "/networks/edge/ipam/config/0/subnet");
    let trusted = text(file, "/services/ingest/environment/TRUSTED_PROXIES");
    shipment.demand(edge == trusted, format!("TRUSTED_PROXIES is {trusted}, the proxy is in {edge}"));
    let published: Vec<(String, String)> = file["services"]
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(name, it)| texts(it, "/ports").into_iter().map(|port| (name.clone(), port.to_owned())))
        .collect();
    for (name, port) in published {
        let here = port.starts_with("127.0.0.1:") || port.starts_with("${HTTP_ADDR:-127.0.0.1:8080}:");
        shipment.demand(here, format!("{name} is published to everybody"));
    }
}

/// Redis, Postgres and the proxy.
fn servers(shipment: &mut Shipment, file: &Value) {
    let redis: BTreeMap<String, String> = shipment
        .text(REDIS)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for (name, value) in [
        ("appendonly", "yes"),
        ("appendfsync", "always"),
        ("maxmemory-policy", "noeviction"),
        ("dir", "/data"),
    ] {
        shipment
            .demand(redis.get(name).is_some_and(|it| it == value), format!("{name} of Redis is not {value}"));
    }
    let gigabytes =
        |text: &str| text.to_lowercase().trim_end_matches("gb").trim_end_matches('g').parse::<u32>().ok();
    let most = redis.get("maxmemory").and_then(|most| gigabytes(most));
    let room = gigabytes(text(file, "/services/redis/deploy/resources/limits/memory"));
    let fits = most.zip(room).is_some_and(|(most, room)| room >= 2 * most);
    shipment.demand(fits, "Redis has no room to rewrite its file");
    shipment.demand(
        texts(file, "/services/redis/volumes") == ["redis:/data"],
        "what Redis keeps is on no volume",
    );

    let (door, hands) = connections();
    // Two of each, one more of each while they are exchanged, the tools, and what Postgres keeps for its own.
    let needed = 3 * door + 3 * hands + 10;
    let command = texts(file, "/services/postgres/command");
    let taken = command.iter().find_map(|word| word.strip_prefix("max_connections=")?.parse::<u32>().ok());
    let told = taken.unwrap_or(100);
    shipment.demand(told >= needed, format!("Postgres takes {told} connections of {needed}"));

    let proxy = shipment.text(PROXY).to_owned();
    let bodies = format!("client_max_body_size {}m;", ingest::limits::BODY >> 20);
    shipment.demand(proxy.contains(&bodies), "the proxy does not pass the bodies that ingest takes");
    shipment.demand(proxy.contains("proxy_set_header Host $http_host;"), "the proxy changes Host");
    let forwarded = proxy.contains("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;");
    shipment.demand(forwarded, "the proxy does not say for whom it asks");
    let inside = port(text(file, "/services/ingest/environment/INGEST_ADDR")).unwrap_or_default();
    shipment
        .demand(proxy.contains(&format!("server ingest:{inside} ")), "the proxy asks another port of ingest");
}

/// The simulated providers, as the services are led to them.
fn rehearsal(shipment: &mut Shipment) {
    let env = source("deploy/sandbox.env");
    for (name, port) in props::PORTS {
        let led = env.contains(&format!("{name}=http://sandbox:{port}"));
        shipment.demand(led, format!("{name} does not lead to the sandbox"));
    }
    let variables = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let stage = Stage::open().await.unwrap();
        let variables = stage.variables();
        stage.close().await;
        variables
    });
    for (name, value) in variables {
        if props::PORTS.iter().any(|(led, _)| *led == name) || name == "META_WABA_ID" {
            continue;
        }
        let secret = SECRETS.contains(&name.as_str()) && name != "PUBLIC_URL";
        let given = if secret {
            shipment.text("deploy/secrets").contains(&format!("  keep {} {value}\n", name.to_lowercase()))
        } else {
            env.lines().any(|line| line == format!("{name}={value}"))
        };
        shipment.demand(given, format!("{name} is another than that of the simulated providers"));
    }
}

#[test]
fn prometheus_asks_where_they_answer() {
    let text = source("deploy/prometheus/prometheus.yml");
    for service in services() {
        let asked = text.lines().any(|line| {
            line.contains(&format!("names: [{}]", service.name))
                && line.contains(&format!("port: {}", service.admin))
        });
        assert!(asked, "Prometheus does not ask {} at {}", service.name, service.admin);
    }
}
