//! The life of one credit (held, then kept by posts or given back) as a model, gone through completely: three workers,
//! three messages, two credits, and whoever works may die, or fall silent and go on, between any two transactions.
//!
//! A step of the model is a transaction of the product: the receipt's start with the hold, its end with the posts, its
//! end with the refund, the verdict. That the transactions themselves do what they say is tried on Postgres, in the
//! rooms beside this one and by `cargo ledger`.

use std::collections::{HashMap, VecDeque};

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

    /// The same state with its messages and workers in one order: who is who makes no difference. Nor does what a worker
    /// was about to do with a message that has ended, which is nothing but the verdict, nor a verdict without a fence.
    fn canonical(mut self, without: Without) -> Self {
        for w in 0..WORKERS {
            let Some((_, on)) = self.workers[w] else { continue };
            let message = self.messages[usize::from(on)];
            let ended = !matches!(message.receipt, Receipt::None | Receipt::Started);
            if ended && !without.receipt {
                let holds = message.place == Place::Leased(u8::try_from(w).unwrap());
                self.workers[w] = holds.then_some((Step::Settle, on));
            }
        }
        let mut order: [usize; MESSAGES] = std::array::from_fn(|place| place);
        // Everything about a message but names: also who is at it, and who of them holds its fence.
        let seen = |m: usize| {
            let message = self.messages[m];
            let mut hands = [(0_u8, false); WORKERS];
            for (w, worker) in self.workers.iter().enumerate() {
                let holds = message.place == Place::Leased(u8::try_from(w).unwrap());
                let step =
                    worker.filter(|(_, on)| usize::from(*on) == m).map_or(0, |(step, _)| 1 + step as u8);
                hands[w] = (step, holds);
            }
            hands.sort_unstable();
            (message.receipt, message.holds, message.refunds, message.place == Place::Gone, hands)
        };
        order.sort_by_cached_key(|m| seen(*m));
        let mut hands: [usize; WORKERS] = std::array::from_fn(|place| place);
        let new_place = |old: u8| order.iter().position(|m| *m == usize::from(old)).unwrap_or_default();
        let owns =
            |w: usize| order.map(|m| self.messages[m].place == Place::Leased(u8::try_from(w).unwrap()));
        hands.sort_by_key(|w| (self.workers[*w].map(|(step, on)| (step, new_place(on))), owns(*w)));
        let renamed = |w: u8| u8::try_from(hands.iter().position(|h| *h == usize::from(w)).unwrap()).unwrap();
        let messages = order.map(|m| {
            let mut message = self.messages[m];
            if let Place::Leased(w) = message.place {
                message.place = Place::Leased(renamed(w));
            }
            message
        });
        let workers =
            hands.map(|w| self.workers[w].map(|(step, on)| (step, u8::try_from(new_place(on)).unwrap())));
        Self { messages, workers, balance: self.balance }
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

    /// Every state that may come next.
    fn next(self, without: Without) -> Vec<Self> {
        let mut all = Vec::new();
        let mut may = |change: &mut dyn FnMut(&mut Self)| {
            let mut state = self;
            change(&mut state);
            all.push(state.canonical(without));
        };
        for (m, message) in self.messages.iter().enumerate() {
            let on = u8::try_from(m).unwrap();
            if message.place == Place::Waiting
                && let Some(free) = self.workers.iter().position(Option::is_none)
            {
                may(&mut |state| {
                    state.messages[m].place = Place::Leased(u8::try_from(free).unwrap());
                    state.workers[free] = Some((Step::Open, on));
                });
            }
            if matches!(message.place, Place::Leased(_)) {
                may(&mut |state| state.messages[m].place = Place::Waiting);
            }
            if message.receipt == Receipt::Posts {
                // The provider takes no part of the answer, or reports so later.
                may(&mut |state| {
                    state.messages[m].receipt = Receipt::Undelivered;
                    state.refund(m, without);
                });
            }
            if message.receipt == Receipt::Started {
                if message.place == Place::Gone {
                    may(&mut |state| {
                        // The sweep.
                        if state.ends(m, Receipt::Failed, without) {
                            state.refund(m, without);
                        }
                    });
                } else {
                    // Redis loses it, or gives it up by itself.
                    may(&mut |state| state.messages[m].place = Place::Gone);
                }
            }
        }
        for (w, worker) in self.workers.iter().enumerate() {
            let Some((step, on)) = *worker else { continue };
            let m = usize::from(on);
            // It dies.
            may(&mut |state| state.workers[w] = None);
            let mut gives_up = |state: &mut Self| {
                if state.messages[m].receipt == Receipt::None {
                    state.messages[m].receipt = Receipt::Started;
                }
                if state.ends(m, Receipt::Failed, without) {
                    state.refund(m, without);
                }
                state.workers[w] = Some((Step::Settle, on));
            };
            match step {
                Step::Open => {
                    may(&mut |state| state.workers[w] = Some((state.opens(m, without), on)));
                    may(&mut gives_up);
                }
                Step::Think => {
                    may(&mut |state| {
                        state.ends(m, Receipt::Posts, without);
                        state.workers[w] = Some((Step::Settle, on));
                    });
                    may(&mut gives_up);
                    // The model failed, and it is tried again.
                    may(&mut |state| state.settles(w, m, Place::Waiting));
                }
                Step::Settle => may(&mut |state| state.settles(w, m, Place::Gone)),
            }
        }
        all
    }

    /// A verdict: it counts only from the holder of the current fence.
    fn settles(&mut self, w: usize, m: usize, place: Place) {
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

/// Goes through everything that can happen. Returns how many states there are, how many of them are quiet, and how many
/// never become so; or the first that is wrong.
fn explore(without: Without) -> Result<(usize, usize, usize), (State, &'static str)> {
    let first = State::first().canonical(without);
    let mut known: HashMap<State, usize> = HashMap::from([(first, 0)]);
    let (mut before, mut quiet): (Vec<Vec<usize>>, Vec<usize>) = (vec![Vec::new()], Vec::new());
    let mut open = VecDeque::from([first]);
    while let Some(state) = open.pop_front() {
        let from = known[&state];
        if let Some(what) = state.wrong() {
            return Err((state, what));
        }
        if state.is_quiet() {
            quiet.push(from);
        }
        for next in state.next(without) {
            let count = known.len();
            let to = *known.entry(next).or_insert_with(|| {
                before.push(Vec::new());
                open.push_back(next);
                count
            });
            before[to].push(from);
        }
    }
    // Backwards from every quiet state.
    let (mut ends, mut back) = (vec![false; known.len()], quiet.clone());
    while let Some(place) = back.pop() {
        if !std::mem::replace(&mut ends[place], true) {
            back.extend(&before[place]);
        }
    }
    Ok((known.len(), quiet.len(), ends.iter().filter(|ends| !**ends).count()))
}

#[test]
fn whatever_happens_a_credit_is_kept_by_posts_or_given_back() {
    let (states, quiet, stuck) = explore(Without::default()).expect("no state is wrong");
    println!("{states} states, {quiet} of them quiet");
    assert!(states > 10_000 && quiet > 3, "{states} states, {quiet} quiet: nothing was tried");
    assert_eq!(stuck, 0, "states from which nothing ever becomes quiet");
}

#[test]
fn without_any_of_its_guards_something_goes_wrong() {
    for without in [
        Without { receipt: true, ..Without::default() },
        Without { ledger_key: true, ..Without::default() },
        Without { condition: true, ..Without::default() },
    ] {
        assert!(explore(without).is_err(), "nothing goes wrong {without:?}");
    }
}
