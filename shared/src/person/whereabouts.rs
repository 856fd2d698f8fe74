//! Looking an account up by whatever an operator has, and where its person can be written to.

use sqlx::{PgConnection, PgExecutor};

use super::UserId;
use crate::message::{Address, Lane, Provider};
use crate::phone::E164;

/// The accounts that an operator may mean: by id, number in any spelling, e-mail address, or the digest of a
/// conversation. At most ten; one that has joined another is that one.
pub async fn find(db: &mut PgConnection, name: &str) -> Result<Vec<UserId>, sqlx::Error> {
    let number: Option<E164> = name.parse().ok();
    let spellings: Vec<String> =
        number.iter().flat_map(E164::spellings).map(String::from).chain([name.to_owned()]).collect();
    let ids: Vec<String> = sqlx::query_scalar(
        r#"select wa.survivor("id") from "User"
         where "id" = $1 or "waPhoneE164" = any($2) or lower("email") = lower($1)
         union
         select wa.survivor(user_id) from wa.identity where value = any($2)
         union
         select wa.survivor(user_id) from wa.receipt
         where user_id is not null and $1 like '#%'
           and left(encode(sha256(convert_to(lane, 'UTF8')), 'hex'), 12) = ltrim($1, '#')
         limit 10"#,
    )
    .bind(name)
    .bind(spellings)
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// The number of an account, where one is known.
pub async fn phone(db: impl PgExecutor<'_>, user: &UserId) -> Result<Option<E164>, sqlx::Error> {
    let phone: Option<Option<String>> = sqlx::query_scalar(
        r#"select coalesce(u."waPhoneE164",
                  (select value from wa.identity where user_id = u."id" and kind = 'phone'
                   order by seen_at desc limit 1))
           from "User" u where u."id" = $1"#,
    )
    .bind(user.as_str())
    .fetch_optional(db)
    .await?;
    Ok(phone.flatten().and_then(|phone| phone.parse().ok()))
}

/// Where the person of an account wrote from in this conversation, when only the books can tell: the identity that the
/// conversation is named after, otherwise the one that was met last. Never an id that its person has no more. Twilio is
/// written to by number where one is known.
pub async fn address(
    db: &mut PgConnection,
    user: &UserId,
    provider: Provider,
    lane: &Lane,
) -> Result<Option<Address>, sqlx::Error> {
    let identity: Option<(String, String)> = sqlx::query_as(
        "select kind, coalesce(spelling, value) from wa.identity where user_id = $1 and retired_at is null
         order by ($3 = 'twilio' and kind = 'phone') desc,
                  (right($2, length(coalesce(spelling, value))) = coalesce(spelling, value)) desc,
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

/// Whether what is written to this address reaches the person of this account today: its name is theirs, and the web app has not
/// linked the number to anybody else.
pub async fn is_reached_at(
    db: impl PgExecutor<'_>,
    user: &UserId,
    address: &Address,
) -> Result<bool, sqlx::Error> {
    let phone = |phone: &E164| ("phone", String::from(phone.canonical()), phone.spelled());
    let (kind, name, spellings) = match address {
        Address::Phone(number) => phone(number),
        Address::Bsuid(id) => ("bsuid", id.clone(), Vec::new()),
        Address::Channel(channel) => match channel.trim_start_matches("whatsapp:").parse::<E164>() {
            Ok(number) => phone(&number),
            Err(_) => return Ok(false),
        },
    };
    sqlx::query_scalar(
        r#"select exists (select from wa.identity where kind = $2 and value = $3 and retired_at is null and wa.survivor(user_id) = $1)
             and not exists (select from "User" where "waPhoneE164" = any($4) and wa.survivor("id") <> $1)"#,
    )
    .bind(user.as_str())
    .bind(kind)
    .bind(name)
    .bind(spellings)
    .fetch_one(db)
    .await
}
