//! Every number of the door, with its reason.

use std::time::Duration;

/// Meta sends up to 3 MB; a megabyte of margin, so that no real webhook ever meets a 413 and seven days of
/// redelivery.
pub const BODY: usize = 4 * 1024 * 1024;

/// The longest that reading and handling one request may take. A slow sender is not waited for longer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a stopping door lets requests come to their end. Longer than [`REQUEST_TIMEOUT`], so that only a stranger
/// who never finishes the head of a request is cut off; supervisors wait 30 s before they kill.
pub const DRAIN: Duration = Duration::from_secs(12);

/// How long Redis has for one call before it counts as away. A webhook of many messages is several calls.
pub const REDIS_PATIENCE: Duration = Duration::from_millis(400);

/// How long Redis has for all calls of one webhook: those of the largest that Meta sends, one after the other.
pub const BATCH_PATIENCE: Duration = Duration::from_secs(5);

/// How long Postgres has to take what Redis could not. Together with [`REDIS_PATIENCE`] less than a second, after
/// which the provider learns that it has to keep the message.
pub const SPILL_PATIENCE: Duration = Duration::from_millis(500);

/// How often a connection to Postgres is used, so that the first spill of an outage does not have to connect: over
/// TLS, to a server far away, that would take most of [`SPILL_PATIENCE`].
pub const KEEP_WARM: Duration = Duration::from_secs(5);

/// How old a signature of Stripe may be, and how far in the future: what its own libraries allow for the past.
pub const STRIPE_TOLERANCE: Duration = Duration::from_mins(5);

/// Signatures of one header that are looked at. Stripe sends two while a secret is rolled.
pub const STRIPE_SIGNATURES: usize = 8;

/// How long Postgres has to take an event of Stripe. Less than [`REQUEST_TIMEOUT`]; Stripe comes again.
pub const STRIPE_PATIENCE: Duration = Duration::from_secs(5);

/// After Redis failed, how long webhooks go straight to the spill before one tries again.
pub const REDIS_PAUSE: Duration = Duration::from_millis(500);

/// Connections to Postgres. The door uses it while Redis is away, and for Stripe's events.
pub const CONNECTIONS: u32 = 5;

/// Meta's challenge is "a random string"; longer ones are somebody else's.
pub const CHALLENGE: usize = 256;

/// Unreadable parts of one webhook that are kept each by itself. With more, the whole webhook is kept once instead:
/// every part is a call of Redis.
pub const UNREADABLE_PARTS: usize = 20;

/// Twilio sends some dozens of parameters. A form of more than this is nobody's, and is not sorted for him.
pub const PARAMETERS: usize = 10_000;
