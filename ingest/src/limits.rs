//! Every number of the door, with its reason.

use std::time::Duration;

/// Meta sends up to 3 MB; a megabyte of margin, so that no real webhook ever meets a 413 and seven days of
/// redelivery.
pub const BODY: usize = 4 * 1024 * 1024;

/// The longest that reading and handling one request may take. A slow sender is not waited for longer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long Redis has to take a webhook before it counts as away. With the next one it keeps "both away" under
/// a second.
pub const REDIS_PATIENCE: Duration = Duration::from_millis(500);

/// How long Postgres has to take what Redis could not.
pub const SPILL_PATIENCE: Duration = Duration::from_millis(400);

/// After Redis failed, how long webhooks go straight to the spill before one tries again.
pub const REDIS_PAUSE: Duration = Duration::from_millis(500);

/// Connections to Postgres. The door uses it only while Redis is away.
pub const CONNECTIONS: u32 = 5;

/// Meta's challenge is "a random string"; longer ones are somebody else's.
pub const CHALLENGE: usize = 256;
