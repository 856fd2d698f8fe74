//! One conversation after the other: what was said after an acknowledgement begins after the end of what had been
//! acknowledged.

use std::collections::HashMap;

use shared::message::Provider;

use super::Verdict;
use super::books::Books;
use crate::chaos::record::Said;

pub(super) fn kept(said: &[Said], books: &Books, verdict: &mut Verdict) -> usize {
    let mut lanes: HashMap<(Provider, usize), Vec<&Said>> = HashMap::new();
    for said in said {
        lanes.entry((said.provider, said.person)).or_default().push(said);
    }
    let mut pairs = 0;
    for lane in lanes.values_mut() {
        lane.sort_by_key(|said| said.offered_at);
        for (place, later) in lane.iter().enumerate() {
            let Some(begun) = books.receipts.get(later.id.as_str()) else { continue };
            // Two that were said at once have no order between them, so the last few are looked at.
            for earlier in lane[..place].iter().rev().take(4) {
                let Some(receipt) = books.receipts.get(earlier.id.as_str()) else { continue };
                // It begins and ends with that one.
                if begun.joined_to.as_deref() == Some(earlier.id.as_str()) {
                    continue;
                }
                if earlier.acknowledged_at.is_none_or(|at| at >= later.offered_at) {
                    continue;
                }
                pairs += 1;
                // The end of one whose posts were refused later is later than its work.
                let late_end = receipt.outcome.as_deref() == Some("undelivered");
                let ended = if late_end { Some(receipt.started_at) } else { receipt.finished_at };
                if let Some(ended) = ended.filter(|ended| *ended > begun.started_at) {
                    let early = (ended - begun.started_at).num_milliseconds();
                    let (outcome, earlier) = (receipt.outcome.as_deref().unwrap_or_default(), &earlier.id);
                    let what = format!(
                        "began {early} ms before {} had ended ({outcome}), which was acknowledged before",
                        earlier.as_str()
                    );
                    verdict.breach(Some(&later.id), what);
                    verdict.also_tell(earlier);
                }
            }
        }
    }
    pairs
}
