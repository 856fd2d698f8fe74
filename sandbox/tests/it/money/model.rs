//! The life of one credit (held, then kept by posts or given back) as a model, gone through completely: three workers,
//! three messages, two credits, and whoever works may die, or fall silent and go on, between any two transactions.
//!
//! A move of the model is a transaction of the product: the receipt's start with the hold, its end with the posts, its
//! end with the refund, the verdict. [`explore`] goes through all of them in every order; [`walk`] does the same moves on
//! Postgres, in some of those orders, and compares.

mod explore;
mod symmetry;
mod walk;

const WORKERS: usize = 3;
const MESSAGES: usize = 3;

/// Fewer than there are messages: somebody goes without.
const CREDITS: i8 = 2;

/// How a message stands in its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Receipt {
    None,
    Started,
    Posts,
    Failed,
    NoCredit,
    Undelivered,
}

/// Where a message stands in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Waiting,
    /// The worker that holds the current fence.
    Leased(u8),
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Message {
    receipt: Receipt,
    holds: u8,
    refunds: u8,
    place: Place,
}

/// What a worker does next with its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Step {
    Open,
    Think,
    Settle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct State {
    messages: [Message; MESSAGES],
    workers: [Option<(Step, u8)>; WORKERS],
    balance: i8,
}

/// What happens between two transactions, or as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    /// A worker that is free takes a message.
    Taken { message: usize, worker: usize },
    /// A lease is over: its worker fell silent, or died.
    Expires(usize),
    /// The provider takes no part of the answer, or reports so later.
    Undelivered(usize),
    /// The sweep finds the receipt open, and the message nowhere.
    Swept(usize),
    /// Redis loses a message, or gives it up by itself.
    Lost(usize),
    /// A worker dies.
    Dies(usize),
    /// The first transaction.
    Opens(usize),
    /// The transaction with the posts.
    Finishes(usize),
    /// The transaction with the apology.
    GivesUp(usize),
    /// The model failed: the message goes back, to be tried again.
    TriesAgain(usize),
    /// The verdict that the message is done with.
    Settles(usize),
}

/// What is taken away, to see that the model notices.
#[derive(Debug, Clone, Copy, Default)]
struct Without {
    /// A receipt may end twice.
    receipt: bool,
    /// A cause may move the balance twice.
    ledger_key: bool,
    /// The balance is looked at by whoever likes, and debited later.
    condition: bool,
}

impl State {
    fn first() -> Self {
        let message = Message { receipt: Receipt::None, holds: 0, refunds: 0, place: Place::Waiting };
        Self { messages: [message; MESSAGES], workers: [None; WORKERS], balance: CREDITS }
    }

    fn refund(&mut self, m: usize, without: Without) {
        let message = &mut self.messages[m];
        if message.holds > 0 && (message.refunds == 0 || without.ledger_key && message.refunds < 2) {
            message.refunds += 1;
            self.balance += 1;
        }
    }

    /// Ends a receipt that is open. `false`: it had ended, and the transaction is rolled back.
    fn ends(&mut self, m: usize, receipt: Receipt, without: Without) -> bool {
        let open = matches!(self.messages[m].receipt, Receipt::Started) || without.receipt;
        if open {
            self.messages[m].receipt = receipt;
        }
        open
    }

    /// The first transaction. Returns what its worker does next.
    fn opens(&mut self, m: usize, without: Without) -> Step {
        let message = &mut self.messages[m];
        if !matches!(message.receipt, Receipt::None | Receipt::Started) {
            return Step::Settle;
        }
        message.receipt = Receipt::Started;
        if message.holds > 0 && (!without.ledger_key || message.holds > 1) {
            return Step::Think;
        }
        if self.balance > 0 || without.condition && self.balance > -1 {
            message.holds += 1;
            self.balance -= 1;
            return Step::Think;
        }
        message.receipt = Receipt::NoCredit;
        Step::Settle
    }

    /// Everything that may happen next.
    fn moves(&self) -> Vec<Move> {
        let mut all = Vec::new();
        for (m, message) in self.messages.iter().enumerate() {
            match message.place {
                Place::Waiting => {
                    let free = self.workers.iter().position(Option::is_none);
                    all.extend(free.map(|worker| Move::Taken { message: m, worker }));
                }
                Place::Leased(_) => all.push(Move::Expires(m)),
                Place::Gone => {}
            }
            match message.receipt {
                Receipt::Posts => all.push(Move::Undelivered(m)),
                Receipt::Started if message.place == Place::Gone => all.push(Move::Swept(m)),
                Receipt::Started => all.push(Move::Lost(m)),
                _ => {}
            }
        }
        for (w, worker) in self.workers.iter().enumerate() {
            let Some((step, _)) = worker else { continue };
            all.push(Move::Dies(w));
            match step {
                Step::Open => all.extend([Move::Opens(w), Move::GivesUp(w)]),
                Step::Think => all.extend([Move::Finishes(w), Move::GivesUp(w), Move::TriesAgain(w)]),
                Step::Settle => all.push(Move::Settles(w)),
            }
        }
        all
    }

    /// Whether things could go on without it.
    fn is_harm(&self, happens: Move) -> bool {
        match happens {
            Move::Lost(_) | Move::Dies(_) | Move::GivesUp(_) | Move::TriesAgain(_) | Move::Undelivered(_) => {
                true
            }
            Move::Expires(m) => {
                let Place::Leased(w) = self.messages[m].place else { return false };
                self.workers[usize::from(w)].is_some_and(|(_, on)| usize::from(on) == m)
            }
            _ => false,
        }
    }

    /// The message that a worker is at.
    fn on(&self, w: usize) -> usize {
        usize::from(self.workers[w].expect("a worker that works").1)
    }

    /// This state after something has happened.
    fn after(mut self, happened: Move, without: Without) -> Self {
        match happened {
            Move::Taken { message, worker } => {
                self.messages[message].place = Place::Leased(u8::try_from(worker).unwrap());
                self.workers[worker] = Some((Step::Open, u8::try_from(message).unwrap()));
            }
            Move::Expires(m) => self.messages[m].place = Place::Waiting,
            Move::Undelivered(m) => {
                self.messages[m].receipt = Receipt::Undelivered;
                self.refund(m, without);
            }
            Move::Swept(m) => {
                if self.ends(m, Receipt::Failed, without) {
                    self.refund(m, without);
                }
            }
            Move::Lost(m) => self.messages[m].place = Place::Gone,
            Move::Dies(w) => self.workers[w] = None,
            Move::Opens(w) => {
                let step = self.opens(self.on(w), without);
                self.goes_on(w, step);
            }
            Move::Finishes(w) => {
                self.ends(self.on(w), Receipt::Posts, without);
                self.goes_on(w, Step::Settle);
            }
            Move::GivesUp(w) => {
                let m = self.on(w);
                if self.messages[m].receipt == Receipt::None {
                    self.messages[m].receipt = Receipt::Started;
                }
                if self.ends(m, Receipt::Failed, without) {
                    self.refund(m, without);
                }
                self.goes_on(w, Step::Settle);
            }
            Move::TriesAgain(w) => self.settles(w, Place::Waiting),
            Move::Settles(w) => self.settles(w, Place::Gone),
        }
        self
    }

    fn goes_on(&mut self, w: usize, step: Step) {
        self.workers[w] = self.workers[w].map(|(_, on)| (step, on));
    }

    /// A verdict: it counts only from the holder of the current fence.
    fn settles(&mut self, w: usize, place: Place) {
        let m = self.on(w);
        if self.messages[m].place == Place::Leased(u8::try_from(w).unwrap()) {
            self.messages[m].place = place;
        }
        self.workers[w] = None;
    }

    /// What is wrong in this state, if anything is.
    fn wrong(&self) -> Option<&'static str> {
        let moved: i8 = self.messages.iter().map(|m| m.refunds.cast_signed() - m.holds.cast_signed()).sum();
        if self.balance < 0 {
            return Some("a negative balance");
        }
        if self.balance != CREDITS + moved {
            return Some("a balance that its lines do not explain");
        }
        for message in &self.messages {
            let lines = (message.holds, message.refunds);
            let right = match message.receipt {
                Receipt::Started => lines == (0, 0) || lines == (1, 0),
                Receipt::Posts => lines == (1, 0),
                Receipt::None | Receipt::NoCredit => lines == (0, 0),
                Receipt::Failed | Receipt::Undelivered => lines == (0, 0) || lines == (1, 1),
            };
            if !right {
                return Some("a receipt that its lines do not fit");
            }
        }
        None
    }

    fn is_quiet(&self) -> bool {
        let ended =
            |m: &Message| m.place == Place::Gone && !matches!(m.receipt, Receipt::None | Receipt::Started);
        self.workers.iter().all(Option::is_none) && self.messages.iter().all(ended)
    }
}
