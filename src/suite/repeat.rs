//! How often a case is run, for answers that vary.

/// How often a case is run, and how often it must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeat {
    times: u32,
    needed: u32,
}

impl Default for Repeat {
    fn default() -> Self {
        Repeat { times: 1, needed: 1 }
    }
}

impl Repeat {
    /// How many tries there are at most.
    pub(crate) fn times(self) -> u32 {
        self.times
    }

    /// The most tries of a case. With more tries, it would be an evaluation, not a test.
    pub(crate) const MOST: u32 = 1000;

    /// `times` tries, of which the share `rate` (0 to 1) must pass, and at least one.
    pub(crate) fn new(times: u32, rate: f64) -> Self {
        // A product of floats may be slightly too large. For example, 0.8 of 10 must be 8.
        let needed = (rate * f64::from(times) - 1e-9).ceil();
        Repeat { times, needed: (needed as u32).clamp(1, times.max(1)) }
    }

    /// Whether it is run several times.
    pub(crate) fn is_several(self) -> bool {
        self.times > 1
    }

    /// How many tries must pass.
    pub(crate) fn needed(self) -> u32 {
        self.needed
    }

    /// Whether the case passes; `None` as long as further tries could change that.
    pub(crate) fn decided(self, passed: u32, failed: u32) -> Option<bool> {
        let left = self.times.saturating_sub(passed + failed);
        if passed >= self.needed {
            Some(true)
        } else if passed + left < self.needed {
            Some(false)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_decided_as_early_as_can_be() {
        let most = Repeat::new(10, 0.8);
        assert_eq!(most.needed(), 8);
        assert_eq!(
            [(7, 2), (8, 0), (8, 1), (7, 3)].map(|(p, f)| most.decided(p, f)),
            [None, Some(true), Some(true), Some(false)]
        );
        assert_eq!(Repeat::new(3, 1.0).decided(0, 1), Some(false));
        assert_eq!(Repeat::new(3, 0.0).needed(), 1);
        assert_eq!(Repeat::new(10, 0.81).needed(), 9);
        assert_eq!(Repeat::default().decided(1, 0), Some(true));
    }
}
