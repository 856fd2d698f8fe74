#![doc = include_str!("../README.md")]

pub mod audit;
pub mod build;
pub mod checkout;
pub mod clock;
pub mod db;
pub mod env;
pub mod erasure;
pub mod export;
pub mod fault;
pub mod feedback;
#[cfg(test)]
mod fuzz;
pub mod generation;
pub mod job;
pub mod kept;
pub mod language;
pub mod ledger;
pub mod menu;
pub mod message;
#[cfg(test)]
#[path = "../../fixtures/mutated.rs"]
mod mutated;
pub mod otp;
pub mod outbox;
pub mod pack;
pub mod payment;
pub mod person;
pub mod phone;
pub mod preference;
pub mod price;
pub mod probe;
pub mod queue;
pub mod receipt;
pub mod retention;
pub mod session;
pub mod shelf;
pub mod shutdown;
pub mod signin;
pub mod spill;
pub mod step;
pub mod story;
pub mod telemetry;
pub mod texts;
pub mod trace;
pub mod usage;
pub mod vault;
