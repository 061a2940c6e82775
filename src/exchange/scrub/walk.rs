//! Finds every scalar of the JSON in a body, with its path and its place. Time and memory are linear in the bytes, at
//! any depth. Text that is not JSON is skipped.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use crate::wire::BodyKind;

/// A string or a number in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scalar {
    /// Its bytes in the body; for a string, the bytes between the quotes, with their escapes.
    pub(super) range: Range<usize>,
    pub(super) is_text: bool,
    /// A hash of the names that lead to it, without list indexes.
    pub(super) path: u64,
    /// A hash of the part that it belongs to, from the `index` and similar members around it.
    pub(super) part: u64,
}

/// Members that say which of several interleaved parts an object belongs to.
const PARTS: [&[u8]; 4] = [b"index", b"output_index", b"content_index", b"item_id"];

/// The path of stream text that is not JSON or covers several lines.
const LINES: u64 = 1;

/// Finds every scalar that `wants` accepts, by its place and by whether it is text, in order within each event or line.
pub(super) fn scalars(
    body: &[u8],
    kind: BodyKind,
    wants: impl Fn(&Range<usize>, bool) -> bool,
    mut each: impl FnMut(Scalar),
) {
    let mut payload = |ranges: &[Range<usize>]| {
        if let [range] = ranges
            && matches!(body[range.clone()].trim_ascii_start().first(), Some(b'{' | b'['))
        {
            return document(&body[range.clone()], |at| range.start + at, &wants, &mut each);
        }
        let mut joined = Vec::new();
        let mut places = Vec::new();
        for range in ranges {
            places.push((joined.len(), range.start));
            joined.extend_from_slice(&body[range.clone()]);
            joined.push(b'\n');
        }
        let place = |at: usize| {
            let (first, start) = places[places.partition_point(|(first, _)| *first <= at).saturating_sub(1)];
            start + (at - first)
        };
        document(&joined, place, &wants, &mut each);
        for range in ranges.iter().filter(|range| wants(range, true)) {
            each(Scalar { range: range.clone(), is_text: true, path: LINES, part: 0 });
        }
    };
    match kind {
        BodyKind::Whole => document(body, |at| at, &wants, &mut each),
        BodyKind::Lines => lines(body).for_each(|line| payload(&[line])),
        BodyKind::Events => events(body, payload),
    }
}

/// Passes on the `data:` lines of each event.
fn events(body: &[u8], mut payload: impl FnMut(&[Range<usize>])) {
    let mut data = Vec::new();
    for line in lines(body).chain(std::iter::once(body.len()..body.len())) {
        let text = &body[line.clone()];
        if text.is_empty() && !data.is_empty() {
            payload(&data);
            data.clear();
        } else if text.starts_with(b"data:") {
            let space = usize::from(text.get(5) == Some(&b' '));
            data.push(line.start + 5 + space..line.end);
        }
    }
}

/// Lines without their ends (LF, CR or CRLF).
fn lines(body: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        (at < body.len()).then(|| {
            let start = at;
            let end =
                body[start..].iter().position(|byte| matches!(byte, b'\n' | b'\r')).map_or(body.len(), |l| start + l);
            at = match body.get(end..end + 2) {
                Some(b"\r\n") => end + 2,
                _ => end + 1,
            };
            start..end
        })
    })
}

/// An object or a list that contains the current place.
struct Around {
    path: u64,
    /// The index of its part in [`Document::parts`].
    part: usize,
    is_object: bool,
    /// In an object, the name whose value comes next.
    name: u64,
    says_part: bool,
}

struct Document {
    around: Vec<Around>,
    /// For each object, in order of their starts: the index of the object around it, and what it says about its part.
    parts: Vec<(usize, u64)>,
    found: Vec<(Scalar, usize)>,
}

fn document(
    text: &[u8],
    place: impl Fn(usize) -> usize,
    wants: &impl Fn(&Range<usize>, bool) -> bool,
    each: &mut impl FnMut(Scalar),
) {
    let wants = |range: &Range<usize>, is_text: bool| wants(&(place(range.start)..place(range.end)), is_text);
    let mut reading = Document { around: Vec::new(), parts: vec![(0, 0)], found: Vec::new() };
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'{' | b'[' => reading.open(byte == b'{'),
            b'}' | b']' => drop(reading.around.pop()),
            b'"' => {
                at = string_end(text, at);
                let range = start + 1..at;
                at += 1;
                let is_name = reading.around.last().is_some_and(|around| around.is_object)
                    && text[at.min(text.len())..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
                match is_name {
                    true => reading.name(&text[range]),
                    false => {
                        reading.says_part(&text[range.clone()]);
                        if wants(&range, true) {
                            reading.scalar(range, true);
                        }
                    }
                }
            }
            b'-' | b'0'..=b'9' => {
                let is_number = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                at += text[at..].iter().take_while(|byte| is_number(byte)).count();
                reading.says_part(&text[start..at]);
                // At the top level it may be a number in ordinary text.
                if !reading.around.is_empty() && wants(&(start..at), false) {
                    reading.scalar(start..at, false);
                }
            }
            _ => {}
        }
    }
    for index in 1..reading.parts.len() {
        let (around, own) = reading.parts[index];
        reading.parts[index].1 = mixed(reading.parts[around].1, own);
    }
    for (mut scalar, part) in reading.found {
        scalar.range = place(scalar.range.start)..place(scalar.range.end);
        scalar.part = reading.parts[part].1;
        each(scalar);
    }
}

/// The end of a string whose content begins at `at`: its closing quote, or the end of the text.
fn string_end(text: &[u8], mut at: usize) -> usize {
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

impl Document {
    fn open(&mut self, is_object: bool) {
        let (path, around) = self.around.last().map_or((0, 0), |around| (around.here(), around.part));
        let part = match is_object {
            true => {
                self.parts.push((around, 0));
                self.parts.len() - 1
            }
            false => around,
        };
        self.around.push(Around { path, part, is_object, name: 0, says_part: false });
    }

    fn name(&mut self, name: &[u8]) {
        if let Some(around) = self.around.last_mut() {
            around.name = hash(name);
            around.says_part = PARTS.contains(&name);
        }
    }

    fn says_part(&mut self, value: &[u8]) {
        if let Some(around) = self.around.last().filter(|around| around.is_object && around.says_part) {
            let said = &mut self.parts[around.part].1;
            *said = mixed(*said, hash(value));
        }
    }

    fn scalar(&mut self, range: Range<usize>, is_text: bool) {
        let (path, part) = self.around.last().map_or((0, 0), |around| (around.here(), around.part));
        self.found.push((Scalar { range, is_text, path, part: 0 }, part));
    }
}

impl Around {
    fn here(&self) -> u64 {
        if self.is_object { mixed(self.path, self.name) } else { mixed(self.path, u64::MAX) }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn mixed(one: u64, other: u64) -> u64 {
    (one.rotate_left(5) ^ other).wrapping_mul(0x517c_c1b7_2722_0a95)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str, kind: BodyKind) -> Vec<(&str, bool)> {
        let mut all = Vec::new();
        scalars(body.as_bytes(), kind, |_, _| true, |scalar| all.push((&body[scalar.range.clone()], scalar.is_text)));
        all
    }

    #[test]
    fn scalars_are_found_with_their_places() {
        let json = r#" {"a": "x\"y", "b" : [1.5e3, -2, "", {"c":"z"}], "d": true}"#;
        let all = [(r#"x\"y"#, true), ("1.5e3", false), ("-2", false), ("", true), ("z", true)];
        assert_eq!(texts(json, BodyKind::Whole), all);
        for broken in ["{\"a", "\"\\", "}}]", "{\"a\":\"b\\", "{]\"x\"", "\"a\" \"b\":"] {
            texts(broken, BodyKind::Whole);
        }
    }

    #[test]
    fn an_event_on_several_lines_is_one() {
        let body = "event: x\ndata: {\"a\":\r\ndata:\"b\"}\n\ndata: plain\r\r: c\ndata: {\"a\":\"c\"}";
        let all = ["b", "{\"a\":", "\"b\"}", "plain", "c"];
        assert_eq!(texts(body, BodyKind::Events).into_iter().map(|(text, _)| text).collect::<Vec<_>>(), all);
    }

    #[test]
    fn a_path_knows_names_and_a_part_what_index_says() {
        let body = r#"{"l":[{"t":"a","index":0},{"t":"b","index":1}],"t":"c"}"#;
        let mut all = Vec::new();
        scalars(body.as_bytes(), BodyKind::Whole, |_, is_text| is_text, |scalar| all.push(scalar));
        assert!(all[0].path == all[1].path && all[0].part != all[1].part && all[2].path != all[0].path);
    }

    #[test]
    fn depth_costs_nothing() {
        let deep = "[".repeat(300_000) + &"{\"index\":".repeat(100_000);
        assert!(texts(&deep, BodyKind::Whole).is_empty());
    }
}
