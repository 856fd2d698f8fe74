//! What the visitor does with the money, to see what follows: spend every credit at once, and have Stripe take the last
//! payment back.
//!
//! Credits move through the ledger only, with a line that says why; money moves at the simulated Stripe only, which
//! tells of it by webhook as ever.

use anyhow::{Context, Result};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::audit::{self, Act};
use shared::ledger::{self, Credits, Entry};
use shared::message::Provider;
use shared::person::UserId;

use super::books::{Account, Seen};
use super::harm::Damage;
use super::{Page, Visitor, Who, refuse};
use crate::simulators::stripe::{PaymentState, Session};
use crate::stack::Stack;

/// A button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    Empty,
    Refund,
    Dispute,
}

/// A sentence in both languages.
type Sentence = (&'static str, &'static str);

impl Deed {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Empty, "empty"), (Self::Refund, "refund"), (Self::Dispute, "dispute")];

    /// Why this may not be done now.
    fn refusal(
        self,
        stack: &Stack,
        provider: Provider,
        account: Option<&Account>,
        damage: &Damage,
    ) -> Option<Sentence> {
        let Some(account) = account.filter(|_| !damage.postgres) else {
            return Some(("Postgres est arrêté.", "Postgres is stopped."));
        };
        match self {
            Self::Empty if stack.reality.of_provider(provider) => Some((
                "Fournisseur réel : la démo ne connaît pas votre compte.",
                "A real provider: the demo does not know your account.",
            )),
            Self::Empty if account.credits < 1 => {
                Some(("Il ne reste déjà aucun crédit.", "No credit is left already."))
            }
            Self::Refund | Self::Dispute if stack.reality.stripe => Some((
                "Stripe est réel : passez par son tableau de bord.",
                "Stripe is real: use its dashboard.",
            )),
            Self::Refund | Self::Dispute if standing(stack, &account.id).is_none() => {
                Some(("Achetez d’abord des crédits.", "Buy credits first."))
            }
            _ => None,
        }
    }
}

/// The last payment of this account of which money is left at Stripe.
fn standing(stack: &Stack, account: &str) -> Option<Session> {
    stack.stage.stripe.sessions().into_iter().rev().find(|session| {
        let left = session.payment.as_ref().is_some_and(|payment| {
            payment.state == PaymentState::Succeeded
                && !payment.disputed
                && payment.amount_refunded < payment.amount
        });
        left && session.order.client_reference_id.as_deref() == Some(account)
    })
}

/// The buttons as the page draws them.
pub(super) fn buttons(stack: &Stack, provider: Provider, seen: &Seen, damage: &Damage) -> Vec<Value> {
    let draw = |(deed, id): (Deed, &str)| {
        let why = deed.refusal(stack, provider, seen.account.as_ref(), damage);
        json!({ "id": id, "on": null, "why": why.map(|(fr, en)| json!({ "fr": fr, "en": en })) })
    };
    Deed::ALL.map(draw).to_vec()
}

#[derive(Deserialize)]
pub(super) struct Asked {
    provider: String,
    person: Option<String>,
    deed: Deed,
}

/// `POST /api/purse`: answers when it is done, and when ingest has been told of it.
pub(super) async fn open(State(page): State<Page>, Json(asked): Json<Asked>) -> Response {
    let Ok(provider) = asked.provider.parse::<Provider>() else {
        return refuse(StatusCode::BAD_REQUEST, "Fournisseur inconnu.", "Unknown provider.");
    };
    let visitor = Visitor { provider, who: Who::named(asked.person.as_deref()) };
    let damage = page.harms.now();
    let pool = (!damage.postgres).then_some(&page.stack.pool);
    let account = page.books.look(pool, visitor, &[]).await.account;
    if let Some((fr, en)) = asked.deed.refusal(&page.stack, provider, account.as_ref(), &damage) {
        return refuse(StatusCode::CONFLICT, fr, en);
    }
    let Some(Account { id, .. }) = account else { return StatusCode::CONFLICT.into_response() };
    // To its end, even if the browser goes away.
    let done = tokio::spawn(async move {
        match asked.deed {
            Deed::Empty => empty(&page, UserId::from_stored(id)).await?,
            Deed::Refund => {
                if let Some(Session { id, payment: Some(payment), .. }) = standing(&page.stack, &id) {
                    page.stack.stage.stripe.refunds(&id, payment.amount - payment.amount_refunded).await;
                }
            }
            Deed::Dispute => {
                if let Some(session) = standing(&page.stack, &id) {
                    page.stack.stage.stripe.disputes(&session.id).await;
                }
            }
        }
        anyhow::Ok(())
    });
    super::ended(done.await)
}

/// Takes every credit that the account has, as an operator's correction would: with its line, and with who and why.
async fn empty(page: &Page, user: UserId) -> Result<()> {
    let now = page.clock.now();
    let cause = format!("demo-{}", shared::db::new_id());
    let mut tx = page.stack.pool.begin().await.context("reaching Postgres")?;
    let (account, balance) = ledger::lock(&mut tx, &user).await?;
    let line = |taken: Credits| Entry::Adjustment(&cause, -taken.column());
    let taken = ledger::take(&mut tx, (&account, balance), balance, line, now).await?;
    if taken > Credits::default() {
        let act = Act {
            actor: "demo",
            action: "credits.adjust",
            subject: &account,
            key: &format!("adjustment:{cause}"),
            note: "emptied on the demo's page",
        };
        audit::record(&mut *tx, act, now).await?;
    }
    Ok(tx.commit().await?)
}
