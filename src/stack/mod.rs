//! The OpenAI-compatible gateway: routes, providers and their quirks, store.
//!
//! | file | holds |
//! |---|---|
//! | `gateway` | the gateway's parts, and which provider a model id means |
//! | `routes`, `handlers`, `access`, `serve`, `in_process` | bytes in and out: paths, keys, sockets, calls without one |
//! | `answer`, `relay`, `models`, `inspect`, `history`, `messages` | the calls: completions, models, the stack, stored chats |
//! | `model`, `registry` | a model's entry in lists, and the models that callers register |
//! | `ask`, `quirks`, `refusal`, `headers`, `json_edit`, `terminal` | pure: what is sent, and what is returned |
//! | `query`, `metadata` | pure: queries for stored completions, and their metadata |
//! | `store`, `completion_writer` | chat completions in SQLite |

mod access;
mod answer;
mod ask;
mod completion_writer;
mod gateway;
mod handlers;
mod headers;
mod history;
mod in_process;
mod inspect;
mod json_edit;
mod messages;
mod metadata;
mod model;
mod models;
mod query;
mod quirks;
mod refusal;
mod registry;
mod relay;
mod routes;
mod serve;
mod store;
mod terminal;
#[cfg(test)]
mod tests;

pub use crate::access::Guard;
pub use gateway::{Gateway, GatewayConfig};
pub use in_process::InProcess;
pub use metadata::Metadata;
pub use routes::{PREFIXES, router};
pub use serve::serve;
pub use store::{Completion, Order, Page, PageError, PageRequest, Store, StoreError};
