//! Asks Postgres: who it is, how we reach it, whether its tables are ours and the web app's, how many
//! connections are left, and what the books say of themselves. One connection, read-only questions.

mod keys;
mod money;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use shared::clock::Clock;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection, PgConnection};

use super::Examined;
use super::clocks::Reading;
use super::finding::Finding;
use crate::config::Config;

/// The oldest version that still got corrections in November 2026 was 14.
const OLDEST: i32 = 140_000;

/// Examines the books' server.
pub(super) async fn examine(config: &Config, clock: &Clock) -> Examined {
    let options = &config.database;
    let mut db = match PgConnection::connect_with(options).await {
        Ok(db) => db,
        Err(error) => return away(&error).into(),
    };
    let mut findings = vec![mode(options)];
    let mut told = Vec::new();
    told.push(("postgres", version(&mut db).await));
    told.push(("postgres tls", tls(&mut db, options).await));
    told.push(("migrations", migrations(&mut db, config.migrate).await));
    told.push(("tables", tables(&mut db).await));
    told.push(("master key", keys::masters(&mut db, &config.vault).await));
    told.push(("credits check", credits_check(&mut db).await));
    told.push(("credit sums", money::sums(&mut db, clock.now()).await));
    told.push(("payments", money::payments(&mut db).await));
    told.push(("postgres connections", headroom(&mut db, config.connections).await));
    findings
        .extend(told.into_iter().map(|(name, finding)| finding.unwrap_or_else(|error| unseen(name, &error))));
    let before = clock.now();
    let read: Result<DateTime<Utc>, _> =
        sqlx::query_scalar("select clock_timestamp()").fetch_one(&mut db).await;
    let reading = read.ok().map(|server| Reading::new(server, before, clock.now()));
    // A goodbye that fails leaves nothing behind but a line in the server's log.
    let _ = db.close().await;
    Examined { findings, clock: reading }
}

fn unseen(name: &'static str, error: &sqlx::Error) -> Finding {
    // undefined_table, and its schema: what is missing has a line of its own.
    if ["42P01", "3F000"].contains(&code(error).as_str()) {
        let found = "could not be checked: its table is not there yet";
        return Finding::not_checked(name, found, "apply the migrations, then ask again");
    }
    let found = format!("could not be checked: {}", reason(error));
    Finding::not_checked(name, found, "look at the rights of this user, and at the server's log")
}

fn code(error: &sqlx::Error) -> String {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned()
}

/// Postgres' own code, or a word of ours: messages may repeat names and values.
fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => format!("Postgres says {}", error.code().unwrap_or_default()),
        sqlx::Error::Io(error) => format!("the connection failed ({:?})", error.kind()),
        sqlx::Error::Tls(_) => "TLS could not be agreed on".to_owned(),
        _ => "the answer was not understood".to_owned(),
    }
}

fn away(error: &sqlx::Error) -> Finding {
    let advice = match (error, code(error).as_str()) {
        (_, "28P01" | "28000") => "correct user and password in DATABASE_URL",
        (_, "3D000") => "there is no such database: correct its name in DATABASE_URL",
        (_, "53300") => "all connections are taken: stop what holds them, or raise max_connections",
        (_, "57P03") => "it is starting or recovering: wait, and look at its log",
        (sqlx::Error::Tls(_), _) => "correct sslmode and sslrootcert in DATABASE_URL",
        _ => "start Postgres, or correct DATABASE_URL; until then workers wait and nothing is lost",
    };
    Finding::failed("postgres", format!("cannot be used: {}", reason(error)), advice)
}

fn pooled(options: &PgConnectOptions) -> bool {
    // Supabase's poolers are named so, and their users carry the project behind a dot.
    options.get_host().contains("pooler") || options.get_username().contains('.')
}

fn mode(options: &PgConnectOptions) -> Finding {
    let (mode, port) = (if pooled(options) { "session pooler" } else { "direct" }, options.get_port());
    Finding::ok("postgres mode", format!("{mode}, by its address; port {port}, no transaction pooler"))
}

async fn version(db: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let number: i32 =
        sqlx::query_scalar("select current_setting('server_version_num')::int").fetch_one(db).await?;
    let found = format!("answers, Postgres {}.{}", number / 10_000, number % 10_000);
    if number < OLDEST {
        return Ok(Finding::warning(
            "postgres",
            found,
            "plan an upgrade: this version gets no more corrections",
        ));
    }
    Ok(Finding::ok("postgres", found))
}

async fn tls(db: &mut PgConnection, options: &PgConnectOptions) -> Result<Finding, sqlx::Error> {
    const NAME: &str = "postgres tls";
    let host = options.get_host();
    let here =
        ["localhost", "::1", "[::1]"].contains(&host) || host.starts_with("127.") || host.starts_with('/');
    if here || options.get_socket().is_some() {
        return Ok(Finding::ok(NAME, "not needed: the server is on this host"));
    }
    let advice = "add sslmode=require (or verify-full with sslrootcert) to DATABASE_URL";
    match options.get_ssl_mode() {
        PgSslMode::Require => Ok(Finding::ok(NAME, "in use (sslmode=require)")),
        PgSslMode::VerifyCa | PgSslMode::VerifyFull => {
            Ok(Finding::ok(NAME, "in use, the certificate is verified"))
        }
        // Behind a pooler, Postgres knows about the pooler's connection and not about ours.
        _ if pooled(options) => {
            Ok(Finding::warning(NAME, "not required, and a pooler hides whether it is used", advice))
        }
        _ => {
            let sql = "select coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false)";
            let used: bool = sqlx::query_scalar(sql).fetch_one(db).await?;
            Ok(if used {
                Finding::warning(NAME, "in use, but not required: it would be done without", advice)
            } else {
                Finding::warning(NAME, "not in use: what we read and write can be read on the way", advice)
            })
        }
    }
}

async fn migrations(db: &mut PgConnection, automatic: bool) -> Result<Finding, sqlx::Error> {
    const NAME: &str = "migrations";
    let found = shared::db::migrations(db).await?;
    let list = |versions: &[i64]| versions.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    if !found.broken.is_empty() {
        let advice =
            "restore the migrations' files as they were released, or repair by hand what was left halfway";
        return Ok(Finding::failed(NAME, format!("not as released: {}", list(&found.broken)), advice));
    }
    if !found.pending.is_empty() {
        let told = format!("pending: {}", list(&found.pending));
        return Ok(if automatic {
            Finding::warning(NAME, told, "start a service, which applies them, or run `postly migrate` first")
        } else {
            Finding::failed(NAME, told, "run `postly migrate`: MIGRATE=off leaves them to you")
        });
    }
    if !found.foreign.is_empty() {
        let told = format!("newer than this program: {}", list(&found.foreign));
        return Ok(Finding::warning(
            NAME,
            told,
            "use the release of postly that made them, here and in the services",
        ));
    }
    Ok(Finding::ok(NAME, "all applied"))
}

async fn tables(db: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    const NAME: &str = "tables";
    let Err(error) = shared::db::verify(db).await else {
        return Ok(Finding::ok(NAME, "the web app's tables have every column that is used"));
    };
    let missing = match error.downcast::<sqlx::Error>() {
        Ok(error) => return Err(error),
        Err(missing) => missing,
    };
    let advice = "before a first install, run `postly migrate`; otherwise bring the columns back in the web app's Prisma \
                  schema, or use the release of this service that fits it";
    Ok(Finding::failed(NAME, missing.to_string(), advice))
}

async fn credits_check(db: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    const NAME: &str = "credits check";
    let sql = r#"select exists (select from pg_constraint where conname = 'User_credits_not_negative'
                 and conrelid = to_regclass('public."User"'))"#;
    let there: bool = sqlx::query_scalar(sql).fetch_one(db).await?;
    Ok(if there {
        Finding::ok(NAME, "the database refuses a negative balance")
    } else {
        let advice = r#"run: alter table "User" add constraint "User_credits_not_negative" check ("credits" >= 0) not valid"#;
        Finding::failed(NAME, "User_credits_not_negative is missing: a balance could become negative", advice)
    })
}

async fn headroom(db: &mut PgConnection, wanted: u32) -> Result<Finding, sqlx::Error> {
    const NAME: &str = "postgres connections";
    let sql = "select name, setting::bigint from pg_settings where name in \
               ('max_connections', 'superuser_reserved_connections', 'reserved_connections')";
    let settings: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&mut *db).await?;
    let settings: HashMap<String, i64> = settings.into_iter().collect();
    let sql = "select coalesce(sum(numbackends), 0)::bigint from pg_stat_database";
    let used: i64 = sqlx::query_scalar(sql).fetch_one(db).await?;
    let setting = |name: &str| settings.get(name).copied().unwrap_or_default();
    let most = setting("max_connections");
    let free = most - setting("superuser_reserved_connections") - setting("reserved_connections") - used;
    let found = format!("{used} of {most} in use; a worker takes up to {wanted}");
    Ok(if free < i64::from(wanted) {
        let advice =
            "raise max_connections, or stop what holds connections: the next worker may not get its own";
        Finding::warning(NAME, found, advice)
    } else {
        Finding::ok(NAME, found)
    })
}
