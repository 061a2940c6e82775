//! `-r`: the outcomes that the short summary lists, as pytest's letters.

use crate::event::Outcome;

/// The letters, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letters(String);

impl Default for Letters {
    fn default() -> Self {
        Letters("fE".to_owned())
    }
}

impl Letters {
    /// Reads the values of `-r`, whose default is `fE`: `a` means all except passed ones, `A` means all, `N` removes
    /// the letters before it. `Err` is an unknown letter.
    pub(crate) fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, char> {
        let mut letters = Letters::default().0;
        // As in pytest, the first `-r` replaces the default, and further ones add to it.
        let mut texts = texts.into_iter().peekable();
        if texts.peek().is_some() {
            letters.clear();
        }
        for letter in texts.flat_map(str::chars) {
            match letter {
                'a' => letters = "sxXRKEf".to_owned(),
                'A' => letters = "PpsxXRKEf".to_owned(),
                'N' => letters.clear(),
                // Old aliases; and warnings, which retake does not have.
                'F' | 'S' => add(&mut letters, letter.to_ascii_lowercase()),
                'w' => {}
                _ if "fEsxXpPRK".contains(letter) => add(&mut letters, letter),
                _ => return Err(letter),
            }
        }
        Ok(Letters(letters))
    }

    /// Lists nothing.
    pub(crate) fn none(self) -> Self {
        Letters(String::new())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = char> + '_ {
        self.0.chars()
    }

    /// Whether this outcome is listed.
    pub(super) fn tell(&self, outcome: &Outcome) -> bool {
        self.0.contains(letter(outcome))
    }

    /// Whether captured exchanges of passed cases are shown.
    pub(crate) fn passes(&self) -> bool {
        self.0.contains('P')
    }

    /// Whether reruns are listed.
    pub(super) fn rerun(&self) -> bool {
        self.0.contains('R')
    }
}

fn add(letters: &mut String, letter: char) {
    if !letters.contains(letter) {
        letters.push(letter);
    }
}

pub(super) fn letter(outcome: &Outcome) -> char {
    match outcome {
        Outcome::Passed => 'p',
        Outcome::Flaky(_) => 'K',
        Outcome::Failed(_) => 'f',
        Outcome::Skipped(_) => 's',
        Outcome::XFailed { .. } => 'x',
        Outcome::XPassed(_) => 'X',
        Outcome::Error(_) => 'E',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read_as_pytest_reads_them() {
        let read = |texts: &[&str]| Letters::parse(texts.iter().copied()).map(|letters| letters.0);
        assert_eq!(read(&[]).as_deref(), Ok("fE"));
        assert_eq!(read(&["s"]).as_deref(), Ok("s"));
        assert_eq!(read(&["sfs", "F"]).as_deref(), Ok("sf"));
        assert_eq!(read(&["a"]).as_deref(), Ok("sxXRKEf"));
        assert_eq!(read(&["aNp"]).as_deref(), Ok("p"));
        assert_eq!(read(&["fw"]).as_deref(), Ok("f"));
        assert_eq!(read(&["fz"]), Err('z'));
    }
}
