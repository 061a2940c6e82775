//! Text without its escapes, with the place of each byte in the original text.

use std::ops::Range;

/// A text derived from another one.
#[derive(Default)]
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    runs: Vec<Run>,
}

/// From `at` on, each byte of the view is a byte of the source from `raw` on; the first one covers `length` bytes
/// there.
struct Run {
    at: usize,
    raw: usize,
    length: usize,
}

impl View {
    /// `source` with all escapes of JSON and URLs undone, however many times they were applied and in any mixture. A
    /// backslash that escapes nothing is left out. It is linear: each byte is read once, and each step back shortens
    /// the rest.
    pub(super) fn unescaped(source: &[u8]) -> Self {
        let mut reader = Reader::default();
        reader.all(source);
        reader.view
    }

    /// The view without line breaks and the indentation after them, for wrapped base64; `None` if it has no line
    /// breaks.
    pub(super) fn unwrapped(&self) -> Option<Self> {
        has_lines(&self.bytes).then(|| {
            let mut out = View::default();
            let mut is_start = false;
            for (byte, raw) in self.entries() {
                match byte {
                    b'\n' | b'\r' => is_start = true,
                    b' ' | b'\t' if is_start => {}
                    _ => {
                        is_start = false;
                        out.push(byte, raw);
                    }
                }
            }
            out
        })
    }

    /// A view of a text without escapes.
    pub(super) fn plain(source: &[u8]) -> Self {
        View { bytes: source.to_vec(), runs: vec![Run { at: 0, raw: 0, length: 1 }] }
    }

    /// The range in the source of a range of the view, which must not be empty.
    pub(super) fn raw(&self, range: &Range<usize>) -> Range<usize> {
        self.entry(range.start).start..self.entry(range.end - 1).end
    }

    fn entry(&self, at: usize) -> Range<usize> {
        let run = &self.runs[self.runs.partition_point(|run| run.at <= at).saturating_sub(1)];
        let raw = run.raw + (at - run.at);
        raw..raw + if at == run.at { run.length } else { 1 }
    }

    fn entries(&self) -> impl Iterator<Item = (u8, Range<usize>)> {
        let mut run = 0;
        self.bytes.iter().enumerate().map(move |(at, &byte)| {
            while self.runs.get(run + 1).is_some_and(|next| next.at <= at) {
                run += 1;
            }
            let Run { at: first, raw, length } = self.runs[run];
            let raw = raw + (at - first);
            (byte, raw..raw + if at == first { length } else { 1 })
        })
    }

    fn push(&mut self, byte: u8, raw: Range<usize>) {
        let at = self.bytes.len();
        let goes_on = raw.len() == 1 && self.runs.last().is_some_and(|run| run.raw + (at - run.at) == raw.start);
        if !goes_on {
            self.runs.push(Run { at, raw: raw.start, length: raw.len() });
        }
        self.bytes.push(byte);
    }

    fn cut(&mut self, length: usize) {
        self.bytes.truncate(length);
        while self.runs.last().is_some_and(|run| run.at >= length) {
            self.runs.pop();
        }
    }
}

fn has_lines(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r'))
}

#[derive(Default)]
struct Reader {
    view: View,
    /// Where the backslashes directly before the next byte began.
    slash: Option<usize>,
    /// The last `u` with backslashes before it: its place in the view, and where the backslashes began.
    unit: Option<(usize, usize)>,
    /// The first half of a surrogate pair, with the place where the second half must be.
    half: Option<(u32, usize, usize)>,
}

impl Reader {
    /// Reads all bytes and returns the number of steps.
    fn all(&mut self, source: &[u8]) -> usize {
        let mut steps = 0;
        for (at, &byte) in source.iter().enumerate() {
            let mut next = Some((byte, at..at + 1));
            while let Some((byte, raw)) = next {
                next = self.read(byte, raw);
                steps += 1;
            }
        }
        steps
    }

    /// Takes a byte. If it completes an escape, removes the escape's bytes from the view and returns the byte that it
    /// stands for.
    fn read(&mut self, mut byte: u8, mut raw: Range<usize>) -> Option<(u8, Range<usize>)> {
        if byte == b'\\' {
            self.slash.get_or_insert(raw.start);
            return None;
        }
        if let Some(start) = self.slash.take() {
            let meant = match byte {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 8,
                b'f' => 12,
                _ => byte,
            };
            if meant != byte || matches!(byte, b'"' | b'/') {
                raw.start = start;
            }
            byte = meant;
            if byte == b'u' {
                self.unit = Some((self.view.bytes.len(), start));
            }
        }
        self.view.push(byte, raw.clone());
        if byte.is_ascii_hexdigit() { self.percent(raw.end).or_else(|| self.code_unit(raw.end)) } else { None }
    }

    fn percent(&mut self, end: usize) -> Option<(u8, Range<usize>)> {
        let at = self.view.bytes.len().checked_sub(3)?;
        let [b'%', high, low] = self.view.bytes[at..] else { return None };
        let byte = u8::try_from(hex(&[high, low])?).ok()?;
        let start = self.view.entry(at).start;
        self.view.cut(at);
        Some((byte, start..end))
    }

    fn code_unit(&mut self, end: usize) -> Option<(u8, Range<usize>)> {
        let (at, start) = self.unit?;
        if self.view.bytes.len() != at + 5 || self.view.bytes[at] != b'u' {
            return None;
        }
        let unit = hex(&self.view.bytes[at + 1..])?;
        self.unit = None;
        self.view.cut(at);
        if let Ok(byte) = u8::try_from(unit)
            && byte < 0x80
        {
            return Some((byte, start..end));
        }
        let before = self.half.take().filter(|(_, place, _)| *place == at);
        let (code, start) = match (unit, before) {
            (0xD800..0xDC00, _) => {
                self.half = Some((unit, at, start));
                return None;
            }
            (0xDC00..0xE000, Some((high, _, start))) => (0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00), start),
            _ => (unit, start),
        };
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            self.view.push(byte, start..end);
        }
        None
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        String::from_utf8_lossy(&View::unescaped(text.as_bytes()).bytes).into_owned()
    }

    #[test]
    fn every_escape_is_undone_in_any_mixture() {
        for text in ["a/b\"c", r#"a\/b\"c"#, r#"a\\\/b\\\"c"#, "a%2Fb%22c", "a%252fb%2522c", r"\u0061\u002Fb\\u0022c"] {
            assert_eq!(read(text), "a/b\"c", "{text}");
        }
        assert_eq!(read(r"\u005cu0025%34%32 \ud83d\ude00 \u00e9\n"), "B 😀 é\n");
        assert_eq!(read(r"\\\\\\q \u12 %2 %zz"), "q u12 %2 %zz");
    }

    #[test]
    fn a_part_of_the_view_is_found_in_the_source() {
        let source = br#"x%41\u0042\\\"y"#;
        let view = View::unescaped(source);
        assert_eq!(view.bytes, b"xAB\"y");
        let raw = |range: Range<usize>| std::str::from_utf8(&source[view.raw(&range)]).unwrap();
        assert_eq!((raw(1..2), raw(1..3), raw(3..4), raw(4..5)), ("%41", r"%41\u0042", r#"\\\""#, "y"));
    }

    #[test]
    fn wrapped_lines_are_joined() {
        let view = View::unescaped(b"ab\\n  cd\r\nef g").unwrapped().unwrap();
        assert_eq!(view.bytes, b"abcdef g");
        assert_eq!(view.raw(&(1..5)), 1..11);
        assert!(View::plain(b"ab").unwrapped().is_none());
    }

    #[test]
    fn no_text_takes_more_than_two_steps_a_byte() {
        for unit in ["\\", "%", "%25", "%5C", "\\u005c", "\\n", "\\\"", "\\ud83d", "\\u", "\\%5Cu0025", "abc\n "] {
            let source = unit.repeat(100_000 / unit.len());
            let mut reader = Reader::default();
            let steps = reader.all(source.as_bytes());
            let (bytes, runs) = (reader.view.bytes.len(), reader.view.runs.len());
            assert!(steps <= 2 * source.len() && bytes <= source.len() && runs <= bytes + 1, "{unit}: {steps}");
        }
    }

    proptest! {
        #[test]
        fn places_rise_and_lie_within(source in "[\\\\%u0-9a-fn\"\r\n ]{0,60}") {
            let view = View::unescaped(source.as_bytes());
            for view in [view.unwrapped(), Some(view)].into_iter().flatten() {
                let mut before = 0;
                for at in 0..view.bytes.len() {
                    let raw = view.raw(&(at..at + 1));
                    prop_assert!(before <= raw.end && raw.start < raw.end && raw.end <= source.len(), "{at} {raw:?}");
                    before = raw.start;
                }
            }
        }
    }
}
