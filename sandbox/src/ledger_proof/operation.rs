//! What a hand may do next, and how often. Drawn from the seed alone: what others do meanwhile changes nothing in it.

use rand::RngExt;
use rand::rngs::StdRng;

use super::world::World;

/// One thing to do, over accounts, messages and sales by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// A worker opens a message: its receipt, and a hold or a refusal. `kept`: its brief is the one that was kept.
    Open { message: usize, kept: bool },
    /// A worker writes the answer to one that it has opened.
    Finish(usize),
    /// The model has declined one that it has opened.
    Decline(usize),
    /// A worker takes up a message only to give it up.
    Know(usize),
    /// And gives it up, whoever has opened it.
    GiveUp(usize),
    /// Nobody received the posts.
    Undelivered(usize),
    /// The sweep finds a message that is nowhere.
    Sweep(usize),
    /// Stripe tells one of the events of a sale.
    Tell { sale: usize, event: usize },
    /// The welcome gift of an account.
    Bonus(usize),
    /// An operator corrects a balance. The key and the amount follow from the number.
    Adjust { account: usize, number: usize },
    /// One account joins another.
    Merge { from: usize, into: usize },
    /// The web app spends a credit in one transaction.
    Spend(usize),
    /// The web app opens an account, and spends of it.
    Welcome,
}

/// What a hand is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// This.
    Do(Operation),
    /// Give this message up, as a worker that meets it too late.
    GiveUp(usize),
    /// End one of the messages that it has opened, if there is one.
    Close(Ending),
    /// As the web app: move a balance now, and write the line so many orders later.
    SpendApart { account: usize, later: usize },
    /// End the server process of another hand's connection.
    Terminate(usize),
}

/// How a worker ends what it has opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Finish,
    Decline,
    GiveUp,
    /// It died.
    Forget,
}

/// Names of operations, in the order of the table.
pub(super) const KINDS: [&str; 15] = [
    "hold (receipt opened)",
    "posts written",
    "declined: refund",
    "to be given up: receipt",
    "given up: refund",
    "undelivered: refund",
    "swept: refund",
    "event of Stripe",
    "signup bonus",
    "adjustment",
    "merge",
    "web: one transaction",
    "web: opens and spends",
    "web: balance first",
    "web: line later",
];

/// Where the debits of the web app stand that come in two statements.
pub(super) const APART: usize = 13;

impl Operation {
    /// Its place among [`KINDS`].
    pub(super) fn kind(self) -> usize {
        match self {
            Self::Open { .. } => 0,
            Self::Finish(_) => 1,
            Self::Decline(_) => 2,
            Self::Know(_) => 3,
            Self::GiveUp(_) => 4,
            Self::Undelivered(_) => 5,
            Self::Sweep(_) => 6,
            Self::Tell { .. } => 7,
            Self::Bonus(_) => 8,
            Self::Adjust { .. } => 9,
            Self::Merge { .. } => 10,
            Self::Spend(_) => 11,
            Self::Welcome => 12,
        }
    }
}

impl Order {
    /// What to do after so many thousandths of the run.
    pub(super) fn draw(world: &World, elapsed: usize, chance: &mut StdRng) -> Self {
        let operation = match chance.random_range(0..1_000) {
            0..300 => {
                let message = world.some_message(elapsed, chance);
                Operation::Open { message, kept: message.is_multiple_of(5) }
            }
            300..560 => {
                return Self::Close(match chance.random_range(0..20) {
                    0..12 => Ending::Finish,
                    12..15 => Ending::Decline,
                    15..18 => Ending::GiveUp,
                    _ => Ending::Forget,
                });
            }
            560..590 => return Self::GiveUp(world.some_message(elapsed, chance)),
            590..630 => Operation::Undelivered(world.some_message(elapsed, chance)),
            630..670 => Operation::Sweep(world.some_message(elapsed, chance)),
            670..820 => {
                let sale = world.some_sale(elapsed, chance);
                let event = chance.random_range(0..world.sales[sale].events.len());
                Operation::Tell { sale, event }
            }
            820..840 => Operation::Bonus(world.some_account(elapsed, chance)),
            840..890 => {
                // Few keys at a time: most are offered more than once.
                let number = elapsed * 10 + chance.random_range(0..30);
                Operation::Adjust { account: world.some_account(number / 10 % 1_000, chance), number }
            }
            890..905 => {
                let (from, into) = world.some_pair(elapsed, chance);
                Operation::Merge { from, into }
            }
            905..960 => Operation::Spend(world.some_account(elapsed, chance)),
            960..987 => {
                let later = chance.random_range(1..30);
                return Self::SpendApart { account: world.some_account(elapsed, chance), later };
            }
            987..996 => Operation::Welcome,
            _ => return Self::Terminate(chance.random_range(0..world.plan.hands)),
        };
        Self::Do(operation)
    }
}
