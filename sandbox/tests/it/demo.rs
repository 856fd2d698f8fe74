//! The demo's page breaks things on purpose: what its buttons do is real, and what it tells afterwards is true.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use sandbox::chat;
use sandbox::servers::{Options, default_base};
use sandbox::stack::Stack;
use serde_json::{Value, json};
use shared::ledger;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::until;

/// The page gives up asking after this long.
const BOUNDED: Duration = Duration::from_secs(4);

const BRIEF: &str = "Crée un post promo pour Instagram";

/// A browser with the page open.
struct Browser {
    page: SocketAddr,
    http: reqwest::Client,
    /// What an auditor would look at beside it.
    pool: PgPool,
}

impl Browser {
    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("http://{}{path}", self.page);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn says(&self, text: &str) -> StatusCode {
        self.post("/api/say", json!({ "provider": "meta", "text": text })).await.0
    }

    async fn presses(&self, harm: &str, on: bool) {
        let (status, body) =
            self.post("/api/harm", json!({ "provider": "meta", "harm": harm, "on": on })).await;
        assert_eq!(status, StatusCode::OK, "{harm}: {body}");
    }

    async fn sees(&self) -> Value {
        let asked = Instant::now();
        let answer = self.http.get(format!("http://{}/api/state", self.page)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let state = answer.json().await.unwrap();
        assert!(asked.elapsed() < BOUNDED, "{:?}", asked.elapsed());
        state
    }

    async fn taps(&self, message: &Value, choice: &str) -> (StatusCode, Value) {
        let body = json!({ "provider": "meta", "message": message["id"], "choice": choice });
        self.post("/api/tap", body).await
    }

    /// Sends a voice note from this person's phone: this sound, and these words behind it.
    async fn speaks(&self, provider: &str, person: &str, words: &str, sound: (&str, &[u8])) -> StatusCode {
        let (kind, bytes) = sound;
        let url = format!("http://{}/api/voice?provider={provider}&person={person}&words={words}", self.page);
        let request = self.http.post(url).header("content-type", kind).body(bytes.to_vec());
        request.send().await.unwrap().status()
    }

    /// What the page shows of this person's phone.
    async fn sees_of(&self, provider: &str, person: &str) -> Value {
        let url = format!("http://{}/api/state?provider={provider}&person={person}", self.page);
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// Waits for an answer with these words on this person's phone.
    async fn hears_on(&self, provider: &str, person: &str, words: &str) -> Value {
        let found = |state: &Value| {
            let messages = state["messages"].as_array().unwrap().iter();
            let text = |message: &&Value| message["text"].as_str().unwrap().contains(words);
            messages.filter(|message| message["from"] == "postly").rfind(text).cloned()
        };
        until(words, async || found(&self.sees_of(provider, person).await).is_some()).await;
        found(&self.sees_of(provider, person).await).unwrap()
    }

    /// Does something with the money, if that is allowed now.
    async fn does(&self, deed: &str) -> StatusCode {
        self.post("/api/purse", json!({ "provider": "meta", "deed": deed })).await.0
    }

    /// Waits for an answer with these words, and returns it.
    async fn hears(&self, words: &str) -> Value {
        let found = |state: &Value| {
            let messages = state["messages"].as_array().unwrap().iter();
            let text = |message: &&Value| message["text"].as_str().unwrap().contains(words);
            messages.filter(|message| message["from"] == "postly").rfind(text).cloned()
        };
        until(words, async || found(&self.sees().await).is_some()).await;
        found(&self.sees().await).unwrap()
    }

    async fn owns(&self, credits: i64) {
        until("the credits", async || self.sees().await["credits"] == credits).await;
    }

    /// Opens a page as a person does who prefers this language.
    async fn opens(&self, url: &str, language: &str) -> String {
        let answer = self.http.get(url).header("accept-language", language).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{url}");
        answer.text().await.unwrap()
    }

    /// What the books cannot explain.
    async fn imbalance(&self) -> i64 {
        ledger::look(&self.pool).await.unwrap().imbalance()
    }

    /// The titles of the steps, in order.
    async fn reads(&self) -> Vec<String> {
        self.reads_of(&self.sees().await)
    }

    /// The same, as this look showed them.
    #[expect(clippy::unused_self, reason = "it is the browser that reads")]
    fn reads_of(&self, state: &Value) -> Vec<String> {
        let title = |step: &Value| step["title"]["fr"].as_str().unwrap().to_owned();
        state["story"].as_array().unwrap().iter().map(title).collect()
    }

    /// Waits for the answer to the last message, with so many credits left.
    async fn is_answered(&self, credits: i64) {
        until("the answer", async || {
            let state = self.sees().await;
            let answered = |message: &Value| message["replyTo"] == state["selected"];
            state["messages"].as_array().unwrap().iter().any(answered) && state["credits"] == credits
        })
        .await;
    }
}

async fn with_the_demo(test: impl AsyncFnOnce(&Browser)) {
    let exe = Path::new(env!("CARGO_BIN_EXE_sandbox"));
    // Its own servers, whatever the environment names: they are taken away.
    let options = Options { database_url: None, redis_url: None, ..Options::tests(exe) };
    let logs = default_base().with_file_name("test-demo-logs");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let web = format!("http://{}", listener.local_addr().unwrap());
    let stack = Arc::new(Stack::start_with(options, exe, logs, &web, |_| ()).await.unwrap());
    let browser = Browser {
        page: listener.local_addr().unwrap(),
        http: reqwest::Client::new(),
        pool: stack.pool.clone(),
    };
    let stop = CancellationToken::new();
    let page = tokio::spawn(chat::serve(stack.clone(), listener, stop.clone().cancelled_owned()));
    test(&browser).await;
    drop(browser);
    stop.cancel();
    page.await.unwrap().unwrap();
    Arc::into_inner(stack).unwrap().stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_buttons_break_costs_one_answer_and_one_credit() {
    with_the_demo(async |browser| {
        browser.presses("redis", true).await;
        assert_eq!(browser.says(BRIEF).await, StatusCode::OK);
        let state = browser.sees().await;
        assert_eq!((state["services"]["redis"].as_str(), &state["queue"]), (Some("stopped"), &Value::Null));
        let story = browser.reads().await;
        assert_eq!(story[..2], ["Redis arrêté", "Signature vérifiée, message gardé dans Postgres"]);
        browser.presses("redis", false).await;
        browser.is_answered(4).await;

        // The door may still shun Redis for a moment; then Postgres takes the first of these.
        until("the queue knows it", async || {
            browser.presses("redeliver", true).await;
            browser.reads().await.contains(&"Redélivré : déjà reçu, ignoré".to_owned())
        })
        .await;
        let story = browser.reads().await;
        assert!(story.contains(&"Redis est de retour".to_owned()), "{story:?}");
        assert_eq!(browser.sees().await["credits"], 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_is_replaced_and_the_page_outlives_both_servers() {
    with_the_demo(async |browser| {
        browser.presses("slow_model", true).await;
        assert_eq!(browser.says(BRIEF).await, StatusCode::OK);
        let held = "Crédit réservé".to_owned();
        until("a worker has it", async || browser.reads().await.contains(&held)).await;
        browser.presses("kill_worker", true).await;
        browser.presses("slow_model", false).await;
        browser.is_answered(4).await;
        let story = browser.reads().await;
        for told in ["Worker tué", "Worker relancé", "Message repris là où il en était"] {
            assert!(story.iter().any(|title| title == told), "{told}: {story:?}");
        }

        browser.presses("postgres", true).await;
        browser.presses("redis", true).await;
        assert_eq!(browser.says(BRIEF).await, StatusCode::SERVICE_UNAVAILABLE);
        let state = browser.sees().await;
        assert_eq!(state["services"]["postgres"], "stopped");
        assert_eq!((state["credits"].as_i64(), state["messages"].as_array().unwrap().len()), (Some(4), 3));
        browser.presses("redis", false).await;
        browser.presses("postgres", false).await;
        browser.presses("redeliver", true).await;
        browser.is_answered(3).await;
        let story = browser.reads().await;
        // By Redis, or by Postgres as long as the door still shuns Redis.
        let taken = ["Redélivré : pris", "Redélivré : gardé une fois dans Postgres"];
        assert!(story.iter().any(|title| taken.contains(&title.as_str())), "{story:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_runs_out_buys_on_the_page_and_money_that_goes_back_takes_its_credits() {
    with_the_demo(async |browser| {
        assert_eq!(browser.does("refund").await, StatusCode::CONFLICT, "nothing was bought");
        browser.owns(5).await;
        assert_eq!(browser.does("empty").await, StatusCode::OK);
        browser.owns(0).await;
        assert_eq!(browser.does("empty").await, StatusCode::CONFLICT, "there is nothing left");
        assert_eq!(browser.imbalance().await, 0);

        assert_eq!(browser.says(BRIEF).await, StatusCode::OK);
        let shelf = browser.hears("Vous n’avez plus de crédit").await;
        let menu = &shelf["menu"];
        assert_eq!(
            (menu["opens"].as_str(), menu["choices"].as_array().unwrap().len()),
            (Some("Voir les recharges"), 3)
        );
        let first = &menu["choices"][0];
        assert_eq!(
            *first,
            json!({ "id": "buy:pack_20", "title": "20 crédits", "description": "4,90\u{202f}€" })
        );

        let (refused, _) = browser.taps(&shelf, "buy:pack_1000").await;
        assert_eq!(refused, StatusCode::UNPROCESSABLE_ENTITY, "what is not offered cannot be tapped");
        assert_eq!(browser.taps(&shelf, "buy:pack_20").await.0, StatusCode::OK);
        let checkout = browser.hears("Voici votre page de paiement").await;
        let state = browser.sees().await;
        let tapped = state["messages"].as_array().unwrap().iter().rfind(|message| message["from"] == "me");
        assert_eq!(
            (&tapped.unwrap()["text"], &tapped.unwrap()["replyTo"]),
            (&json!("20 crédits"), &shelf["id"])
        );

        let text = checkout["text"].as_str().unwrap();
        let url = text.split_whitespace().find(|word| word.starts_with("http")).unwrap();
        // The browser follows Stripe back to the page of the demo.
        let back = browser.http.post(format!("{url}/card")).send().await.unwrap();
        assert!(
            back.url().as_str().starts_with(&format!("http://{}/dashboard?", browser.page)),
            "{}",
            back.url()
        );
        let address = back.url().to_string();
        assert!(browser.opens(&address, "fr-FR,fr").await.contains("Paiement reçu"));
        assert!(browser.opens(&address, "en-GB").await.contains("Payment received"));
        let cancelled = format!("http://{}/dashboard?checkout=cancelled", browser.page);
        assert!(browser.opens(&cancelled, "fr").await.contains("Paiement annulé"));

        let thanks = browser.hears("✅ Merci").await;
        browser.owns(20).await;
        until("the story of the payment", async || {
            let story = browser.reads().await;
            let told = ["Achat signé par Stripe", "Crédits ajoutés au grand livre", "Réponse lue"];
            told.iter().all(|title| story.iter().any(|step| step == title))
        })
        .await;
        assert_eq!(browser.sees().await["about"]["fr"], "Paiement de 4,90\u{202f}€ pour 20 crédits");

        assert_eq!(thanks["menu"]["opens"], Value::Null, "buttons, not a list");
        assert_eq!(browser.taps(&thanks, "gen:kept").await.0, StatusCode::OK);
        browser.hears("*3.* ").await;
        browser.owns(19).await;
        assert!(browser.reads().await.contains(&"Crédit réservé".to_owned()));

        // One of the twenty is spent: it is owed.
        assert_eq!(browser.does("dispute").await, StatusCode::OK);
        browser.owns(0).await;
        let story = browser.reads().await;
        for told in
            ["La banque conteste le paiement", "Crédits repris au grand livre", "Dû sur le prochain achat"]
        {
            assert!(story.iter().any(|title| title == told), "{told}: {story:?}");
        }
        assert_eq!(browser.does("refund").await, StatusCode::CONFLICT, "a dispute holds the money");
        assert_eq!(browser.imbalance().await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_speak_and_react_each_on_a_phone_of_their_own() {
    with_the_demo(async |browser| {
        assert_eq!(browser.speaks("meta", "Bob", "Solde", ("", b"")).await, StatusCode::OK);
        let answer = browser.hears_on("meta", "Bob", "5 crédits").await;
        assert_eq!(answer["text"], "🎤 «\u{a0}Solde\u{a0}»\n\n💳 Il vous reste 5 crédits.");
        let bob = browser.sees_of("meta", "Bob").await;
        assert_eq!(bob["messages"][0]["text"], "🎤 0:01 · Solde");
        assert_eq!((&bob["person"]["name"], &bob["conversation"]), (&json!("Bob"), &json!("meta Bob")));
        assert!(browser.reads_of(&bob).contains(&"IA : écouter le message vocal".to_owned()));

        let react = |provider: &str, emoji: Value| {
            json!({ "provider": provider, "person": "Bob", "message": answer["id"], "emoji": emoji })
        };
        assert_eq!(browser.post("/api/react", react("meta", json!("👍"))).await.0, StatusCode::OK);
        assert_eq!(browser.sees_of("meta", "Bob").await["messages"][1]["reaction"], "👍");
        until("the reaction is kept", async || {
            let kept = sqlx::query_scalar("select kind from wa.feedback").fetch_optional(&browser.pool).await;
            kept.unwrap() == Some("positive".to_owned())
        })
        .await;
        assert_eq!(browser.post("/api/react", react("meta", Value::Null)).await.0, StatusCode::OK);
        assert_eq!(browser.sees_of("meta", "Bob").await["messages"][1]["reaction"], Value::Null);
        let refused = browser.post("/api/react", react("twilio", json!("👍"))).await.0;
        assert_eq!(refused, StatusCode::UNPROCESSABLE_ENTITY, "Twilio delivers none");

        // Nobody else has heard of it.
        let alice = browser.sees_of("meta", "Alice").await;
        assert_eq!((alice["messages"].as_array().unwrap().len(), &alice["credits"]), (0, &json!(5)));
        let note = ("audio/mpeg", b"ID3 a file".as_slice());
        assert_eq!(browser.speaks("twilio", "Alice", "", note).await, StatusCode::OK);
        browser.hears_on("twilio", "Alice", "*3.* ").await;
        assert_eq!(browser.sees_of("twilio", "Bob").await["messages"], json!([]));
        for (words, sound) in [("", ("", b"".as_slice())), ("mots", ("text/html", b"<p>".as_slice()))] {
            let status = browser.speaks("meta", "Alice", words, sound).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_came_to_the_phone_can_be_saved() {
    with_the_demo(async |browser| {
        assert_eq!(browser.says("Exporter mes données").await, StatusCode::OK);
        let answer = browser.hears("📦 Voici tout ce que nous gardons de vous").await;
        let name = answer["document"].as_str().unwrap();
        assert!(
            name.starts_with("postly-20") && !answer["text"].as_str().unwrap().contains(name),
            "{answer}"
        );
        let id = answer["id"].as_str().unwrap().replace('+', "%2B").replace('=', "%3D");
        let opens = async |id: &str| {
            let url = format!("http://{}/api/document?message={id}", browser.page);
            browser.http.get(url).send().await.unwrap()
        };
        let saved = opens(&id).await;
        assert_eq!(saved.status(), StatusCode::OK);
        assert_eq!(
            saved.headers()["content-disposition"].to_str().unwrap(),
            format!("attachment; filename=\"{name}\"")
        );
        let all: Value = saved.json().await.unwrap();
        assert_eq!(all["account"]["credits"], 5);
        assert_eq!(opens("wamid.none").await.status(), StatusCode::NOT_FOUND);
    })
    .await;
}
