//! The people of a storm: they write briefs and commands, one after the other or two at once, and their providers
//! deliver again what was delivered before.

use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use shared::clock::Clock;
use shared::message::Provider;
use tokio_util::sync::CancellationToken;

use super::record::{Kind, Said};
use super::{HOPELESS, POISON, TEDIOUS, World};
use crate::person::{Person, Said as Sent};

/// How many people talk at the same time.
const PEOPLE: usize = 24;

/// Messages that may wait before people wait too.
const BACKLOG: u64 = 300;

/// One out of so many people has next to no credits.
const POOR: usize = 9;

/// Messages that kill, for each hundred kills: each costs three workers.
const POISONS_PER_HUNDRED: u32 = 3;

/// Somebody in the crowd.
pub(super) struct Member {
    place: usize,
    provider: Provider,
    person: Person,
    /// Poisonous messages that this one will write.
    poisons: u32,
}

/// Brings the people, with their accounts.
pub(super) async fn gather(world: &World, kills: u32) -> Vec<Member> {
    let poisons = (kills * POISONS_PER_HUNDRED / 100).max(1);
    join_all((0..PEOPLE).map(async |place| {
        let provider = if place % 3 == 2 { Provider::Twilio } else { Provider::Meta };
        let number = format!("+3363998{place:04}");
        let person = Person::new(&world.stage, &world.pool, provider, &number, "Camille Durand");
        let credits = if place % POOR == POOR - 1 { 3 } else { 100_000 };
        let person = person.with_credits(credits).await;
        // Spread over a few lanes, none of them poor.
        let poisons = if place < 4 { poisons.div_ceil(4) } else { 0 };
        Member { place, provider, person, poisons }
    }))
    .await
}

/// Lets them talk until the storm is over.
pub(super) async fn talks(
    world: &World,
    people: Vec<Member>,
    seed: u64,
    over: &CancellationToken,
) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(seed);
    let seeds: Vec<u64> = people.iter().map(|_| rng.random()).collect();
    join_all(people.into_iter().zip(seeds).map(|(member, seed)| member.talks(world, seed, over))).await;
    Ok(())
}

impl Member {
    async fn talks(mut self, world: &World, seed: u64, over: &CancellationToken) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut earlier: Vec<Sent> = Vec::new();
        let mut number = 0;
        while !over.is_cancelled() {
            // More than that, and a long storm would only measure how slowly a system works whose parts keep dying.
            while !over.is_cancelled()
                && world.queue.figures().await.is_ok_and(|figures| figures.ready > BACKLOG)
            {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            number += 1;
            // Not left to chance: a storm without poison would prove nothing about it.
            if self.poisons > 0 && number % 9 == 4 {
                self.poisons -= 1;
                let text = format!("Un post sur la {POISON} ref-{}-{number}z", self.place);
                earlier.push(self.says(world, (Kind::Poison, text, number)).await);
                continue;
            }
            match rng.random_range(0..100) {
                0..38 => earlier.push(self.says(world, self.brief(number, &mut rng)).await),
                // In one breath, some of it perhaps into the spill.
                38..44 => {
                    for _ in 0..3 {
                        earlier.push(self.says(world, self.brief(number, &mut rng)).await);
                        number += 1;
                    }
                }
                44..60 => earlier.push(self.says(world, self.command(number, &mut rng)).await),
                60..68 => {
                    let one = self.brief(number, &mut rng);
                    let other = self.command(number, &mut rng);
                    let (one, other) = tokio::join!(self.says(world, one), self.says(world, other));
                    earlier.extend([one, other]);
                }
                // Work that takes long, and a backlog behind it that a zombie could rob: long work again, so that whoever
                // has taken over is still at it when somebody settles what was never theirs. `gen` makes each a brief of
                // its own.
                68..78 => {
                    for tedious in [true, true, false, false, false] {
                        let said = if tedious {
                            let long =
                                format!("gen Crée un post sur notre {TEDIOUS} ref-{}-{number}z", self.place);
                            (Kind::Brief, long, number)
                        } else {
                            self.command(number, &mut rng)
                        };
                        earlier.push(self.says(world, said).await);
                        number += 1;
                    }
                }
                // One after the other without a pause: the first may be spilled by a door that has lost Redis, and the
                // next one be queued by the other.
                78..88 => {
                    for _ in 0..4 {
                        earlier.push(self.says(world, self.command(number, &mut rng)).await);
                        number += 1;
                    }
                }
                _ => {
                    // The latest, at once; or any, long after its answer.
                    let again = if rng.random_bool(0.5) { earlier.last() } else { earlier.choose(&mut rng) };
                    if let Some(said) = again {
                        let (times, at_once) = (rng.random_range(1..4), rng.random_bool(0.5));
                        self.person.redeliver(said, times, at_once).await;
                    }
                }
            }
            // People type.
            tokio::time::sleep(Duration::from_millis(rng.random_range(200..2_500))).await;
        }
    }

    fn brief(&self, number: u32, rng: &mut StdRng) -> (Kind, String, u32) {
        let tag = format!("ref-{}-{number}z", self.place);
        if rng.random_bool(0.02) {
            return (Kind::Hopeless, format!("Un post sur la {HOPELESS} du cercle {tag}"), number);
        }
        (Kind::Brief, format!("Crée un post Instagram pour notre fête {tag}"), number)
    }

    #[expect(clippy::unused_self, reason = "reads as its sibling does")]
    fn command(&self, number: u32, rng: &mut StdRng) -> (Kind, String, u32) {
        let text = if rng.random_bool(0.5) { "solde" } else { "aide" };
        (Kind::Command, text.to_owned(), number)
    }

    async fn says(&self, world: &World, (kind, text, number): (Kind, String, u32)) -> Sent {
        let clock = Clock::system();
        let offered_at = clock.now();
        let sent = self.person.says(&text).await;
        world.record.add(Said {
            id: sent.id.clone(),
            provider: self.provider,
            person: self.place,
            kind,
            // Ends with a character that no other tag goes on with.
            tag: format!("ref-{}-{number}z", self.place),
            offered_at,
            acknowledged_at: (sent.delivery.status == Some(200)).then(|| clock.now()),
        });
        sent
    }
}
