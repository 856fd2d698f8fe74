//! Walks through everything that people do with their numbers, drawn from a seed, against a model that knows of accounts
//! and purses only: nobody has two accounts, and credits add up after every step.

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use sandbox::conversation::run_without_worker;
use shared::clock::Clock;
use shared::ledger::{self, Entry, Posted};
use shared::message::{Address, MessageId, Provider, Sender};
use shared::person::{self, Linked, Unmerged, UserId};
use shared::phone::E164;
use sqlx::PgPool;

use super::{balance, enter, link, unlink, unmerge, web};
use crate::GROUND;
use crate::money::pool;

const WALKS: u32 = 40;
const LENGTH: usize = 60;
const WELCOME: i32 = 5;

/// An account: what was paid for, what was given, and what was spent.
#[derive(Debug, Clone, Default)]
struct Purse {
    account: Option<UserId>,
    balance: i32,
    paid: i32,
    welcomed: bool,
}

/// What the model knows of one person, who has one number, one id, and perhaps an account of the web app.
#[derive(Debug, Default)]
struct Model {
    web: Option<Purse>,
    /// The account that the number leads to, while that is another one.
    chat: Option<Purse>,
    linked: bool,
    number_welcomed: bool,
    /// The account that joined last, and what both had then.
    before: Option<(Purse, Purse)>,
}

impl Model {
    /// Where the number leads.
    fn here(&mut self) -> &mut Purse {
        if self.linked { self.web.get_or_insert_default() } else { self.chat.get_or_insert_default() }
    }

    fn welcomes(&mut self) -> bool {
        let due = !self.number_welcomed && !self.here().welcomed;
        self.number_welcomed = true;
        let here = self.here();
        if due {
            here.balance += WELCOME;
            here.welcomed = true;
        }
        due
    }

    fn links(&mut self) {
        let chat = self.chat.take().filter(|chat| chat.account.is_some());
        let web = self.web.get_or_insert_default();
        if let Some(chat) = chat {
            self.before = Some((chat.clone(), web.clone()));
            web.balance += chat.balance;
            web.paid += chat.paid;
            if chat.welcomed {
                web.balance -= (web.balance - web.paid).clamp(0, WELCOME);
            }
        }
        self.linked = true;
        self.number_welcomed = true;
    }
}

struct Walk {
    pool: PgPool,
    clock: Clock,
    number: u32,
    phone: E164,
    model: Model,
    story: Vec<String>,
    made: usize,
}

impl Walk {
    fn told(&mut self, what: &str) {
        self.story.push(what.to_owned());
    }

    async fn steps(&mut self, chance: &mut StdRng) {
        let now = self.clock.now();
        match chance.random_range(0..12) {
            0 if self.model.web.is_none() => {
                let account = web(&self.pool, &format!("web{}", self.number)).await;
                self.model.web =
                    Some(Purse { account: Some(account), balance: WELCOME, paid: 0, welcomed: true });
                self.told("signs up");
            }
            0..=2 => {
                self.told("enters");
                let entered = enter(&self.pool, self.spelled(chance).as_str(), now).await;
                let opens = self.model.here().account.is_none();
                assert_eq!(entered.opened, opens, "{:?}", self.story);
                let due = self.model.welcomes();
                assert_eq!(entered.welcomed, due, "{:?}", self.story);
                self.leads_to(&entered.user);
            }
            3 | 4 => {
                let Some(mine) = self.model.web.as_ref().and_then(|purse| purse.account.clone()) else {
                    return;
                };
                self.told("links");
                let linked = link(&self.pool, &mine, self.spelled(chance).as_str(), now).await;
                let expected = match self.model.chat.as_ref().map(|purse| purse.account.clone()) {
                    _ if self.model.linked => Linked::Already,
                    Some(merged) => Linked::Linked { merged },
                    None => Linked::Linked { merged: None },
                };
                assert_eq!(linked, expected, "{:?}", self.story);
                self.model.links();
            }
            5 if chance.random_bool(0.5) => {
                let Some(mine) = self.model.web.as_ref().and_then(|purse| purse.account.clone()) else {
                    return;
                };
                self.told("unlinks");
                assert_eq!(unlink(&self.pool, &mine, now).await, self.model.linked, "{:?}", self.story);
                self.model.linked = false;
                // Nothing of the number goes back any more.
                self.model.before = None;
            }
            6 if self.model.linked && self.model.before.is_some() => {
                let (chat, web) = self.model.before.take().unwrap();
                self.told("is separated");
                let account = chat.account.clone().unwrap();
                let done = unmerge(&self.pool, &account, now).await;
                assert!(matches!(done, Unmerged::Apart(_)), "{done:?} after {:?}", self.story);
                let mine = self.model.web.as_mut().unwrap();
                let given = chat.balance + web.balance - chat.paid - web.paid;
                mine.balance += if chat.welcomed { given.clamp(0, WELCOME) } else { 0 };
                let back = chat.balance.min(mine.balance);
                mine.balance -= back;
                mine.paid -= chat.paid;
                self.model.chat = Some(Purse { balance: back, ..chat });
                self.model.linked = false;
            }
            7..=9 => {
                self.told("writes");
                let sender = self.sender(chance);
                let mut tx = self.pool.begin().await.unwrap();
                let user =
                    person::resolve(&mut tx, &sandbox::stage::vault(), &sender, now, now).await.unwrap().id;
                tx.commit().await.unwrap();
                self.leads_to(&user);
            }
            10 => self.moves(Some(chance.random_range(1..4)), now).await,
            _ => self.moves(None, now).await,
        }
        self.compares().await;
    }

    /// Buys so many credits where the number leads to, or spends one.
    async fn moves(&mut self, bought: Option<i32>, now: chrono::DateTime<chrono::Utc>) {
        let Some(account) = self.model.here().account.clone() else { return };
        self.told(if bought.is_some() { "buys" } else { "spends" });
        self.made += 1;
        let key = format!("{}.{}", self.number, self.made);
        let id = MessageId::new(Provider::Meta, "1098", &key);
        let entry = bought.map_or(Entry::Generation(&id), |credits| Entry::Adjustment(&key, credits));
        let mut tx = self.pool.begin().await.unwrap();
        let posted = ledger::post(&mut tx, &account, entry, now).await.unwrap();
        tx.commit().await.unwrap();
        let here = self.model.here();
        assert_eq!(matches!(posted, Posted::Insufficient), bought.is_none() && here.balance == 0);
        here.paid += bought.unwrap_or_default();
        here.balance = (here.balance + bought.unwrap_or(-1)).max(0);
    }

    fn spelled(&self, chance: &mut StdRng) -> E164 {
        let spellings = self.phone.spellings();
        spellings[chance.random_range(0..spellings.len())].clone()
    }

    /// As a provider shows this person: Meta with the id, Twilio by the number alone.
    fn sender(&self, chance: &mut StdRng) -> Sender {
        let phone = self.spelled(chance);
        let id = format!("FR.{}", self.number);
        match chance.random_range(0..2) {
            0 => Sender { address: Address::Phone(phone.clone()), phone: Some(phone), bsuid: Some(id) },
            _ => Sender {
                address: Address::Channel(format!("whatsapp:{}", phone.as_str())),
                phone: Some(phone),
                bsuid: None,
            },
        }
    }

    fn leads_to(&mut self, user: &UserId) {
        let story = format!("{:?}", self.story);
        let here = self.model.here();
        assert_eq!(here.account.get_or_insert_with(|| user.clone()), user, "{story}");
    }

    async fn compares(&self) {
        for purse in self.model.web.iter().chain(&self.model.chat) {
            if let Some(account) = &purse.account {
                assert_eq!(balance(&self.pool, account).await, purse.balance, "{:?}", self.story);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_people_do_with_their_numbers_they_have_one_account_and_their_credits() {
    let seed = rand::rng().next_u64() >> 32;
    println!("seed {seed}");
    run_without_worker(&GROUND, async |sandbox| {
        let books = pool(sandbox, 12).await;
        let walks = (0..WALKS).map(|number| {
            let (pool, clock) = (books.clone(), sandbox.clock.clone());
            tokio::spawn(async move {
                let mut chance = StdRng::seed_from_u64(seed.wrapping_add(number.into()));
                // Every second number has two spellings.
                let digits = if number % 2 == 0 { "+336" } else { "+553197" };
                let tail = if number % 2 == 0 { format!("{number:08}") } else { format!("{number:07}") };
                let phone = format!("{digits}{tail}").parse().unwrap();
                let model = Model::default();
                let mut walk = Walk { pool, clock, number, phone, model, story: Vec::new(), made: 0 };
                for _ in 0..LENGTH {
                    walk.steps(&mut chance).await;
                }
                walk.story
            })
        });
        let stories: Vec<String> = join_all(walks).await.into_iter().flat_map(Result::unwrap).collect();
        for step in ["signs up", "enters", "links", "unlinks", "is separated", "writes", "buys", "spends"] {
            assert!(stories.iter().any(|told| told == step), "nobody ever {step}");
        }
        let split: i64 = sqlx::query_scalar(
            "select count(*) from wa.identity i join wa.merged_account m on m.from_user = i.user_id",
        )
        .fetch_one(&books)
        .await
        .unwrap();
        assert_eq!(split, 0, "a name that leads to an account that is gone");
        books.close().await;
    })
    .await;
}
