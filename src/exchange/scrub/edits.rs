//! Replaces parts of a body.

use std::ops::Range;

use crate::exchange::model::ChunkMark;

/// A part of a body, and its replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// Sorts edits and merges those that overlap: the merged edit gets the first text that is not empty.
pub(super) fn in_order(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.sort_by(|a, b| a.range.start.cmp(&b.range.start).then(b.range.end.cmp(&a.range.end)));
    let mut out: Vec<Edit> = Vec::with_capacity(edits.len());
    for edit in edits {
        match out.last_mut().filter(|last| edit.range.start < last.range.end) {
            Some(last) => {
                last.range.end = last.range.end.max(edit.range.end);
                if last.text.is_empty() {
                    last.text = edit.text;
                }
            }
            None => out.push(edit),
        }
    }
    out
}

pub(super) fn replaced(bytes: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for edit in edits {
        out.extend_from_slice(&bytes[at..edit.range.start]);
        out.extend_from_slice(edit.text.as_bytes());
        at = edit.range.end;
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

/// The chunks after the edits. Each edge moves with its bytes; an edge inside of a replaced part moves to the end of
/// the replacement. A chunk that held only the rest of a secret is removed.
pub(super) fn shifted(chunks: &[ChunkMark], edits: &[Edit]) -> Vec<ChunkMark> {
    let mut out = Vec::with_capacity(chunks.len());
    let (mut edge, mut before) = (0, 0);
    // Totals of the edits so far: bytes put in and bytes taken out.
    let (mut next, mut put, mut taken) = (0, 0, 0);
    for chunk in chunks {
        edge += chunk.size;
        while let Some(edit) = edits.get(next).filter(|edit| edit.range.end <= edge) {
            put += edit.text.len();
            taken += edit.range.len();
            next += 1;
        }
        let after = match edits.get(next).filter(|edit| edit.range.start < edge) {
            Some(edit) => edit.range.start + put + edit.text.len() - taken,
            None => edge + put - taken,
        };
        if after > before || chunk.size == 0 {
            out.push(ChunkMark { size: after - before, at_ms: chunk.at_ms });
        }
        before = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(range: Range<usize>, text: &str) -> Edit {
        Edit { range, text: text.to_owned() }
    }

    #[test]
    fn parts_that_overlap_become_one() {
        let edits = in_order(vec![edit(4..6, "b"), edit(0..2, "a"), edit(5..9, "c"), edit(1..3, "")]);
        assert_eq!(edits, [edit(0..3, "a"), edit(4..9, "b")]);
        assert_eq!(replaced(b"0123456789", &edits), b"a3b9");
    }

    #[test]
    fn chunks_keep_their_edges_and_lose_what_is_gone() {
        let chunks = [3, 3, 2, 2].map(|size| ChunkMark { size, at_ms: size as u64 });
        let sizes = |edits: &[Edit]| shifted(&chunks, edits).iter().map(|chunk| chunk.size).collect::<Vec<_>>();
        assert_eq!(sizes(&[edit(1..9, "$VARIABLE")]), [10, 1]);
        assert_eq!(sizes(&[edit(0..3, ""), edit(4..5, "ab")]), [4, 2, 2]);
    }
}
