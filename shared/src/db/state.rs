//! How far a database is from what this program wants, without changing anything: what an operator asks before
//! and after a release. Reads the bookkeeping of the migrations, never the tables themselves.

use sqlx::PgConnection;

use super::{MIGRATION_TABLE, MIGRATOR};

/// The migrations of a database beside ours. All empty: nothing is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migrations {
    /// Ours that were not applied yet.
    pub pending: Vec<i64>,
    /// Applied halfway, or applied with other words than ours.
    pub broken: Vec<i64>,
    /// Applied by somebody newer than this program.
    pub foreign: Vec<i64>,
}

/// Compares the migrations of a database with those compiled in. Fails when Postgres does.
pub async fn migrations(db: &mut PgConnection) -> Result<Migrations, sqlx::Error> {
    let kept: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(MIGRATION_TABLE)
        .fetch_one(&mut *db)
        .await?;
    let applied: Vec<(i64, bool, Vec<u8>)> = if kept {
        sqlx::query_as("select version, success, checksum from wa._sqlx_migrations order by version")
            .fetch_all(db)
            .await?
    } else {
        Vec::new()
    };
    let mut found = Migrations::default();
    for ours in MIGRATOR.iter().filter(|ours| !ours.migration_type.is_down_migration()) {
        match applied.iter().find(|(version, ..)| *version == ours.version) {
            None => found.pending.push(ours.version),
            Some((_, success, checksum)) if !success || checksum[..] != ours.checksum[..] => {
                found.broken.push(ours.version);
            }
            Some(_) => {}
        }
    }
    let known = |version: i64| MIGRATOR.iter().any(|ours| ours.version == version);
    found.foreign = applied.iter().map(|(version, ..)| *version).filter(|version| !known(*version)).collect();
    Ok(found)
}
