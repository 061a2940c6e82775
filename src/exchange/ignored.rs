//! What of a request is declared to make no difference.

/// Request fields that make no difference to a provider's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The endpoint: `/v1/embeddings`.
    pub endpoint: String,
    /// Members of the body.
    pub fields: Vec<FieldPath>,
}

/// A member of a JSON body: the steps that lead to it from the top, the last of which is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath(pub Vec<FieldStep>);

/// A step down into JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldStep {
    /// The member of this name.
    Member(String),
    /// Every element.
    Every,
}
