//! Payloads as the providers send them: every one is acknowledged, and leads where it should.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ingest::webhook::Arrival;
use sandbox::conversation::run_without_worker;
use shared::message::{MessageId, Provider};

use super::{drained, is_acknowledged, signed};
use crate::GROUND;

async fn every_fixture_is_acknowledged_and_leads_where_it_should(provider: Provider) {
    run_without_worker(&GROUND, async |sandbox| {
        let folder = format!("{}/../fixtures/{provider}", env!("CARGO_MANIFEST_DIR"));
        let (mut letters, mut seen, mut aside) = (0, HashSet::new(), 0);
        for file in std::fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if !name.ends_with(if provider == Provider::Meta { ".json" } else { ".form" })
                || name.starts_with("api_")
            {
                continue;
            }
            letters += 1;
            let body = std::fs::read(&path).unwrap();
            let delivery = signed(sandbox, provider, &body).await;
            assert!(is_acknowledged(provider, &delivery), "{name}: {delivery:?}");
            // What the bytes mean is pinned by ingest's own snapshots; here it must come out of the queue.
            let meant = match provider {
                Provider::Meta => ingest::meta::payload::arrivals(&body, None, DateTime::<Utc>::UNIX_EPOCH),
                Provider::Twilio => vec![ingest::twilio::payload::arrival(&body, "", DateTime::UNIX_EPOCH)],
            };
            let mut expected = HashSet::new();
            for arrival in meant {
                match arrival {
                    // Some fixtures tell of the same message, which is then a redelivery.
                    Arrival::Job(job) if seen.insert(job.id.clone()) => _ = expected.insert(job.id),
                    Arrival::Unreadable { .. } => aside += 1,
                    Arrival::Job(_) | Arrival::Ignored(_) => {}
                }
            }
            let came: HashSet<MessageId> = drained(sandbox).await.into_iter().map(|job| job.id).collect();
            assert_eq!(came, expected, "{name}");
        }
        assert!(letters > 35 && seen.len() > 25, "{letters} letters, {} jobs", seen.len());
        sandbox.has_dead_letters(aside).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fixture_of_meta_is_acknowledged_and_leads_where_it_should() {
    every_fixture_is_acknowledged_and_leads_where_it_should(Provider::Meta).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fixture_of_twilio_is_acknowledged_and_leads_where_it_should() {
    every_fixture_is_acknowledged_and_leads_where_it_should(Provider::Twilio).await;
}
