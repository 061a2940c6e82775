//! The file format of masks.

use serde::Deserialize;

use crate::yaml::{OneOrMore, Spanned, present};

/// Text in requests that changes from run to run, such as a date.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawMask {
    /// The API's own path, in which `*` matches anything; every path by default.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(in crate::suite) endpoint: Option<Spanned<String>>,
    /// Where the body has it: a JSONPath, or a list of them. All texts at and below the selected nodes are searched.
    #[cfg_attr(test, schemars(extend("pattern" = "^\\$")))]
    pub(in crate::suite) place: Spanned<OneOrMore>,
    /// What it looks like: a regular expression, or a list of them.
    pub(in crate::suite) pattern: Spanned<OneOrMore>,
}
