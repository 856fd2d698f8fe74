//! The wish to be forgotten, from its confirmation until nothing is left (GDPR, article 17).
//!
//! The books and the queue are two places, and no transaction spans both. So an erasure goes in steps, each of which may be
//! repeated: what waits in the queue is taken out, the books forget in one transaction and keep for that time by what the
//! queue is to be searched, the queue is searched once more, and that is forgotten too. Whoever dies in between is followed
//! by the next worker. A message that arrives meanwhile is somebody's whom nobody knows.
//!
//! What stays names nobody: the account by its id, the lines of its money, who decided what, this receipt.
//!
//! Owner of `wa.erasure`.

mod books;
mod kept;
mod reach;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use crate::audit::{self, Act};
use crate::ledger;
use crate::person::{self, UserId};
use crate::vault::Vault;

pub use kept::waiting;
pub use reach::Reach;

use kept::Kept;

/// From where it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// The conversation.
    Chat,
    /// The portal.
    Portal,
    /// An operator, for somebody who wrote a letter.
    Operator,
}

impl AskedBy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Portal => "portal",
            Self::Operator => "operator",
        }
    }
}

/// An erasure that is not over.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Erasure {
    /// What its person can refer to.
    pub receipt: String,
    /// The account that they had when they asked.
    account: String,
    /// When they asked.
    pub asked_at: DateTime<Utc>,
    /// Where the books have forgotten them already: by what the queue is searched.
    reach: Option<Json<Kept>>,
}

/// Letters and digits that nobody takes for one another (Crockford's Base32, without what its decoder would have to mend).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A receipt's number, such as `EF-7K3M-9Q2D`: read out on a telephone, and not to be guessed.
fn number() -> String {
    let digit = |place: u32| char::from(ALPHABET[(rand::random::<u32>() >> place) as usize & 31]);
    let group = || (0..4).map(|_| digit(27)).collect::<String>();
    format!("EF-{}-{}", group(), group())
}

/// Writes the wish of an account's person down. While one is being carried out it is the same one, and so is one after which
/// nothing of them has come to be known. Returns the receipt. Belongs in the transaction that tells it.
pub async fn ask(
    db: &mut PgConnection,
    user: &UserId,
    asked_by: AskedBy,
    now: DateTime<Utc>,
) -> Result<String, sqlx::Error> {
    let before: Option<String> = sqlx::query_scalar(
        "select receipt from wa.erasure where account = $1 and done_at is not null order by done_at desc limit 1",
    )
    .bind(user.as_str())
    .fetch_optional(&mut *db)
    .await?;
    if let Some(receipt) = before {
        return Ok(receipt);
    }
    sqlx::query_scalar(
        "insert into wa.erasure as e (receipt, account, via, asked_at) values ($1, $2, $3, $4)
         on conflict (account) where done_at is null do update set account = e.account
         returning receipt",
    )
    .bind(number())
    .bind(user.as_str())
    .bind(asked_by.as_str())
    .bind(now)
    .fetch_one(db)
    .await
}

/// Every erasure that is not over, the oldest first.
pub async fn open(db: impl PgExecutor<'_>) -> Result<Vec<Erasure>, sqlx::Error> {
    sqlx::query_as(
        "select receipt, account, asked_at, reach from wa.erasure where done_at is null order by asked_at, receipt",
    )
    .fetch_all(db)
    .await
}

/// When the last erasure since this moment was over.
pub async fn last_done(
    db: impl PgExecutor<'_>,
    since: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar("select max(done_at) from wa.erasure where done_at > $1")
        .bind(since)
        .fetch_one(db)
        .await
}

/// The erasure of this receipt, if it is not over.
pub async fn find(db: impl PgExecutor<'_>, receipt: &str) -> Result<Option<Erasure>, sqlx::Error> {
    sqlx::query_as(
        "select receipt, account, asked_at, reach from wa.erasure where receipt = $1 and done_at is null",
    )
    .bind(receipt)
    .fetch_optional(db)
    .await
}

/// How much is kept of a person, for whoever is about to have it forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Numbers, ids and e-mail addresses.
    pub names: usize,
    /// What they sent.
    pub messages: usize,
    /// What they were sent.
    pub told: usize,
}

/// Counts what is kept of the person of an account.
pub async fn count(
    db: &mut PgConnection,
    vault: &Vault,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<Count, sqlx::Error> {
    Ok(Reach::of(db, vault, user, now).await?.count())
}

/// Every name of the person of an account, and the ids of their messages: by what they would be found.
pub async fn names(
    db: &mut PgConnection,
    vault: &Vault,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<Vec<String>, sqlx::Error> {
    Ok(Reach::of(db, vault, user, now).await?.known().collect())
}

impl Erasure {
    /// Whether the books have forgotten already, and only the queue is left.
    #[must_use]
    pub fn has_left_the_books(&self) -> bool {
        self.reach.is_some()
    }

    /// By what the queue is searched, where the books have forgotten already.
    pub fn reach(&self, vault: &Vault) -> Result<Option<Reach>, sqlx::Error> {
        self.reach.as_ref().map(|reach| reach.0.read(vault, &self.receipt)).transpose()
    }

    /// By what everything that is left of them would be known. Holds nothing, so it may be more a moment later.
    pub async fn reaches(&self, db: &mut PgConnection, vault: &Vault) -> Result<Reach, ledger::LedgerError> {
        let account = ledger::survivor(db, &UserId::from_stored(self.account.clone())).await?;
        Ok(Reach::of(db, vault, &account, self.asked_at).await?)
    }

    /// Whether an answer to them is still on its way: the one that tells the receipt, above all.
    pub async fn is_being_told(&self, db: impl PgExecutor<'_>) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(
            "select exists (
               select from wa.receipt r join wa.outbox o on o.cause = r.message_id
               where r.user_id in (select wa.accounts_of(wa.survivor($1)))
                 and o.state in ('pending', 'sending', 'unknown'))",
        )
        .bind(&self.account)
        .fetch_one(db)
        .await
    }

    /// The books forget, all at once. `None`: somebody is learning a name of theirs at this moment, or has done this already;
    /// the caller rolls back and looks again. Runs inside the caller's transaction, before anything in it holds a row.
    pub async fn forget(
        &self,
        db: &mut PgConnection,
        vault: &Vault,
        now: DateTime<Utc>,
    ) -> Result<Option<Reach>, ledger::LedgerError> {
        let mine: Option<bool> = sqlx::query_scalar(
            "select true from wa.erasure where receipt = $1 and forgot_at is null for update",
        )
        .bind(&self.receipt)
        .fetch_optional(&mut *db)
        .await?;
        if mine.is_none() {
            return Ok(None);
        }
        let account = ledger::survivor(db, &UserId::from_stored(self.account.clone())).await?;
        // Whoever works on a message holds its receipt before they hold an account.
        books::hold_receipts(db, &account).await?;
        if !person::hold(db, vault, &account).await? {
            return Ok(None);
        }
        let reach = Reach::of(db, vault, &account, self.asked_at).await?;
        person::leave(db, vault, &account, &reach.phones(), now).await?;
        books::forget(db, vault, &account, &reach, now).await?;
        let (key, note) = (format!("erasure:{}", self.receipt), format!("receipt {}", self.receipt));
        let act =
            Act { actor: "erasure", action: "account.erased", subject: &account, key: &key, note: &note };
        audit::record(&mut *db, act, now).await?;
        // Two accounts that both asked, and turned out to be one person's: this carries out both.
        sqlx::query(
            "update wa.erasure set forgot_at = $3, done_at = $3
             where receipt <> $1 and done_at is null and forgot_at is null and account in (select wa.accounts_of($2))",
        )
        .bind(&self.receipt)
        .bind(account.as_str())
        .bind(now)
        .execute(&mut *db)
        .await?;
        sqlx::query("update wa.erasure set account = $2, forgot_at = $3, reach = $4 where receipt = $1")
            .bind(&self.receipt)
            .bind(account.as_str())
            .bind(now)
            .bind(Json(Kept::of(&reach, vault, &self.receipt)?))
            .execute(db)
            .await?;
        Ok(Some(reach))
    }

    /// The queue has forgotten as well, and so does the rest of what somebody wrote into the books who had known the account from
    /// before: it is over. `false`: it was before. Runs inside the caller's transaction, after [`settled`].
    pub async fn finish(
        &self,
        db: &mut PgConnection,
        vault: &Vault,
        now: DateTime<Utc>,
    ) -> Result<bool, ledger::LedgerError> {
        let account: Option<String> = sqlx::query_scalar(
            "update wa.erasure set done_at = $2, reach = null
             where receipt = $1 and forgot_at is not null and done_at is null returning account",
        )
        .bind(&self.receipt)
        .bind(now)
        .fetch_optional(&mut *db)
        .await?;
        let Some(account) = account.map(UserId::from_stored) else { return Ok(false) };
        books::hold_receipts(db, &account).await?;
        // It has no names any more: whoever has them now is not touched.
        let late = Reach::of(db, vault, &account, self.asked_at).await?;
        books::forget(db, vault, &account, &late, now).await?;
        Ok(true)
    }
}

/// A moment of the books, for [`settled`].
pub async fn moment(db: impl PgExecutor<'_>) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("select pg_snapshot_xmax(pg_current_snapshot())::text").fetch_one(db).await
}

/// Whether every transaction that had written before this moment is over: a message whose person was looked up before the
/// books forgot them has ended since, and whatever begins now finds nobody.
pub async fn settled(db: impl PgExecutor<'_>, moment: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8")
        .bind(moment)
        .fetch_one(db)
        .await
}

/// Since when the oldest wish that is not carried out has stood there. `None`: nobody waits.
pub async fn waits_since(db: impl PgExecutor<'_>) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar("select min(asked_at) from wa.erasure where done_at is null").fetch_one(db).await
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_receipt_can_be_read_out_and_is_never_the_same() {
        let numbers: HashSet<String> = (0..1_000).map(|_| number()).collect();
        assert_eq!(numbers.len(), 1_000);
        for number in numbers {
            let groups: Vec<&str> = number.split('-').collect();
            assert_eq!((groups[0], groups[1].len(), groups[2].len(), groups.len()), ("EF", 4, 4, 3));
            assert!(!number[3..].contains(['I', 'L', 'O', 'U']), "{number}");
        }
    }
}
