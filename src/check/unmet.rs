//! Why a condition does not hold.

use super::Texts;

/// Why a condition does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unmet {
    /// The expected value, shortened.
    pub(super) expected: String,
    /// The actual value, shortened.
    pub(super) actual: String,
    /// The condition makes no sense for this value: an operand is not set, a regular expression is invalid, or null has
    /// no length. Then `not` fails too, so that a mistake in a suite does not let a test pass.
    pub(super) senseless: bool,
    /// Both values in full, if they are too long for one line and can be compared line by line.
    pub(super) texts: Option<Box<Texts>>,
}

impl Unmet {
    /// The value does not meet the condition.
    pub(super) fn new(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Unmet { expected: expected.into(), actual: actual.into(), senseless: false, texts: None }
    }

    /// The condition makes no sense for the value.
    pub(super) fn senseless(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Unmet { senseless: true, ..Unmet::new(expected, actual) }
    }

    /// The same with another text for the expected and the actual value.
    pub(super) fn of(mut self, words: impl FnOnce(Unmet) -> (String, String)) -> Self {
        let (senseless, texts) = (self.senseless, self.texts.take());
        let (expected, actual) = words(self);
        Unmet { expected, actual, senseless, texts }
    }
}
