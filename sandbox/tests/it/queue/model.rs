//! The queue in a few lines of ordinary code: what it should answer, and what should stand in its keys.

use std::collections::{BTreeMap, HashSet, VecDeque};

use sandbox::conversation::Contents;
use shared::queue::{Enqueued, Figures, Lease, Verdict};

use super::id;

/// How much it holds, dead letters included.
pub(super) const AT_MOST: usize = 24;

#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) messages: VecDeque<String>,
    pub(super) tries: u32,
    pub(super) lost: u32,
    /// When it is not leased: whether it waits for a moment to come.
    pub(super) delayed: bool,
    pub(super) holder: Option<Holder>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Holder {
    pub(super) owner: &'static str,
    pub(super) fence: String,
    pub(super) expired: bool,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) lanes: BTreeMap<String, Lane>,
    pub(super) seen: HashSet<String>,
    /// Lane, attempts, reason.
    pub(super) dead: Vec<(String, u32, String)>,
    pub(super) paused: bool,
    /// Every lease that was ever handed out, and to whom.
    pub(super) leases: Vec<(&'static str, Lease)>,
}

impl Model {
    fn held(&self) -> usize {
        self.lanes.values().map(|lane| lane.messages.len()).sum()
    }

    pub(super) fn offer(&mut self, id: &str) -> Enqueued {
        if self.seen.contains(id) {
            return Enqueued::Duplicate;
        }
        if self.held() + self.dead.len() >= AT_MOST {
            return Enqueued::Full;
        }
        self.seen.insert(id.to_owned());
        Enqueued::Queued
    }

    /// The head leaves its lane.
    fn pop(&mut self, name: &str, reason: Option<String>) {
        let lane = self.lanes.get_mut(name).unwrap();
        lane.messages.pop_front();
        let tries = lane.tries;
        *lane = Lane { messages: std::mem::take(&mut lane.messages), ..Lane::default() };
        if let Some(reason) = reason {
            self.dead.push((name.to_owned(), tries, reason));
        }
    }

    pub(super) fn settle(&mut self, lease: &Lease, verdict: &Verdict) -> bool {
        let name = lease.lane.as_str();
        let lane = self.lanes.get_mut(name).unwrap();
        if lane.holder.as_ref().is_none_or(|holder| holder.fence != lease.fence) {
            return false;
        }
        lane.holder = None;
        match verdict {
            Verdict::Done => self.pop(name, None),
            Verdict::Dead(reason) => self.pop(name, Some(reason.clone())),
            Verdict::Retry(delay) => lane.delayed = !delay.is_zero(),
            Verdict::Wait(delay) => {
                lane.delayed = !delay.is_zero();
                lane.tries -= 1;
            }
        }
        true
    }

    /// What a fetch does before it looks for work.
    pub(super) fn take_back_expired(&mut self) {
        let expired: Vec<String> = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.holder.as_ref().is_some_and(|holder| holder.expired))
            .map(|(name, _)| name.clone())
            .collect();
        for name in expired {
            let lane = self.lanes.get_mut(&name).unwrap();
            lane.holder = None;
            lane.lost += 1;
            if lane.lost == 10 {
                self.pop(&name, Some("its workers kept dying".to_owned()));
            }
        }
    }

    pub(super) fn runnable(&self) -> Vec<&String> {
        let runs = |lane: &Lane| !lane.messages.is_empty() && lane.holder.is_none() && !lane.delayed;
        self.lanes.iter().filter(|(_, lane)| runs(lane)).map(|(name, _)| name).collect()
    }

    pub(super) fn agrees(&self, contents: &Contents, now: i64) {
        assert_eq!(contents.breaches(), Vec::<String>::new());
        let lanes: BTreeMap<String, Vec<String>> = contents
            .lanes
            .iter()
            .map(|(name, messages)| (name.clone(), messages.iter().map(|payload| id(payload)).collect()))
            .collect();
        let busy = || self.lanes.iter().filter(|(_, lane)| !lane.messages.is_empty());
        assert_eq!(lanes, busy().map(|(name, lane)| (name.clone(), lane.messages.clone().into())).collect());
        let counts = |count: fn(&Lane) -> u32| -> BTreeMap<String, u32> {
            busy().map(|(name, lane)| (name.clone(), count(lane))).filter(|(_, count)| *count > 0).collect()
        };
        assert_eq!(contents.tries, counts(|lane| lane.tries));
        assert_eq!(contents.lost, counts(|lane| lane.lost));
        for (name, lane) in busy() {
            match &lane.holder {
                Some(holder) => {
                    assert_eq!(contents.fences.get(name), Some(&holder.fence));
                    assert_eq!(contents.leased[name] <= now, holder.expired, "{name}");
                }
                None => assert_eq!(contents.ready[name] > now, lane.delayed, "{name}"),
            }
        }
        let dead: Vec<_> = contents
            .dead
            .iter()
            .map(|letter| (letter.lane.clone(), letter.attempts, letter.reason.clone()))
            .collect();
        assert_eq!(dead, self.dead);
    }

    pub(super) fn figures(&self) -> Figures {
        let count = |holds: fn(&Lane) -> bool| {
            self.lanes.values().filter(|lane| !lane.messages.is_empty() && holds(lane)).count() as u64
        };
        let leased = count(|lane| lane.holder.is_some());
        let delayed = count(|lane| lane.holder.is_none() && lane.delayed);
        Figures {
            ready: self.held() as u64 - leased - delayed,
            leased,
            delayed,
            dead: self.dead.len() as u64,
            lanes: count(|_| true),
            paused: self.paused,
            ..Figures::default()
        }
    }
}
