//! The OpenAI-compatible gateway: routes, providers and their quirks, store.
//!
//! | file | holds |
//! |---|---|
//! | `gateway` | what a gateway is made of, and which provider a model id means |
//! | `routes`, `access`, `serve`, `in_process` | bytes in and out: paths, keys, sockets, calls without a socket |
//! | `answer`, `relay`, `models`, `history` | the calls: completions whole and streamed, listings of models, the store's reads |
//! | `ask`, `quirks`, `refusal`, `headers`, `gather`, `splice` | pure: what is sent, what is given back |
//! | `store`, `keeping` | chat completions in SQLite |

mod access;
mod answer;
mod ask;
mod gateway;
mod headers;
mod history;
mod in_process;
mod keeping;
mod models;
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
pub use routes::{PREFIXES, router};
pub use serve::serve;
pub use store::{Completion, Order, Page, PageError, PageRequest, Store, StoreError};
