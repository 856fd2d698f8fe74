//! Whether what people wrote can be read here: the master keys that it hangs on are ours.

use shared::vault::{self, Vault};
use sqlx::PgConnection;

use crate::doctor::finding::Finding;

/// Compares `MASTER_KEY` with what has sealed the keys of people.
pub(super) async fn masters(db: &mut PgConnection, ours: &Vault) -> Result<Finding, sqlx::Error> {
    const NAME: &str = "master key";
    let held = vault::held(&mut *db).await?;
    let all: i64 = held.iter().map(|held| held.keys).sum();
    let of = |is: &dyn Fn(&str) -> bool| -> i64 {
        held.iter().filter(|held| is(&held.master)).map(|held| held.keys).sum()
    };
    let missing = of(&|master| !ours.has(master));
    let old = of(&|master| ours.has(master) && master != ours.current());
    Ok(if !vault::can_look_up(&mut *db).await? {
        let advice = "run `postly migrate`, or, after a backup was restored, restore wa.data_key as well";
        Finding::failed(NAME, "there is no key by which numbers are looked up", advice)
    } else if missing > 0 {
        let advice = "add the master key with which they were sealed to MASTER_KEY, behind a comma: `postly keys show` names its digest";
        Finding::failed(
            NAME,
            format!("{missing} of {all} key(s) are sealed under one that MASTER_KEY does not name"),
            advice,
        )
    } else if old > 0 {
        let advice = "when all services know the new one, run `postly keys rotate`";
        Finding::warning(NAME, format!("{old} of {all} key(s) are sealed under an old one"), advice)
    } else {
        Finding::ok(NAME, format!("{all} key(s) are sealed under {}", ours.current()))
    })
}
