//! The operator's page: what it shows when all is well and when nothing is, what it does, for whom, and what is written down.

use std::time::{Duration, Instant};

use reqwest::header::{HOST, LOCATION, ORIGIN};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::simulators::openai::OpenAiFault;
use shared::env::Env;
use shared::message::Provider;
use tokio::net::TcpListener;
use worker::Worker;
use worker::config::Config;

use super::BRIEF;
use crate::{GROUND, until};

/// Somebody at a browser that reaches the admin listener.
struct Operator {
    http: Client,
    host: String,
}

impl Operator {
    /// Opens the page of a worker of this world, with some variables changed.
    async fn of(sandbox: &Sandbox, changed: &[(&str, &str)]) -> Self {
        let mut variables = sandbox.variables.clone();
        variables.extend(changed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let config = Config::from_env(Env::from_values(variables)).unwrap();
        let worker = Worker::new(&config, sandbox.clock.clone(), sandbox.patience.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        tokio::spawn(axum::serve(listener, worker::page::routes(&worker)).into_future());
        Self { http: Client::builder().redirect(Policy::none()).build().unwrap(), host }
    }

    async fn reads(&self, path: &str) -> String {
        let answer = self.http.get(format!("http://{}{path}", self.host)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        answer.text().await.unwrap()
    }

    /// Sends a form as a page of `origin` does.
    async fn sends(&self, origin: Option<&str>, what: &str, form: &[(&str, &str)]) -> Response {
        let mut request = self.http.post(format!("http://{}/deed/{what}", self.host)).form(form);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        request.send().await.unwrap()
    }

    /// Does it on the page, and says what it is told.
    async fn does(&self, what: &str, form: &[(&str, &str)]) -> String {
        let answer = self.sends(Some(&format!("http://{}", self.host)), what, form).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        answer.headers()[LOCATION].to_str().unwrap().to_owned()
    }
}

/// Actor, action, subject, note, outcome of each line, the oldest first.
async fn lines(sandbox: &Sandbox) -> Vec<[String; 5]> {
    let rows: Vec<(String, String, String, String, Option<String>)> =
        sqlx::query_as("select actor, action, subject, note, outcome from wa.audit order by id")
            .fetch_all(&sandbox.pool)
            .await
            .unwrap();
    rows.into_iter()
        .map(|(actor, action, subject, note, outcome)| {
            [actor, action, subject, note, outcome.unwrap_or_default()]
        })
        .collect()
}

async fn letter(sandbox: &Sandbox) -> String {
    sandbox.queue.last_dead_letters(1).await.unwrap()[0].id.as_str().to_owned()
}

async fn replayed(sandbox: &mut Sandbox, provider: Provider) {
    let operator = Operator::of(sandbox, &[]).await;
    let alice = sandbox.person(provider).with_credits(5).await;
    let shown = operator.reads("/").await;
    assert!(shown.contains("Running.") && shown.contains("Dead letters</h2><p>None."), "{shown}");
    sandbox.stage.openai.fails_next(3, OpenAiFault::Overloaded503);
    let said = alice.says(BRIEF).await;
    assert!(alice.hears().await.starts_with("😕"));
    sandbox.has_dead_letters(1).await;
    let (id, digest) = (letter(sandbox).await, format!("#{}", said.id.fingerprint()));

    let shown = operator.reads("/").await;
    for part in ["Somebody should look", "1 dead", &digest, provider.as_str(), "text · ", "overloaded"] {
        assert!(shown.to_lowercase().contains(&part.to_lowercase()), "{part} is not in\n{shown}");
    }
    let form = operator.reads(&format!("/deed/replay?letter={id}")).await;
    assert!(form.contains(&format!("value=\"{id}\"")) && form.contains(&digest), "{form}");
    let theirs = said.delivery.message_id.as_str();
    for personal in ["xylophone", "639980", said.id.provider_part(), theirs, "Camille"] {
        assert!(!shown.contains(personal) && !form.contains(personal), "{personal} is shown");
    }

    let filled = [("letter", id.as_str()), ("by", " Zoé "), ("why", "the model\nis back")];
    assert_eq!(operator.does("replay", &filled).await, "/?told=replayed");
    assert!(alice.hears().await.contains("*3.* "));
    sandbox.has_dead_letters(0).await;
    // Once more, as a browser does that goes back.
    assert_eq!(operator.does("replay", &filled).await, "/?told=gone");
    sandbox.is_quiet().await;
    assert_eq!((alice.credits().await, alice.generations().await, alice.has_heard().len()), (5, 1, 2));
    let line = ["operator:Zoé", "queue.replay", &digest, "the model is back", "replayed"];
    assert_eq!(lines(sandbox).await, [line]);
    let told = operator.reads("/?told=replayed").await;
    assert!(told.contains("Replayed: ") && told.contains("by Zoé: the model is back"), "{told}");
}

crate::for_each_provider! {
    what_died_is_replayed_from_the_page => super::replayed;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_for_another_site_or_without_a_name_and_a_reason() {
    run_without_worker(&GROUND, async |sandbox| {
        let operator = Operator::of(sandbox, &[("ADMIN_HOSTS", "ops.internal, ops")]).await;
        let ours = format!("http://{}", operator.host);
        let filled = [("by", "Zoé"), ("why", "because")];
        for origin in [None, Some("null"), Some("http://evil.example"), Some("http://127.0.0.1")] {
            let answer = operator.sends(origin, "pause", &filled).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{origin:?}");
        }
        // A browser that says more is believed as well.
        let address = format!("{ours}/deed/pause");
        let cross = operator.http.post(&address).header(ORIGIN, &ours).header("sec-fetch-site", "cross-site");
        assert_eq!(cross.form(&filled).send().await.unwrap().status(), StatusCode::FORBIDDEN);
        let json =
            operator.http.post(&address).header(ORIGIN, &ours).json(&["no form"]).send().await.unwrap();
        assert_eq!(json.status(), StatusCode::BAD_REQUEST);

        // A name that has come to mean our address, and names that are ours.
        let as_host = async |host: &str, path: &str| {
            let asked = operator.http.get(format!("{ours}{path}")).header(HOST, host).send().await.unwrap();
            asked.status()
        };
        for path in ["/", "/page/now", "/deed/pause"] {
            assert_eq!(as_host("evil.example:9091", path).await, StatusCode::MISDIRECTED_REQUEST, "{path}");
            assert_eq!(as_host("ops.internal", path).await, StatusCode::OK, "{path}");
        }
        let rebound = operator.http.post(&address).header(HOST, "evil.example");
        let rebound = rebound.header(ORIGIN, "http://evil.example").form(&filled).send().await.unwrap();
        assert_eq!(rebound.status(), StatusCode::MISDIRECTED_REQUEST);

        // What is missing is asked for, and what was typed stays, as text.
        for (form, missing) in [
            ([("by", "<b>Zoé</b>"), ("why", " \n")], "say why"),
            ([("by", ""), ("why", "<b>because</b>")], "say who you are"),
        ] {
            let answer = operator.sends(Some(&ours), "pause", &form).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
            let page = answer.text().await.unwrap();
            assert!(page.contains(missing) && page.contains("&lt;b&gt;") && !page.contains("<b>"), "{page}");
        }
        let long = "é".repeat(501);
        let answer = operator.sends(Some(&ours), "pause", &[("by", "Zoé"), ("why", &long)]).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);

        assert!(!sandbox.queue.figures().await.unwrap().paused);
        assert_eq!(lines(sandbox).await, Vec::<[String; 5]>::new());
        let odd = operator.does("replay", &[("letter", "'; drop"), ("by", "Zoé"), ("why", "because")]).await;
        assert_eq!(odd, "/?told=gone");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_is_seen_and_ended_and_stands_in_the_audit() {
    run(&GROUND, async |sandbox| {
        let (operator, alice) = (Operator::of(sandbox, &[]).await, sandbox.person(Provider::Meta));
        let filled = [("by", "Zoé"), ("why", "the number moves")];
        assert_eq!(operator.does("pause", &filled).await, "/?told=paused");
        assert_eq!(operator.does("pause", &filled).await, "/?told=was-paused");
        let shown = operator.reads("/page/now").await;
        assert!(shown.contains("Paused.") && shown.contains("href=/deed/resume"), "{shown}");
        alice.says("aide").await;
        until("the page to show it", async || {
            operator.reads("/page/now").await.contains("<dt>Ready</dt><dd>1</dd>")
        })
        .await;
        assert!(alice.has_heard().is_empty());
        assert_eq!(operator.does("resume", &filled).await, "/?told=resumed");
        assert!(alice.hears().await.contains("Postly"));
        assert_eq!(operator.does("resume", &filled).await, "/?told=was-not-paused");
        let told: Vec<[String; 2]> =
            lines(sandbox).await.into_iter().map(|[_, action, .., outcome]| [action, outcome]).collect();
        assert_eq!(
            told,
            [
                ["queue.pause", "paused"],
                ["queue.pause", "was paused already"],
                ["queue.resume", "resumed"],
                ["queue.resume", "was not paused"],
            ]
        );
        // Two looks are a rate.
        until("a rate", async || operator.reads("/page/now").await.contains("Rates of the last")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_died_of_anything_is_shown_as_text_and_discarded() {
    run_without_worker(&GROUND, async |sandbox| {
        let operator = Operator::of(sandbox, &[]).await;
        let client = redis::Client::open(sandbox.variables["REDIS_URL"].as_str()).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        let reason = "<img src=x onerror=alert(1)>\"'";
        let mut command = redis::cmd("XADD");
        command
            .arg("{wa:0}dead")
            .arg("*")
            .arg("lane")
            .arg("")
            .arg("attempts")
            .arg(1)
            .arg("reason")
            .arg(reason);
        command.arg("job").arg(&b"<script>\xff"[..]).query_async::<String>(&mut redis).await.unwrap();
        let (id, shown) = (letter(sandbox).await, operator.reads("/").await);
        assert!(
            shown.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;") && !shown.contains("<img"),
            "{shown}"
        );
        let filled = [("letter", id.as_str()), ("by", "Zoé"), ("why", "<i>noise</i>")];
        assert_eq!(operator.does("replay", &filled).await, "/?told=not-a-job");
        assert_eq!(operator.does("discard", &filled).await, "/?told=discarded");
        assert_eq!(operator.does("discard", &filled).await, "/?told=gone");
        assert_eq!(
            lines(sandbox).await,
            [["operator:Zoé", "queue.discard", &id, "<i>noise</i>", "discarded"]]
        );
        assert!(operator.reads("/").await.contains("by Zoé: &lt;i&gt;noise&lt;/i&gt;"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_away_is_named_and_not_waited_for() {
    run_without_worker(&GROUND, async |sandbox| {
        let no_redis = ("REDIS_URL", "redis://127.0.0.1:1");
        let no_postgres = ("DATABASE_URL", "postgres://postly@127.0.0.1:1/postly");
        for (changed, away, there) in [
            (&[no_redis][..], &["Redis does not answer"][..], &["Postgres does not answer"][..]),
            (&[no_postgres][..], &["Postgres does not answer"][..], &["Redis does not answer"][..]),
            (
                &[no_redis, no_postgres][..],
                &["Redis does not answer", "Postgres does not answer"][..],
                &[][..],
            ),
        ] {
            let (operator, began) = (Operator::of(sandbox, changed).await, Instant::now());
            let shown = operator.reads("/").await;
            assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
            assert!(away.iter().all(|words| shown.contains(words)), "{shown}");
            assert!(!there.iter().any(|words| shown.contains(words)), "{shown}");
        }
        // No line, no deed.
        let filled = [("by", "Zoé"), ("why", "because")];
        let operator = Operator::of(sandbox, &[no_postgres]).await;
        assert_eq!(operator.does("pause", &filled).await, "/?told=no-books");
        assert!(!sandbox.queue.figures().await.unwrap().paused);
        // A line that says that nothing is known of the end.
        let operator = Operator::of(sandbox, &[no_redis]).await;
        assert_eq!(operator.does("pause", &filled).await, "/?told=no-queue");
        assert_eq!(lines(sandbox).await[0][4], "not known: Redis did not answer");
    })
    .await;
}
