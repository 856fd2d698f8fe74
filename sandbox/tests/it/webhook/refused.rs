//! Who is not let in: told nothing, and nothing is changed.

use sandbox::conversation::{run, run_without_worker};
use sandbox::simulators::meta;
use serde_json::json;
use shared::message::Provider;

use super::{
    FORM, JSON, META, PATH, TWILIO, drained, head, is_acknowledged, letter, meta_signature, post, raw,
    signed, twilio_signature,
};
use crate::GROUND;

/// What is wrong with a request, its headers, its body.
type Refused<'a> = (&'static str, Vec<(&'static str, &'a str)>, &'a [u8]);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_sign_is_told_nothing_and_changes_nothing() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta);
        let json = letter(&alice, "aide").to_string().into_bytes();
        let form = b"MessageSid=SM1&AccountSid=AC1&From=whatsapp%3A%2B33639980123&To=whatsapp%3A%2B33199001234&Body=aide";
        let good = meta_signature(sandbox, &json);
        let elsewhere = twilio_signature(sandbox, "/api/whatsapp/status", form);
        let other = twilio_signature(sandbox, PATH, b"MessageSid=SM2");
        let glad = twilio_signature(sandbox, PATH, form);
        let with = |secret: &str| meta::signature::sign(secret, &json);
        // The original service took the verify token for the key.
        let (verify, empty) = (with(&sandbox.variables["META_VERIFY_TOKEN"]), with(""));
        let upper = good.replace("sha256=", "SHA256=");
        let bare = good.replace("sha256=", "");
        let short = &good[..good.len() - 2];
        let refused: Vec<Refused<'_>> = vec![
            ("no signature", vec![JSON], &json),
            ("an empty one", vec![JSON, (META, "")], &json),
            ("the verify token as key", vec![JSON, (META, &verify)], &json),
            ("an empty key", vec![JSON, (META, &empty)], &json),
            ("of other bytes", vec![JSON, (META, &good)], form),
            ("cut", vec![JSON, (META, short)], &json),
            ("without its algorithm", vec![JSON, (META, &bare)], &json),
            ("with another algorithm", vec![JSON, (META, &upper)], &json),
            ("the old SHA-1 header", vec![JSON, ("x-hub-signature", "sha1=00")], &json),
            ("twice", vec![JSON, (META, &good), (META, &good)], &json),
            ("both providers'", vec![JSON, (META, &good), (TWILIO, &other)], &json),
            ("under the other's name", vec![JSON, (TWILIO, &good)], &json),
            ("Twilio: none", vec![FORM], form),
            ("Twilio: of another form", vec![FORM, (TWILIO, &other)], form),
            ("Twilio: of another address", vec![FORM, (TWILIO, &elsewhere)], form),
            ("Twilio: no base64", vec![FORM, (TWILIO, "%%%")], form),
            ("Twilio: twice", vec![FORM, (TWILIO, &glad), (TWILIO, &glad)], form),
            ("Twilio: a body that nothing vouches for", vec![JSON, (TWILIO, &glad)], form),
        ];
        for (what, headers, body) in refused {
            let delivery = post(sandbox, &headers, body).await;
            assert_eq!((delivery.status, delivery.body.as_str()), (Some(401), ""), "{what}");
        }
        let before = sandbox.queue.figures().await.unwrap();
        assert_eq!((before.ready, before.dead), (0, 0));
        // The same bytes, rightly signed, are let in: nothing above was refused for another reason.
        assert!(is_acknowledged(Provider::Meta, &signed(sandbox, Provider::Meta, &json).await));
        assert!(is_acknowledged(Provider::Twilio, &signed(sandbox, Provider::Twilio, form).await));
        assert_eq!(drained(sandbox).await.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_megabytes_pass_and_more_than_four_are_refused() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta);
        let mut large = letter(&alice, "aide");
        large["padding"] = json!("x".repeat(3_000_000));
        assert_eq!(sandbox.stage.meta.deliver(&large).await.status, Some(200));
        assert!(alice.hears().await.contains("Postly"));

        let mut streamed = letter(&alice, "solde");
        streamed["padding"] = json!("é".repeat(1_000_000));
        let streamed = streamed.to_string().into_bytes();
        let mut request = head(None, &meta_signature(sandbox, &streamed));
        request.extend_from_slice(&chunked(&streamed));
        assert_eq!(raw(&sandbox.ingest, &request).await, (200, String::new()));

        let bound = ingest::limits::BODY;
        let refused = (413, String::new());
        // Announced, it is refused before a byte of it is read; in chunks, at the first byte too many.
        assert_eq!(raw(&sandbox.ingest, &head(Some(bound + 1), "sha256=00")).await, refused);
        let mut request = head(None, "sha256=00");
        request.extend_from_slice(format!("{:x}\r\n", bound + 1).as_bytes());
        request.extend(std::iter::repeat_n(b'x', bound + 1));
        assert_eq!(raw(&sandbox.ingest, &request).await, refused);
        let fitting = vec![b'x'; bound];
        let mut request = head(Some(bound), "sha256=00");
        request.extend_from_slice(&fitting);
        assert_eq!(raw(&sandbox.ingest, &request).await, (401, String::new()));
    })
    .await;
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for piece in body.chunks(64 * 1024) {
        wire.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        wire.extend_from_slice(piece);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}
