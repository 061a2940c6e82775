//! An upstream that answers from a YAML script.
