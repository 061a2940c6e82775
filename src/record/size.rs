//! Sizes as users write and read them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes: `64MiB`, `1GiB`, `500kB`, `1000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(
    /// Bytes.
    pub u64,
);

/// Units from the largest; sizes are shown in those of 1,024, which come first.
const UNITS: [(&str, u64); 8] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let help = "write a size such as `64MiB`, `1GiB` or `500kB`";
        let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = match &text[number.len()..] {
            "" => Some(1),
            unit => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, bytes)| *bytes),
        };
        let number: Option<u64> = number.trim_end().parse().ok();
        number.zip(unit).and_then(|(number, unit)| number.checked_mul(unit)).map(Size).ok_or(help)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) =
            UNITS.iter().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit)).unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown_or_refused() {
        for (text, bytes, shown) in [
            ("64MiB", 64 << 20, "64MiB"),
            ("1 GiB", 1 << 30, "1GiB"),
            ("1536KiB", 1536 << 10, "1536KiB"),
            ("500kB", 500_000, "500kB"),
            ("3mb", 3_000_000, "3MB"),
            ("1000", 1000, "1kB"),
            ("7", 7, "7B"),
            ("0", 0, "0B"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, shown), "{text}");
        }
        for text in ["", "MiB", "-1MiB", "1.5GiB", "1TiB", "99999999999GiB", "1 2MB", "é"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
