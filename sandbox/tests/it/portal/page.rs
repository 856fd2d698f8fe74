//! The page itself and its files: what a browser is told about them, and in which language they come.

use sandbox::conversation::run;
use shared::message::Provider;

use super::browser::Browser;
use crate::GROUND;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_allows_nothing_but_its_own_files() {
    run(&GROUND, async |sandbox| {
        let browser = Browser::stranger(sandbox);
        let page = browser.get("/").await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
        let policy = page.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(part), "{part} is not in {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "private, no-cache"),
            ("vary", "accept-language, cookie"),
        ] {
            assert_eq!(page.header(name), value, "{name}");
        }
        // Nothing inline that would run, and no address but those of this server.
        assert!(
            !page.text.contains("style=") && !page.text.contains("<style") && !page.text.contains(" onclick")
        );
        for (part, _) in page.text.match_indices("<script") {
            let tag = page.text[part..].split_once('>').unwrap().0;
            assert!(tag.contains("src=\"/portal/") || tag.contains("type=\"application/json\""), "{tag}");
        }
        let files: Vec<&str> = page.text.split('"').filter(|part| part.starts_with("/portal/")).collect();
        assert!(
            files.len() >= 4 && !page.text.contains("//cdn") && !page.text.contains("=\"http"),
            "{files:?}"
        );
        for file in files {
            let answer = browser.get(file).await;
            assert_eq!(answer.status, 200, "{file}");
            assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable", "{file}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{file}");
            // Modules of a script are files as well.
            for module in answer.text.split("from \"./").skip(1).filter_map(|rest| rest.split_once('"')) {
                let module = format!("{}/{}", file.rsplit_once('/').unwrap().0, module.0);
                let answer = browser.get(&module).await;
                assert_eq!(
                    (answer.status.as_u16(), answer.header("content-type")),
                    (200, "text/javascript; charset=utf-8"),
                    "{module}"
                );
            }
        }
        // Of another build: what is here, to be looked at again.
        let old = browser.get("/portal/0123456789ab/page.js").await;
        assert_eq!((old.status.as_u16(), old.header("cache-control")), (200, "no-cache"));
        for lost in
            ["/portal/0123456789ab/page.html", "/portal/x/../../Cargo.toml", "/portal/x/%2e%2e%2fpage.js"]
        {
            assert_eq!(browser.get(lost).await.status, 404, "{lost}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_comes_in_the_language_that_was_chosen_and_only_when_it_has_changed() {
    run(&GROUND, async |sandbox| {
        let french =
            |text: &str| text.contains("<html lang=\"fr\">") && text.contains("Connectez-vous à Postly");
        let browser = Browser::stranger(sandbox);
        let page = browser.get("/").await;
        assert!(french(&page.text));
        let english = browser.speaks("en-GB,en;q=0.9,fr;q=0.5").get("/").await;
        assert!(english.text.contains("<html lang=\"en\">") && english.text.contains("Sign in to Postly"));
        assert!(french(&browser.speaks("de").get("/").await.text), "French where neither is asked for");

        let again = browser.asks("GET", "/").header("if-none-match", page.header("etag"));
        let again = browser.sends(again).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
        let other = browser.speaks("en").asks("GET", "/").header("if-none-match", page.header("etag"));
        assert_eq!(browser.sends(other).await.status, 200, "another language is another page");

        let chosen = browser.get("/?lang=en").await;
        assert!(chosen.text.contains("<html lang=\"en\">"));
        let cookie = chosen.header("set-cookie");
        assert!(
            cookie.starts_with("postly-language=en; ")
                && cookie.contains("HttpOnly")
                && cookie.contains("SameSite=Lax"),
            "{cookie}"
        );
        let kept = browser.asks("GET", "/").header("cookie", "other=1; postly-language=en");
        assert!(browser.sends(kept).await.text.contains("<html lang=\"en\">"));
        for nonsense in ["/?lang=de", "/?lang=", "/?lang=%ff%00", "/?&&=", "/?paid=cs_1"] {
            let answer = browser.get(nonsense).await;
            assert!(french(&answer.text) && answer.header("set-cookie").is_empty(), "{nonsense}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_there_without_books() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let browser = Browser::of(sandbox, &alice.account().await).await;
        let app = sandbox.ingest_app();
        app.pool().close().await;
        let away = browser.at(&sandbox.starts_ingest(app).await);
        assert!(away.speaks("en").get("/").await.text.contains("Sign in to Postly"));
        let answer = away.get("/api/portal/account").await;
        assert_eq!(answer.refusal(), (503, "unavailable".to_owned()));
        assert!(!answer.header("retry-after").is_empty());
    })
    .await;
}
