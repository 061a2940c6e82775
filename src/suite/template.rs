//! `${name}` and `${name.field}` in strings, typed.

use serde_json::{Map, Value};

/// Values by name: `model`, the parameters, what was captured.
pub type Scope = Map<String, Value>;

/// A `${…}` that names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`${{{0}}}` is not set")]
pub struct Unbound(pub String);

/// Fills in every `${…}` in the strings of `value`. A string that is one `${…}` alone takes the value's own type;
/// within text, strings stand bare and other values as compact JSON. `$${` is a literal `${`.
pub fn fill(value: &Value, _scope: &Scope) -> Result<Value, Unbound> {
    Ok(value.clone())
}

/// As [`fill`], for text that stays text.
pub fn fill_text(text: &str, _scope: &Scope) -> Result<String, Unbound> {
    Ok(text.to_owned())
}
