//! Who is writing: from the names that a provider shares to one account.
//!
//! A person has a business-scoped id, a number, or both, and either may be missing. What counts as evidence:
//!
//! - A known id is its person. Ids belong to one number of one person and are never given to another one (Meta:
//!   Business-scoped user IDs).
//! - A number is whoever was last shown with it. Shown beside another id by the same provider, it has been given to
//!   somebody else: that one gets an account of their own, and the number with it. What Twilio passes on
//!   (`ExternalUserId`) is presumably Meta's id, and nobody has confirmed it: equal ids are one person, whoever shows
//!   them, but two ids contradict each other only when one provider shows both.
//! - A number that was never shown beside an id learns the first one that it is shown beside.
//! - An id of one account and a number of another, shown together without a contradiction, are one person: the two
//!   accounts become one. Two accounts with e-mail addresses never do; the id wins.
//! - An announced change ([`changed`]) moves the names of an account, and joins the account that its person may have
//!   opened under the new ones meanwhile. It may come at any time; what is older than it claims no number any more.
//! - A number that the web app has linked is that account's, until it is shown to be somebody else's.
//! - Who types a code that came to a number has that number: they enter the account that it leads to ([`enter()`]), or, when
//!   they are signed in, it comes to their account ([`link()`]). A code shows no id, so it contradicts none.
//!
//! Not to be told apart, and taken for the same person: who inherits a number that was never shown beside an id, or
//! writes from an inherited one without showing an id, or enters by one before a message of theirs has shown an id. Not to be recognised, and taken for somebody new: whose id has
//! changed while nobody announced it, and who has linked an inherited number on the web before showing an id (until they
//! link it once more). Whoever is wrongly new loses nothing, and is joined when the announcement comes.
//!
//! Owner of the rows of `"User"` that begin in WhatsApp or with a code (with no credits: the welcome gift comes with the
//! first verified login), and of their `"waPhoneE164"` and `"waUserId"`.

mod account;
mod change;
mod enter;
mod identity;
mod join;
mod joined;
mod link;
mod names;
mod picture;
mod portrait;
mod profile;
mod resolve;
mod sighting;
mod unlink;
mod unmerge;
mod upgrade;
mod welcome;
mod whereabouts;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::language::Language;
use crate::ledger::LedgerError;
use crate::phone::E164;
use crate::vault::Vault;

use names::Names;

pub use change::{Change, changed};
pub use enter::{Entered, enter};
pub use link::{Linked, link};
pub(crate) use names::Name as Named;
pub use portrait::{Alias, Former, Portrait, portrait};
pub use profile::{Name, Profile, names, profile};
pub use resolve::resolve;
pub use unlink::unlink;
pub use unmerge::{Apart, Unmerged, unmerge};
pub(crate) use upgrade::upgrade;
pub use whereabouts::{address, find, is_reached_at, phone};

/// The id of an account: a cuid v1, as Prisma makes them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(String);

impl UserId {
    /// An id read from the tables.
    #[must_use]
    pub fn from_stored(id: String) -> Self {
        Self(id)
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An account, and how to speak to its person.
#[derive(Debug, Clone)]
pub struct Person {
    /// The account.
    pub id: UserId,
    /// The language that they chose here, otherwise the one that they chose on the web, otherwise that of their last
    /// brief; French when nothing is known.
    pub language: Language,
    /// Whether they chose it.
    pub chosen: bool,
    /// Whether they want no messages but answers to what they ask for.
    pub stopped: bool,
}

/// Every name of an account that has joined no other: the present and the former ones.
pub(crate) async fn names_of(
    db: &mut PgConnection,
    vault: &Vault,
    user: &UserId,
) -> Result<Vec<Named>, sqlx::Error> {
    let names = Names::of(vault, &mut *db).await?;
    identity::all(db, &names, user).await
}

/// Holds an account and every name of it until the transaction ends. `false`: it has joined another, or a name came meanwhile;
/// the caller rolls back. Before anything in the transaction holds an account.
pub(crate) async fn hold(db: &mut PgConnection, vault: &Vault, user: &UserId) -> Result<bool, LedgerError> {
    let names = Names::of(vault, &mut *db).await?;
    Ok(account::hold_with_names(db, &names, user).await?.is_some())
}

/// Whoever has been welcomed and leaves is not welcomed once more by the same numbers. The account and its names are held.
pub(crate) async fn leave(
    db: &mut PgConnection,
    vault: &Vault,
    user: &UserId,
    numbers: &[E164],
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    if welcome::had(db, user).await? {
        let names = Names::of(vault, &mut *db).await?;
        for number in numbers {
            let _known = welcome::remember(db, &names, number, now).await?;
        }
    }
    Ok(())
}

/// The person of an account that is known already.
pub async fn known(db: &mut PgConnection, user: &UserId) -> Result<Option<Person>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        r#"select u."id", u."waPreferredLang", p.language, p.written, p.stopped_at is not null from "User" u
           left join wa.preference p on p.user_id = u."id" where u."id" = $1"#,
    )
    .bind(user.as_str())
    .fetch_optional(db)
    .await?;
    Ok(row.map(person))
}

/// Id, the web app's language, the chosen one, that of the last brief, and whether they want no messages.
type Row = (String, Option<String>, Option<String>, Option<String>, bool);

fn person((id, web, here, written, stopped): Row) -> Person {
    let read = |tag: Option<String>| tag.as_deref().and_then(Language::from_tag);
    // French is the default of the web app's column: it says nothing.
    let web = read(web).filter(|web| *web != Language::default());
    let chosen = read(here).or(web);
    let language = chosen.or_else(|| read(written)).unwrap_or_default();
    Person { id: UserId(id), language, chosen: chosen.is_some(), stopped }
}
