//! `cargo gameday`: every alert fires for real, and ends.
//!
//! Real processes, private servers, simulated providers and a real Prometheus with our rules. Each cause is provoked as the
//! world would do it; its alerts have to fire, no other page may, and when it is mended they have to end. The one thing that
//! is not as in production is time: see `rules`. An alert of the rules that nothing here sets off fails the day.

mod cause;
mod ground;
mod harm;
mod prometheus;
mod rules;
mod watch;

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use tokio::process::Command;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use crate::process::Role;
use crate::servers::default_base;

use cause::{Act, CAUSES, Cause, EXCUSED, PLAN, Step};
pub(crate) use ground::Ground;
use prometheus::Prometheus;
use watch::Watch;

/// The first argument that leads here.
pub const ARGUMENT: &str = "gameday";

/// How long an alert may take to fire, and to end. The longest are a minute and a half and nine minutes.
const FIRES: Duration = Duration::from_mins(2);
const ENDS: Duration = Duration::from_mins(11);

/// How often somebody looks whether it does.
const LOOK: Duration = Duration::from_millis(200);

/// Fires every alert for real against a running system with a real Prometheus. Exit code 1: one did not fire, did not end,
/// or a page came without a reason.
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo gameday")]
struct Arguments {
    /// Only these alerts, and what has the same cause. Without any: all.
    alerts: Vec<String>,
}

/// One alert, on this day.
struct Row {
    alert: &'static str,
    cause: &'static Cause,
    done: Instant,
    fired: Option<Instant>,
    mended: Option<Instant>,
    ended: Option<Instant>,
}

/// The day.
struct Day {
    ground: Ground,
    watch: Watch,
    rows: Vec<Row>,
    troubles: Vec<String>,
}

/// The program. `arguments` are those after the word `gameday`.
pub async fn main(arguments: impl Iterator<Item = String>, stop: CancellationToken) -> Result<()> {
    let words = std::iter::once("cargo gameday".to_owned()).chain(arguments.filter(|word| word != "--"));
    let arguments = Arguments::parse_from(words);
    let known = rules::alerts(&prometheus::sources().join("deploy/prometheus/rules"))?;
    for alert in &arguments.alerts {
        ensure!(known.contains(alert), "{alert} is no alert: there are {}", known.join(", "));
    }
    let Some(program) = prometheus::find().await else {
        println!(
            "the alerts were not fired, since prometheus is not installed (apt-get install prometheus) and could not be fetched"
        );
        return Ok(());
    };
    // Somebody else in this process may have installed it: that is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let work = async {
        println!(
            "the day: every stretch of time in the rules (for, interval, […], offset) is divided by {}, and nothing else is \
             touched; scraped every {} ms",
            rules::FACTOR,
            60_000 / rules::FACTOR
        );
        let prometheus = Prometheus::start(&program, &default_base().with_file_name("gameday")).await?;
        let ground = Ground::open("gameday-logs").await?;
        let mut day = Day { ground, watch: Watch::default(), rows: Vec::new(), troubles: Vec::new() };
        let [ingest, worker] = day.ground.admins();
        prometheus.watches(Role::Ingest, &[ingest])?;
        prometheus.watches(Role::Worker, &[worker])?;
        let passed = day.passes(&prometheus, &arguments.alerts, &known).await;
        let asked =
            if arguments.alerts.is_empty() { questions(&prometheus, &mut day.ground).await } else { Ok(()) };
        let closed = tokio::join!(day.ground.close(), prometheus.stop());
        passed.and(asked).and(closed.0).and(closed.1)
    };
    tokio::select! {
        ended = work => ended,
        () = stop.cancelled() => bail!("interrupted"),
    }
}

impl Day {
    async fn passes(&mut self, prometheus: &Prometheus, only: &[String], known: &[String]) -> Result<()> {
        let began = Instant::now();
        let wanted = |act: Act| {
            only.is_empty()
                || act.cause().is_some_and(|cause| {
                    cause.fires.iter().any(|alert| only.iter().any(|only| only == alert))
                })
        };
        let plan = PLAN.iter().copied().filter(|step| match step {
            Step::Do(act) | Step::Undo(act) => wanted(*act),
        });
        self.is_seen(prometheus).await?;
        println!("{:<26} {:>7} {:>7}  what was done", "alert", "fires", "ends");
        let watch = std::mem::take(&mut self.watch);
        let lived = tokio::select! {
            lived = self.lives(prometheus, &watch, plan) => lived,
            looked = watch.looks(prometheus) => looked.context("looking at Prometheus"),
        };
        lived?;
        self.verdict(&watch, only, known, began)
    }

    /// Both processes are scraped, so that the day begins well.
    async fn is_seen(&self, prometheus: &Prometheus) -> Result<()> {
        let deadline = Instant::now() + FIRES;
        let mut turns = interval(LOOK);
        // Before it has seen anybody, it takes everybody for dead.
        while prometheus.finds("up == 1").await? < 2
            || prometheus.firing().await?.iter().any(|(_, severity)| severity == "page")
        {
            ensure!(Instant::now() < deadline, "Prometheus does not see both processes");
            turns.tick().await;
        }
        // Somebody writes, so that there are accounts and an ordinary reply.
        self.ground.say(3, harm::COMMAND).await;
        Ok(())
    }

    async fn lives(
        &mut self,
        prometheus: &Prometheus,
        watch: &Watch,
        plan: impl Iterator<Item = Step>,
    ) -> Result<()> {
        for step in plan {
            match step {
                Step::Do(act) => self.begins(act, prometheus, watch).await?,
                Step::Undo(act) => self.mends(act, prometheus, watch).await?,
            }
        }
        self.ends(watch).await
    }

    async fn begins(&mut self, act: Act, prometheus: &Prometheus, watch: &Watch) -> Result<()> {
        let cause = act.cause().context("an act without a cause")?;
        // What another cause has set off would pass for this one's.
        let deadline = Instant::now() + FIRES;
        let mut turns = interval(LOOK);
        while act != Act::Nothing && cause.fires.iter().any(|alert| watch.since(alert).is_some()) {
            turns.tick().await;
            self.settles(watch);
            if Instant::now() > deadline {
                self.troubles
                    .push(format!("before it was provoked, one of {} would not end", cause.fires.join(", ")));
                break;
            }
        }
        watch.expects(cause.does, cause.fires.iter().chain(cause.also).copied().collect());
        let done = Instant::now();
        act.happens(&mut self.ground, prometheus)
            .await
            .with_context(|| format!("doing it: {}", cause.does))?;
        let rows = cause.fires.iter().map(|alert| Row {
            alert,
            cause,
            done,
            fired: None,
            mended: None,
            ended: None,
        });
        self.rows.extend(rows);
        Ok(())
    }

    async fn mends(&mut self, act: Act, prometheus: &Prometheus, watch: &Watch) -> Result<()> {
        let cause = act.cause().context("an act without a cause")?;
        let mut turns = interval(LOOK);
        loop {
            self.settles(watch);
            let mut waiting = self.rows.iter().filter(|row| row.cause.act == act && row.fired.is_none());
            let Some(row) = waiting.next() else { break };
            if row.done.elapsed() > FIRES {
                let late = waiting.map(|row| row.alert).chain([row.alert]);
                self.troubles.extend(late.map(|alert| format!("{alert} did not fire: {}", cause.does)));
                break;
            }
            turns.tick().await;
        }
        let mended = Instant::now();
        act.is_mended(&mut self.ground, prometheus)
            .await
            .with_context(|| format!("mending it: {}", cause.does))?;
        for row in self.rows.iter_mut().filter(|row| row.cause.act == act) {
            row.mended = Some(mended);
        }
        Ok(())
    }

    /// Waits for the end of all alerts. Where the budget is what remains, people get good answers until it is as promised.
    async fn ends(&mut self, watch: &Watch) -> Result<()> {
        let deadline = Instant::now() + ENDS;
        let mut turns = interval(LOOK);
        loop {
            self.settles(watch);
            let open: Vec<&str> = self.open().map(|row| row.alert).collect();
            if open.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                self.troubles.extend(open.iter().map(|alert| format!("{alert} did not end")));
                return Ok(());
            }
            if open.iter().all(|alert| alert.starts_with("PostlyReplyBudget")) {
                self.ground.say(50, harm::COMMAND).await;
                self.ground.is_quiet().await?;
            }
            turns.tick().await;
        }
    }

    fn open(&self) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(|row| row.fired.is_some() && row.ended.is_none() && row.cause.act != Act::Nothing)
    }

    /// Writes down what has fired and what has ended.
    fn settles(&mut self, watch: &Watch) {
        for row in &mut self.rows {
            if row.fired.is_none() {
                let since = watch.since(row.alert).filter(|_| row.cause.act == Act::Nothing);
                row.fired = since.or_else(|| watch.began(row.alert, row.done));
                if row.fired.is_some() && row.cause.act == Act::Nothing {
                    println!("{:<26} {:>7} {:>7}  {}", row.alert, "always", "never", row.cause.does);
                }
            }
            let (Some(fired), Some(mended), None) = (row.fired, row.mended, row.ended) else { continue };
            if row.cause.act == Act::Nothing {
                continue;
            }
            if let Some(ended) = watch.ended(row.alert).filter(|ended| *ended >= fired) {
                row.ended = Some(ended);
                let seconds = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64();
                let (to_fire, to_end) = (seconds(row.done, fired), seconds(mended, ended));
                println!("{:<26} {to_fire:>6.1}s {to_end:>6.1}s  {}", row.alert, row.cause.does);
            }
        }
        for cause in CAUSES {
            let mut rows = self.rows.iter().filter(|row| row.cause.act == cause.act).peekable();
            // What people have felt of it may be told for as long as it is looked back.
            if rows.peek().is_some()
                && rows.all(|row| row.ended.is_some() || row.mended.is_some() && row.fired.is_none())
            {
                watch.forgets(cause.does);
            }
        }
    }

    fn verdict(&self, watch: &Watch, only: &[String], known: &[String], began: Instant) -> Result<()> {
        let fired: BTreeSet<&str> =
            self.rows.iter().filter(|row| row.fired.is_some()).map(|row| row.alert).collect();
        let mut wrong = self.troubles.clone();
        wrong.extend(watch.strange());
        if only.is_empty() {
            for alert in known {
                match EXCUSED.iter().find(|(excused, _)| excused == alert) {
                    Some((_, why)) => println!("{alert:<26} excused: {why}"),
                    None if fired.contains(alert.as_str()) => {}
                    None => wrong.push(format!("{alert} was neither fired nor excused")),
                }
            }
        }
        let minutes = began.elapsed().as_secs_f64() / 60.0;
        println!(
            "{} of {} alerts fired, {} excused, in {minutes:.1} min",
            fired.len(),
            known.len(),
            EXCUSED.len()
        );
        if wrong.is_empty() {
            return Ok(());
        }
        for line in &wrong {
            println!("  wrong: {line}");
        }
        bail!("{} thing(s) are not as the rules promise", wrong.len())
    }
}

/// Everything that the dashboard and the rules ask, of a system that has lived through all this.
async fn questions(prometheus: &Prometheus, ground: &mut Ground) -> Result<()> {
    // Of a quiet minute there is no rate.
    ground.lives_on(harm::BRIEF).await;
    let deadline = Instant::now() + FIRES;
    let mut turns = interval(LOOK);
    while prometheus.finds("postly:replies_missed:ratio5m and on () postly:llm_answers:new15m > 0").await?
        == 0
    {
        ensure!(Instant::now() < deadline, "an ordinary minute leaves no trace");
        turns.tick().await;
    }
    println!("\n.ci/queries {}", prometheus.url);
    let mut asking = Command::new(prometheus::sources().join(".ci/queries"));
    asking.arg(&prometheus.url).stdin(Stdio::null()).kill_on_drop(true);
    let asked = asking.status().await.context("running .ci/queries")?;
    ensure!(asked.success(), "a question of the dashboard or the rules is not answered");
    Ok(())
}
