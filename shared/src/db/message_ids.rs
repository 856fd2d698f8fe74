//! After `30_message_ids.sql`: words that are sealed for the id that their row had before. Whoever migrates and has the keys seals them
//! for the one that it has now; until then nobody can open them. It is done before anything serves, and again at every start, since a
//! master key may be missing today: what hangs on that one waits.
//!
//! Owner of `wa.renamed`.

use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use crate::job::Job;
use crate::message::{Lane, conceal};
use crate::step;
use crate::vault::{Place, Vault};

/// Messages, or spilled jobs, of one transaction.
const BATCH: i64 = 100;

/// Where sealed words stand, how those of a message are read, each with what tells it from its neighbours, and how they are written.
const TEXTS: [(Place, &str, &str); 4] = [
    (
        Place::Brief,
        "select '', brief from wa.receipt where message_id = $1 and brief is not null",
        "update wa.receipt set brief = $3 where message_id = $1 and $2 = ''",
    ),
    (
        Place::Output,
        "select name, output from wa.step where message_id = $1",
        "update wa.step set output = $3 where message_id = $1 and name = $2",
    ),
    (
        Place::Body,
        "select part::text, body from wa.outbox where cause = $1",
        "update wa.outbox set body = $3 where cause = $1 and part::text = $2",
    ),
    (
        Place::Menu,
        "select part::text, menu #>> '{}' from wa.outbox where cause = $1 and menu is not null",
        "update wa.outbox set menu = to_jsonb($3::text) where cause = $1 and part::text = $2",
    ),
];

/// Seals everything anew that can be opened.
pub(super) async fn seal_anew(pool: &PgPool, vault: &Vault) -> Result<(), sqlx::Error> {
    let left = rows(pool, vault).await? + spilled(pool, vault).await?;
    if left > 0 {
        tracing::warn!(
            left,
            "messages from before their ids were digests wait for their master key: is it in MASTER_KEY?"
        );
    }
    Ok(())
}

/// One batch at a time, whoever else migrates.
async fn turn(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtext('postly.schema'))").execute(&mut *tx).await?;
    Ok(tx)
}

/// The tables. Says how many messages are left.
async fn rows(pool: &PgPool, vault: &Vault) -> Result<u64, sqlx::Error> {
    let (mut after, mut left) = (String::new(), 0);
    loop {
        let mut tx = turn(pool).await?;
        let page: Vec<(String, String)> = sqlx::query_as(
            "select message_id, was from wa.renamed where message_id > $1 order by message_id limit $2",
        )
        .bind(&after)
        .bind(BATCH)
        .fetch_all(&mut *tx)
        .await?;
        let Some((last, _)) = page.last() else { return Ok(left) };
        after.clone_from(last);
        for (message, was) in &page {
            match message_anew(&mut tx, vault, message, was).await {
                Ok(()) => {
                    sqlx::query("delete from wa.renamed where message_id = $1")
                        .bind(message)
                        .execute(&mut *tx)
                        .await?;
                }
                // Its master key is not there.
                Err(sqlx::Error::Configuration(_)) => left += 1,
                Err(error) => return Err(error),
            }
        }
        tx.commit().await?;
    }
}

/// All words of one message, or none of them.
async fn message_anew(
    db: &mut PgConnection,
    vault: &Vault,
    message: &str,
    was: &str,
) -> Result<(), sqlx::Error> {
    let mut texts = Vec::new();
    for (place, read, write) in TEXTS {
        let found: Vec<(String, String)> = sqlx::query_as(read).bind(message).fetch_all(&mut *db).await?;
        texts.extend(found.into_iter().map(|(which, stored)| (place, write, which, stored)));
    }
    let stored: Vec<&str> = texts.iter().map(|(.., stored)| stored.as_str()).collect();
    let keys = vault.keys(&mut *db, &stored).await?;
    for (place, write, which, stored) in &texts {
        let named = |message: &str| match place {
            Place::Output => step::row(message, which),
            _ => message.to_owned(),
        };
        // What does not open was written since, under the id of today, or was touched: whoever reads it will tell.
        if let Ok(Some(sealed)) = keys.reseal(*place, (&named(was), &named(message)), stored) {
            sqlx::query(*write).bind(message).bind(which).bind(sealed).execute(&mut *db).await?;
        }
    }
    Ok(())
}

/// What waits in the spill. Says how many jobs are left.
async fn spilled(pool: &PgPool, vault: &Vault) -> Result<u64, sqlx::Error> {
    let (mut after, mut left) = (0_i64, 0);
    loop {
        let mut tx = turn(pool).await?;
        let page: Vec<(i64, String)> = sqlx::query_as(
            "select id, job from wa.spill where id > $1 and job like '%wamid.%' order by id limit $2",
        )
        .bind(after)
        .bind(BATCH)
        .fetch_all(&mut *tx)
        .await?;
        let Some((last, _)) = page.last() else { return Ok(left) };
        after = *last;
        for (id, job) in &page {
            match anew(job, vault) {
                Some(job) => {
                    sqlx::query("update wa.spill set job = $2 where id = $1")
                        .bind(id)
                        .bind(job)
                        .execute(&mut *tx)
                        .await?;
                }
                None => left += 1,
            }
        }
        tx.commit().await?;
    }
}

/// A job as it is packed today. `None`: nobody here can open it.
fn anew(job: &str, vault: &Vault) -> Option<String> {
    let mut job = Job::unpack(job.as_bytes(), Some(vault)).ok()?;
    job.lane = Lane::from_stored(conceal(job.lane.as_str()).into_owned());
    String::from_utf8(job.pack(Some(vault)).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Work;
    use crate::message::MessageId;
    use crate::vault::MasterKey;

    fn vault(key: &str) -> Vault {
        Vault::new(MasterKey::read(&key.to_owned().into()).into_iter().collect())
    }

    #[test]
    fn what_was_spilled_under_an_older_id_is_packed_as_today_by_who_can_open_it() {
        let ours = vault("b3VycyBvdXJzIG91cnMgb3VycyBvdXJzIG91cnMgb3U=");
        let work = Work::Answer(MessageId::from_stored("meta:1098:wamid.A".into()));
        let sealed = ours.seal_waiting("meta:1098:wamid.A", &serde_json::to_vec(&work).unwrap()).unwrap();
        let old = format!(
            r#"{{"v":1,"id":"meta:1098:wamid.A","lane":"status:wamid.B","received_at":"2026-09-21T14:13:20Z","sealed":"{sealed}"}}"#
        );
        let job = anew(&old, &ours).unwrap();
        assert!(!job.contains("wamid."), "{job}");
        let job = Job::unpack(job.as_bytes(), Some(&ours)).unwrap();
        assert_eq!((job.id.as_str(), &job.work), (&*conceal("meta:1098:wamid.A"), &work));
        assert_eq!(job.lane.as_str(), conceal("status:wamid.B"));
        for nobody in [vault("b3RoZXJzIG90aGVycyBvdGhlcnMgb3RoZXJzIG90aGU="), Vault::new(Vec::new())] {
            assert_eq!(anew(&old, &nobody), None);
        }
        assert_eq!(anew("no job", &ours), None);
    }
}
