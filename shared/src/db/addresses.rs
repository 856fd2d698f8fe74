//! Addresses that an older version has written into `wa.outbox` in the open: sealed by whoever applies the migrations, which
//! have no key themselves. Under the key of whoever they are of, where the row answers a message of somebody who has one, and
//! under nobody's otherwise.
//!
//! In batches, each of them a transaction, so that nobody waits long for a row; begun again it goes on where it was, since an
//! index has what is left and nothing else. What somebody holds at this moment is left to the next start: until then it is read
//! as it is.

use serde::Deserialize as _;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};

use crate::message::Address;
use crate::outbox;
use crate::vault::Vault;

/// Rows that are sealed in one transaction.
const BATCH: i64 = 500;

/// A row with its address in the open, and the id of the key of its person.
type Row = (i64, String, Json<Value>, Option<String>);

/// Seals all that is there. An address that is none stays as it is, since nothing can be sent there.
pub(super) async fn seal(pool: &PgPool, vault: &Vault) -> Result<(), sqlx::Error> {
    let mut after = i64::MIN;
    loop {
        let mut tx = pool.begin().await?;
        let rows = open(&mut tx, after).await?;
        let Some((last, ..)) = rows.last() else { return tx.rollback().await };
        after = *last;
        some(&mut tx, vault, rows).await?;
        tx.commit().await?;
    }
}

async fn open(db: &mut PgConnection, after: i64) -> Result<Vec<Row>, sqlx::Error> {
    // Whoever's account has joined another may have the key of either.
    sqlx::query_as(
        "select o.id, o.cause, o.address,
                (select k.id from wa.data_key k where k.user_id in (r.user_id, wa.survivor(r.user_id)) limit 1)
         from wa.outbox o left join wa.receipt r on r.message_id = o.cause
         where o.id > $1 and jsonb_typeof(o.address) = 'object' order by o.id limit $2 for update of o skip locked",
    )
    .bind(after)
    .bind(BATCH)
    .fetch_all(db)
    .await
}

async fn some(db: &mut PgConnection, vault: &Vault, rows: Vec<Row>) -> Result<(), sqlx::Error> {
    let mut ids: Vec<&str> = rows.iter().filter_map(|(.., key)| key.as_deref()).collect();
    ids.sort_unstable();
    ids.dedup();
    let keys = vault.keys_of(&mut *db, &ids).await?;
    let lookup = vault.lookup(&mut *db).await?;
    let (mut numbers, mut addresses, mut reached) = (Vec::new(), Vec::new(), Vec::new());
    for (id, cause, Json(address), key) in &rows {
        let Ok(address) = Address::deserialize(address) else { continue };
        let key = key.as_deref().and_then(|key| keys.get(key));
        numbers.push(*id);
        addresses.push(outbox::seal((vault, key), cause, &address)?);
        reached.push(outbox::is_aside(cause).then(|| lookup.address(&address)));
    }
    sqlx::query(
        "update wa.outbox o set address = to_jsonb(new.address), reached = new.reached
         from unnest($1::bigint[], $2::text[], $3::text[]) as new (id, address, reached) where o.id = new.id",
    )
    .bind(numbers)
    .bind(addresses)
    .bind(reached)
    .execute(db)
    .await?;
    Ok(())
}
