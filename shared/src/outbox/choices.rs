//! What could be chosen under something that was said: by it the posts are known that a message carried.

use sqlx::PgConnection;
use sqlx::types::Json;

use super::row::Kept;
use crate::menu::Choice;
use crate::message::{Provider, opaque};
use crate::vault::Vault;

/// Every choice under the parts of the answer of which one has this provider's id.
pub async fn choices(
    db: &mut PgConnection,
    vault: &Vault,
    provider: Provider,
    provider_message_id: &str,
) -> Result<Vec<Choice>, sqlx::Error> {
    let rows: Vec<(String, Json<Kept>)> = sqlx::query_as(
        "select part.cause, part.menu from wa.outbox o join wa.outbox part on part.cause = o.cause
         where o.provider = $1 and o.provider_message_id = $2 and part.menu is not null order by part.part",
    )
    .bind(provider.as_str())
    .bind(opaque(provider_message_id))
    .fetch_all(&mut *db)
    .await?;
    let stored: Vec<&str> = rows.iter().filter_map(|(_, menu)| menu.0.stored()).collect();
    let keys = vault.keys(db, &stored).await?;
    let mut choices = Vec::new();
    for (cause, menu) in rows {
        choices.extend(menu.0.read(&cause, &keys)?.into_iter().flat_map(|menu| menu.choices));
    }
    Ok(choices)
}
