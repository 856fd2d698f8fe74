//! What may be said of Postgres where strangers read: in logs, in dead letters, to an operator.

/// Why Postgres did not do something, for a log or an operator. What it says, and what a value that could not be read says,
/// may quote what somebody wrote: a code, the name of a constraint and that of a column do not.
#[must_use]
pub fn told(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => {
            let constraint = error.constraint().unwrap_or("(no constraint)");
            format!("postgres: {} {constraint}", error.code().unwrap_or_default())
        }
        sqlx::Error::ColumnDecode { index, .. } => format!("an unexpected value in column {index}"),
        sqlx::Error::Decode(_) | sqlx::Error::Encode(_) => "an unexpected value".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::error::Error;
    use std::fmt;

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// Postgres, quoting.
    #[derive(Debug)]
    struct Quoting;

    impl fmt::Display for Quoting {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str(self.message())
        }
    }

    impl Error for Quoting {}

    impl DatabaseError for Quoting {
        fn message(&self) -> &'static str {
            "invalid input syntax: \"a secret\""
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some("22P02".into())
        }

        fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    #[test]
    fn why_postgres_did_not_do_it_quotes_nothing() {
        let source = || Box::new(Quoting);
        for (error, expected) in [
            (sqlx::Error::Database(source()), "postgres: 22P02 (no constraint)"),
            (
                sqlx::Error::ColumnDecode { index: "\"brief\"".to_owned(), source: source() },
                "an unexpected value in column \"brief\"",
            ),
            (sqlx::Error::Decode(source()), "an unexpected value"),
            (sqlx::Error::PoolClosed, "attempted to acquire a connection on a closed pool"),
        ] {
            assert_eq!(told(&error), expected);
        }
    }
}
