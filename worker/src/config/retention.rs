//! What the workers are told about how long things are kept.

use shared::env::Env;
use shared::retention::{Kind, Periods, Unkept};

/// The variable of each kind that operators choose.
const NAMES: [(Kind, &str); 8] = [
    (Kind::Texts, "RETAIN_TEXTS_DAYS"),
    (Kind::Steps, "RETAIN_STEPS_DAYS"),
    (Kind::Receipts, "RETAIN_RECEIPTS_DAYS"),
    (Kind::Outbox, "RETAIN_OUTBOX_DAYS"),
    (Kind::Codes, "RETAIN_CODES_DAYS"),
    (Kind::DeadLetters, "RETAIN_DEAD_LETTERS_DAYS"),
    (Kind::Spill, "RETAIN_SPILL_DAYS"),
    (Kind::Audit, "RETAIN_AUDIT_DAYS"),
];

fn name(kind: Kind) -> &'static str {
    NAMES.into_iter().find(|(known, _)| *known == kind).map_or(kind.as_str(), |(_, name)| name)
}

/// Reads the periods, and says why one of them is none.
pub(super) fn periods(env: &mut Env) -> Periods {
    let usual = Periods::default();
    let mut days = |kind: Kind, usual: u32| env.parsed(name(kind), usual);
    let periods = Periods {
        texts: days(Kind::Texts, usual.texts),
        steps: days(Kind::Steps, usual.steps),
        receipts: days(Kind::Receipts, usual.receipts),
        outbox: days(Kind::Outbox, usual.outbox),
        codes: days(Kind::Codes, usual.codes),
        dead_letters: days(Kind::DeadLetters, usual.dead_letters),
        spill: days(Kind::Spill, usual.spill),
        audit: days(Kind::Audit, usual.audit),
    };
    for problem in periods.problems() {
        env.problem(match problem {
            Unkept::Outside(kind, least, most) => {
                format!("{} must be a number of days from {least} to {most}{}", name(kind), why(kind))
            }
            Unkept::Longer(first, second) => format!(
                "{} must not be more than {}: without the one the other is not found any more",
                name(first),
                name(second)
            ),
        });
    }
    periods
}

/// Why not fewer, where that is not plain.
fn why(kind: Kind) -> &'static str {
    match kind {
        Kind::Receipts | Kind::Outbox => {
            ": providers repeat messages for a week and report on ours for a month, and what came again would be new"
        }
        Kind::Codes => ": limits count for a day",
        Kind::Spill => ": whoever mends Redis within a week is to lose nothing",
        Kind::Audit => ": who decided what is asked for a year later",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<Periods, String> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut env = Env::from_values(values.collect());
        let periods = periods(&mut env);
        env.finish(periods).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_as_the_officer_would_have_it() {
        let periods = read(&[("RETAIN_STEPS_DAYS", "7")]).unwrap();
        assert_eq!(periods, Periods { steps: 7, ..Periods::default() });
    }

    #[test]
    fn a_receipt_is_not_kept_for_less_than_a_month_and_every_problem_is_told() {
        let told = read(&[
            ("RETAIN_RECEIPTS_DAYS", "29"),
            ("RETAIN_OUTBOX_DAYS", "0"),
            ("RETAIN_AUDIT_DAYS", "for ever"),
        ])
        .unwrap_err();
        for expected in [
            "RETAIN_RECEIPTS_DAYS must be a number of days from 30 to 3650: providers repeat",
            "RETAIN_OUTBOX_DAYS must be a number",
            "RETAIN_AUDIT_DAYS is not a valid",
            "RETAIN_STEPS_DAYS must not be more than RETAIN_RECEIPTS_DAYS",
        ] {
            assert!(told.contains(expected), "{expected} is not in {told}");
        }
    }
}
