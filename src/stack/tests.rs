//! The gateway through [`InProcess`], with upstreams that are made up.

mod calls;
mod dialects;
mod fake;
mod ids;
mod listings;
mod models;
mod socket;
mod stored;
mod streams;
