//! Tool calls.

use serde_json::Value;

use super::compare::{filled, has_subset, validates};
use super::expectation::Checker;
use super::matcher::meets;
use super::unmet::Unmet;
use super::{MismatchKind, show};
use crate::suite::{ArgumentsExpect, ArgumentsKind, Matcher, ToolCallExpect, ToolCallsExpect};

/// What one call lacks: below its path, with the words.
type Lacks = Vec<(&'static str, Unmet)>;

impl Checker<'_> {
    pub(super) fn tool_calls(&mut self, expect: &ToolCallsExpect) {
        if self.seen.text().is_none() {
            return self.no_choice(expect.place, "tool_calls");
        }
        let calls = self.seen.tool_calls();
        let calls = calls.as_array().map_or(&[][..], Vec::as_slice);
        self.maybe(&expect.count, "tool_calls.count", &calls.len().into());
        if expect.count.is_none() && expect.calls.is_empty() && calls.is_empty() {
            let unmet = Unmet::new("a tool call", self.said());
            self.push(expect.place, "tool_calls", unmet, MismatchKind::WrongAnswer);
        }
        for (index, call) in calls.iter().enumerate() {
            if let Err(unmet) = arguments_of(call) {
                let path = format!("tool_calls[{index}].arguments");
                self.push(expect.place, &path, unmet, MismatchKind::ProtocolViolation);
            }
        }
        self.calls_in_order(&expect.calls, calls);
    }

    /// Each wanted call is met by one that came, in the order that is wanted; others may come in between.
    fn calls_in_order(&mut self, wanted: &[ToolCallExpect], calls: &[Value]) {
        let mut next = 0;
        for (index, wanted) in wanted.iter().enumerate() {
            let rest = calls.get(next..).unwrap_or_default();
            if let Some(met) = rest.iter().position(|call| self.lacks(wanted, call).is_empty()) {
                next += met + 1;
                continue;
            }
            match rest.first() {
                Some(call) => {
                    for (below, unmet) in self.lacks(wanted, call) {
                        let place = match below {
                            "name" => wanted.name.as_ref().map(|need| need.place),
                            _ => wanted.arguments.as_ref().map(|arguments| arguments.place),
                        };
                        let path = format!("tool_calls[{next}].{below}");
                        self.push(place.unwrap_or(wanted.place), &path, unmet, MismatchKind::WrongAnswer);
                    }
                    next += 1;
                }
                None => {
                    let actual = format!("{} came; {}", calls.len(), self.said());
                    let path = format!("tool_calls[{index}]");
                    self.push(wanted.place, &path, Unmet::new("a tool call", actual), MismatchKind::WrongAnswer);
                }
            }
        }
    }

    fn lacks(&self, wanted: &ToolCallExpect, call: &Value) -> Lacks {
        let mut lacks = Lacks::new();
        if let Some(need) = &wanted.name {
            let result = meets(&need.matcher, &call["function"]["name"], self.scope);
            lacks.extend(result.err().map(|unmet| ("name", unmet)));
        }
        // Arguments that are no JSON are told for every call, wanted or not.
        if let (Some(expect), Ok(arguments)) = (&wanted.arguments, arguments_of(call)) {
            lacks.extend(self.arguments(expect, &arguments).err().map(|unmet| ("arguments", unmet)));
        }
        lacks
    }

    fn arguments(&self, expect: &ArgumentsExpect, arguments: &Value) -> Result<(), Unmet> {
        match &expect.kind {
            ArgumentsKind::Schema(schema) => validates(&filled(schema, self.scope)?, arguments),
            ArgumentsKind::Subset(subset) => {
                let subset = filled(subset, self.scope)?;
                match has_subset(arguments, &subset, false) {
                    true => Ok(()),
                    false => Err(Unmet::new(format!("at least {}", show::value(&subset)), show::value(arguments))),
                }
            }
            ArgumentsKind::Equals(wanted) => {
                meets(&Matcher { equals: Some(Box::new(wanted.clone())), ..Matcher::default() }, arguments, self.scope)
            }
        }
    }

    fn said(&self) -> String {
        format!("the text is {}", show::value(&self.seen.text().unwrap_or_default().into()))
    }
}

/// A call's arguments, read. A function without parameters may be called with nothing at all.
fn arguments_of(call: &Value) -> Result<Value, Unmet> {
    let text = call["function"]["arguments"].as_str().unwrap_or_default();
    serde_json::from_str(if text.is_empty() { "{}" } else { text })
        .map_err(|error| Unmet::new("arguments that are JSON", format!("{error}: {}", show::cut(text))))
}
