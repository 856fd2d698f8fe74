//! The simulated providers for a system that runs elsewhere, such as that of `docker-compose.yml`: each at a port that its
//! workers can be pointed at, and every line that is typed is said through all of it.
//!
//! Text goes all the way. What a simulator names by its own address (a voice note, a page to pay on) leads to the loopback
//! address of this program, and nobody elsewhere can open it.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};
use shared::db;
use shared::env::Env;
use shared::message::Provider;
use sqlx::PgPool;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::chat::{Visitor, WELCOME, Who};
use crate::person::Person;
use crate::say;
use crate::simulators::receipts::Statuses;
use crate::stage::Stage;

/// The first argument of this program that leads here.
pub const ARGUMENT: &str = "simulators";

/// Where each is found, for whoever configures the services.
pub const PORTS: [(&str, u16); 4] =
    [("META_GRAPH_URL", 8101), ("TWILIO_API_URL", 8102), ("OPENAI_BASE_URL", 8103), ("STRIPE_API_URL", 8104)];

/// The first thing that is said, so that a system shows at its start that it works.
const FIRST: &str = "Crée un post promo pour Instagram";

/// Opens everything, says the first sentence, and then every line that is typed. `WEBHOOK_URL` is where the system takes
/// webhooks, such as `http://proxy:8080`.
pub async fn main(stop: CancellationToken) -> Result<()> {
    let mut env = Env::of_process();
    let ingest = env.required("WEBHOOK_URL", "where the system takes webhooks");
    let books = db::from_env(&mut env);
    let books = env.finish(books)?;
    let stage = Stage::open().await.context("opening the simulated providers")?;
    stage.statuses(Statuses::Delayed(Duration::from_millis(150)));
    stage.calls(ingest.trim_end_matches('/'));
    for (name, port) in PORTS {
        let url = stage.variables().remove(name).context("a simulator has an address")?;
        let inside = url.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        let outside = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await.context(name)?;
        println!("{name}: port {port}");
        tokio::spawn(lead(outside, inside));
    }
    let pool = db::pool(books, 2, db::PATIENCE);
    let said = tokio::select! {
        said = talk(&stage, &pool) => said,
        () = stop.cancelled() => Ok(()),
    };
    stage.close().await;
    said
}

/// Leads who comes from outside to the simulator.
async fn lead(outside: TcpListener, inside: String) {
    while let Ok((mut caller, _)) = outside.accept().await {
        let inside = inside.clone();
        tokio::spawn(async move {
            if let Ok(mut simulator) = TcpStream::connect(&inside).await {
                // Either may hang up when it likes.
                let _ = copy_bidirectional(&mut caller, &mut simulator).await;
            }
        });
    }
}

/// Says a line as soon as it is there, one after the other. After the last one it is quiet, until told to stop.
async fn talk(stage: &Stage, pool: &PgPool) -> Result<()> {
    let alice = Visitor { provider: Provider::Meta, who: Who::default() };
    let person = Person::new(stage, pool, alice.provider, alice.number(), alice.who.name());
    let known: bool = sqlx::query_scalar(r#"select exists (select from "User" where "waPhoneE164" = $1)"#)
        .bind(alice.number())
        .fetch_one(pool)
        .await
        .context("looking for an account: has the system migrated its books?")?;
    let person = if known { person } else { person.with_credits(WELCOME).await };
    let mut lines = typed();
    let mut next = Some(FIRST.to_owned());
    while let Some(text) = next {
        // What goes wrong with one sentence is told, and the next one may do better.
        if let Err(error) =
            say::through(pool, &person, alice.provider, &text, "look at the services' logs").await
        {
            eprintln!("simulators: {error:#}");
        }
        next = lines.recv().await;
    }
    std::future::pending().await
}

/// The lines of standard input, from a thread of their own: whoever waits for a line cannot be told to stop.
fn typed() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok).filter(|line| !line.trim().is_empty()) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
