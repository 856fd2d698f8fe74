//! `postly-worker`: handles queued messages and sends the replies. As many processes as the operator wants.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match worker::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("postly-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}
