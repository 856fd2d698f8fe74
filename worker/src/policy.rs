//! Every number of the hands, with its reason.

use std::time::Duration;

use chrono::TimeDelta;

use shared::ledger::Credits;

/// Starts of one message before it is given up: with [`RETRY`] that is about a minute and a half of trying, after
/// which an apology is kinder than more silence.
pub const ATTEMPTS: u32 = 6;

/// Workers that may fall silent over one message before it counts as poison.
pub const LOST_LEASES: u32 = 3;

/// Between two attempts.
pub const RETRY: Backoff = Backoff { first: Duration::from_secs(2), longest: Duration::from_mins(1) };

/// The longest that one message may be worked on: a voice note that is fetched and transcribed, then three model calls
/// and a repair, each with its own timeout.
pub const JOB_TIMEOUT: Duration = Duration::from_mins(4);

/// How long a stopping worker lets its messages finish. Supervisors wait 30 s before they kill.
pub const DRAIN: Duration = Duration::from_secs(20);

/// A loop that has not gone round for this long stands still: each of its waits ends much sooner.
pub const STANDS_STILL: Duration = Duration::from_mins(1);

/// How long verdicts may take to reach Redis at the very end.
pub const CLOSE: Duration = Duration::from_secs(5);

/// A dependency of ours is away: look again after this, without counting an attempt.
pub const DEPENDENCY_AWAY: Duration = Duration::from_secs(2);

/// How long after a message another one is still the same breath. Long enough for a thumb, short beside the model; what
/// sounds unfinished gets twice as long, what sounds complete half, and nobody is listened to for longer than four seconds.
pub const MOMENT: Duration = Duration::from_millis(1_200);

/// How long somebody waits for the beginning of an answer before they are told that it takes longer than usual. Longer than
/// an answer takes on a good day: nobody is told what they will see in a moment anyway.
pub const BUSY_AFTER: Duration = Duration::from_secs(20);

/// How often Redis is asked at most to write its file anew: each time it writes all that it holds.
pub const REWRITE_EVERY: Duration = Duration::from_mins(10);

/// How long it is asked to after somebody was forgotten. Whatever has not succeeded by then wants an operator.
pub const REWRITE_WITHIN: TimeDelta = TimeDelta::days(1);

/// How often somebody looks for those who wait.
pub const BUSY_PERIOD: Duration = Duration::from_secs(5);

/// A model call. The official client waits ten minutes; a person in a chat does not. Three calls and a repair fit
/// into [`JOB_TIMEOUT`].
pub const MODEL_TIMEOUT: Duration = Duration::from_secs(40);

/// Starts of a voice note that look for its sound at Twilio, which may tell of it some seconds before it is there.
pub const MEDIA_LOOKS: u32 = 3;

/// A voice note that is longer is not listened to: somebody who talks for so long fills more than a message with words,
/// and a file of 16 MB can hold two hours, which somebody would pay for.
pub const LONGEST_VOICE: Duration = Duration::from_mins(5);

/// A sound that does not tell how long it is may be this large, in bytes: five minutes of a music file.
pub const LARGEST_UNTIMED: usize = 5 << 20;

/// The largest document that is sent, in bytes. WhatsApp carries 100 MB (Meta: Document messages); a worker holds several at
/// once, and no phone shows so much text: whoever has more gets it on the web.
pub const LARGEST_DOCUMENT: usize = 16 << 20;

/// The longest words beside a document, in UTF-16 units (Meta: Document messages).
pub const CAPTION: usize = 1024;

/// The longest words of a voice note, in UTF-16 units: as much as can be written in one message.
pub const LONGEST_WORDS: usize = 4096;

/// A send. Longer than either provider takes when it is well.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a written answer is offered to a provider that cannot take it now (rate limit, outage). It is paid for,
/// so it outlasts the attempts at writing it; but a late answer is worse than none, and nobody pays for it.
pub const SEND_DEADLINE: Duration = Duration::from_hours(1);

/// How often a send is tried that a provider refuses with a code for "something went wrong": with [`RETRY`] about half a
/// minute. What is still wrong then is wrong with the message.
pub const A_FEW: u32 = 5;

/// After a refusal by a rate that is counted in seconds, and that does not say in how many.
pub const SLOWLY: Duration = Duration::from_secs(30);

/// After a refusal by a rate of the account or the app, or for an upgrade of the number: both last minutes (Meta: Error
/// codes, Throughput).
pub const MINUTES: Duration = Duration::from_mins(1);

/// After a refusal because the provider's own queue is full, which it is for hours (Twilio: Queueing). Also the longest
/// that a provider may ask us to wait.
pub const FULL: Duration = Duration::from_mins(5);

/// Between two messages to one person (Meta: Pair rate limits). Twilio hands its messages to the same WhatsApp.
pub const PAIR_EVERY: Duration = Duration::from_secs(6);

/// How many messages to one person may leave at once. WhatsApp takes 45; the one that is kept back makes up for messages
/// whose way there is shorter than that of those before them.
pub const PAIR_BURST: u32 = 44;

/// After a refusal by the pair limit: four times as long after each (Meta: Pair rate limits, which asks for `4^X` seconds).
pub const PAIR_PAUSE: Duration = Duration::from_secs(1);

/// The fourth power of that is over four minutes: by then everything that was ever borrowed has been paid for.
pub const PAIR_POWERS: u32 = 4;

/// After a refusal by the throughput of the number, for all of it.
pub const NUMBER_PAUSE: Duration = Duration::from_secs(1);

/// Messages of one number in a second, unless the operator says otherwise (Meta: Throughput; Twilio: WhatsApp limits).
pub const PER_SECOND: u32 = 80;

/// A turn that comes within this time is worth waiting for. Longer waits are spent in the lane, where they take no slot.
pub const TURN_WORTH: Duration = Duration::from_millis(250);

/// How long Redis may take over a turn. Pacing is a courtesy: nobody waits for it when Redis is away.
pub const TURN_TIMEOUT: Duration = Duration::from_millis(500);

/// Read receipt and typing indicator: nice to have, never waited for longer.
pub const TYPING_TIMEOUT: Duration = Duration::from_secs(5);

/// The indicator fades after 25 s (Meta, Twilio): it is shown again before that while an answer is being written.
pub const TYPING_AGAIN: Duration = Duration::from_secs(20);

/// How long a send whose outcome is unknown waits for the provider's report before it is sent once more. Reports
/// take seconds; longer than [`SEND_TIMEOUT`], so that a zombie's send has come to its end.
pub const UNKNOWN_DEADLINE: Duration = Duration::from_mins(1);

/// How often the report of an unknown send is looked for.
pub const UNKNOWN_POLL: Duration = Duration::from_secs(1);

/// The number is paused for its operator (token expired, account locked): look again after this.
pub const OPERATOR_PAUSE: Duration = Duration::from_mins(1);

/// How long an answer waits for an operator at most. WhatsApp takes free text for 24 hours after the person wrote;
/// what has not left by then never will.
pub const OPERATOR_DEADLINE: Duration = Duration::from_hours(23);

/// Writing down why a start was not the last: never waited for longer.
pub const NOTE_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a job waits for a connection to the books. A worker holds many more conversations than connections, and those
/// that are given up on too soon only come again, with everything that they had done to be found done: under a load that
/// the books cannot carry, less and less would be finished. Part of [`JOB_TIMEOUT`].
pub const CONNECTION_PATIENCE: Duration = Duration::from_secs(30);

/// How often the relay looks at the spill.
pub const RELAY_PERIOD: Duration = Duration::from_secs(1);

/// How many spilled jobs the relay takes at once.
pub const RELAY_BATCH: i64 = 200;

/// How often somebody looks for messages that have begun, have not ended, and are no longer in Redis. Nobody hurries
/// for what should never happen, and a look costs a call to Redis for each message that is open this long.
pub const SWEEP_PERIOD: Duration = Duration::from_mins(1);

/// How often somebody looks for people who want to be forgotten. They are promised a minute.
pub const ERASE_PERIOD: Duration = Duration::from_secs(3);

/// How often somebody looks for what is kept long enough. Periods are days, and a look that finds nothing costs an index a page.
pub const RETAIN_PERIOD: Duration = Duration::from_mins(2);

/// How many rows go at once: a transaction of some milliseconds.
pub const RETAIN_BATCH: i64 = 500;

/// How many batches of a kind go in a turn, so that a first turn after years, or one long kind, does not keep the others
/// waiting. With [`RETAIN_PERIOD`] more than ten million rows a day.
pub const RETAIN_BATCHES: u32 = 50;

/// Between two batches: what they write has to be written by a disk that others wait for.
pub const RETAIN_PAUSE: Duration = Duration::from_millis(50);

/// How long an erasure waits for the answer that tells its receipt to leave: with what it takes itself, well within the minute.
pub const ERASURE_IS_TOLD: Duration = Duration::from_secs(30);

/// How often it is looked, before an erasure ends, whether those are over who had begun before the books forgot: with
/// [`SETTLING_PAUSE`] two seconds, and then again by the next turn. Transactions here take milliseconds.
pub const SETTLING_LOOKS: u32 = 40;

/// Between two of these looks.
pub const SETTLING_PAUSE: Duration = Duration::from_millis(50);

/// How long a message has been open before the sweep looks for it. A message leaves its lane only after it has ended,
/// whether it is worked on for [`JOB_TIMEOUT`] or waits for [`OPERATOR_DEADLINE`], so its absence is final at any age,
/// with one exception: an operator's replay opens the receipt, and then moves the message. Ample for two calls and for
/// clocks that differ; a person who has heard nothing for so long expects nothing by the minute.
pub const SWEEP_AGE: Duration = Duration::from_mins(10);

/// How many open messages the sweep reads at once.
pub const SWEEP_BATCH: i64 = 200;

/// How often the sums of all accounts are looked at: every line is read, and nothing should ever be found.
pub const RECONCILE_PERIOD: Duration = Duration::from_mins(5);

/// Between the two looks that a difference must outlast. The web app may take two statements over one change.
pub const SECOND_LOOK: Duration = Duration::from_secs(2);

/// A balance at which it is time to say that credits are running out.
pub const LOW: Credits = Credits::new(2);

/// A call of Stripe. Its own clients wait longer; a person in a chat does not.
pub const STRIPE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long prices stay on the shelf before Stripe is asked again.
pub const RESTOCK: Duration = Duration::from_mins(10);

/// How long after prices could not be asked for.
pub const RESTOCK_AGAIN: Duration = Duration::from_secs(5);

/// How long a message waits for prices at most, once.
pub const RESTOCK_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a page for a payment stays open. Stripe allows 24 hours from the moment at which it is made, which is later
/// than the message that this counts from; the rest is for clocks that differ.
pub const CHECKOUT_OPEN: Duration = Duration::from_hours(23);

/// How long after it was asked for in the portal a page is still opened: by then the person has asked again or left.
pub const CHECKOUT_WANTED: Duration = Duration::from_mins(5);

/// How long after a person wrote free text may be sent: 24 hours, and some minutes for its way (Meta, Twilio).
pub const WINDOW: Duration = Duration::from_mins(24 * 60 - 5);

/// How old the sum of everybody's day may be. A limit is a limit for a day, not for a second.
pub const TOTAL_AGE: Duration = Duration::from_secs(5);

/// Exponential backoff with jitter.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// Never longer than this.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after the `failure`-th failure, from 1: doubling, and between half and all of it, so that those who
    /// failed together do not come back together.
    #[must_use]
    pub fn pause(&self, failure: u32) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(failure.saturating_sub(1).min(20)));
        doubled.min(self.longest).mul_f64(rand::random_range(0.5..=1.0))
    }

    /// The pause of something that has waited this long already and counts nothing: about as long again, which
    /// doubles as well.
    #[must_use]
    pub fn pause_after(&self, waited: Duration) -> Duration {
        waited.clamp(self.first, self.longest).mul_f64(rand::random_range(0.5..=1.0))
    }
}

/// The policies that tests shorten; production uses the constants above.
#[derive(Debug, Clone)]
pub struct Patience {
    /// See [`ATTEMPTS`].
    pub attempts: u32,
    /// See [`RETRY`].
    pub retry: Backoff,
    /// See [`UNKNOWN_DEADLINE`].
    pub unknown_deadline: Duration,
    /// See [`UNKNOWN_POLL`].
    pub unknown_poll: Duration,
    /// See [`SEND_TIMEOUT`].
    pub send_timeout: Duration,
    /// See [`SEND_DEADLINE`].
    pub send_deadline: Duration,
    /// See [`FULL`]: no refusal makes a message wait longer.
    pub longest_pause: Duration,
    /// See [`PAIR_EVERY`].
    pub pair_every: Duration,
    /// See [`PAIR_BURST`].
    pub pair_burst: u32,
    /// See [`PAIR_PAUSE`].
    pub pair_pause: Duration,
    /// See [`OPERATOR_PAUSE`].
    pub operator_pause: Duration,
    /// See [`OPERATOR_DEADLINE`].
    pub operator_deadline: Duration,
    /// See [`MOMENT`]. Zero: every message stands for itself.
    pub moment: Duration,
    /// See [`BUSY_AFTER`].
    pub busy_after: Duration,
    /// See [`BUSY_PERIOD`].
    pub busy_period: Duration,
    /// See [`MODEL_TIMEOUT`].
    pub model_timeout: Duration,
    /// See [`TYPING_AGAIN`].
    pub typing_again: Duration,
    /// See [`SWEEP_PERIOD`].
    pub sweep_period: Duration,
    /// See [`ERASE_PERIOD`].
    pub erase_period: Duration,
    /// See [`REWRITE_EVERY`].
    pub rewrite_every: Duration,
    /// See [`RETAIN_PERIOD`].
    pub retain_period: Duration,
    /// See [`RETAIN_BATCH`].
    pub retain_batch: i64,
    /// See [`SWEEP_AGE`].
    pub sweep_age: Duration,
    /// See [`RECONCILE_PERIOD`].
    pub reconcile_period: Duration,
    /// See [`STANDS_STILL`].
    pub stands_still: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: ATTEMPTS,
            retry: RETRY,
            unknown_deadline: UNKNOWN_DEADLINE,
            unknown_poll: UNKNOWN_POLL,
            send_timeout: SEND_TIMEOUT,
            send_deadline: SEND_DEADLINE,
            longest_pause: FULL,
            pair_every: PAIR_EVERY,
            pair_burst: PAIR_BURST,
            pair_pause: PAIR_PAUSE,
            operator_pause: OPERATOR_PAUSE,
            operator_deadline: OPERATOR_DEADLINE,
            moment: MOMENT,
            busy_after: BUSY_AFTER,
            busy_period: BUSY_PERIOD,
            model_timeout: MODEL_TIMEOUT,
            typing_again: TYPING_AGAIN,
            sweep_period: SWEEP_PERIOD,
            erase_period: ERASE_PERIOD,
            rewrite_every: REWRITE_EVERY,
            retain_period: RETAIN_PERIOD,
            retain_batch: RETAIN_BATCH,
            sweep_age: SWEEP_AGE,
            reconcile_period: RECONCILE_PERIOD,
            stands_still: STANDS_STILL,
        }
    }
}

impl Patience {
    /// Short, for tests and campaigns: what takes minutes or hours in production takes seconds.
    #[must_use]
    pub fn hurried() -> Self {
        Self {
            // More than the leases that a message may lose: what kills its workers must not pass for what fails.
            attempts: 12,
            retry: Backoff { first: Duration::from_millis(50), longest: Duration::from_millis(500) },
            unknown_deadline: Duration::from_secs(6),
            unknown_poll: Duration::from_millis(100),
            send_timeout: Duration::from_secs(2),
            send_deadline: Duration::from_secs(30),
            longest_pause: Duration::from_millis(500),
            pair_every: Duration::from_millis(20),
            pair_burst: PAIR_BURST,
            pair_pause: Duration::from_millis(10),
            operator_pause: Duration::from_millis(300),
            operator_deadline: Duration::from_secs(30),
            moment: Duration::from_millis(300),
            busy_after: Duration::from_secs(8),
            busy_period: Duration::from_secs(1),
            model_timeout: Duration::from_secs(3),
            typing_again: Duration::from_secs(2),
            sweep_period: Duration::from_millis(500),
            erase_period: Duration::from_millis(500),
            rewrite_every: Duration::from_secs(2),
            retain_period: Duration::from_secs(1),
            retain_batch: RETAIN_BATCH,
            // Younger than much that waits for good reasons, so that a storm shows whether the sweep leaves it alone.
            sweep_age: Duration::from_secs(2),
            reconcile_period: Duration::from_secs(3),
            // More than a loop takes whose every call to a Redis that stands still runs into its patience.
            stands_still: Duration::from_secs(12),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_never_agree() {
        let first: Vec<Duration> = (0..50).map(|_| RETRY.pause(1)).collect();
        assert!(first.iter().all(|pause| (1_000..=2_000).contains(&pause.as_millis())));
        assert!(first.iter().any(|pause| *pause != first[0]));
        assert!(RETRY.pause(1_000) <= RETRY.longest);
        assert!(RETRY.pause_after(Duration::ZERO) <= RETRY.first);
        assert!(RETRY.pause_after(SEND_DEADLINE) <= RETRY.longest);
    }
}
