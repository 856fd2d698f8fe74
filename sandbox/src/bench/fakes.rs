//! A model and a provider that cost next to nothing: they answer by rote, after as long as they are told to take. What
//! they are asked is checked elsewhere, by the simulators.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A completion around this content.
fn completion(content: &str) -> String {
    let content = serde_json::Value::from(content);
    format!(
        r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1764288000,"model":"gpt-4o-mini-2024-07-18","choices":[{{"index":0,"message":{{"role":"assistant","content":{content},"refusal":null}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":320,"completion_tokens":180,"total_tokens":500}}}}"#
    )
}

const INTENT: &str = r#"{"platform":"instagram","industry":"salon de thé","objective":"ouverture","tone":"chaleureux","language":"fr","written_in":"fr","off_topic":false}"#;

const PROMPT: &str = "Trois posts Instagram pour l’ouverture d’un salon de thé : ton chaleureux, une invitation à passer \
                      samedi, une boisson offerte aux vingt premiers, deux emojis au plus et trois mots-dièse.";

const POSTS: &str = r#"{"post_1":"Samedi, notre salon de thé ouvre ses portes ! Les vingt premiers reçoivent une boisson. #thé #Nantes","post_2":"Une tasse chaude, un fauteuil, du temps pour soi : rendez-vous samedi pour l’ouverture. #pause #salon","post_3":"Nous avons choisi trente thés pour vous. Venez goûter le vôtre samedi, il est peut-être offert. #découverte"}"#;

/// Both, on one port.
pub struct Fakes {
    state: Arc<Rote>,
    address: String,
    serving: JoinHandle<()>,
}

struct Rote {
    takes: Duration,
    answers: [Bytes; 3],
    calls: AtomicUsize,
    most: AtomicUsize,
    sent: AtomicU64,
}

impl Fakes {
    /// Opens them. Each call of the model takes so long.
    pub async fn open(takes: Duration) -> Result<Self> {
        let answers = [INTENT, PROMPT, POSTS].map(|content| Bytes::from(completion(content)));
        let state = Arc::new(Rote {
            takes,
            answers,
            calls: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
        });
        let routes = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/v1/moderations", post(moderate))
            .route("/{version}/{business}/messages", post(send))
            .with_state(state.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let serving = tokio::spawn(async move {
            // It ends with this program, or when it is told to.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { state, address, serving })
    }

    /// What points a worker at them.
    pub fn variables(&self) -> BTreeMap<String, String> {
        [
            ("OPENAI_BASE_URL", format!("{}/v1", self.address)),
            ("OPENAI_API_KEY", "sk-bench".to_owned()),
            ("META_GRAPH_URL", self.address.clone()),
            ("META_ACCESS_TOKEN", "EAAbench".to_owned()),
            // What is measured is our own speed, not the provider's.
            ("META_MESSAGES_PER_SECOND", "1000000".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// The most calls of the model that were under way at once.
    pub fn most_at_once(&self) -> usize {
        self.state.most.load(Ordering::Relaxed)
    }
}

impl Fakes {
    /// Waits until so many messages were taken for delivery since it opened.
    pub async fn sends(&self, messages: u64, within: Duration) -> Result<()> {
        let deadline = tokio::time::Instant::now() + within;
        let mut turns = tokio::time::interval(Duration::from_millis(20));
        while self.sent() < messages {
            turns.tick().await;
            let sent = self.sent();
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "{sent} of {messages} answers were sent");
        }
        Ok(())
    }

    /// Messages taken for delivery so far.
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Fakes {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn complete(State(rote): State<Arc<Rote>>, body: Bytes) -> impl IntoResponse {
    let under_way = rote.calls.fetch_add(1, Ordering::Relaxed) + 1;
    rote.most.fetch_max(under_way, Ordering::Relaxed);
    if !rote.takes.is_zero() {
        tokio::time::sleep(rote.takes).await;
    }
    rote.calls.fetch_sub(1, Ordering::Relaxed);
    let named = |name: &[u8]| body.windows(name.len()).any(|part| part == name);
    let which = if named(br#""off_topic""#) {
        0
    } else if named(br#""post_1""#) {
        2
    } else {
        1
    };
    ([(CONTENT_TYPE, "application/json")], rote.answers[which].clone())
}

async fn moderate() -> impl IntoResponse {
    let verdict = r#"{"id":"modr-1","model":"omni-moderation-latest","results":[{"flagged":false}]}"#;
    ([(CONTENT_TYPE, "application/json")], verdict)
}

/// Takes messages, and the calls that show that we are typing.
async fn send(State(rote): State<Arc<Rote>>, body: Bytes) -> impl IntoResponse {
    let name = br#""typing_indicator""#;
    let answer = if body.windows(name.len()).any(|part| part == name) {
        r#"{"success":true}"#.to_owned()
    } else {
        let number = rote.sent.fetch_add(1, Ordering::Relaxed);
        format!(r#"{{"messaging_product":"whatsapp","messages":[{{"id":"wamid.BENCH{number:016}"}}]}}"#)
    };
    ([(CONTENT_TYPE, "application/json")], answer)
}
