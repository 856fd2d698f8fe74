//! Sessions on the web: NextAuth's own encrypted tokens, so that the web app takes ours for its own and we take its.
//!
//! Open when `NEXTAUTH_SECRET` is set and `NEXTAUTH_VERSION` is not `off`; otherwise nobody is signed in here. Every token
//! that we begin carries a claim `sid`, which the web app keeps when it makes the token anew. It names a row of `wa.session`,
//! by which its person ends it. A token without one was begun by the web app, and is as good: only it could make one.

pub(crate) mod cookie;
mod device;
#[cfg(test)]
mod fuzz;
mod jwe;
mod token;

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use shared::person::UserId;
use shared::session::{self, Beginning};
use sqlx::{PgConnection, PgExecutor};

use token::{Claims, Keys};

pub use cookie::Cookie;
pub(crate) use cookie::pairs;
pub use device::Device;
pub use token::Version;

/// How long a token counts (NextAuth: maxAge).
const LIFETIME: TimeDelta = TimeDelta::days(30);

/// What is needed to begin sessions and to know them again. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sessions {
    keys: Keys,
    cookie: Cookie,
}

/// A session was begun.
#[derive(Debug)]
pub struct Opened {
    /// Its id among those of [`session::list`].
    pub id: String,
    /// For `Set-Cookie`, each in a header of its own.
    pub cookies: Vec<HeaderValue>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The account, as it is today.
    pub user: UserId,
    /// The session's id among those of [`session::list`]; empty where the web app began it.
    pub id: String,
}

impl Sessions {
    /// Sessions that a web app with these secrets (the current one first) and this cookie knows.
    #[must_use]
    pub fn new(version: Version, secrets: &[SecretString], cookie: Cookie) -> Self {
        Self { keys: Keys::derive(version, secrets, cookie.name()), cookie }
    }

    /// Begins a session of this account. Belongs in the transaction of what proved who it is.
    pub async fn open(
        &self,
        db: &mut PgConnection,
        user: &UserId,
        device: &Device,
        now: DateTime<Utc>,
    ) -> Result<Opened, sqlx::Error> {
        let id = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>());
        let beginning = Beginning { id: &id, user, browser: device.browser(), system: device.system() };
        let email = session::begin(db, beginning, now).await?.ok_or(sqlx::Error::RowNotFound)?;
        let cookies = self.cookies(user, email.as_deref(), &id, now)?;
        Ok(Opened { id, cookies })
    }

    /// For `Set-Cookie`, once more: for a browser whose answer may have been lost. `None`: the session has ended meanwhile.
    pub async fn again(
        &self,
        db: impl PgExecutor<'_>,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Vec<HeaderValue>>, sqlx::Error> {
        let Some((user, email)) = session::begun_by(db, id).await? else { return Ok(None) };
        self.cookies(&user, email.as_deref(), id, now).map(Some)
    }

    fn cookies(
        &self,
        user: &UserId,
        email: Option<&str>,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<HeaderValue>, sqlx::Error> {
        let token = self
            .token(user, email, id, now)
            .ok_or_else(|| sqlx::Error::Protocol("no secret for a token".into()))?;
        Ok(self.cookie.set(&token, now + LIFETIME))
    }

    /// The token of a session, as its cookie carries it. `None`: there is no secret to make it with.
    #[must_use]
    pub fn token(&self, user: &UserId, email: Option<&str>, id: &str, now: DateTime<Utc>) -> Option<String> {
        self.keys.write(&Claims {
            sub: user.as_str(),
            name: None,
            email,
            picture: None,
            sid: id,
            iat: now.timestamp(),
            exp: (now + LIFETIME).timestamp(),
            jti: uuid(),
        })
    }

    /// What a token says, whatever the books know of it: an account as it was, and a session of ours. `None`: it is not to
    /// be believed.
    #[must_use]
    pub fn told(&self, token: &str, now: DateTime<Utc>) -> Option<(String, Option<String>)> {
        self.keys.read(token, now).map(|read| (read.sub, read.sid))
    }

    /// Who asks. `None`: nobody whom we know, whatever the reason.
    pub async fn read(
        &self,
        db: impl PgExecutor<'_>,
        headers: &HeaderMap,
        now: DateTime<Utc>,
    ) -> Result<Option<Session>, sqlx::Error> {
        let Some((sub, sid)) = self.cookie.read(headers).and_then(|token| self.told(&token, now)) else {
            return Ok(None);
        };
        let user = session::account(db, &sub, sid.as_deref(), now).await?;
        Ok(user.map(|user| Session { user, id: sid.unwrap_or_default() }))
    }

    /// For `Set-Cookie`: the browser forgets its session. What is known of it ends with [`session::revoke`].
    #[must_use]
    pub fn forget(&self) -> Vec<HeaderValue> {
        self.cookie.forget()
    }

    /// A digest that nobody can make or undo without the web app's secret: for what must be told apart and not be known.
    #[must_use]
    pub fn digest(&self, text: &str) -> String {
        self.keys.digest(text)
    }

    /// Whether the web app, and so everything that is set here, is reached over https only.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.cookie.is_secure()
    }
}

/// A random UUID (RFC 9562, version 4): what NextAuth writes as `jti`.
fn uuid() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
