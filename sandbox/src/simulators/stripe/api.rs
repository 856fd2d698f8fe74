//! What the business calls: `POST /v1/checkout/sessions` and a few look-ups, and the table of all routes.
//!
//! Checked in Stripe's order: rate, key, form, idempotency, parameters, and only then the things they speak of.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::{journal, life};
use super::account::fresh;
use super::errors::{ApiError, StripeFault};
use super::events::API_VERSION;
use super::form::{Form, decode};
use super::idempotency::{self, Answer, Turn};
use super::{Stripe, order, page, prices};

/// Tag of the faults that hit new sessions.
pub(super) const SESSION: &str = "session";
/// Tag of the faults that hit look-ups.
pub(super) const LOOKUP: &str = "lookup";

/// The API's routes, and the page's.
pub(super) fn routes(stripe: &Stripe) -> Router {
    let lost = async |method: Method, uri: Uri| ApiError::path(method.as_str(), uri.path());
    Router::new()
        .route("/v1/prices", get(prices::list))
        .route("/v1/prices/{id}", get(prices::one))
        .route("/v1/checkout/sessions", post(create))
        .route("/v1/checkout/sessions/{id}", get(session))
        .route("/v1/webhook_endpoints", get(endpoints))
        .route("/pay/{id}", get(page::show))
        .route("/pay/{id}/{choice}", post(page::choose))
        .fallback(lost)
        .method_not_allowed_fallback(lost)
        .with_state(stripe.clone())
        .layer(middleware::from_fn_with_state(stripe.journal().clone(), journal::keep))
}

async fn create(State(stripe): State<Stripe>, headers: HeaderMap, body: Bytes) -> Response {
    let request = fresh("req_", 14);
    let mut response = stripe.creates(&headers, &body, &request).await.into_response();
    if let Some(key) = headers.get("idempotency-key") {
        response.headers_mut().insert("idempotency-key", key.clone());
        response.headers_mut().entry("original-request").or_insert_with(|| word(&request));
    }
    dressed(response, &request)
}

/// `GET /v1/checkout/sessions/{id}`.
async fn session(State(stripe): State<Stripe>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let look = || {
        let session = stripe.session(&id).map(|session| session.resource());
        session.ok_or_else(|| ApiError::not_found("checkout.session", "session", &id))
    };
    stripe.answers(&headers, look).await
}

/// `GET /v1/webhook_endpoints`.
async fn endpoints(State(stripe): State<Stripe>, headers: HeaderMap) -> Response {
    stripe.answers(&headers, || Ok(stripe.0.dispatch.read(super::Dispatch::endpoints))).await
}

impl Stripe {
    async fn creates(&self, headers: &HeaderMap, body: &[u8], request: &str) -> Result<Response, ApiError> {
        let key = idempotency::key(headers);
        let fault = self.0.faults.next(Some(SESSION));
        if let Some(refusal) = fault.and_then(|fault| fault.at_the_gate(key)) {
            self.saw_key(key);
            return Err(refusal);
        }
        self.enters(headers)?;
        is_form(headers)?;
        let params = decode(body);
        let mut claim = match self.turn(key, &params, request)? {
            Turn::First(claim) => claim,
            Turn::Again(answer, original) => return Ok(replayed(answer, &original)),
        };
        if fault == Some(StripeFault::Hang) {
            return Ok(self.0.life.hang().await);
        }
        let answer = match self.opens(params, fault) {
            Ok(body) => Answer { status: StatusCode::OK, body },
            Err(error) if error.begun => error.answer(),
            Err(error) => return Err(error),
        };
        claim.keep(answer.clone());
        let in_time = self.0.life.unless_stopped(self.0.faults.linger()).await.is_some();
        Ok(match fault {
            Some(StripeFault::Drop) => life::cut(),
            Some(StripeFault::Garbage200) => StripeFault::garbage(),
            _ if in_time => answer.into_response(),
            _ => life::cut(),
        })
    }

    fn opens(&self, params: Form, fault: Option<StripeFault>) -> Result<Value, ApiError> {
        let now = self.0.clock.now();
        let order = order::read(&params, now)?;
        if fault == Some(StripeFault::Http500) {
            return Err(StripeFault::internal());
        }
        self.0.account.change(|account| account.open(order, params, self.url(), now))
    }

    /// Answers a look-up: lets the ordered trouble happen, checks the key, and only then looks.
    pub(super) async fn answers(
        &self,
        headers: &HeaderMap,
        look: impl FnOnce() -> Result<Value, ApiError>,
    ) -> Response {
        let fault = self.0.faults.next(Some(LOOKUP));
        if self.0.life.unless_stopped(self.0.faults.linger()).await.is_none() {
            return life::cut();
        }
        let refusal = match fault {
            Some(StripeFault::Drop) => return life::cut(),
            Some(StripeFault::Hang) => return self.0.life.hang().await,
            Some(StripeFault::Garbage200) => return StripeFault::garbage(),
            Some(StripeFault::Http500) => Some(StripeFault::internal()),
            Some(fault) => fault.at_the_gate(None),
            None => None,
        };
        let found = refusal.map_or(Ok(()), Err).and_then(|()| self.enters(headers)).and_then(|()| look());
        let response = found.map(|body| Answer { status: StatusCode::OK, body }).into_response();
        dressed(response, &fresh("req_", 14))
    }

    /// Checks the key: as a bearer, or as the user of Basic authentication.
    fn enters(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let given = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let key = match given.split_once(' ') {
            Some(("Bearer", key)) => key.to_owned(),
            Some(("Basic", basic)) => {
                let decoded = STANDARD.decode(basic).ok().and_then(|pair| String::from_utf8(pair).ok());
                decoded.and_then(|pair| pair.split(':').next().map(str::to_owned)).unwrap_or_default()
            }
            _ => String::new(),
        };
        if key == self.0.secret_key { Ok(()) } else { Err(ApiError::key(&key)) }
    }
}

fn is_form(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if given.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Ok(());
    }
    let message = "Invalid request (check that your POST content type is application/x-www-form-urlencoded).";
    Err(ApiError::request(message))
}

fn replayed(answer: Answer, original: &str) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    response.headers_mut().insert("original-request", word(original));
    response
}

/// Adds the headers that every answer carries.
fn dressed(mut response: Response, request: &str) -> Response {
    response.headers_mut().insert("request-id", word(request));
    response
        .headers_mut()
        .insert(HeaderName::from_static("stripe-version"), HeaderValue::from_static(API_VERSION));
    response
}

fn word(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("letters and digits are a header value")
}
