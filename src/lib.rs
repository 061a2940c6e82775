//! Record an LLM API once, retake the test for ever.
//!
//! # A tour
//!
//! Most people need the program alone (`retake test`, `retake serve`, `retake run -- pytest`). From Rust:
//!
//! - [`Harness`] is a test target: `cargo test --test integration -- --setup together`, with matchers of your own.
//! - [`exchange`] reads and writes recordings, and decides which requests count as the same.
//! - [`upstream::Upstream`] is anything that answers a request; [`record`] puts recordings before one, and [`proxy`] puts
//!   them behind a socket.
//! - [`report::page()`] makes a page of the [`event`]s of runs.
//! - [`wire`] reads a provider's reply: its text, tool calls, error, and how it ended.
//!
//! A reply is read in the same way, whole or streamed:
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
// Who may call one of retake's servers.
mod access;
// Whether a reply meets an expectation.
mod check;
// Compares two texts line by line.
mod diff;
// The events of a run, as data that can be stored and read again; the tally.
pub mod event;
// What an API supports: the outcomes of cases as a verdict.
mod conform;
// What this build lacks, and how that is told.
#[cfg(not(all(feature = "schema", feature = "stack")))]
mod features;
// One request and its reply as recorded: normalise, name, scrub, format.
pub mod exchange;
// The cases of a suite: expansion, ids, selection.
mod matrix;
// The rules for replies of known endpoints.
pub mod protocol;
// Providers and setups as data: who answers, with which models, and what they cannot do.
pub mod provider;
// Guesses the word that a mistyped one stands for.
mod spelling;
// The contents of a suite file: cases as templates, steps, expectations.
mod suite;
// OpenAI-shaped messages; Server-Sent Events, bytes to events and back; content codings.
pub mod wire;
// YAML text to typed values, and errors that show the user's own line.
pub mod yaml;

// ── edges: each owns one kind of outside world ──
// The certificate authority with which the proxy answers for the hosts of providers.
mod authority;
// Reads the user's files: only regular ones, up to a size.
mod disk;
// The command line: arguments to settings to a wired program to an exit code.
pub mod cli;
// Tapes behind a socket, for clients in any language.
pub mod proxy;
// Recordings on disk as upstreams: library, recorder, player, mode.
pub mod record;
// Renders events: as text on any writer, as a page.
pub mod report;
// Runs cases and reports what happens as events.
mod run;
// An upstream that answers from a YAML script.
mod script;
// The OpenAI-compatible gateway: routes, providers and their quirks, store.
pub mod stack;
// The seam: anything that answers a request; HTTP.
pub mod upstream;

// The entry point of a test target.
pub use cli::Harness;
