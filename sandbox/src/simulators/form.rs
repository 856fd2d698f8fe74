//! A form with a file, as it arrives (RFC 7578), read as closely as an API would.

use axum::http::HeaderMap;

/// A part of a form.
pub(super) struct Part<'a> {
    /// The field.
    pub name: String,
    /// The name of its file.
    pub file: Option<String>,
    /// What the file is said to be.
    pub mime_type: Option<String>,
    /// What it holds.
    pub bytes: &'a [u8],
}

impl Part<'_> {
    /// Its name and its words.
    pub fn field(&self) -> (String, String) {
        (self.name.clone(), String::from_utf8_lossy(self.bytes).into_owned())
    }
}

/// The parts of a request's form. `None`: it is none, or it does not end.
pub(super) fn read<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    parts(body, &boundary(headers)?)
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get("content-type")?.to_str().ok()?;
    let (_, boundary) = kind.strip_prefix("multipart/form-data;")?.split_once("boundary=")?;
    Some(boundary.trim_matches('"').to_owned()).filter(|boundary| (1..=70).contains(&boundary.len()))
}

fn parts<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<Part<'a>>> {
    let (first, between) = (format!("--{boundary}"), format!("\r\n--{boundary}"));
    let mut rest = body.strip_prefix(first.as_bytes())?;
    let mut parts = Vec::new();
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        let end = find(after, between.as_bytes())?;
        let (head, bytes) = {
            let part = &after[..end];
            let blank = find(part, b"\r\n\r\n")?;
            (std::str::from_utf8(&part[..blank]).ok()?, &part[blank + 4..])
        };
        let line = |name: &str| {
            head.lines().find_map(|line| {
                Some(line.split_once(": ")?).filter(|(key, _)| key.eq_ignore_ascii_case(name))
            })
        };
        let (_, disposition) = line("content-disposition")?;
        let quoted = |name: &str| {
            let (_, value) = disposition.split_once(&format!("; {name}=\""))?;
            value.split('"').next().map(str::to_owned)
        };
        let mime_type = line("content-type").map(|(_, kind)| kind.to_owned());
        parts.push(Part { name: quoted("name")?, file: quoted("filename"), mime_type, bytes });
        rest = &after[end + between.len()..];
    }
    rest.starts_with(b"--").then_some(parts)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
