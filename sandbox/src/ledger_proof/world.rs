//! What a proof is about: accounts, messages and sales, all of which follow from the seed, and windows that slide over
//! them, so that all hands meet at the same few at any time, and at many in the course of a run.

use std::str::FromStr;
use std::sync::atomic::AtomicI32;

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shared::clock::Clock;
use shared::message::{Address, Content, Inbound, MessageId, Provider, Sender};
use shared::pack::Packs;
use shared::person::{self, UserId};
use shared::phone::E164;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use super::Plan;
use super::sale::Sale;
use super::tally::Tally;
use super::web;

/// Our number, in Meta's terms.
const BUSINESS: &str = "109876543210987";

/// How the id of a message of a proof begins, in Meta's terms.
const MESSAGE: &str = "proof.";

/// How many accounts, messages and sales are in use at a time: few enough that all hands meet.
const WIDTH: [usize; 3] = [16, 24, 10];

/// Postgres ends a statement that takes this long: a proof never waits for ever.
const STATEMENT_TIMEOUT_MS: &str = "60000";

/// An account, and how it was opened.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) id: UserId,
    pub(super) sender: Sender,
    /// The credits that it was opened with, and that no line tells of.
    pub(super) unwritten: i64,
}

/// One proof: its database, its people, and what is counted.
#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) options: PgConnectOptions,
    pub(super) pool: PgPool,
    pub(super) clock: Clock,
    pub(super) packs: Packs,
    pub(super) accounts: Vec<Account>,
    pub(super) sales: Vec<Sale>,
    pub(super) messages: usize,
    pub(super) tally: Tally,
    /// The server process of each hand's connection.
    pub(super) backends: Vec<AtomicI32>,
}

impl World {
    /// Opens all accounts in a database that is migrated already.
    pub(super) async fn open(plan: Plan, url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)
            .context("the address of Postgres")?
            .application_name("ledger proof")
            .options([("timezone", "UTC"), ("statement_timeout", STATEMENT_TIMEOUT_MS)]);
        let pool = PgPoolOptions::new().max_connections(4).connect_with(options.clone()).await?;
        let (clock, packs) = (Clock::system(), Packs::default());
        let many = (plan.operations / 50).clamp(WIDTH[0], 5_000);
        let mut accounts = Vec::with_capacity(many);
        for number in 0..many {
            accounts.push(account(&pool, &clock, number).await?);
        }
        let sales = (0..(plan.operations / 40).max(WIDTH[2]))
            .map(|number| {
                let mut chance = StdRng::seed_from_u64(plan.seed ^ (number as u64).rotate_left(32));
                let first = number * (many - WIDTH[0]) / (plan.operations / 40).max(WIDTH[2]);
                let account = &accounts[first + chance.random_range(0..WIDTH[0])].id;
                Sale::draw(number, account, &packs, clock.now(), &mut chance)
            })
            .collect();
        let backends = (0..plan.hands).map(|_| AtomicI32::default()).collect();
        let messages = (plan.operations / 8).max(WIDTH[1]);
        Ok(Self {
            plan,
            options,
            pool,
            clock,
            packs,
            accounts,
            sales,
            messages,
            tally: Tally::default(),
            backends,
        })
    }

    /// An account of those that are in use after so many thousandths of the run.
    pub(super) fn some_account(&self, elapsed: usize, chance: &mut StdRng) -> usize {
        near(self.accounts.len(), WIDTH[0], elapsed, chance)
    }

    /// Two accounts that may turn out to be one person's. They are of those that are merged again and again, in either
    /// direction; most accounts stay what they are.
    pub(super) fn some_pair(&self, elapsed: usize, chance: &mut StdRng) -> (usize, usize) {
        let mut pick = || loop {
            let account = self.some_account(elapsed, chance);
            if account % 8 < 3 {
                return account;
            }
        };
        let (from, into) = (pick(), pick());
        (from, into)
    }

    /// A message.
    pub(super) fn some_message(&self, elapsed: usize, chance: &mut StdRng) -> usize {
        near(self.messages, WIDTH[1], elapsed, chance)
    }

    /// A sale.
    pub(super) fn some_sale(&self, elapsed: usize, chance: &mut StdRng) -> usize {
        near(self.sales.len(), WIDTH[2], elapsed, chance)
    }

    /// The message of this number, as ingest would have it.
    pub(super) fn inbound(&self, number: usize) -> Inbound {
        let first = number * (self.accounts.len() - WIDTH[0]) / self.messages;
        // Spread over the accounts of its time, the same at every look.
        let account = &self.accounts[first + number * 7 % WIDTH[0]];
        Inbound {
            lane: None,
            id: message_id(number),
            provider_id: None,
            provider: Provider::Meta,
            business: BUSINESS.to_owned(),
            sender: account.sender.clone(),
            sent_at: self.clock.now(),
            content: Content::Text("Un post pour Instagram".to_owned()),
        }
    }
}

/// The id of the message of this number.
pub(super) fn message_id(number: usize) -> MessageId {
    MessageId::new(Provider::Meta, BUSINESS, &format!("{MESSAGE}{number}"))
}

/// The number of the message with this id.
pub(super) fn message_number(id: &MessageId) -> Option<usize> {
    id.provider_part().strip_prefix(MESSAGE)?.parse().ok()
}

/// One of `all`, near where a run stands after so many thousandths.
fn near(all: usize, width: usize, elapsed: usize, chance: &mut StdRng) -> usize {
    let width = width.min(all);
    (all - width) * elapsed / 1_000 + chance.random_range(0..width)
}

/// Opens an account: half of them begin in WhatsApp with nothing, the others on the web, with and without a line.
async fn account(pool: &PgPool, clock: &Clock, number: usize) -> Result<Account> {
    let phone = E164::from_provider(&format!("+336399{number:05}")).context("a number of somebody")?;
    let sender = Sender { address: Address::Phone(phone.clone()), phone: Some(phone.clone()), bsuid: None };
    let mut tx = pool.begin().await?;
    let (id, unwritten) = match number % 4 {
        2 => (web::opens(&mut tx, Some(&phone)).await?, web::WELCOME),
        3 => (web::opens_with_a_line(&mut tx, &phone).await?, 0),
        _ => {
            (person::resolve(&mut tx, &crate::stage::vault(), &sender, clock.now(), clock.now()).await?.id, 0)
        }
    };
    tx.commit().await?;
    Ok(Account { id, sender, unwritten })
}
