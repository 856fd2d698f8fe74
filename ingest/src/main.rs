//! `postly-ingest`: verifies webhooks, queues what they carry, answers within milliseconds.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match ingest::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("postly-ingest: {error:#}");
            ExitCode::FAILURE
        }
    }
}
