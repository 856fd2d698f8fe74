//! Dead letters in an operator's hands: listed page by page, replayed, discarded.

use shared::queue::{DeadId, Enqueued, QueueSettings, Verdict};

use super::{id, message, on_a_bare_queue, say, settle, the_one};

#[tokio::test]
async fn a_dead_letter_comes_back_with_its_id_and_is_gone_from_the_dead() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let queue = bare.elsewhere();
        say(&queue, &[("alice", "1"), ("alice", "2")]).await;
        let first = the_one(&queue, "one").await;
        assert!(settle(&queue, &first, Verdict::Dead("a bad day".to_owned())).await);
        let letters = queue.dead_letters(None, 10).await.unwrap();
        assert_eq!(letters.len(), 1);
        let letter = &letters[0];
        assert_eq!(
            (letter.attempts, letter.reason.as_str(), id(&letter.job)),
            (1, "a bad day", "1".to_owned())
        );
        assert!(letter.id.at().timestamp() > 1_700_000_000);

        assert!(queue.replay(&letter.id).await.unwrap());
        assert!(!queue.replay(&letter.id).await.unwrap(), "once");
        assert_eq!(queue.figures().await.unwrap().dead, 0);
        // It is the same message: its provider may still deliver it again.
        assert_eq!(queue.enqueue(&[message("alice", "1")]).await.unwrap(), [Enqueued::Duplicate]);
        for expected in ["2", "1"] {
            let leased = the_one(&queue, "one").await;
            assert_eq!((id(&leased.payload).as_str(), leased.attempt), (expected, 1));
            assert!(settle(&queue, &leased, Verdict::Done).await);
        }
        assert!(queue.replay(&letter.id).await.is_ok_and(|replayed| !replayed));
    })
    .await;
}

#[tokio::test]
async fn dead_letters_are_read_in_pages_and_discarded_one_by_one() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let queue = bare.elsewhere();
        for n in 0..5 {
            say(&queue, &[("alice", &n.to_string())]).await;
            let leased = the_one(&queue, "one").await;
            assert!(settle(&queue, &leased, Verdict::Dead(format!("reason {n}"))).await);
        }
        let page = queue.dead_letters(None, 2).await.unwrap();
        let rest = queue.dead_letters(Some(&page[1].id), 10).await.unwrap();
        let reasons: Vec<&str> = page.iter().chain(&rest).map(|letter| letter.reason.as_str()).collect();
        assert_eq!(reasons, ["reason 0", "reason 1", "reason 2", "reason 3", "reason 4"]);
        assert!(queue.discard(&rest[0].id).await.unwrap());
        assert!(!queue.discard(&rest[0].id).await.unwrap());
        assert!(queue.dead_letter(&rest[0].id).await.unwrap().is_none());
        assert_eq!(queue.dead_letter(&rest[1].id).await.unwrap().unwrap().reason, "reason 3");
        assert_eq!(queue.figures().await.unwrap().dead, 4);
        for nonsense in ["", "1", "-", "+", "1-", "1-x", "(1-1", "1-1-1"] {
            assert!(nonsense.parse::<DeadId>().is_err(), "{nonsense}");
        }
    })
    .await;
}
