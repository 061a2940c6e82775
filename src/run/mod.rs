//! Drive cases and tell what happened as events.
