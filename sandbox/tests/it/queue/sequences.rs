//! Random sequences of everything that can be done to a queue, compared after every step with the model. Time passes
//! only when the sequence says so: a lease expires, a delay ends.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sandbox::conversation::BareQueue;
use shared::job::Job;
use shared::queue::{Enqueued, Figures, Lease, QueueSettings, Settlement, Verdict};

use super::model::{AT_MOST, Holder, Lane, Model};
use super::{id, message, on_a_bare_queue};

const STEPS: usize = 350;
const LANES: usize = 5;
const IDS: usize = 2_000;
const OWNERS: [&str; 3] = ["one", "two", "one-two"];
const HOUR: Duration = Duration::from_hours(1);

/// One queue, its model, and what happens to both.
struct Pair<'a> {
    bare: &'a mut BareQueue,
    model: Model,
    rng: StdRng,
    /// The scores of the lanes that were ready before the step.
    ready: BTreeMap<String, i64>,
}

impl Pair<'_> {
    fn verdict(&mut self) -> Verdict {
        match self.rng.random_range(0..6) {
            0..3 => Verdict::Done,
            3 => Verdict::Dead("no".to_owned()),
            4 => Verdict::Retry(if self.rng.random_bool(0.5) { HOUR } else { Duration::ZERO }),
            _ => Verdict::Wait(if self.rng.random_bool(0.5) { HOUR } else { Duration::ZERO }),
        }
    }

    /// Some leases: current ones, stale ones, some twice.
    fn some_leases(&mut self) -> Vec<Lease> {
        let is_current = |lease: &Lease| {
            let holder = &self.model.lanes[lease.lane.as_str()].holder;
            holder.as_ref().is_some_and(|holder| holder.fence == lease.fence)
        };
        let all = self.model.leases.iter().map(|(_, lease)| lease);
        let (current, stale): (Vec<&Lease>, Vec<&Lease>) = all.partition(|lease| is_current(lease));
        let mut some = Vec::new();
        for _ in 0..self.rng.random_range(1..=4) {
            let from = if self.rng.random_bool(0.75) { &current } else { &stale };
            if !from.is_empty() {
                some.push(from[self.rng.random_range(0..from.len())].clone());
            }
        }
        some
    }

    fn lane_where(&mut self, holds: impl Fn(&Lane) -> bool) -> Option<String> {
        let lanes: Vec<&String> =
            self.model.lanes.iter().filter(|(_, lane)| holds(lane)).map(|(name, _)| name).collect();
        if lanes.is_empty() { None } else { Some(lanes[self.rng.random_range(0..lanes.len())].clone()) }
    }

    async fn step(&mut self) -> String {
        match self.rng.random_range(0..100) {
            // An operator who has paused the queue, or sees it full of dead letters, comes soon.
            _ if (self.model.paused || self.model.dead.len() > 8) && self.rng.random_bool(0.2) => {
                self.meddle().await
            }
            0..25 => self.enqueue().await,
            25..50 => self.fetch().await,
            50..70 => self.settle().await,
            70..76 => self.renew().await,
            76..84 => self.expire().await,
            84..90 => self.fall_due().await,
            90..94 => self.recover().await,
            94..97 => self.meddle().await,
            _ => self.set_aside().await,
        }
    }

    async fn enqueue(&mut self) -> String {
        let jobs: Vec<Job> = (0..self.rng.random_range(1..5))
            .map(|_| {
                let number = self.rng.random_range(0..IDS);
                message(&format!("{}", number % LANES), &format!("{number}"))
            })
            .collect();
        let answers = self.bare.queue.enqueue(&jobs).await.unwrap();
        for (job, answer) in jobs.iter().zip(&answers) {
            let id = job.id.provider_part().to_owned();
            assert_eq!(*answer, self.model.offer(&id), "{id}");
            if *answer == Enqueued::Queued {
                self.model.lanes.entry(job.lane.as_str().to_owned()).or_default().messages.push_back(id);
            }
        }
        format!("enqueue {answers:?}")
    }

    async fn fetch(&mut self) -> String {
        let owner = OWNERS[self.rng.random_range(0..OWNERS.len())];
        let at_most = self.rng.random_range(1..4);
        let fetched = self.bare.queue.fetch(owner, at_most).await.unwrap().leased;
        self.model.take_back_expired();
        let runnable = self.model.runnable();
        let expected = if self.model.paused { 0 } else { runnable.len().min(at_most) };
        assert_eq!(fetched.len(), expected, "of {runnable:?}");
        // Nobody is overtaken by who became ready later. Those whose lease expired become ready only now.
        let since = |name: &str| self.ready.get(name).copied().unwrap_or(i64::MAX);
        let taken: HashMap<&str, i64> =
            fetched.iter().map(|leased| leased.lease.lane.as_str()).map(|name| (name, since(name))).collect();
        assert!(
            taken.keys().all(|name| runnable.iter().any(|other| other == name)),
            "{taken:?} of {runnable:?}"
        );
        if let Some(latest) = taken.values().max() {
            assert!(
                runnable.iter().all(|name| taken.contains_key(name.as_str()) || since(name) >= *latest),
                "{taken:?} of {:?}",
                self.ready
            );
        }
        for leased in &fetched {
            let lane = self.model.lanes.get_mut(leased.lease.lane.as_str()).unwrap();
            lane.tries += 1;
            assert_eq!((leased.attempt, leased.lost), (lane.tries, lane.lost));
            assert_eq!(Some(&id(&leased.payload)), lane.messages.front());
            let fence = leased.lease.fence.clone();
            assert!(self.model.leases.iter().all(|(_, lease)| lease.fence != fence), "a fence came twice");
            lane.holder = Some(Holder { owner, fence, expired: false });
            self.model.leases.push((owner, leased.lease.clone()));
        }
        format!("{owner} fetches {} of {at_most}", fetched.len())
    }

    async fn settle(&mut self) -> String {
        let settlements: Vec<Settlement> = self
            .some_leases()
            .into_iter()
            .map(|lease| Settlement { lease, verdict: self.verdict() })
            .collect();
        if settlements.is_empty() {
            return "nothing to settle".to_owned();
        }
        let answers = self.bare.queue.settle(&settlements).await.unwrap();
        for (settlement, answer) in settlements.iter().zip(&answers) {
            assert_eq!(*answer, self.model.settle(&settlement.lease, &settlement.verdict), "{settlement:?}");
        }
        format!("settle {settlements:?}")
    }

    async fn renew(&mut self) -> String {
        let leases = self.some_leases();
        let answers = self.bare.queue.renew(&leases).await.unwrap();
        for (lease, answer) in leases.iter().zip(&answers) {
            let holder = self.model.lanes.get_mut(lease.lane.as_str()).unwrap().holder.as_mut();
            let holder = holder.filter(|holder| holder.fence == lease.fence);
            assert_eq!(*answer, holder.is_some());
            if let Some(holder) = holder {
                holder.expired = false;
            }
        }
        format!("renew {answers:?}")
    }

    async fn expire(&mut self) -> String {
        let Some(name) = self.lane_where(|lane| lane.holder.is_some()) else {
            return "nothing can expire".to_owned();
        };
        self.bare.expire(&name).await;
        self.model.lanes.get_mut(&name).unwrap().holder.as_mut().unwrap().expired = true;
        format!("the lease of {name} expires")
    }

    async fn fall_due(&mut self) -> String {
        let Some(name) = self.lane_where(|lane| lane.delayed && lane.holder.is_none()) else {
            return "nothing is delayed".to_owned();
        };
        self.bare.fall_due(&name).await;
        self.model.lanes.get_mut(&name).unwrap().delayed = false;
        format!("{name} is due")
    }

    async fn recover(&mut self) -> String {
        let owner = OWNERS[self.rng.random_range(0..OWNERS.len())];
        let known: Vec<Lease> = self
            .model
            .leases
            .iter()
            .filter(|(whose, _)| *whose == owner)
            .map(|(_, lease)| lease.clone())
            .filter(|_| self.rng.random_bool(0.5))
            .collect();
        let recovered = self.bare.queue.recover(owner, &known).await.unwrap();
        let mut expected = 0;
        for lane in self.model.lanes.values_mut() {
            if let Some(holder) = &lane.holder
                && holder.owner == owner
                && known.iter().all(|lease| lease.fence != holder.fence)
            {
                expected += 1;
                (lane.holder, lane.delayed) = (None, false);
                lane.tries -= 1;
            }
        }
        assert_eq!(recovered, expected);
        format!("{owner} recovers {recovered}")
    }

    /// What operators do: pause, go on, throw dead letters away.
    async fn meddle(&mut self) -> String {
        let command: &[&str] = match (self.rng.random_range(0..3), self.model.paused) {
            (0, _) => {
                self.model.dead.clear();
                &["XTRIM", "{wa:0}dead", "MAXLEN", "0"]
            }
            (_, true) => {
                self.model.paused = false;
                &["DEL", "{wa:0}paused"]
            }
            (_, false) => {
                self.model.paused = true;
                &["SET", "{wa:0}paused", "1"]
            }
        };
        redis::cmd(command[0]).arg(&command[1..]).query_async::<()>(&mut self.bare.redis).await.unwrap();
        format!("an operator: {command:?}")
    }

    async fn set_aside(&mut self) -> String {
        let number = self.rng.random_range(0..IDS);
        let id = message("", &format!("{number}")).id;
        let answer = self.bare.queue.set_aside(&id, "unreadable", b"{").await.unwrap();
        assert_eq!(answer, self.model.offer(id.provider_part()));
        if answer == Enqueued::Queued {
            self.model.dead.push((String::new(), 0, "unreadable".to_owned()));
        }
        format!("set aside {number}: {answer:?}")
    }

    async fn compare(&mut self) {
        let contents = self.bare.contents().await;
        let now = i64::try_from(self.bare.now().await).unwrap();
        self.model.agrees(&contents, now);
        let figures = self.bare.queue.figures().await.unwrap();
        assert_eq!(
            Figures { oldest_age: Duration::ZERO, workers: 0, taken: 0, done: 0, ..figures },
            self.model.figures()
        );
        self.ready = contents.ready;
    }
}

/// Says, when a sequence fails, which it was and how it ended.
struct Story {
    seed: u64,
    steps: Vec<String>,
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let last = self.steps.len().saturating_sub(12);
            eprintln!("sequence {}, step {}: {:#?}", self.seed, self.steps.len(), &self.steps[last..]);
        }
    }
}

#[tokio::test]
async fn whatever_happens_in_whatever_order_the_queue_does_what_its_model_does() {
    // Seven that are always the same, and one that nobody has seen yet.
    let seeds = (1..8).chain([rand::random()]);
    join_all(seeds.map(async |seed| {
        let settings = QueueSettings { at_most: AT_MOST as u64, ..QueueSettings::default() };
        on_a_bare_queue(settings, async |bare| {
            let mut story = Story { seed, steps: Vec::new() };
            let rng = StdRng::seed_from_u64(seed);
            let mut pair = Pair { bare, model: Model::default(), rng, ready: BTreeMap::new() };
            for _ in 0..STEPS {
                let step = pair.step().await;
                story.steps.push(step);
                pair.compare().await;
            }
        })
        .await;
    }))
    .await;
}
