//! A span of time as people type it.

use chrono::TimeDelta;

/// Reads `30m`, `2h`, `7d`.
pub fn span(text: &str) -> Result<TimeDelta, &'static str> {
    let wrong = "expected a number and s, m, h or d, such as 30m";
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let number: i64 = number.parse().map_err(|_| wrong)?;
    let span = match unit {
        "s" => TimeDelta::try_seconds(number),
        "m" => TimeDelta::try_minutes(number),
        "h" => TimeDelta::try_hours(number),
        "d" => TimeDelta::try_days(number),
        _ => None,
    };
    span.filter(|span| *span >= TimeDelta::zero()).ok_or(wrong)
}
