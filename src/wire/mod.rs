//! OpenAI-shaped messages; Server-Sent Events, bytes to events and back; content codings. Values in, values out.

mod answer;
mod body;
pub mod coding;
mod ending;
pub mod error;
pub mod headers;
pub mod hex;
pub mod json;
pub mod lenient;
pub mod ndjson;
mod reading;
pub mod sse;
mod usage;

pub use answer::{Answer, Choice, ToolCall, adds_something, words};
pub use body::BodyKind;
pub use ending::Ending;
pub use reading::{Flaw, FlawKind, Reader, Reading, read};
pub use usage::{Usage, usage};
