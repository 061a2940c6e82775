//! Compares the members of a reply with the reference of its API.

use super::MismatchKind;
use super::expectation::Checker;
use super::unmet::Unmet;
use crate::protocol::{Api, Mode, Policy};
use crate::suite::Expect;
use crate::yaml::Place;

impl Checker<'_> {
    /// Reports members that differ from the API reference, except for differences that are known of the provider, rules
    /// that the step ignores, and rules that another check has reported.
    pub(super) fn conforms(&mut self, api: Api, place: Place, expect: &Expect) {
        let seen = self.seen;
        if Api::of(&seen.asked) != Some(api) {
            let whose = Api::of(&seen.asked).map_or("no API's with schemas", Api::name);
            let unmet =
                Unmet::new(format!("a reply of an endpoint of {}", api.name()), format!("the endpoint is {whose}"));
            return self.push(place, "conforms", unmet, MismatchKind::WrongAnswer);
        }
        // An incomplete body may break many rules. That it is incomplete is already reported.
        if seen.broken.is_some() {
            return;
        }
        let policy = Policy { mode: Mode::Strict, ..self.policy.clone() };
        let ignored = expect.protocol.ignored().unwrap_or_default();
        let weighed = policy.weigh(seen.of_schema(expect.error.is_some()), Some(ignored), &seen.asked);
        let is_told = |rule| self.protocol.failing.iter().any(|finding| finding.rule == rule);
        let news: Vec<_> = weighed.failing.into_iter().filter(|finding| !is_told(finding.rule)).collect();
        for finding in news {
            let actual = format!("{}; {}", finding.actual, finding.rule.client);
            let unmet = Unmet::new(finding.rule.holds, actual);
            self.push(place, &format!("rule {}", finding.rule.id), unmet, MismatchKind::ProtocolViolation);
        }
        self.protocol.known.extend(weighed.known);
    }
}
