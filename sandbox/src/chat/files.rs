//! The files of the page. They are part of this program: nothing is read from disk, nothing comes from elsewhere.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Where each is found, what it is, and what it says.
const FILES: [(&str, &str, &str); 15] = [
    ("/", HTML, include_str!("page/page.html")),
    ("/page.css", CSS, include_str!("page/page.css")),
    ("/page.js", JS, include_str!("page/page.js")),
    ("/format.js", JS, include_str!("page/format.js")),
    ("/harm.js", JS, include_str!("page/harm.js")),
    ("/menu.js", JS, include_str!("page/menu.js")),
    ("/phone.js", JS, include_str!("page/phone.js")),
    ("/queue.js", JS, include_str!("page/queue.js")),
    ("/server.js", JS, include_str!("page/server.js")),
    ("/story.js", JS, include_str!("page/story.js")),
    ("/tools.js", JS, include_str!("page/tools.js")),
    ("/top.js", JS, include_str!("page/top.js")),
    ("/view.js", JS, include_str!("page/view.js")),
    ("/voice.js", JS, include_str!("page/voice.js")),
    ("/words.js", JS, include_str!("page/words.js")),
];

/// Their routes.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        // The next demo on this port may be of another build.
        let file = move || async move { ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text) };
        router.route(path, get(file))
    })
}
