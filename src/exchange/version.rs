//! Versions of the `retake` section.

use std::fmt;

/// The version that this retake writes.
pub(super) const CURRENT: Version = Version { major: 1, minor: 1 };

/// `major.minor`. A new minor version adds members that older readers may ignore; any other change needs a new major
/// version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl Version {
    /// Reads a JSON value: `"1.1"`, or `1` as the first version had it.
    pub(super) fn parse(json: &str) -> Option<Self> {
        let text = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(json);
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok());
        Some(Version { major: number(major)??, minor: number(minor)?? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_text_or_as_a_bare_number() {
        for (json, read) in [
            ("1", Some((1, 0))),
            ("\"1\"", Some((1, 0))),
            ("\"1.1\"", Some((1, 1))),
            ("1.1", Some((1, 1))),
            ("\"2.10\"", Some((2, 10))),
            ("\"1.1.0\"", None),
            ("\"1.\"", None),
            ("\"v1\"", None),
            ("-1", None),
            ("1e1", None),
            ("\"99999999999.0\"", None),
            ("\"\"", None),
            ("\"", None),
            ("{}", None),
        ] {
            assert_eq!(Version::parse(json).map(|version| (version.major, version.minor)), read, "{json}");
        }
    }

    #[test]
    fn a_minor_of_two_digits_is_newer_than_one_of_a_single_digit() {
        assert!(Version::parse("\"1.10\"") > Version::parse("\"1.9\""));
    }
}
