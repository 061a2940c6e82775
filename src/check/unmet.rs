//! Why something does not hold.

use super::Texts;

/// Why something does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unmet {
    /// What should be, short.
    pub(super) expected: String,
    /// What is, short.
    pub(super) actual: String,
    /// The question has no answer for this value: an operand that is not set, a regular expression that is none, a
    /// length of null. Then `not` does not hold either, lest a mistake in a suite turns it green.
    pub(super) senseless: bool,
    /// Expected and actual in full, where both are too long for a line and can be compared line by line.
    pub(super) texts: Option<Box<Texts>>,
}

impl Unmet {
    /// It does not hold.
    pub(super) fn new(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Unmet { expected: expected.into(), actual: actual.into(), senseless: false, texts: None }
    }

    /// It cannot be asked.
    pub(super) fn senseless(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Unmet { senseless: true, ..Unmet::new(expected, actual) }
    }

    /// The same with other words.
    pub(super) fn of(mut self, words: impl FnOnce(Unmet) -> (String, String)) -> Self {
        let (senseless, texts) = (self.senseless, self.texts.take());
        let (expected, actual) = words(self);
        Unmet { expected, actual, senseless, texts }
    }
}
