//! A finished generation, as the web app shows it in the person's history.
//!
//! Owner of our rows in `"Generation"`. Prisma may declare `variants` as `String[]` or as `Json`; the statement
//! fits both, decided by the column itself.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use crate::language::Language;
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

/// What can be done to posts, free of charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revision {
    /// Into this language.
    Translate(Language),
    /// At most half as long.
    Shorten,
}

/// A generation of earlier, with its posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Its id.
    pub id: String,
    /// The person's words.
    pub brief: String,
    /// Platform, line of business, objective and tone, as far as they were known.
    pub about: [Option<String>; 4],
    /// The language of the posts, as a tag.
    pub language: Option<String>,
    /// The three.
    pub posts: [String; 3],
}

impl Earlier {
    /// Into which language its posts would be translated: into the one that is spoken with their person, or, when they
    /// are in it, into the other.
    #[must_use]
    pub fn translation(&self, interface: Language) -> Language {
        translation(self.language.as_deref(), interface)
    }
}

/// The same of posts whose language has this tag.
#[must_use]
pub fn translation(tag: Option<&str>, interface: Language) -> Language {
    match tag.map(Language::from_tag) {
        Some(Some(language)) => language.other(),
        // Another language altogether.
        Some(None) => interface,
        None => interface.other(),
    }
}

/// A generation of earlier, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Past {
    /// Its id.
    pub id: String,
    /// The person's words.
    pub brief: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Its first post, which tells apart what came of one brief.
    pub first: Option<String>,
}

/// This person's last generations, the newest first: those of the web app as well.
pub async fn last(db: impl PgExecutor<'_>, user: &UserId, at_most: i64) -> Result<Vec<Past>, sqlx::Error> {
    sqlx::query_as(
        r#"select "id", "brief", "createdAt" at time zone 'UTC' as created_at,
                  to_jsonb("variants") ->> 0 as first
           from "Generation"
           where "userId" = $1 and "variants" is not null order by "createdAt" desc, "id" desc limit $2"#,
    )
    .bind(user.as_str())
    .bind(at_most)
    .fetch_all(db)
    .await
}

/// A generation with all that was written, as its person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its id: where the next page begins.
    pub id: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// The person's words.
    pub brief: String,
    /// For which network, where that was known.
    pub platform: Option<String>,
    /// The language of the posts, as a tag.
    pub language: Option<String>,
    /// The posts. The web app may have kept another number of them than three.
    pub posts: Vec<String>,
}

/// The generations of a person before this one (`None`: the last ones), the newest first, those of the web app as well.
/// One that is not theirs has none before it.
pub async fn page(
    db: impl PgExecutor<'_>,
    user: &UserId,
    before: Option<&str>,
    at_most: i64,
) -> Result<Vec<Written>, sqlx::Error> {
    type Row = (String, DateTime<Utc>, String, Option<String>, Option<String>, Json<Value>);
    let rows: Vec<Row> = sqlx::query_as(
        r#"select "id", "createdAt" at time zone 'UTC', "brief", "platform", "language", to_jsonb("variants")
           from "Generation"
           where "userId" in (select wa.accounts_of($1)) and "variants" is not null
             and ($2::text is null or ("createdAt", "id") < (
               select "createdAt", "id" from "Generation"
               where "id" = $2 and "userId" in (select wa.accounts_of($1))))
           order by "createdAt" desc, "id" desc limit $3"#,
    )
    .bind(user.as_str())
    .bind(before)
    .bind(at_most)
    .fetch_all(db)
    .await?;
    let written = |(id, created_at, brief, platform, language, posts): Row| Written {
        id,
        created_at,
        brief,
        platform,
        language,
        posts: serde_json::from_value(posts.0).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(written).collect())
}

/// A generation of this person: this one, or the last. `None`: it is not there, not theirs, or has not three posts.
pub async fn find(
    db: impl PgExecutor<'_>,
    user: &UserId,
    generation: Option<&str>,
) -> Result<Option<Earlier>, sqlx::Error> {
    type Row = (
        String,
        String,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
        Json<Value>,
    );
    // Prisma may declare the column as `String[]` or as `Json`: both become one JSON document.
    let found: Option<Row> = sqlx::query_as(
        r#"select "id", "brief", "platform", "industry", "objective", "tone", "language", to_jsonb("variants")
           from "Generation"
           where "userId" = $1 and "variants" is not null and ($2::text is null or "id" = $2)
           order by "createdAt" desc, "id" desc limit 1"#,
    )
    .bind(user.as_str())
    .bind(generation)
    .fetch_optional(db)
    .await?;
    Ok(found.and_then(|(id, brief, platform, industry, objective, tone, language, posts)| {
        let posts = serde_json::from_value(posts.0).ok()?;
        Some(Earlier { id, brief, about: [platform, industry, objective, tone], language, posts })
    }))
}

/// Adds a generation to an account that is held. Once per message: the caller ends the receipt in the same transaction. Returns its id.
pub async fn add(
    db: &mut PgConnection,
    user: &UserId,
    generation: &Generation<'_>,
    now: DateTime<Utc>,
) -> Result<String, sqlx::Error> {
    let id = crate::db::new_id();
    // The column itself turns the document into what it holds.
    let statement = r#"insert into "Generation" ("id", "userId", "brief", "platform", "industry", "objective", "tone",
           "language", "promptFinal", "usageTokens", "createdAt", "variants")
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "variants"
         from jsonb_populate_record(null::"Generation", jsonb_build_object('variants', $12::text[]))"#;
    sqlx::query(statement)
        .bind(&id)
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
    Ok(id)
}
