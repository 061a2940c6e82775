//! The OpenAI-compatible gateway: routes, providers and their quirks, store.
