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

/// How long a request for a code waits to learn what became of it, from its first byte. Less than [`REQUEST_TIMEOUT`];
/// longer than either provider takes when it is well.
pub const CODE_WAIT: Duration = Duration::from_secs(8);

/// How often it looks.
pub const CODE_LOOK: Duration = Duration::from_millis(100);

/// How long Postgres has for one step of a code.
pub const CODE_PATIENCE: Duration = Duration::from_secs(3);

/// When to come again while Postgres is away.
pub const CODE_AGAIN: Duration = Duration::from_secs(5);

/// How many requests about codes use Postgres at once. Fewer than [`CONNECTIONS`]: whoever floods them must not keep a
/// message from the spill.
pub const CODE_TURNS: usize = 3;

/// After Redis failed, how long webhooks go straight to the spill before one tries again.
pub const REDIS_PAUSE: Duration = Duration::from_millis(500);

/// Connections to Postgres. The door uses it while Redis is away, for Stripe's events, and for people in front of a page,
/// who take turns.
pub const CONNECTIONS: u32 = 14;

/// Connections that nobody in front of a page can take: webhooks come in bursts, and wait for half a second.
const WEBHOOKS: usize = 5;

const _: () = assert!(CODE_TURNS + PORTAL_TURNS + SIGNIN_TURNS + WEBHOOKS <= CONNECTIONS as usize);

/// Meta's challenge is "a random string"; longer ones are somebody else's.
pub const CHALLENGE: usize = 256;

/// Unreadable parts of one webhook that are kept each by itself. With more, the whole webhook is kept once instead:
/// every part is a call of Redis.
pub const UNREADABLE_PARTS: usize = 20;

/// Twilio sends some dozens of parameters. A form of more than this is nobody's, and is not sorted for him.
pub const PARAMETERS: usize = 10_000;

/// Who is served in the portal at the same time: fewer than [`CONNECTIONS`].
pub const PORTAL_TURNS: usize = 4;

/// How long Postgres has for what somebody in front of the portal waits for. Less than [`REQUEST_TIMEOUT`].
pub const PORTAL_PATIENCE: Duration = Duration::from_secs(5);

/// How old prices may be that are shown without asking for new ones: as old as a worker lets its own become.
pub const SHELF_FRESH: Duration = Duration::from_mins(10);

/// How long prices are waited for when none are known: a worker waits three seconds for Stripe.
pub const SHELF_PATIENCE: Duration = Duration::from_secs(4);

/// How long a page to pay on is waited for. With what comes before it less than [`REQUEST_TIMEOUT`]; who asks again under
/// the same key finds what was opened meanwhile.
pub const CHECKOUT_PATIENCE: Duration = Duration::from_secs(7);

/// After so many pages to pay on that another one is refused.
pub const CHECKOUT_PAUSE: Duration = Duration::from_mins(10);

/// How often an answer of a worker is looked for.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Connections to Postgres that sign-ins from the phone may hold at once: browsers ask every few seconds, and webhooks need
/// the others.
pub const SIGNIN_TURNS: usize = 2;

/// How long Postgres has to say where a browser stands. The page asks again anyway.
pub const SIGNIN_PATIENCE: Duration = Duration::from_secs(3);

/// When to come again after that.
pub const SIGNIN_RETRY: Duration = Duration::from_secs(5);

/// When to come again for who has begun too often: the count is over ten minutes.
pub const SIGNIN_AGAIN: Duration = Duration::from_mins(10);
