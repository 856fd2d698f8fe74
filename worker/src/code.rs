//! One-time codes: sent when ingest or a conversation asks for one, and made in the moment in which they leave.
//!
//! A code goes as an authentication template, inside the 24 hours too (Meta: Authentication templates). Where no template
//! is configured it is written as a text, in a conversation that is open, and nowhere else. Nobody's silence is in its
//! way: it was asked for.

use chrono::TimeDelta;
use metrics::counter;
use shared::job::{CodeRoute, CodeWish, Job};
use shared::language::Language;
use shared::message::{Address, Inbound, Lane, MessageId, Provider};
use shared::otp::{self, Answer, Asking, Code, Purpose, Refusal, Salt};
use shared::outbox::{self, Outgoing, Recipient};
use shared::person::{self, Person};
use shared::phone::E164;
use shared::texts::Text;
use shared::{fault, receipt, spill};
use sqlx::PgConnection;

use crate::delivery::{self, Delivered};
use crate::error::JobError;
use crate::whatsapp::{self, Action, Why};
use crate::{Worker, window};

/// Sends the code of an asking: once, however often it is asked for.
pub async fn send(worker: &Worker, job: &Job, wish: &CodeWish) -> Result<(), JobError> {
    compose(worker, wish).await?;
    if outbox::caused_by(&mut *worker.pool.acquire().await?, &worker.vault, &job.id).await?.is_empty() {
        // It was too late for it, or another asking has followed.
        return give_back(worker, &job.id, Refusal::Late).await;
    }
    if delivery::deliver(worker, &job.id, job.received_at).await? == Delivered::Whole {
        return Ok(());
    }
    let failed = outbox::caused_by(&mut *worker.pool.acquire().await?, &worker.vault, &job.id).await?.pop();
    let refusal = failed.and_then(|row| Some(refused(row.provider, &row.refused?.0)));
    give_back(worker, &job.id, refusal.unwrap_or(Refusal::Refused)).await
}

/// Puts a code in the outbox that nobody has made yet.
async fn compose(worker: &Worker, wish: &CodeWish) -> Result<(), JobError> {
    let (cause, now) = (wish.cause(), worker.clock.now());
    let mut tx = worker.pool.begin().await?;
    let Some(wanted) = otp::wanted(&mut *tx, &cause, now).await? else { return Ok(tx.rollback().await?) };
    let route = match (&worker.codes.salt, &wish.at) {
        (None, _) => None,
        (Some(_), Some(route)) => Some(route.clone()),
        (Some(_), None) => route(&mut tx, worker, &wanted.phone).await?,
    };
    let Some(route) = route else {
        tx.rollback().await?;
        let reason = if worker.codes.salt.is_some() {
            "neither a template nor an open conversation"
        } else {
            "no OTP_SALT"
        };
        tracing::error!(reason, "a code cannot be sent");
        return give_back(worker, &cause, Refusal::NoTemplate).await;
    };
    let to = Recipient {
        cause: &cause,
        provider: route.provider,
        business: &route.business,
        address: &route.address,
        lane: route.lane,
    };
    outbox::put_code(&mut tx, &worker.vault, to, &wish.challenge, now).await?;
    tx.commit().await?;
    fault::point("code.stored");
    Ok(())
}

/// By whom a code leaves that was asked for on the web: from our own number, or else in the conversation that its number
/// has with us, while it is open.
async fn route(db: &mut PgConnection, worker: &Worker, phone: &E164) -> Result<Option<CodeRoute>, JobError> {
    if let Some((provider, business)) = worker.providers.own_number()
        && worker.providers.has_template(provider)
    {
        let lane = Lane::aside("code", &worker.vault.who(phone.as_str()));
        return Ok(Some(CodeRoute { provider, business, address: address(provider, phone), lane }));
    }
    let mut open = None;
    for user in person::find(db, &worker.vault, phone.as_str()).await? {
        let conversation = receipt::conversation(&mut *db, &user).await?;
        open = open.or(conversation.filter(|at| window::is_open(at.at, worker.clock.now())));
    }
    Ok(open.map(|at| CodeRoute {
        provider: at.provider,
        business: at.business,
        address: address(at.provider, phone),
        lane: at.lane,
    }))
}

fn address(provider: Provider, phone: &E164) -> Address {
    match provider {
        Provider::Meta => Address::Phone(phone.clone()),
        Provider::Twilio => Address::Channel(format!("whatsapp:{}", phone.as_str())),
    }
}

/// Makes the code of a message that is about to leave, in the language of its person: the one that they chose, or that in
/// which they asked. `None`: nobody waits for it any more.
pub async fn make(
    worker: &Worker,
    cause: &MessageId,
    challenge: &str,
) -> Result<Option<(Code, Language)>, JobError> {
    let Some(salt) = &worker.codes.salt else { return Ok(None) };
    let now = worker.clock.now();
    let mut db = worker.pool.acquire().await?;
    let Some(wanted) = otp::wanted(&mut *db, cause, now).await? else { return Ok(None) };
    let mut language = wanted.language;
    if let Some(user) = person::find(&mut db, &worker.vault, wanted.phone.as_str()).await?.first() {
        let person = person::known(&mut db, user).await?;
        language = person.filter(|person| person.chosen).map_or(language, |person| person.language);
    }
    let code = otp::make(&mut *db, salt, (cause, challenge), now).await?;
    fault::point("code.made");
    Ok(code.map(|code| (code, language)))
}

/// Whether a message of ours that carries a code may leave now. A template needs no open window.
pub async fn in_the_way(
    worker: &Worker,
    cause: &MessageId,
    message: &Outgoing,
) -> Result<Option<&'static str>, JobError> {
    let now = worker.clock.now();
    if !otp::is_wanted(&worker.pool, cause, now).await? {
        return Ok(Some(Refusal::Late.as_str()));
    }
    let open = worker.providers.has_template(message.provider)
        || window::is_open_for(&worker.pool, cause, now).await?;
    Ok((!open).then_some(delivery::WINDOW))
}

/// A code will not arrive: it is not held against who asked for it. Ingest looks here for what to tell them.
pub async fn give_back(worker: &Worker, cause: &MessageId, refusal: Refusal) -> Result<(), JobError> {
    if otp::give_back(&worker.pool, cause, refusal, worker.clock.now()).await? {
        counter!("postly_otp_total", "event" => "returned").increment(1);
    }
    Ok(())
}

/// What the code of an error means to who asked.
#[must_use]
pub fn refused(provider: Provider, code: &str) -> Refusal {
    if code == Refusal::Late.as_str() {
        return Refusal::Late;
    }
    match whatsapp::reported(provider, code) {
        Some(Action::Refused(Why::Person | Why::Stopped | Why::Country)) => Refusal::Unreachable,
        _ if code == delivery::WINDOW => Refusal::NoTemplate,
        _ => Refusal::Refused,
    }
}

/// Somebody wants to sign in, and writes it here: a code follows the answer, to be typed on the web.
pub async fn login<'a>(
    db: &mut PgConnection,
    worker: &'a Worker,
    inbound: &Inbound,
    person: &Person,
) -> Result<Text<'a>, JobError> {
    let (url, now) = (worker.web.as_deref(), worker.clock.now());
    let Some(salt) = &worker.codes.salt else { return Ok(Text::Login { url }) };
    let phone = match &inbound.sender.phone {
        Some(phone) => Some(phone.clone()),
        None => person::phone(&mut *db, &worker.vault, &person.id).await?,
    };
    let Some(phone) = phone else { return Ok(Text::LoginNoNumber { url }) };
    let asking = Asking { phone: &phone, purpose: Purpose::Enter, address: None, language: person.language };
    match otp::ask(db, salt, asking, worker.codes.limits, now).await? {
        Answer::Wait { after, .. } => {
            let minutes = (after + TimeDelta::seconds(59)).num_minutes();
            Ok(Text::LoginLater { minutes })
        }
        Answer::Go(wish) => {
            let address = match (&inbound.sender.address, &inbound.sender.phone) {
                // To the number that the code is for: ids are not sent any (Meta: 131062), and where a number is hidden, at
                // Twilio as well, nothing says that it is the one of the books.
                (Address::Bsuid(_), _) | (_, None) => address(inbound.provider, &phone),
                (known, Some(_)) => known.clone(),
            };
            let (provider, business) = (inbound.provider, inbound.business.clone());
            let route = CodeRoute { provider, business, address, lane: inbound.lane() };
            spill::put(db, Some(&worker.vault), &[Job::code(wish.at(route), now)], now).await.map_err(
                |error| match error {
                    spill::SpillError::Database(error) => error.into(),
                    shape @ spill::SpillError::Shape(_) => JobError::retry(shape),
                },
            )?;
            counter!("postly_otp_total", "event" => "asked").increment(1);
            Ok(Text::LoginCode { url })
        }
    }
}

/// What a worker is told about codes.
#[derive(Debug, Clone, Default)]
pub struct Codes {
    /// The key of their seals (`OTP_SALT`); without it none is sent.
    pub salt: Option<Salt>,
    /// How many may be asked for.
    pub limits: otp::Limits,
}
