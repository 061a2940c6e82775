//! The gateway through [`InProcess`], with fake upstreams.

mod calls;
mod dialects;
mod fake;
mod ids;
mod listings;
mod models;
mod socket;
mod stored;
mod streams;
