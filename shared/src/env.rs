//! Configuration is read here, once, at the start of a process: every variable into its type, all problems
//! collected and told at once, and never the value of a secret in the telling.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use secrecy::SecretString;

/// The variables of the process, or of a test, with the problems found in them so far.
#[derive(Debug)]
pub struct Env {
    values: BTreeMap<String, String>,
    problems: Vec<String>,
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
        Self { values, problems: Vec::new() }
    }

    /// The text of a variable; empty counts as not set, as compose files write it.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// A variable that must be there. A missing one is noted, and the answer is empty.
    pub fn required(&mut self, name: &str, what_for: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.problem(format!("{name} is not set: {what_for}"));
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
