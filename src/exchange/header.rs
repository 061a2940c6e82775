//! Header values as text, and back to the same bytes.
//!
//! HTTP allows bytes in header values that are not UTF-8, and old servers send Latin-1. In the text each such byte
//! becomes a character from U+10FF00 to U+10FFFF. If a header contains a character of that range itself, its bytes are
//! escaped in the same way.

/// The character that stands for byte 0.
const ESCAPES: u32 = 0x10_FF00;

/// A header's value as text. [`bytes()`] reverses this.
pub fn text(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len());
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match escaped_byte(character) {
                None => out.push(character),
                Some(_) => out.extend(character.encode_utf8(&mut [0; 4]).bytes().map(escape)),
            }
        }
        out.extend(chunk.invalid().iter().copied().map(escape));
    }
    out
}

/// The bytes of a text that [`text`] made.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for character in text.chars() {
        match escaped_byte(character) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out
}

fn escape(byte: u8) -> char {
    // Every value from U+10FF00 to U+10FFFF is a character.
    char::from_u32(ESCAPES + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn escaped_byte(character: char) -> Option<u8> {
    u8::try_from(u32::from(character).checked_sub(ESCAPES)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(text("text/plain; charset=é".as_bytes()), "text/plain; charset=é");
        assert_eq!(text(b"caf\xe9").chars().count(), 4);
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(value: Vec<u8>, more in "[\u{10FEFE}-\u{10FFFF}a]{0,4}") {
            let value = [value, more.into_bytes()].concat();
            prop_assert_eq!(bytes(&text(&value)), value);
        }
    }
}
