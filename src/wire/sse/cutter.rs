//! For a relay: splits bytes into events without losing one, and changes events in place.

/// Splits bytes into events. The pieces, put together, are the bytes.
#[derive(Debug, Default)]
pub struct Cutter {
    held: Vec<u8>,
    /// Whether the line that is being read has a byte yet.
    line_has_bytes: bool,
    /// The last byte was a CR, so an LF now belongs to the same line end.
    after_return: bool,
}

impl Cutter {
    /// Takes the next bytes and gives the events that are complete, each with the blank line that ends it.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let new = self.held.len();
        self.held.extend_from_slice(bytes);
        let mut events = Vec::new();
        let mut start = 0;
        // The event ended with a CR, which an LF may still follow.
        let mut ended = false;
        for at in new..self.held.len() {
            let byte = self.held[at];
            if byte == b'\n' && std::mem::take(&mut self.after_return) {
                // The LF of a CRLF. If its event was given already, the LF is a piece of its own.
                if std::mem::take(&mut ended) || start == at {
                    events.push(self.held[start..=at].to_vec());
                    start = at + 1;
                }
                continue;
            }
            if std::mem::take(&mut ended) {
                events.push(self.held[start..at].to_vec());
                start = at;
            }
            self.after_return = byte == b'\r';
            let line_ends = matches!(byte, b'\r' | b'\n');
            if line_ends && !self.line_has_bytes {
                ended = byte == b'\r';
                if !ended {
                    events.push(self.held[start..=at].to_vec());
                    start = at + 1;
                }
            }
            self.line_has_bytes = !line_ends;
        }
        // The event is given at once: the LF may never come.
        if ended {
            events.push(self.held[start..].to_vec());
            start = self.held.len();
        }
        self.held.drain(..start);
        events
    }

    /// What is left at the end of the stream: an event without its blank line, or nothing.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

/// The data of an event: its `data:` lines joined. `None` if it has none (comments, blank lines).
pub fn data(event: &str) -> Option<String> {
    let lines: Vec<&str> = lines(event).filter_map(|(line, _)| data_of(line)).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The event with other data; all other lines stay as they are.
pub fn with_data(event: &str, data: &str) -> String {
    let mut out = String::with_capacity(event.len() + 32);
    let mut written = false;
    for (line, end) in lines(event) {
        let Some(said) = data_of(line) else {
            out.push_str(line);
            out.push_str(end);
            continue;
        };
        if written {
            continue;
        }
        let field = &line[..line.len() - said.len()];
        for (index, piece) in data.split('\n').enumerate() {
            if index > 0 {
                out.push_str(if end.is_empty() { "\n" } else { end });
            }
            out.push_str(field);
            out.push_str(piece);
        }
        out.push_str(end);
        written = true;
    }
    out
}

/// Lines with their ends: `\n`, `\r\n`, `\r` or, at the very end, nothing.
fn lines(event: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = event;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let at = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let (line, tail) = rest.split_at(at);
        let end = if tail.starts_with("\r\n") { 2 } else { tail.len().min(1) };
        rest = &tail[end..];
        Some((line, &tail[..end]))
    })
}

/// The value of a `data:` line, without the one space that may follow the colon.
fn data_of(line: &str) -> Option<&str> {
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    if line == "data" {
        return Some("");
    }
    let said = line.strip_prefix("data:")?;
    Some(said.strip_prefix(' ').unwrap_or(said))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(pieces: &[&str]) -> Vec<String> {
        let mut cutter = Cutter::default();
        let mut events: Vec<Vec<u8>> = pieces.iter().flat_map(|piece| cutter.push(piece.as_bytes())).collect();
        events.push(cutter.rest());
        events.into_iter().map(|event| String::from_utf8(event).unwrap()).collect()
    }

    #[test]
    fn events_end_at_blank_lines_of_every_kind() {
        assert_eq!(
            cut(&["data: a\n\ndata: b\r\n\r\n", ": c\r\rd"]),
            ["data: a\n\n", "data: b\r\n\r\n", ": c\r\r", "d"]
        );
        assert_eq!(cut(&["data: a\r", "\n", "\r", "\n"]), ["data: a\r\n\r", "\n", ""]);
        assert_eq!(cut(&["da", "ta: a\n", "\ndata"]), ["data: a\n\n", "data"]);
    }

    #[test]
    fn data_is_read_and_replaced_in_its_place() {
        let event = "event: x\r\ndata:{\"a\":\r\n: note\r\ndata: 1}\r\n\r\n";
        assert_eq!(data(event).unwrap(), "{\"a\":\n1}");
        assert_eq!(with_data(event, "{}"), "event: x\r\ndata:{}\r\n: note\r\n\r\n");
        assert_eq!(with_data("data: 1", "a\nb"), "data: a\ndata: b");
        assert_eq!(data(": only a comment\n\n"), None);
        assert_eq!(data("data\n\n").unwrap(), "");
        assert_eq!(with_data("\u{feff}data: 1\n\n", "2"), "\u{feff}data: 2\n\n");
    }

    proptest! {
        #[test]
        fn the_pieces_put_together_are_the_bytes(text in "(data:|[a: \r\n]){0,30}", cuts in prop::collection::vec(0usize..60, 0..5)) {
            let mut edges: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
            edges.sort_unstable();
            let pieces: Vec<&str> = edges.windows(2).map(|edge| &text[edge[0]..edge[1]]).collect();
            prop_assert_eq!(cut(&pieces).concat(), text.clone());
            let data_of = |events: Vec<String>| events.iter().filter_map(|event| data(event)).collect::<Vec<_>>();
            prop_assert_eq!(data_of(cut(&pieces)), data_of(cut(&[&text])));
        }
    }
}
