//! The gateway through [`InProcess`], with upstreams that are made up.

mod calls;
mod dialects;
mod fake;
mod ids;
mod listings;
mod socket;
mod streams;
