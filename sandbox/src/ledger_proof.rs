//! `cargo ledger`: many hands move the same credits in every way that the product knows, and as the web app does,
//! while their connections break; then every rule of the books is looked at.
//!
//! Everything that a hand does follows from the seed; how the hands meet does not. So a seed repeats a schedule and
//! not each of its races. The program runs on a private Postgres, ends by itself, and fails when a rule is broken, when
//! an operation of ours meets a deadlock, or when anything is refused that should not have been asked for.

mod hand;
pub mod message;
mod operation;
mod sale;
mod tally;
mod verdict;
mod web;
mod world;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use futures_util::future::{join_all, try_join_all};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use shared::person::UserId;
use shared::{db, receipt};
use sqlx::PgPool;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use hand::Hand;
use operation::Operation;
use tally::count;
use world::World;

pub use hand::{Did, Trouble};
pub use tally::Breach;

/// The first argument that leads here.
pub const ARGUMENT: &str = "ledger";

/// Breaches that are printed, and accounts whose lines are.
const TOLD: usize = 10;

/// How long a broken connection's last statement may go on in the server.
const QUIET: Duration = Duration::from_secs(20);

/// Between two looks at all balances.
const LOOK: Duration = Duration::from_millis(25);

/// How long the slowest machine may take for one operation, on average.
const SLOWEST: Duration = Duration::from_millis(20);

/// How long a run may take beside its operations.
const BESIDE: Duration = Duration::from_mins(3);

/// Moves credits in every way at once, breaks connections meanwhile, and looks at every rule of the books. Exit code 1:
/// one is broken.
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo ledger")]
struct Arguments {
    /// The seed of all schedules. Without it, one that nobody has seen yet; it is printed.
    #[arg(long)]
    seed: Option<u64>,
    /// How many operations in all.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    operations: u32,
    /// How many hands work at once, each on two connections.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=100))]
    hands: u32,
}

/// How much is done, and after which seed.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// All schedules follow from it.
    pub seed: u64,
    /// Operations in all.
    pub operations: usize,
    /// Hands at once.
    pub hands: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Proof {
    /// The table: operations, harm, rules.
    pub lines: Vec<String>,
    /// What is broken.
    pub breaches: Vec<Breach>,
    /// The lines of accounts that a breach is about.
    pub stories: Vec<String>,
    /// The kinds of operations that never had anything to change.
    pub idle: Vec<&'static str>,
}

/// The program. `arguments` are those after [`ARGUMENT`].
pub async fn main(arguments: impl Iterator<Item = String>, stop: CancellationToken) -> Result<()> {
    let words = std::iter::once("cargo ledger".to_owned()).chain(arguments.filter(|word| word != "--"));
    let arguments = Arguments::parse_from(words);
    let plan = Plan {
        seed: arguments.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())),
        operations: arguments.operations as usize,
        hands: arguments.hands as usize,
    };
    let again =
        format!("cargo ledger --seed {} --operations {} --hands {}", plan.seed, plan.operations, plan.hands);
    println!("seed {}, {} operations by {} hands (again: {again})", plan.seed, plan.operations, plan.hands);
    let (proof, seconds) =
        crate::proof::run(&stop, async |database: &str| prove(database, plan).await).await?;
    for line in proof.lines.iter().chain(&proof.stories) {
        println!("{line}");
    }
    println!("{seconds:.1} s");
    match proof.breaches.len() {
        0 => Ok(()),
        broken => bail!("{broken} breach(es); again: {again}"),
    }
}

/// Does everything on this database, which is migrated first and belongs to nobody else.
pub async fn prove(url: &str, plan: Plan) -> Result<Proof> {
    ensure!(plan.hands > 0 && plan.operations >= plan.hands, "a hand without anything to do");
    let bound = BESIDE + SLOWEST * u32::try_from(plan.operations)?;
    timeout(bound, proved(url, plan)).await.with_context(|| format!("no end within {} s", bound.as_secs()))?
}

async fn proved(url: &str, plan: Plan) -> Result<Proof> {
    let pool = PgPool::connect(url).await.context("connecting to Postgres")?;
    db::migrate(&pool, &crate::stage::vault()).await?;
    pool.close().await;
    let world = Arc::new(World::open(plan, url).await?);
    let hands: Vec<Hand> =
        try_join_all((0..plan.hands).map(|number| Hand::new(number, world.clone()))).await?;
    let over = CancellationToken::new();
    let looking = tokio::spawn(looks(world.clone(), over.clone()));
    let mut working = Vec::new();
    for mut hand in hands {
        working.push(tokio::spawn(async move { hand.works().await.map(|()| hand) }));
    }
    let mut hands = Vec::new();
    for hand in join_all(working).await {
        hands.push(hand.context("a hand panicked")??);
    }
    rest(&world, hands).await?;
    over.cancel();
    looking.await.context("the look panicked")??;
    quiet(&world.pool).await?;
    let rules = verdict::over(&world).await?;
    told(&world, rules).await
}

/// What happens after the run as it would in production: Stripe repeats what it was not answered, and the sweep ends
/// what is open. Two hands come by each open message.
async fn rest(world: &Arc<World>, hands: Vec<Hand>) -> Result<()> {
    let mut left: Vec<Operation> = Vec::new();
    for (sale, told) in world.sales.iter().enumerate() {
        left.extend((0..told.events.len()).map(|event| Operation::Tell { sale, event }));
    }
    let mut after = None;
    loop {
        let open = receipt::open(&world.pool, world.clock.now(), after.as_ref(), 500).await?;
        let Some(last) = open.last() else { break };
        after = Some(last.clone());
        let numbers = open.iter().filter_map(|open| world::message_number(&open.message));
        left.extend(numbers.flat_map(|number| [Operation::Sweep(number); 2]));
    }
    left.shuffle(&mut StdRng::seed_from_u64(world.plan.seed));
    let share = left.len().div_ceil(world.plan.hands).max(1);
    let mut working = Vec::new();
    for (mut hand, share) in hands.into_iter().zip(left.chunks(share).map(<[Operation]>::to_vec)) {
        working.push(tokio::spawn(async move {
            for operation in share {
                hand.does(operation).await?;
            }
            Ok::<_, anyhow::Error>(())
        }));
    }
    for worked in join_all(working).await {
        worked.context("a hand panicked")??;
    }
    Ok(())
}

/// Looks at all balances again and again, until it is over.
async fn looks(world: Arc<World>, over: CancellationToken) -> Result<()> {
    let mut turns = tokio::time::interval(LOOK);
    while !over.is_cancelled() {
        turns.tick().await;
        let negative: Vec<(String, i32)> =
            sqlx::query_as(r#"select "id", "credits" from "User" where "credits" < 0"#)
                .fetch_all(&world.pool)
                .await?;
        for (id, credits) in negative {
            world.tally.breach(Some(&UserId::from_stored(id)), format!("{credits} credits, meanwhile"));
        }
        count(&world.tally.looks);
    }
    Ok(())
}

/// Waits for the last statements of connections that were dropped.
async fn quiet(pool: &PgPool) -> Result<()> {
    let deadline = Instant::now() + QUIET;
    let mut turns = tokio::time::interval(Duration::from_millis(50));
    loop {
        turns.tick().await;
        let busy: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
               and state <> 'idle'",
        )
        .fetch_one(pool)
        .await?;
        if busy == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{busy} connections are still at work");
    }
}

async fn told(world: &World, rules: Vec<verdict::Rule>) -> Result<Proof> {
    let mut lines = world.tally.lines();
    lines.extend(rules.iter().map(verdict::Rule::line));
    let breaches = world.tally.breaches();
    let accounts: HashSet<&UserId> = breaches.iter().filter_map(|breach| breach.account.as_ref()).collect();
    let mut stories: Vec<String> =
        breaches.iter().take(TOLD).map(|breach| format!("BROKEN: {}", breach.what)).collect();
    for account in accounts.into_iter().take(TOLD) {
        stories.extend(verdict::tells(&world.pool, account).await?);
    }
    let changes = world.tally.changes();
    let idle = operation::KINDS.iter().zip(changes).filter(|(_, changed)| *changed == 0);
    Ok(Proof { lines, idle: idle.map(|(kind, _)| *kind).collect(), breaches, stories })
}
