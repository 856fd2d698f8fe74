//! The producer's side: taking jobs in, each id once.

use sha2::{Digest, Sha256};

use super::{BATCH, LANE_AT_MOST, PREFIX, Queue, QueueError, key};
use crate::job::{Job, pack_bytes};
use crate::message::MessageId;
use crate::vault::Vault;

/// What became of a job that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Enqueued {
    /// It is in its lane.
    Queued,
    /// Its id was taken before.
    Duplicate,
    /// The queue is at its bound: the job was not taken.
    Full,
    /// Its lane is at its bound: the job stands among the dead letters.
    Overflow,
}

/// A job as it travels to the queue.
#[derive(Debug)]
pub struct Parcel {
    digest: [u8; 16],
    lane: String,
    payload: Vec<u8>,
}

impl Parcel {
    /// Packs a job. Fails for one that has no JSON form.
    fn of(job: &Job, vault: Option<&Vault>) -> Result<Self, QueueError> {
        let payload = job.pack(vault)?;
        Ok(Self { digest: digest(&job.id), lane: job.lane.as_str().to_owned(), payload })
    }
}

impl Queue {
    /// Offers jobs, in their order; the answers are in the same order. Each script call takes a bounded number,
    /// so a failure may come after some were taken: offering all of them again is safe. From the first call on that
    /// finds the queue full, the rest counts as refused.
    pub async fn enqueue(&self, jobs: &[Job]) -> Result<Vec<Enqueued>, QueueError> {
        self.offer(&self.parcels(jobs)?).await
    }

    /// Packs jobs, as this queue has them wait.
    pub fn parcels(&self, jobs: &[Job]) -> Result<Vec<Parcel>, QueueError> {
        jobs.iter().map(|job| Parcel::of(job, self.vault())).collect()
    }

    /// The same with jobs that were packed before.
    pub async fn offer(&self, parcels: &[Parcel]) -> Result<Vec<Enqueued>, QueueError> {
        let mut answers = Vec::with_capacity(parcels.len());
        let mut connection = self.connection.clone();
        for parcels in parcels.chunks(BATCH) {
            let mut call = self.scripts.enqueue.prepare_invoke();
            call.key(key("ready")).key(key("stats")).key(key("wake")).key(key("dead"));
            call.arg(PREFIX).arg(self.settings.at_most).arg(LANE_AT_MOST);
            call.arg(self.settings.claim_window.as_secs());
            for Parcel { digest, lane, payload } in parcels {
                call.arg(&digest[..]).arg(lane).arg(&payload[..]);
            }
            let replies: Vec<i8> = call.invoke_async(&mut connection).await?;
            answers.extend(replies.into_iter().map(|reply| match reply {
                1 => Enqueued::Queued,
                0 => Enqueued::Duplicate,
                -2 => Enqueued::Overflow,
                _ => Enqueued::Full,
            }));
            // Room that appears now must not let a later message overtake one that found none.
            if answers.last() == Some(&Enqueued::Full) {
                break;
            }
        }
        answers.resize(parcels.len(), Enqueued::Full);
        Ok(answers)
    }

    /// Keeps verified bytes that nobody could read among the dead letters, once, with the reason.
    pub async fn set_aside(
        &self,
        id: &MessageId,
        reason: &str,
        bytes: &[u8],
    ) -> Result<Enqueued, QueueError> {
        let mut connection = self.connection.clone();
        let mut call = self.scripts.set_aside.prepare_invoke();
        call.key(key("dead")).key(key("stats"));
        call.arg(PREFIX).arg(self.settings.at_most).arg(self.settings.claim_window.as_secs());
        call.arg(&digest(id)[..]).arg(reason).arg(pack_bytes(bytes, self.vault())?);
        let reply: i8 = call.invoke_async(&mut connection).await?;
        Ok(match reply {
            1 => Enqueued::Queued,
            0 => Enqueued::Duplicate,
            _ => Enqueued::Full,
        })
    }
}

/// What is remembered of an id: half a SHA-256, so that Redis holds no number of a person for the purpose of
/// recognising a redelivery.
pub(super) fn digest(id: &MessageId) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(id.as_str().as_bytes())[..16]);
    half
}
