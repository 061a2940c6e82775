//! Record an LLM API once, retake the test for ever.
//!
//! # A tour
//!
//! Most people need the program alone (`retake test`, `retake serve`, `retake run -- pytest`). From Rust:
//!
//! - [`Harness`] is a test target: `cargo test --test integration -- --setup together`, with matchers of your own.
//! - [`exchange`] reads and writes recordings, and says what counts as the same request.
//! - [`upstream::Upstream`] is anything that answers a request; [`record`] puts recordings before one, and [`proxy`] puts
//!   them behind a socket.
//! - [`wire`] reads what a provider answered: its text, tool calls, error, and how it ended.
//!
//! What a reply says is read in one way, whole or streamed:
//!
//! ```
//! let stream = concat!(
//!     "data: {\"choices\": [{\"index\": 0, \"delta\": {\"role\": \"assistant\", \"content\": \"So\"}}]}\n\n",
//!     "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"l\"}, \"finish_reason\": \"stop\"}]}\n\n",
//!     "data: [DONE]\n\n",
//! );
//! let reading = retake::wire::read("text/event-stream", stream.as_bytes());
//! assert_eq!(reading.answer.text(), Some("Sol"));
//! assert_eq!(reading.ending(), retake::wire::Ending::Whole);
//! ```
//!
//! Two recordings answer the same request when their keys are equal, whatever tool wrote them:
//!
//! ```
//! use retake::exchange::{Rules, key, read};
//!
//! let recorded = |body: &str| {
//!     let text = format!(
//!         r#"{{"request": {{"method": "POST", "url": "https://api.example/v1/v1/chat/completions",
//!             "headers": {{}}, "body": {body}, "endpoint": "/v1/chat/completions", "model": "m"}},
//!             "response": {{"body": {{"choices": []}}, "is_streaming": false}}}}"#
//!     );
//!     read(&text).map(|recording| key(&recording.exchange.request, "https://api.example/v1", &Rules::default()))
//! };
//! assert_eq!(recorded(r#"{"model": "m", "n": 1}"#)?, recorded(r#"{"n":1,"model":"m"}"#)?);
//! assert_ne!(recorded(r#"{"model": "m", "n": 1}"#)?, recorded(r#"{"model": "m", "n": 2}"#)?);
//! # Ok::<(), retake::exchange::ReadError>(())
//! ```
//!
//! # The map
//!
//! One line per module, in layer order. `docs/architecture.md` says which module may
//! use which, and `tests/architecture.rs` holds it to that.

// ── pure: values in, values out; no file, network, clock, environment or async ──
// Who may call a server of retake's.
mod access;
// Does a reply meet an expectation.
mod check;
// Two texts, line by line.
mod diff;
// What happened in a run, as data that can be kept and read again; the tally.
pub mod event;
// What an API can do: ends of cases to verdicts.
mod conform;
// One request and its reply as kept: normalise, name, scrub, format.
pub mod exchange;
// Which cases a suite means: expansion, ids, selection.
mod matrix;
// What a reply of a known endpoint must be, rule by rule.
pub mod protocol;
// Providers and setups as data: who answers, with which models, and what they cannot do.
pub mod provider;
// What a mistyped word most likely means.
mod spelling;
// What a suite file says: cases as templates, steps, expectations.
mod suite;
// OpenAI-shaped messages; Server-Sent Events, bytes to events and back; content codings.
pub mod wire;
// YAML text to typed values, and errors that show the user's own line.
pub mod yaml;

// ── edges: each owns one kind of outside world ──
// Files of the user's, read: only regular ones, up to a size.
mod disk;
// Words to settings to a wired program to an exit code.
pub mod cli;
// Tapes behind a socket, for clients in any language.
pub mod proxy;
// Recordings on disk as upstreams: library, recorder, player, mode.
pub mod record;
// Events to bytes on any writer.
mod report;
// Drive cases and tell what happened as events.
mod run;
// An upstream that answers from a YAML script.
mod script;
// The OpenAI-compatible gateway: routes, providers and their quirks, store.
pub mod stack;
// The seam: anything that answers a request; HTTP.
pub mod upstream;

// What a test target starts with.
pub use cli::Harness;
