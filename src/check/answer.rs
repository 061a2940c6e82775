//! Checks of an answer's text, model and token usage.

use serde_json::Value;

use super::compare::filled;
use super::expectation::Checker;
use super::matcher::meets;
use super::unmet::Unmet;
use super::{MismatchKind, show};
use crate::protocol::{disagreement, is_same_model};
use crate::suite::{Matcher, Need, UsageExpect};
use crate::wire::Choice;
use crate::wire::error::as_object;

impl Checker<'_> {
    pub(super) fn text(&mut self, need: &Need) {
        let Some(choice) = self.seen.reading.answer.choices.get(&0) else {
            return self.no_choice(need.place, "text", 0);
        };
        let result = meets(&need.matcher, &choice.text.as_str().into(), self.scope);
        let besides = self.besides(choice);
        let result = result.map_err(|unmet| Unmet { actual: format!("{}{besides}", unmet.actual), ..unmet });
        self.record(need.place, "text", result);
    }

    /// The other content of a choice, for messages about its text or its tool calls, because it often explains the
    /// failure: ` (finish_reason length, reasoning of 812 characters)`.
    pub(super) fn besides(&self, choice: &Choice) -> String {
        let reasoning = Some(choice.reasoning()).filter(|length| *length > 0);
        let calls = Some(choice.tool_calls.len()).filter(|count| *count > 0);
        let error = self.seen.reading.answer.error.as_ref().map(as_object);
        let said = [
            choice.finish_reason.as_ref().map(|reason| format!("finish_reason {reason}")),
            choice.refusal.as_ref().map(|words| format!("refusal {}", show::value(&words.as_str().into()))),
            reasoning.map(|length| format!("reasoning of {length} characters")),
            calls.map(|count| format!("tool calls: {count}")),
            error.map(|error| format!("error {}", show::body(&Value::Object(error).to_string()))),
        ];
        let said: Vec<String> = said.into_iter().flatten().collect();
        if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
    }

    /// Checks every model that the reply names. The versions and aliases of an expected name match it too.
    pub(super) fn model(&mut self, need: &Need) {
        let told = self.seen.models();
        if told.is_empty() {
            let unmet = Unmet::new("the model that answered", "the reply names none");
            return self.push(need.place, "model", unmet, MismatchKind::WrongAnswer);
        }
        for model in told {
            self.record(need.place, "model", self.is_model(&need.matcher, &model));
        }
    }

    fn is_model(&self, matcher: &Matcher, told: &str) -> Result<(), Unmet> {
        let rest = Matcher { equals: None, ..matcher.clone() };
        if let Some(operand) = &matcher.equals {
            let wanted = filled(operand, self.scope)?;
            let Some(name) = wanted.as_str() else { return meets(matcher, &told.into(), self.scope) };
            if !is_same_model(name, told, self.seen.asked.aliases()) {
                return Err(Unmet::new(show::value(&wanted), show::value(&told.into())));
            }
        }
        if rest.is_empty() { Ok(()) } else { meets(&rest, &told.into(), self.scope) }
    }

    pub(super) fn usage(&mut self, expect: &UsageExpect) {
        let Some(usage) = self.seen.usage().filter(|usage| usage.is_object()) else {
            let unmet = Unmet::new("a report of tokens", "none");
            return self.push(expect.place, "usage", unmet, MismatchKind::WrongAnswer);
        };
        for (name, need) in &expect.counts {
            self.need(need, &format!("usage.{name}"), &usage[*name]);
        }
        let Some(adds_up) = expect.adds_up else { return };
        let is_counted =
            usage["total_tokens"].is_u64() && (usage["prompt_tokens"].is_u64() || usage["input_tokens"].is_u64());
        let why = if is_counted { disagreement(usage) } else { Some("not all of them are counted".to_owned()) };
        if why.is_none() != adds_up {
            let wanted = if adds_up {
                "a total that is the sum of the others"
            } else {
                "a total that is not the sum of the others"
            };
            let unmet =
                Unmet::new(wanted, format!("{}: {}", why.unwrap_or_else(|| "it is".to_owned()), show::value(usage)));
            self.push(expect.place, "usage.adds_up", unmet, MismatchKind::WrongAnswer);
        }
    }
}
