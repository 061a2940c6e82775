//! The gateway through [`InProcess`], with upstreams that are made up.

mod calls;
mod fake;
mod listings;
mod socket;
mod stored;
mod streams;
