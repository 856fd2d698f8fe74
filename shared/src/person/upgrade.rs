//! Names from before they were hidden: found and read as they are, until whoever applies the migrations brings them under
//! keys, all at once. Together with the key by which they are looked up from then on, so that nobody looks for one in
//! between and finds nobody.

use sqlx::PgConnection;

use super::UserId;
use super::joined::Columns;
use super::names::Names;
use crate::phone::E164;
use crate::vault::{DIGEST, Place, Vault, VaultError};

/// Brings every name under keys. Runs inside the caller's transaction, which has made the key for looking up.
pub(crate) async fn upgrade(db: &mut PgConnection, vault: &Vault) -> Result<(), sqlx::Error> {
    let names = Names::of(vault, &mut *db).await?;
    // Under a key that is not there any more: by another one nobody would be found, and everybody would be somebody new.
    let orphans: bool =
        sqlx::query_scalar("select exists (select from wa.identity where starts_with(value, $1))")
            .bind(DIGEST)
            .fetch_one(&mut *db)
            .await?;
    if orphans {
        return Err(VaultError::NoLookup.into());
    }
    identities(db, &names).await?;
    passed(db, &names).await?;
    joins(db, &names).await?;
    welcomed(db, &names).await
}

/// By what a name that stands as it is will be found.
fn digest(names: &Names, is_number: bool, value: &str) -> String {
    names.of_column(is_number, value.to_owned()).digest
}

type Identity = (bool, String, String, Option<String>, Option<String>, Option<String>);

async fn identities(db: &mut PgConnection, names: &Names) -> Result<(), sqlx::Error> {
    let rows: Vec<Identity> = sqlx::query_as(
        "select kind = 'phone', value, user_id, spelling, beside_meta, beside_twilio from wa.identity
         where not starts_with(value, $1) order by user_id, kind, value for update",
    )
    .bind(DIGEST)
    .fetch_all(&mut *db)
    .await?;
    for (is_number, value, user, spelling, beside_meta, beside_twilio) in rows {
        let found = digest(names, is_number, &value);
        let key = names.key(&mut *db, &UserId::from_stored(user)).await?;
        let spelled = spelling.unwrap_or_else(|| value.clone());
        let spelling =
            spelled.parse::<E164>().ok().filter(|_| is_number).map(|number| names.spelling(&number));
        sqlx::query(
            "update wa.identity set value = $3, name = $4, spelling = $5, beside_meta = $6, beside_twilio = $7
             where kind = $1 and value = $2",
        )
        .bind(super::names::kind(is_number))
        .bind(value)
        .bind(&found)
        .bind(key.seal(Place::Name, &found, &spelled))
        .bind(spelling)
        .bind(beside_meta.map(|id| names.id(&id)))
        .bind(beside_twilio.map(|id| names.id(&id)))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

async fn passed(db: &mut PgConnection, names: &Names) -> Result<(), sqlx::Error> {
    let rows: Vec<(String, Option<String>, Option<String>)> = sqlx::query_as(
        "select value, beside_meta, beside_twilio from wa.passed_number where not starts_with(value, $1) for update",
    )
    .bind(DIGEST)
    .fetch_all(&mut *db)
    .await?;
    for (value, beside_meta, beside_twilio) in rows {
        sqlx::query(
            "update wa.passed_number set value = $2, beside_meta = $3, beside_twilio = $4 where value = $1",
        )
        .bind(&value)
        .bind(digest(names, true, &value))
        .bind(beside_meta.map(|id| names.id(&id)))
        .bind(beside_twilio.map(|id| names.id(&id)))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Join {
    id: i64,
    from_user: String,
    into_user: String,
    numbers: Vec<String>,
    ids: Vec<String>,
    from_phone: Option<String>,
    from_bsuid: Option<String>,
    into_phone: Option<String>,
    into_bsuid: Option<String>,
}

async fn joins(db: &mut PgConnection, names: &Names) -> Result<(), sqlx::Error> {
    let rows: Vec<Join> = sqlx::query_as(
        "select id, from_user, into_user, numbers, ids, from_phone, from_bsuid, into_phone, into_bsuid from wa.joined
         order by id for update",
    )
    .fetch_all(&mut *db)
    .await?;
    for row in rows {
        let (from, into) = (UserId::from_stored(row.from_user), UserId::from_stored(row.into_user));
        let of_from = Columns { phone: row.from_phone, linked_at: None, bsuid: row.from_bsuid };
        let of_into = Columns { phone: row.into_phone, linked_at: None, bsuid: row.into_bsuid };
        let of_from = of_from.sealed(&names.key(&mut *db, &from).await?, &from);
        let of_into = of_into.sealed(&names.key(&mut *db, &into).await?, &into);
        let found = |is_number, values: Vec<String>| -> Vec<String> {
            values.iter().map(|value| digest(names, is_number, value)).collect()
        };
        sqlx::query(
            "update wa.joined set numbers = $2, ids = $3, from_phone = $4, from_bsuid = $5, into_phone = $6,
               into_bsuid = $7 where id = $1",
        )
        .bind(row.id)
        .bind(found(true, row.numbers))
        .bind(found(false, row.ids))
        .bind(of_from.phone)
        .bind(of_from.bsuid)
        .bind(of_into.phone)
        .bind(of_into.bsuid)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

async fn welcomed(db: &mut PgConnection, names: &Names) -> Result<(), sqlx::Error> {
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar("select number_digest from wa.welcomed for update").fetch_all(&mut *db).await?;
    for digest in rows {
        sqlx::query("update wa.welcomed set number_digest = $2 where number_digest = $1")
            .bind(&digest)
            .bind(names.welcomed_before(&digest))
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}
