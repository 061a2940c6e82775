//! Texts that a body splits into pieces: the deltas of a stream, the tokens of a list, the lines of an event.

use std::collections::HashMap;
use std::ops::Range;

use super::walk::{Scalar, scalars};
use crate::wire::BodyKind;

/// The texts that come in several pieces, joined, with the place of each piece in the body.
pub(super) struct Joined {
    pub(super) text: Vec<u8>,
    /// The range of each piece in the joined text, and its start in the body.
    places: Vec<(Range<usize>, usize)>,
}

/// Separates two texts: no secret contains it.
const BETWEEN: u8 = 0;

/// A piece of at least this length that repeats the one before it is not part of a text, but a value that every event
/// repeats.
const REPEATED: usize = 8;

/// Fewer numbers cannot hold a secret.
const FEWEST: usize = 8;

#[derive(Default)]
struct Group {
    pieces: Vec<(Range<usize>, u64)>,
    /// The pieces belong to several parts that come interleaved.
    is_mixed: bool,
}

impl Joined {
    pub(super) fn of(body: &[u8], kind: BodyKind) -> Self {
        let mut groups: HashMap<u64, Group> = HashMap::new();
        let wanted = |range: &Range<usize>, is_text: bool| is_text && !range.is_empty();
        scalars(body, kind, wanted, |scalar| groups.entry(scalar.path).or_default().add(scalar, body));
        let mut groups: Vec<Group> = groups.into_values().filter(|group| group.pieces.len() > 1).collect();
        groups.sort_by_key(|group| group.pieces[0].0.start);
        let mut joined = Joined { text: Vec::new(), places: Vec::new() };
        for group in groups {
            joined.add(&group.pieces, body);
            if group.is_mixed {
                let mut parts: HashMap<u64, Vec<(Range<usize>, u64)>> = HashMap::new();
                for piece in group.pieces {
                    parts.entry(piece.1).or_default().push(piece);
                }
                let mut parts: Vec<_> = parts.into_values().filter(|pieces| pieces.len() > 1).collect();
                parts.sort_by_key(|pieces| pieces[0].0.start);
                parts.iter().for_each(|pieces| joined.add(pieces, body));
            }
        }
        joined
    }

    fn add(&mut self, pieces: &[(Range<usize>, u64)], body: &[u8]) {
        for (range, _) in pieces {
            let start = self.text.len();
            self.text.extend_from_slice(&body[range.clone()]);
            self.places.push((start..self.text.len(), range.start));
        }
        self.text.push(BETWEEN);
    }

    /// The ranges in the body that make up a range of the joined text.
    pub(super) fn shares(&self, hit: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let first = self.places.partition_point(|(piece, _)| piece.end <= hit.start);
        let pieces = self.places[first..].iter().take_while(|(piece, _)| piece.start < hit.end);
        pieces.map(|(piece, raw)| {
            let (start, end) = (piece.start.max(hit.start), piece.end.min(hit.end));
            raw + (start - piece.start)..raw + (end - piece.start)
        })
    }
}

impl Group {
    fn add(&mut self, scalar: Scalar, body: &[u8]) {
        if let Some((last, part)) = self.pieces.last() {
            if scalar.range.len() >= REPEATED && body[last.clone()] == body[scalar.range.clone()] {
                return;
            }
            self.is_mixed |= *part != scalar.part;
        }
        self.pieces.push((scalar.range, scalar.part));
    }
}

/// Lists of bytes written as numbers, joined into texts: `"bytes": [115, 107]`, as OpenAI writes the bytes of tokens.
pub(super) fn bytes_in_numbers(body: &[u8], kind: BodyKind) -> Vec<u8> {
    let mut groups: HashMap<u64, Vec<u8>> = HashMap::new();
    scalars(
        body,
        kind,
        |range, is_text| !is_text && range.len() <= 3,
        |scalar| {
            let digits = std::str::from_utf8(&body[scalar.range.clone()]);
            if let Some(byte) = digits.ok().and_then(|digits| digits.parse().ok()) {
                groups.entry(scalar.path).or_default().push(byte);
            }
        },
    );
    let mut out = Vec::new();
    for group in groups.into_values().filter(|group| group.len() >= FEWEST) {
        out.extend(group);
        out.push(BETWEEN);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(body: &str, kind: BodyKind) -> Vec<String> {
        let joined = Joined::of(body.as_bytes(), kind);
        let texts = joined.text.split(|byte| *byte == BETWEEN).filter(|text| !text.is_empty());
        texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect()
    }

    #[test]
    fn pieces_are_joined_by_their_path_and_by_their_part() {
        let delta = |index: u32, text: &str| {
            format!(
                "data: {{\"id\":\"chatcmpl-1\",\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}},\"index\":{index}}}]}}\n\n"
            )
        };
        let body = delta(0, "ab") + &delta(1, "xy") + &delta(0, "cd");
        assert_eq!(joined(&body, BodyKind::Events), ["abxycd", "abcd"]);
        let body = delta(0, "ab") + &delta(0, "cd") + "data: [DONE]\n\n";
        assert_eq!(joined(&body, BodyKind::Events), ["abcd"]);
        let found = Joined::of(body.as_bytes(), BodyKind::Events);
        let shares: Vec<&str> = found.shares(&(1..3)).map(|range| &body[range]).collect();
        assert_eq!(shares, ["b", "c"]);
    }

    #[test]
    fn lines_and_numbers_are_joined_too() {
        let body = "{\"message\":{\"content\":\"ab\"}}\n{\"message\":{\"content\":\"cd\"}}\n";
        assert_eq!(joined(body, BodyKind::Lines), ["abcd"]);
        assert_eq!(joined("data: ab\ndata: cd\n\ndata: ef\n\n", BodyKind::Events), ["abcdef"]);
        let body = b"{\"bytes\":[97,98,99,100]},{\"bytes\":[101,102,103,104,1000]}";
        assert_eq!(bytes_in_numbers(body, BodyKind::Whole), b"abcdefgh\0");
    }
}
