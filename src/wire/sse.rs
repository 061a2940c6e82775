//! Server-Sent Events, by the HTML standard's grammar, without losing a byte.
//!
//! [`Parser`] reads a stream: bytes go in as they come, [`Segment`]s come out. Segments tile the stream: the first
//! starts at 0, each starts where the one before ended, the last ends with the stream. How the bytes were chunked makes
//! no difference.
//!
//! [`Cutter`] is for a relay, which must pass on bytes at once and cannot wait for the second half of a line end. Where
//! its pieces end therefore depends on how the bytes came.

mod cutter;

use std::ops::Range;

pub use cutter::{Cutter, data, with_data};

/// A stretch of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its bytes, as offsets from the start of the stream.
    pub raw: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// What a stretch of the stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One event, its closing blank line included.
    Event(Event),
    /// A run of comment lines and blank lines between events (keep-alives).
    Quiet,
}

/// One event: a block with at least one line that is not a comment. Bytes that are not UTF-8 become U+FFFD.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// `event:`, the last one given.
    pub event: Option<String>,
    /// `data:` lines joined with `\n`. `None` when there was no such line: clients do not get such an event.
    pub data: Option<String>,
    /// `id:`, unless it holds a NUL.
    pub id: Option<String>,
    /// `retry:` in milliseconds.
    pub retry: Option<u64>,
    /// `error:`, a non-standard field in which llama.cpp reports errors.
    pub error: Option<String>,
    /// Some of it was not UTF-8.
    pub is_lossy: bool,
    /// The stream ended before the blank line that closes the event: clients do not get it.
    pub unterminated: bool,
}

/// Reads a stream piece by piece, in time linear in the bytes, however they are cut.
#[derive(Debug, Default)]
pub struct Parser {
    /// Bytes read.
    offset: usize,
    /// Where the segment being read starts.
    segment: usize,
    /// Where the line being read starts.
    line_start: usize,
    /// The bytes of that line so far.
    line: Vec<u8>,
    /// The event being read, once it has a line.
    event: Option<Event>,
    /// The last byte was a CR, so that an LF would belong to the same line end.
    after_cr: bool,
    /// An event that ends with that CR: its length is known only after the next byte.
    held: Option<Segment>,
}

impl Parser {
    /// A parser at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and gives the segments that they complete, in order. An event is given with the byte that
    /// ends it, or, if that is a CR, with the byte after it.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Segment> {
        let mut out = Vec::new();
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if std::mem::take(&mut self.after_cr) {
                let is_lf = first == b'\n';
                self.end_cr(usize::from(is_lf), &mut out);
                if is_lf {
                    rest = &rest[1..];
                    continue;
                }
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.line.extend_from_slice(rest);
                self.offset += rest.len();
                break;
            };
            self.line.extend_from_slice(&rest[..end]);
            self.offset += end + 1;
            self.after_cr = rest[end] == b'\r';
            self.end_line(&mut out);
            rest = &rest[end + 1..];
        }
        out
    }

    /// Ends the stream and gives what is left: at most a run of comments and one event.
    pub fn finish(mut self) -> Vec<Segment> {
        let mut out = Vec::new();
        self.end_cr(0, &mut out);
        if !self.line.is_empty() {
            self.take_line(&mut out);
        }
        if let Some(mut event) = self.event.take() {
            event.unterminated = true;
            self.cut(Kind::Event(event), self.offset, &mut out);
        } else if self.segment < self.offset {
            self.cut(Kind::Quiet, self.offset, &mut out);
        }
        out
    }

    /// Adds the LF of a CRLF, if there is one, to what the CR ended.
    fn end_cr(&mut self, lf: usize, out: &mut Vec<Segment>) {
        self.offset += lf;
        self.line_start += lf;
        if let Some(mut segment) = self.held.take() {
            segment.raw.end += lf;
            self.segment = segment.raw.end;
            out.push(segment);
        }
    }

    /// Handles a whole line; `offset` is just after its end.
    fn end_line(&mut self, out: &mut Vec<Segment>) {
        let is_blank = self.take_line(out);
        self.line_start = self.offset;
        if !is_blank {
            return;
        }
        if let Some(event) = self.event.take() {
            if self.after_cr {
                self.held = Some(Segment { raw: self.segment..self.offset, kind: Kind::Event(event) });
            } else {
                self.cut(Kind::Event(event), self.offset, out);
            }
        }
    }

    /// Reads the line in `line` and returns whether it is blank.
    fn take_line(&mut self, out: &mut Vec<Segment>) -> bool {
        let bytes = std::mem::take(&mut self.line);
        let line = match self.line_start {
            0 => bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes),
            _ => &bytes,
        };
        let is_field = !line.is_empty() && line[0] != b':';
        if is_field {
            if self.event.is_none() && self.segment < self.line_start {
                self.cut(Kind::Quiet, self.line_start, out);
            }
            self.event.get_or_insert_default().take_field(line);
        }
        let is_blank = line.is_empty();
        // Keeps the buffer's room for the next line.
        self.line = bytes;
        self.line.clear();
        is_blank
    }

    fn cut(&mut self, kind: Kind, end: usize, out: &mut Vec<Segment>) {
        out.push(Segment { raw: self.segment..end, kind });
        self.segment = end;
    }
}

impl Event {
    fn take_field(&mut self, line: &[u8]) {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = match colon {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &[][..]),
        };
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        self.is_lossy |= matches!(value, std::borrow::Cow::Owned(_));
        match name {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(&value);
                }
                none => *none = Some(value.into_owned()),
            },
            b"event" => self.event = Some(value.into_owned()),
            b"error" => self.error = Some(value.into_owned()),
            b"id" if !value.contains('\0') => self.id = Some(value.into_owned()),
            b"retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok();
            }
            _ => {}
        }
    }
}

/// The segments of a whole stream.
pub fn parse(bytes: &[u8]) -> Vec<Segment> {
    let mut parser = Parser::new();
    let mut segments = parser.feed(bytes);
    segments.extend(parser.finish());
    segments
}

/// One event as text, its closing blank line included. Each line of `data` becomes a `data:` line (a client joins them
/// with `\n`); line ends in `event` become spaces, since a name has one line.
pub fn encode(event: Option<&str>, data: &str) -> String {
    let mut out = String::with_capacity(data.len() + 16);
    if let Some(name) = event {
        out.push_str("event: ");
        out.extend(name.chars().map(|c| if matches!(c, '\r' | '\n') { ' ' } else { c }));
        out.push('\n');
    }
    let mut rest = Some(data);
    while let Some(text) = rest {
        let end = text.find(['\r', '\n']);
        out.push_str("data: ");
        out.push_str(&text[..end.unwrap_or(text.len())]);
        out.push('\n');
        rest = end.map(|at| text[at..].strip_prefix("\r\n").unwrap_or(&text[at + 1..]));
    }
    out.push('\n');
    out
}

/// The length of the first block with the blank line that ends it, or of all bytes if there is no blank line. A block
/// is one event, or comments on their own.
pub fn block_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        while at < bytes.len() && !matches!(bytes[at], b'\n' | b'\r') {
            at += 1;
        }
        let blank = at == start;
        at += if bytes[at..].starts_with(b"\r\n") { 2 } else { usize::from(at < bytes.len()) };
        if blank {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One line per segment: its bytes, then what it was read as.
    fn show(stream: &[u8]) -> String {
        let line = |segment: &Segment| {
            let raw = String::from_utf8_lossy(&stream[segment.raw.clone()]).into_owned();
            match &segment.kind {
                Kind::Quiet => format!("{raw:?} quiet"),
                Kind::Event(event) => format!(
                    "{raw:?} event={:?} data={:?} id={:?} retry={:?}{}",
                    event.event,
                    event.data,
                    event.id,
                    event.retry,
                    if event.unterminated { " unterminated" } else { "" }
                ),
            }
        };
        parse(stream).iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn fields_comments_and_blank_lines() {
        insta::assert_snapshot!(
            show(b": ping\n\n\nevent: a\ndata: 1\n: within\ndata:  2\nid: x\nretry: 10\nretry: 1x\n\n\n:\ndata\nother: z\n\nevent: b\n\n"),
            @r#"
        ": ping\n\n\n" quiet
        "event: a\ndata: 1\n: within\ndata:  2\nid: x\nretry: 10\nretry: 1x\n\n" event=Some("a") data=Some("1\n 2") id=Some("x") retry=Some(10)
        "\n:\n" quiet
        "data\nother: z\n\n" event=None data=Some("") id=None retry=None
        "event: b\n\n" event=Some("b") data=None id=None retry=None
        "#
        );
    }

    #[test]
    fn every_line_end() {
        insta::assert_snapshot!(show(b"data: a\r\n\r\ndata: b\r\rdata: c\n\r\ndata: d\r\n\n\rdata: e\r\n\r"), @r#"
        "data: a\r\n\r\n" event=None data=Some("a") id=None retry=None
        "data: b\r\r" event=None data=Some("b") id=None retry=None
        "data: c\n\r\n" event=None data=Some("c") id=None retry=None
        "data: d\r\n\n" event=None data=Some("d") id=None retry=None
        "\r" quiet
        "data: e\r\n\r" event=None data=Some("e") id=None retry=None
        "#);
    }

    #[test]
    fn a_comment_before_an_event_ends_with_its_own_line_end() {
        insta::assert_snapshot!(show(b": p\r\ndata: a\r\n\r\n: q\r\rdata: b\n\n"), @r#"
        ": p\r\n" quiet
        "data: a\r\n\r\n" event=None data=Some("a") id=None retry=None
        ": q\r\r" quiet
        "data: b\n\n" event=None data=Some("b") id=None retry=None
        "#);
    }

    #[test]
    fn an_id_that_holds_a_nul_is_none() {
        insta::assert_snapshot!(
            show(b"id: a\ndata: 1\nid: b\0c\n\n"),
            @r#""id: a\ndata: 1\nid: b\0c\n\n" event=None data=Some("1") id=Some("a") retry=None"#
        );
    }

    #[test]
    fn a_block_ends_with_its_blank_line_or_with_the_bytes() {
        for (bytes, length) in
            [("", 0), ("a", 1), ("a\n", 2), ("a\n\nb", 3), ("a\r\n\r\nb", 5), ("a\r\rb", 3), ("\nb", 1)]
        {
            assert_eq!(block_length(bytes.as_bytes()), length, "{bytes:?}");
        }
    }

    #[test]
    fn what_the_stream_ends_in() {
        insta::assert_snapshot!(show(b"data: [DONE]\n"), @r#""data: [DONE]\n" event=None data=Some("[DONE]") id=None retry=None unterminated"#);
        insta::assert_snapshot!(show(b"data: a\n\n: p\ndata: {\"b"), @r#"
        "data: a\n\n" event=None data=Some("a") id=None retry=None
        ": p\n" quiet
        "data: {\"b" event=None data=Some("{\"b") id=None retry=None unterminated
        "#);
        insta::assert_snapshot!(show(b"data: a\n\n: pi"), @r#"
        "data: a\n\n" event=None data=Some("a") id=None retry=None
        ": pi" quiet
        "#);
        assert_eq!(parse(b""), []);
    }

    #[test]
    fn a_byte_order_mark_is_no_text_at_the_start_only() {
        insta::assert_snapshot!(show("\u{feff}data: a\n\n\u{feff}data: b\n\n".as_bytes()), @r#"
        "\u{feff}data: a\n\n" event=None data=Some("a") id=None retry=None
        "\u{feff}data: b\n\n" event=None data=None id=None retry=None
        "#);
        insta::assert_snapshot!(show("\u{feff}\n".as_bytes()), @r#""\u{feff}\n" quiet"#);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_lossy_in_text_and_exact_in_raw() {
        let stream = b"data: a\xFF\xE2\x82\n\ndata: \xE2\x82\xAC\n\n";
        let data: Vec<_> = parse(stream)
            .into_iter()
            .map(|segment| match segment.kind {
                Kind::Event(event) => (segment.raw, event.data.unwrap_or_default()),
                Kind::Quiet => panic!("no comment here"),
            })
            .collect();
        assert_eq!(data, [(0..12, "a\u{fffd}\u{fffd}".to_owned()), (12..23, "€".to_owned())]);
    }

    #[test]
    fn an_event_is_given_with_the_byte_that_ends_it() {
        let mut parser = Parser::new();
        assert_eq!(parser.feed(b"data: a\n").len(), 0);
        assert_eq!(parser.feed(b"\n").len(), 1);
        assert_eq!(parser.feed(b"data: b\r\n\r").len(), 0);
        assert_eq!(parser.feed(b"").len(), 0);
        assert_eq!(parser.feed(b"\n").len(), 1);
        assert_eq!(parser.finish(), []);
    }

    #[test]
    fn encoded_events_read_back() {
        assert_eq!(encode(None, "{\"a\":1}"), "data: {\"a\":1}\n\n");
        assert_eq!(encode(Some("x\ny"), "a\r\nb\rc\n"), "event: x y\ndata: a\ndata: b\ndata: c\ndata: \n\n");
    }

    /// Random bytes in which those of the grammar are frequent.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"data: ".to_vec()),
            Just(b"data".to_vec()),
            Just(b"event:x".to_vec()),
            Just(b":".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"\r\n\r\n".to_vec()),
            Just(b"\n\n".to_vec()),
            Just(b"\xEF\xBB\xBF".to_vec()),
            Just("€".as_bytes().to_vec()),
            proptest::collection::vec(any::<u8>(), 0..4),
        ];
        proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn cuts_make_no_difference(stream in stream(), cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8)) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.sort_unstable();
            cuts.push(stream.len());
            let mut parser = Parser::new();
            let mut segments = Vec::new();
            let mut from = 0;
            for cut in cuts {
                segments.extend(parser.feed(&stream[from..cut]));
                from = cut;
            }
            segments.extend(parser.finish());
            prop_assert_eq!(&segments, &parse(&stream));

            let mut single = Parser::new();
            let mut bytewise: Vec<Segment> = stream.iter().flat_map(|byte| single.feed(&[*byte])).collect();
            bytewise.extend(single.finish());
            prop_assert_eq!(bytewise, segments);
        }

        #[test]
        fn segments_tile_the_stream(stream in stream()) {
            let mut end = 0;
            for segment in parse(&stream) {
                prop_assert_eq!(segment.raw.start, end);
                prop_assert!(segment.raw.end > segment.raw.start);
                end = segment.raw.end;
            }
            prop_assert_eq!(end, stream.len());
        }

        #[test]
        fn every_event_ends_where_a_block_ends(stream in stream()) {
            let mut ends = std::collections::HashSet::new();
            let mut at = 0;
            while at < stream.len() {
                at += block_length(&stream[at..]);
                ends.insert(at);
            }
            let events = parse(&stream).into_iter().filter(|segment| matches!(segment.kind, Kind::Event(_)));
            for event in events {
                prop_assert!(ends.contains(&event.raw.end), "{:?}", event.raw);
            }
        }

        #[test]
        fn encode_and_parse_agree(name in proptest::option::of("[^\r\n]*"), data in "[^\r]*") {
            let text = encode(name.as_deref(), &data);
            let event = Event { event: name, data: Some(data), ..Event::default() };
            prop_assert_eq!(parse(text.as_bytes()), [Segment { raw: 0..text.len(), kind: Kind::Event(event) }]);
        }
    }
}
