//! Private Postgres and Redis servers for `cargo demo` and `cargo test`.
//!
//! Whoever needs them holds a [`Servers`]; a separate *keeper* process ([`keeper`]) starts them, does what it is
//! told through its standard input, and takes everything away when that pipe closes. The kernel closes it however
//! the holder ends, so not even `kill -9` leaves a server or a directory behind. What `DATABASE_URL` or
//! `REDIS_URL` names is used as it is: never started, harmed, stopped or erased.

mod account;
mod directory;
mod install;
mod instance;
pub mod keeper;
mod link;
mod options;
mod postgres;
mod processes;
mod programs;
mod redis;
mod words;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail};

pub use self::options::{Options, default_base, memory_base};
use self::{
    link::Link,
    words::{Act, Greeting, Order, Request, Server},
};

/// An installation may have to wait for another one and for a slow mirror; servers alone are up in seconds.
const GREETING_LIMIT: Duration = Duration::from_mins(25);

/// One Postgres and one Redis, private to this program or named by its environment.
///
/// May be shared between tests with runtimes of their own. Dropping it, like the end of the program, lets the
/// keeper clean up in the background; [`Servers::stop`] waits for that.
#[derive(Debug)]
pub struct Servers {
    /// Where Postgres answers, with a user who may create databases: `postgres://...`.
    pub database_url: String,
    /// Where Redis answers, without a database number: `redis://127.0.0.1:port`.
    pub redis_url: String,
    /// What belongs to this run on disk (data and logs), when a server is private. It vanishes with the servers.
    pub directory: Option<PathBuf>,
    keeper: Option<Link>,
    private_postgres: bool,
    private_redis: bool,
}

impl Servers {
    /// Starts what the environment does not already offer and returns when both servers accept connections.
    ///
    /// Fails with one readable reason: no server found and none could be installed, or a server that did not come
    /// up, with the end of its log.
    pub async fn start(options: Options) -> Result<Self> {
        let Options { keeper_exe, base, durable, redis_databases, postgres_connections, .. } = options;
        let order = Order {
            base,
            durable,
            redis_cluster: options.redis_cluster,
            redis_databases: options.redis_url.is_none().then_some(redis_databases),
            postgres_connections: options.database_url.is_none().then_some(postgres_connections),
        };
        let (private_postgres, private_redis) =
            (order.postgres_connections.is_some(), order.redis_databases.is_some());
        let (keeper, greeting) = if private_postgres || private_redis {
            let keeper = Link::open(&keeper_exe, &order)?;
            let greeting = keeper.greeting(GREETING_LIMIT).await?;
            (Some(keeper), greeting)
        } else {
            (None, Greeting::default())
        };
        Ok(Self {
            database_url: greeting
                .database_url
                .or(options.database_url)
                .context("no Postgres was started")?,
            redis_url: greeting.redis_url.or(options.redis_url).context("no Redis was started")?,
            directory: greeting.directory,
            keeper,
            private_postgres,
            private_redis,
        })
    }

    /// Stops the private servers and returns when they, their data and the keeper are gone.
    pub async fn stop(self) -> Result<()> {
        match self.keeper {
            Some(keeper) => keeper.close().await,
            None => Ok(()),
        }
    }

    /// Whether Redis belongs to this run, so that it may be harmed.
    #[must_use]
    pub fn owns_redis(&self) -> bool {
        self.private_redis
    }

    /// Whether Postgres belongs to this run, so that it may be harmed.
    #[must_use]
    pub fn owns_postgres(&self) -> bool {
        self.private_postgres
    }

    /// `kill -9`: Redis gets no moment to write anything. What it had acknowledged is in its append-only file.
    pub async fn kill_redis(&self) -> Result<()> {
        self.ask(Server::Redis, Act::Kill).await
    }

    /// An orderly stop of Redis, as an upgrade would do it; the data stays for [`Servers::start_redis`].
    pub async fn stop_redis(&self) -> Result<()> {
        self.ask(Server::Redis, Act::Stop).await
    }

    /// Starts Redis again on the same port and data and returns when it has loaded them and answers.
    pub async fn start_redis(&self) -> Result<()> {
        self.ask(Server::Redis, Act::Start).await
    }

    /// Redis keeps its connections but answers nobody, like a machine that swaps, until [`Servers::thaw_redis`].
    pub async fn freeze_redis(&self) -> Result<()> {
        self.ask(Server::Redis, Act::Freeze).await
    }

    /// Lets a frozen Redis go on where it was.
    pub async fn thaw_redis(&self) -> Result<()> {
        self.ask(Server::Redis, Act::Thaw).await
    }

    /// `kill -9` of Postgres with all its backends, as a crash of its machine would look.
    pub async fn kill_postgres(&self) -> Result<()> {
        self.ask(Server::Postgres, Act::Kill).await
    }

    /// A quick orderly stop of Postgres, connections cut; the data stays for [`Servers::start_postgres`].
    pub async fn stop_postgres(&self) -> Result<()> {
        self.ask(Server::Postgres, Act::Stop).await
    }

    /// Starts Postgres again on the same port and data and returns when it has recovered and accepts connections.
    pub async fn start_postgres(&self) -> Result<()> {
        self.ask(Server::Postgres, Act::Start).await
    }

    /// Postgres and all its backends stand still, connections open, until [`Servers::thaw_postgres`].
    pub async fn freeze_postgres(&self) -> Result<()> {
        self.ask(Server::Postgres, Act::Freeze).await
    }

    /// Lets a frozen Postgres go on where it was.
    pub async fn thaw_postgres(&self) -> Result<()> {
        self.ask(Server::Postgres, Act::Thaw).await
    }

    async fn ask(&self, server: Server, act: Act) -> Result<()> {
        let (private, variable) = match server {
            Server::Postgres => (self.private_postgres, options::DATABASE_URL),
            Server::Redis => (self.private_redis, options::REDIS_URL),
        };
        match &self.keeper {
            Some(keeper) if private => keeper.ask(Request { server, act }).await,
            _ => bail!("{server} is not private: it was named by {variable}, so the sandbox leaves it alone"),
        }
    }
}
