//! The operator's tool looks at a whole installation: all well, and one thing wrong at a time. Each trouble has its
//! line, its verdict and its exit code, and no line has a secret in it.

mod books;
mod providers;
mod queue;
mod stripe;

use std::collections::BTreeMap;
use std::time::Duration;

use sandbox::servers::Servers;
use sandbox::simulators::meta::Template;
use sandbox::simulators::twilio::Content;
use sandbox::stage::{PUBLIC_URL, Stage};
use shared::clock::Clock;
use shared::env::Env;
use shared::ledger::{self, Reconciliation};
use shared::payment::EVENTS;
use sqlx::{Connection, PgConnection};
use tokio::net::TcpListener;
use tokio::time::Instant;
use worker::doctor::{Finding, Report, Verdict, examine};

use crate::migrations::{SEED, database};
use crate::queue::outage::a_redis;

const CONTENT: &str = "HX0123456789abcdef0123456789abcdef";

/// An installation in which everything is as it should be, on a Redis of its own.
struct Clinic {
    stage: Stage,
    servers: Servers,
    variables: BTreeMap<String, String>,
    clock: Clock,
}

impl Clinic {
    async fn opens(sql: &str, migrated: bool) -> Self {
        let (stage, servers, pool) =
            tokio::join!(async { Stage::open().await.unwrap() }, a_redis(), database(sql));
        let clock = Clock::system();
        if migrated {
            shared::db::migrate(&pool, &sandbox::stage::vault()).await.unwrap();
            ledger::record(&pool, &Reconciliation::default(), clock.now()).await.unwrap();
        }
        let database_url = crate::GROUND.servers().await.database_url.clone();
        let (base, _) = database_url.rsplit_once('/').unwrap();
        let name: String =
            sqlx::query_scalar("select current_database()::text").fetch_one(&pool).await.unwrap();
        pool.close().await;
        let mut variables = stage.variables();
        for (key, value) in [
            ("DATABASE_URL", format!("{base}/{name}")),
            ("REDIS_URL", servers.redis_url.clone()),
            ("OPENAI_MODEL", "gpt-6-luna".to_owned()),
            ("META_OTP_TEMPLATE", "postly_code".to_owned()),
            ("TWILIO_OTP_CONTENT_SID", CONTENT.to_owned()),
        ] {
            variables.insert(key.to_owned(), value);
        }
        stage.meta.webhook_url(format!("{PUBLIC_URL}/api/whatsapp/webhook"));
        stage.twilio.public_url(format!("{PUBLIC_URL}/api/whatsapp/webhook#rc=5&rp=all"));
        stage.stripe.endpoint(format!("{PUBLIC_URL}/api/stripe/webhook"), &EVENTS);
        stage.meta.template(Template::one_time_code("postly_code", "fr"));
        stage.twilio.content(Content { sid: CONTENT.to_owned(), body: "{{1}}".to_owned() });
        let clinic = Self { stage, servers, variables, clock };
        clinic.redis(&["CONFIG", "SET", "appendfsync", "always"]).await;
        clinic.redis(&["CONFIG", "SET", "maxmemory", "1gb"]).await;
        clinic
    }

    async fn well() -> Self {
        Self::opens(SEED, true).await
    }

    async fn redis(&self, command: &[&str]) {
        let client = redis::Client::open(self.servers.redis_url.as_str()).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd(command[0]).arg(&command[1..]).query_async::<redis::Value>(&mut redis).await.unwrap();
    }

    async fn books(&self, sql: &'static str) {
        let mut db = PgConnection::connect(&self.variables["DATABASE_URL"]).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    async fn report(&self) -> Report {
        examine(Env::from_values(self.variables.clone()), &self.clock).await
    }

    /// The report's troubles, which must be exactly these.
    async fn shows(&self, expected: &[(&str, Verdict)], code: u8) -> Report {
        let report = self.report().await;
        let troubles: Vec<(&str, Verdict)> = report
            .checks
            .iter()
            .filter(|finding| finding.verdict != Verdict::Ok)
            .map(|finding| (finding.name, finding.verdict))
            .collect();
        assert_eq!(troubles, expected, "{report}");
        assert_eq!(report.exit_code(), code, "{report}");
        report
    }

    async fn closes(self) {
        self.stage.close().await;
        self.servers.stop().await.unwrap();
    }
}

fn line<'a>(report: &'a Report, name: &str) -> &'a Finding {
    report
        .checks
        .iter()
        .find(|finding| finding.name == name)
        .unwrap_or_else(|| panic!("no {name} in {report}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_that_is_well_has_nothing_to_be_done_and_no_secret_is_told() {
    let clinic = Clinic::well().await;
    let report = clinic.shows(&[], 0).await;
    assert!(line(&report, "meta token").found.contains("+33…34"), "{report}");
    assert!(line(&report, "meta template").found.contains("fr APPROVED"), "{report}");
    assert!(line(&report, "redis durability").found.contains("always"), "{report}");
    let told = format!("{report}\n{}", serde_json::to_string(&report).unwrap());
    for secret in [
        "META_APP_SECRET",
        "META_ACCESS_TOKEN",
        "META_VERIFY_TOKEN",
        "TWILIO_AUTH_TOKEN",
        "OPENAI_API_KEY",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
    ] {
        assert!(!told.contains(&clinic.variables[secret]), "{secret}");
    }
    assert!(!told.contains("199001234"), "a number is shown");
    clinic.closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_disagree_are_told() {
    let clinic = Clinic::well().await;
    clinic.clock.advance(Duration::from_secs(5));
    clinic.shows(&[("clocks", Verdict::Warning)], 0).await;
    clinic.clock.advance(Duration::from_mins(1));
    clinic.shows(&[("clocks", Verdict::Failed)], 1).await;
    clinic.closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_cannot_be_read_are_a_matter_of_their_own() {
    let mut clinic = Clinic::well().await;
    clinic.variables.remove("META_APP_SECRET");
    clinic.variables.remove("PUBLIC_URL");
    clinic.set("LEASE_SECONDS", "2");
    let expected = [
        ("meta settings", Verdict::Failed),
        ("twilio settings", Verdict::Failed),
        ("lease", Verdict::Warning),
    ];
    clinic.shows(&expected, 1).await;
    clinic.variables.remove("REDIS_URL");
    clinic.set("WORKER_CONCURRENCY", "many");
    clinic.variables.remove("NEXTAUTH_URL");
    clinic.set("CREDIT_PACKS", "pack_20");
    clinic.set("DAILY_CAP_TOTAL", "5");
    clinic.set("MODEL_PRICES", "another=1/2");
    let report = clinic.report().await;
    assert_eq!(report.exit_code(), 2);
    let told = report.to_string();
    for problem in [
        "REDIS_URL",
        "WORKER_CONCURRENCY",
        "META_APP_SECRET",
        "PUBLIC_URL",
        "NEXTAUTH_URL",
        "CREDIT_PACKS",
        "MODEL_PRICES",
    ] {
        assert!(told.contains(problem), "{problem} is not in {told}");
    }
    clinic.closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_everything_hangs_the_report_still_comes() {
    let mut clinic = Clinic::well().await;
    let silence = TcpListener::bind("127.0.0.1:0").await.unwrap();
    clinic.set("DATABASE_URL", &format!("postgres://{}/postly", silence.local_addr().unwrap()));
    clinic.servers.freeze_redis().await.unwrap();
    let slow = Duration::from_mins(1);
    clinic.stage.meta.slow(slow);
    clinic.stage.twilio.slow(slow);
    clinic.stage.openai.slow(slow);
    clinic.stage.stripe.slow(slow);
    let began = Instant::now();
    let report = clinic.report().await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    for name in
        ["redis", "postgres", "meta token", "twilio account", "openai model", "stripe key", "stripe webhook"]
    {
        assert_eq!(line(&report, name).verdict, Verdict::Failed, "{report}");
    }
    assert_eq!(line(&report, "clocks").verdict, Verdict::NotChecked, "{report}");
    clinic.servers.thaw_redis().await.unwrap();
    clinic.closes().await;
}
