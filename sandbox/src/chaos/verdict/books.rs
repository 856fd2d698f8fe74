//! What Postgres says: ends, debits, sums.

use std::collections::HashMap;

use anyhow::Result;
use chrono::{DateTime, Utc};
use shared::message::MessageId;
use sqlx::PgPool;

use super::Verdict;
use crate::chaos::record::{Kind, Said};

/// A receipt, with the entries that its message caused.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Receipt {
    pub(super) message_id: String,
    pub(super) outcome: Option<String>,
    detail: Option<String>,
    pub(super) started_at: DateTime<Utc>,
    pub(super) finished_at: Option<DateTime<Utc>>,
    /// The message whose brief it became a part of.
    pub(super) joined_to: Option<String>,
    debits: i64,
    refunds: i64,
}

/// A part of an answer.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Part {
    pub(super) id: i64,
    pub(super) cause: String,
    pub(super) state: String,
    pub(super) error_code: Option<String>,
}

/// Everything that is compared.
pub(super) struct Books {
    pub(super) receipts: HashMap<String, Receipt>,
    pub(super) parts: Vec<Part>,
    /// When which step of which message was recorded.
    pub(super) steps: HashMap<(String, String), DateTime<Utc>>,
    unbalanced: Vec<(String, i32, i64)>,
    people: i64,
    /// Accounts whose generations are not as many as their messages with posts.
    miscounted: Vec<(String, i64, i64)>,
}

impl Books {
    pub(super) async fn read(pool: &PgPool) -> Result<Self> {
        let receipts: Vec<Receipt> = sqlx::query_as(
            r#"select r.message_id, r.outcome, r.detail, r.started_at, r.finished_at, r.joined_to,
                      count(l."id") filter (where l."delta" < 0) as debits,
                      count(l."id") filter (where l."delta" > 0) as refunds
               from wa.receipt r
               left join wa.credit_op op on op.message_id = r.message_id
               left join "CreditLedger" l on l."id" = op.ledger_id
               group by r.message_id"#,
        )
        .fetch_all(pool)
        .await?;
        let parts =
            sqlx::query_as("select id, cause, state, error_code from wa.outbox").fetch_all(pool).await?;
        let steps: Vec<(String, String, DateTime<Utc>)> =
            sqlx::query_as("select message_id, name, finished_at from wa.step").fetch_all(pool).await?;
        let unbalanced = sqlx::query_as(
            r#"select u."id", u."credits", coalesce(sum(l."delta"), 0) from "User" u
               left join "CreditLedger" l on l."userId" = u."id"
               group by u."id" having u."credits" <> coalesce(sum(l."delta"), 0) or u."credits" < 0"#,
        )
        .fetch_all(pool)
        .await?;
        let people = sqlx::query_scalar(r#"select count(*) from "User""#).fetch_one(pool).await?;
        let miscounted = sqlx::query_as(
            r#"select u."id",
                 (select count(*) from "Generation" g where g."userId" = u."id") as generations,
                 (select count(*) from wa.receipt r
                  where r.user_id = u."id" and r.outcome in ('posts', 'undelivered')) as wrote
               from "User" u
               where (select count(*) from "Generation" g where g."userId" = u."id")
                  <> (select count(*) from wa.receipt r
                      where r.user_id = u."id" and r.outcome in ('posts', 'undelivered'))"#,
        )
        .fetch_all(pool)
        .await?;
        Ok(Self {
            receipts: receipts.into_iter().map(|receipt| (receipt.message_id.clone(), receipt)).collect(),
            parts,
            steps: steps.into_iter().map(|(message, name, at)| ((message, name), at)).collect(),
            unbalanced,
            people,
            miscounted,
        })
    }

    /// Every acknowledged message has one receipt, and it has ended, in a way that its words allow.
    pub(super) fn ends(&self, said: &[Said], verdict: &mut Verdict) -> usize {
        for said in said.iter().filter(|said| said.acknowledged_at.is_some()) {
            let outcome = match self.receipts.get(said.id.as_str()).map(|receipt| receipt.outcome.as_deref())
            {
                None => {
                    verdict.breach(Some(&said.id), "acknowledged, and never handled");
                    continue;
                }
                Some(None) => {
                    verdict.breach(Some(&said.id), "begun, and without an end");
                    continue;
                }
                Some(Some(outcome)) => outcome,
            };
            let fits = match said.kind {
                Kind::Command => matches!(outcome, "answered" | "failed"),
                Kind::Brief => {
                    matches!(outcome, "posts" | "no_credit" | "refused" | "failed" | "undelivered" | "joined")
                }
                Kind::Hopeless | Kind::Poison => matches!(outcome, "failed" | "no_credit" | "joined"),
            };
            if !fits {
                verdict.breach(Some(&said.id), format!("a {:?} that ended as {outcome}", said.kind));
            }
            if outcome == "failed" {
                verdict.note(match said.kind {
                    Kind::Hopeless => "given up: the model never answers this one",
                    Kind::Poison => "given up: it killed its workers",
                    Kind::Brief | Kind::Command => {
                        "given up after all attempts, with an apology and without a charge"
                    }
                });
            }
            let swept = self.receipts[said.id.as_str()]
                .detail
                .as_ref()
                .is_some_and(|detail| detail.starts_with(worker::sweep::FOUND));
            if swept && said.kind == Kind::Poison {
                verdict.breach(Some(&said.id), "it killed its workers, and none of them ever gave it up");
            } else if swept {
                verdict.note("lost to the queue (ten workers died over it), found by the sweep, refunded");
            }
            if outcome == "joined" {
                verdict.note("said in one breath with the brief before it, and answered with that");
            }
            if outcome == "undelivered" {
                verdict.note("its reply was refused by the provider, refunded");
            }
        }
        for receipt in self.receipts.values().filter(|receipt| receipt.outcome.is_none()) {
            if !said.iter().any(|said| said.id.as_str() == receipt.message_id) {
                verdict.breach(Some(&receipt.message()), "begun, and without an end");
            }
        }
        self.receipts.len()
    }

    /// Posts cost one credit; everything else nothing in the end.
    pub(super) fn debits(&self, verdict: &mut Verdict) -> usize {
        for receipt in self.receipts.values() {
            let entries = (receipt.debits, receipt.refunds);
            let right = match receipt.outcome.as_deref() {
                Some("posts") => entries == (1, 0),
                Some("failed" | "refused" | "undelivered") => entries == (1, 1) || entries == (0, 0),
                Some(_) => entries == (0, 0),
                // Said before.
                None => true,
            };
            if !right {
                let (debits, refunds) = entries;
                let outcome = receipt.outcome.as_deref().unwrap_or_default();
                verdict.breach(
                    Some(&receipt.message()),
                    format!("{outcome}: {debits} debit(s), {refunds} refund(s)"),
                );
            }
        }
        self.receipts.values().filter(|receipt| receipt.debits > 0).count()
    }

    /// The books sum.
    pub(super) fn sums(&self, verdict: &mut Verdict) -> usize {
        for (user, credits, sum) in &self.unbalanced {
            verdict.breach(None, format!("account {user}: a balance of {credits}, entries of {sum}"));
        }
        for (user, generations, wrote) in &self.miscounted {
            verdict.breach(
                None,
                format!("account {user}: {generations} generations for {wrote} messages with posts"),
            );
        }
        usize::try_from(self.people).unwrap_or_default()
    }
}

impl Receipt {
    pub(super) fn message(&self) -> MessageId {
        MessageId::from_stored(self.message_id.clone())
    }
}
