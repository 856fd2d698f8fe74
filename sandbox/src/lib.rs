#![doc = include_str!("../README.md")]

pub mod bench;
pub mod chaos;
pub mod chat;
pub mod conversation;
pub mod erasure_proof;
pub mod gameday;
pub mod ledger_proof;
pub mod load;
pub mod people_proof;
pub mod person;
pub mod port;
pub mod process;
mod proof;
pub mod props;
pub mod say;
pub mod servers;
pub mod simulators;
pub mod stack;
pub mod stage;
