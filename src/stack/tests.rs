//! The gateway through [`InProcess`], with upstreams that are made up.

mod calls;
mod fake;
mod listings;
mod models;
mod socket;
mod stored;
mod streams;
