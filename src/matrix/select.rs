//! `-k` in pytest's grammar, and ids as printed.

/// A parsed `-k` expression.
#[derive(Debug, Clone)]
pub struct Keyword;

/// What is wrong with a `-k` expression, in pytest's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Wrong expression passed to '-k': {text}: at column {column}: {reason}")]
pub struct KeywordError {
    /// The expression.
    pub text: String,
    /// From 1.
    pub column: usize,
    /// `expected end of input; got identifier`.
    pub reason: String,
}

impl Keyword {
    /// Reads an expression.
    pub fn parse(_text: &str) -> Result<Self, KeywordError> {
        Ok(Keyword)
    }

    /// Whether it selects a case with this id and these extra keywords.
    pub fn selects(&self, _id: &str, _keywords: &[String]) -> bool {
        true
    }
}
