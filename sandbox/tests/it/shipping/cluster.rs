//! `deploy/k8s`. Whether the manifests have the shape that Kubernetes wants is for `.ci/manifests`; here is what they say.

use std::time::Duration;

use sandbox::load::autoscale;
use serde_json::Value;
use worker::policy;

use super::{Service, Shipment, port, services, source, text, variable};

const INGEST: &str = "deploy/k8s/base/ingest.yaml";
const WORKER: &str = "deploy/k8s/base/worker.yaml";
const MIGRATE: &str = "deploy/k8s/base/migrate.yaml";
const SETTINGS: &str = "deploy/k8s/base/settings.yaml";
const KEDA: &str = "deploy/k8s/overlays/keda/scaledobject.yaml";
const ADAPTER: &str = "deploy/k8s/overlays/hpa/adapter.yaml";
const NETWORK: &str = "deploy/k8s/base/network.yaml";

/// Messages that one worker handles at once, unless it is told otherwise.
const SLOTS: u64 = 100;

pub(super) const SPOILS: &[(&str, &str, &str, &str)] = &[
    (SETTINGS, "META_PHONE_NUMBER_ID", "META_PHONE_ID", "META_PHONE_ID is read by nobody"),
    (SETTINGS, "MIGRATE: \"off\"", "MIGRATE: \"on\"", "MIGRATE"),
    (WORKER, "name: OPENAI_API_KEY_FILE", "name: OPENAI_KEY_FILE", "OPENAI_KEY_FILE is read by nobody"),
    (WORKER, "postly/openai_api_key}", "postly/openai}", "openai is not mounted"),
    ("deploy/k8s/secret.example.yaml", "  openai_api_key: \"\"\n", "", "openai_api_key is in no Secret"),
    (INGEST, "value: \"0.0.0.0:9090\"", "value: \"0.0.0.0:9091\"", "admin port"),
    (WORKER, "containerPort: 9091", "containerPort: 9090", "admin port"),
    (WORKER, "prometheus.io/port: \"9091\"", "prometheus.io/port: \"9090\"", "scraped"),
    (
        INGEST,
        "livenessProbe: {httpGet: {path: /healthz",
        "livenessProbe: {httpGet: {path: /readyz",
        "livenessProbe",
    ),
    (
        WORKER,
        "readinessProbe: {httpGet: {path: /readyz",
        "readinessProbe: {httpGet: {path: /ready",
        "readinessProbe",
    ),
    (WORKER, "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 25", "worker is cut off"),
    (INGEST, "sleep: {seconds: 5}", "sleep: {seconds: 20}", "ingest is cut off"),
    (INGEST, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "may write anywhere"),
    (INGEST, "runAsNonRoot: true, runAsUser: 65532", "runAsNonRoot: false, runAsUser: 0", "runs as root"),
    (WORKER, "drop: [ALL]", "drop: [NET_RAW]", "keeps capabilities"),
    (WORKER, "automountServiceAccountToken: false", "automountServiceAccountToken: true", "token"),
    (WORKER, "requests: {cpu: 100m, memory: 64Mi}, ", "", "asks for no"),
    (INGEST, "minAvailable: 1", "minAvailable: 0", "disruption"),
    (INGEST, "targetPort: webhooks", "targetPort: admin", "the Service"),
    ("deploy/k8s/base/kustomization.yaml", "newTag: 0.1.0", "newTag: latest", "latest"),
    (MIGRATE, ", {key: master_key, path: master_key}", "", "the Job that migrates has no master key"),
    (
        NETWORK,
        "kubernetes.io/metadata.name: monitoring}}}]\n      ports: [{port: admin}]",
        "kubernetes.io/metadata.name: default}}}]\n      ports: [{port: admin}]",
        "admin listeners",
    ),
    (KEDA, "cooldownPeriod: 900", "cooldownPeriod: 300", "cooldown"),
    (KEDA, "postly_queue_lanes", "postly_queue_lines", "postly_queue_lines"),
    (ADAPTER, "postly_queue_oldest_age_seconds)", "postly_queue_age)", "postly_queue_age"),
    (
        KEDA,
        "max(postly_queue_messages{state=\"delayed\"})\n        threshold",
        "max(postly_queue_messages{state=\"dead\"})\n        threshold",
        "waits for its time",
    ),
    (KEDA, "threshold: \"70\"", "threshold: \"200\"", "more than its slots"),
    (KEDA, "maxReplicaCount: 8", "maxReplicaCount: 80", "maxReplicaCount"),
    (KEDA, "threshold: \"10\"", "threshold: \"20\"", "threshold of oldest"),
    (KEDA, "scaleTargetRef: {name: postly-worker}", "scaleTargetRef: {name: worker}", "scales nobody"),
];

pub(super) fn judge(shipment: &mut Shipment) {
    let settings = shipment.yaml(SETTINGS);
    let both = services();
    for name in settings["data"].as_object().into_iter().flatten().map(|(name, _)| name) {
        let known = both.iter().any(|service| service.variables.contains(name));
        shipment.demand(known, format!("{name} is read by nobody"));
    }
    shipment
        .demand(text(&settings, "/data/MIGRATE") == "off", "MIGRATE is not off beside a Job that migrates");
    for (service, file) in both.iter().zip([INGEST, WORKER]) {
        deployment(shipment, service, file);
    }
    let pod = shipment.yaml(MIGRATE)["spec"]["template"]["spec"].clone();
    let told = text(&pod, "/containers/0/env/1/value").strip_prefix("/run/secrets/postly/");
    let mounted = text(&pod, "/volumes/0/secret/items/1/path");
    let keyed = told == Some("master_key") && mounted == "master_key";
    shipment.demand(keyed, "the Job that migrates has no master key");
    let base = shipment.yaml("deploy/k8s/base/kustomization.yaml");
    for image in base["images"].as_array().into_iter().flatten() {
        let (name, tag) = (text(image, "/name"), text(image, "/newTag"));
        shipment.demand(tag.contains('.'), format!("{name} is {tag}, which is another one tomorrow"));
    }
    let admin = shipment.yamls(NETWORK).into_iter().find(|it| text(it, "/metadata/name") == "postly-admin");
    let admin = admin.unwrap_or_default();
    let from = "/spec/ingress/0/from/0/namespaceSelector/matchLabels/kubernetes.io~1metadata.name";
    shipment
        .demand(text(&admin, from) == "monitoring", "the admin listeners are open to others than Prometheus");
    scaling(shipment);
}

fn deployment(shipment: &mut Shipment, service: &Service, file: &str) {
    let name = service.name;
    let objects = shipment.yamls(file);
    let one = |kind: &str| objects.iter().find(|it| text(it, "/kind") == kind).cloned().unwrap_or_default();
    let deployment = one("Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    shipment.demand(
        text(container, "/image") == service.binary,
        format!("{name} is not the image {}", service.binary),
    );

    let items = pod["volumes"][0]["secret"]["items"].as_array().cloned().unwrap_or_default();
    for variable_ in container["env"].as_array().into_iter().flatten() {
        let (given, value) = (text(variable_, "/name"), text(variable_, "/value"));
        shipment.demand(
            service.variables.contains(variable(given)),
            format!("{name}: {given} is read by nobody"),
        );
        if let Some(key) = value.strip_prefix("/run/secrets/postly/") {
            let mounted = items.iter().any(|item| text(item, "/path") == key);
            shipment.demand(mounted, format!("{name}: {key} is not mounted"));
        }
        if given == "ADMIN_ADDR" {
            shipment.demand(port(value) == Some(service.admin), format!("{name}: another admin port"));
        }
    }
    let secret = shipment.yaml("deploy/k8s/secret.example.yaml");
    for item in &items {
        let key = text(item, "/key");
        shipment.demand(secret["stringData"].get(key).is_some(), format!("{key} is in no Secret"));
    }

    let named = |port: &str| {
        let ports = container["ports"].as_array().cloned().unwrap_or_default();
        ports.into_iter().find(|it| text(it, "/name") == port).and_then(|it| it["containerPort"].as_u64())
    };
    shipment.demand(named("admin") == Some(service.admin.into()), format!("{name}: another admin port"));
    let scraped = text(&deployment, "/spec/template/metadata/annotations/prometheus.io~1port");
    shipment.demand(scraped == service.admin.to_string(), format!("{name} is scraped at {scraped}"));
    for (probe, path) in
        [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]
    {
        let asked = &container[probe]["httpGet"];
        let right = text(asked, "/path") == path && text(asked, "/port") == "admin";
        shipment.demand(right, format!("{name}: {probe} does not ask {path}"));
    }
    if name == "ingest" {
        let service = one("Service");
        shipment
            .demand(text(&service, "/spec/ports/0/targetPort") == "webhooks", "the Service leads elsewhere");
    }

    let seconds = |value: &Value| Duration::from_secs(value.as_u64().unwrap_or_default());
    let before = seconds(&container["lifecycle"]["preStop"]["sleep"]["seconds"]);
    let grace = seconds(&pod["terminationGracePeriodSeconds"]);
    shipment.demand(grace > before + service.stopping, format!("{name} is cut off while it stops"));

    let (outer, inner) = (&pod["securityContext"], &container["securityContext"]);
    let user = outer["runAsNonRoot"] == true && outer["runAsUser"].as_u64().is_some_and(|user| user > 0);
    shipment.demand(user, format!("{name} runs as root"));
    shipment.demand(inner["readOnlyRootFilesystem"] == true, format!("{name} may write anywhere"));
    shipment.demand(inner["allowPrivilegeEscalation"] == false, format!("{name} may gain rights"));
    shipment.demand(text(inner, "/capabilities/drop/0") == "ALL", format!("{name} keeps capabilities"));
    shipment
        .demand(pod["automountServiceAccountToken"] == false, format!("{name} holds a token of the cluster"));
    for what in ["cpu", "memory"] {
        let asked = !text(container, &format!("/resources/requests/{what}")).is_empty();
        shipment.demand(asked, format!("{name} asks for no {what}"));
    }
    let budget = one("PodDisruptionBudget");
    let keeps = budget["spec"]["minAvailable"].as_u64().is_some_and(|kept| kept > 0)
        || budget["spec"]["maxUnavailable"].as_u64() == Some(1);
    shipment.demand(keeps, format!("{name}: a disruption may take all"));
}

fn scaling(shipment: &mut Shipment) {
    let scaled = shipment.yaml(KEDA);
    shipment.demand(text(&scaled, "/spec/scaleTargetRef/name") == "postly-worker", "KEDA scales nobody");
    let cooldown = Duration::from_secs(scaled["spec"]["cooldownPeriod"].as_u64().unwrap_or_default());
    let longest = (policy::SWEEP_AGE + policy::SWEEP_PERIOD).max(policy::FULL).max(policy::OPERATOR_PAUSE);
    shipment.demand(cooldown > longest, "the cooldown is shorter than what a last worker is needed for");
    let triggers = scaled["spec"]["triggers"].as_array().cloned().unwrap_or_default();
    let waits = triggers
        .iter()
        .any(|it| text(it, "/metadata/query") == "max(postly_queue_messages{state=\"delayed\"})");
    shipment.demand(waits, "nobody stays for what waits for its time");
    let work = triggers.iter().find(|it| text(it, "/name") == "work").cloned().unwrap_or_default();
    let each = text(&work, "/metadata/threshold").parse::<u64>().unwrap_or(u64::MAX);
    shipment.demand(each <= SLOTS, "a worker is given more than its slots");
    let numbers = [
        ("/spec/maxReplicaCount", autoscale::MOST),
        ("/spec/cooldownPeriod", autoscale::COOLDOWN),
        ("/spec/pollingInterval", autoscale::POLL),
        (
            "/spec/advanced/horizontalPodAutoscalerConfig/behavior/scaleDown/stabilizationWindowSeconds",
            autoscale::CALM,
        ),
    ];
    for (place, number) in numbers {
        let same = scaled.pointer(place).and_then(Value::as_u64) == Some(number as u64);
        shipment.demand(same, format!("{place} is not what `cargo load autoscale` reckons with"));
    }
    for (name, number) in [("work", autoscale::EACH), ("oldest", autoscale::AGE)] {
        let trigger = triggers.iter().find(|it| text(it, "/name") == name).cloned().unwrap_or_default();
        let same = text(&trigger, "/metadata/threshold") == number.to_string();
        shipment
            .demand(same, format!("the threshold of {name} is not what `cargo load autoscale` reckons with"));
    }
    let sources = ["shared/src/telemetry.rs", "shared/src/queue/figures.rs"].map(source).concat();
    for file in [KEDA, ADAPTER] {
        let text = shipment.text(file).to_owned();
        let between = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        // Names that prometheus-adapter gives stand behind `as:`.
        let given: Vec<&str> =
            text.split("as: ").skip(1).filter_map(|rest| rest.split(between).next()).collect();
        for name in text.split(between).filter(|name| name.starts_with("postly_") && !given.contains(name)) {
            let told = sources.contains(&format!("\"{name}\""));
            shipment.demand(told, format!("{name} is told by nobody"));
        }
    }
}
