//! `postly-worker`: handles queued messages and sends the replies. As many processes as the operator wants.
//! `postly-worker health` and `postly-worker ready` ask the one that runs beside them.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    if let Some(answer) = shared::probe::asked(worker::config::ADMIN_ADDR).or_else(|| worker::USAGE.asked()) {
        return answer;
    }
    match worker::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("postly-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}
