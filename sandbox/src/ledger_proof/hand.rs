//! One of many hands: it does what it draws, one operation after the other, on connections of its own. Some of its
//! transactions are rolled back, and some of its connections end in the middle of one; then it does what a real caller
//! would do, and begins the operation again.

mod doomed;
mod trouble;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, bail};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shared::ledger::{self, Entry, Merged, Posted};
use shared::payment::{self, Outcome};
use sqlx::{Connection, PgConnection};

use super::operation::{APART, Ending, Operation, Order};
use super::tally::count;
use super::world::World;
use super::{message, web};

pub use trouble::Trouble;

/// How often an operation may be harmed. After that it is left in peace, and only others can end its connection.
const HARMED: usize = 3;

/// How often an operation is begun at most: more would mean that it cannot be done.
const BEGUN: usize = 50;

/// At most so many messages are open in one hand: the oldest is forgotten, as by a worker that dies.
const OPEN: usize = 12;

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// Something was changed.
    Changed,
    /// A credit is held, now or since an earlier time.
    Held,
    /// It was done before; the transaction is committed.
    Found,
    /// Somebody else has ended it: the transaction is rolled back.
    Undone,
}

/// How an attempt is harmed.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Whole,
    RolledBack,
    /// The connection is gone after so many answers of the server.
    Dropped(u32),
}

impl Fate {
    fn draw(chance: &mut StdRng) -> Self {
        match chance.random_range(0..100) {
            0..4 => Self::RolledBack,
            4..10 => Self::Dropped(chance.random_range(1..24)),
            _ => Self::Whole,
        }
    }
}

/// A hand.
pub(super) struct Hand {
    number: usize,
    world: Arc<World>,
    /// Ours. It may be harmed at any time.
    db: Option<PgConnection>,
    /// The web app's, for its two statements: nobody harms it, since nobody would repeat them.
    web: PgConnection,
    chance: StdRng,
    /// Messages that it has opened and not ended.
    open: Vec<usize>,
    /// Accounts whose balance the web app has moved, and the order with which it writes the line.
    unwritten: Vec<(usize, usize)>,
}

impl Hand {
    pub(super) async fn new(number: usize, world: Arc<World>) -> Result<Self> {
        let web = PgConnection::connect_with(&world.options).await.context("a connection of the web app")?;
        let chance = StdRng::seed_from_u64(world.plan.seed.wrapping_add(number as u64 + 1));
        Ok(Self { number, world, db: None, web, chance, open: Vec::new(), unwritten: Vec::new() })
    }

    /// Its share of the run.
    pub(super) async fn works(&mut self) -> Result<()> {
        let orders = self.world.plan.operations / self.world.plan.hands;
        for order in 0..orders {
            let drawn = Order::draw(&self.world, order * 1_000 / orders, &mut self.chance);
            self.obeys(drawn, order, order * 1_000 / orders).await?;
            self.writes(|due| due <= order).await?;
        }
        // The web app writes what it still owes.
        self.writes(|_| true).await
    }

    async fn obeys(&mut self, order: Order, now: usize, elapsed: usize) -> Result<()> {
        match order {
            Order::Do(operation) => self.does(operation).await,
            Order::GiveUp(message) => self.gives_up(message).await,
            Order::Close(ending) if self.open.is_empty() => {
                // Nothing to end: somebody else's message is tried, as by a worker whose lease is long over.
                let message = self.world.some_message(elapsed, &mut self.chance);
                match ending {
                    Ending::Finish | Ending::Forget => self.does(Operation::Sweep(message)).await,
                    Ending::Decline | Ending::GiveUp => self.gives_up(message).await,
                }
            }
            Order::Close(ending) => {
                let message = self.open.remove(self.chance.random_range(0..self.open.len()));
                match ending {
                    Ending::Finish => self.does(Operation::Finish(message)).await,
                    Ending::Decline => self.does(Operation::Decline(message)).await,
                    Ending::GiveUp => self.gives_up(message).await,
                    Ending::Forget => Ok(()),
                }
            }
            Order::SpendApart { account, later } => {
                let debited = web::debits(&mut self.web, &self.world.accounts[account].id).await?;
                self.world.tally.done(APART, debited);
                if debited {
                    self.unwritten.push((now + later, account));
                }
                Ok(())
            }
            Order::Terminate(hand) => {
                let process = self.world.backends[hand].load(Ordering::Relaxed);
                if process != 0 && hand != self.number {
                    sqlx::query("select pg_terminate_backend($1)")
                        .bind(process)
                        .execute(&mut self.web)
                        .await?;
                }
                Ok(())
            }
        }
    }

    /// The second statement of the web app's debits, as far as it is due.
    async fn writes(&mut self, due: impl Fn(usize) -> bool) -> Result<()> {
        let (now, later) = std::mem::take(&mut self.unwritten).into_iter().partition(|(at, _)| due(*at));
        self.unwritten = later;
        let now: Vec<(usize, usize)> = now;
        for (_, account) in now {
            web::writes(&mut self.web, &self.world.accounts[account].id, -1, "web_generation").await?;
            self.world.tally.done(APART + 1, true);
        }
        Ok(())
    }

    /// In two transactions, as a worker does it: a message that never got as far as its receipt needs one to fail.
    async fn gives_up(&mut self, message: usize) -> Result<()> {
        self.does(Operation::Know(message)).await?;
        self.does(Operation::GiveUp(message)).await
    }

    /// Does one operation, however often it must be begun.
    pub(super) async fn does(&mut self, operation: Operation) -> Result<()> {
        // Of its own: how often it is begun changes nothing in what comes after it.
        let mut chance = StdRng::seed_from_u64(self.chance.random());
        for begun in 0..BEGUN {
            let fate = if begun < HARMED { Fate::draw(&mut chance) } else { Fate::Whole };
            if let Some(did) = self.tries(operation, fate).await? {
                self.world.tally.done(operation.kind(), matches!(did, Did::Changed | Did::Held));
                if let (Did::Held, Operation::Open { message, .. }) = (did, operation) {
                    self.open.push(message);
                    if self.open.len() > OPEN {
                        self.open.remove(0);
                    }
                }
                return Ok(());
            }
            self.world.tally.again(operation.kind());
        }
        bail!("{operation:?} was begun {BEGUN} times and never done")
    }

    /// One transaction of an operation. `None`: it came to nothing, or nobody knows what it came to.
    async fn tries(&mut self, operation: Operation, fate: Fate) -> Result<Option<Did>> {
        let Some(mut db) = self.connection().await? else { return Ok(None) };
        let (world, tally) = (&self.world, &self.world.tally);
        let undo = matches!(fate, Fate::RolledBack);
        let work = transaction(&mut db, world, operation, undo);
        let ended = match fate {
            Fate::Dropped(answers) => doomed::lives(answers, work).await,
            _ => Some(work.await),
        };
        match ended {
            Some(Ok(did)) => {
                self.db = Some(db);
                if undo {
                    count(&tally.rolled_back);
                    return Ok(None);
                }
                Ok(Some(did))
            }
            // Without a word to the server: it sees the end of the stream.
            None => {
                drop(db);
                count(&tally.dropped);
                Ok(None)
            }
            Some(Err(trouble)) => {
                drop(db);
                trouble.count(tally, &format!("{operation:?}"));
                Ok(None)
            }
        }
    }

    /// Its connection, or a new one. `None`: it was ended while it was made.
    async fn connection(&mut self) -> Result<Option<PgConnection>> {
        if let Some(db) = self.db.take() {
            return Ok(Some(db));
        }
        let mut db = PgConnection::connect_with(&self.world.options).await.context("a connection")?;
        let process = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut db).await;
        let Ok(process) = process else { return Ok(None) };
        self.world.backends[self.number].store(process, Ordering::Relaxed);
        Ok(Some(db))
    }
}

/// One transaction.
async fn transaction(
    db: &mut PgConnection,
    world: &World,
    operation: Operation,
    undo: bool,
) -> Result<Did, Trouble> {
    let mut tx = db.begin().await?;
    let did = perform(&mut tx, world, operation).await?;
    if undo || did == Did::Undone {
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    Ok(did)
}

async fn perform(db: &mut PgConnection, world: &World, operation: Operation) -> Result<Did, Trouble> {
    let now = world.clock.now();
    let account = |number: usize| &world.accounts[number].id;
    match operation {
        Operation::Open { message, kept } => message::opens(db, &world.inbound(message), kept, now).await,
        Operation::Finish(message) => message::finishes(db, &world.inbound(message), now).await,
        Operation::Decline(message) => message::declines(db, &world.inbound(message), now).await,
        Operation::Know(message) => message::is_known(db, &world.inbound(message), now).await,
        Operation::GiveUp(message) => message::gives_up(db, &world.inbound(message), now).await,
        Operation::Undelivered(message) => message::is_undelivered(db, &world.inbound(message), now).await,
        Operation::Sweep(message) => message::is_swept(db, &world.inbound(message), now).await,
        Operation::Tell { sale, event } => {
            let event = &world.sales[sale].events[event];
            Ok(match payment::apply(db, event, &world.packs, now).await? {
                Outcome::Duplicate | Outcome::AlreadyCredited => Did::Found,
                _ => Did::Changed,
            })
        }
        Operation::Bonus(number) => {
            let (survivor, _) = ledger::lock(db, account(number)).await?;
            posted(ledger::post(db, &survivor, Entry::SignupBonus(account(number)), now).await?)
        }
        Operation::Adjust { account: number, number: key } => {
            let (survivor, _) = ledger::lock(db, account(number)).await?;
            let delta = [-9, -3, -1, 1, 2, 4, 8][key % 7];
            let key = format!("proof-{key}");
            posted(ledger::post(db, &survivor, Entry::Adjustment(&key, delta), now).await?)
        }
        Operation::Merge { from, into } => {
            Ok(match ledger::merge(db, account(from), account(into), now).await? {
                Merged::Moved(_) => Did::Changed,
                Merged::Not => Did::Found,
            })
        }
        Operation::Spend(number) => {
            Ok(if web::spends(db, account(number)).await? { Did::Changed } else { Did::Found })
        }
        Operation::Welcome => {
            let opened = web::opens(db, None).await?;
            web::spends(db, &opened).await?;
            Ok(Did::Changed)
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "ends two arms of a match that may fail")]
fn posted(posted: Posted) -> Result<Did, Trouble> {
    Ok(match posted {
        Posted::Applied(_) => Did::Changed,
        Posted::AlreadyApplied(_) | Posted::Insufficient => Did::Found,
    })
}
