//! What each error code of Meta asks of us (Meta: Error codes, 2026). The HTTP status beside a code differs from endpoint
//! to endpoint and over the years, so that it is looked at only where the code says nothing.

use crate::policy;
use crate::whatsapp::action::{Action, Why};

/// `None`: no code of the table.
#[must_use]
pub fn action(code: i64) -> Option<Action> {
    Some(match code {
        2 | 131_016 | 133_004 => Action::Again,
        // Rates of the app and of the account, and an upgrade that takes minutes.
        4 | 80_007 | 131_057 => Action::Later(policy::MINUTES),
        1 => Action::AFew(3),
        131_000 => Action::AFew(policy::A_FEW),
        135_000 => Action::AFew(2),
        131_056 => Action::Pair,
        130_429 => Action::Number,
        131_047 => Action::Refused(Why::Window),
        131_049 => Action::Refused(Why::Tomorrow),
        131_050 => Action::Refused(Why::Stopped),
        130_497 => Action::Refused(Why::Country),
        // Blocked by us, in an experiment, ourselves, not on WhatsApp, not on a test number's list, media that went
        // away, a message that cannot be had, no number behind the id, a changed identity.
        130_403 | 130_472 | 131_021 | 131_026 | 131_030 | 131_052 | 131_060 | 131_062 | 137_000 => {
            Action::Refused(Why::Person)
        }
        100 | 131_008 | 131_009 | 131_051 | 131_053 | 131_055 | 132_000 | 132_005 | 132_008 | 132_012 => {
            Action::Refused(Why::Request)
        }
        // Codes are all that we send by template.
        132_001 | 132_007 | 132_015 | 132_016 => Action::Refused(Why::Template),
        // Token and permissions.
        0 | 3 | 10 | 33 | 190 | 200..=299 | 131_005
        // The account: restricted, locked, unnamed, unpaid, unregistered, suspected of spam.
        | 368 | 131_031 | 131_037 | 131_042 | 131_044 | 131_045 | 131_048 | 131_063 | 131_064 | 134_011
        // Flows that somebody has to mend.
        | 132_068 | 132_069
        // The registration of the number.
        | 133_000 | 133_005 | 133_006 | 133_008..=133_010 | 133_015 | 133_016 => Action::Operator,
        _ => return None,
    })
}
