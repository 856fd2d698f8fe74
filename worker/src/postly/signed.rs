//! Who does something, and why.

use std::io::IsTerminal;

use anyhow::{Result, bail};
use clap::Args;
use shared::audit::Author;
use shared::env::Env;

/// What the audit is told by a script that says nothing: it did not have to when it was written, and goes on working.
const NOT_SAID: &str = "not said, by a script";

/// Both stand in the audit (`postly audit`).
#[derive(Args, Clone)]
pub struct Signed {
    /// Who does it. Unless said, whoever is logged in on this machine.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Why, for the audit. Has to be said at a terminal; a script that does not say it is written down as such.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}

impl Signed {
    /// The author of what is about to be done.
    pub fn author(&self) -> Result<Author> {
        let why = match &self.why {
            Some(why) => why,
            None if std::io::stdin().is_terminal() => bail!("say why: --why \"…\" (it stands in the audit)"),
            None => NOT_SAID,
        };
        author(self.by.as_deref(), why)
    }
}

/// The same where the reason has always been asked for.
pub fn author(by: Option<&str>, why: &str) -> Result<Author> {
    Ok(Author::operator(&by.map_or_else(login, str::to_owned), why)?)
}

/// Who sits at the keyboard, as far as the machine knows.
fn login() -> String {
    let env = Env::of_process();
    let login = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| env.text(name));
    login.unwrap_or_else(|| "unknown".to_owned())
}
