//! Suite files, parsed without regard to the setup and provider that they will run for.

mod expect;
mod fault;
mod include;
mod mask;
mod model;
mod names;
mod own;
mod params;
mod parse;
mod parse_expect;
mod raw;
mod read_file;
mod reader;
mod repeat;
mod shared;
mod steps;
pub(crate) mod template;

pub(crate) use expect::{
    ArgumentsExpect, ArgumentsKind, EmbeddingEncoding, EmbeddingsExpect, ErrorExpect, Expect, Is, JsonPath, Matcher,
    Need, StreamExpect, TimeExpect, ToolCallExpect, ToolCallsExpect, UsageExpect, ValueType,
};
pub(crate) use fault::parse_faults;
pub(crate) use mask::{body_path, masks};
pub(crate) use model::{
    Axis, Body, Capture, CaptureFrom, Client, ParamValue, RequestTemplate, Step, Suite, Template, Xfail,
};
pub(crate) use own::{OwnMatcher, OwnMatchers, Panicked};
pub(crate) use parse::{Known, parse};
pub(crate) use shared::Files;

#[cfg(test)]
pub(crate) use expect::Approx;
#[cfg(test)]
pub(crate) use model::Param;
#[cfg(test)]
pub(crate) use raw::schema;
#[cfg(all(test, feature = "schema"))]
pub(crate) use raw::shared_schema;
#[cfg(test)]
pub(crate) use repeat::Repeat;
