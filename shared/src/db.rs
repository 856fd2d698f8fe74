//! The door to Postgres: connecting, migrating, and checking that the web app's tables are as we know them.
//!
//! Session mode or a direct connection only: sqlx names its statements, which a transaction pooler breaks.

mod addresses;
mod message_ids;
mod state;
mod told;

use std::collections::HashSet;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::PgExecutor;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::env::Env;
use crate::person;
use crate::vault::Vault;

pub use state::{Migrations, migrations};
pub use told::told;

/// The migrations, compiled in. Their bookkeeping lives in our own schema: Prisma drops tables it does not know.
static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// Where sqlx keeps count of the migrations.
const MIGRATION_TABLE: &str = "wa._sqlx_migrations";

/// How long somebody who is waited for waits for a connection before the database counts as away.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Parameters that Prisma understands in a connection string and Postgres does not.
const PRISMA_PARAMETERS: [&str; 4] = ["schema", "pgbouncer", "connection_limit", "pool_timeout"];

/// The columns of the web app's tables that this service reads or writes.
const COLUMNS: &[(&str, &[&str])] = &[
    (
        "User",
        &[
            "id",
            "email",
            "credits",
            "waPhoneE164",
            "waUserId",
            "waLinkedAt",
            "waPreferredLang",
            "createdAt",
            "updatedAt",
        ],
    ),
    ("CreditLedger", &["id", "userId", "delta", "reason", "createdAt"]),
    (
        "OtpChallenge",
        &["id", "userId", "phoneE164", "codeHash", "purpose", "consumed", "expiresAt", "createdAt"],
    ),
    (
        "Generation",
        &[
            "id",
            "userId",
            "brief",
            "platform",
            "industry",
            "objective",
            "tone",
            "language",
            "promptFinal",
            "variants",
            "usageTokens",
            "createdAt",
        ],
    ),
];

/// Reads `DATABASE_URL` of an environment, noting what is wrong with it there.
pub fn from_env(env: &mut Env) -> PgConnectOptions {
    let url = env.required("DATABASE_URL", "the address of the Postgres that the web app uses");
    if url.is_empty() {
        return PgConnectOptions::new_without_pgpass();
    }
    options(&SecretString::from(url)).unwrap_or_else(|problem| {
        env.problem(problem);
        PgConnectOptions::new_without_pgpass()
    })
}

/// Reads an address of Postgres: without Prisma's own parameters, in UTC, and never through a transaction pooler.
/// The error is a sentence for the operator and does not repeat the address.
fn options(url: &SecretString) -> Result<PgConnectOptions, String> {
    let url = url.expose_secret();
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let named = |pair: &str, name: &str| pair.split('=').next() == Some(name);
    if query.split('&').any(|pair| pair == "pgbouncer=true") {
        return Err(transaction_pooler());
    }
    if query.split('&').any(|pair| named(pair, "schema") && pair != "schema=public") {
        return Err("DATABASE_URL names a schema of Prisma's other than public: the web app's tables are \
                    expected in public, and would otherwise be made there a second time"
            .to_owned());
    }
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !PRISMA_PARAMETERS.iter().any(|name| named(pair, name)))
        .collect();
    let options = PgConnectOptions::from_str(&format!("{base}?{}", kept.join("&")))
        .map_err(|_| "DATABASE_URL is not a valid Postgres address".to_owned())?;
    if options.get_port() == 6543 {
        return Err(transaction_pooler());
    }
    Ok(options.options([("timezone", "UTC")]))
}

fn transaction_pooler() -> String {
    "DATABASE_URL points at a transaction pooler (port 6543 or pgbouncer=true), which breaks prepared \
     statements: use the session pooler or the direct connection, port 5432"
        .to_owned()
}

/// A pool that connects when it is first used, so that the order in which things start does not matter. Whoever finds all
/// connections taken, or the database away, waits for so long.
#[must_use]
pub fn pool(options: PgConnectOptions, connections: u32, patience: Duration) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(patience)
        // To wait for one's turn is no event: under load each wait would be a line.
        .acquire_slow_threshold(patience)
        .connect_lazy_with(options)
}

/// Applies what is pending, under a lock that concurrent starts share, verifies the web app's columns, and prepares what only
/// whoever has the master key can.
pub async fn migrate(pool: &PgPool, vault: &Vault) -> anyhow::Result<()> {
    // Concurrent `create schema if not exists` can collide on the catalogue's unique index: take turns.
    let mut tx = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtext('postly.schema'))").execute(&mut *tx).await?;
    sqlx::query("create schema if not exists wa").execute(&mut *tx).await?;
    tx.commit().await?;
    // Our own tables lean on these columns: say what is missing before Postgres says it less clearly.
    let columns = columns(pool).await?;
    complete(&columns, |table| columns.iter().any(|(known, _)| known == table))?;
    let mut migrator = Migrator { migrations: MIGRATOR.migrations.clone(), ..Migrator::DEFAULT };
    migrator.dangerous_set_table_name(MIGRATION_TABLE);
    migrator.run(pool).await?;
    message_ids::seal_anew(pool, vault).await?;
    verify(pool).await?;
    prepare(pool, vault).await?;
    addresses::seal(pool, vault).await?;
    Ok(())
}

/// Brings under keys what stood in the open, the first time that somebody with a master key is here.
async fn prepare(pool: &PgPool, vault: &Vault) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtext('postly.schema'))").execute(&mut *tx).await?;
    let vault = vault.fresh();
    if vault.prepare(&mut tx).await? {
        person::upgrade(&mut tx, &vault).await?;
    }
    tx.commit().await
}

/// A fresh id for a row of the web app's tables: cuid v1, what Prisma's `@default(cuid())` makes.
#[must_use]
pub fn new_id() -> String {
    cuid::cuid1()
}

/// Whether every column that we use is where we expect it; otherwise one error that names all that are missing.
pub async fn verify(db: impl PgExecutor<'_>) -> anyhow::Result<()> {
    complete(&columns(db).await?, |_| true)
}

async fn columns(db: impl PgExecutor<'_>) -> Result<HashSet<(String, String)>, sqlx::Error> {
    let rows = sqlx::query_as(
        "select table_name::text, column_name::text from information_schema.columns where table_schema = 'public'",
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().collect())
}

fn complete(found: &HashSet<(String, String)>, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let missing: Vec<String> = COLUMNS
        .iter()
        .filter(|(table, _)| wanted(table))
        .flat_map(|(table, columns)| columns.iter().map(move |column| (*table, *column)))
        .filter(|(table, column)| !found.contains(&((*table).to_owned(), (*column).to_owned())))
        .map(|(table, column)| format!("\"{table}\".\"{column}\""))
        .collect();
    anyhow::ensure!(
        missing.is_empty(),
        "the web app's tables lack columns that this service uses: {}. Has its Prisma schema changed?",
        missing.join(", ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<PgConnectOptions, String> {
        options(&SecretString::from(url.to_owned()))
    }

    #[test]
    fn a_transaction_pooler_is_refused_with_what_to_do() {
        for url in ["postgres://u:secret@h:6543/db", "postgres://u:secret@h:5432/db?pgbouncer=true"] {
            let error = read(url).unwrap_err();
            assert!(error.contains("5432") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn prismas_parameters_are_left_out() {
        let options = read("postgres://u@h/db?schema=public&connection_limit=5&sslmode=require").unwrap();
        assert_eq!(options.get_host(), "h");
        assert_eq!(read("not a url").unwrap_err(), "DATABASE_URL is not a valid Postgres address");
    }

    #[test]
    fn another_schema_than_public_is_refused() {
        assert!(read("postgres://u@h/db?schema=app").unwrap_err().contains("public"));
    }
}
