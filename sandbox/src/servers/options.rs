//! What a program may decide about its servers, and what the environment decides for it.
//!
//! The environment is read here and nowhere else in these rooms, once, when the options are made.

use std::{
    env,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::sys::statvfs::statvfs;
use sha2::{Digest as _, Sha256};

/// Names a Postgres to use instead of a private one.
pub(super) const DATABASE_URL: &str = "DATABASE_URL";
/// Names a Redis to use instead of a private one.
pub(super) const REDIS_URL: &str = "REDIS_URL";

/// A test has a logical Redis database to itself, and there may be many tests.
const TEST_DATABASES: u16 = 4096;
/// The number that an untouched Redis offers.
const DEMO_DATABASES: u16 = 16;
/// Bytes of memory that the files of the tests may take: a cluster, and the databases of those that run at once.
const ENOUGH: u64 = 4 << 30;
/// Every test has a database and so a pool of its own, and many run at once.
const CONNECTIONS: u16 = 300;

/// How the servers of one run are started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program whose first argument `keeper` leads to [`super::keeper::main`].
    pub keeper_exe: PathBuf,
    /// The directory under which the run gets a directory of its own.
    pub base: PathBuf,
    /// Whether an acknowledged write survives the loss of power. Without it, it still survives `kill -9`.
    pub durable: bool,
    /// How many logical databases a private Redis has.
    pub redis_databases: u16,
    /// Whether a private Redis is a cluster, of one node that serves every slot once it is told to.
    pub redis_cluster: bool,
    /// How many connections a private Postgres accepts.
    pub postgres_connections: u16,
    /// A Postgres to use as it is; `None` starts a private one.
    pub database_url: Option<String>,
    /// A Redis to use as it is; `None` starts a private one.
    pub redis_url: Option<String>,
}

impl Options {
    /// For `cargo demo`: as careful as in production.
    #[must_use]
    pub fn demo(keeper_exe: impl Into<PathBuf>) -> Self {
        Self { durable: true, redis_databases: DEMO_DATABASES, ..Self::tests(keeper_exe) }
    }

    /// For `cargo test`: as fast as possible, with a Redis database for each test.
    #[must_use]
    pub fn tests(keeper_exe: impl Into<PathBuf>) -> Self {
        Self {
            keeper_exe: keeper_exe.into(),
            base: default_base(),
            durable: false,
            redis_databases: TEST_DATABASES,
            redis_cluster: false,
            postgres_connections: CONNECTIONS,
            database_url: from_environment(DATABASE_URL),
            redis_url: from_environment(REDIS_URL),
        }
    }
}

/// `sandbox` in the target directory that this program was built into, so that `cargo clean` knows about it; for
/// a program that was copied elsewhere, a directory for temporary files.
#[must_use]
pub fn default_base() -> PathBuf {
    let beside_this_program =
        env::current_exe().ok().and_then(|exe| exe.ancestors().find(|d| is_target(d)).map(Path::to_path_buf));
    let named = || env::var_os("CARGO_TARGET_DIR").filter(|named| !named.is_empty()).map(PathBuf::from);
    let beside_the_sources = || {
        let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
        let workspace = manifest.ancestors().find(|directory| directory.join("Cargo.lock").exists())?;
        Some(workspace.join("target"))
    };
    match beside_this_program.or_else(named).or_else(beside_the_sources) {
        Some(target) => target.join("sandbox"),
        None => env::temp_dir().join("postly-sandbox"),
    }
}

/// A directory in memory for the servers of tests, which make and drop a database for each conversation: on a disk most of what
/// that costs is making files. `None` where memory has no place for files, or not enough: containers often have 64 MB.
#[must_use]
pub fn memory_base() -> Option<PathBuf> {
    let shared_memory = Path::new("/dev/shm");
    let is_memory = statfs(shared_memory).is_ok_and(|seen| seen.filesystem_type() == TMPFS_MAGIC);
    let room = statvfs(shared_memory).ok()?;
    let free = room.blocks_available() * room.fragment_size();
    let known_by = hex::encode(&Sha256::digest(default_base().as_os_str().as_bytes())[..4]);
    (is_memory && free >= ENOUGH).then(|| shared_memory.join(format!("postly-sandbox-{known_by}")))
}

/// Cargo marks its target directories for backup programs with this file (Cargo book, "Build cache").
fn is_target(directory: &Path) -> bool {
    directory.join("CACHEDIR.TAG").exists()
}

#[expect(clippy::disallowed_methods, reason = "the one place where the sandbox and its tests read these two")]
fn from_environment(name: &str) -> Option<String> {
    env::var(name).ok().filter(|url| !url.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_lies_in_the_target_directory() {
        let base = default_base();
        assert!(base.ends_with("sandbox"), "{}", base.display());
        assert!(is_target(base.parent().unwrap()), "{}", base.display());
    }
}
