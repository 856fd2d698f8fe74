//! The campaign proves itself: every guard is taken away once, and the verdict must notice.

use std::time::Duration;

use anyhow::{Result, bail};
use shared::fault::GUARDS;

use super::storm;

/// A storm without a guard may never become quiet; that is a verdict as well.
const QUIET: Duration = Duration::from_mins(1);

/// Guards that stand behind another one: they show only when that one is gone as well, by what is not said twice.
const BEHIND: &[(&str, &str)] = &[("outbox_key", "receipt")];

/// One storm for each of these guards (for every one, when none is named), and one with all of them in place.
pub(super) async fn prove(seed: Option<u64>, kills: u32, only: &[String]) -> Result<()> {
    let seed = seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    println!("storm {seed} without each guard, {kills} kills each");
    let mut missed = Vec::new();
    let with_all = storm(seed, kills, &[], super::QUIET, false).await?;
    println!("{:<12} {:<62} {}", "(none)", "all guards in place", word(with_all));
    if with_all > 0 {
        missed.push("(none)");
    }
    for (guard, stops) in GUARDS {
        if !only.is_empty() && !only.iter().any(|chosen| chosen == guard) {
            continue;
        }
        let mut without = vec![(*guard).to_owned()];
        if let Some((_, before)) = BEHIND.iter().find(|(behind, _)| behind == guard) {
            without.push((*before).to_owned());
        }
        let mut breaches = storm(seed, kills, &without, QUIET, false).await?;
        let mut longer = "";
        if breaches == 0 {
            // Some show only in harm that is rare, such as a death around a send: once more, twice as long.
            breaches = storm(seed, kills * 2, &without, QUIET, false).await?;
            longer = " (in a second storm, of twice the kills)";
        }
        println!("{:<12} {stops:<62} {}{longer}", without.join("+"), word(breaches));
        if breaches == 0 {
            missed.push(guard);
        }
    }
    if missed.is_empty() { Ok(()) } else { bail!("not as it should be: {}", missed.join(", ")) }
}

fn word(breaches: usize) -> String {
    if breaches == 0 { "every promise held".to_owned() } else { format!("noticed: {breaches} broken") }
}
