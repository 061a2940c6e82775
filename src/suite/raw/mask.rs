//! What stands in a suite file about masks.

use serde::Deserialize;

use crate::yaml::{OneOrMore, Spanned, present};

/// Text in requests that changes from run to run, such as a date.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawMask {
    /// The API's own path, in which `*` stands for anything; every path unless said.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(in crate::suite) endpoint: Option<Spanned<String>>,
    /// Where in the body it is looked for, in the texts there and below: a JSONPath, or a list of them.
    #[cfg_attr(test, schemars(extend("pattern" = "^\\$")))]
    pub(in crate::suite) place: Spanned<OneOrMore>,
    /// What it looks like: a regular expression, or a list of them.
    pub(in crate::suite) pattern: Spanned<OneOrMore>,
}
