//! A completion's content, written from the schema that was asked for.
//!
//! The author walks through the schema and fills what it finds: a property that is named after something a brief
//! may contain (platform, language, …) gets what the words say, any other string gets the next post. It does not
//! know what the caller will do with it.

use serde_json::{Map, Value, json};

use super::brief::{self, Language};
use super::errors::OpenAiFault;
use super::posts;
use super::request::{Asked, answers, first_user_text, text_of};
use super::schema::is;

/// How long a post is that was ordered long, at least, in characters.
const LONG: usize = 1_000;

/// Deeper schemas than this are recursive, and end with `null`.
const DEPTH: usize = 12;

/// What the person's words say about a property of the schema.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// This.
    Words(String),
    /// A brief may contain it; this one does not.
    Nothing,
    /// It is nothing that a brief contains.
    NotAsked,
}

struct Author<'a> {
    request: String,
    language: Language,
    root: &'a Value,
    fault: Option<OpenAiFault>,
    /// Posts that it has written before in this conversation, and does not write again.
    before: usize,
    posts: usize,
}

/// The content for a request.
pub(super) fn content(asked: &Asked, request: &Value, fault: Option<OpenAiFault>) -> String {
    let turn = first_user_text(request);
    let given = edits(&turn, asked);
    let user = in_words(turn);
    let instructions = format!("{}\n{user}", text_of(request, &["system", "developer"]));
    let language = brief::demanded_language(&instructions).or_else(|| brief::language(&user));
    let language = language.unwrap_or(Language::French);
    let Some(schema) = &asked.schema else {
        let paragraph = posts::instructions(&user, language);
        return if asked.json_object { json!({"text": paragraph}).to_string() } else { paragraph };
    };
    if let Some(given) = given {
        return edited(&given, &instructions, language).to_string();
    }
    let before = 3 * answers(request);
    let mut author = Author { request: user, language, root: schema, fault, before, posts: 0 };
    author.fill("", schema, 0).to_string()
}

/// What a model writes that believes its users: its own orders, where they are asked for; the very word that it is told to
/// say, three times. `None`: it is told nothing of the kind.
pub(super) fn obedient(asked: &Asked, request: &Value) -> Option<String> {
    let wish = text_of(request, &["user"]).to_lowercase();
    let orders = text_of(request, &["system", "developer"]);
    let told = |words: &[&str]| words.iter().any(|word| wish.contains(word));
    let shows = told(&["instructions", "consignes", "prompt", "system"]);
    let believed = if shows {
        orders
    } else if told(&["pwned"]) {
        "PWNED".to_owned()
    } else {
        return None;
    };
    let Some(properties) = asked.schema.as_ref().and_then(|schema| schema["properties"].as_object()) else {
        return Some(believed);
    };
    let fields = properties.iter().map(|(name, property)| {
        // Each in other words, so that nothing but their contents is wrong with them.
        let text = if shows { format!("{name}: {believed}") } else { believed.clone() };
        let value = if is(property, "boolean") { json!(false) } else { json!(text) };
        (name.clone(), value)
    });
    Some(Value::Object(fields.collect()).to_string())
}

/// The texts of a turn that are to be edited: a JSON object of texts with the very names that the schema asks for.
fn edits(turn: &str, asked: &Asked) -> Option<Map<String, Value>> {
    let Ok(Value::Object(given)) = serde_json::from_str::<Value>(turn) else { return None };
    let wanted = asked.schema.as_ref()?["properties"].as_object()?;
    let same = given.len() == wanted.len()
        && wanted.keys().all(|name| given.get(name).is_some_and(Value::is_string));
    same.then_some(given)
}

/// The same texts, edited as the instructions say: cut to half where they are to be
/// shorter, otherwise written anew in the language that is demanded.
fn edited(given: &Map<String, Value>, instructions: &str, language: Language) -> Value {
    let shorter = ["half as long", "shorter", "plus court"].iter().any(|word| instructions.contains(word));
    let edit = |(number, (name, text)): (usize, (&String, &Value))| {
        let text = text.as_str().unwrap_or_default();
        let text = if shorter { posts::shortened(text) } else { posts::post(text, language, number) };
        (name.clone(), json!(text))
    };
    Value::Object(given.iter().enumerate().map(edit).collect())
}

/// The words of a turn. A turn that is a JSON document says the most in its longest text.
fn in_words(turn: String) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(&turn) else { return turn };
    let texts = fields.values().filter_map(Value::as_str);
    texts.max_by_key(|text| text.len()).map_or(turn.clone(), str::to_owned)
}

impl Author<'_> {
    fn fill(&mut self, name: &str, schema: &Value, depth: usize) -> Value {
        if depth > DEPTH {
            return Value::Null;
        }
        if let Some(path) = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
            return self
                .root
                .pointer(path)
                .cloned()
                .map_or(Value::Null, |schema| self.fill(name, &schema, depth + 1));
        }
        if let Some(only) = schema.get("const") {
            return only.clone();
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            let nullable = choices.iter().any(|choice| is(choice, "null"));
            let choice = choices.iter().find(|choice| !is(choice, "null")).cloned().unwrap_or_default();
            let value = self.fill(name, &choice, depth + 1);
            return if nullable && self.says(name) == Said::Nothing { Value::Null } else { value };
        }
        if is(schema, "object") {
            return self.object(schema, depth);
        }
        if is(schema, "array") {
            let (least, most) = (schema["minItems"].as_u64(), schema["maxItems"].as_u64());
            let count = least.unwrap_or(3).min(most.unwrap_or(u64::MAX));
            return (0..count).map(|_| self.fill(name, &schema["items"], depth + 1)).collect();
        }
        if is(schema, "string") || schema.get("enum").is_some() {
            return self.string(name, schema);
        }
        if is(schema, "boolean") {
            return json!(name == "off_topic" && brief::is_chat(&self.request));
        }
        if is(schema, "integer") || is(schema, "number") {
            return schema.get("minimum").cloned().unwrap_or(json!(1));
        }
        Value::Null
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let properties = schema["properties"].as_object().cloned().unwrap_or_default();
        let filled: Map<String, Value> = properties
            .iter()
            .map(|(name, schema)| (name.clone(), self.fill(name, schema, depth + 1)))
            .collect();
        Value::Object(filled)
    }

    fn string(&mut self, name: &str, schema: &Value) -> Value {
        let said = self.says(name);
        if let Some(choices) = schema["enum"].as_array() {
            let same = |choice: &&Value| match (&said, choice.as_str()) {
                (Said::Words(said), Some(choice)) => choice.eq_ignore_ascii_case(said),
                _ => false,
            };
            let fallback = || choices.iter().find(|choice| choice.is_null() || *choice == "other");
            let choice = choices.iter().find(same).or_else(fallback);
            if choice.is_none() && is(schema, "null") {
                return Value::Null;
            }
            return choice.or(choices.first()).cloned().unwrap_or_default();
        }
        match said {
            Said::Words(said) => json!(said),
            Said::Nothing if is(schema, "null") => Value::Null,
            Said::Nothing => json!(""),
            Said::NotAsked => json!(self.post()),
        }
    }

    /// What the request says about a property.
    fn says(&self, name: &str) -> Said {
        let text = &self.request;
        let found = match name.to_lowercase().as_str() {
            "platform" => brief::platform(text),
            "industry" => brief::industry(text),
            "objective" => brief::objective(text),
            "tone" => brief::tone(text),
            "language" => {
                brief::demanded_language(text).or_else(|| brief::language(text)).map(Language::code)
            }
            "written_in" => brief::language(text).map(Language::code),
            "subject" | "topic" => return Said::Words(brief::subject(text)),
            "hashtag" | "hashtags" => return Said::Words(posts::hashtags(text, &brief::subject(text))),
            _ => return Said::NotAsked,
        };
        found.map_or(Said::Nothing, |words| Said::Words(words.to_owned()))
    }

    fn post(&mut self) -> String {
        let number = self.posts;
        self.posts += 1;
        let place = self.before + number;
        match (self.fault, number) {
            (Some(OpenAiFault::TwoEqualPosts), 1) => posts::post(&self.request, self.language, self.before),
            (Some(OpenAiFault::EmptyPost), 1) => String::new(),
            (Some(OpenAiFault::LongPosts), _) => {
                let post = posts::post(&self.request, self.language, place);
                let times = LONG.div_ceil(post.chars().count() + 1);
                vec![post; times].join(" ")
            }
            _ => posts::post(&self.request, self.language, place),
        }
    }
}
