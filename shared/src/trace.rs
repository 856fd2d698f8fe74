//! One trace from a webhook to the phone: its context travels in the job and stands in the outbox, so that what several
//! processes do for one message, minutes apart, is one tree.
//!
//! Ids exist in every process, and stand in its logs; spans are recorded and sent only where an endpoint is configured
//! ([`Export`]). No attribute of a span ever carries a person, a text or a secret.

use std::fmt;
use std::time::Duration;

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, Sampler, SdkTracer, SdkTracerProvider};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::env::Env;

/// How long one export may take before its spans are given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a trace has come to: which one it is, and the span that what follows belongs under. Its text is a `traceparent`
/// (W3C Trace Context, version 00).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace: TraceId,
    span: SpanId,
    flags: TraceFlags,
}

impl TraceContext {
    /// The beginning of a trace that no span is recorded of: what logs are found by, and what others may carry on.
    #[must_use]
    pub fn begin() -> Self {
        let ids = RandomIdGenerator::default();
        Self { trace: ids.new_trace_id(), span: ids.new_span_id(), flags: TraceFlags::NOT_SAMPLED }
    }

    /// Where the code that runs now stands. `None`: outside of any span, or in a process that traces nothing.
    #[must_use]
    pub fn current() -> Option<Self> {
        Self::of(&Span::current())
    }

    /// Where this span stands.
    #[must_use]
    pub fn of(span: &Span) -> Option<Self> {
        let context = span.context();
        let here = context.span().span_context().clone();
        let (trace, span, flags) = (here.trace_id(), here.span_id(), here.trace_flags());
        here.is_valid().then_some(Self { trace, span, flags })
    }

    /// Reads a `traceparent`. `None`: it is none, as far as version 00 knows.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |part: &str, digits| part.len() == digits && part.bytes().all(|b| b.is_ascii_hexdigit());
        if parts.next().is_some() || version != "00" || !hex(trace, 32) || !hex(span, 16) || !hex(flags, 2) {
            return None;
        }
        let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let context = Self { trace, span, flags };
        context.remote().is_valid().then_some(context)
    }

    /// As somebody else's span.
    fn remote(self) -> SpanContext {
        SpanContext::new(self.trace, self.span, self.flags, true, TraceState::NONE)
    }

    /// Puts a span under this one, before it has begun to do anything.
    pub fn adopt(self, span: &Span) {
        // A process that traces nothing has nobody to tell.
        let _ = span.set_parent(Context::new().with_remote_span_context(self.remote()));
    }

    /// Notes on a span that it came of this one as well, which belongs to another trace.
    pub fn link(self, span: &Span) {
        span.add_link(self.remote());
    }

    /// Which trace it is, as logs name it: 32 hexadecimal digits.
    #[must_use]
    pub fn id(self) -> String {
        self.trace.to_string()
    }
}

/// Which trace it is, as [`TraceContext::id`], where there is one.
#[must_use]
pub fn id(context: Option<TraceContext>) -> Option<String> {
    context.map(TraceContext::id)
}

/// Notes the id of its trace on a span that has declared the field `trace_id`, so that every line logged under it has it.
pub fn name(span: &Span) {
    if let Some(context) = TraceContext::of(span) {
        span.record("trace_id", context.id());
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, span, flags } = self;
        write!(out, "00-{trace}-{span}-{:02x}", flags.to_u8())
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TraceContext({self})")
    }
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Reads what stands in a job. What is no `traceparent` is as if it were not there: a message is not lost for its trace.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(from: D) -> Result<Option<TraceContext>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.as_deref().and_then(TraceContext::read))
}

/// Where spans go.
#[derive(Debug, Clone)]
pub struct Export {
    endpoint: Option<String>,
    ratio: f64,
}

impl Export {
    /// Reads `OTEL_EXPORTER_OTLP_ENDPOINT` (the base address of a collector that speaks OTLP over HTTP; unset: nothing is
    /// sent) and `OTEL_TRACES_SAMPLER_ARG` (which part of the traces that begin here is recorded, 0 to 1), noting what is
    /// wrong with them. Names: OpenTelemetry, SDK environment variables.
    pub fn from_env(env: &mut Env) -> Self {
        let endpoint =
            env.text("OTEL_EXPORTER_OTLP_ENDPOINT").map(|base| base.trim_end_matches('/').to_owned());
        if endpoint.as_ref().is_some_and(|endpoint| !endpoint.starts_with("http")) {
            env.problem("OTEL_EXPORTER_OTLP_ENDPOINT must be an address such as http://collector:4318");
        }
        let ratio = env.parsed("OTEL_TRACES_SAMPLER_ARG", 1.0_f64);
        if !(0.0..=1.0).contains(&ratio) {
            env.problem("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1");
        }
        Self { endpoint, ratio }
    }

    /// Whether anything is sent.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.endpoint.is_some()
    }

    /// What records the spans of `service`. Whoever carries a trace on is recorded as its beginning was.
    pub(crate) fn open(&self, service: &'static str) -> anyhow::Result<Tracing> {
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attribute(KeyValue::new("service.version", crate::build::VERSION))
            .build();
        let mut provider = SdkTracerProvider::builder().with_resource(resource);
        provider = match &self.endpoint {
            None => provider.with_sampler(Sampler::AlwaysOff),
            Some(endpoint) => {
                let exporter = SpanExporter::builder()
                    .with_http()
                    .with_protocol(Protocol::HttpBinary)
                    .with_endpoint(format!("{endpoint}/v1/traces"))
                    .with_timeout(PATIENCE)
                    .build()?;
                let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(self.ratio)));
                provider.with_batch_exporter(exporter).with_sampler(sampler)
            }
        };
        let provider = provider.build();
        Ok(Tracing { tracer: provider.tracer(service), provider })
    }
}

/// What records spans, as long as the process lives.
#[derive(Debug)]
pub struct Tracing {
    pub(crate) tracer: SdkTracer,
    provider: SdkTracerProvider,
}

impl Tracing {
    /// Sends what is left, for a few seconds at most. The last thing that a process does.
    pub async fn close(self) {
        // It waits for a thread of its own.
        let closed = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(PATIENCE)).await;
        if !matches!(closed, Ok(Ok(()))) {
            tracing::debug!("the last spans were not sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of W3C Trace Context, section 3.2.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written_as_it_is() {
        let context = TraceContext::read(EXAMPLE).unwrap();
        assert_eq!((context.to_string(), context.id()), (EXAMPLE.to_owned(), EXAMPLE[3..35].to_owned()));
        for wrong in [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-02",
        ] {
            assert_eq!(TraceContext::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn outside_of_every_span_there_is_no_trace() {
        assert_eq!(TraceContext::current(), None);
    }
}
