//! Bytes as text.

/// Two lower-case hex digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let mut out = String::with_capacity(2 * bytes.len());
    out.extend(digits.map(|digit| char::from(DIGITS[usize::from(digit)])));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_two_digits() {
        assert_eq!(hex(&[0, 9, 10, 0xff]), "00090aff");
    }
}
