//! The cookie that carries a session, with the name and the flags that NextAuth gives it.
//!
//! NextAuth cuts a value that is too long for one cookie into `name.0`, `name.1` and so on, and puts together whatever it
//! finds under these names. Ours is never that long. But pieces of a longer one that stayed in the browser would be put
//! together with it, so they are taken away whenever ours is set.

use axum::http::HeaderValue;
use axum::http::header::{COOKIE, HeaderMap};
use chrono::{DateTime, Utc};

use super::token::Version;

/// How many pieces of a cookie there can be: their head is no longer than what servers take (Node: 16 KiB).
const PIECES: usize = 4;

/// The cookie, as the web app has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    name: String,
    /// For which hosts, when not only for the one that set it (`SESSION_COOKIE_DOMAIN`).
    domain: Option<String>,
    /// Only over https.
    secure: bool,
}

impl Cookie {
    /// The cookie of this version at a web app that is reached over https or not; a name of its own in place of NextAuth's.
    /// The error is a sentence for the operator.
    pub fn new(
        version: Version,
        secure: bool,
        name: Option<String>,
        domain: Option<String>,
    ) -> Result<Self, String> {
        let usual = match version {
            Version::V4 => "next-auth.session-token",
            Version::V5 => "authjs.session-token",
        };
        let name = name.unwrap_or_else(|| format!("{}{usual}", if secure { "__Secure-" } else { "" }));
        let is_token = |text: &str, further: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || further.contains(char::from(b)))
        };
        if !is_token(&name, "!#$%&'*+-.^_`|~") {
            return Err("SESSION_COOKIE_NAME is no name of a cookie".to_owned());
        }
        if !secure && (name.starts_with("__Secure-") || name.starts_with("__Host-")) {
            return Err("SESSION_COOKIE_NAME is one that browsers take over https only, and NEXTAUTH_URL does not begin \
                        with https://"
                .to_owned());
        }
        if let Some(domain) = &domain
            && (!is_token(domain, "-.") || name.starts_with("__Host-"))
        {
            return Err(
                "SESSION_COOKIE_DOMAIN is no domain, or is set beside a name that forbids it (__Host-)"
                    .to_owned(),
            );
        }
        Ok(Self { name, domain, secure })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it travels over https only.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// What sets it until then, and takes pieces of an older one away.
    pub(super) fn set(&self, value: &str, until: DateTime<Utc>) -> Vec<HeaderValue> {
        let mut all = vec![self.line(&self.name, value, until)];
        all.extend(self.pieces());
        all.into_iter().flatten().collect()
    }

    /// What takes it away.
    pub(super) fn forget(&self) -> Vec<HeaderValue> {
        let mut all = vec![self.line(&self.name, "", DateTime::UNIX_EPOCH)];
        all.extend(self.pieces());
        all.into_iter().flatten().collect()
    }

    /// Its value in a request, whole or in pieces. The first of several cookies of one name, as NextAuth reads them.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<String> {
        let mut pieces: [Option<&str>; PIECES] = [None; PIECES];
        for (name, value) in pairs(headers) {
            let Some(rest) = name.strip_prefix(&self.name) else { continue };
            if rest.is_empty() {
                return Some(value.to_owned());
            }
            let place = rest.strip_prefix('.').and_then(|number| number.parse::<usize>().ok());
            if let Some(piece) = place.and_then(|place| pieces.get_mut(place)) {
                piece.get_or_insert(value);
            }
        }
        pieces[0]?;
        Some(pieces.into_iter().map_while(|piece| piece).collect())
    }

    fn pieces(&self) -> impl Iterator<Item = Option<HeaderValue>> {
        (0..PIECES).map(|place| self.line(&format!("{}.{place}", self.name), "", DateTime::UNIX_EPOCH))
    }

    /// `None`: the value is none that a header could carry, which no token is.
    fn line(&self, name: &str, value: &str, until: DateTime<Utc>) -> Option<HeaderValue> {
        let until = until.format("%a, %d %b %Y %H:%M:%S GMT");
        let domain = self.domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
        let secure = if self.secure { "; Secure" } else { "" };
        let line = format!("{name}={value}; Path=/; Expires={until}; HttpOnly; SameSite=Lax{domain}{secure}");
        HeaderValue::try_from(line).ok()
    }
}

/// Names and values of all cookies of a request.
pub(crate) fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::try_from(*line).unwrap())).collect()
    }

    fn cookie(version: Version, secure: bool) -> Cookie {
        Cookie::new(version, secure, None, None).unwrap()
    }

    #[test]
    fn each_version_has_its_name_and_another_one_over_https() {
        let name = |version, secure| cookie(version, secure).name;
        assert_eq!(name(Version::V4, false), "next-auth.session-token");
        assert_eq!(name(Version::V4, true), "__Secure-next-auth.session-token");
        assert_eq!(name(Version::V5, false), "authjs.session-token");
        assert_eq!(name(Version::V5, true), "__Secure-authjs.session-token");
    }

    #[test]
    fn it_is_set_with_nextauths_flags_and_stale_pieces_go() {
        let cookie = Cookie::new(Version::V5, true, None, Some("example.com".into())).unwrap();
        let lines = cookie.set("abc", DateTime::from_timestamp(1_790_000_000, 0).unwrap());
        assert_eq!(
            lines[0],
            "__Secure-authjs.session-token=abc; Path=/; Expires=Mon, 21 Sep 2026 14:13:20 GMT; HttpOnly; SameSite=Lax; \
             Domain=example.com; Secure"
        );
        assert_eq!(lines.len(), 1 + PIECES);
        for (place, line) in lines[1..].iter().enumerate() {
            let line = line.to_str().unwrap();
            assert!(line.starts_with(&format!(
                "__Secure-authjs.session-token.{place}=; Path=/; Expires=Thu, 01 Jan 1970"
            )));
        }
        assert!(!cookie.forget()[0].to_str().unwrap().contains("abc"));
    }

    #[test]
    fn it_is_read_whole_or_in_pieces() {
        let cookie = cookie(Version::V4, false);
        let read = |lines: &[&str]| cookie.read(&request(lines));
        assert_eq!(read(&["a=1; next-auth.session-token=abc; b=2"]).as_deref(), Some("abc"));
        assert_eq!(read(&["a=1", "next-auth.session-token=abc"]).as_deref(), Some("abc"));
        let pieces = "next-auth.session-token.1=b; next-auth.session-token.0=a; next-auth.session-token.2=c";
        assert_eq!(read(&[pieces]).as_deref(), Some("abc"));
        assert_eq!(
            read(&["next-auth.session-token.1=b; next-auth.session-tokens=x; next-auth.session-token.x=y"]),
            None
        );
        assert_eq!(
            read(&["next-auth.session-token=first; next-auth.session-token=second"]).as_deref(),
            Some("first")
        );
        assert_eq!(read(&["next-auth.session-token.99999999999999999999=x"]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn a_name_or_a_domain_that_no_browser_would_take_is_refused() {
        let made = |secure, name: &str, domain: Option<&str>| {
            Cookie::new(Version::V4, secure, Some(name.to_owned()), domain.map(str::to_owned))
        };
        assert!(made(true, "my.session", Some(".example.com")).is_ok());
        assert!(made(true, "my session", None).is_err());
        assert!(made(true, "a;b", None).is_err());
        assert!(made(false, "__Secure-a", None).is_err());
        assert!(made(true, "__Host-a", Some("example.com")).is_err());
        assert!(made(true, "a", Some("exa mple; Path=/x")).is_err());
    }
}
