//! The people of a bench, their accounts, and what they write.

use anyhow::{Result, ensure};
use shared::clock::Clock;
use shared::job::Job;
use shared::queue::{Enqueued, Queue};
use sqlx::PgPool;

use crate::load::crowd;

/// Opens an account with many credits for each of so many people.
pub async fn open_accounts(pool: &PgPool, people: usize) -> Result<()> {
    let (ids, numbers): (Vec<String>, Vec<String>) =
        (0..people).map(|person| (shared::db::new_id(), crowd::number(person))).unzip();
    let entries: Vec<String> = ids.iter().map(|_| shared::db::new_id()).collect();
    sqlx::query(
        r#"with person as (
             insert into "User" ("id", "credits", "waPhoneE164", "updatedAt")
             select id, 1000, number, now() from unnest($1::text[], $2::text[]) as new (id, number)),
           book as (
             insert into "CreditLedger" ("id", "userId", "delta", "reason")
             select entry, id, 1000, 'purchase' from unnest($3::text[], $1::text[]) as new (entry, id))
           select 1"#,
    )
    .bind(ids)
    .bind(numbers)
    .bind(entries)
    .execute(pool)
    .await?;
    Ok(())
}

/// Each of so many people writes a brief.
pub async fn write(queue: &Queue, people: usize) -> Result<()> {
    let clock = Clock::system();
    for people in (0..people).collect::<Vec<_>>().chunks(1_000) {
        let jobs: Vec<Job> =
            people.iter().map(|person| crowd::job(*person, 1 + person % 4, &clock)).collect();
        let answers = queue.enqueue(&jobs).await?;
        ensure!(answers.iter().all(|answer| *answer == Enqueued::Queued), "a message was not taken");
    }
    Ok(())
}
