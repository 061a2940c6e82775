//! The OpenAI-compatible gateway: routes, providers and their quirks, store.
//!
//! | file | holds |
//! |---|---|
//! | `gateway` | what a gateway is made of, and which provider a model id means |
//! | `routes`, `handlers`, `access`, `serve`, `in_process` | bytes in and out: paths, keys, sockets, calls without a socket |
//! | `answer`, `answering`, `relay`, `models`, `inspect`, `history`, `messages` | the calls: completions whole and streamed, which model answered, models, what the stack tells of itself, the stored completions |
//! | `model`, `registry` | a model as it is told, and those that callers register |
//! | `ask`, `quirks`, `refusal`, `headers`, `json_edit`, `terminal` | pure: what is sent, what is given back |
//! | `query`, `metadata` | pure: which stored completions are wanted, and what may be noted with them |
//! | `store`, `completion_writer` | chat completions, in memory or in SQLite |

mod access;
mod answer;
mod answering;
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
