//! What a visitor paid: what Stripe told about each payment, and the lines of the ledger that followed from it.

use chrono::{DateTime, Utc};
use shared::job::{Job, PaymentNotice, PaymentTold};
use shared::message::MessageId;
use shared::price::Price;
use sqlx::PgPool;

/// A payment for a pack.
#[derive(Debug, Clone)]
pub(in super::super) struct Payment {
    /// The word to its person, which says what became of it: the key of its story.
    pub told_by: MessageId,
    /// What it cost.
    pub price: Price,
    /// What it bought, once it is paid.
    pub credits: Option<i32>,
    /// Credits that are to go back and were not there any more.
    pub owing: i32,
    /// How far it is.
    pub way: Way,
    /// Whether its person was told, or could not be.
    pub told: bool,
    /// What happened, in order. Never empty.
    pub moments: Vec<Moment>,
}

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Way {
    /// The money is under way.
    Unpaid,
    /// The money is there.
    Paid,
    /// The money will not come.
    Failed,
}

/// Something that happened with a payment.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in super::super) struct Moment {
    session_id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The type of Stripe's event, or the kind of the ledger's key.
    pub what: String,
    /// What a line of the ledger moved.
    pub delta: Option<i32>,
    /// How much money an event was about, if not all of it.
    pub amount: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Row {
    session_id: String,
    credits: Option<i32>,
    owing: i32,
    amount: i64,
    currency: String,
    state: String,
    told: bool,
}

/// The payments of an account, in the order of the orders.
pub(super) async fn of(pool: &PgPool, account: &str) -> Result<Vec<Payment>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select session_id, credits, owed - taken as owing, amount, currency, state, told_at is not null as told
         from wa.payment where user_id = $1 order by created_at, session_id",
    )
    .bind(account)
    .fetch_all(pool)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let moments: Vec<Moment> = sqlx::query_as(
        "with paid as (select session_id, payment_intent from wa.payment where user_id = $1),
         returned as (select p.session_id, r.id, r.amount from paid p join wa.payment_return r using (payment_intent))
         select session_id, at, what, delta, amount from (
             select p.session_id, e.received_at as at, 1 as place, e.kind as what, null::int as delta, null::bigint as amount,
                    null::bigint as seq
             from paid p join wa.stripe_event e on e.object = p.session_id
           union all
             select r.session_id, e.received_at, 1, e.kind, null, r.amount, null
             from returned r join wa.stripe_event e on e.object = r.id
           union all
             select p.session_id, op.created_at, 2, split_part(op.key, ':', 1), op.delta, null, op.seq
             from paid p join wa.credit_op op
               on op.key in ('purchase:' || p.session_id, 'debt:' || p.session_id, 'stripe_refund:' || p.session_id)
           union all
             select r.session_id, op.created_at, 2, split_part(op.key, ':', 1), op.delta, null, op.seq
             from returned r join wa.credit_op op
               on split_part(op.key, ':', 2) = r.id and split_part(op.key, ':', 1) in ('stripe_refund', 'stripe_reinstated')
         ) moments order by at, place, seq, what",
    )
    .bind(account)
    .fetch_all(pool)
    .await?;
    let payment = |row: Row| {
        let way = match row.state.as_str() {
            "paid" => Way::Paid,
            "failed" => Way::Failed,
            _ => Way::Unpaid,
        };
        let its = |moment: &&Moment| moment.session_id == row.session_id;
        let moments: Vec<Moment> = moments.iter().filter(its).cloned().collect();
        let began = moments.first()?.at;
        let told = if way == Way::Failed { PaymentTold::Failed } else { PaymentTold::Paid };
        Some(Payment {
            told_by: Job::payment(PaymentNotice { session: row.session_id, told }, began).id,
            price: Price { minor: row.amount, currency: row.currency },
            credits: row.credits,
            owing: row.owing,
            way,
            told: row.told,
            moments,
        })
    };
    Ok(rows.into_iter().filter_map(payment).collect())
}
