//! What a service says of itself before it does anything: `--help`, which explains every variable that it reads, and `--version`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::build::{COMMIT, VERSION};

/// Every variable, explained once, for whoever fills in a file and for whoever asks a binary.
const EXPLAINED: &str = include_str!("../../.env.example");

/// A service, for those who ask what it is.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// The name of the binary.
    pub program: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Where its own variables stand in `.env.example`.
    pub section: &'static str,
}

impl Usage {
    /// Answers the first argument of this process, if there is one: a service takes everything else from its variables.
    #[must_use]
    pub fn asked(self) -> Option<ExitCode> {
        let argument = std::env::args().nth(1)?;
        let answer = match argument.as_str() {
            "--help" | "-h" | "help" => self.help(),
            "--version" | "-V" => format!("{} {VERSION} ({COMMIT})\n", self.program),
            _ => {
                eprintln!("{}: there is no `{argument}`; `--help` tells what there is", self.program);
                return Some(ExitCode::from(2));
            }
        };
        // Nobody may be reading.
        let _ = io::stdout().write_all(answer.as_bytes());
        Some(ExitCode::SUCCESS)
    }

    /// What `--help` prints.
    #[must_use]
    pub fn help(self) -> String {
        let Self { program, about, .. } = self;
        let mut help = format!(
            "{program} {VERSION} ({COMMIT})\n{about}\n\n\
             Usage: {program}            runs until it is told to stop (SIGTERM)\n       \
             {program} health     asks the one that runs beside it whether it is alive; `ready`: whether it can work\n       \
             {program} --version\n\n\
             Variables, with an example or the default. A secret may stand in a file instead: NAME_FILE=/path.\n\n"
        );
        for line in self.variables() {
            let (assignment, words) = line.split_once(" # ").unwrap_or((line, ""));
            let _ = writeln!(help, "  {}\n      {}", assignment.trim_end(), words.trim());
        }
        help
    }

    /// The lines about its variables: those of both services, then its own.
    fn variables(self) -> impl Iterator<Item = &'static str> {
        let mut read = false;
        EXPLAINED.lines().filter(move |line| {
            if let Some(section) = line.strip_prefix("# --- ") {
                read = section == "Both" || section == self.section;
            }
            read && !line.is_empty() && !line.starts_with('#')
        })
    }

    /// The names of its variables.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.variables().filter_map(|line| line.split('=').next())
    }
}
