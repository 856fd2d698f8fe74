//! A new master key in place of an old one: every key is sealed anew, and no word is.

use sqlx::{PgConnection, PgExecutor};

use super::{Row, Vault, VaultError};

/// How many keys a master has sealed.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Held {
    /// The master, by its digest.
    pub master: String,
    /// So many.
    pub keys: i64,
}

/// Which masters what is kept hangs on.
pub async fn held(db: impl PgExecutor<'_>) -> Result<Vec<Held>, sqlx::Error> {
    sqlx::query_as("select master, count(*) as keys from wa.data_key group by master order by master")
        .fetch_all(db)
        .await
}

impl Vault {
    /// The master that seals, by its digest.
    #[must_use]
    pub fn current(&self) -> &str {
        self.masters.first().map(super::MasterKey::id).unwrap_or_default()
    }

    /// All of ours, by their digests: the current one first.
    pub fn masters(&self) -> impl Iterator<Item = &str> {
        self.masters.iter().map(super::MasterKey::id)
    }

    /// Whether this master is one of ours.
    #[must_use]
    pub fn has(&self, master: &str) -> bool {
        self.master(master).is_ok()
    }

    /// Seals some keys that an older master has sealed under the current one, and says how many. 0: none is left, but for
    /// those that somebody is using at this moment or whose master is not ours. Belongs in a transaction of its own.
    pub async fn rotate(&self, db: &mut PgConnection, at_most: i64) -> Result<usize, sqlx::Error> {
        let ours: Vec<&str> = self.masters.iter().skip(1).map(super::MasterKey::id).collect();
        let current = self.masters.first().ok_or(VaultError::UnknownMaster)?;
        let rows: Vec<Row> = sqlx::query_as(
            "select id, master, wrapped from wa.data_key where master = any($1) and master <> $2
             order by id limit $3 for update skip locked",
        )
        .bind(ours)
        .bind(current.id())
        .bind(at_most)
        .fetch_all(&mut *db)
        .await?;
        for row in &rows {
            let wrapped = current.wrap(&row.id, &row.secret(self)?);
            sqlx::query("update wa.data_key set master = $2, wrapped = $3 where id = $1")
                .bind(&row.id)
                .bind(current.id())
                .bind(wrapped)
                .execute(&mut *db)
                .await?;
        }
        Ok(rows.len())
    }
}
