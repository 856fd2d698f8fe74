//! The same moves on Postgres: walks through the model, drawn from a seed, with the product's transactions done beside it,
//! and everything that the books say compared after each of them. A worker that dies does so inside its transaction.

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use sandbox::ledger_proof::{Did, Trouble, message as transaction};
use shared::clock::Clock;
use shared::ledger::{self, Entry, Posted};
use shared::message::{Address, Content, Inbound, MessageId, Provider, Sender};
use shared::person::{self, UserId};
use shared::phone::E164;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool};

use super::{CREDITS, MESSAGES, Message, Move, Receipt, State, Step, Without};
use crate::GROUND;

const WALKS: u32 = 60;

/// Moves of a walk: what it has begun by then, it ends.
const LENGTH: usize = 45;

/// One walk: its person, whose messages the three are.
struct Walk {
    pool: PgPool,
    clock: Clock,
    user: UserId,
    messages: [Inbound; MESSAGES],
    state: State,
    story: Vec<Move>,
}

impl Walk {
    async fn begins(pool: PgPool, number: u32) -> Self {
        let clock = Clock::system();
        let phone = E164::from_provider(&format!("+336399{number:05}")).unwrap();
        let sender = Sender { address: Address::Phone(phone.clone()), phone: Some(phone), bsuid: None };
        let mut tx = pool.begin().await.unwrap();
        let user = person::resolve(&mut tx, &sandbox::stage::vault(), &sender, clock.now(), clock.now())
            .await
            .unwrap()
            .id;
        let key = format!("walk-{number}");
        let given = Entry::Adjustment(&key, CREDITS.into());
        assert!(matches!(ledger::post(&mut tx, &user, given, clock.now()).await, Ok(Posted::Applied(_))));
        tx.commit().await.unwrap();
        let messages = std::array::from_fn(|m| Inbound {
            lane: None,
            id: MessageId::new(Provider::Meta, "1098", &format!("walk.{number}.{m}")),
            provider_id: None,
            provider: Provider::Meta,
            business: "1098".to_owned(),
            sender: sender.clone(),
            sent_at: clock.now(),
            content: Content::Text("Un post pour Instagram".to_owned()),
        });
        Self { pool, clock, user, messages, state: State::first(), story: Vec::new() }
    }

    async fn does(&mut self, happens: Move, chance: &mut StdRng) {
        self.story.push(happens);
        let next = self.state.after(happens, Without::default());
        match happens {
            // Of the queue alone.
            Move::Taken { .. }
            | Move::Expires(_)
            | Move::Lost(_)
            | Move::TriesAgain(_)
            | Move::Settles(_) => {}
            Move::Dies(w) => {
                let all = self.state.moves();
                let mine: Vec<&Move> = all
                    .iter()
                    .filter(|m| matches!(m, Move::Opens(x) | Move::Finishes(x) | Move::GivesUp(x) if *x == w))
                    .collect();
                if let Some(meant) = mine.choose(chance) {
                    self.transacts(**meant, next, false).await;
                }
            }
            _ => self.transacts(happens, next, true).await,
        }
        self.state = next;
        self.compares().await;
    }

    /// The transaction that a move is, committed or cut off before its end. What it says of itself is what the model
    /// says comes next.
    async fn transacts(&self, what: Move, next: State, commits: bool) {
        let (before, now) = (&self.state, self.clock.now());
        let mut tx = self.pool.begin().await.unwrap();
        let db: &mut PgConnection = &mut tx;
        let did: Result<Did, Trouble> = match what {
            Move::Opens(w) => transaction::opens(db, &self.messages[before.on(w)], false, now).await,
            Move::Finishes(w) => transaction::finishes(db, &self.messages[before.on(w)], now).await,
            Move::GivesUp(w) => {
                let message = &self.messages[before.on(w)];
                transaction::is_known(db, message, now).await.unwrap();
                if commits {
                    // Two transactions, of which the second may be the only one to come to nothing.
                    tx.commit().await.unwrap();
                    tx = self.pool.begin().await.unwrap();
                }
                transaction::gives_up(&mut tx, message, now).await
            }
            Move::Undelivered(m) => transaction::is_undelivered(db, &self.messages[m], now).await,
            Move::Swept(m) => transaction::is_swept(db, &self.messages[m], now).await,
            other => panic!("{other:?} is of the queue"),
        };
        let did = did.unwrap_or_else(|trouble| panic!("{trouble:?} after {:?}", self.story));
        if commits && let Move::Opens(w) = what {
            let thinks = matches!(next.workers[w], Some((Step::Think, _)));
            assert_eq!(did == Did::Held, thinks, "{did:?} after {:?}", self.story);
        }
        if commits && did != Did::Undone {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
    }

    /// Balance, receipts and lines, as the books have them and as the model has them.
    async fn compares(&self) {
        let mut db = self.pool.acquire().await.unwrap();
        let balance = ledger::balance(&mut db, &self.user).await.unwrap().get();
        let mut found = Vec::new();
        for message in &self.messages {
            let row: (Option<String>, i64, i64) = sqlx::query_as(
                "select (select coalesce(outcome, state) from wa.receipt where message_id = $1),
                        count(*) filter (where key like 'generation:%'), count(*) filter (where key like 'refund:%')
                 from wa.credit_op where message_id = $1",
            )
            .bind(message.id.as_str())
            .fetch_one(&mut *db)
            .await
            .unwrap();
            found.push(row);
        }
        let expected = self.state.messages.map(told).to_vec();
        let model = u32::try_from(self.state.balance).unwrap();
        assert_eq!((balance, found), (model, expected), "after {:?}", self.story);
    }
}

/// A message of the model in the words of the books.
fn told(message: Message) -> (Option<String>, i64, i64) {
    let word = match message.receipt {
        Receipt::None => None,
        Receipt::Started => Some("started"),
        Receipt::Posts => Some("posts"),
        Receipt::Failed => Some("failed"),
        Receipt::NoCredit => Some("no_credit"),
        Receipt::Undelivered => Some("undelivered"),
    };
    (word.map(str::to_owned), message.holds.into(), message.refunds.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_transactions_do_on_postgres_what_the_model_says() {
    let seed = rand::rng().next_u64() >> 32;
    println!("seed {seed}");
    let url = GROUND.database().await;
    let pool = PgPoolOptions::new().max_connections(8).connect(&url).await.unwrap();
    let walks = (0..WALKS).map(|number| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut chance = StdRng::seed_from_u64(seed.wrapping_add(number.into()));
            let mut walk = Walk::begins(pool, number).await;
            let harm = f64::from(number % 6) / 10.0;
            while !walk.state.is_quiet() {
                let harmed = walk.story.len() < LENGTH && chance.random_bool(harm);
                let moves = walk.state.moves();
                let (harmful, peaceful): (Vec<Move>, Vec<Move>) =
                    moves.into_iter().partition(|happens| walk.state.is_harm(*happens));
                let open = if harmed || peaceful.is_empty() { harmful } else { peaceful };
                let Some(happens) = open.choose(&mut chance).copied() else { continue };
                walk.does(happens, &mut chance).await;
            }
            walk.state.messages.map(|message| message.receipt)
        })
    });
    let ends: Vec<Receipt> = join_all(walks).await.into_iter().flat_map(Result::unwrap).collect();
    for end in [Receipt::Posts, Receipt::Failed, Receipt::NoCredit, Receipt::Undelivered] {
        assert!(ends.contains(&end), "no walk came to {end:?}");
    }
    pool.close().await;
}
