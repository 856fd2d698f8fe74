//! Work that stops dead while it waits for the server, as when a process is killed.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Lets work wait for so many answers, and no more. `None`: it is gone, wherever it was.
pub(super) async fn lives<T>(mut answers: u32, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if answers == 0 => Poll::Ready(None),
        Poll::Pending => {
            answers -= 1;
            Poll::Pending
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::lives;

    #[tokio::test]
    async fn work_ends_at_the_answer_that_never_comes() {
        let steps = std::cell::Cell::new(0);
        let work = || async {
            for _ in 0..5 {
                steps.set(steps.get() + 1);
                tokio::task::yield_now().await;
            }
        };
        assert_eq!((lives(2, work()).await, steps.get()), (None, 3));
        steps.set(0);
        assert_eq!((lives(9, work()).await, steps.get()), (Some(()), 5));
    }
}
