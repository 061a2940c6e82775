//! Events to bytes on any writer.
