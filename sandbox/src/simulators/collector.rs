//! A collector of traces, as one that speaks OTLP over HTTP (OpenTelemetry: OTLP 1.x, binary protobuf): it refuses what is no
//! such request, and keeps the spans, and the bytes that they came in.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1 as otlp;
use prost::Message;

use super::life::{Door, Life};
use super::watched::Watched;

/// What is sent, and answered.
const PROTOBUF: &str = "application/x-protobuf";

/// A span that arrived. Ids are hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Which program sent it.
    pub service: String,
    /// What was done.
    pub name: String,
    /// Its trace.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// The span that it is under; empty: none.
    pub parent: String,
    /// The traces that it came of as well.
    pub links: Vec<String>,
    /// What is told about it.
    pub attributes: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Arrived {
    spans: Vec<Span>,
    bytes: Vec<u8>,
}

/// The collector. Clones are the same one.
#[derive(Clone)]
pub struct Collector {
    url: String,
    arrived: Arc<Watched<Arrived>>,
}

impl Collector {
    /// Opens it on a free port, until the end of the runtime.
    pub async fn start() -> io::Result<Self> {
        let door = Door::open().await?;
        let url = door.url();
        let arrived = Arc::new(Watched::new(Arrived::default()));
        let router = Router::new().route("/v1/traces", post(take)).with_state(arrived.clone());
        Life::default().serve(door, router);
        Ok(Self { url, arrived })
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to name.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every span that has arrived.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.arrived.read(|arrived| arrived.spans.clone())
    }

    /// Everything that has arrived, as it was sent.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.arrived.read(|arrived| arrived.bytes.clone())
    }
}

async fn take(State(arrived): State<Arc<Watched<Arrived>>>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.get(CONTENT_TYPE).is_none_or(|kind| kind != PROTOBUF) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body.clone()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let spans = request.resource_spans.into_iter().flat_map(|resource| {
        let about = resource.resource.map(|resource| attributes(resource.attributes)).unwrap_or_default();
        let service = about.get("service.name").cloned().unwrap_or_default();
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.map(move |span| read(service.clone(), span)).collect::<Vec<_>>()
    });
    let spans: Vec<Span> = spans.collect();
    arrived.change(|arrived| {
        arrived.spans.extend(spans);
        arrived.bytes.extend(body);
    });
    ([(CONTENT_TYPE, PROTOBUF)], ExportTraceServiceResponse::default().encode_to_vec()).into_response()
}

fn read(service: String, span: otlp::Span) -> Span {
    Span {
        service,
        name: span.name,
        trace: hex::encode(span.trace_id),
        id: hex::encode(span.span_id),
        parent: hex::encode(span.parent_span_id),
        links: span.links.into_iter().map(|link| hex::encode(link.trace_id)).collect(),
        attributes: attributes(span.attributes),
    }
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    let told = pairs.into_iter().filter_map(|pair| {
        let value = match pair.value?.value? {
            any_value::Value::StringValue(text) => text,
            any_value::Value::IntValue(number) => number.to_string(),
            any_value::Value::BoolValue(yes) => yes.to_string(),
            any_value::Value::DoubleValue(number) => number.to_string(),
            _ => return None,
        };
        Some((pair.key, value))
    });
    told.collect()
}
