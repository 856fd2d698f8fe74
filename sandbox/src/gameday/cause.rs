//! What is done on a game day, which alerts have to fire for it, and which other pages may.

/// Something that is done to the system, and undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Nothing,
    Silent,
    NoMoney,
    NoModel,
    FailingModel,
    RefusedSends,
    ExpiredToken,
    LostMessage,
    Notice,
    Pumped,
    HeldErasure,
    HeldRetention,
    FrozenWorker,
    WrongSecret,
    SlowBodies,
    WrongStripeSecret,
    UnknownPayment,
    Paused,
    StuckWorker,
    Tampered,
    EndingModel,
    UnwatchedWorker,
    EverySecond,
    NoRedis,
    NeitherServer,
    NoPostgres,
    NoIngest,
}

/// An act and its consequences.
pub(super) struct Cause {
    pub(super) act: Act,
    /// In the words of the report.
    pub(super) does: &'static str,
    /// These have to fire.
    pub(super) fires: &'static [&'static str],
    /// These pages may, since people or processes suffer from it as well.
    pub(super) also: &'static [&'static str],
}

/// Alerts that this program cannot set off, and why.
pub(super) const EXCUSED: &[(&str, &str)] = &[];

/// Whatever keeps an answer from people.
const LATE: &[&str] = &["PostlyReplyBudget1h", "PostlyReplyBudget6h"];

/// All of them.
pub(super) const CAUSES: &[Cause] = &[
    Cause { act: Act::Nothing, does: "nothing at all", fires: &["PostlyHeartbeat"], also: &[] },
    Cause {
        act: Act::Silent,
        does: "6000 webhooks of Twilio, then none",
        fires: &["PostlySilence"],
        also: &[],
    },
    Cause {
        act: Act::NoMoney,
        does: "the model's account is empty, and twelve people ask for posts",
        fires: &[
            "PostlyModelQuota",
            "PostlyDeadLetters",
            "PostlyDeadLettersRising",
            "PostlyReplyBudget1h",
            "PostlyReplyBudget6h",
            "PostlyReplyBudget1d",
            "PostlyReplyBudget3d",
        ],
        also: &[],
    },
    Cause {
        act: Act::NoModel,
        does: "the model is no longer on offer",
        fires: &["PostlyModelRefused"],
        also: LATE,
    },
    Cause {
        act: Act::FailingModel,
        does: "the model's server answers sixteen calls with 500",
        fires: &["PostlyModelFailing"],
        also: LATE,
    },
    Cause {
        act: Act::RefusedSends,
        does: "Meta refuses eight answers for good (131009)",
        fires: &["PostlySendsRefused"],
        also: &["PostlyReplyBudget1h", "PostlyReplyBudget6h", "PostlyDeadLettersRising"],
    },
    Cause {
        act: Act::ExpiredToken,
        does: "Meta says that our token has expired (190)",
        fires: &["PostlyNumberPaused"],
        also: LATE,
    },
    Cause {
        act: Act::LostMessage,
        does: "the worker is killed over a message, and Redis forgets everything",
        fires: &["PostlyMessagesLost"],
        also: &["PostlyReplyBudget1h", "PostlyReplyBudget6h", "PostlyNoWorkers"],
    },
    Cause {
        act: Act::Notice,
        does: "Meta announces a restriction of the account",
        fires: &["PostlyProviderNotice"],
        also: &[],
    },
    Cause {
        act: Act::Pumped,
        does: "codes for numbers that begin alike, more than are allowed",
        fires: &["PostlyCodesPumped"],
        also: &[],
    },
    Cause {
        act: Act::HeldErasure,
        does: "somebody has wanted to be forgotten for two minutes, and nobody gets the turn to do it",
        fires: &["PostlyErasureLate"],
        also: &[],
    },
    Cause {
        act: Act::HeldRetention,
        does: "nobody gets the turn to let go what was kept long enough, for a day",
        fires: &["PostlyRetentionStandsStill"],
        also: &[],
    },
    Cause {
        act: Act::FrozenWorker,
        does: "SIGSTOP of the only worker, and somebody writes",
        fires: &["PostlyNoWorkers", "PostlyProcessDown", "PostlyQueueOld"],
        also: LATE,
    },
    Cause {
        act: Act::WrongSecret,
        does: "Meta signs its webhooks with another secret, one a second",
        fires: &["PostlySignaturesRefused"],
        also: &[],
    },
    Cause {
        act: Act::SlowBodies,
        does: "a proxy hands over the bodies of forty webhooks in two halves, 1.3 s apart",
        fires: &["PostlyAckMedianSlow", "PostlyAckTailSlow"],
        also: &[],
    },
    Cause {
        act: Act::WrongStripeSecret,
        does: "Stripe signs four events with another secret",
        fires: &["PostlyStripeRefused"],
        also: &[],
    },
    Cause {
        act: Act::UnknownPayment,
        does: "Stripe tells of a payment of nobody",
        fires: &["PostlyPaymentUnclaimed"],
        also: &[],
    },
    Cause { act: Act::Paused, does: "postly queue pause", fires: &["PostlyQueuePaused"], also: &[] },
    Cause {
        act: Act::StuckWorker,
        does: "a second worker whose loop never goes round again",
        fires: &["PostlyWorkerStuck"],
        also: &[],
    },
    Cause {
        act: Act::Tampered,
        does: "a balance is raised behind the ledger's back",
        fires: &["PostlyLedgerImbalance"],
        also: &[],
    },
    Cause {
        act: Act::EndingModel,
        does: "the model's server announces its end in two days, and the worker is started anew",
        fires: &["PostlyModelEndsSoon", "PostlyModelEndsNow"],
        also: &[],
    },
    Cause {
        act: Act::UnwatchedWorker,
        does: "a second worker that Prometheus is not told of",
        fires: &["PostlyWorkersUnwatched"],
        also: &[],
    },
    Cause {
        act: Act::EverySecond,
        does: "CONFIG SET appendfsync everysec",
        fires: &["PostlyQueueNotDurable"],
        also: &[],
    },
    Cause {
        act: Act::NoRedis,
        does: "kill -9 of Redis, while people write",
        fires: &["PostlyQueueUnseen", "PostlySpilling", "PostlySpillNotDraining"],
        also: LATE,
    },
    Cause {
        act: Act::NeitherServer,
        does: "kill -9 of Redis and Postgres, and somebody writes",
        fires: &["PostlyWebhooksNotKept"],
        // Who wrote before is answered late.
        also: &["PostlyQueueUnseen", "PostlyReplyBudget1h", "PostlyReplyBudget6h"],
    },
    Cause { act: Act::NoPostgres, does: "kill -9 of Postgres", fires: &["PostlyLedgerUnseen"], also: &[] },
    Cause { act: Act::NoIngest, does: "kill -9 of ingest", fires: &["PostlyIngestDown"], also: &[] },
];

/// A moment of the day.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// It is done.
    Do(Act),
    /// Its alerts are waited for, then it is undone.
    Undo(Act),
}

/// The order of the day. What costs replies comes first, since three days of the error budget are nearly two hours here, and
/// six hours nine minutes. What needs no worker is done while it is frozen, what needs no people while the queue is paused.
pub(super) const PLAN: &[Step] = &[
    Step::Do(Act::Nothing),
    Step::Undo(Act::Nothing),
    Step::Do(Act::NoMoney),
    Step::Undo(Act::NoMoney),
    Step::Do(Act::NoModel),
    Step::Undo(Act::NoModel),
    Step::Do(Act::FailingModel),
    Step::Undo(Act::FailingModel),
    Step::Do(Act::RefusedSends),
    Step::Undo(Act::RefusedSends),
    Step::Do(Act::ExpiredToken),
    Step::Undo(Act::ExpiredToken),
    Step::Do(Act::LostMessage),
    Step::Undo(Act::LostMessage),
    Step::Do(Act::Notice),
    Step::Undo(Act::Notice),
    Step::Do(Act::Pumped),
    Step::Undo(Act::Pumped),
    Step::Do(Act::HeldErasure),
    Step::Undo(Act::HeldErasure),
    Step::Do(Act::HeldRetention),
    Step::Undo(Act::HeldRetention),
    Step::Do(Act::Silent),
    Step::Do(Act::FrozenWorker),
    Step::Do(Act::WrongSecret),
    Step::Undo(Act::WrongSecret),
    Step::Do(Act::SlowBodies),
    Step::Undo(Act::SlowBodies),
    Step::Do(Act::WrongStripeSecret),
    Step::Undo(Act::WrongStripeSecret),
    Step::Do(Act::UnknownPayment),
    Step::Undo(Act::UnknownPayment),
    Step::Undo(Act::FrozenWorker),
    Step::Do(Act::Paused),
    Step::Do(Act::StuckWorker),
    Step::Do(Act::Tampered),
    Step::Undo(Act::Tampered),
    Step::Do(Act::EndingModel),
    Step::Undo(Act::EndingModel),
    Step::Do(Act::EverySecond),
    Step::Undo(Act::EverySecond),
    Step::Undo(Act::Silent),
    Step::Undo(Act::StuckWorker),
    Step::Do(Act::UnwatchedWorker),
    Step::Undo(Act::UnwatchedWorker),
    Step::Undo(Act::Paused),
    Step::Do(Act::NoRedis),
    Step::Undo(Act::NoRedis),
    Step::Do(Act::NeitherServer),
    Step::Undo(Act::NeitherServer),
    Step::Do(Act::NoPostgres),
    Step::Undo(Act::NoPostgres),
    Step::Do(Act::NoIngest),
    Step::Undo(Act::NoIngest),
];

impl Act {
    /// What it is about.
    pub(super) fn cause(self) -> Option<&'static Cause> {
        CAUSES.iter().find(|cause| cause.act == self)
    }
}

/// Every alert that is provoked or excused.
#[cfg(test)]
pub(super) fn alerts() -> Vec<&'static str> {
    let fired = CAUSES.iter().flat_map(|cause| cause.fires).copied();
    fired.chain(EXCUSED.iter().map(|(alert, _)| *alert)).collect()
}
