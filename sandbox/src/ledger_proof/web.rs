//! The web app, as far as it moves credits: its own code, which knows neither keys nor our locks. Statements are as
//! Prisma sends them.

use shared::person::UserId;
use shared::phone::E164;
use sqlx::PgConnection;

/// What the default of the column gives to an account that the web app opens, without a line.
pub(super) const WELCOME: i64 = 5;

/// Opens an account with the default of its column.
pub(super) async fn opens(db: &mut PgConnection, phone: Option<&E164>) -> Result<UserId, sqlx::Error> {
    let id = shared::db::new_id();
    sqlx::query(r#"insert into "User" ("id", "waPhoneE164", "updatedAt") values ($1, $2, now())"#)
        .bind(&id)
        .bind(phone.map(E164::as_str))
        .execute(db)
        .await?;
    Ok(UserId::from_stored(id))
}

/// Opens an account and writes down what it begins with.
pub(super) async fn opens_with_a_line(db: &mut PgConnection, phone: &E164) -> Result<UserId, sqlx::Error> {
    let user = opens(db, Some(phone)).await?;
    writes(db, &user, 5, "signup").await?;
    Ok(user)
}

/// A debit, if the balance allows it.
pub(super) async fn debits(db: &mut PgConnection, user: &UserId) -> Result<bool, sqlx::Error> {
    let debited = sqlx::query(
        r#"update "User" set "credits" = "credits" - 1, "updatedAt" = now() where "id" = $1 and "credits" > 0"#,
    )
    .bind(user.as_str())
    .execute(db)
    .await?;
    Ok(debited.rows_affected() == 1)
}

/// The line of a debit.
pub(super) async fn writes(
    db: &mut PgConnection,
    user: &UserId,
    delta: i32,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(r#"insert into "CreditLedger" ("id", "userId", "delta", "reason") values ($1, $2, $3, $4)"#)
        .bind(shared::db::new_id())
        .bind(user.as_str())
        .bind(delta)
        .bind(reason)
        .execute(db)
        .await?;
    Ok(())
}

/// A generation of the web app's own, in one transaction of the caller.
pub(super) async fn spends(db: &mut PgConnection, user: &UserId) -> Result<bool, sqlx::Error> {
    let debited = debits(db, user).await?;
    if debited {
        writes(db, user, -1, "web_generation").await?;
    }
    Ok(debited)
}
