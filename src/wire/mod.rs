//! OpenAI-shaped messages; Server-Sent Events, bytes to events and back; content codings. Values in, values out.

mod answer;
pub mod coding;
pub mod hex;
pub mod json;
pub mod ndjson;
pub mod sse;
mod usage;

pub use answer::{Answer, Choice, ToolCall};
pub use usage::{Usage, usage};
