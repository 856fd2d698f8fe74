//! The account that Postgres runs under when we are root, for it refuses to run as root.
//!
//! Signals and files stay ours: root may do both to everybody.

use std::{
    os::unix::{fs::chown, process::CommandExt as _},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use nix::unistd::{User, geteuid};

/// The accounts to look for: the one of the package, and the one that every system has.
const NAMES: [&str; 2] = ["postgres", "nobody"];

/// An unprivileged account.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// `None` when we are unprivileged ourselves and Postgres may run as we do.
    pub fn for_postgres() -> Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let found = NAMES.iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = found
            .with_context(|| format!("Postgres refuses to run as root, and there is none of {NAMES:?}"))?;
        Ok(Some(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
    }

    /// Has the command run under this account. The standard library leaves root's further groups behind when it
    /// changes the user.
    pub fn takes(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives the account a file or directory.
    pub fn owns(self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("cannot give {} to the account {}", path.display(), self.uid))
    }

    /// Whether the account may enter the directory through all its parents.
    pub fn reaches(self, directory: &Path) -> bool {
        let mut test = Command::new("test");
        self.takes(test.arg("-x").arg(directory).current_dir("/").stdin(Stdio::null()).stderr(Stdio::null()));
        test.status().is_ok_and(|status| status.success())
    }
}
