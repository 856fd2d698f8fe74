//! The process that owns the servers and outlives the program that wanted them by just as long as cleaning takes.
//!
//! It ends when its standard input closes or on SIGTERM, SIGINT or SIGHUP, and then both servers and everything
//! of theirs on disk are gone. A request to end that comes during the start waits until the start is over: it is
//! bounded, an installation must not be torn, and half-started servers are harder to take away than started ones.

use std::{
    env,
    io::{self, BufRead as _, Write as _},
    process::ExitCode,
    thread,
};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{
    directory::RunDirectory,
    instance::Instance,
    postgres::Postgres,
    programs::{self, Programs},
    redis::Redis,
    words::{Act, FirstLine, Greeting, Numbered, Order, Request, Server},
};

/// The first argument that makes the sandbox binary a keeper.
pub const ARGUMENT: &str = "keeper";

/// The whole life of a keeper. Call it before anything else in `main`, outside of any runtime, when the first
/// argument is [`ARGUMENT`].
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&FirstLine::Failed { error: format!("{error:#}") });
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let order = env::args().nth(2).context("the keeper is started by the sandbox, not by hand")?;
    let order: Order = serde_json::from_str(&order).context("the keeper does not understand its order")?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut term, mut int, mut hangup) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        );
        let mut requests = requests()?;
        let mut estate = Estate::new(&order)?;
        match estate.start(&order).await {
            Ok(greeting) => say(&FirstLine::Ready(greeting)),
            Err(error) => {
                // Why the servers did not start is the thing to tell; the next run sweeps what stays.
                let _ = estate.dissolve().await;
                return Err(error);
            }
        }
        loop {
            let request = tokio::select! {
                request = requests.recv() => request,
                _ = term.recv() => None,
                _ = int.recv() => None,
                _ = hangup.recv() => None,
            };
            let Some(Numbered { number, value }) = request else { break };
            let answer = estate.act(value).await.err().map(|error| format!("{error:#}"));
            say(&Numbered { number, value: answer });
        }
        estate.dissolve().await
    })
}

/// Everything that must be gone when the keeper is.
struct Estate {
    directory: RunDirectory,
    postgres: Option<Instance<Postgres>>,
    redis: Option<Instance<Redis>>,
}

impl Estate {
    fn new(order: &Order) -> Result<Self> {
        Ok(Self { directory: RunDirectory::create(&order.base)?, postgres: None, redis: None })
    }

    async fn start(&mut self, order: &Order) -> Result<Greeting> {
        let Programs { postgres, redis } =
            programs::find_or_install(order, &self.directory.path().join("install.log")).await?;
        let directory = &self.directory;
        let start_postgres = async {
            let (Some(programs), Some(connections)) = (postgres, order.postgres_connections) else {
                return Ok(None);
            };
            let recipe = Postgres::create(programs, directory, connections, order.durable).await?;
            Instance::start(recipe, directory.path().join("postgres.log")).await.map(Some)
        };
        let start_redis = async {
            let (Some(program), Some(databases)) = (redis, order.redis_databases) else { return Ok(None) };
            let recipe = Redis::create(program, directory, databases, order.durable, order.redis_cluster)?;
            Instance::start(recipe, directory.path().join("redis.log")).await.map(Some)
        };
        // Both to their end, even when one fails: what did start is then known and can be stopped.
        let (postgres, redis): (Result<_>, Result<_>) = tokio::join!(start_postgres, start_redis);
        let failed = match (postgres, redis) {
            (Ok(postgres), Ok(redis)) => {
                (self.postgres, self.redis) = (postgres, redis);
                None
            }
            (Ok(postgres), Err(error)) => {
                self.postgres = postgres;
                Some(error)
            }
            (Err(error), redis) => {
                self.redis = redis.ok().flatten();
                Some(error)
            }
        };
        match failed {
            Some(error) => Err(error),
            None => Ok(Greeting {
                database_url: self.postgres.as_ref().map(Instance::url),
                redis_url: self.redis.as_ref().map(Instance::url),
                directory: Some(directory.path().to_path_buf()),
            }),
        }
    }

    async fn act(&mut self, Request { server, act }: Request) -> Result<()> {
        match (server, &mut self.postgres, &mut self.redis) {
            (Server::Postgres, Some(postgres), _) => do_to(postgres, act).await,
            (Server::Redis, _, Some(redis)) => do_to(redis, act).await,
            _ => bail!("{server} is not private"),
        }
    }

    async fn dissolve(self) -> Result<()> {
        let end_postgres = async {
            match self.postgres {
                Some(postgres) => postgres.end().await,
                None => Ok(()),
            }
        };
        let end_redis = async {
            match self.redis {
                Some(redis) => redis.end().await,
                None => Ok(()),
            }
        };
        let (postgres, redis) = tokio::join!(end_postgres, end_redis);
        // The data goes in any case; what did not end is reported after that.
        self.directory.remove()?;
        postgres.and(redis)
    }
}

async fn do_to<R: super::instance::Recipe>(instance: &mut Instance<R>, act: Act) -> Result<()> {
    match act {
        Act::Kill => instance.kill().await,
        Act::Stop => instance.stop().await,
        Act::Start => instance.start_again().await,
        Act::Freeze => instance.freeze(),
        Act::Thaw => instance.thaw(),
    }
}

/// The requests from standard input; the channel closes with it. A thread reads, because a runtime cannot give
/// up a read of standard input and would never end.
fn requests() -> Result<mpsc::UnboundedReceiver<Numbered<Request>>> {
    let (request, requests) = mpsc::unbounded_channel();
    thread::Builder::new().name("requests".into()).spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            // Whoever says something else is not our holder.
            let Ok(asked) = serde_json::from_str(&line) else { break };
            if request.send(asked).is_err() {
                break;
            }
        }
    })?;
    Ok(requests)
}

/// Says one line, or nothing when nobody is there to hear it any more.
fn say(line: &impl Serialize) {
    if let Ok(mut line) = serde_json::to_string(line) {
        line.push('\n');
        let mut out = io::stdout().lock();
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }
}
