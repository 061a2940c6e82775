//! Splits a body into its JSON items and the bytes around them. So a recording holds JSON that people and other tools
//! can read, and still reproduces every byte.

use super::spacing;
use crate::wire::{BodyKind, json, sse};

/// The text before and after an item, unless a segment says otherwise.
pub(super) fn frame(kind: BodyKind) -> (&'static str, &'static str) {
    match kind {
        BodyKind::Whole => ("", ""),
        BodyKind::Events => ("data: ", "\n\n"),
        BodyKind::Lines => ("", "\n"),
    }
}

/// A run of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// The next `count` items, each as compact JSON (or spaced as Python does) between the same two texts.
    Items { count: usize, before: String, after: String, spaced: bool },
    /// Bytes as they came. With `item`, they contain the next item in a form of its own.
    Raw { bytes: Vec<u8>, item: bool },
}

/// A body taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Framed<'a> {
    /// The JSON items as they came.
    pub(super) items: Vec<&'a str>,
    pub(super) segments: Vec<Segment>,
}

/// Splits a body; [`assemble`] puts it together again.
pub(super) fn take_apart(body: &[u8], kind: BodyKind) -> Framed<'_> {
    let mut framed = Framed::default();
    let mut rest = body;
    while !rest.is_empty() {
        let length = match kind {
            BodyKind::Whole => rest.len(),
            BodyKind::Events => sse::block_length(rest),
            BodyKind::Lines => rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1),
        };
        let (block, tail) = rest.split_at(length);
        framed.add(block, kind);
        rest = tail;
    }
    framed
}

impl<'a> Framed<'a> {
    fn add(&mut self, block: &'a [u8], kind: BodyKind) {
        let text = std::str::from_utf8(block).ok();
        let Some((before, item, after)) = text.and_then(|text| item_in(text, kind)) else {
            return self.add_raw(block, false);
        };
        self.items.push(item);
        // `{}` and numbers look the same with and without spaces: they continue the run that they follow.
        let running = matches!(self.segments.last(), Some(Segment::Items { spaced: true, .. }));
        let compact = spacing::minify(item) == item;
        if (!compact || running) && spacing::spaced(item) == item {
            self.add_item(before, after, true);
        } else if compact {
            self.add_item(before, after, false);
        } else {
            self.add_raw(block, true);
        }
    }

    fn add_item(&mut self, before: &str, after: &str, is_spaced: bool) {
        if let Some(Segment::Items { count, before: b, after: a, spaced }) = self.segments.last_mut()
            && (b.as_str(), a.as_str(), *spaced) == (before, after, is_spaced)
        {
            *count += 1;
            return;
        }
        let (before, after) = (before.to_owned(), after.to_owned());
        self.segments.push(Segment::Items { count: 1, before, after, spaced: is_spaced });
    }

    fn add_raw(&mut self, block: &[u8], with_item: bool) {
        if let Some(Segment::Raw { bytes, item: false }) = self.segments.last_mut()
            && !with_item
        {
            bytes.extend_from_slice(block);
            return;
        }
        self.segments.push(Segment::Raw { bytes: block.to_vec(), item: with_item });
    }
}

/// The one JSON item in a block, with the text before and after it.
fn item_in(block: &str, kind: BodyKind) -> Option<(&str, &str, &str)> {
    let line = match kind {
        BodyKind::Whole | BodyKind::Lines => block,
        BodyKind::Events => {
            let mut lines = block.split(['\n', '\r']).filter(|line| line.starts_with("data:"));
            let line = lines.next()?;
            if lines.next().is_some() {
                return None;
            }
            &line["data:".len()..]
        }
    };
    let item = line.trim_matches([' ', '\t', '\n', '\r']);
    if !spacing::is_json(item) {
        return None;
    }
    // `item` is a slice of `block`.
    let start = item.as_ptr() as usize - block.as_ptr() as usize;
    Some((&block[..start], item, &block[start + item.len()..]))
}

/// The bytes that these items and segments describe. Each item is one JSON value.
pub(super) fn assemble(items: &[&str], segments: &[Segment], kind: BodyKind) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let mut left = items.iter();
    for segment in segments {
        match segment {
            Segment::Items { count, before, after, spaced } => {
                for _ in 0..*count {
                    let item = left.next().ok_or("`segments` ask for more items than the reply's body holds")?;
                    let text = if *spaced { spacing::spaced(item) } else { json::without_space(item) };
                    body.extend_from_slice(before.as_bytes());
                    body.extend_from_slice(text.as_bytes());
                    body.extend_from_slice(after.as_bytes());
                }
            }
            Segment::Raw { bytes, item } => {
                if *item {
                    let item = left.next().ok_or("`segments` ask for more items than the reply's body holds")?;
                    same_item(bytes, item, kind)?;
                }
                body.extend_from_slice(bytes);
            }
        }
    }
    if left.next().is_some() {
        return Err("the reply's body holds more items than `segments` place: one may have been added".to_owned());
    }
    Ok(body)
}

/// Checks that a raw segment still holds this item. If only the item was edited by hand, the edit would have no effect:
/// that is an error.
fn same_item(bytes: &[u8], item: &str, kind: BodyKind) -> Result<(), String> {
    let framed = take_apart(bytes, kind);
    match framed.items.as_slice() {
        [inside] if spacing::minify(inside) == spacing::minify(item) => Ok(()),
        _ => Err(format!(
            "the text in `segments` is not that of the item `{}`: change both, or neither",
            item.chars().take(60).collect::<String>()
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(body: &[u8], kind: BodyKind) -> Framed<'_> {
        let framed = take_apart(body, kind);
        assert_eq!(assemble(&framed.items, &framed.segments, kind).unwrap(), body);
        framed
    }

    #[test]
    fn a_usual_stream_is_one_run_and_the_end() {
        let framed = there_and_back(b"data: {\"a\":1}\n\ndata: {\"a\":2}\n\ndata: [DONE]\n\n", BodyKind::Events);
        assert_eq!(framed.items, ["{\"a\":1}", "{\"a\":2}"]);
        assert_eq!(
            framed.segments,
            [
                Segment::Items { count: 2, before: "data: ".into(), after: "\n\n".into(), spaced: false },
                Segment::Raw { bytes: b"data: [DONE]\n\n".to_vec(), item: false },
            ]
        );
    }

    #[test]
    fn dialects_keep_their_bytes_and_their_items() {
        for (body, items, segments) in [
            ("event: a\r\ndata: {\"x\": 1, \"y\": 2}\r\n\r\ndata: {}\r\n\r\n", 2, 2),
            (": keep\n\n:\n\ndata:{\"a\":1}\n\n", 1, 2),
            ("data: {\"a\" :1}\n\n", 1, 1),
            ("data: {\"a\":\ndata: 1}\n\ndata: {\"a\":1}", 1, 2),
            ("\n\n\ndata: 1\n\n", 1, 2),
            ("data: {\"a\":1}\rdata: x\r\r", 0, 1),
        ] {
            let framed = there_and_back(body.as_bytes(), BodyKind::Events);
            assert_eq!((framed.items.len(), framed.segments.len()), (items, segments), "{body:?}");
        }
        assert_eq!(there_and_back(b"{\"a\":1}\n{\"b\":2}\n{\"c\"", BodyKind::Lines).items.len(), 2);
        assert_eq!(there_and_back(b"{\"a\": 1}\n", BodyKind::Whole).items.len(), 1);
        assert_eq!(there_and_back(b"Internal Server Error", BodyKind::Whole).items.len(), 0);
        assert_eq!(there_and_back(b"", BodyKind::Events).segments.len(), 0);
    }

    #[test]
    fn an_edit_that_would_have_no_effect_is_an_error() {
        let framed = take_apart(b"data: {\"a\" :1}\n\n", BodyKind::Events);
        assert!(assemble(&["{\"a\":2}"], &framed.segments, BodyKind::Events).is_err());
        assert!(assemble(&[], &framed.segments, BodyKind::Events).is_err());
        assert!(assemble(&["{\"a\":1}", "{}"], &framed.segments, BodyKind::Events).is_err());
    }

    proptest! {
        #[test]
        fn every_body_comes_back(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            for kind in [BodyKind::Whole, BodyKind::Events, BodyKind::Lines] {
                there_and_back(&body, kind);
            }
        }

        #[test]
        fn every_stream_comes_back(parts in proptest::collection::vec("(data: ?|event: a|: c|\\{\"a\": ?1\\}|\\[DONE\\]|\r|\n|\r\n|\n\n|\u{feff}| )", 0..24)) {
            let body = parts.concat();
            for kind in [BodyKind::Whole, BodyKind::Events, BodyKind::Lines] {
                there_and_back(body.as_bytes(), kind);
            }
        }
    }
}
