//! `postly-ingest`: verifies webhooks, queues what they carry, answers within milliseconds. `postly-ingest health` and
//! `postly-ingest ready` ask the one that runs beside them.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    if let Some(answer) = shared::probe::asked(ingest::config::ADMIN_ADDR).or_else(|| ingest::USAGE.asked()) {
        return answer;
    }
    match ingest::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("postly-ingest: {error:#}");
            ExitCode::FAILURE
        }
    }
}
