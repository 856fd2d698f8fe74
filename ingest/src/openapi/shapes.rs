//! The shapes of what is sent and answered, by name (JSON Schema).

use serde_json::{Map, Value, json};
use shared::texts::Denial;

/// All of them.
#[expect(clippy::too_many_lines, reason = "one list: what is sent and answered, each shape once")]
pub(super) fn all() -> Map<String, Value> {
    let codes: Vec<&str> = Denial::ALL.into_iter().map(Denial::code).collect();
    let text = || json!({ "type": "string" });
    let id = || json!({ "type": "string", "maxLength": 255 });
    let number = || json!({ "type": "integer" });
    let time = || json!({ "type": "string", "format": "date-time" });
    let maybe = |kind: &str| json!({ "type": [kind, "null"] });
    let language = || json!({ "type": "string", "enum": ["fr", "en"] });
    let yes = || json!({ "const": true });
    let user = shape(&[("id", text()), ("phone", text()), ("credits", number()), ("isNew", flag())], &[]);
    let error = shape(
        &[("code", json!({ "type": "string", "enum": codes })), ("message", text())],
        &[("attemptsLeft", json!({ "type": "integer", "minimum": 0 }))],
    );
    let purpose = json!({ "type": "string", "description": "`login`, `signup` or `link`" });
    let line = shape(&[("at", time()), ("delta", number()), ("reason", text()), ("balance", number())], &[]);
    let generation = shape(
        &[
            ("id", text()),
            ("createdAt", time()),
            ("brief", text()),
            ("language", maybe("string")),
            ("posts", list(&text())),
        ],
        &[],
    );
    let device = shape(
        &[
            ("id", text()),
            ("browser", maybe("string")),
            ("system", maybe("string")),
            ("begunAt", time()),
            ("seenAt", time()),
            ("current", flag()),
        ],
        &[],
    );
    let pack = shape(&[("pack", text()), ("credits", number()), ("price", text())], &[]);
    let nothing = json!({ "type": "object", "additionalProperties": false });
    [
        ("Document", json!({ "type": "object", "required": ["openapi", "paths"] })),
        ("Refused", shape(&[("success", json!({ "const": false })), ("error", error)], &[])),
        ("Asked", shape(&[("phone", text())], &[("purpose", purpose.clone())])),
        (
            "Sent",
            shape(
                &[
                    ("success", yes()),
                    ("sent", flag()),
                    ("phone", text()),
                    ("retryAfter", number()),
                    ("expiresIn", number()),
                ],
                &[],
            ),
        ),
        ("Typed", shape(&[("phone", text()), ("code", text())], &[("purpose", purpose)])),
        (
            "Entered",
            shape(
                &[("success", yes()), ("user", user), ("redirect", text())],
                &[("linked", flag()), ("merged", flag())],
            ),
        ),
        (
            "Begun",
            shape(
                &[
                    ("success", yes()),
                    ("number", json!({ "type": "integer", "minimum": 11, "maximum": 99 })),
                    ("link", json!({ "type": "string", "format": "uri" })),
                    ("qr", maybe("string")),
                    ("expiresIn", number()),
                ],
                &[],
            ),
        ),
        (
            "SignIn",
            shape(
                &[
                    ("success", yes()),
                    ("state", json!({ "type": "string", "enum": ["pending", "done", "ended", "expired"] })),
                ],
                &[("redirect", text())],
            ),
        ),
        (
            "Account",
            shape(
                &[
                    ("credits", number()),
                    ("phone", maybe("string")),
                    ("email", maybe("string")),
                    ("language", language()),
                    ("createdAt", time()),
                ],
                &[],
            ),
        ),
        ("Language", shape(&[("language", language())], &[])),
        ("Nothing", nothing),
        ("Unlinked", shape(&[("unlinked", flag())], &[])),
        ("Erasing", shape(&[("receipt", text())], &[])),
        ("Lines", page(&line)),
        ("Generations", page(&generation)),
        ("Packs", shape(&[("items", list(&pack))], &[])),
        (
            "Choice",
            shape(
                &[("pack", id()), ("key", json!({ "type": "string", "pattern": "^[A-Za-z0-9-]{8,64}$" }))],
                &[],
            ),
        ),
        ("Till", shape(&[("url", json!({ "type": "string", "format": "uri" }))], &[])),
        (
            "Standing",
            shape(
                &[
                    ("state", json!({ "type": "string", "enum": ["paid", "unpaid", "failed", "unknown"] })),
                    ("paidAt", json!({ "type": ["string", "null"], "format": "date-time" })),
                ],
                &[],
            ),
        ),
        ("Devices", shape(&[("items", list(&device))], &[])),
        ("Which", shape(&[("id", id())], &[])),
        ("Ended", shape(&[("ended", yes())], &[])),
        ("Export", json!({ "type": "object", "required": ["account", "ledger", "generations", "messages"] })),
    ]
    .into_iter()
    .map(|(name, shape)| (name.to_owned(), shape))
    .collect()
}

/// An object with these properties, and perhaps those. What it may get later is not refused.
fn shape(required: &[(&str, Value)], perhaps: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = required.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        required.iter().chain(perhaps).map(|(name, shape)| ((*name).to_owned(), shape.clone())).collect();
    json!({ "type": "object", "required": names, "properties": properties })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn page(item: &Value) -> Value {
    shape(&[("items", list(item)), ("next", json!({ "type": ["string", "null"] }))], &[])
}
