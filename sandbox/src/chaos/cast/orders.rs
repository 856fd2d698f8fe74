//! What a storm orders its cast to do: die, stop, stand still, lose sight of Redis; and to be well again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use nix::sys::signal::Signal;

use super::{Absence, Cast, Doom, Part, READY, lock};
use crate::chaos::TEDIOUS;
use crate::process::Role;

impl Cast {
    /// Sends `kill -9` to somebody in this role, or asks to stop.
    pub(in crate::chaos) fn ends(&self, role: Role, which: usize, kill: bool) {
        let mut parts = lock(&self.parts);
        let mut those: Vec<&mut Part> = parts.iter_mut().filter(|part| part.role == role).collect();
        let count = those.len();
        let Some(part) = those.get_mut(which % count) else { return };
        if let (Some(process), Doom::None) = (&part.process, part.doom) {
            part.doom = if kill { Doom::Killed } else { Doom::Asked };
            process.signal(if kill { Signal::SIGKILL } else { Signal::SIGTERM });
            if kill {
                self.kills.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    /// Lets somebody in this role stand still for a while: a worker that waits for the model, if one does, and for a
    /// long answer rather than for any.
    pub(in crate::chaos) async fn freezes(&self, role: Role, which: usize, by: Duration) {
        let mut waiting = self.openai.waiting(40, TEDIOUS);
        waiting.extend(self.openai.waiting(40, ""));
        let signals = |signal: Signal| {
            let parts = lock(&self.parts);
            let those: Vec<&Part> = parts.iter().filter(|part| part.role == role).collect();
            let part = waiting.iter().find_map(|key| those.iter().find(|part| part.key == *key));
            let part = part.copied().unwrap_or(those[which % those.len()]);
            if let Some(process) = &part.process {
                process.signal(signal);
            }
            part.key.clone()
        };
        let from = self.clock.now();
        let key = signals(Signal::SIGSTOP);
        tokio::time::sleep(by).await;
        // Whoever has taken the place meanwhile was never stopped: to go on changes nothing for it.
        signals(Signal::SIGCONT);
        lock(&self.absences).push(Absence { key, from, until: Some(self.clock.now()) });
    }

    /// The first in this role cannot reach Redis for a while, and everybody else can.
    pub(in crate::chaos) async fn cuts_off(&self, role: Role, by: Duration) {
        let key = || lock(&self.parts).iter().find(|part| part.role == role).map(|part| part.key.clone());
        for (_, wire) in self.wires.iter().filter(|(owner, _)| *owner == role) {
            let (from, before) = (self.clock.now(), key());
            wire.is_whole(false);
            tokio::time::sleep(by).await;
            wire.is_whole(true);
            // Its leases have passed to others: it works on and is not heard of.
            let until = Some(self.clock.now());
            let keys = [before, key()].into_iter().flatten();
            lock(&self.absences).extend(keys.map(|key| Absence { key, from, until }));
        }
    }

    /// The next one to start in this role dies when it comes by this point.
    pub(in crate::chaos) fn dies_at(&self, role: Role, point: String) {
        lock(&self.points).push_back((role, point));
    }

    /// How many of these are still waiting for somebody to start.
    pub(in crate::chaos) fn doomed(&self) -> usize {
        lock(&self.points).len()
    }

    /// Nobody is to die any more: those that have a point ahead of them are replaced.
    pub(in crate::chaos) fn heals(&self) {
        lock(&self.points).clear();
        for (_, wire) in &self.wires {
            wire.is_whole(true);
        }
        for part in lock(&self.parts).iter_mut() {
            if let Some(process) = &part.process {
                process.signal(Signal::SIGCONT);
                if part.point.is_some() && part.doom == Doom::None {
                    part.doom = Doom::Asked;
                    process.signal(Signal::SIGTERM);
                }
            }
        }
    }

    /// Everybody is asked to stop, and does.
    pub(in crate::chaos) async fn leave(&self) {
        let parts = std::mem::take(&mut *lock(&self.parts));
        for part in &parts {
            if let Some(process) = &part.process {
                process.signal(Signal::SIGTERM);
            }
        }
        for mut part in parts {
            if let Some(process) = &mut part.process {
                let ended = process.ended(READY).await;
                if !ended.as_ref().is_ok_and(std::process::ExitStatus::success) {
                    let name = part.role.argument();
                    lock(&self.accidents).push(format!("{name} did not stop in order: {ended:?}"));
                }
            }
        }
    }

    /// The time of the storm.
    pub(in crate::chaos) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Nobody could write anything down from then until now.
    pub(in crate::chaos) fn without_books(&self, from: DateTime<Utc>) {
        let until = Some(self.clock.now());
        lock(&self.absences).push(Absence { key: String::new(), from, until });
    }
}
