//! Members of a file that this version does not know. They are kept, so that rewriting a file loses nothing that a
//! newer retake or another tool put there.

use std::fmt::Write as _;

use super::framing::{self, Framed, Segment};
use super::version::{CURRENT, Version};
use crate::wire::{BodyKind, json};

/// Unknown members, and the version of the file if it is newer than the one that this retake writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extra {
    pub(super) newer: Option<Version>,
    /// Members beside `request`, `response` and `retake`.
    pub(super) file: Vec<Member>,
    /// Members of `request`.
    pub(super) request: Vec<Member>,
    /// Members of `response`.
    pub(super) response: Vec<Member>,
    /// Members of `retake`.
    pub(super) section: Vec<Member>,
    /// Members of each segment; empty if no segment has any.
    pub(super) segments: Segments,
}

/// Segments, each with its unknown members.
pub(super) type Segments = Vec<(Segment, Vec<Member>)>;

impl Extra {
    /// The version to write.
    pub(super) fn version(&self) -> Version {
        self.newer.unwrap_or(CURRENT)
    }

    /// The segments to write: those of the file with their members, as long as they still produce this body.
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

/// A member of a JSON object, kept as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    name: String,
    json: String,
}

impl Member {
    /// Makes a member; `json` must be one JSON value.
    pub(super) fn new(name: &str, json: &str) -> Self {
        Member { name: name.to_owned(), json: json::without_space(json) }
    }

    /// The member as part of one line.
    pub(super) fn on_one_line(&self) -> String {
        format!("{}: {}", serde_json::Value::from(self.name.as_str()), self.json)
    }
}

/// Writes each member on its own lines, with a comma after it.
pub(super) fn write_members(members: &[Member], indent: usize, out: &mut String) {
    for Member { name, json } in members {
        let name = serde_json::Value::from(name.as_str());
        let _ = writeln!(out, "{:indent$}{name}: {},", "", json::pretty(json, indent));
    }
}
