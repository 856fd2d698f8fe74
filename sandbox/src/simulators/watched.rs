//! State that several tasks change and a test waits on.
//!
//! Every change wakes those who wait, so no test needs to sleep and look again. A wait always has a limit and
//! says what it waited for when it gives up. The closures run under the lock and must not wait for anything.

use std::time::Duration;

use tokio::sync::watch;

/// A value under a lock whose changes can be awaited.
#[derive(Debug)]
pub struct Watched<T>(watch::Sender<T>);

/// What a test waited for did not happen in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("waited {within:?} for {what}")]
pub struct TimedOut {
    /// What should have happened, as a phrase.
    pub what: String,
    /// How long the wait lasted.
    pub within: Duration,
}

impl<T> Watched<T> {
    /// Starts with this value.
    pub fn new(value: T) -> Self {
        Self(watch::Sender::new(value))
    }

    /// Looks at the value.
    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.0.borrow())
    }

    /// Changes the value and wakes those who wait.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut result = None;
        self.0.send_modify(|value| result = Some(change(value)));
        result.expect("send_modify runs its closure exactly once")
    }

    /// Waits until `look` finds something, at most `within`. `what` completes the sentence "waited 5s for …".
    pub async fn until<R>(
        &self,
        within: Duration,
        what: impl Into<String>,
        mut look: impl FnMut(&T) -> Option<R>,
    ) -> Result<R, TimedOut> {
        let mut changes = self.0.subscribe();
        let search = async {
            loop {
                let found = look(&changes.borrow_and_update());
                if let Some(found) = found {
                    return found;
                }
                if changes.changed().await.is_err() {
                    // The sender is `self`, which outlives this borrow: no change will come, the limit will.
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(within, search).await.map_err(|_| TimedOut { what: what.into(), within })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_change_wakes_the_one_who_waits() {
        let count = Arc::new(Watched::new(0));
        let writer = Arc::clone(&count);
        tokio::spawn(async move { writer.change(|count| *count += 3) });
        let seen =
            count.until(Duration::from_secs(5), "three", |count| (*count == 3).then_some(*count)).await;
        assert_eq!(seen, Ok(3));
    }

    #[tokio::test]
    async fn a_wait_that_fails_says_what_it_waited_for() {
        let count = Watched::new(0);
        let seen = count.until(Duration::from_millis(5), "a miracle", |_| None::<()>).await;
        assert_eq!(seen.unwrap_err().to_string(), "waited 5ms for a miracle");
    }
}
