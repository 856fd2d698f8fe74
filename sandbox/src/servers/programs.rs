//! Finding the server programs on this machine, and having the missing ones installed.
//!
//! A program is known by what it says to `--version`. One that is too old is reported and never replaced: other
//! things on the machine may rely on it.

use std::{
    cmp::Reverse,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use super::{
    install::{Package, install},
    words::Order,
};

/// The oldest Postgres that these rooms are meant for.
const OLDEST_POSTGRES: u32 = 13;
/// The oldest Redis that the queue is meant for.
const OLDEST_REDIS: u32 = 7;

/// Where packages and people put Postgres without putting it on PATH; `*` stands for a version.
const POSTGRES_PLACES: [&str; 7] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];
/// The same for Redis.
const REDIS_PLACES: [&str; 4] =
    ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin"];
/// The programs that speak the protocol of Redis and understand its settings.
const REDIS_NAMES: [&str; 2] = ["redis-server", "valkey-server"];

/// The programs of the servers that were asked for.
#[derive(Debug)]
pub struct Programs {
    /// `None` when no private Postgres is wanted.
    pub postgres: Option<PostgresPrograms>,
    /// `redis-server` or `valkey-server`; `None` when no private Redis is wanted.
    pub redis: Option<PathBuf>,
}

/// Two programs of one installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresPrograms {
    /// Makes a cluster.
    pub initdb: PathBuf,
    /// Serves it.
    pub postgres: PathBuf,
}

/// Finds what the order needs; what is missing is installed, with the words of the installer in `log`.
pub async fn find_or_install(order: &Order, log: &Path) -> Result<Programs> {
    let (needs_postgres, needs_redis) =
        (order.postgres_connections.is_some(), order.redis_databases.is_some());
    let mut postgres = if needs_postgres { find_postgres(&postgres_places())? } else { None };
    let mut redis = if needs_redis { find_redis(&redis_places())? } else { None };
    let mut missing = Vec::new();
    missing.extend((needs_postgres && postgres.is_none()).then_some(Package::Postgres));
    missing.extend((needs_redis && redis.is_none()).then_some(Package::Redis));
    if !missing.is_empty() {
        install(&missing, log).await?;
        postgres = if needs_postgres { find_postgres(&postgres_places())? } else { None };
        redis = if needs_redis { find_redis(&redis_places())? } else { None };
    }
    if let Some(lost) = missing.iter().find(|package| match package {
        Package::Postgres => postgres.is_none(),
        Package::Redis => redis.is_none(),
    }) {
        bail!(
            "{lost} was installed with apt-get but is nowhere to be found: set {} instead",
            lost.variable()
        );
    }
    Ok(Programs { postgres, redis })
}

/// The first recent enough pair of `initdb` and `postgres`; an error when there are only old ones.
fn find_postgres(places: &[PathBuf]) -> Result<Option<PostgresPrograms>> {
    let pairs = places
        .iter()
        .map(|place| PostgresPrograms { initdb: place.join("initdb"), postgres: place.join("postgres") })
        .filter(|pair| pair.initdb.is_file() && pair.postgres.is_file());
    first_recent(pairs, |pair| &pair.postgres, OLDEST_POSTGRES, Package::Postgres)
}

/// The first recent enough server; an error when there are only old ones.
fn find_redis(places: &[PathBuf]) -> Result<Option<PathBuf>> {
    let servers = REDIS_NAMES.iter().flat_map(|name| places.iter().map(move |place| place.join(name)));
    first_recent(servers.filter(|server| server.is_file()), |server| server, OLDEST_REDIS, Package::Redis)
}

fn first_recent<T>(
    found: impl Iterator<Item = T>,
    program: impl Fn(&T) -> &PathBuf,
    oldest: u32,
    package: Package,
) -> Result<Option<T>> {
    let mut too_old = None;
    for found in found {
        match version(program(&found)) {
            Some(version) if version >= oldest => return Ok(Some(found)),
            Some(version) => too_old = too_old.or(Some((program(&found).clone(), version))),
            // Does not even run: as good as missing.
            None => {}
        }
    }
    match too_old {
        None => Ok(None),
        Some((program, version)) => bail!(
            "{} is version {version}, but {package} {oldest} or newer is needed: put one on PATH or set {}",
            program.display(),
            package.variable()
        ),
    }
}

/// The major version that a program says it has.
fn version(program: &Path) -> Option<u32> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    major(&String::from_utf8_lossy(&output.stdout))
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, `Redis server v=7.0.15 sha=...`.
fn major(said: &str) -> Option<u32> {
    let number = said.split_once(" v=").or_else(|| said.split_once(") "))?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn postgres_places() -> Vec<PathBuf> {
    path().into_iter().chain(POSTGRES_PLACES.iter().flat_map(|pattern| newest_first(pattern))).collect()
}

fn redis_places() -> Vec<PathBuf> {
    path().into_iter().chain(REDIS_PLACES.iter().map(PathBuf::from)).collect()
}

fn path() -> Vec<PathBuf> {
    env::split_paths(&env::var_os("PATH").unwrap_or_default()).filter(|place| place.is_absolute()).collect()
}

/// The directories that fit a pattern with at most one `*`, the highest version first.
fn newest_first(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![pattern.into()] };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut versions: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version: Result<Vec<u32>, _> =
                name.strip_prefix(prefix)?.split('.').map(str::parse).collect();
            Some((version.ok()?, PathBuf::from(format!("{parent}/{name}{after}"))))
        })
        .collect();
    versions.sort_by_key(|(version, _)| Reverse(version.clone()));
    versions.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A directory with programs that say what they are told to say; gone at the end.
    struct Bin(PathBuf);

    impl Bin {
        fn with(name: &str, programs: &[(&str, &str)]) -> Self {
            let place = env::temp_dir().join(format!("programs-{name}-{}", std::process::id()));
            fs::create_dir(&place).unwrap();
            for (program, says) in programs {
                fs::write(place.join(program), format!("#!/bin/sh\necho '{says}'\n")).unwrap();
                fs::set_permissions(place.join(program), fs::Permissions::from_mode(0o755)).unwrap();
            }
            Self(place)
        }
    }

    impl Drop for Bin {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn versions_are_read_from_what_servers_say() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 19beta2\n"), Some(19));
        assert_eq!(major("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64\n"), Some(7));
        assert_eq!(major("Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64\n"), Some(8));
        assert_eq!(major("usage: something else\n"), None);
    }

    #[test]
    fn an_old_server_does_not_hide_a_recent_one() {
        let old = Bin::with("old", &[("redis-server", "Redis server v=6.0.16 sha=0")]);
        let new = Bin::with("new", &[("valkey-server", "Valkey server v=8.0.0 sha=0")]);
        let found = find_redis(&[old.0.clone(), new.0.clone()]).unwrap();
        assert_eq!(found, Some(new.0.join("valkey-server")));
        let error = find_redis(std::slice::from_ref(&old.0)).unwrap_err().to_string();
        assert!(error.contains("version 6, but Redis 7 or newer is needed"), "{error}");
        assert!(error.contains("REDIS_URL"), "{error}");
    }

    #[test]
    fn postgres_is_found_with_its_initdb_only() {
        let postgres = ("postgres", "postgres (PostgreSQL) 15.3");
        let half = Bin::with("half", &[postgres]);
        assert_eq!(find_postgres(std::slice::from_ref(&half.0)).unwrap(), None);
        let whole = Bin::with("whole", &[postgres, ("initdb", "")]);
        let found = find_postgres(&[half.0.clone(), whole.0.clone()]).unwrap().unwrap();
        assert_eq!(found.initdb, whole.0.join("initdb"));
    }

    #[test]
    fn the_highest_version_comes_first_and_ten_is_more_than_nine() {
        let place = Bin::with("versions", &[]);
        for version in ["9.6", "10", "16", "old"] {
            fs::create_dir(place.0.join(version)).unwrap();
        }
        let found = newest_first(&format!("{}/*/bin", place.0.display()));
        assert_eq!(found, ["16", "10", "9.6"].map(|version| place.0.join(version).join("bin")));
    }
}
