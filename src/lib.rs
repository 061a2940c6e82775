//! Record an LLM API once, retake the test for ever.
//!
//! The map: one line per module, in layer order. `docs/architecture.md` says which module may
//! use which, and `tests/architecture.rs` holds it to that.

// ── pure: values in, values out; no file, network, clock, environment or async ──
// Who may call a server of retake's.
pub mod access;
// Does a reply meet an expectation.
pub mod check;
// Two texts, line by line.
pub mod diff;
// What happened in a run, as data that can be kept and read again; the tally.
pub mod event;
// One request and its reply as kept: normalise, name, scrub, format.
pub mod exchange;
// Which cases a suite means: expansion, ids, selection.
pub mod matrix;
// Providers and setups as data: who answers, with which models, and what they cannot do.
pub mod provider;
// What a suite file says: cases as templates, steps, expectations.
pub mod suite;
// OpenAI-shaped messages; Server-Sent Events, bytes to events and back; content codings.
pub mod wire;
// YAML text to typed values, and errors that show the user's own line.
pub mod yaml;

// ── edges: each owns one kind of outside world ──
// Words to settings to a wired program to an exit code.
pub mod cli;
// Tapes behind a socket, for clients in any language.
pub mod proxy;
// Recordings on disk as upstreams: library, recorder, player, mode.
pub mod record;
// Events to bytes on any writer.
pub mod report;
// Drive cases and tell what happened as events.
pub mod run;
// An upstream that answers from a YAML script.
pub mod script;
// The OpenAI-compatible gateway: routes, providers and their quirks, store.
pub mod stack;
// The seam: anything that answers a request; HTTP.
pub mod upstream;

// What a test target starts with.
pub use cli::Harness;
