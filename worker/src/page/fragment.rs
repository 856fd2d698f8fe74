//! The parts of the page that change: each a section with a name, which the script replaces when it has changed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::audit::Line;
use shared::build::{COMMIT, VERSION};
use shared::message::Provider;
use shared::price::Micros;

use super::html::Html;
use super::look::{Books, Look, Queue, span};
use super::rates::PerMinute;
use crate::operator::audit::outcome;
use crate::operator::dead::Entry;

/// Writes all of them.
pub(super) fn write(html: &mut Html, look: &Look) {
    state(html, look);
    queue(html, look.queue.as_ref(), look.books.as_ref());
    letters(html, look);
    books(html, look);
    deeds(html, look.books.as_ref());
}

fn state(html: &mut Html, look: &Look) {
    let concerns = look.concerns();
    html.raw("<section id=state class=card>");
    if concerns.is_empty() {
        html.raw("<h2 class=good>All is well</h2>");
    } else {
        html.raw("<h2 class=bad>Somebody should look</h2><ul>");
        for concern in &concerns {
            html.raw("<li>").text(concern).raw("</li>");
        }
        html.raw("</ul>");
    }
    html.raw("<p class=soft>Seen at <span id=seen>")
        .text(look.at.format("%H:%M:%S"))
        .raw("</span> UTC by a worker of version ");
    html.text(VERSION).raw(" (").text(COMMIT).raw(")</p></section>");
}

fn queue(html: &mut Html, queue: Option<&Queue>, books: Option<&Books>) {
    html.raw("<section id=queue class=card><h2>Queue</h2>");
    let Some(Queue { figures, rates, .. }) = queue else {
        html.raw("<p>Redis does not answer, and nothing is known of it.</p></section>");
        return;
    };
    if figures.paused {
        html.raw("<p><strong class=bad>Paused.</strong> Workers take nothing more. Ingest goes on taking messages in: ")
            .raw("nothing is lost, and whoever writes, or waits for a code, waits. ")
            .raw("<a class=button id=resume href=/deed/resume>Resume</a></p>");
    } else {
        html.raw("<p><strong class=good>Running.</strong> Workers take messages as they come. ")
            .raw("<a class=button id=pause href=/deed/pause>Pause</a></p>");
    }
    html.raw("<dl class=figures>");
    figure(html, "Oldest waits", span(figures.oldest_age));
    figure(html, "Ready", figures.ready);
    figure(html, "Leased", figures.leased);
    figure(html, "Delayed", figures.delayed);
    figure(html, "Dead", figures.dead);
    figure(html, "Spilled", or_unknown(books.map(|books| books.spilled)));
    figure(html, "Lanes", figures.lanes);
    figure(html, "Workers alive", figures.workers);
    let rate = |of: fn(&PerMinute) -> f64| {
        rates.as_ref().map_or("…".to_owned(), |rates| format!("{:.0}", of(rates)))
    };
    figure(html, "Taken a minute", rate(|rates| rates.taken));
    figure(html, "Done a minute", rate(|rates| rates.done));
    html.raw("</dl><p class=soft>");
    if let Some(rates) = rates {
        html.raw("Rates of the last ").text(span(rates.over)).raw("; done without the dead.");
    } else {
        html.raw("Rates are known at the second look.");
    }
    html.raw("</p></section>");
}

fn letters(html: &mut Html, look: &Look) {
    html.raw("<section id=letters class=card><h2 id=letters-title tabindex=-1>Dead letters</h2>");
    match &look.queue {
        None => {
            html.raw("<p>Redis does not answer.</p>");
        }
        Some(queue) if queue.letters.is_empty() => {
            html.raw("<p>None.</p>");
        }
        Some(queue) => {
            html.raw("<p class=soft>The last ")
                .text(queue.letters.len())
                .raw(" of ")
                .text(queue.figures.dead);
            html.raw(", the newest first. <code>postly queue dead list</code> has all, <code>postly explain</code> ")
                .raw("the story of one.</p><ol class=list>");
            for entry in &queue.letters {
                letter(html, entry, look.at);
            }
            html.raw("</ol>");
        }
    }
    html.raw("</section>");
}

fn letter(html: &mut Html, entry: &Entry, now: DateTime<Utc>) {
    html.raw("<li><p class=reason>").text(&entry.reason).raw("</p><p class=soft>");
    described(html, entry, now);
    html.raw("</p><p class=row>");
    for (what, words) in [("replay", "Replay"), ("discard", "Discard")] {
        html.raw("<a class=button id=\"")
            .text(what)
            .raw("-")
            .text(&entry.id)
            .raw("\" href=\"/deed/")
            .text(what);
        html.raw("?letter=").text(&entry.id).raw("\">").raw(words).raw("<span class=unseen> ");
        html.text(entry.message.as_ref().unwrap_or(&entry.id)).raw("</span></a> ");
    }
    html.raw("</p></li>");
}

/// What it is, in a line: no text of anybody, and digests in place of ids.
pub(super) fn described(html: &mut Html, entry: &Entry, now: DateTime<Utc>) {
    let age = (now - entry.died_at).to_std().unwrap_or(Duration::ZERO);
    html.text(&entry.kind).raw(" · ").text(entry.provider.unwrap_or("no provider")).raw(" · ");
    html.text(entry.attempts).raw(if entry.attempts == 1 { " start" } else { " starts" });
    html.raw(" · died ")
        .text(entry.died_at.format("%Y-%m-%d %H:%M:%S"))
        .raw(" UTC, ")
        .text(coarse(age))
        .raw(" ago");
    for (name, digest) in [(" · message ", &entry.message), (" · sender ", &entry.sender)] {
        if let Some(digest) = digest {
            html.raw(name).raw("<code>").text(digest).raw("</code>");
        }
    }
}

/// In whole minutes, so that a list does not change at every look.
fn coarse(age: Duration) -> String {
    if age < Duration::from_mins(1) {
        "less than a minute".to_owned()
    } else {
        span(age.max(Duration::from_mins(2)))
    }
}

fn books(html: &mut Html, look: &Look) {
    html.raw("<section id=books class=card><h2>Money and safety</h2><dl class=figures>");
    let books = look.books.as_ref();
    let imbalance =
        books.map(|books| books.imbalance.map_or("not looked yet".to_owned(), |off| off.to_string()));
    figure(html, "Ledger imbalance", or_unknown(imbalance));
    figure(html, "Model today", or_unknown(books.map(|books| cents(books.spent))));
    let standing = look.queue.as_ref().map(|queue| &queue.standing);
    let durable = standing.map(|standing| match standing.durable {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "not shown",
    });
    figure(html, "Redis durable", or_unknown(durable));
    for (place, provider) in Provider::ALL.into_iter().enumerate() {
        let name = match provider {
            Provider::Meta => "Meta numbers paused",
            Provider::Twilio => "Twilio numbers paused",
        };
        figure(html, name, or_unknown(standing.map(|standing| standing.paused[place])));
    }
    html.raw("</dl></section>");
}

fn deeds(html: &mut Html, books: Option<&Books>) {
    html.raw("<section id=deeds class=card><h2>Last deeds</h2>");
    match books {
        None => {
            html.raw("<p>Postgres does not answer.</p>");
        }
        Some(books) if books.deeds.is_empty() => {
            html.raw("<p>None.</p>");
        }
        Some(books) => {
            html.raw("<p class=soft><code>postly audit</code> has all of them.</p><ol class=list>");
            for line in &books.deeds {
                deed(html, line);
            }
            html.raw("</ol>");
        }
    }
    html.raw("</section>");
}

fn deed(html: &mut Html, line: &Line) {
    let who = line.actor.strip_prefix("operator:").unwrap_or(&line.actor);
    html.raw("<li><p><strong>").text(&line.action).raw("</strong> ");
    if line.subject != line.about {
        html.raw("<code>").text(&line.subject).raw("</code> ");
    }
    html.raw("by ").text(who).raw(": ").text(&line.note).raw("</p><p class=soft>");
    html.text(line.at.format("%Y-%m-%d %H:%M:%S")).raw(" UTC · ").text(outcome(line)).raw("</p></li>");
}

fn figure(html: &mut Html, name: &'static str, value: impl std::fmt::Display) {
    html.raw("<div><dt>").raw(name).raw("</dt><dd>").text(value).raw("</dd></div>");
}

/// Dollars, as far as an operator cares at a glance.
fn cents(micros: Micros) -> String {
    format!("${}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000)
}

fn or_unknown(value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| value.to_string())
}
