//! One message through the whole system, without a browser: progress while it waits, then the reply and the
//! credits before and after.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use shared::message::Provider;
use shared::story::{self, What};
use sqlx::PgPool;
use tokio::time::Instant;

use crate::chat::{self, Visitor, Who};
use crate::person::Person;
use crate::stack::Stack;

/// Prints a line. A reader that has gone away (`| head`) is no reason to stop.
macro_rules! tell {
    ($($words:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

/// How long an answer may take. A real model needs some seconds for each of its three steps.
const PATIENCE: Duration = Duration::from_secs(90);

/// Sends the text as the demo's visitor and prints what comes back. An error is the reason why nothing did.
pub async fn say(stack: &Stack, provider: Provider, text: &str) -> Result<()> {
    ensure!(
        !stack.reality.of_provider(provider),
        "{provider} is configured for real: write to your number from your own WhatsApp instead of using --say"
    );
    let mut people = chat::visitors(stack).await;
    let Some(person) = people.remove(&Visitor { provider, who: Who::default() }) else {
        bail!("no visitor for {provider}")
    };
    let logs = format!("the logs are in {}", stack.logs.display());
    through(&stack.pool, &person, provider, text, &logs).await
}

/// The same for a person of whatever system answers, with these books. `logs` tells where to look if none does.
pub async fn through(
    pool: &PgPool,
    person: &Person,
    provider: Provider,
    text: &str,
    logs: &str,
) -> Result<()> {
    let (before, heard_before) = (person.credits().await, person.has_heard().len());
    let began = Instant::now();
    tell!("you → Postly ({provider}): {text}");
    let said = person.says(text).await;
    ensure!(
        said.delivery.status == Some(200),
        "the webhook was not taken: {}",
        said.delivery.status.map_or("no answer".to_owned(), |status| format!("HTTP {status}"))
    );
    tell!("  {:>7} ms  webhook acknowledged", said.delivery.elapsed.as_millis());
    let mut told = 0;
    let mut turns = tokio::time::interval(Duration::from_millis(50));
    loop {
        turns.tick().await;
        let events = story::of(pool, &said.id).await?;
        for event in events.iter().skip(told) {
            let since = (event.at - events[0].at).num_milliseconds();
            tell!(
                "  {since:>7} ms  {}{}",
                event.what,
                event.detail.as_ref().map(|d| format!(" ({d})")).unwrap_or_default()
            );
        }
        told = told.max(events.len());
        let ended = events.iter().any(|event| matches!(event.what, What::Ended(_)));
        // A long answer leaves in several parts.
        let parts = story::parts(pool, &said.id).await?.len();
        let sent = events.iter().filter(|event| event.what == What::Accepted).count();
        if ended && events.iter().any(|event| event.what == What::SendFailed) {
            bail!("the provider refused the reply");
        }
        if ended && sent > 0 && sent == parts && person.has_heard().len() >= heard_before + parts {
            break;
        }
        ensure!(began.elapsed() < PATIENCE, "no answer after {} s; {logs}", PATIENCE.as_secs());
    }
    tell!("\nPostly → you:");
    for part in person.screen().into_iter().skip(heard_before) {
        tell!("{}\n", part.text);
        let Some(offered) = part.offers else { continue };
        if let Some(opens) = offered.opens {
            tell!("[{opens}]");
        }
        for choice in offered.choices {
            let description = choice.description.map(|text| format!(", {text}")).unwrap_or_default();
            tell!("  • {}{description}", choice.title);
        }
        tell!();
    }
    tell!(
        "credits: {before} before, {} after ({:.1} s)",
        person.credits().await,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}
