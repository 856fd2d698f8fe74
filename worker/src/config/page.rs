//! What the workers are told about the operator's page.

use axum::http::uri::Authority;
use shared::env::Env;

use crate::page::Settings;

pub(super) fn page(env: &mut Env) -> Settings {
    let hosts: Vec<String> = env.text("ADMIN_HOSTS").map_or_else(Vec::new, |hosts| {
        hosts.split(',').map(|host| host.trim().to_owned()).filter(|host| !host.is_empty()).collect()
    });
    let is_name = |host: &String| host.parse::<Authority>().is_ok_and(|authority| authority.host() == host);
    if !hosts.iter().all(is_name) {
        env.problem("ADMIN_HOSTS is a list of names with commas, without http:// and without ports");
    }
    let runbook = env.text("RUNBOOK_URL");
    if runbook.as_ref().is_some_and(|url| !url.starts_with("http")) {
        env.problem("RUNBOOK_URL must be an address that begins with https://");
    }
    Settings { hosts, runbook }
}
