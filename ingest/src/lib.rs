#![doc = include_str!("../README.md")]

pub mod address;
pub mod admin;
pub mod auth;
pub mod config;
pub mod form;
#[cfg(test)]
mod fuzz;
pub mod group_commit;
pub mod intake;
#[cfg(test)]
mod kept;
pub mod limits;
pub mod meta;
#[cfg(test)]
#[path = "../../fixtures/mutated.rs"]
mod mutated;
pub mod openapi;
pub mod portal;
pub mod redis;
pub mod refusal;
pub mod session;
pub mod signin;
pub mod stripe;
pub mod twilio;
pub mod webhook;

use std::future::Future;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::http::StatusCode;
use axum::routing::{get, post};
use futures_util::FutureExt;
use metrics_exporter_prometheus::PrometheusHandle;
use shared::clock::Clock;
use shared::message::Provider;
use shared::queue::{Queue, QueueSettings};
use shared::telemetry;
use shared::usage::Usage;
use shared::vault::Vault;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::address::Proxies;
use crate::auth::Codes;
use crate::config::Config;
use crate::intake::Intake;
use crate::session::Sessions;

/// What `postly-ingest --help` tells.
pub const USAGE: Usage = Usage {
    program: "postly-ingest",
    about: "Takes the webhooks of Meta, Twilio and Stripe, serves codes and the portal, and queues what is to be done.",
    section: "ingest",
};

/// What a request can reach. Clones are the same one: every layer and every handler makes some, for every request.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an [`App`] is made of.
#[derive(Clone)]
pub struct Parts {
    /// The secrets of Meta's side, when it is configured.
    pub meta: Option<meta::Door>,
    /// The secrets of Twilio's side, when it is configured.
    pub twilio: Option<twilio::Door>,
    /// Stripe's secrets and our packs, when we are the one who credits.
    pub stripe: Option<stripe::Door>,
    /// Sessions on the web, when the web app's secret is known.
    pub sessions: Option<Sessions>,
    /// One-time codes, when their salt is known.
    pub codes: Option<Codes>,
    /// What people write is sealed by it.
    pub vault: Vault,
    /// Who is believed about the address of a request.
    pub proxies: Proxies,
    /// Signing in from the phone, when our number is known.
    pub signin: Option<signin::Door>,
    /// Where verified work goes.
    pub intake: Intake,
    /// Whether spans are recorded.
    pub traces: bool,
    /// The time.
    pub clock: Clock,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What is changed is one's own from then on: other clones stay as they are.
impl DerefMut for App {
    fn deref_mut(&mut self) -> &mut Parts {
        Arc::make_mut(&mut self.0)
    }
}

impl App {
    /// Builds the door from its configuration. Connects to nothing yet.
    pub fn new(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let settings = QueueSettings {
            lease: config.lease,
            vault: Some(config.vault.clone()),
            patience: limits::REDIS_PATIENCE,
            ..QueueSettings::default()
        };
        let queue = Queue::open(&config.redis_url, settings)?;
        let pool = shared::db::pool(config.database.clone(), limits::CONNECTIONS, shared::db::PATIENCE);
        let intake = Intake::new(queue, pool, clock.clone());
        let (meta, twilio, stripe) = (config.meta.clone(), config.twilio.clone(), config.stripe.clone());
        Ok(Self(Arc::new(Parts {
            meta,
            twilio,
            stripe,
            sessions: config.sessions.clone(),
            codes: config.codes.clone(),
            vault: config.vault.clone(),
            proxies: config.proxies.clone(),
            signin: config.signin.clone(),
            intake,
            traces: config.telemetry.export.is_on(),
            clock,
        })))
    }
}

impl Parts {
    /// Postgres, which the door needs when Redis is away, and for Stripe.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        self.intake.pool()
    }
}

/// The public routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/api/whatsapp/webhook", get(webhook::handshake).post(webhook::receive))
        .route("/api/whatsapp/status", post(webhook::receive))
        .route("/api/stripe/webhook", post(stripe::receive))
        .route("/api/auth/request-otp", post(auth::request))
        .route("/api/auth/verify-otp", post(auth::verify))
        .merge(portal::routes())
        .route("/api/openapi.json", get(openapi::serve))
        .route("/api/auth/whatsapp/start", post(signin::start))
        .route("/api/auth/whatsapp/poll", post(signin::poll))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, limits::REQUEST_TIMEOUT))
        .layer(CatchPanicLayer::new())
        .with_state(app)
}

/// The public routes, for a server that tells them who is at the other end of a connection.
#[must_use]
pub fn routes_with_address(app: App) -> IntoMakeServiceWithConnectInfo<Router, SocketAddr> {
    router(app).into_make_service_with_connect_info()
}

/// Serves both listeners until `stop` resolves, then lets the requests that run come to their end, within
/// [`limits::DRAIN`].
pub async fn serve(
    app: App,
    metrics: PrometheusHandle,
    public: TcpListener,
    admin: TcpListener,
    stop: impl Future<Output = ()> + Clone + Send + 'static,
) -> std::io::Result<()> {
    let admin = axum::serve(admin, admin::router(app.clone(), metrics)).with_graceful_shutdown(stop.clone());
    let public = axum::serve(public, routes_with_address(app)).with_graceful_shutdown(stop.clone());
    let served = async { tokio::try_join!(public.into_future(), admin.into_future()).map(drop) };
    let patience = async {
        stop.await;
        tokio::time::sleep(limits::DRAIN).await;
    };
    tokio::select! {
        served = served => served,
        () = patience => {
            tracing::warn!("some connections did not come to an end: they are cut off");
            Ok(())
        }
    }
}

/// The whole life of the process: what `main` does, and what the sandbox starts as a process of its own.
pub async fn run() -> anyhow::Result<()> {
    let config = Config::from_env(shared::env::Env::of_process())?;
    let tracing = telemetry::start("postly-ingest", &config.telemetry)?;
    let metrics = telemetry::metrics()?;
    let providers = Provider::ALL.map(Provider::as_str);
    let providers = ("provider", &providers[..]);
    telemetry::begins(
        "postly_webhooks_total",
        &[providers, ("outcome", &["accepted", "unavailable", "bad_signature"])],
    );
    telemetry::begins("postly_webhook_events_total", &[providers, ("outcome", &["spilled", "unreadable"])]);
    let stop = shared::shutdown::on_signal()?;
    let app = App::new(&config, Clock::system())?;
    if config.migrate {
        intake::migrate_when_possible(app.pool().clone(), app.vault.clone());
    }
    intake::keep_warm(app.pool().clone());
    let public = TcpListener::bind(config.addr)
        .await
        .map_err(|error| anyhow::anyhow!("INGEST_ADDR {}: {error}", config.addr))?;
    let admin = TcpListener::bind(config.admin_addr)
        .await
        .map_err(|error| anyhow::anyhow!("ADMIN_ADDR {}: {error}", config.admin_addr))?;
    tracing::info!(
        addr = %public.local_addr()?,
        admin.addr = %admin.local_addr()?,
        meta = config.meta.is_some(),
        twilio = config.twilio.is_some(),
        stripe = config.stripe.is_some(),
        sessions = config.sessions.is_some(),
        codes = config.codes.is_some(),
        traces = config.telemetry.export.is_on(),
        version = shared::build::VERSION,
        commit = shared::build::COMMIT,
        "postly-ingest is listening"
    );
    let stopping = async move { stop.cancelled_owned().await }.boxed().shared();
    serve(app, metrics, public, admin, stopping).await?;
    tracing::info!("postly-ingest has stopped");
    tracing.close().await;
    Ok(())
}
