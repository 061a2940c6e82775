//! What a suite file says, before it is known for whom it runs.

mod expect;
mod fault;
mod include;
mod lower;
mod mask;
mod model;
mod names;
mod own;
mod params;
mod parse;
mod raw;
mod reader;
mod repeat;
mod shared;
mod steps;
mod stream;
pub mod template;

pub use expect::{
    Approx, ArgumentsExpect, ArgumentsKind, EmbeddingEncoding, EmbeddingsExpect, ErrorExpect, Expect, Is, JsonPath,
    Matcher, Need, PathExpect, StreamExpect, TimeExpect, ToolCallExpect, ToolCallsExpect, ValueType,
};
pub use fault::parse_faults;
pub(crate) use mask::{body_path, masks};
pub use model::{
    Axis, Body, Capture, CaptureFrom, Client, JsonText, Param, ParamValue, RequestTemplate, Step, Suite, Template,
    Xfail,
};
pub use own::{OwnMatcher, OwnMatchers, Panicked};
pub use parse::{Known, parse};
pub use repeat::Repeat;
pub use shared::Files;

#[cfg(test)]
pub(crate) use raw::{schema, shared_schema};
