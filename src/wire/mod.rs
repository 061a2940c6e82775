//! OpenAI-shaped messages; Server-Sent Events, bytes to events and back.

pub mod json;
