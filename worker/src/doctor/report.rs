//! Everything that was found, as people read it and as machines count it.

use std::fmt;

use serde::Serialize;

use super::finding::{Finding, Verdict};

/// The findings, in the order in which they should be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One for each check.
    pub checks: Vec<Finding>,
    /// Whether the settings could be read; nothing else was looked at when not.
    pub readable: bool,
}

impl Report {
    /// What a worker's settings lack, beside what the variables show by themselves; nothing could be asked.
    #[must_use]
    pub fn unreadable(problems: Vec<String>, further: Vec<Finding>) -> Self {
        let advice = "set it where the services have their variables; .env.example explains each one";
        let mut checks: Vec<Finding> =
            problems.into_iter().map(|problem| Finding::failed("settings", problem, advice)).collect();
        checks.extend(further);
        let found = "no dependency was asked: the settings cannot be read";
        checks.push(Finding::not_checked("everything else", found, "correct the settings, then ask again"));
        Self { checks, readable: false }
    }

    /// How many checks ended like this.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// 0: no failure; 1: at least one; 2: the settings could not be read.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.count(Verdict::Failed) {
            _ if !self.readable => 2,
            0 => 0,
            _ => 1,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.checks.iter().map(|finding| finding.name.len()).max().unwrap_or_default();
        for finding in &self.checks {
            let word = match finding.verdict {
                Verdict::Ok => "ok",
                Verdict::Warning => "warning",
                Verdict::Failed => "FAILED",
                Verdict::NotChecked => "not checked",
            };
            writeln!(out, "{word:<11}  {:<width$}  {}", finding.name, finding.found)?;
            if let Some(advice) = &finding.advice {
                writeln!(out, "{:13}→ {advice}", "")?;
            }
        }
        let (failed, warnings) = (self.count(Verdict::Failed), self.count(Verdict::Warning));
        let (unseen, ok) = (self.count(Verdict::NotChecked), self.count(Verdict::Ok));
        write!(out, "\n{failed} failed, {warnings} warning(s), {unseen} not checked, {ok} ok")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_that_is_not_ok_is_followed_by_what_to_do() {
        let checks = vec![Finding::ok("redis", "7.2"), Finding::failed("meta token", "refused", "renew it")];
        let text = Report { checks, readable: true }.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "ok           redis       7.2");
        assert_eq!(lines[1], "FAILED       meta token  refused");
        assert_eq!(lines[2], "             → renew it");
        assert_eq!(lines[4], "1 failed, 0 warning(s), 0 not checked, 1 ok");
    }

    #[test]
    fn the_exit_code_tells_failures_from_settings_that_cannot_be_read() {
        let report = |checks| Report { checks, readable: true };
        assert_eq!(
            report(vec![Finding::warning("a", "b", "c"), Finding::not_checked("a", "b", "c")]).exit_code(),
            0
        );
        assert_eq!(report(vec![Finding::failed("a", "b", "c")]).exit_code(), 1);
        assert_eq!(Report::unreadable(vec!["REDIS_URL is not set".to_owned()], Vec::new()).exit_code(), 2);
    }
}
