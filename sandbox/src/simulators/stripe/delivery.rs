//! The road of an event to our endpoint: signed for each attempt, tried again until it is taken or given up.
//!
//! Any answer from 200 to 299 takes an event. Anything else is tried again after a pause that doubles (the real one
//! goes on for three days), always with the same bytes and a new signature, at the URL and under the secrets of
//! that moment.

use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::super::courier::{Delivery, Persistence};
use super::Stripe;
use super::events::Event;
use super::signature::header;

impl Stripe {
    /// Where the bytes of events go.
    pub fn webhook_url(&self, url: impl Into<String>) {
        self.0.dispatch.change(|dispatch| dispatch.webhook_url = Some(url.into()));
    }

    /// The endpoint's secrets from now on: two begin a roll, one ends it.
    pub fn webhook_secrets(&self, secrets: Vec<String>) {
        self.0.dispatch.change(|dispatch| dispatch.secrets = secrets);
    }

    /// How stubborn later deliveries are: attempts in all, and the pause before the second, which doubles each
    /// time. Five from a tenth of a second at first.
    pub fn insists(&self, tries: u32, pause: Duration) {
        self.0.dispatch.change(|dispatch| (dispatch.tries, dispatch.pause) = (tries.max(1), pause));
    }

    /// Delivers an event again, the same bytes `times` times with one attempt each, one after the other or all at
    /// once. An id that no event has gives no deliveries.
    pub async fn redeliver(&self, event_id: &str, times: usize, at_once: bool) -> Vec<Delivery> {
        let Some(event) = self.find(event_id) else { return Vec::new() };
        if at_once {
            return join_all((0..times).map(|_| self.attempt(&event))).await;
        }
        let mut deliveries = Vec::with_capacity(times);
        for _ in 0..times {
            deliveries.push(self.attempt(&event).await);
        }
        deliveries
    }

    /// The header with which Stripe would send these bytes now.
    #[must_use]
    pub fn signs(&self, body: &[u8]) -> String {
        let now = self.0.clock.now().timestamp();
        self.0.dispatch.read(|dispatch| header(&dispatch.secrets, now, body))
    }

    /// Posts any bytes with any `Stripe-Signature`, or without one, in one attempt: somebody who may not be Stripe.
    pub async fn delivers_raw(&self, body: impl Into<Vec<u8>>, signature: Option<&str>) -> Delivery {
        let url = self.0.dispatch.read(|dispatch| dispatch.webhook_url.clone());
        let Some(url) = url else { return Delivery::nowhere() };
        let mut headers = HeaderMap::new();
        let json = "application/json; charset=utf-8";
        headers.insert("content-type", json.parse().expect("a literal header value"));
        headers.insert("cache-control", "no-cache".parse().expect("a literal header value"));
        if let Some(signature) = signature.and_then(|signature| signature.parse().ok()) {
            headers.insert("stripe-signature", signature);
        }
        self.0.courier.post(&url, headers, body.into(), &Persistence::once()).await
    }

    /// Delivers events after a pause, `copies` of each at once, beside whoever waits for it.
    pub(super) fn carries(
        &self,
        events: Vec<Event>,
        pause: Duration,
        copies: usize,
    ) -> impl Future<Output = Vec<Delivery>> + use<> {
        let (done, waiting) = oneshot::channel();
        if !events.is_empty() {
            let stripe = self.clone();
            self.0.life.errand(async move {
                tokio::time::sleep(pause).await;
                // Whoever does not want to know how it went has dropped the other end.
                let _ = done.send(stripe.deliver(&events, copies).await);
            });
        }
        async move { waiting.await.unwrap_or_default() }
    }

    /// First attempts one event after the other, further attempts of each beside the others.
    async fn deliver(&self, events: &[Event], copies: usize) -> Vec<Delivery> {
        let mut begun = Vec::with_capacity(events.len() * copies);
        for event in events {
            let started = Instant::now();
            let firsts = join_all((0..copies).map(|_| self.attempt(event))).await;
            begun.extend(firsts.into_iter().map(|first| (event, started, first)));
        }
        join_all(begun.into_iter().map(|(event, started, first)| self.insist(event, started, first))).await
    }

    async fn insist(&self, event: &Event, started: Instant, first: Delivery) -> Delivery {
        let (tries, mut pause) = self.0.dispatch.read(|dispatch| (dispatch.tries, dispatch.pause));
        let mut latest = first;
        while latest.attempts > 0 && latest.attempts < tries && !taken(&latest) {
            tokio::time::sleep(pause).await;
            pause *= 2;
            let attempts = latest.attempts + 1;
            latest = Delivery { attempts, elapsed: started.elapsed(), ..self.attempt(event).await };
        }
        latest
    }

    async fn attempt(&self, event: &Event) -> Delivery {
        let signature = self.signs(&event.body);
        let delivery = self.delivers_raw(event.body.clone(), Some(&signature)).await;
        Delivery { message_id: event.id.clone(), ..delivery }
    }
}

fn taken(delivery: &Delivery) -> bool {
    delivery.status.is_some_and(|status| (200..300).contains(&status))
}
