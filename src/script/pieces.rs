//! Splits texts into pieces that stand for a model's tokens, and makes vectors that stand for its embeddings.

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

/// Splits a text into words, each with the space before it, and punctuation.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut last = Kind::End;
    for letter in text.chars() {
        let kind = Kind::of(letter);
        let joins = match (last, kind) {
            (Kind::End, _) => false,
            (Kind::Space, _) => true,
            (last, kind) => last == kind && kind == Kind::Word,
        };
        match pieces.last_mut() {
            Some(piece) if joins => piece.push(letter),
            _ => pieces.push(letter.to_string()),
        }
        last = kind;
    }
    pieces
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    End,
    Space,
    Word,
    Mark,
}

impl Kind {
    fn of(letter: char) -> Self {
        match letter {
            letter if letter.is_whitespace() => Kind::Space,
            letter if letter.is_alphanumeric() || letter == '_' => Kind::Word,
            _ => Kind::Mark,
        }
    }
}

/// Keeps the first `length` bytes of the pieces' text; `length` is at a character boundary.
pub(super) fn keep(pieces: &mut Vec<String>, length: usize) {
    let mut left = length;
    pieces.retain_mut(|piece| {
        let kept = piece.len().min(left);
        piece.truncate(kept);
        left -= kept;
        kept > 0
    });
}

/// A unit vector that is the same for equal inputs and differs between inputs. Its numbers have the digits of a 32-bit
/// float.
pub(super) fn vector(input: &Value, dimensions: usize) -> Vec<f32> {
    let text = input.as_str().map_or_else(|| input.to_string(), str::to_owned);
    let mut numbers = Vec::with_capacity(dimensions + 4);
    for block in 0u64.. {
        if numbers.len() >= dimensions {
            break;
        }
        let digest = Sha256::new().chain_update(block.to_le_bytes()).chain_update(&text).finalize();
        // The sum of four uniform numbers is close enough to a normal distribution.
        for bytes in digest.chunks_exact(8) {
            let sum: f64 = bytes.chunks_exact(2).map(|pair| f64::from(u16::from_le_bytes([pair[0], pair[1]]))).sum();
            numbers.push(sum / f64::from(u16::MAX) - 2.0);
        }
    }
    numbers.truncate(dimensions);
    let length = numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
    // The length is zero only without dimensions: the sums of a digest are never all exactly in the middle.
    numbers.iter().map(|number| (number / length) as f32).collect()
}

/// A 32-bit float as JSON with its own shortest digits, not with those of the 64-bit float.
pub(super) fn number(value: f32) -> Value {
    value.to_string().parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_text_again() {
        for text in ["Humans live on Earth.", " a  b\n\nc ", "", "1, 2, 3", "sōl — 太陽!", "it's"] {
            assert_eq!(split(text).concat(), text);
        }
        assert_eq!(split("Humans live on Earth."), ["Humans", " live", " on", " Earth", "."]);
        assert_eq!(split("1, 2"), ["1", ",", " 2"]);
        assert_eq!(split("a ..."), ["a", " .", ".", "."]);
    }

    #[test]
    fn cutting_keeps_whole_pieces_before_the_cut() {
        let mut pieces = split("1, 2, 3");
        keep(&mut pieces, 3);
        assert_eq!(pieces, ["1", ",", " "]);
        keep(&mut pieces, 0);
        assert!(pieces.is_empty());
    }

    #[test]
    fn vectors_are_unit_deterministic_and_different() {
        let vector = |text: &str, dimensions| super::vector(&Value::from(text), dimensions);
        let one = vector("Hello, world!", 768);
        assert_eq!(one.len(), 768);
        assert!((one.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() - 1.0).abs() < 1e-5);
        assert_eq!(one, vector("Hello, world!", 768));
        assert_ne!(one, vector("Hello, world", 768));
        assert!(vector("a", 0).is_empty());
        assert_eq!(vector("a", 5).len(), 5);
        assert!(number(one[0]).to_string().len() <= 14, "{}", number(one[0]));
        assert_eq!(number(0.1).to_string(), "0.1");
    }
}
