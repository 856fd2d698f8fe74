//! What a provider's error asks of us. Each provider's table of codes leads to one of these; the same code means the same
//! whether it answers a send or comes later, in a report.

use std::time::Duration;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Action {
    /// It was not taken, and another try may work: after the usual pause.
    Again,
    /// The same, but not before this much time has passed.
    Later(Duration),
    /// The same, so many tries in all: what fails as often is no accident.
    AFew(u32),
    /// This person has been sent too much: only they wait, four times as long each time.
    Pair,
    /// The whole number sends too much: all of it slows down.
    Number,
    /// The provider's own queue is full: later, and an operator should know.
    Full,
    /// It may have been taken: a report, or a deadline, will tell.
    Unclear,
    /// It will never be taken.
    Refused(Why),
    /// Nothing leaves from this number until its operator has done something: it is paused, the message waits.
    Operator,
}

/// Why a message will never be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its person cannot be reached, or not by us.
    Person,
    /// Its person has told the provider that they want nothing more.
    Stopped,
    /// More than a day has passed since its person wrote. A template could still be sent (`window.rs`).
    Window,
    /// Not before tomorrow, when nobody waits for it any more.
    Tomorrow,
    /// As `Tomorrow`, for everything that the number sends: it is paused as well.
    Exhausted,
    /// Not from this account to this country: its operator should know, and everybody else is served.
    Country,
    /// The template of codes is missing, rejected or paused: for its operator. Everything else is sent meanwhile.
    Template,
    /// Our request is wrong: for developers.
    Request,
    /// A code that nobody here has heard of, or an address that is not this provider's: for developers and operators.
    Unheard,
}
