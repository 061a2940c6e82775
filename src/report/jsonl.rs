//! Events as lines of JSON.

use crate::event::Event;

/// The line of an event, with its end.
pub(crate) fn line(event: &Event) -> String {
    // An event holds texts, numbers and lists of them: there is none that cannot be written.
    serde_json::to_string(event).unwrap_or_default() + "\n"
}

/// A line for each event.
pub(super) fn lines(events: &[Event]) -> String {
    events.iter().map(line).collect()
}
