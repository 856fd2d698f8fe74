//! Who is writing: from the identities that a provider shares to one account.
//!
//! Owner of `wa.identity`, and of the rows of `"User"` that begin in WhatsApp (with no credits: the welcome gift
//! comes with the first verified login). A person is found by business-scoped id first, by number second; an
//! account that the web app linked to the number is that person's account.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::language::Language;
use crate::message::{Address, Lane, Provider, Sender};
use crate::phone::E164;

/// The id of an account: a cuid v1, as Prisma makes them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

/// Kinds of identity, in the order in which they are trusted.
fn identities(sender: &Sender) -> Vec<(&'static str, String)> {
    let bsuid = sender.bsuid.iter().map(|id| ("bsuid", id.clone()));
    let phone = sender.phone.iter().map(|phone| ("phone", phone.as_str().to_owned()));
    bsuid.chain(phone).collect()
}

/// Finds the account of a sender, or opens one. Runs inside the caller's transaction; two messages of one new
/// person at the same time end in the same account.
pub async fn resolve(
    db: &mut PgConnection,
    sender: &Sender,
    now: DateTime<Utc>,
) -> Result<Person, sqlx::Error> {
    let identities = identities(sender);
    let known = lookup(db, &identities).await?;
    if let Some((person, recorded)) = known
        && recorded == identities.len()
    {
        return Ok(person);
    }
    // Something is new. One at a time for each of these identities, in an order that cannot deadlock.
    let mut keys: Vec<String> = identities.iter().map(|(kind, value)| format!("{kind}:{value}")).collect();
    keys.sort();
    for key in keys {
        sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(key)
            .execute(&mut *db)
            .await?;
    }
    let person = match lookup(db, &identities).await? {
        Some((person, _)) => person,
        None => match linked_on_the_web(db, sender).await? {
            Some(person) => person,
            None => open(db, sender, now).await?,
        },
    };
    for (kind, value) in identities {
        sqlx::query(
            "insert into wa.identity (kind, value, user_id, created_at) values ($1, $2, $3, $4)
             on conflict (kind, value) do nothing",
        )
        .bind(kind)
        .bind(value)
        .bind(person.id.as_str())
        .bind(now)
        .execute(&mut *db)
        .await?;
    }
    Ok(person)
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

/// The accounts that an operator may mean: by id, number, e-mail address, or the digest of a conversation. At most ten.
pub async fn find(db: &mut PgConnection, name: &str) -> Result<Vec<UserId>, sqlx::Error> {
    let ids: Vec<String> = sqlx::query_scalar(
        r#"select "id" from "User" where "id" = $1 or "waPhoneE164" = $1 or lower("email") = lower($1)
         union
         select user_id from wa.identity where value = $1
         union
         select user_id from wa.receipt
         where user_id is not null and $1 like '#%'
           and left(encode(sha256(convert_to(lane, 'UTF8')), 'hex'), 12) = ltrim($1, '#')
         limit 10"#,
    )
    .bind(name)
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// The number of an account, where one is known.
pub async fn phone(db: impl PgExecutor<'_>, user: &UserId) -> Result<Option<E164>, sqlx::Error> {
    let phone: Option<Option<String>> = sqlx::query_scalar(
        r#"select coalesce(u."waPhoneE164",
                  (select value from wa.identity where user_id = u."id" and kind = 'phone' limit 1))
           from "User" u where u."id" = $1"#,
    )
    .bind(user.as_str())
    .fetch_optional(db)
    .await?;
    Ok(phone.flatten().and_then(|phone| phone.parse().ok()))
}

/// Where the person of an account wrote from in this conversation, when only the books can tell: the identity that the
/// conversation is named after, otherwise the one that was met last. Twilio is written to by number where one is known.
pub async fn address(
    db: &mut PgConnection,
    user: &UserId,
    provider: Provider,
    lane: &Lane,
) -> Result<Option<Address>, sqlx::Error> {
    let identity: Option<(String, String)> = sqlx::query_as(
        "select kind, value from wa.identity where user_id = $1
         order by ($3 = 'twilio' and kind = 'phone') desc, (right($2, length(value)) = value) desc,
                  (kind = 'phone') desc, created_at desc
         limit 1",
    )
    .bind(user.as_str())
    .bind(lane.as_str())
    .bind(provider.as_str())
    .fetch_optional(db)
    .await?;
    Ok(identity.and_then(|(kind, value)| match provider {
        Provider::Twilio => Some(Address::Channel(format!("whatsapp:{value}"))),
        Provider::Meta if kind == "phone" => value.parse::<E164>().ok().map(Address::Phone),
        Provider::Meta => Some(Address::Bsuid(value)),
    }))
}

/// The account known under the most trusted of these identities, and how many of them are recorded at all.
async fn lookup(
    db: &mut PgConnection,
    identities: &[(&'static str, String)],
) -> Result<Option<(Person, usize)>, sqlx::Error> {
    let (kinds, values): (Vec<&str>, Vec<&str>) =
        identities.iter().map(|(kind, value)| (*kind, value.as_str())).unzip();
    let rows: Vec<Row> = sqlx::query_as(
        r#"select u."id", u."waPreferredLang", p.language, p.written, p.stopped_at is not null
           from unnest($1::text[], $2::text[]) with ordinality as wanted (kind, value, place)
           join wa.identity i using (kind, value)
           join "User" u on u."id" = i.user_id
           left join wa.preference p on p.user_id = u."id"
           order by wanted.place"#,
    )
    .bind(kinds)
    .bind(values)
    .fetch_all(db)
    .await?;
    let recorded = rows.len();
    Ok(rows.into_iter().next().map(|row| (person(row), recorded)))
}

/// An account that the web app has linked to this number or to this WhatsApp user.
async fn linked_on_the_web(db: &mut PgConnection, sender: &Sender) -> Result<Option<Person>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        r#"select u."id", u."waPreferredLang", p.language, p.written, p.stopped_at is not null from "User" u
           left join wa.preference p on p.user_id = u."id"
           where u."waPhoneE164" = $1 or u."waUserId" = $2
           order by (u."waUserId" = $2) desc nulls last limit 1"#,
    )
    .bind(sender.phone.as_ref().map(E164::as_str))
    .bind(sender.bsuid.as_deref())
    .fetch_optional(db)
    .await?;
    Ok(row.map(person))
}

/// Opens an account without credits.
async fn open(db: &mut PgConnection, sender: &Sender, now: DateTime<Utc>) -> Result<Person, sqlx::Error> {
    let id = crate::db::new_id();
    sqlx::query(
        r#"insert into "User" ("id", "credits", "waPhoneE164", "waUserId", "waPreferredLang", "createdAt", "updatedAt")
           values ($1, 0, $2, $3, 'fr', $4, $4)"#,
    )
    .bind(&id)
    .bind(sender.phone.as_ref().map(E164::as_str))
    .bind(sender.bsuid.as_deref())
    .bind(now.naive_utc())
    .execute(db)
    .await?;
    Ok(Person { id: UserId(id), language: Language::default(), chosen: false, stopped: false })
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
