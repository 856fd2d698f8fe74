//! The harm of a storm: drawn from the seed, done one after the other until enough has been killed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use shared::fault::{INTAKE_POINTS, POINTS, RELAY_POINTS};
use tokio::task::JoinSet;

use super::{LEASE, World};
use crate::process::Role;
use crate::simulators::meta::MetaFault;
use crate::simulators::openai::OpenAiFault;
use crate::simulators::receipts::Statuses;
use crate::simulators::twilio::TwilioFault;

/// Processes that wait for their point at the same time: with more, only points would kill.
const DOOMED: usize = 3;

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Harm {
    Kill(Role, usize),
    Term(Role, usize),
    Freeze(Role, usize, Duration),
    CutOff(Role, Duration),
    DieAt(Role, String),
    Redis(Outage),
    Postgres(Outage),
    Both(Duration),
    Model(Vec<OpenAiFault>),
    SlowModel(Duration),
    Meta(usize, MetaFault),
    Twilio(usize, TwilioFault),
    Reports(Statuses),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outage {
    /// `kill -9`, and back after this.
    Killed(Duration),
    /// Standing still for this long.
    Frozen(Duration),
}

impl fmt::Display for Harm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(role, _) => write!(out, "kill -9 of a {}", role.argument()),
            Self::Term(role, _) => write!(out, "SIGTERM to a {}", role.argument()),
            Self::Freeze(role, _, by) if *by > LEASE => {
                write!(out, "SIGSTOP of a {} beyond its lease, SIGCONT", role.argument())
            }
            Self::Freeze(role, ..) => write!(out, "SIGSTOP of a {}, SIGCONT", role.argument()),
            Self::CutOff(role, _) => write!(out, "a {} cut off from Redis", role.argument()),
            Self::DieAt(role, _) => write!(out, "a {} set to die at a point", role.argument()),
            Self::Redis(Outage::Killed(_)) => out.write_str("kill -9 of Redis"),
            Self::Redis(Outage::Frozen(_)) => out.write_str("Redis stands still"),
            Self::Postgres(Outage::Killed(_)) => out.write_str("kill -9 of Postgres"),
            Self::Postgres(Outage::Frozen(_)) => out.write_str("Postgres stands still"),
            Self::Both(_) => out.write_str("kill -9 of both servers"),
            Self::Model(_) => out.write_str("trouble at the model"),
            Self::SlowModel(_) => out.write_str("a slow model"),
            Self::Meta(_, MetaFault::Drop) | Self::Twilio(_, TwilioFault::Drop) => {
                out.write_str("connections cut after a send was accepted")
            }
            Self::Meta(..) | Self::Twilio(..) => out.write_str("trouble at a provider"),
            Self::Reports(_) => out.write_str("reports late, twice, backwards, never"),
        }
    }
}

/// What was done, by kind.
#[derive(Debug, Default)]
pub(super) struct Tally {
    done: BTreeMap<String, u32>,
    died_at: BTreeMap<String, u32>,
}

impl Tally {
    pub(super) fn print(&self, kills: u32, took: Duration) {
        println!("\nharm ({kills} kills in {:.0} s)", took.as_secs_f64());
        for (what, count) in &self.done {
            println!("  {count:>6}  {what}");
        }
        let points: Vec<String> = self.died_at.iter().map(|(point, n)| format!("{point} {n}")).collect();
        println!("  died at: {}", points.join(", "));
    }
}

/// Does harm until so many were killed.
pub(super) async fn does(world: &Arc<World>, seed: u64, kills: u32) -> Result<Tally> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    // What takes its time beside the rest: frozen processes, slow models.
    let mut aside = JoinSet::new();
    let (mut deck, mut half) = (Vec::new(), 0);
    while world.cast.kills.load(Ordering::SeqCst) < kills {
        if deck.is_empty() {
            deck = shuffled(half, &mut rng);
            half += 1;
        }
        let Some(card) = deck.pop() else { continue };
        let harm = draw(card, &mut rng);
        if matches!(harm, Harm::DieAt(..)) && world.cast.doomed() >= DOOMED {
            continue;
        }
        *tally.done.entry(harm.to_string()).or_default() += 1;
        harm.happens(world, &mut aside).await?;
        tokio::time::sleep(Duration::from_millis(rng.random_range(30..450))).await;
    }
    while aside.join_next().await.is_some() {}
    tally.died_at.clone_from(&super::cast::lock(&world.cast.died_at));
    Ok(tally)
}

/// Half a deck, shuffled: so that even a short storm meets nearly everything, and a long one in its proportions.
fn shuffled(half: u32, rng: &mut StdRng) -> Vec<u32> {
    let mut deck: Vec<u32> = (0..100).filter(|card| card % 2 == half % 2).collect();
    deck.shuffle(rng);
    deck
}

fn draw(card: u32, rng: &mut StdRng) -> Harm {
    let which = rng.random_range(0..6);
    let mut millis = |from: u64, to: u64| Duration::from_millis(rng.random_range(from..to));
    let (short, outage, beyond) = (millis(100, 900), millis(200, 2_500), LEASE + millis(300, 1_500));
    let nth = rng.random_range(1..4);
    let at = |points: &[&str], rng: &mut StdRng| {
        let point = points.choose(rng).copied().unwrap_or(POINTS[0]);
        format!("{point}:{nth}")
    };
    match card {
        0..24 => Harm::DieAt(Role::Worker, at(POINTS, rng)),
        24..38 => Harm::Kill(Role::Worker, which),
        38..44 => Harm::Kill(Role::Ingest, which),
        44..48 => Harm::DieAt(Role::Ingest, at(INTAKE_POINTS, rng)),
        48..52 => Harm::DieAt(Role::Worker, at(RELAY_POINTS, rng)),
        52..56 => Harm::Term(Role::Worker, which),
        56..58 => Harm::Term(Role::Ingest, which),
        58..70 => Harm::Freeze(Role::Worker, which, beyond),
        70..72 => Harm::Freeze(Role::Ingest, which, short),
        72..76 => Harm::CutOff(Role::Ingest, beyond),
        76..80 => Harm::CutOff(Role::Worker, beyond),
        80..84 => Harm::Redis(Outage::Killed(outage)),
        84..86 => Harm::Redis(Outage::Frozen(outage)),
        86..88 => Harm::Postgres(Outage::Killed(outage)),
        88..90 => Harm::Postgres(Outage::Frozen(outage)),
        90..92 => Harm::Both(short),
        92..94 => Harm::Model(model(rng)),
        94..96 => Harm::SlowModel(Duration::from_millis(rng.random_range(500..2_800))),
        96 => Harm::Meta(rng.random_range(1..4), meta(rng)),
        97 => Harm::Twilio(rng.random_range(1..4), twilio(rng)),
        _ => Harm::Reports(reports(rng)),
    }
}

fn model(rng: &mut StdRng) -> Vec<OpenAiFault> {
    let troubles = [
        OpenAiFault::RateLimited { retry_after: Duration::from_millis(200) },
        OpenAiFault::Overloaded503,
        OpenAiFault::Http500,
        OpenAiFault::Garbage,
        OpenAiFault::EmptyChoices,
        OpenAiFault::Refusal,
        OpenAiFault::Truncated,
        OpenAiFault::InvalidJsonContent,
        OpenAiFault::Drop,
        OpenAiFault::Hang,
    ];
    let count = rng.random_range(1..5);
    (0..count).filter_map(|_| troubles.choose(rng).copied()).collect()
}

fn meta(rng: &mut StdRng) -> MetaFault {
    let troubles = [
        MetaFault::Throughput130429,
        MetaFault::Unavailable131016,
        MetaFault::Transient2,
        MetaFault::Http500Html,
        MetaFault::Garbage200,
        MetaFault::TokenExpired190,
        MetaFault::FailedByStatus(131_026),
        MetaFault::Drop,
        MetaFault::Drop,
        MetaFault::Hang,
    ];
    troubles.choose(rng).copied().unwrap_or(MetaFault::Drop)
}

fn twilio(rng: &mut StdRng) -> TwilioFault {
    let troubles = [
        TwilioFault::TooMany20429,
        TwilioFault::Unavailable20503,
        TwilioFault::Authenticate20003,
        TwilioFault::Http500Html,
        TwilioFault::Garbage200,
        TwilioFault::FailedByStatus(63_016),
        TwilioFault::Drop,
        TwilioFault::Drop,
        TwilioFault::Hang,
    ];
    troubles.choose(rng).copied().unwrap_or(TwilioFault::Drop)
}

fn reports(rng: &mut StdRng) -> Statuses {
    let policies = [
        Statuses::Immediate,
        Statuses::Delayed(Duration::from_millis(100)),
        Statuses::Delayed(Duration::from_millis(1_500)),
        Statuses::Duplicated,
        Statuses::OutOfOrder,
        Statuses::Never,
    ];
    policies.choose(rng).copied().unwrap_or_default()
}

impl Harm {
    async fn happens(self, world: &Arc<World>, aside: &mut JoinSet<()>) -> Result<()> {
        let servers = &world.servers;
        let died = |count| world.cast.kills.fetch_add(count, Ordering::SeqCst);
        match self {
            Self::Kill(role, which) => world.cast.ends(role, which, true),
            Self::Term(role, which) => world.cast.ends(role, which, false),
            Self::DieAt(role, point) => world.cast.dies_at(role, point),
            Self::Freeze(role, which, by) => {
                let world = world.clone();
                aside.spawn(async move { world.cast.freezes(role, which, by).await });
            }
            Self::CutOff(role, by) => {
                let world = world.clone();
                aside.spawn(async move { world.cast.cuts_off(role, by).await });
            }
            Self::Redis(Outage::Killed(by)) => {
                died(1);
                servers.kill_redis().await?;
                tokio::time::sleep(by).await;
                servers.start_redis().await?;
            }
            Self::Redis(Outage::Frozen(by)) => {
                servers.freeze_redis().await?;
                tokio::time::sleep(by).await;
                servers.thaw_redis().await?;
            }
            Self::Postgres(outage) => {
                let from = world.cast.now();
                match outage {
                    Outage::Killed(by) => {
                        died(1);
                        servers.kill_postgres().await?;
                        tokio::time::sleep(by).await;
                        servers.start_postgres().await?;
                    }
                    Outage::Frozen(by) => {
                        servers.freeze_postgres().await?;
                        tokio::time::sleep(by).await;
                        servers.thaw_postgres().await?;
                    }
                }
                world.cast.without_books(from);
            }
            Self::Both(by) => {
                let from = world.cast.now();
                died(2);
                servers.kill_redis().await?;
                servers.kill_postgres().await?;
                tokio::time::sleep(by).await;
                servers.start_postgres().await?;
                servers.start_redis().await?;
                world.cast.without_books(from);
            }
            Self::Model(troubles) => {
                for trouble in troubles {
                    world.stage.openai.fails_next(1, trouble);
                }
            }
            Self::SlowModel(by) => {
                let world = world.clone();
                aside.spawn(async move {
                    world.stage.openai.slow(by);
                    tokio::time::sleep(Duration::from_secs(3)).await;
                    world.stage.openai.slow(Duration::from_millis(30));
                });
            }
            Self::Meta(count, trouble) => world.stage.meta.fails_next(count, trouble),
            Self::Twilio(count, trouble) => world.stage.twilio.fails_next(count, trouble),
            Self::Reports(policy) => world.stage.statuses(policy),
        }
        Ok(())
    }
}
