//! What a user types, and what comes of it.

mod bad_input;
mod modes;
mod protocol;
mod seed;
mod stack;
mod world;
