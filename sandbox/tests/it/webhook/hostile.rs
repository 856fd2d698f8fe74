//! What is rightly signed and still absurd: every byte is somebody's choice. Nothing of it is a 5xx, stops a
//! worker, or keeps anybody else waiting.

use std::collections::BTreeMap;
use std::fmt::Write;

use sandbox::conversation::run;
use serde_json::{Value, json};
use shared::message::Provider;

use super::{is_acknowledged, signed};
use crate::GROUND;

/// One change of field `messages` around this value.
fn change(value: &Value) -> Value {
    json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]})
}

fn message(fields: &Value) -> Value {
    let mut whole =
        json!({"id": "wamid.x", "from": "33639980777", "type": "text", "text": {"body": "solde"}});
    for (name, value) in fields.as_object().unwrap() {
        whole[name] = value.clone();
    }
    change(&json!({"metadata": {"phone_number_id": "109876543210987"}, "messages": [whole]}))
}

fn metas() -> Vec<(&'static str, Vec<u8>)> {
    // An index of Postgres takes 2 700 bytes. One true megabyte is enough: hashing it unoptimised takes its time.
    let large = "x".repeat(20_000);
    let mega = "x".repeat(1_000_000);
    let nul = "a\u{0}b";
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let status = |fields: Value| {
        let mut whole = json!({"id": "wamid.s", "status": "failed", "timestamp": "1790000000", "errors": [{"code": 131_026}]});
        for (name, value) in fields.as_object().unwrap() {
            whole[name] = value.clone();
        }
        change(&json!({"statuses": [whole]}))
    };
    let number = |id: Value| {
        change(
            &json!({"metadata": {"phone_number_id": id}, "messages": [{"id": "wamid.n", "from": "33639980778", "text": {"body": "solde"}}]}),
        )
    };
    let mut all: Vec<(&'static str, Vec<u8>)> = [
        ("an id of a megabyte", message(&json!({"id": mega}))),
        ("a sender of great length", message(&json!({"id": "1", "from": large}))),
        ("a BSUID of great length", message(&json!({"id": "2", "from": null, "from_user_id": large}))),
        ("a kind of great length", message(&json!({"id": "3", "type": large}))),
        ("an id with NUL", message(&json!({"id": nul}))),
        ("a BSUID with NUL", message(&json!({"id": "4", "from": null, "from_user_id": nul}))),
        ("a BSUID of nothing but NUL", message(&json!({"id": "4b", "from": null, "from_user_id": "\u{0}"}))),
        ("a text with NUL", message(&json!({"id": "5", "text": {"body": "sol\u{0}de"}}))),
        ("a kind with NUL", message(&json!({"id": "6", "type": nul}))),
        ("a kind of nothing", message(&json!({"id": "7", "type": ""}))),
        ("numbers for strings", message(&json!({"id": 8, "from": 33_639_980_779_u64, "timestamp": 1_790_000_000, "text": {"body": 17}}))),
        ("lists for strings", message(&json!({"id": ["9"], "timestamp": {"a": 1}, "type": ["text"], "text": "solde"}))),
        ("a time before time", message(&json!({"id": "10", "timestamp": "-9223372036854775808"}))),
        ("a time after time", message(&json!({"id": "11", "timestamp": "9223372036854775807"}))),
        ("nulls", message(&json!({"id": null, "from": null, "from_user_id": null, "type": null, "text": null}))),
        ("a number of great length", number(json!(large))),
        ("a number with NUL", number(json!(nul))),
        ("a number that climbs out of its path", number(json!("../../v25.0/me"))),
        ("a number with a query", number(json!("1?access_token=x#"))),
        ("a status of great length", status(json!({"id": large}))),
        ("a status with NUL", status(json!({"id": nul, "errors": [{"code": nul}]}))),
        ("a status of a row that never was", status(json!({"id": "s1", "biz_opaque_callback_data": "outbox:9223372036854775807"}))),
        ("a status of a row below zero", status(json!({"id": "s2", "biz_opaque_callback_data": "outbox:-1"}))),
        ("a status of no row", status(json!({"id": "s3", "biz_opaque_callback_data": "outbox:99999999999999999999"}))),
        ("a status with odd errors", status(json!({"id": "s4", "errors": {"code": [1]}}))),
        ("a status at no time", status(json!({"id": "s5", "timestamp": "soon"}))),
        ("a field of great length", json!({"entry": [{"changes": [{"field": large, "value": {}}]}]})),
        ("a notice with NUL", json!({"entry": [{"time": nul, "changes": [{"field": nul, "value": {"a": nul}}]}]})),
        ("ten thousand entries", json!({"entry": vec![json!({"changes": []}); 10_000]})),
        ("a hundred thousand unreadable entries", json!({"entry": vec![0; 100_000]})),
    ]
    .into_iter()
    .map(|(what, value)| (what, value.to_string().into_bytes()))
    .collect();
    for (what, text) in [
        ("nothing", String::new()),
        ("null", "null".to_owned()),
        ("a deep list", deep("[", "]")),
        ("a deep entry", format!(r#"{{"entry":[{}]}}"#, deep("[", "]"))),
        (
            "a deep message",
            message(&json!({"id": "12", "text": "@"}))
                .to_string()
                .replace("\"@\"", &deep(r#"{"body":"#, "}").replace(":}", ":1}")),
        ),
        (
            "a deep field beside a message",
            message(&json!({"id": "13", "context": "@"})).to_string().replace("\"@\"", &deep("[", "]")),
        ),
        (
            "half a surrogate",
            message(&json!({"id": "14", "text": {"body": "@"}})).to_string().replace('@', r"\ud800"),
        ),
        (
            "a number beyond numbers",
            message(&json!({"id": "15", "timestamp": "@"})).to_string().replace("\"@\"", "1e999999"),
        ),
        ("a name twice", r#"{"entry":[],"entry":[{"changes":[]}]}"#.to_owned()),
        ("a mark of byte order", format!("\u{feff}{}", message(&json!({"id": "16"})))),
    ] {
        all.push((what, text.into_bytes()));
    }
    all.push(("bytes that are no text", [br#"{"entry":[""#.as_slice(), &[0xff; 1000], br#""]}"#].concat()));
    all
}

fn twilios() -> Vec<(&'static str, Vec<u8>)> {
    // An index of Postgres takes 2 700 bytes. One true megabyte is enough: hashing it unoptimised takes its time.
    let large = "x".repeat(20_000);
    let mega = "x".repeat(1_000_000);
    let form = |changes: &[(&str, &str)]| {
        let mut fields: BTreeMap<&str, &str> = [
            ("AccountSid", "AC1"),
            ("MessageSid", "SMx"),
            ("From", "whatsapp:+33639980777"),
            ("To", "whatsapp:+33199001234"),
            ("Body", "solde"),
        ]
        .into();
        fields.extend(changes.iter().copied());
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
    };
    let mut many = String::from_utf8(form(&[("MessageSid", "SMmany")])).unwrap();
    for number in 0..4_000 {
        write!(many, "&p{number}={number}&Body=other").unwrap();
    }
    vec![
        ("a sid of a megabyte", form(&[("MessageSid", &mega)])),
        ("an account of great length", form(&[("MessageSid", "SM2"), ("AccountSid", &large)])),
        ("a sender of great length", form(&[("MessageSid", "SM3"), ("From", &large)])),
        (
            "a text of great length around a word",
            form(&[("MessageSid", "SM5"), ("Body", &format!("solde{}", " ".repeat(1_000_000)))]),
        ),
        (
            "NUL everywhere",
            form(&[
                ("MessageSid", "SM\u{0}6"),
                ("AccountSid", "\u{0}"),
                ("Body", "sol\u{0}de"),
                ("From", "whatsapp:+336399\u{0}80777"),
            ]),
        ),
        ("a sender of nothing but a NUL", form(&[("MessageSid", "SM6b"), ("From", "whatsapp:\u{0}")])),
        ("a sender of nothing", form(&[("MessageSid", "SM6c"), ("From", "whatsapp:")])),
        ("a sender that is a script", form(&[("MessageSid", "SM7"), ("From", "whatsapp:<script>&amp;")])),
        ("a BSUID of great length", form(&[("MessageSid", "SM8"), ("ExternalUserId", &large)])),
        ("a kind of great length", form(&[("MessageSid", "SM9"), ("MessageType", &large), ("Body", "")])),
        ("a status of great length", form(&[("MessageSid", "SM10"), ("MessageStatus", &large)])),
        (
            "a status with an odd code",
            form(&[("MessageSid", "SM11"), ("MessageStatus", "failed"), ("ErrorCode", &large)]),
        ),
        ("eight thousand parameters", many.into_bytes()),
        (
            "broken escapes",
            b"MessageSid=SM12&From=whatsapp%3A%2B33639980777&To=whatsapp%3A%2B33199001234&Body=%e9%%%&%zz%"
                .to_vec(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absurd_letters_are_acknowledged_and_stop_nobody() {
    run(&GROUND, async |sandbox| {
        let letters = [(Provider::Meta, metas()), (Provider::Twilio, twilios())];
        for (provider, letters) in letters {
            for (what, bytes) in letters {
                let delivery = signed(sandbox, provider, &bytes).await;
                assert!(is_acknowledged(provider, &delivery), "{what}: {delivery:?}");
            }
        }
        for provider in Provider::ALL {
            let alice = sandbox.person(provider);
            alice.says("solde").await;
            assert_eq!(alice.hears().await, "💳 Il vous reste 0 crédit.");
        }
        sandbox.is_quiet().await;
        let unfinished: Vec<String> =
            sqlx::query_scalar("select message_id from wa.receipt where state <> 'finished'")
                .fetch_all(&sandbox.pool)
                .await
                .unwrap();
        assert!(unfinished.is_empty(), "{unfinished:?}");
    })
    .await;
}
