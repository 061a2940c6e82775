//! Providers and setups as data.

mod litellm;
mod model;
mod parse;
mod prices;
mod raw;
mod upon;
mod words;

pub use litellm::{List, parse_list};
pub use model::{
    Capability, Catalogue, Dropped, ExpectedFailure, Gap, ListName, Listed, Manners, Models, Price, Provider, Quirks,
    Setup,
};
pub use parse::{parse_more_providers, parse_more_setups, parse_providers, parse_setups, setup_named};
pub use prices::{prices_file, with_prices};

#[cfg(all(test, feature = "schema"))]
pub(crate) use raw::schemas;
