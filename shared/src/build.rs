//! What this program was built from.

/// The version of the packages.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, where whoever built it has said so (`POSTLY_COMMIT` while it is compiled, as `deploy/Dockerfile` does).
pub const COMMIT: &str = match option_env!("POSTLY_COMMIT") {
    Some(commit) if !commit.is_empty() => commit,
    _ => "unknown",
};
