//! Everything that is kept of a person, in one document that a machine can read (GDPR, articles 15 and 20). What opens doors
//! is not in it: no digest of a secret, no address to pay on.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::ledger::LedgerError;
use crate::person::UserId;
use crate::vault::Vault;
use crate::{
    checkout, feedback, generation, kept, ledger, outbox, payment, person, preference, receipt, session,
};

/// Reads all of it. For one moment of the books, so that it agrees with itself, the caller's transaction has to be
/// `repeatable read`; [`begin`] makes it one.
pub async fn everything(
    db: &mut PgConnection,
    vault: &Vault,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<Value, LedgerError> {
    let mut all = read(db, vault, user).await?;
    all["keptBrief"] = json!(kept::find(&mut *db, vault, user, now).await?);
    let entry = |entry: session::Entry| json!({ "begunAt": entry.begun_at, "seenAt": entry.seen_at, "browser": entry.browser, "system": entry.system });
    all["sessions"] = session::list(&mut *db, user, now).await?.into_iter().map(entry).collect();
    let wish = |wish: checkout::Wish| json!({ "askedAt": wish.asked_at, "pack": wish.pack, "language": wish.language.code(), "origin": wish.origin });
    all["checkouts"] = checkout::of(&mut *db, user).await?.into_iter().map(wish).collect();
    all["exportedAt"] = json!(now);
    Ok(all)
}

/// The document as a file.
#[derive(Debug, Clone)]
pub struct File {
    /// Its name, with the day.
    pub name: String,
    /// It, as JSON that people can read as well.
    pub text: String,
}

/// Makes a file of the document.
pub fn file(all: &Value, now: DateTime<Utc>) -> Result<File, serde_json::Error> {
    let name = format!("postly-{}.json", now.format("%Y-%m-%d"));
    Ok(File { name, text: serde_json::to_string_pretty(all)? })
}

/// Has this transaction read the books as they are at one moment, and write nothing.
pub async fn begin(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("set transaction isolation level repeatable read, read only").execute(db).await?;
    Ok(())
}

async fn read(db: &mut PgConnection, vault: &Vault, user: &UserId) -> Result<Value, LedgerError> {
    let profile = person::profile(&mut *db, user).await?.ok_or(LedgerError::NoSuchPerson)?;
    let known = person::known(db, user).await?;
    let language = known.as_ref().map(|known| known.language.code());
    let silent = preference::is_stopped(&mut *db, user).await?;
    let phone = person::phone(&mut *db, vault, user).await?;
    let names = person::names(&mut *db, vault, user).await?;
    let lines = ledger::history(&mut *db, user, None, i64::MAX).await?;
    let written = generation::page(&mut *db, user, None, i64::MAX).await?;
    let payments = payment::of(&mut *db, user, None).await?;
    let received = receipt::diary(&mut *db, vault, user).await?;
    let spoken = outbox::diary(&mut *db, vault, user).await?;
    let reactions = feedback::of(&mut *db, user).await?;
    let all = |rows: Vec<Value>| Value::Array(rows);
    Ok(json!({
        "account": {
            "id": profile.id, "email": profile.email, "phone": phone.map(String::from), "credits": profile.credits,
            "language": language, "wantsNoMessages": silent, "createdAt": profile.created_at,
        },
        "names": all(names.into_iter().map(|name| json!({
            "kind": name.kind, "value": name.value, "knownSince": name.created_at, "seenAt": name.seen_at,
        })).collect()),
        "ledger": all(lines.into_iter().map(|line| json!({
            "at": line.at, "delta": line.delta, "reason": line.reason, "balance": line.balance,
        })).collect()),
        "payments": all(payments.into_iter().map(|payment| json!({
            "checkout": payment.session_id, "pack": payment.pack, "credits": payment.credits, "amount": payment.amount,
            "currency": payment.currency, "state": payment.state, "openedAt": payment.created_at, "paidAt": payment.paid_at,
        })).collect()),
        "generations": all(written.into_iter().map(|written| json!({
            "id": written.id, "createdAt": written.created_at, "brief": written.brief, "platform": written.platform,
            "language": written.language, "posts": written.posts,
        })).collect()),
        "messages": {
            "received": all(received.into_iter().map(|entry| json!({
                "at": entry.received_at, "kind": entry.kind, "outcome": entry.outcome, "words": entry.brief, "heard": entry.heard,
            })).collect()),
            "sent": all(spoken.into_iter().map(|said| json!({
                "at": said.created_at, "words": said.body, "state": said.state,
            })).collect()),
        },
        "reactions": all(reactions.into_iter().map(|reaction| json!({
            "at": reaction.reacted_at, "emoji": reaction.emoji, "generation": reaction.generation_id,
        })).collect()),
    }))
}
