//! Providers and setups as data.

mod model;
mod parse;
mod raw;
mod upon;
mod words;

pub use model::{
    Capability, Catalogue, Dropped, ExpectedFailure, Gap, Manners, Models, Price, Provider, Quirks, Setup,
};
pub use parse::{parse_more_providers, parse_more_setups, parse_providers, parse_setups, setup_named};

#[cfg(test)]
pub(crate) use raw::schemas;
