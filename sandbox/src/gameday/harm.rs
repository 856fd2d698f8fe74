//! What is done for each cause, and how it is mended: through the doors that people, providers and operators have, and at
//! the servers and processes themselves.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use shared::message::Provider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::cause::Act;
use super::ground::{Ground, models};
use super::prometheus::Prometheus;
use crate::process::Role;
use crate::simulators::meta::signature::sign;
use crate::simulators::meta::{MetaFault, person::WABA_ID};
use crate::simulators::openai::{Model, OpenAiFault};

/// What costs a credit.
pub(super) const BRIEF: &str = "Crée un post promo pour Instagram";

/// What costs none, and needs no model.
pub(super) const COMMAND: &str = "solde";

/// Webhooks after which an hour of silence is strange: 35 for each hour of the rules' week, and some.
const USUAL: usize = 6000;

/// What anybody may wait for here.
const PATIENCE: Duration = Duration::from_secs(30);

const COMPLETED: &str = "checkout.session.completed";

impl Act {
    /// Does it.
    pub(super) async fn happens(self, ground: &mut Ground, prometheus: &Prometheus) -> Result<()> {
        let (stage, servers) = (&ground.stage, &ground.servers);
        match self {
            Self::Nothing => {}
            Self::Silent => falls_silent(ground).await?,
            Self::NoMoney => {
                stage.openai.fails_next(1000, OpenAiFault::InsufficientQuota);
                ground.say(12, BRIEF).await;
            }
            Self::NoModel => {
                stage.openai.models(Model::current().into_iter().filter(|model| model.reasons).collect());
                ground.say(1, BRIEF).await;
            }
            Self::FailingModel => {
                stage.openai.fails_next(16, OpenAiFault::Http500);
                ground.say(3, BRIEF).await;
            }
            Self::RefusedSends => {
                stage.meta.fails_next(16, MetaFault::Refused(131_009));
                ground.say(8, COMMAND).await;
            }
            Self::ExpiredToken => {
                stage.meta.fails_next(1000, MetaFault::TokenExpired190);
                ground.say(1, COMMAND).await;
            }
            Self::LostMessage => loses_a_message(ground).await?,
            Self::Notice => {
                let value = json!({ "event": "ACCOUNT_RESTRICTION",
                    "restriction_info": [{ "restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING" }] });
                let changes = json!([{ "field": "account_update", "value": value }]);
                let entry =
                    json!([{ "id": WABA_ID, "time": ground.clock.now().timestamp(), "changes": changes }]);
                let object = "whatsapp_business_account";
                stage.meta.deliver(&json!({ "object": object, "entry": entry })).await;
            }
            Self::Pumped => asks_for_codes(ground).await?,
            Self::HeldErasure => {
                holds(ground, "postly.erase").await?;
                wants_to_be_forgotten(ground).await?;
            }
            Self::HeldRetention => {
                holds(ground, "postly.retain").await?;
                let passed = "update wa.retention set done_at = done_at - interval '1 day'";
                let kinds = sqlx::query(passed).execute(&ground.pool).await?.rows_affected();
                ensure!(kinds > 0, "nobody has looked yet at what was kept long enough");
            }
            Self::FrozenWorker => {
                ground.worker.signal(Signal::SIGSTOP);
                ground.say(1, COMMAND).await;
            }
            Self::WrongSecret => forges(ground),
            Self::SlowBodies => slow_bodies(ground).await?,
            Self::WrongStripeSecret => {
                stage.stripe.insists(1, Duration::ZERO);
                stage.stripe.webhook_secrets(vec!["whsec_of_another_endpoint".to_owned()]);
                for _ in 0..4 {
                    stage.stripe.sends(COMPLETED, &foreign_session()).await;
                }
            }
            Self::UnknownPayment => {
                let session = json!({ "id": "cs_nobody", "mode": "payment", "payment_status": "paid",
                    "payment_intent": "pi_nobody", "client_reference_id": "nobody", "metadata": { "pack": "pack_20" },
                    "amount_total": 490, "currency": "eur", "created": 1 });
                let told = stage.stripe.sends(COMPLETED, &session).await;
                ensure!(told.status == Some(200), "Stripe's event was not taken: {told:?}");
            }
            Self::Paused => drop(ground.queue.pause().await?),
            Self::StuckWorker => {
                let mut variables = ground.variables.clone();
                // It keeps production's patience: hurried, it would end itself after five seconds.
                variables.remove("POSTLY_HURRY");
                variables.insert("POSTLY_STUCK".to_owned(), "fetch".to_owned());
                let stuck = ground.process(Role::Worker, &variables)?;
                let admin = stuck.admin_url().trim_start_matches("http://").to_owned();
                prometheus.watches(Role::Worker, &[ground.admins()[1], &admin])?;
                ground.extra = Some(stuck);
            }
            Self::Tampered => tampers(ground, 3).await?,
            Self::EndingModel => {
                stage.openai.models(models(&ground.clock, TimeDelta::days(2)));
                ground.starts_worker_anew().await?;
            }
            Self::UnwatchedWorker => ground.extra = Some(ground.process(Role::Worker, &ground.variables)?),
            Self::EverySecond => ground.redis(&["CONFIG", "SET", "appendfsync", "everysec"]).await?,
            Self::NoRedis => {
                servers.kill_redis().await?;
                people_write(ground).await;
            }
            Self::NeitherServer => {
                let person = ground.person(Provider::Meta).await;
                servers.kill_redis().await?;
                servers.kill_postgres().await?;
                person.says(COMMAND).await;
            }
            Self::NoPostgres => servers.kill_postgres().await?,
            Self::NoIngest => ground.ingest.signal(Signal::SIGKILL),
        }
        Ok(())
    }

    /// Mends it.
    pub(super) async fn is_mended(self, ground: &mut Ground, prometheus: &Prometheus) -> Result<()> {
        let (stage, servers) = (&ground.stage, &ground.servers);
        match self {
            // What has passed by itself, or was one event.
            Self::Nothing | Self::Notice | Self::Pumped | Self::SlowBodies | Self::UnknownPayment => {}
            Self::Silent => is_heard_again(ground).await,
            Self::NoMoney | Self::FailingModel | Self::LostMessage => {
                stage.openai.recovers();
                ground.discards_dead_letters().await?;
            }
            Self::NoModel => {
                stage.openai.models(models(&ground.clock, TimeDelta::days(400)));
                ground.discards_dead_letters().await?;
            }
            Self::RefusedSends | Self::ExpiredToken => {
                stage.meta.recovers();
                ground.discards_dead_letters().await?;
            }
            Self::FrozenWorker => ground.worker.signal(Signal::SIGCONT),
            Self::WrongSecret | Self::HeldErasure | Self::HeldRetention => ground.aside.shutdown().await,
            Self::WrongStripeSecret => {
                let secret =
                    stage.variables().remove("STRIPE_WEBHOOK_SECRET").context("a secret of Stripe")?;
                stage.stripe.webhook_secrets(vec![secret]);
                let told = stage.stripe.sends(COMPLETED, &foreign_session()).await;
                ensure!(told.status == Some(200), "Stripe's event was not taken: {told:?}");
            }
            Self::Paused => drop(ground.queue.resume().await?),
            Self::StuckWorker | Self::UnwatchedWorker => {
                if let Some(mut extra) = ground.extra.take() {
                    extra.signal(if self == Self::StuckWorker { Signal::SIGKILL } else { Signal::SIGTERM });
                    extra.ended(PATIENCE).await?;
                }
                prometheus.watches(Role::Worker, &[ground.admins()[1]])?;
            }
            Self::Tampered => tampers(ground, -3).await?,
            Self::EndingModel => {
                stage.openai.models(models(&ground.clock, TimeDelta::days(400)));
                ground.starts_worker_anew().await?;
            }
            Self::EverySecond => ground.redis(&["CONFIG", "SET", "appendfsync", "always"]).await?,
            Self::NoRedis => {
                ground.aside.shutdown().await;
                ground.servers.start_redis().await?;
                // Who wrote meanwhile has waited long enough.
                ground.is_quiet().await?;
            }
            Self::NeitherServer => {
                servers.start_postgres().await?;
                servers.start_redis().await?;
            }
            Self::NoPostgres => servers.start_postgres().await?,
            Self::NoIngest => ground.starts(Role::Ingest).await?,
        }
        Ok(())
    }
}

/// One message comes again and again, which is as many webhooks and hardly any work, and then nothing.
async fn falls_silent(ground: &Ground) -> Result<()> {
    let said = ground.person(Provider::Twilio).await.says(COMMAND).await;
    ground.stage.twilio.quiet(PATIENCE).await?;
    let mut left = USUAL;
    while left > 0 {
        let deliveries = ground.stage.twilio.redeliver(&said.delivery.message_id, left.min(20), true).await;
        let taken = deliveries.iter().filter(|delivery| delivery.status == Some(200)).count();
        ensure!(taken > 0, "no webhook is taken");
        left -= taken;
    }
    Ok(())
}

/// Somebody writes, and from then on there is a webhook of Twilio from time to time: what is usual goes on being usual.
async fn is_heard_again(ground: &mut Ground) {
    let said = ground.person(Provider::Twilio).await.says(COMMAND).await;
    let twilio = ground.stage.twilio.clone();
    ground.ordinary.spawn(async move {
        let mut turns = tokio::time::interval(Duration::from_secs(10));
        loop {
            turns.tick().await;
            twilio.redeliver(&said.delivery.message_id, 1, false).await;
        }
    });
}

/// It has begun, its worker dies over it, and Redis knows nothing any more.
async fn loses_a_message(ground: &mut Ground) -> Result<()> {
    let before = ground.stage.openai.calls().len();
    ground.stage.openai.hold();
    ground.say(1, BRIEF).await;
    ground.stage.openai.wait_calls(before + 1, PATIENCE).await?;
    ground.worker.signal(Signal::SIGKILL);
    ground.worker.ended(PATIENCE).await?;
    ground.redis(&["FLUSHALL"]).await?;
    ground.stage.openai.release();
    ground.starts(Role::Worker).await
}

/// From different addresses, for numbers of one block.
async fn asks_for_codes(ground: &Ground) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let mut statuses = Vec::new();
    for caller in 1..=3 {
        let answer = http
            .post(format!("{}/api/auth/request-otp", ground.door))
            .header("x-forwarded-for", format!("198.51.100.{caller}"))
            .json(&json!({ "phone": format!("+3363998900{caller}") }))
            .send()
            .await?;
        statuses.push(answer.status().as_u16());
    }
    ensure!(statuses.contains(&429), "every code was given: {statuses:?}");
    Ok(())
}

/// Signed as Meta does it, and slow on their way.
async fn slow_bodies(ground: &Ground) -> Result<()> {
    let meta = &ground.stage.meta;
    let body = meta.envelope(&meta.metadata()).to_string();
    let address = ground.door.trim_start_matches("http://");
    let head = format!(
        "POST /api/whatsapp/webhook HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         X-Hub-Signature-256: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        sign(&meta.options().app_secret, body.as_bytes()),
        body.len(),
    );
    let (first, second) = body.split_at(body.len() / 2);
    let webhooks = (0..40).map(async |_| {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(format!("{head}{first}").as_bytes()).await?;
        tokio::time::sleep(Duration::from_millis(1300)).await;
        stream.write_all(second.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "a slow webhook was refused");
        Ok(())
    });
    join_all(webhooks).await.into_iter().collect()
}

/// Webhooks come as ever, and none has a good signature, until it is undone.
fn forges(ground: &mut Ground) {
    let meta = ground.stage.meta.clone();
    let payload = meta.envelope(&meta.metadata());
    ground.aside.spawn(async move {
        let mut turns = tokio::time::interval(Duration::from_secs(1));
        loop {
            turns.tick().await;
            meta.forge(&payload, "another secret").await;
        }
    });
}

/// Somebody writes every second, until it is undone.
async fn people_write(ground: &mut Ground) {
    let people = join_all((0..60).map(|_| ground.person(Provider::Meta))).await;
    ground.aside.spawn(async move {
        let mut turns = tokio::time::interval(Duration::from_secs(1));
        for person in people {
            turns.tick().await;
            person.says(COMMAND).await;
        }
    });
}

/// Takes the turn of a chore, and keeps it until it is undone.
async fn holds(ground: &mut Ground, chore: &'static str) -> Result<()> {
    let mut held = ground.pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtext($1))").bind(chore).execute(&mut *held).await?;
    ground.aside.spawn(async move {
        let _held = held;
        std::future::pending::<()>().await;
    });
    Ok(())
}

/// Somebody new, two minutes ago.
async fn wants_to_be_forgotten(ground: &mut Ground) -> Result<()> {
    let person = ground.person(Provider::Meta).await;
    person.says(COMMAND).await;
    ground.is_quiet().await?;
    let asked = ground.clock.now() - TimeDelta::minutes(2);
    let mut db = ground.pool.acquire().await?;
    shared::erasure::ask(&mut db, &person.account().await, shared::erasure::AskedBy::Operator, asked).await?;
    Ok(())
}

/// Changes one balance, and no ledger.
async fn tampers(ground: &Ground, by: i32) -> Result<()> {
    let changed = sqlx::query(
        r#"update "User" set "credits" = "credits" + $1 where "id" = (select min("id") from "User")"#,
    )
    .bind(by)
    .execute(&ground.pool)
    .await?;
    if changed.rows_affected() == 0 {
        ensure!(by > 0, "nobody has a balance any more");
        ground.say(1, COMMAND).await;
        anyhow::bail!("nobody has a balance yet");
    }
    Ok(())
}

/// What the web app sells besides: none of our business, and a genuine event.
fn foreign_session() -> Value {
    json!({ "id": "cs_foreign", "mode": "payment", "payment_status": "paid", "metadata": {} })
}
