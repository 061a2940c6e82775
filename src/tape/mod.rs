//! Recordings on disk as upstreams: library, recorder, player, mode.
