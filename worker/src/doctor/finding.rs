//! One check and what came of it. Whatever is not ok carries a sentence about what to do: a finding that leaves
//! its reader helpless is not one.

use serde::Serialize;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Works, and will hurt one day.
    Warning,
    /// Does not work, or loses something that was promised.
    Failed,
    /// Nobody could tell. Never counted as ok.
    NotChecked,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub name: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen. Never a secret, never a full number.
    pub found: String,
    /// What to do about it, unless it is ok.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, found: found.into(), advice: None }
    }

    /// Works, with a risk.
    pub fn warning(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::troubled(name, Verdict::Warning, found, advice)
    }

    /// Does not work.
    pub fn failed(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::troubled(name, Verdict::Failed, found, advice)
    }

    /// Could not be seen.
    pub fn not_checked(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::troubled(name, Verdict::NotChecked, found, advice)
    }

    fn troubled(
        name: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { name, verdict, found: found.into(), advice: Some(advice.into()) }
    }
}
