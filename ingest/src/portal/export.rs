//! Everything that we keep of a person, in one file: whoever asks for it may see it (GDPR, articles 15 and 20). It is read
//! at one moment, so that it agrees with itself.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use shared::ledger::LedgerError;
use shared::person::UserId;
use shared::{feedback, generation, kept, ledger, outbox, payment, person, preference, receipt, session};
use sqlx::PgConnection;

use super::guard::{Visitor, bounded, unavailable};
use crate::App;
use crate::refusal::Refusal;

/// `GET /api/portal/export`.
pub async fn download(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let now = app.clock.now();
    let all = bounded(&headers, async {
        let mut tx = app.pool().begin().await?;
        sqlx::query("set transaction isolation level repeatable read, read only").execute(&mut *tx).await?;
        let mut all = read(&mut tx, &visitor.user).await?;
        all["keptBrief"] = json!(kept::find(&mut *tx, &visitor.user, now).await?);
        let entries = session::list(&mut *tx, &visitor.user, now).await?;
        let entry = |entry: session::Entry| {
            json!({ "begunAt": entry.begun_at, "seenAt": entry.seen_at, "browser": entry.browser, "system": entry.system })
        };
        all["sessions"] = entries.into_iter().map(entry).collect();
        all["exportedAt"] = json!(now);
        tx.rollback().await?;
        Ok(all)
    })
    .await?;
    let text = serde_json::to_string_pretty(&all).map_err(|_| unavailable(&headers))?;
    let name = format!("attachment; filename=\"postly-{}.json\"", now.format("%Y-%m-%d"));
    let kind = "application/json; charset=utf-8".to_owned();
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], text).into_response())
}

async fn read(db: &mut PgConnection, user: &UserId) -> Result<Value, LedgerError> {
    let profile = person::profile(&mut *db, user).await?.ok_or(LedgerError::NoSuchPerson)?;
    let known = person::known(db, user).await?;
    let language = known.as_ref().map(|known| known.language.code());
    let silent = preference::is_stopped(&mut *db, user).await?;
    let phone = person::phone(&mut *db, user).await?;
    let names = person::names(&mut *db, user).await?;
    let lines = ledger::history(&mut *db, user, None, i64::MAX).await?;
    let written = generation::page(&mut *db, user, None, i64::MAX).await?;
    let payments = payment::of(&mut *db, user, None).await?;
    let received = receipt::diary(&mut *db, user).await?;
    let spoken = outbox::diary(&mut *db, user).await?;
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
