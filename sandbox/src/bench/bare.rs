//! The reference for ingest: a handler that checks the signature, does one `XADD` on one connection, and answers 200. No
//! work for it is looked for twice, none has an order, and nobody is told how it fares.

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use redis::aio::MultiplexedConnection;
use sha1::Sha1;
use sha2::Sha256;
use tokio::net::TcpListener;

use super::letter::PATH;
use crate::stage::{META_APP_SECRET, PUBLIC_URL, TWILIO_AUTH_TOKEN};

/// The first argument of this program that makes it the reference.
pub const ARGUMENT: &str = "bench-bare";

/// The stream that everything goes to.
pub const STREAM: &str = "bare";

/// Serves until it is killed: where, and which Redis, say the two arguments.
pub async fn main(mut words: impl Iterator<Item = String>) -> Result<()> {
    let (address, redis) = (words.next().context("an address")?, words.next().context("a Redis")?);
    let connection = redis::Client::open(redis)?.get_multiplexed_async_connection().await?;
    let routes = Router::new().route(PATH, post(receive)).with_state(Arc::new(connection));
    axum::serve(TcpListener::bind(address).await?, routes).await?;
    Ok(())
}

async fn receive(
    State(connection): State<Arc<MultiplexedConnection>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    if !(is_metas(&headers, &body) || is_twilios(&headers, &body)) {
        return StatusCode::UNAUTHORIZED;
    }
    let mut connection = (*connection).clone();
    let mut command = redis::cmd("XADD");
    command.arg(STREAM).arg("*").arg("body").arg(&body[..]);
    match command.query_async::<String>(&mut connection).await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn is_metas(headers: &HeaderMap, body: &[u8]) -> bool {
    let Some(signature) = headers.get("x-hub-signature-256") else { return false };
    let signature = signature.as_bytes().strip_prefix(b"sha256=").map(hex::decode);
    let (Some(Ok(signature)), Ok(mut mac)) =
        (signature, Hmac::<Sha256>::new_from_slice(META_APP_SECRET.as_bytes()))
    else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

fn is_twilios(headers: &HeaderMap, body: &[u8]) -> bool {
    let Some(signature) = headers.get("x-twilio-signature") else { return false };
    let (Ok(signature), Ok(mut mac)) = (
        BASE64_STANDARD.decode(signature.as_bytes()),
        Hmac::<Sha1>::new_from_slice(TWILIO_AUTH_TOKEN.as_bytes()),
    ) else {
        return false;
    };
    mac.update(PUBLIC_URL.as_bytes());
    mac.update(PATH.as_bytes());
    let mut form: Vec<_> = form_urlencoded::parse(body).collect();
    form.sort_unstable();
    for (name, value) in form {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    mac.verify_slice(&signature).is_ok()
}
