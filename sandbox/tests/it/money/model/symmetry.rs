//! States that differ by names alone are one: three workers and three messages can be renamed in 36 ways.

use super::{MESSAGES, Place, Receipt, State, Step, WORKERS, Without};

impl State {
    /// The same state with its messages and workers in one order: who is who makes no difference. Nor does what a worker
    /// was about to do with a message that has ended, which is nothing but the verdict, nor a verdict without a fence.
    pub(super) fn canonical(mut self, without: Without) -> Self {
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
}
