//! `cargo chaos`: a storm over the whole system, and then a look at every message that was ever acknowledged.
//!
//! Real processes (two ingest, three workers, Postgres, Redis) and simulated providers carry signed traffic while a
//! plan drawn from a seed does harm to all of them. When the harm is over and everything is quiet, the books, the
//! queue, the phones and the model's calls must agree. The plan and the traffic follow from the seed; the moments at
//! which they meet do not, so a seed reproduces a storm and not each of its raindrops.

mod cast;
mod crowd;
mod front;
mod guards;
mod harm;
mod record;
mod verdict;
mod wire;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shared::db;
use shared::fault::GUARDS;
use shared::queue::{Queue, QueueSettings};
use shared::spill;
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::servers::{Options, Servers};
use crate::simulators::courier::Persistence;
use crate::simulators::openai::OpenAiFault;
use crate::simulators::receipts::Statuses;
use crate::stage::Stage;

use cast::Cast;
use record::Record;

/// The first argument that leads here.
pub const ARGUMENT: &str = "chaos";

/// A brief with this word kills every worker that takes it.
const POISON: &str = "mandragore";

/// A brief with this word never gets an answer from the model.
const HOPELESS: &str = "quadrature";

/// A brief with this word takes the model longer than a lease.
const TEDIOUS: &str = "labyrinthe";

/// The lease of the workers. Short, so that taking over is part of every minute; long enough that a busy machine does
/// not look like a dead one.
const LEASE: Duration = Duration::from_secs(2);

/// How long it may look the same once the harm is over, and not be quiet.
const QUIET: Duration = Duration::from_secs(150);

/// How often that may begin anew because something was finished: a long storm leaves conversations full of messages that
/// kill their workers, one after the other.
const GOING_ON: u32 = 6;

/// A storm over the whole system, then the verdict over every acknowledged message. Exit code 1: a promise was broken.
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo chaos")]
struct Arguments {
    /// The seed of the storm. Without it, one that nobody has seen yet; it is printed.
    #[arg(long)]
    seed: Option<u64>,
    /// How many processes and servers are killed in all.
    #[arg(long, default_value_t = 60)]
    kills: u32,
    /// Takes guards away (several with commas), to see that the verdict notices.
    #[arg(long, value_name = "GUARD", value_delimiter = ',')]
    without: Vec<String>,
    /// Takes every guard away (or those of --without), one storm each, and prints whether the verdict noticed.
    #[arg(long)]
    guards: bool,
}

/// What one storm needs and leaves.
pub(crate) struct World {
    stage: Stage,
    servers: Servers,
    pool: PgPool,
    queue: Queue,
    cast: Cast,
    record: Record,
}

/// The program. `arguments` are those after the word `chaos`.
pub async fn main(arguments: impl Iterator<Item = String>, stop: CancellationToken) -> Result<()> {
    let words = std::iter::once("cargo chaos".to_owned()).chain(arguments.filter(|word| word != "--"));
    let arguments = Arguments::parse_from(words);
    for guard in &arguments.without {
        if !GUARDS.iter().any(|(known, _)| known == guard) {
            let known: Vec<&str> = GUARDS.iter().map(|(known, _)| *known).collect();
            bail!("{guard} is no guard: there are {}", known.join(", "));
        }
    }
    let work = async {
        if arguments.guards {
            return guards::prove(arguments.seed, arguments.kills, &arguments.without).await;
        }
        let seed = arguments.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
        let again = format!("cargo chaos --seed {seed} --kills {}", arguments.kills);
        println!("storm {seed}, {} kills (again: {again})", arguments.kills);
        let breaches = storm(seed, arguments.kills, &arguments.without, QUIET, true).await?;
        if breaches == 0 { Ok(()) } else { bail!("{breaches} promise(s) broken; again: {again}") }
    };
    tokio::select! {
        ended = work => ended,
        () = stop.cancelled() => bail!("interrupted"),
    }
}

/// One storm, from empty servers to the verdict. Returns how many breaches it found.
async fn storm(seed: u64, kills: u32, without: &[String], quiet: Duration, aloud: bool) -> Result<usize> {
    let world = open(without).await?;
    let world = Arc::new(world);
    let began = Instant::now();
    let over = CancellationToken::new();
    let mut rng = StdRng::seed_from_u64(seed);
    let people = crowd::gather(&world, kills).await;
    let talking = crowd::talks(&world, people, rng.random(), &over);
    let supervising = world.cast.supervise(over.clone());
    let harming = harm::does(&world, rng.random(), kills);
    let harmed = async {
        let done = harming.await;
        over.cancel();
        done
    };
    let (talked, supervised, harmed) = tokio::join!(talking, supervising, harmed);
    let tally = harmed.and_then(|tally| talked.and(supervised).map(|()| tally))?;
    let stormed = began.elapsed();
    let calm = calms_down(&world, quiet).await;
    let mut verdict = verdict::over(&world).await.context("reading what the storm has left")?;
    if let Err(unrest) = calm {
        verdict.breach(None, format!("it does not become quiet: {unrest}"));
    }
    for unexpected in world.cast.accidents() {
        verdict.breach(None, unexpected);
    }
    if aloud {
        tally.print(world.cast.kills.load(Ordering::SeqCst), stormed);
        verdict.print(&world).await;
    }
    let breaches = verdict.breaches();
    let Some(world) = Arc::into_inner(world) else { bail!("somebody still holds the world") };
    world.stage.close().await;
    world.pool.close().await;
    world.servers.stop().await?;
    Ok(breaches)
}

async fn open(without: &[String]) -> Result<World> {
    let exe = std::env::current_exe().context("finding this program")?;
    // Its own servers, whatever the environment names: it takes them away.
    let options = Options { database_url: None, redis_url: None, ..Options::demo(&exe) };
    let servers = Servers::start(options).await?;
    let stage = Stage::open().await.context("opening the simulated providers")?;
    stage.statuses(Statuses::Delayed(Duration::from_millis(100)));
    // Meta's patience, shortened; Twilio has none by default.
    stage.meta.retries_messages(Persistence::until_ok(7, Duration::from_millis(100)));
    stage.meta.retries_statuses(Persistence::until_ok(9, Duration::from_millis(100)));
    stage.openai.fails_always(HOPELESS, OpenAiFault::Overloaded503);
    stage.openai.slow_always(TEDIOUS, LEASE + Duration::from_millis(400));
    stage.openai.slow(Duration::from_millis(30));
    let pool = PgPool::connect(&servers.database_url).await.context("connecting to Postgres")?;
    db::migrate(&pool, &crate::stage::vault()).await?;
    let settings =
        QueueSettings { lease: LEASE, vault: Some(crate::stage::vault()), ..QueueSettings::default() };
    let queue = Queue::open(&servers.redis_url.clone().into(), settings)?;
    let cast = Cast::enter(&exe, &stage, &servers, without).await?;
    let front = front::open(cast.doors()).await?;
    stage.calls(&front);
    Ok(World { stage, servers, pool, queue, cast, record: Record::default() })
}

/// Everything is healed; returns when nothing is queued, spilled, on its way or waiting for a report.
async fn calms_down(world: &World, quiet: Duration) -> Result<()> {
    world.stage.meta.recovers();
    world.stage.twilio.recovers();
    world.stage.openai.recovers();
    world.stage.statuses(Statuses::Immediate);
    world.cast.heals();
    // Those that are already running refuse to start again.
    let _ = (world.servers.thaw_redis().await, world.servers.thaw_postgres().await);
    let _ = (world.servers.start_redis().await, world.servers.start_postgres().await);
    let calm = CancellationToken::new();
    let settled = async {
        let (began, mut done) = (Instant::now(), 0);
        let mut deadline = began + quiet;
        let mut turns = tokio::time::interval(Duration::from_millis(100));
        let ended = loop {
            turns.tick().await;
            let unrest = unrest(world).await;
            let finished = world.queue.figures().await.map_or(done, |figures| figures.done);
            if finished > done {
                done = finished;
                deadline = (Instant::now() + quiet).min(began + quiet * GOING_ON);
            }
            match unrest {
                None => break Ok(()),
                Some(unrest) if Instant::now() > deadline => break Err(anyhow::anyhow!("{unrest}")),
                Some(_) => {}
            }
        };
        calm.cancel();
        ended
    };
    let (settled, supervised) = tokio::join!(settled, world.cast.supervise(calm.clone()));
    world.cast.leave().await;
    settled.and(supervised)
}

/// What is not quiet yet.
async fn unrest(world: &World) -> Option<String> {
    let short = Duration::from_secs(2);
    let reports = tokio::join!(world.stage.meta.quiet(short), world.stage.twilio.quiet(short));
    if let (Err(late), _) | (_, Err(late)) = reports {
        return Some(late.to_string());
    }
    let spilled = match spill::depth(&world.pool).await {
        Ok(spilled) => spilled,
        Err(error) => return Some(error.to_string()),
    };
    let figures = match world.queue.figures().await {
        Ok(figures) => figures,
        Err(error) => return Some(error.to_string()),
    };
    if figures.lanes > 0 || spilled > 0 {
        return Some(format!("{spilled} spilled, {figures:?}"));
    }
    // What is lost to Redis is left to the sweep, which needs a moment.
    let open: Result<i64, _> = sqlx::query_scalar(
        "select (select count(*) from wa.receipt where state = 'started')
              + (select count(*) from wa.outbox where state in ('pending', 'sending', 'unknown'))",
    )
    .fetch_one(&world.pool)
    .await;
    match open {
        Ok(0) => None,
        Ok(open) => Some(format!("{open} begun or written, and in no lane")),
        Err(error) => Some(error.to_string()),
    }
}
