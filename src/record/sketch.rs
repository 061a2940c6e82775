//! Numbers that stand for texts: a hash, which equal texts share, and a sketch, which is near for similar ones. Pure.

use sha2::{Digest as _, Sha256};

/// The first 64 bits of a text's SHA-256. On equal hashes the whole texts are compared.
pub(super) fn hash(text: &str) -> u64 {
    Sha256::digest(text.as_bytes())[..8].iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// How many words are read from each end of a request: its model and parameters, and the turns that differ.
const MOST_WORDS: usize = 96;

/// A sketch of a text (simhash over its words and pairs of words): sketches of similar texts differ in few bits.
pub(super) fn sketch(text: &str) -> u64 {
    let words: Vec<&str> = text.split(|ch: char| !ch.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let (first, last) = words.split_at(words.len().min(MOST_WORDS));
    let last = &last[last.len().saturating_sub(MOST_WORDS)..];
    let mut weights = [0_i16; 64];
    for part in [first, last] {
        let mut before = 0;
        for word in part {
            let own = fnv(word);
            count(own, &mut weights);
            count(mixed(before ^ own.rotate_left(17)), &mut weights);
            before = own;
        }
    }
    weights.iter().enumerate().filter(|(_, weight)| **weight > 0).fold(0, |bits, (at, _)| bits | 1 << at)
}

fn count(feature: u64, weights: &mut [i16; 64]) {
    for (at, weight) in weights.iter_mut().enumerate() {
        *weight += if feature >> at & 1 == 1 { 1 } else { -1 };
    }
}

fn fnv(text: &str) -> u64 {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mixed(text.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
}

/// Spreads the differences over all bits.
pub(super) fn mixed(mut bits: u64) -> u64 {
    bits ^= bits >> 32;
    bits = bits.wrapping_mul(0xd6e8_feb8_6659_fd93);
    bits ^ bits >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_moves_some_bits_of_a_sketch() {
        let text = |last: &str| format!("{} {last}", "the same words again and again".repeat(3));
        let apart = |a: &str, b: &str| (sketch(a) ^ sketch(b)).count_ones();
        let (near, far) = (apart(&text("one"), &text("two")), apart(&text("one"), "quite another text of seven words"));
        assert!(near < 16 && far > near && far >= 16, "{near} {far}");
        assert_eq!(apart("a, b; c", "a b c"), 0, "words count, and not what stands between them");
        assert_ne!(sketch("a b c d e f"), sketch("f e d c b a"), "their order counts");
    }
}
