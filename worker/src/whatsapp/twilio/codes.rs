//! What each error code of Twilio asks of us (Twilio: Error and Warning Dictionary, 2026), in the answer to a send or, for
//! most of those from 63000 on, in a callback minutes later.

use crate::policy;
use crate::whatsapp::action::{Action, Why};

/// `None`: no code of the table.
#[must_use]
pub fn action(code: i64) -> Option<Action> {
    Some(match code {
        // Documented as never processed.
        20_429 => Action::Again,
        // Twilio's own trouble: it does not say whether the message was made.
        20_500 | 20_503 => Action::Unclear,
        63_017 | 63_018 => Action::Later(policy::SLOWLY),
        21_611 | 30_001 => Action::Full,
        30_008 => Action::AFew(2),
        63_009 | 63_010 | 63_012 | 63_023 | 63_029 => Action::AFew(policy::A_FEW),
        63_016 => Action::Refused(Why::Window),
        21_610 => Action::Refused(Why::Stopped),
        63_038 => Action::Refused(Why::Exhausted),
        21_408 | 21_612 => Action::Refused(Why::Country),
        // No such number, an unverified one of a trial, not on WhatsApp, blocked, not joined to the sandbox, media,
        // ourselves, in an experiment, marketing that Meta chose not to deliver.
        21_211 | 21_608 | 21_614 | 63_003 | 63_014 | 63_015 | 63_019 | 63_024 | 63_025 | 63_031..=63_034 | 63_037
        | 63_049 => Action::Refused(Why::Person),
        20_404 | 21_602..=21_604 | 21_609 | 21_617 | 21_619 | 21_620 | 21_623 | 21_624 | 21_654..=21_656 | 21_658
        | 21_910 | 63_005 | 63_006 | 63_011 | 63_021 | 63_028 | 63_030
        // Of our own webhook, in the Debugger: never an answer to a send.
        | 11_200 | 11_205 | 11_750 | 12_100 | 12_200 | 12_300 | 14_107 => Action::Refused(Why::Request),
        // Codes are all that we send by template.
        63_027 | 63_040..=63_042 => Action::Refused(Why::Template),
        // Credentials and the account.
        20_003 | 20_005 | 30_002 | 57_012 | 63_001 | 63_112 | 63_113
        // The sender, its channel, its service, its certificate.
        | 21_606 | 21_703..=21_705 | 63_002 | 63_007 | 63_008 | 63_020 | 63_022 | 63_051
        // Policy and spam.
        | 63_013 | 63_026 => Action::Operator,
        _ => return None,
    })
}
