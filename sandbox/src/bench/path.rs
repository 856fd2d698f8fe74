//! The whole path of a message against the books limit ([`super::books`]), with a model that answers at once.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use shared::clock::Clock;
use shared::db;
use shared::queue::{Queue, QueueSettings};
use sqlx::PgPool;

use super::cost::{Cost, family};
use super::fakes::Fakes;
use super::ground::Ground;
use super::table::{Bar, Table};
use super::{Scale, books, population};
use crate::load::instrument::Instrument;
use crate::load::sample::{Sample, float};
use crate::stage::vault;

/// How long all messages of a round may take.
const PATIENCE: Duration = Duration::from_secs(150);

/// Messages that a worker works on at once here: more than it can.
const SLOTS: usize = 200;

/// What one round found.
struct Round {
    /// Messages per second.
    rate: f64,
    /// Microseconds of processor time for each message: of the worker, of Postgres, of Redis.
    cost: [f64; 3],
    /// Statements of each message.
    statements: f64,
}

/// Measure 4.
pub async fn measure(ground: &Ground, scale: &Scale, table: &mut Table) -> Result<()> {
    println!("\n4. messages per second through the whole path, model calls of 0 ms");
    let books = Books::open(ground).await?;
    books.redis().await?.set("appendfsync", "always").await?;
    // What was measured before this has left messages of people without an account.
    books.redis().await?.clear().await?;
    population::open_accounts(&books.pool, scale.people).await?;
    // The first message of each is dearer than all others: they get to know us.
    books.bare(scale.people).await?;
    let fakes = Fakes::open(Duration::ZERO).await?;
    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    for round in 0..scale.rounds {
        for turn in [round % 2, 1 - round % 2] {
            if turn == 0 {
                bare.push(books.bare(scale.people).await?);
            } else {
                whole.push(books.whole(ground, &fakes, scale.people).await?);
            }
        }
    }
    for (name, rounds) in [("books limit", &bare), ("worker", &whole)] {
        let of = |what: &dyn Fn(&Round) -> f64| rounds.iter().map(what).collect::<Sample>();
        let cost = [0, 1, 2].map(|place| of(&|round| round.cost[place]).median());
        table.notes(
            format!("{name}: messages/s"),
            format!(
                "{}; µs of processor a message: program {:.0}, Postgres {:.0}, Redis {:.0}",
                of(&|round| round.rate).spread(),
                cost[0],
                cost[1],
                cost[2]
            ),
        );
        table.notes(format!("{name}: statements a message"), of(&|round| round.statements).spread());
    }
    let ratios = whole.iter().zip(&bare).map(|(whole, bare)| whole.rate / bare.rate);
    table.judges("whole path / books limit", &ratios.collect(), Bar::AtLeast(0.6));
    if scale.statements {
        books.tell_statements().await?;
    }
    Ok(())
}

/// The servers, and what they tell about themselves.
pub struct Books {
    /// Postgres.
    pub pool: PgPool,
    /// The queue.
    pub queue: Queue,
    redis_url: String,
    postgres: u32,
    redis: u32,
}

impl Books {
    /// A migrated database that counts its statements, and an empty queue.
    pub async fn open(ground: &Ground) -> Result<Self> {
        let servers = &ground.servers;
        let pool = PgPool::connect(&servers.database_url).await?;
        if sqlx::query("alter system set shared_preload_libraries = 'pg_stat_statements'")
            .execute(&pool)
            .await
            .is_ok()
        {
            pool.close().await;
            servers.stop_postgres().await?;
            servers.start_postgres().await?;
        }
        let pool =
            sqlx::postgres::PgPoolOptions::new().max_connections(20).connect(&servers.database_url).await?;
        sqlx::query("create extension if not exists pg_stat_statements").execute(&pool).await?;
        db::migrate(&pool, &vault()).await?;
        let pid: String =
            sqlx::query_scalar("select pg_read_file('postmaster.pid')").fetch_one(&pool).await?;
        let postgres = pid.lines().next().context("a process")?.trim().parse()?;
        let queue = Queue::open(
            &servers.redis_url.clone().into(),
            QueueSettings { vault: Some(vault()), ..QueueSettings::default() },
        )?;
        let redis =
            Instrument::open(&servers.redis_url).await?.word("server", "process_id").await?.parse()?;
        Ok(Self { pool, queue, redis_url: servers.redis_url.clone(), postgres, redis })
    }

    /// A look into Redis.
    pub async fn redis(&self) -> Result<Instrument> {
        Instrument::open(&self.redis_url).await
    }

    async fn bare(&self, people: usize) -> Result<Round> {
        population::write(&self.queue, people).await?;
        self.reset().await?;
        let before =
            [Cost(std::process::id()).processor()?, family(self.postgres)?, Cost(self.redis).processor()?];
        let began = Instant::now();
        let handled = books::handle_all(&self.queue, &self.pool).await?;
        ensure!(handled == people, "{handled} of {people} messages were handled");
        let rate = float(people) / began.elapsed().as_secs_f64();
        let after =
            [Cost(std::process::id()).processor()?, family(self.postgres)?, Cost(self.redis).processor()?];
        self.round(rate, before, after, people).await
    }

    async fn whole(&self, ground: &Ground, fakes: &Fakes, people: usize) -> Result<Round> {
        population::write(&self.queue, people).await?;
        self.reset().await?;
        let since = Clock::system().now();
        let before = [0.0, family(self.postgres)?, Cost(self.redis).processor()?];
        let already = fakes.sent();
        let worker = ground.worker(SLOTS, &fakes.variables()).await?;
        let rate = self.rate(fakes, already, since, people).await?;
        let after = [worker.cost.processor()?, family(self.postgres)?, Cost(self.redis).processor()?];
        worker.stop().await?;
        self.round(rate, before, after, people).await
    }

    /// Messages per second between the tenth and the ninetieth hundredth of those whose answers leave from then on.
    pub async fn rate(
        &self,
        fakes: &Fakes,
        already: u64,
        since: DateTime<Utc>,
        messages: usize,
    ) -> Result<f64> {
        fakes.sends(already + u64::try_from(messages)?, PATIENCE).await?;
        let deadline = Instant::now() + PATIENCE;
        let mut turns = tokio::time::interval(Duration::from_millis(100));
        let left: Vec<DateTime<Utc>> = loop {
            turns.tick().await;
            let left =
                sqlx::query_scalar("select accepted_at from wa.outbox where accepted_at >= $1 order by 1");
            let left: Vec<_> = left.bind(since).fetch_all(&self.pool).await?;
            if left.len() >= messages {
                break left;
            }
            ensure!(Instant::now() < deadline, "{} of {messages} answers are in the books", left.len());
        };
        let (first, last) = (left.len() / 10, left.len() * 9 / 10);
        Ok(float(last - first) / (left[last] - left[first]).as_seconds_f64())
    }

    async fn reset(&self) -> Result<()> {
        // What was written before is on the disk, and not part of what follows.
        sqlx::query("checkpoint").execute(&self.pool).await?;
        sqlx::query("select pg_stat_statements_reset()").execute(&self.pool).await?;
        Ok(())
    }

    async fn round(&self, rate: f64, before: [f64; 3], after: [f64; 3], messages: usize) -> Result<Round> {
        let statements: Option<i64> = sqlx::query_scalar(
            "select sum(calls)::bigint from pg_stat_statements where query not ilike '%accepted_at >=%'",
        )
        .fetch_one(&self.pool)
        .await?;
        let statements = float(usize::try_from(statements.unwrap_or_default())?) / float(messages);
        let cost = [0, 1, 2].map(|place| (after[place] - before[place]) * 1e6 / float(messages));
        Ok(Round { rate, cost, statements })
    }

    /// Which statements took most since the last reset.
    async fn tell_statements(&self) -> Result<()> {
        let rows: Vec<(i64, f64, f64, String)> = sqlx::query_as(
            "select calls, total_exec_time, mean_exec_time, regexp_replace(query, '\\s+', ' ', 'g')
             from pg_stat_statements order by total_exec_time desc limit 40",
        )
        .fetch_all(&self.pool)
        .await?;
        println!("    calls    ms in all   ms each");
        for (calls, total, mean, query) in rows {
            println!(
                "  {calls:>7} {total:>12.1} {mean:>9.4}  {}",
                query.chars().take(110).collect::<String>()
            );
        }
        Ok(())
    }
}
