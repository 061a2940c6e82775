//! What a file holds beside what this retake knows. It is kept, so that an older retake that writes a file again takes
//! nothing away that a newer one, or another tool, has put there.

use std::fmt::Write as _;

use super::framing::{self, Framed, Segment};
use super::version::{CURRENT, Version};
use crate::wire::{BodyKind, json};

/// Members that are not known here, and the version of the file if it is newer than what this retake writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extra {
    pub(super) newer: Option<Version>,
    /// Beside `request`, `response` and `retake`.
    pub(super) file: Vec<Member>,
    /// Of `request`.
    pub(super) request: Vec<Member>,
    /// Of `response`.
    pub(super) response: Vec<Member>,
    /// Of `retake`.
    pub(super) section: Vec<Member>,
    /// Of each segment; empty where no segment has any.
    pub(super) segments: Segments,
}

/// Segments, each with the members that are kept of it.
pub(super) type Segments = Vec<(Segment, Vec<Member>)>;

impl Extra {
    /// The version to write.
    pub(super) fn version(&self) -> Version {
        self.newer.unwrap_or(CURRENT)
    }

    /// The segments to write. Those of the file are kept with their members as long as they still give this body.
    pub(super) fn segments(&self, framed: Framed<'_>, body: &[u8], kind: BodyKind) -> Segments {
        if !self.segments.is_empty() {
            let segments: Vec<Segment> = self.segments.iter().map(|(segment, _)| segment.clone()).collect();
            if framing::assemble(&framed.items, &segments, kind).is_ok_and(|again| again == body) {
                return self.segments.clone();
            }
        }
        framed.segments.into_iter().map(|segment| (segment, Vec::new())).collect()
    }
}

/// A member of a JSON object that is kept as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    name: String,
    json: String,
}

impl Member {
    /// `json` is one JSON value.
    pub(super) fn new(name: &str, json: &str) -> Self {
        Member { name: name.to_owned(), json: json::without_space(json) }
    }

    /// As it stands within one line.
    pub(super) fn on_one_line(&self) -> String {
        format!("{}: {}", serde_json::Value::from(self.name.as_str()), self.json)
    }
}

/// Each member on its own lines, with a comma after it.
pub(super) fn write_members(members: &[Member], indent: usize, out: &mut String) {
    for Member { name, json } in members {
        let name = serde_json::Value::from(name.as_str());
        let _ = writeln!(out, "{:indent$}{name}: {},", "", json::pretty(json, indent));
    }
}
