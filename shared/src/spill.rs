//! Where verified work waits while Redis is away or full: written by ingest, brought into its lane by the relay
//! of any worker.
//!
//! Owner of `wa.spill`. A row leaves only after the queue has taken its job; the queue's own claim makes a
//! second delivery of the same row do nothing.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::job::Job;
use crate::vault::Vault;

/// A spilled job and its row.
#[derive(Debug)]
pub struct Spilled {
    /// The row.
    pub id: i64,
    /// What is to be queued, as it was written.
    pub job: String,
}

/// Keeps jobs, in their order, sealed where there is a vault. A job that is already here is kept once.
pub async fn put(
    db: impl PgExecutor<'_>,
    vault: Option<&Vault>,
    jobs: &[Job],
    now: DateTime<Utc>,
) -> Result<(), SpillError> {
    let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    let bodies = jobs.iter().map(|job| job.pack(vault).map(text)).collect::<Result<Vec<_>, _>>()?;
    let lanes: Vec<&str> = jobs.iter().map(|job| job.lane.as_str()).collect();
    let arrivals: Vec<DateTime<Utc>> = jobs.iter().map(|job| job.received_at).collect();
    sqlx::query(
        "insert into wa.spill (message_id, job, lane, received_at, spilled_at)
         select message_id, job, lane, received_at, $5
         from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
              with ordinality as jobs (message_id, job, lane, received_at, place)
         order by place
         on conflict (message_id) do nothing",
    )
    .bind(ids)
    .bind(bodies)
    .bind(lanes)
    .bind(arrivals)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// JSON is text.
fn text(packed: Vec<u8>) -> String {
    String::from_utf8(packed).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The oldest rows after this one (0: of all), held until the transaction ends, so that two relays keep the order
/// between them: the second finds nothing.
pub async fn take(db: &mut PgConnection, after: i64, at_most: i64) -> Result<Vec<Spilled>, sqlx::Error> {
    if !is_free(db).await? {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64, String)> =
        sqlx::query_as("select id, job from wa.spill where id > $1 order by id limit $2")
            .bind(after)
            .bind(at_most)
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|(id, job)| Spilled { id, job }).collect())
}

/// Whether nobody else moves rows, until the transaction ends.
async fn is_free(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtext('postly.spill'))").fetch_one(db).await
}

/// The oldest rows that were spilled before this moment, held until the transaction ends. None while a relay is at it: what it
/// can bring into its lane is not for anybody else.
pub(crate) async fn overdue(
    db: &mut PgConnection,
    before: DateTime<Utc>,
    at_most: i64,
) -> Result<Vec<Spilled>, sqlx::Error> {
    if !is_free(db).await? {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select id, job from wa.spill where spilled_at < $1 order by spilled_at limit $2 for update skip locked",
    )
    .bind(before)
    .bind(at_most)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(id, job)| Spilled { id, job }).collect())
}

/// Forgets rows whose jobs the queue has taken.
pub async fn done(db: &mut PgConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query("delete from wa.spill where id = any($1)").bind(ids).execute(db).await?;
    Ok(())
}

/// How many jobs wait here.
pub async fn depth(db: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select count(*) from wa.spill").fetch_one(db).await
}

/// The job could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum SpillError {
    /// It has no JSON form.
    #[error("a job could not be written as JSON")]
    Shape(#[from] serde_json::Error),
    /// Postgres did not take it.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
