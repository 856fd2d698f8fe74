//! Ingest against the bare handler: how many webhooks a second, how late the answers are, batches, and a burst.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use shared::message::Provider;
use shared::queue::{Queue, QueueSettings};

use super::Scale;
use super::generator::{self, Flow};
use super::ground::{Ground, Running};
use super::letter;
use super::table::{Bar, Table};
use crate::load::instrument::Instrument;
use crate::load::sample::{Sample, float};

/// People whose messages are sent: so many lanes.
const PEOPLE: usize = 5_000;

/// Connections of the closed loop: as many webhooks are under way at once.
const CONNECTIONS: usize = 64;

/// Connections of the open loop: more than are ever unanswered unless something stalls.
const OPEN: usize = 256;

/// The rate at which a latency has a bar of its own.
const RATE: f64 = 2_000.0;

/// Measures 1, 2, 3 and the taking in of 9.
pub async fn measure(ground: &Ground, scale: &Scale, table: &mut Table) -> Result<()> {
    let mut redis = Instrument::open(&ground.servers.redis_url).await?;
    let (bare, ingest) = (ground.bare().await?, ground.ingest().await?);
    let door = Door { bare, ingest, scale: *scale };
    for fsync in ["everysec", "always"] {
        redis.set("appendfsync", fsync).await?;
        let rates = door.rates(&mut redis, fsync, table).await?;
        door.latencies(&mut redis, fsync, rates, table).await?;
    }
    door.batches(&mut redis, table).await?;
    door.burst(ground, &mut redis, table).await?;
    door.bare.stop().await?;
    door.ingest.stop().await
}

struct Door {
    bare: Running,
    ingest: Running,
    scale: Scale,
}

impl Door {
    /// Acknowledged messages per second, in rounds that take turns. Returns the rate of ingest with Meta's webhooks.
    async fn rates(&self, redis: &mut Instrument, fsync: &str, table: &mut Table) -> Result<f64> {
        println!("\n1. acknowledged webhooks per second, appendfsync {fsync}, {CONNECTIONS} at once");
        let mut rates = BTreeMap::<&str, Vec<f64>>::new();
        for provider in Provider::ALL {
            let (mut ratios, mut figures) = (Vec::new(), <[[Vec<f64>; 3]; 2]>::default());
            for round in 0..self.scale.rounds {
                let mut pair = [0.0, 0.0];
                // Each is first as often as the other.
                for turn in [round % 2, 1 - round % 2] {
                    let who = [&self.bare, &self.ingest][turn];
                    let found = self.flat_out(redis, who, provider).await?;
                    pair[turn] = found.0.rate();
                    figures[turn][0].push(found.0.rate());
                    figures[turn][1].push(found.1);
                    figures[turn][2].push(found.2);
                }
                ratios.push(pair[1] / pair[0]);
            }
            for (who, figures) in ["bare handler", "ingest"].into_iter().zip(&figures) {
                let [rate, own, redis] =
                    figures.each_ref().map(|all| all.iter().copied().collect::<Sample>());
                let name = format!("{provider}, {fsync}: {who}, acks/s");
                let cost = format!("{:.0} and of Redis {:.0}", own.median(), redis.median());
                table.notes(name, format!("{}; µs of processor for each: its own {cost}", rate.spread()));
            }
            rates.insert(provider.as_str(), figures[1][0].clone());
            let ratios: Sample = ratios.into_iter().collect();
            table.judges(format!("{provider}, {fsync}: ingest / bare handler"), &ratios, Bar::AtLeast(0.9));
        }
        let meta = rates.remove(Provider::Meta.as_str()).unwrap_or_default();
        Ok(meta.into_iter().collect::<Sample>().median())
    }

    /// One run on an empty Redis, and the processor time for each webhook, of the one measured and of Redis, in
    /// microseconds.
    async fn flat_out(
        &self,
        redis: &mut Instrument,
        who: &Running,
        provider: Provider,
    ) -> Result<(Flow, f64, f64)> {
        redis.clear().await?;
        generator::flat_out(who.address, letter::letters(provider, 1_000, PEOPLE), CONNECTIONS).await?;
        let letters = letter::letters(provider, self.scale.webhooks, PEOPLE);
        let before = (who.cost.processor()?, redis.processor().await?);
        let flow = generator::flat_out(who.address, letters, CONNECTIONS).await?;
        ensure!(flow.refused == 0, "{} webhooks were refused", flow.refused);
        let each = |seconds: f64| seconds * 1e6 / float(flow.taken);
        let own = each(who.cost.processor()? - before.0);
        let redis = each(redis.processor().await? - before.1);
        Ok((flow, own, redis))
    }

    /// How late answers are, from when each webhook was due, at half of the rate and at a fixed one.
    async fn latencies(
        &self,
        redis: &mut Instrument,
        fsync: &str,
        rate: f64,
        table: &mut Table,
    ) -> Result<()> {
        println!(
            "\n2. latency of the answer in ms, appendfsync {fsync}, Meta, from the moment at which each was due"
        );
        for rate in [RATE, (rate / 2.0).round()] {
            let mut figures = [Vec::new(), Vec::new()];
            for round in 0..self.scale.rounds {
                for turn in [round % 2, 1 - round % 2] {
                    redis.clear().await?;
                    let who = [&self.bare, &self.ingest][turn];
                    let letters = letter::letters(Provider::Meta, self.at(rate), PEOPLE);
                    let flow = generator::at_rate(who.address, letters, rate, OPEN).await?;
                    ensure!(flow.refused == 0, "{} webhooks were refused", flow.refused);
                    figures[turn].push([50_00, 99_00, 99_90].map(|place| flow.latencies.at(place)));
                }
            }
            let of = |turn: usize, place: usize| -> Sample {
                figures[turn].iter().map(|run: &[f64; 3]| run[place]).collect()
            };
            for (turn, who) in ["bare handler", "ingest"].into_iter().enumerate() {
                let [p50, p99, p999] = [0, 1, 2].map(|place| of(turn, place).spread());
                table.notes(
                    format!("{rate:.0}/s, {fsync}: {who}, p50; p99; p99.9"),
                    format!("{p50}; {p99}; {p999}"),
                );
            }
            let ratios = figures[1].iter().zip(&figures[0]).map(|(ingest, bare)| ingest[1] / bare[1]);
            let ratios: Sample = ratios.collect();
            table.judges(
                format!("{rate:.0}/s, {fsync}: p99 of ingest / of bare handler"),
                &ratios,
                Bar::AtMost(2.0),
            );
            if rate <= RATE {
                table.judges(
                    format!("{rate:.0}/s, {fsync}: p99 of ingest, ms"),
                    &of(1, 1),
                    Bar::AtMost(25.0),
                );
            }
        }
        Ok(())
    }

    /// So many webhooks that a run at this rate takes its time.
    fn at(&self, rate: f64) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
        let number = (rate * self.scale.seconds) as usize;
        number
    }

    /// A thousand messages in one webhook.
    async fn batches(&self, redis: &mut Instrument, table: &mut Table) -> Result<()> {
        println!("\n3. webhooks of 1 000 messages, appendfsync always");
        let mut rates = Vec::new();
        for _ in 0..self.scale.rounds {
            redis.clear().await?;
            let letters = (0..10).map(|_| letter::batch(1_000, PEOPLE)).collect();
            redis.reset().await?;
            let flow = generator::flat_out(self.ingest.address, letters, 2).await?;
            ensure!(flow.taken == 10, "a batch was refused");
            rates.push(flow.rate() * 1_000.0);
        }
        table.notes("messages/s", rates.into_iter().collect::<Sample>().spread());
        let calls = float(redis.calls("evalsha").await?) / 10.0;
        table.judges(
            "round trips to Redis for 1 000 messages",
            &[calls].into_iter().collect(),
            Bar::AtMost(5.0),
        );
        Ok(())
    }

    /// As much as can be sent at once.
    async fn burst(&self, ground: &Ground, redis: &mut Instrument, table: &mut Table) -> Result<()> {
        println!("\n9. a burst of {} messages at once, appendfsync always", self.scale.burst);
        let (mut seconds, mut latencies, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        let queue = Queue::open(&ground.servers.redis_url.clone().into(), QueueSettings::default())?;
        for _ in 0..self.scale.rounds.min(3) {
            redis.clear().await?;
            let letters = letter::letters(Provider::Meta, self.scale.burst, PEOPLE);
            let flow = generator::at_once(self.ingest.address, letters, OPEN).await?;
            seconds.push(flow.took.as_secs_f64());
            latencies.push(flow.latencies.at(99_00));
            let waiting = usize::try_from(queue.figures().await?.ready)?;
            lost.push(float(self.scale.burst.saturating_sub(waiting) + flow.refused));
        }
        table.notes("all acknowledged after, s", seconds.into_iter().collect::<Sample>().spread());
        table.notes("p99 of the answers, ms", latencies.into_iter().collect::<Sample>().spread());
        table.judges("messages lost or refused", &lost.into_iter().collect(), Bar::AtMost(0.0));
        Ok(())
    }
}
