//! What a user types, and what comes of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod app;
mod bad_input;
#[cfg(unix)]
mod bounds;
mod browser;
mod clients;
mod conform;
mod credentials;
mod dialects;
mod endless;
mod faults;
#[cfg(unix)]
mod files;
#[cfg(unix)]
mod interrupt;
mod java;
mod live;
mod masks;
mod modes;
mod never_green;
mod nextest;
#[cfg(unix)]
mod orphans;
mod owners;
mod page;
mod parties;
mod plugin;
mod prices;
mod protocol;
mod proxy;
mod pytest;
mod readme;
mod real;
mod reports;
mod reuse;
mod rules;
mod runners;
mod sdks;
mod secrets;
mod seed;
mod server;
mod stack;
mod stack_clients;
mod start;
mod strangers;
mod terminal;
mod typos;
mod watch;
mod world;
