//! Telling a person what became of a payment, in the conversation in which they wrote last.
//!
//! Asked for by ingest, in the transaction that made it true. A payment of somebody who never wrote to us, or not
//! within a day, is not told here: WhatsApp takes free text for 24 hours only, and the web app shows the balance.

use shared::job::{Job, PaymentNotice, PaymentTold};
use shared::ledger::{self, Credits};
use shared::outbox::Recipient;
use shared::person::{self, UserId};
use shared::texts::Text;
use shared::{kept, menu, outbox, payment, receipt};

use crate::Worker;
use crate::error::JobError;
use crate::{delivery, reply, window};

/// Tells it: once, however often it is asked for.
pub async fn tell(worker: &Worker, job: &Job, notice: &PaymentNotice) -> Result<(), JobError> {
    compose(worker, job, notice).await?;
    // Nothing hangs on whether it arrives: the credits are there.
    let _ = delivery::deliver(worker, &job.id, job.received_at).await?;
    Ok(())
}

/// Puts the words in the outbox, with a receipt by which an operator finds them and the sweep sends what was lost.
async fn compose(worker: &Worker, job: &Job, notice: &PaymentNotice) -> Result<(), JobError> {
    let now = worker.clock.now();
    let mut tx = worker.pool.begin().await?;
    let Some(paid) = payment::find(&mut *tx, &notice.session).await? else {
        return Err(JobError::fail("a payment that is not in the books"));
    };
    let Some(user) = paid.user_id else { return Ok(tx.rollback().await?) };
    let (account, balance) = ledger::lock(&mut tx, &UserId::from_stored(user)).await?;
    let conversation = receipt::conversation(&mut *tx, &account).await?;
    let conversation = conversation.filter(|conversation| window::is_open(conversation.at, now));
    let address = match &conversation {
        Some(at) => person::address(&mut tx, &worker.vault, &account, at.provider, &at.lane).await?,
        None => None,
    };
    let (Some(conversation), Some(address)) = (conversation, address) else {
        tracing::info!("a payment is not told in the chat: its person has not written within a day");
        payment::told(&mut *tx, &notice.session, now).await?;
        return Ok(tx.commit().await?);
    };
    let answers = receipt::Answer {
        message: &job.id,
        conversation: &conversation,
        lane: &job.lane,
        user: &account,
        kind: "payment",
        received_at: job.received_at,
    };
    if !receipt::answer(&mut *tx, answers, now).await? {
        return Ok(tx.rollback().await?);
    }
    let language = person::known(&mut tx, &account).await?.map(|person| person.language).unwrap_or_default();
    let waiting = kept::find(&mut tx, &worker.vault, &account, now).await?;
    let text = match notice.told {
        PaymentTold::Paid => Text::Paid {
            bought: Credits::from_column(paid.credits.unwrap_or_default()),
            settled: payment::settled(&mut *tx, &notice.session).await?,
            left: balance,
            kept: waiting.as_deref().filter(|_| balance > Credits::default()),
        },
        PaymentTold::Failed => Text::PaymentFailed,
    };
    let reply = reply::write(None, text, language, conversation.provider);
    let to = Recipient {
        cause: &job.id,
        provider: conversation.provider,
        business: &conversation.business,
        address: &address,
        lane: conversation.lane.clone(),
    };
    let key = worker.vault.key(&mut tx, &account).await?;
    outbox::put(&mut tx, (&worker.vault, Some(&key)), to, &reply.parts, reply.shown.as_ref(), now).await?;
    if let Some(menu) = &reply.menu {
        menu::open(&mut tx, &account, menu, now).await?;
    }
    payment::told(&mut *tx, &notice.session, now).await?;
    Ok(tx.commit().await?)
}
