//! `cargo demo`: the whole system on one machine, with a chat page, or with one sentence (`--say`).

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use sandbox::process::Role;
use sandbox::servers::keeper;
use sandbox::stack::Stack;
use sandbox::stage::WEB_URL;
use sandbox::{bench, chaos, chat, erasure_proof, gameday, ledger_proof, load, people_proof, props, say};
use shared::message::Provider;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Runs Postly for WhatsApp on this machine: Postgres, Redis, ingest, a worker, and simulated Meta, Twilio,
/// `OpenAI` and Stripe. Ctrl-C stops all of it.
#[derive(Parser)]
#[command(name = "cargo demo --")]
struct Arguments {
    /// Send this one message, print the reply and the credits before and after, and end.
    #[arg(long, value_name = "TEXT")]
    say: Option<String>,
    /// Who carries the message of --say.
    #[arg(long, default_value = "meta", value_name = "meta|twilio")]
    provider: Provider,
    /// Where the chat page is served on loopback.
    #[arg(long, default_value_t = 8088)]
    port: u16,
}

fn main() -> ExitCode {
    // The processes that the demo is made of are this same program.
    let first = std::env::args().nth(1).unwrap_or_default();
    if first == keeper::ARGUMENT {
        return keeper::main();
    }
    if let Some(role) = Role::of(&first) {
        return role.play();
    }
    if first == load::ARGUMENT {
        return load::main();
    }
    let run = async {
        let (stop, words) = (shared::shutdown::on_signal()?, std::env::args().skip(2));
        match first.as_str() {
            chaos::ARGUMENT => chaos::main(words, stop).await,
            erasure_proof::ARGUMENT => erasure_proof::main(words, stop).await,
            gameday::ARGUMENT => gameday::main(words, stop).await,
            bench::ARGUMENT => bench::main(words, stop).await,
            bench::bare::ARGUMENT => bench::bare::main(words).await,
            ledger_proof::ARGUMENT => ledger_proof::main(words, stop).await,
            people_proof::ARGUMENT => people_proof::main(words, stop).await,
            props::ARGUMENT => props::main(stop).await,
            _ => run(Arguments::parse(), stop).await,
        }
    };
    let ran = tokio::runtime::Runtime::new()
        .context("starting the runtime")
        .and_then(|runtime| runtime.block_on(run));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let programs = [
                chaos::ARGUMENT,
                erasure_proof::ARGUMENT,
                gameday::ARGUMENT,
                ledger_proof::ARGUMENT,
                people_proof::ARGUMENT,
                props::ARGUMENT,
            ];
            let program = programs.into_iter().find(|known| *known == first);
            eprintln!("{}: {error:#}", program.unwrap_or("demo"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments, stop: CancellationToken) -> Result<()> {
    // Before anything else is started: a busy port is the most likely thing to be wrong.
    let listener = match arguments.say {
        Some(_) => None,
        None => Some(TcpListener::bind(("127.0.0.1", arguments.port)).await.map_err(|error| {
            anyhow::anyhow!("port {} is not free ({error}): choose another with --port", arguments.port)
        })?),
    };
    let web = match &listener {
        Some(listener) => format!("http://{}", listener.local_addr()?),
        None => WEB_URL.to_owned(),
    };
    let stack = tokio::select! {
        stack = Stack::start(&web, |what| eprintln!("… {what}")) => stack?,
        () = stop.cancelled() => return Ok(()),
    };
    match (&arguments.say, listener) {
        (Some(text), _) => {
            let said = tokio::select! {
                said = say::say(&stack, arguments.provider, text) => said,
                () = stop.cancelled() => Err(anyhow::anyhow!("interrupted")),
            };
            stack.stop().await.and(said)
        }
        (None, Some(listener)) => {
            println!("\nThe chat page: {web}");
            println!(
                "The portal: {}/ (sign in with {}: the code comes to the phone on the chat page)",
                stack.ingest_url,
                chat::Visitor::all()[0].number()
            );
            println!("The operator's page: {}/", stack.operator_url);
            println!(
                "Webhooks arrive at {}/api/whatsapp/webhook; logs are in {}",
                stack.ingest_url,
                stack.logs.display()
            );
            println!("Ctrl-C stops everything.");
            let stack = Arc::new(stack);
            chat::serve(stack.clone(), listener, stop.cancelled_owned()).await?;
            eprintln!("… Stopping");
            Arc::into_inner(stack).context("somebody still holds the system")?.stop().await
        }
        (None, None) => Ok(()),
    }
}
