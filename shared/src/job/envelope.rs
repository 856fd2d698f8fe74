//! A job as it waits: what orders it (its id, its lane, its moment) can be read by Redis, what it says is sealed under a master
//! key. There is no person yet whose key could seal it, and no database to look for one: it waits for seconds.
//!
//! `sealed` is `<master>:<nonce and work in base64>`. A worker from before this makes a dead letter of it ("no job that this
//! version knows"), which can be replayed once all workers know it. What was queued before, with its work in the open, is read.

use chrono::{DateTime, Utc};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize};

use super::{Job, Work};
use crate::message::{Lane, MessageId};
use crate::trace::{self, TraceContext};
use crate::vault::{Vault, VaultError};

/// Why a job could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// It is none, or of a shape that this version does not know.
    #[error("the queued bytes are no job that this version knows")]
    Shape(#[from] serde_json::Error),
    /// It is sealed, and this process cannot open it.
    #[error(transparent)]
    Sealed(#[from] VaultError),
}

#[derive(Serialize)]
struct Outgoing<'a> {
    v: u8,
    id: &'a MessageId,
    lane: &'a Lane,
    received_at: DateTime<Utc>,
    sealed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<TraceContext>,
}

/// A job as it is read, sealed or in the open.
#[derive(Deserialize)]
pub(super) struct Incoming {
    v: u8,
    /// As it stands there: under it the work was sealed, also where it would be another today.
    id: String,
    lane: Lane,
    received_at: DateTime<Utc>,
    #[serde(default)]
    work: Option<Work>,
    #[serde(default)]
    sealed: Option<String>,
    #[serde(default, deserialize_with = "trace::lenient")]
    trace: Option<TraceContext>,
}

impl Job {
    /// Writes it as it waits; in the open where there is no vault.
    pub fn pack(&self, vault: Option<&Vault>) -> Result<Vec<u8>, serde_json::Error> {
        // Room for nearly every message, so that it is not moved while it is written.
        let mut packed = Vec::with_capacity(1024);
        let Some(vault) = vault else {
            serde_json::to_writer(&mut packed, self)?;
            return Ok(packed);
        };
        let mut work = Vec::with_capacity(512);
        serde_json::to_writer(&mut work, &self.work)?;
        let sealed = vault.seal_waiting(self.id.as_str(), &work).map_err(serde_json::Error::custom)?;
        let Self { v, id, lane, received_at, trace, .. } = self;
        let (v, received_at, trace) = (*v, *received_at, *trace);
        serde_json::to_writer(&mut packed, &Outgoing { v, id, lane, received_at, sealed, trace })?;
        Ok(packed)
    }

    /// Reads it, sealed or in the open.
    pub fn unpack(packed: &[u8], vault: Option<&Vault>) -> Result<Self, Unread> {
        let mut incoming: Incoming = serde_json::from_slice(packed)?;
        if let (None, Some(sealed)) = (&incoming.work, &incoming.sealed) {
            let vault = vault.ok_or(VaultError::UnknownMaster)?;
            let opened = vault.open_waiting(&incoming.id, sealed)?;
            incoming.work = Some(serde_json::from_slice(&opened)?);
        }
        Self::try_from(incoming).map_err(|problem| serde_json::Error::custom(problem).into())
    }
}

impl TryFrom<Incoming> for Job {
    type Error = &'static str;

    fn try_from(incoming: Incoming) -> Result<Self, Self::Error> {
        let Incoming { v, id, lane, received_at, work, trace, .. } = incoming;
        Ok(Self { v, id: id.into(), lane, received_at, work: work.ok_or("no work")?, trace }.known())
    }
}

/// What stands before verified bytes that nobody could read, where they are kept sealed.
const ASIDE: &[u8] = b"sealed-bytes:";

/// Seals bytes that are no job.
pub(crate) fn pack_bytes(bytes: &[u8], vault: Option<&Vault>) -> Result<Vec<u8>, VaultError> {
    let Some(vault) = vault else { return Ok(bytes.to_vec()) };
    let sealed = vault.seal_waiting("aside", bytes)?;
    Ok([ASIDE, sealed.as_bytes()].concat())
}

/// What was packed, in the open, as far as this process can open it: for those who look at it, or for something in it.
pub(crate) fn in_the_open(packed: Vec<u8>, vault: Option<&Vault>) -> Vec<u8> {
    let Some(vault) = vault else { return packed };
    if let Some(sealed) = packed.strip_prefix(ASIDE) {
        let opened =
            std::str::from_utf8(sealed).ok().and_then(|sealed| vault.open_waiting("aside", sealed).ok());
        return opened.unwrap_or(packed);
    }
    match Job::unpack(&packed, Some(vault)).ok().and_then(|job| serde_json::to_vec(&job).ok()) {
        Some(opened) if sealed_by(&packed).is_some() => opened,
        _ => packed,
    }
}

/// The digest of the master key that has sealed this, a job or bytes that are none. `None`: nobody has.
#[must_use]
pub fn sealed_by(packed: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Sealed {
        sealed: String,
    }
    let sealed = match packed.strip_prefix(ASIDE) {
        Some(sealed) => String::from_utf8(sealed.to_vec()).ok()?,
        None => serde_json::from_slice::<Sealed>(packed).ok()?.sealed,
    };
    sealed.split_once(':').map(|(master, _)| master.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::MasterKey;

    fn vault(key: &str) -> Vault {
        Vault::new(MasterKey::read(&key.to_owned().into()).into_iter().collect())
    }

    const OURS: &str = "b3VycyBvdXJzIG91cnMgb3VycyBvdXJzIG91cnMgb3U=";
    const OTHERS: &str = "b3RoZXJzIG90aGVycyBvdGhlcnMgb3RoZXJzIG90aGU=";

    fn job() -> Job {
        Job::answer(
            crate::message::Provider::Meta,
            MessageId::from_stored("meta:1098:wamid.SECRET".into()),
            Lane::aside("answer", "x"),
            0,
            DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
        )
    }

    #[test]
    fn what_a_job_says_is_sealed_and_what_orders_it_is_not() {
        let (ours, others) = (vault(OURS), vault(OTHERS));
        let packed = job().pack(Some(&ours)).unwrap();
        let shown: serde_json::Value = serde_json::from_slice(&packed).unwrap();
        assert_eq!(shown["received_at"], "2026-09-21T14:13:20Z");
        assert!(shown["id"].is_string() && shown.get("work").is_none(), "{shown}");
        assert_eq!(Job::unpack(&packed, Some(&ours)).unwrap(), job());
        assert!(matches!(
            Job::unpack(&packed, Some(&others)),
            Err(Unread::Sealed(VaultError::UnknownMaster))
        ));
        assert!(matches!(Job::unpack(&packed, None), Err(Unread::Sealed(VaultError::UnknownMaster))));
        // Moved under another id it opens no more.
        let moved = String::from_utf8(packed.clone()).unwrap().replacen("answer", "anxwer", 1);
        assert!(matches!(
            Job::unpack(moved.as_bytes(), Some(&ours)),
            Err(Unread::Sealed(VaultError::Touched))
        ));
        assert_eq!(sealed_by(&packed).as_deref(), Some(ours.current()));
        assert_eq!(in_the_open(packed, Some(&ours)), serde_json::to_vec(&job()).unwrap());
    }

    #[test]
    fn what_was_queued_in_the_open_is_still_read() {
        let packed = job().pack(None).unwrap();
        assert_eq!(packed, serde_json::to_vec(&job()).unwrap());
        assert_eq!(Job::unpack(&packed, Some(&vault(OURS))).unwrap(), job());
        assert_eq!(in_the_open(packed.clone(), Some(&vault(OURS))), packed);
        for no_job in [
            &b"{}"[..],
            b"nonsense",
            b"{\"v\":1,\"id\":\"a\",\"lane\":\"b\",\"received_at\":\"2026-09-21T14:13:20Z\"}",
        ] {
            assert!(matches!(Job::unpack(no_job, Some(&vault(OURS))), Err(Unread::Shape(_))));
        }
    }

    #[test]
    fn what_was_sealed_under_an_older_id_is_read_under_the_one_of_today() {
        let (ours, old) = (vault(OURS), "meta:1098:wamid.SECRET");
        let work = serde_json::to_vec(&Work::Answer(MessageId::from_stored(old.into()))).unwrap();
        let sealed = ours.seal_waiting(old, &work).unwrap();
        let packed = format!(
            r#"{{"v":1,"id":"{old}","lane":"x","received_at":"2026-09-21T14:13:20Z","sealed":"{sealed}"}}"#
        );
        let job = Job::unpack(packed.as_bytes(), Some(&ours)).unwrap();
        assert_eq!(job.id.as_str(), crate::message::conceal(old));
        let again = job.pack(Some(&ours)).unwrap();
        assert!(!String::from_utf8_lossy(&again).contains("wamid"));
        assert_eq!(Job::unpack(&again, Some(&ours)).unwrap(), job);
    }

    #[test]
    fn bytes_that_are_no_job_are_sealed_as_well() {
        let ours = vault(OURS);
        let packed = pack_bytes(b"{\"from\":\"33639980123\"}", Some(&ours)).unwrap();
        assert!(!packed.windows(11).any(|part| part == b"33639980123"));
        assert_eq!(in_the_open(packed.clone(), Some(&ours)), b"{\"from\":\"33639980123\"}");
        assert_eq!(in_the_open(packed.clone(), Some(&vault(OTHERS))), packed);
        assert_eq!(sealed_by(&packed).as_deref(), Some(ours.current()));
        assert_eq!((sealed_by(b"x"), sealed_by(b"{}")), (None, None));
    }
}
