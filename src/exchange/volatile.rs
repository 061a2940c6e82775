//! Finds text that changes from run to run: dates, times, ids, folders, systems. Texts that differ only there are equal
//! under masks.

use std::sync::LazyLock;

use regex::Regex;

use super::edits::Masker;
use super::rules::Mask;

/// Patterns of such text; longer forms come before shorter ones that they contain.
const PATTERNS: [&str; 13] = [
    // A UUID.
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    // `2026-01-02T03:04:05.678Z`.
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z| ?[+-]\d{2}:?\d{2})?",
    // `2026-01-02`.
    r"\d{4}-\d{2}-\d{2}",
    // `Friday, January 2, 2026`, `2 Jan 2026`, `Fri Jan 2nd`.
    r"(?:\b(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?,? )?(?:\b\d{1,2} )?\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?(?:,? +\d{1,4}(?:st|nd|rd|th)?\b)+",
    r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b",
    // `1/2/2026`, `02.01.2026`.
    r"\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b",
    // `03:04:05.678`, `3:04 PM`.
    r"\b\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm]\b)?",
    // `/home/ann/src`, `C:\Users\ann`.
    r"~?\B(?:/[\w.@+-]+)+/?",
    r#"\b[A-Za-z]:\\[^\s"'<>|]*"#,
    // `linux`, `Darwin 24.1.0`, `win32`.
    r"(?i)\b(?:linux|darwin|mac ?os(?: ?x)?|win(?:dows|32|64)|freebsd)\b(?:[ /-]v?\d[\w.+-]*)?",
    // `session_01AbCdEfGh`, `req-1a2b3c4d5e`.
    r"\b[A-Za-z]+[_-][0-9A-Za-z]*\d[0-9A-Za-z]{5,}\b",
    // A time in seconds or milliseconds since 1970, and other long hexadecimal numbers.
    r"\b1\d{9}(?:\.\d+|\d{3})?\b",
    r"\b(?:[0-9]+[a-f]|[a-f]+[0-9])[0-9a-f]{5,62}\b",
];

/// Masks of these patterns.
static MASKS: LazyLock<Vec<Mask>> = LazyLock::new(|| {
    let mask = |pattern: Regex| Mask { endpoint: None, places: Vec::new(), pattern, file: String::new(), line: 0 };
    // A test below checks that each pattern compiles.
    PATTERNS.iter().filter_map(|pattern| Regex::new(pattern).ok()).map(mask).collect()
});

/// The patterns that make two texts equal, as few as possible, if they differ only in text that changes from run to
/// run. `None` if they differ in anything else.
pub(super) fn patterns(old: &str, new: &str) -> Option<Vec<&'static str>> {
    let mut found = Vec::new();
    let (mut left, mut right) = (old.to_owned(), new.to_owned());
    for (number, mask) in (0..).zip(MASKS.iter()) {
        if left == right {
            break;
        }
        let matches = |text| mask.pattern.find_iter(text).map(|found| found.as_str());
        // What both texts have in common is left: it may be part of a match of a later pattern.
        if !matches(&left).eq(matches(&right)) {
            let masked = |text: &str| mask.pattern.replace_all(text, "\u{0}").into_owned();
            (left, right) = (masked(&left), masked(&right));
            found.push(number);
        }
    }
    // Masks see the text as it was sent, all at once, not one after another as above.
    let masked = |text| Masker::new(&MASKS).apply(text, &found).into_owned();
    let is_same = old != new && masked(old) == masked(new);
    is_same.then(|| found.iter().filter_map(|number| PATTERNS.get(usize::from(*number)).copied()).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::mask_pattern;

    #[test]
    fn each_pattern_can_be_a_mask() {
        for pattern in PATTERNS {
            mask_pattern(pattern).unwrap();
        }
        assert_eq!(MASKS.len(), PATTERNS.len());
    }

    /// The indexes of the patterns found.
    fn found(old: &str, new: &str) -> Option<Vec<usize>> {
        let place = |pattern: &str| PATTERNS.iter().position(|known| *known == pattern).unwrap();
        patterns(old, new).map(|patterns| patterns.into_iter().map(place).collect())
    }

    #[test]
    fn what_changes_from_run_to_run_is_known() {
        for (old, new, place) in [
            ("id 0b9f5f9e-1c5d-4b1f-9d3b-000000000001.", "id 11111111-1c5d-4b1f-9d3b-0123456789ab.", 0),
            ("at 2026-01-02T03:04:05.678Z", "at 2027-11-30T23:59:59Z", 1),
            ("at 2026-01-02 03:04", "at 2026-01-02 03:05", 1),
            ("Today is 2026-01-02.", "Today is 2027-11-30.", 2),
            ("It is Friday, January 2, 2026.", "It is Saturday, January 3, 2026.", 3),
            ("Date: 2 Jan 2026", "Date: 13 Mar 2027", 3),
            ("It is Monday", "It is Tuesday", 4),
            ("on 1/2/2026", "on 12/30/2026", 5),
            ("now: 03:04:05", "now: 13:04:06", 6),
            ("now: 3:04 PM", "now: 4:04 AM", 6),
            ("Working directory: /home/ann/app", "Working directory: /Users/bob/src/app", 7),
            ("cwd=/tmp", "cwd=/home/a", 7),
            ("in C:\\Users\\ann", "in D:\\work", 8),
            ("Platform: linux", "Platform: darwin", 9),
            ("OS Version: Darwin 24.1.0", "OS Version: Linux 6.8.0-1", 9),
            ("session_01AbCdEfGhIj", "session_99ZzYyXxWwVv", 10),
            ("at 1767323045", "at 1767323099", 11),
            ("commit 0a1b2c3d4e", "commit f0eeddccbb", 12),
        ] {
            assert_eq!(found(old, new), Some(vec![place]), "{old:?} {new:?}");
        }
    }

    #[test]
    fn several_things_may_change_at_once() {
        let text = |folder: &str, system: &str, day: &str| {
            format!("cwd: {folder}\nPlatform: {system}\nToday: {day}\nBe brief.")
        };
        let (old, new) = (text("/home/a/x", "linux", "2026-01-02"), text("/Users/b/x", "darwin", "2026-01-03"));
        assert_eq!(found(&old, &new), Some(vec![2, 7, 9]));
    }

    #[test]
    fn what_is_asked_is_never_taken_for_it() {
        for (old, new) in [
            ("Be brief.", "Be long."),
            ("Today is 2026-01-02. Be brief.", "Today is 2026-01-03. Be long."),
            ("run 1", "run 2"),
            ("yes and/or no", "yes and/not no"),
            ("Mark said so.", "Mary said so."),
            ("user_information", "user_understanding"),
            ("the effaced one", "the defaced one"),
            ("a", "a"),
            ("", "2026-01-02"),
        ] {
            assert_eq!(found(old, new), None, "{old:?} {new:?}");
        }
    }

    proptest! {
        #[test]
        fn texts_that_differ_elsewhere_too_have_none(old in "[a-z ]{0,20}", new in "[a-z ]{0,20}", one in 10..29_u8, two in 10..29_u8) {
            let text = |rest: &str, day: u8| format!("2026-01-{day} Say {rest}!");
            let found = found(&text(&old, one), &text(&new, two));
            prop_assert!(old == new || found.is_none() || old.contains("linux") || old.contains("darwin"));
        }
    }
}
