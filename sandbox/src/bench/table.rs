//! What was found, in the order in which it was measured, each beside the bar that it is held against.

use crate::load::sample::Sample;

/// All findings.
#[derive(Debug, Default)]
pub struct Table {
    findings: Vec<Finding>,
}

#[derive(Debug)]
struct Finding {
    what: String,
    found: String,
    bar: Option<(String, bool)>,
    /// Whether it is far beyond what drift of a machine explains: what the short cut fails on.
    absurd: bool,
}

/// Where a figure should lie.
#[derive(Debug, Clone, Copy)]
pub enum Bar {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Bar {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bar) => value >= bar,
            Self::AtMost(bar) => value <= bar,
        }
    }

    /// Half as good as it should be.
    fn is_absurd(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bar) => value < bar / 2.0,
            Self::AtMost(bar) => value > bar * 2.0,
        }
    }

    fn words(self) -> String {
        match self {
            Self::AtLeast(bar) => format!("≥ {bar}"),
            Self::AtMost(bar) => format!("≤ {bar}"),
        }
    }
}

impl Table {
    /// A figure that stands for itself.
    pub fn notes(&mut self, what: impl Into<String>, found: impl Into<String>) {
        self.add(Finding { what: what.into(), found: found.into(), bar: None, absurd: false });
    }

    /// Some measurements of one thing; the middle one is held against the bar.
    pub fn judges(&mut self, what: impl Into<String>, sample: &Sample, bar: Bar) {
        self.add(Finding {
            what: what.into(),
            found: sample.spread(),
            bar: Some((bar.words(), bar.holds(sample.median()))),
            absurd: bar.is_absurd(sample.median()),
        });
    }

    fn add(&mut self, finding: Finding) {
        println!("  {}", finding.line());
        self.findings.push(finding);
    }

    /// All of it once more.
    pub fn tell(&self) {
        println!("\nall findings");
        for finding in &self.findings {
            println!("  {}", finding.line());
        }
    }

    /// What is far worse than its bar.
    pub fn absurd(&self) -> Vec<&str> {
        self.findings.iter().filter(|finding| finding.absurd).map(|finding| finding.what.as_str()).collect()
    }
}

impl Finding {
    fn line(&self) -> String {
        let bar = match &self.bar {
            None => String::new(),
            Some((bar, true)) => format!("   bar {bar}: held"),
            Some((bar, false)) => format!("   bar {bar}: MISSED"),
        };
        format!("{:<58} {}{bar}", self.what, self.found)
    }
}
