//! Newline-delimited JSON (Ollama's own streams), without losing a byte.

use std::ops::Range;

/// One line. Lines tile the stream: each starts where the one before ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its bytes, line end included, as offsets from the start of the stream.
    pub raw: Range<usize>,
    /// Its text without the line end (LF or CRLF); what is not UTF-8 has U+FFFD in its place.
    pub text: String,
    /// The stream ended before the line did.
    pub unterminated: bool,
}

impl Line {
    /// Whether the line holds nothing but whitespace.
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// Reads a stream piece by piece, in time linear in the bytes.
#[derive(Debug, Default)]
pub struct Parser {
    start: usize,
    line: Vec<u8>,
}

impl Parser {
    /// A parser at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and gives the lines that they complete, blank ones too.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut out = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                out.push(self.cut(false));
            }
        }
        out
    }

    /// Ends the stream and gives its last line when that has no line end.
    pub fn finish(mut self) -> Option<Line> {
        (!self.line.is_empty()).then(|| self.cut(true))
    }

    fn cut(&mut self, unterminated: bool) -> Line {
        let raw = self.start..self.start + self.line.len();
        let text = match self.line.strip_suffix(b"\n") {
            Some(text) => text.strip_suffix(b"\r").unwrap_or(text),
            None => &self.line,
        };
        let line = Line { raw, text: String::from_utf8_lossy(text).into_owned(), unterminated };
        self.start += self.line.len();
        self.line.clear();
        line
    }
}

/// The lines of a whole stream.
pub fn parse(bytes: &[u8]) -> Vec<Line> {
    let mut parser = Parser::new();
    let mut lines = parser.feed(bytes);
    lines.extend(parser.finish());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_with_both_line_ends_blank_and_cut_off() {
        let lines: Vec<_> = parse(b"{\"a\":1}\r\n\n[2]\n{\"b")
            .into_iter()
            .map(|line| (line.is_blank(), line.raw, line.text, line.unterminated))
            .collect();
        assert_eq!(
            lines,
            [
                (false, 0..9, "{\"a\":1}".to_owned(), false),
                (true, 9..10, String::new(), false),
                (false, 10..14, "[2]".to_owned(), false),
                (false, 14..17, "{\"b".to_owned(), true),
            ]
        );
    }

    proptest! {
        #[test]
        fn cuts_make_no_difference_and_lines_tile(
            stream in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..60),
            cut in any::<proptest::sample::Index>(),
        ) {
            let (left, right) = stream.split_at(cut.index(stream.len() + 1));
            let mut parser = Parser::new();
            let mut lines = parser.feed(left);
            lines.extend(parser.feed(right));
            lines.extend(parser.finish());
            prop_assert_eq!(&lines, &parse(&stream));
            let mut end = 0;
            for line in &lines {
                prop_assert_eq!(line.raw.start, end);
                end = line.raw.end;
            }
            prop_assert_eq!(end, stream.len());
        }
    }
}
