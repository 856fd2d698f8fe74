//! Looking an account up by whatever an operator has, and where its person can be written to.

use sqlx::PgConnection;

use super::UserId;
use super::names::Names;
use crate::message::{Address, Lane, Provider};
use crate::phone::E164;
use crate::vault::Vault;

/// The accounts that an operator may mean: by id, number in any spelling, e-mail address, or the digest of a
/// conversation. At most ten; one that has joined another is that one.
pub async fn find(db: &mut PgConnection, vault: &Vault, name: &str) -> Result<Vec<UserId>, sqlx::Error> {
    let names = Names::of(vault, &mut *db).await?;
    let number: Option<E164> = name.parse().ok();
    let spellings: Vec<String> =
        number.iter().flat_map(E164::spellings).map(String::from).chain([name.to_owned()]).collect();
    let ids: Vec<String> = sqlx::query_scalar(
        r#"select wa.survivor("id") from "User"
         where "id" = $1 or "waPhoneE164" = any($2) or lower("email") = lower($1)
         union
         select wa.survivor(user_id) from wa.identity where value = any($3)
         union
         select wa.survivor(user_id) from wa.receipt
         where user_id is not null and $1 like '#%'
           and left(encode(sha256(convert_to(lane, 'UTF8')), 'hex'), 12) = ltrim($1, '#')
         limit 10"#,
    )
    .bind(name)
    .bind(spellings)
    .bind(
        [Some(names.id(name)), number.map(|number| names.phone(&number))]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>(),
    )
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// The number of an account, where one is known.
pub async fn phone(db: &mut PgConnection, vault: &Vault, user: &UserId) -> Result<Option<E164>, sqlx::Error> {
    let column: Option<Option<String>> =
        sqlx::query_scalar(r#"select "waPhoneE164" from "User" where "id" = $1"#)
            .bind(user.as_str())
            .fetch_optional(&mut *db)
            .await?;
    if let Some(column) = column.flatten() {
        return Ok(column.parse().ok());
    }
    let stored: Option<(String, String)> = sqlx::query_as(
        "select value, name from wa.identity where user_id = $1 and kind = 'phone' order by seen_at desc limit 1",
    )
    .bind(user.as_str())
    .fetch_optional(&mut *db)
    .await?;
    let opened = Names::of(vault, &mut *db).await?.open(db, stored.into_iter().collect()).await?;
    let number = opened.into_iter().flatten().find_map(|number| number.parse::<E164>().ok());
    Ok(number.map(|number| number.canonical()))
}

/// Where the person of an account wrote from in this conversation, when only the books can tell: the identity that the
/// conversation is named after, otherwise the one that was met last. Never an id that its person has no more. Twilio is
/// written to by number where one is known.
pub async fn address(
    db: &mut PgConnection,
    vault: &Vault,
    user: &UserId,
    provider: Provider,
    lane: &Lane,
) -> Result<Option<Address>, sqlx::Error> {
    let rows: Vec<(bool, String, String)> = sqlx::query_as(
        "select kind = 'phone', value, name from wa.identity where user_id = $1 and retired_at is null
         order by kind = 'phone' desc, created_at desc",
    )
    .bind(user.as_str())
    .fetch_all(&mut *db)
    .await?;
    let stored = rows.iter().map(|(_, digest, name)| (digest.clone(), name.clone())).collect();
    let opened = Names::of(vault, &mut *db).await?.open(db, stored).await?;
    let known = rows.into_iter().zip(opened).filter_map(|((is_number, ..), name)| Some((is_number, name?)));
    let mut known: Vec<(bool, String)> = known.collect();
    // The order that they have among themselves stays.
    known.sort_by_key(|(is_number, name)| {
        let preferred = provider == Provider::Twilio && *is_number;
        (!preferred, !lane.is_of(vault, name))
    });
    Ok(known.into_iter().next().and_then(|(is_number, name)| match provider {
        Provider::Twilio => Some(Address::Channel(format!("whatsapp:{name}"))),
        Provider::Meta if is_number => name.parse::<E164>().ok().map(Address::Phone),
        Provider::Meta => Some(Address::Bsuid(name)),
    }))
}

/// Whether what is written to this address reaches the person of this account today: its name is theirs, and the web app has not
/// linked the number to anybody else.
pub async fn is_reached_at(
    db: &mut PgConnection,
    vault: &Vault,
    user: &UserId,
    address: &Address,
) -> Result<bool, sqlx::Error> {
    let names = Names::of(vault, &mut *db).await?;
    let phone = |phone: &E164| ("phone", names.phone(phone), phone.spelled());
    let (kind, name, spellings) = match address {
        Address::Phone(number) => phone(number),
        Address::Bsuid(id) => ("bsuid", names.id(id), Vec::new()),
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
