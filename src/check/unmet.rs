//! Why something does not hold.

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
}

impl Unmet {
    /// It does not hold.
    pub(super) fn new(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Unmet { expected: expected.into(), actual: actual.into(), senseless: false }
    }

    /// It cannot be asked.
    pub(super) fn senseless(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Unmet { senseless: true, ..Unmet::new(expected, actual) }
    }

    pub(super) fn of(self, words: impl FnOnce(Unmet) -> (String, String)) -> Self {
        let senseless = self.senseless;
        let (expected, actual) = words(self);
        Unmet { expected, actual, senseless }
    }
}
