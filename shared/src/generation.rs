//! A finished generation, as the web app shows it in the person's history.
//!
//! Owner of our rows in `"Generation"`. Prisma may declare `variants` as `String[]` or as `Json`; the statement
//! fits both, decided by the column itself.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::person::UserId;

/// What is kept of a generation.
#[derive(Debug)]
pub struct Generation<'a> {
    /// The person's words, untouched.
    pub brief: &'a str,
    /// From the intent step; `None` where the brief did not say.
    pub platform: Option<&'a str>,
    /// Line of business.
    pub industry: Option<&'a str>,
    /// What the post is to achieve.
    pub objective: Option<&'a str>,
    /// How it should sound.
    pub tone: Option<&'a str>,
    /// Language of the posts.
    pub language: Option<&'a str>,
    /// The prompt that the second step wrote for the third.
    pub prompt: &'a str,
    /// The three posts.
    pub posts: [&'a str; 3],
    /// Tokens of all steps together.
    pub tokens: i32,
}

/// Adds a generation. Once per message: the caller ends the receipt in the same transaction.
pub async fn add(
    db: &mut PgConnection,
    user: &UserId,
    generation: &Generation<'_>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let id = crate::db::new_id();
    let as_json: bool = sqlx::query_scalar(
        r#"select atttypid = 'jsonb'::regtype from pg_attribute
           where attrelid = '"Generation"'::regclass and attname = 'variants'"#,
    )
    .fetch_one(&mut *db)
    .await?;
    let statement = if as_json {
        r#"insert into "Generation" ("id", "userId", "brief", "platform", "industry", "objective", "tone", "language",
             "promptFinal", "usageTokens", "createdAt", "variants")
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, to_jsonb($12::text[]))"#
    } else {
        r#"insert into "Generation" ("id", "userId", "brief", "platform", "industry", "objective", "tone", "language",
             "promptFinal", "usageTokens", "createdAt", "variants")
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text[])"#
    };
    sqlx::query(statement)
        .bind(id)
        .bind(user.as_str())
        .bind(generation.brief)
        .bind(generation.platform)
        .bind(generation.industry)
        .bind(generation.objective)
        .bind(generation.tone)
        .bind(generation.language)
        .bind(generation.prompt)
        .bind(generation.tokens)
        .bind(now.naive_utc())
        .bind(&generation.posts[..])
        .execute(db)
        .await?;
    Ok(())
}
