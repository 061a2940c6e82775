//! Checks of tool calls.

use serde_json::Value;

use super::compare::{filled, has_subset, validates};
use super::expectation::Checker;
use super::matcher::meets;
use super::unmet::Unmet;
use super::{MismatchKind, show};
use crate::suite::{ArgumentsExpect, ArgumentsKind, Matcher, ToolCallExpect, ToolCallsExpect};

/// What does not match in one call: the part of the call, `name` or `arguments`, and the reason.
type Lacks = Vec<(&'static str, Unmet)>;

impl Checker<'_> {
    pub(super) fn tool_calls(&mut self, expect: &ToolCallsExpect) {
        let Some(choice) = self.seen.reading.answer.choices.get(&expect.choice) else {
            return self.no_choice(expect.place, "tool_calls", expect.choice);
        };
        let calls = choice.tool_calls();
        let calls = calls.as_array().map_or(&[][..], Vec::as_slice);
        self.maybe(&expect.count, "tool_calls.count", &calls.len().into());
        if expect.count.is_none() && expect.calls.is_empty() && calls.is_empty() {
            let unmet = Unmet::new("a tool call", self.said(expect.choice));
            self.push(expect.place, "tool_calls", unmet, MismatchKind::WrongAnswer);
        }
        for (index, call) in calls.iter().enumerate() {
            if let Err(unmet) = arguments_of(call) {
                let path = format!("tool_calls[{index}].arguments");
                self.push(expect.place, &path, unmet, MismatchKind::ProtocolViolation);
            }
        }
        self.calls_in_order(expect, calls);
    }

    /// Checks that the reply has the wanted calls, in this order. Other calls may be in between.
    fn calls_in_order(&mut self, expect: &ToolCallsExpect, calls: &[Value]) {
        let mut next = 0;
        for (index, wanted) in expect.calls.iter().enumerate() {
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
                    let actual = format!("{} came; {}", calls.len(), self.said(expect.choice));
                    let path = format!("tool_calls[{index}]");
                    self.push(wanted.place, &path, Unmet::new("a tool call", actual), MismatchKind::WrongAnswer);
                }
            }
        }
    }

    fn lacks(&self, wanted: &ToolCallExpect, call: &Value) -> Lacks {
        let mut lacks = Lacks::new();
        if let Some(need) = &wanted.name {
            let tool = if call["custom"].is_object() { &call["custom"] } else { &call["function"] };
            let result = meets(&need.matcher, &tool["name"], self.scope);
            lacks.extend(result.err().map(|unmet| ("name", unmet)));
        }
        // `tool_calls` already reports arguments that are not JSON, for every call.
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

    /// What the reply has instead of a call in this choice: its text, legacy function calls, and tool calls in other
    /// choices.
    fn said(&self, index: u64) -> String {
        let choices = &self.seen.reading.answer.choices;
        let mut said = choices.get(&index).map_or_else(String::new, |choice| {
            let text = show::value(&choice.text.as_str().into());
            format!("the text is {text}{}", self.besides(choice))
        });
        for (other, choice) in choices {
            if let Some(name) = choice.legacy_function() {
                said.push_str(&format!("; choice {other} has a `function_call` of old: {name}"));
            }
            let names: Vec<&str> = choice.tool_calls.iter().map(|call| call.name.as_str()).collect();
            if *other != index && !names.is_empty() {
                said.push_str(&format!("; choice {other} has tool calls: {}", names.join(", ")));
            }
        }
        said
    }
}

/// The parsed arguments of a call. Empty arguments count as `{}`: a function may have no parameters. The input of a
/// custom tool is any text and is not parsed.
fn arguments_of(call: &Value) -> Result<Value, Unmet> {
    if call["custom"].is_object() {
        return Ok(call["custom"]["input"].clone());
    }
    let text = call["function"]["arguments"].as_str().unwrap_or_default();
    serde_json::from_str(if text.is_empty() { "{}" } else { text })
        .map_err(|error| Unmet::new("arguments that are JSON", format!("{error}: {}", show::cut(text))))
}
