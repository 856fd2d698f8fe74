//! The other side of the wire: Meta, Twilio, `OpenAI` and Stripe as HTTP servers on this machine.
//!
//! A demo talks to them through a chat page, a test through the methods of the actors. They keep state, check
//! what the real provider checks, answer with its error bodies and sign what they send with its algorithms.
//! They share no code with the product, so an agreement between both sides proves something. Each one listens
//! on a free port of 127.0.0.1 and knows no global state: a test starts as many as it likes.
//!
//! Rooms shared by all of them: [`clock`], [`courier`], [`faults`], [`journal`], [`life`], [`receipts`],
//! [`watched`].

pub mod clock;
pub mod collector;
pub mod courier;
pub mod faults;
mod form;
pub mod journal;
pub mod life;
pub mod meta;
pub mod note;
pub mod openai;
mod pair;
pub mod receipts;
#[cfg(test)]
mod receiver;
pub mod stripe;
pub mod twilio;
pub mod watched;
