//! Does a reply meet an expectation.
