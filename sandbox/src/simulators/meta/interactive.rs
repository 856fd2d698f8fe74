//! Reply buttons and lists, with the limits that Meta publishes for each.
//!
//! The body of a button message holds 1024 characters, not the 4096 of a text: three posts do not fit there.

use serde::Serialize;
use serde_json::{Map, Value};

use super::errors::GraphError;
use super::rules::{object, only, string};
use super::world::Sent;

/// What a message offers to be tapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offered {
    /// What opens the list; without it, the choices are reply buttons.
    pub opens: Option<String>,
    /// In their order.
    pub choices: Vec<Choice>,
}

/// One of the choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What comes back.
    pub id: String,
    /// What is read, and stands in the person's bubble afterwards.
    pub title: String,
    /// What stands under it, in a list.
    pub description: Option<String>,
}

impl Sent {
    /// What can be tapped under it, if anything.
    #[must_use]
    pub fn offers(&self) -> Option<Offered> {
        let interactive = self.request.get("interactive")?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let action = &interactive["action"];
        let rows = list(&action["sections"]).into_iter().flat_map(|section| list(&section["rows"]));
        let buttons = list(&action["buttons"]).into_iter().map(|button| button["reply"].clone());
        let choice = |choice: Value| {
            let description = text(&choice["description"]);
            Some(Choice { id: text(&choice["id"])?, title: text(&choice["title"])?, description })
        };
        Some(Offered {
            opens: text(&action["button"]),
            choices: rows.chain(buttons).filter_map(choice).collect(),
        })
    }

    /// The words above what can be tapped, or beside a document; all of them where there is neither.
    #[must_use]
    pub fn body(&self) -> &str {
        let words = [&self.request["interactive"]["body"]["text"], &self.request["document"]["caption"]];
        words.into_iter().find_map(Value::as_str).unwrap_or(&self.text)
    }
}

/// Checks an `interactive` object and returns what the person reads.
pub(super) fn read(interactive: &Map<String, Value>) -> Result<String, GraphError> {
    only(interactive, "interactive", &["type", "header", "body", "footer", "action"])?;
    let kind = string(interactive, "interactive", "type", 1, 64)?;
    if let Some(header) = interactive.get("header").and_then(Value::as_object)
        && header.get("type").is_some_and(|kind| kind == "text")
    {
        string(header, "header", "text", 1, 60)?;
    }
    if let Some(footer) = interactive.get("footer").and_then(Value::as_object) {
        only(footer, "footer", &["text"])?;
        string(footer, "footer", "text", 1, 60)?;
    }
    let most = if kind == "list" { 4096 } else { 1024 };
    let body = object(interactive, "interactive", "body")?;
    only(body, "body", &["text"])?;
    let text = string(body, "body", "text", 1, most)?;
    let action = object(interactive, "interactive", "action")?;
    let choices = match kind {
        "button" => buttons(action)?,
        "list" => rows(action)?,
        _ => return Err(GraphError::parameter("Param interactive['type'] must be one of {BUTTON, LIST}.")),
    };
    Ok(choices.iter().fold(text.to_owned(), |shown, choice| format!("{shown}\n[{choice}]")))
}

fn buttons(action: &Map<String, Value>) -> Result<Vec<String>, GraphError> {
    only(action, "action", &["buttons"])?;
    let buttons = action.get("buttons").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !(1..=3).contains(&buttons.len()) {
        return Err(GraphError::parameter(
            "Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3",
        ));
    }
    let mut titles = Vec::new();
    for button in buttons {
        let button = entry(button, "buttons")?;
        only(button, "button", &["type", "reply"])?;
        let reply = object(button, "button", "reply")?;
        only(reply, "reply", &["id", "title"])?;
        string(reply, "reply", "id", 1, 256)?;
        titles.push(string(reply, "reply", "title", 1, 20)?.to_owned());
    }
    let mut unique = titles.clone();
    unique.sort();
    unique.dedup();
    if unique.len() < titles.len() {
        return Err(GraphError::parameter("Duplicate button title found."));
    }
    Ok(titles)
}

fn rows(action: &Map<String, Value>) -> Result<Vec<String>, GraphError> {
    only(action, "action", &["button", "sections"])?;
    string(action, "action", "button", 1, 20)?;
    let sections = action.get("sections").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !(1..=10).contains(&sections.len()) {
        return Err(GraphError::parameter("Invalid sections count. Min allowed: 1, Max allowed: 10"));
    }
    let mut titles = Vec::new();
    for section in sections {
        let section = entry(section, "sections")?;
        only(section, "section", &["title", "rows"])?;
        // A title is required as soon as there is more than one section.
        if sections.len() > 1 || section.contains_key("title") {
            string(section, "section", "title", 1, 24)?;
        }
        for row in section.get("rows").and_then(Value::as_array).map_or(&[][..], Vec::as_slice) {
            let row = entry(row, "rows")?;
            only(row, "row", &["id", "title", "description"])?;
            string(row, "row", "id", 1, 200)?;
            titles.push(string(row, "row", "title", 1, 24)?.to_owned());
            if row.contains_key("description") {
                string(row, "row", "description", 0, 72)?;
            }
        }
    }
    if !(1..=10).contains(&titles.len()) {
        return Err(GraphError::parameter("Total row count exceed max allowed count: 10"));
    }
    Ok(titles)
}

fn entry<'a>(value: &'a Value, list: &str) -> Result<&'a Map<String, Value>, GraphError> {
    value.as_object().ok_or_else(|| GraphError::parameter(format!("Each entry of {list} must be an object.")))
}
