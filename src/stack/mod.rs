//! The OpenAI-compatible gateway: routes, providers and their quirks, store.
//!
//! | file | holds |
//! |---|---|
//! | `gateway` | what a gateway is made of, and which provider a model id means |
//! | `routes`, `access`, `serve`, `in_process` | bytes in and out: paths, keys, sockets, calls without a socket |
//! | `answer`, `relay`, `models`, `history`, `messages` | the calls: completions whole and streamed, models, the stored completions |
//! | `ask`, `quirks`, `refusal`, `headers`, `gather`, `splice` | pure: what is sent, what is given back |
//! | `query`, `metadata` | pure: which stored completions are wanted, and what may be noted with them |
//! | `store`, `keeping` | chat completions in SQLite |

mod access;
mod answer;
mod ask;
mod gateway;
mod gather;
mod headers;
mod history;
mod in_process;
mod keeping;
mod messages;
mod metadata;
mod models;
mod query;
mod quirks;
mod refusal;
mod relay;
mod routes;
mod serve;
mod splice;
mod store;
#[cfg(test)]
mod tests;

pub use gateway::{Gateway, GatewayConfig};
pub use in_process::InProcess;
pub use metadata::Metadata;
pub use routes::{PREFIXES, router};
pub use serve::serve;
pub use store::{Completion, Order, Page, PageError, PageRequest, Store, StoreError};
