//! Configuration is read here, once, at the start of a process: every variable into its type, all problems
//! collected and told at once, and never the value of a secret in the telling.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::fs::File;
use std::io::{self, Read};
use std::str::FromStr;

use secrecy::SecretString;

/// What must not be seen, and may therefore be given by a file: `NAME_FILE` holds the path of the value of `NAME`. A
/// process' environment is shown by more tools, and inherited by more children, than a file that only it may read.
pub const SECRETS: [&str; 16] = [
    "REDIS_URL",
    "DATABASE_URL",
    "META_APP_SECRET",
    "META_VERIFY_TOKEN",
    "META_ACCESS_TOKEN",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_WEBHOOK_SHARED_KEY",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "NEXTAUTH_SECRET",
    "AUTH_SECRET",
    "OTP_SALT",
    "MASTER_KEY",
    "OTP_TEST_NUMBERS",
    "OPENAI_API_KEY",
    // Twilio is told a user and a password in it, where the door is guarded by both.
    "PUBLIC_URL",
];

/// More than any secret has. A path that leads to something endless must not fill the memory.
const LONGEST_FILE: u64 = 64 * 1024;

/// The variables of the process, or of a test, with the problems found in them so far.
pub struct Env {
    values: BTreeMap<String, String>,
    problems: Vec<String>,
    /// Secrets whose file could not be read: told already, and not told again as missing.
    unread: BTreeSet<&'static str>,
}

/// The values of variables are secrets, as far as this room knows.
impl fmt::Debug for Env {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.values.keys().collect();
        out.debug_struct("Env")
            .field("names", &names)
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

/// Why the process does not start: one line for each missing or malformed variable.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} problem(s):\n{}", .0.len(), .0.iter().map(|p| format!("  - {p}")).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError(pub Vec<String>);

impl Env {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let values = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect::<BTreeMap<_, _>>();
        Self::from_values(values)
    }

    /// An environment made by a test.
    #[must_use]
    pub fn from_values(values: BTreeMap<String, String>) -> Self {
        let mut env = Self { values, problems: Vec::new(), unread: BTreeSet::new() };
        for name in SECRETS {
            env.read_file(name);
        }
        env
    }

    /// Takes the value of a secret from its file, if one is named.
    fn read_file(&mut self, name: &'static str) {
        let Some(path) = self.text(&format!("{name}_FILE")) else { return };
        if self.text(name).is_some() {
            self.problem(format!("{name} and {name}_FILE are both set: which of them counts?"));
            return;
        }
        match content(&path) {
            Ok(value) => {
                self.values.insert(name.to_owned(), value);
            }
            Err(error) => {
                self.unread.insert(name);
                self.problem(format!("{name}_FILE names {path}, which could not be read: {error}"));
            }
        }
    }

    /// The text of a variable; empty counts as not set, as compose files write it.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// A variable that must be there. A missing one is noted, and the answer is empty.
    pub fn required(&mut self, name: &str, what_for: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            if !self.unread.contains(name) {
                self.problem(format!("{name} is not set: {what_for}"));
            }
            String::new()
        })
    }

    /// A variable of some type, or its default. The value of a malformed one is shown: use [`Env::secret`] for
    /// what must not be.
    pub fn parsed<T>(&mut self, name: &str, default: T) -> T
    where
        T: FromStr,
        T::Err: Display,
    {
        match self.text(name).map(|value| value.parse::<T>()) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                let type_name = std::any::type_name::<T>().rsplit("::").next().unwrap_or("value");
                self.problem(format!("{name} is not a valid {type_name}: {error}"));
                default
            }
        }
    }

    /// A secret, if it is set.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// Several secrets separated by commas, the current one first: how a secret is rotated without an outage.
    #[must_use]
    pub fn secrets(&self, name: &str) -> Vec<SecretString> {
        let text = self.text(name).unwrap_or_default();
        text.split(',')
            .map(str::trim)
            .filter(|secret| !secret.is_empty())
            .map(|secret| SecretString::from(secret.to_owned()))
            .collect()
    }

    /// A variable that is `on` or `off`.
    pub fn switch(&mut self, name: &str, default: bool) -> bool {
        match self.text(name).as_deref() {
            None => default,
            Some("on") => true,
            Some("off") => false,
            Some(_) => {
                self.problem(format!("{name} must be on or off"));
                default
            }
        }
    }

    /// Notes a problem that only the caller can see, such as two variables that exclude each other.
    pub fn problem(&mut self, sentence: impl Into<String>) {
        self.problems.push(sentence.into());
    }

    /// Ends the reading: the configuration, or everything that is wrong with it.
    pub fn finish<T>(self, config: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() { Ok(config) } else { Err(ConfigError(self.problems)) }
    }
}

/// The text in a file, whose last line may end as editors and `echo` end lines. Never part of an error.
fn content(path: &str) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(LONGEST_FILE + 1).read_to_string(&mut text)?;
    if read as u64 > LONGEST_FILE {
        return Err(io::Error::other("it is longer than any secret"));
    }
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A file with this content, gone at the end.
    struct Kept(PathBuf);

    impl Kept {
        fn with(content: impl AsRef<[u8]>) -> Self {
            let path = std::env::temp_dir().join(format!("postly-env-{:016x}", rand::random::<u64>()));
            std::fs::write(&path, content).unwrap();
            Self(path)
        }

        fn path(&self) -> &str {
            self.0.to_str().unwrap()
        }
    }

    impl Drop for Kept {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn env(pairs: &[(&str, &str)]) -> Env {
        Env::from_values(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let mut env = env(&[("WORKER_CONCURRENCY", "many"), ("DATABASE_URL", "  ")]);
        env.required("DATABASE_URL", "where the books are");
        env.parsed("WORKER_CONCURRENCY", 10_u32);
        let error = env.finish(()).unwrap_err().to_string();
        assert!(error.contains("2 problem(s)"), "{error}");
        assert!(error.contains("DATABASE_URL") && error.contains("WORKER_CONCURRENCY"), "{error}");
    }

    #[test]
    fn a_list_of_secrets_is_for_rotation_and_stays_mute() {
        let env = env(&[("META_APP_SECRET", "new-one, old-one,")]);
        let secrets = env.secrets("META_APP_SECRET");
        assert_eq!(secrets.len(), 2);
        assert!(!format!("{secrets:?}").contains("new-one"));
    }

    #[test]
    fn a_secret_may_stand_in_a_file() {
        let (salt, url) = (Kept::with("s3cret-salt\n"), Kept::with("postgres://u:s3cret@h/db\r\n"));
        let mut env =
            env(&[("OTP_SALT_FILE", salt.path()), ("DATABASE_URL_FILE", url.path()), ("OTP_SALT", " ")]);
        assert_eq!(env.text("OTP_SALT").unwrap(), "s3cret-salt");
        assert_eq!(env.required("DATABASE_URL", "where the books are"), "postgres://u:s3cret@h/db");
        assert!(!format!("{env:?}").contains("s3cret"), "{env:?}");
        env.finish(()).unwrap();
    }

    #[test]
    fn an_empty_file_or_path_counts_as_not_set() {
        let nothing = Kept::with("\n");
        let env = env(&[("META_APP_SECRET_FILE", nothing.path()), ("STRIPE_SECRET_KEY_FILE", "")]);
        assert!(env.secrets("META_APP_SECRET").is_empty() && env.secret("STRIPE_SECRET_KEY").is_none());
        env.finish(()).unwrap();
    }

    #[test]
    fn what_is_no_secret_is_not_looked_for_in_a_file() {
        let model = Kept::with("a-model");
        assert!(env(&[("OPENAI_MODEL_FILE", model.path())]).text("OPENAI_MODEL").is_none());
    }

    #[test]
    fn two_values_are_a_problem_that_shows_neither() {
        let salt = Kept::with("s3cret-one");
        let env = env(&[("OTP_SALT_FILE", salt.path()), ("OTP_SALT", "s3cret-two")]);
        let error = env.finish(()).unwrap_err().to_string();
        assert!(error.contains("OTP_SALT_FILE") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_once_by_variable_and_path() {
        let (long, binary) = (Kept::with("s3cret".repeat(20_000)), Kept::with(b"s3cret \xff\xfe"));
        for path in ["/nowhere/redis_url", "/", long.path(), binary.path()] {
            let mut env = env(&[("REDIS_URL_FILE", path)]);
            env.required("REDIS_URL", "the queue");
            let error = env.finish(()).unwrap_err();
            assert_eq!(error.0.len(), 1, "{error}");
            assert!(error.0[0].contains("REDIS_URL_FILE") && error.0[0].contains(path), "{error}");
            assert!(!error.0[0].contains("s3cret"), "{error}");
        }
    }
}
