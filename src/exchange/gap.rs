//! Finds the one text of base64 in a recording's file that is too long for memory, and leaves it out of the text.

/// What stands before base64 in a file that retake wrote. Within a JSON string its quotes would have backslashes.
const BEFORE: &[u8] = b"{\"base64\": \"";
/// Shorter texts of base64 stay in the text.
const LEAST: usize = 512 << 10;

/// A file's text without the bytes in the gap.
#[derive(Default)]
pub(crate) struct Text {
    /// The rest of the text. In the gap's place stands an empty string.
    pub(crate) text: Vec<u8>,
    /// The long base64.
    pub(crate) gap: Option<Gap>,
}

/// Where the long base64 stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Its first byte.
    pub(crate) start: u64,
    /// Its number of characters.
    pub(crate) length: u64,
    /// The characters `=` at its end.
    pub(crate) padding: u8,
}

/// Reads a file piece by piece.
#[derive(Default)]
pub(crate) struct Reader {
    read: Text,
    /// How many bytes came.
    at: u64,
    /// Where in the text the base64 begins that may become the gap.
    open: Option<usize>,
    is_within: bool,
}

impl Gap {
    /// The number of bytes that it stands for.
    pub(crate) fn bytes(&self) -> u64 {
        (self.length / 4 * 3).saturating_sub(self.padding.into())
    }
}

impl Reader {
    /// Takes the next bytes of the file.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        self.at += bytes.len() as u64;
        while !bytes.is_empty() {
            bytes = if self.is_within { self.pass(bytes) } else { self.add(bytes) };
        }
    }

    /// The text and the gap, after the last byte.
    pub(crate) fn end(self) -> Text {
        self.read
    }

    /// Adds bytes to the text, up to where the gap may begin, and returns the rest.
    fn add<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.read.gap.is_some() {
            self.read.text.extend_from_slice(bytes);
            return &[];
        }
        let quote = bytes.iter().position(|byte| *byte == b'"');
        let (now, rest) = bytes.split_at(quote.map_or(bytes.len(), |at| at + 1));
        self.read.text.extend_from_slice(now);
        let text = &mut self.read.text;
        match self.open {
            None => self.open = text.ends_with(BEFORE).then_some(text.len()),
            Some(start) if text.len() - start - usize::from(quote.is_some()) < LEAST => {
                self.open = quote.is_none().then_some(start);
            }
            Some(start) => {
                let base64: Vec<u8> = text.drain(start..text.len() - usize::from(quote.is_some())).collect();
                let before = self.at - (rest.len() + text.len() - start) as u64;
                let (length, padding) = (base64.len() as u64, padding(&base64));
                self.read.gap = Some(Gap { start: before - length, length, padding });
                self.is_within = quote.is_none();
            }
        }
        rest
    }

    /// Passes over bytes of the gap, and returns those after it.
    fn pass<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let quote = bytes.iter().position(|byte| *byte == b'"');
        let (within, rest) = bytes.split_at(quote.unwrap_or(bytes.len()));
        if let Some(gap) = &mut self.read.gap {
            gap.length += within.len() as u64;
            let before = if within.iter().all(|byte| *byte == b'=') { gap.padding } else { 0 };
            gap.padding = before.saturating_add(padding(within));
        }
        self.is_within = quote.is_none();
        rest
    }
}

/// The characters `=` at the end.
fn padding(base64: &[u8]) -> u8 {
    let count = base64.iter().rev().take_while(|byte| **byte == b'=').count();
    u8::try_from(count).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, piece: usize) -> Text {
        let mut reader = Reader::default();
        file.as_bytes().chunks(piece).for_each(|piece| reader.push(piece));
        reader.end()
    }

    #[test]
    fn long_base64_is_left_out_wherever_the_pieces_end() {
        let file =
            |base64: &str| format!("{{\"a\": \"x\", \"segments\": [{{\"base64\": \"{base64}\"}}], \"b\": \"y\"}}");
        for padding in 0..3_u8 {
            let base64 = format!("{}{}", "A".repeat(LEAST + 8 - usize::from(padding)), "=".repeat(padding.into()));
            let file = file(&base64);
            for piece in [7, 4096, LEAST - 1, LEAST, LEAST + 1, usize::MAX] {
                let Text { text, gap } = read(&file, piece);
                assert_eq!(String::from_utf8(text).unwrap(), file.replace(&base64, ""), "{piece}");
                let gap = gap.unwrap();
                let start = file.find(&base64).unwrap() as u64;
                assert_eq!((gap.start, gap.length, gap.padding), (start, base64.len() as u64, padding), "{piece}");
            }
        }
        for short in ["", "AAAA", &"A".repeat(LEAST - 1)] {
            let file = file(short);
            let Text { text, gap } = read(&file, 1000);
            assert!(gap.is_none() && text == file.as_bytes());
        }
    }

    #[test]
    fn a_text_about_base64_is_no_gap() {
        let file = format!("{{\"body\": \"{{\\\"base64\\\": \\\"{}\\\"}}\"}}", "A".repeat(2 * LEAST));
        let Text { text, gap } = read(&file, 1000);
        assert!(gap.is_none() && text == file.as_bytes());
    }
}
