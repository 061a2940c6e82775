//! Estimates what a case may cost, before it runs.

use serde_json::Value;

use super::case::Case;
use crate::provider::{Price, Provider};
use crate::suite::{Body, Step, template};

/// Characters per token in English, roughly: an estimate must not need a model's own tokenizer.
const CHARACTERS: usize = 4;
/// Tokens of an answer if the request sets no limit.
const ANSWER: u64 = 512;

/// The estimated cost of cases.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Estimate {
    /// Input tokens.
    pub input: u64,
    /// Output tokens; the maximum if the requests set a limit.
    pub output: u64,
    /// US dollars.
    pub dollars: f64,
}

impl Estimate {
    /// All tokens.
    pub(crate) fn tokens(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// The sum of two estimates.
    pub(crate) fn plus(self, other: Estimate) -> Estimate {
        Estimate {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            dollars: self.dollars + other.dollars,
        }
    }
}

/// Estimates a case with all its tries. `Err` is a model for which its provider's data have no price.
pub(crate) fn estimate(case: &Case, provider: &Provider) -> Result<Estimate, String> {
    let template = case.template();
    let scope = case.scope();
    let steps = template.setup.iter().chain(&template.steps).chain(&template.teardown);
    let mut sum = Estimate::default();
    for (tokens, model) in steps.filter_map(|step| tokens(step, &scope)) {
        let bare = model.strip_prefix(&format!("{}/", provider.name)).unwrap_or(&model);
        sum = sum.plus(cost(provider, bare, tokens.input, tokens.output).ok_or_else(|| bare.to_owned())?);
    }
    let tries = template.repeat.times();
    let times = |count: u64| count.saturating_mul(u64::from(tries));
    Ok(Estimate { input: times(sum.input), output: times(sum.output), dollars: sum.dollars * f64::from(tries) })
}

/// What this many tokens of a model (without provider prefix) cost; `None` if its price is unknown.
pub(crate) fn cost(provider: &Provider, model: &str, input: u64, output: u64) -> Option<Estimate> {
    // A provider without a key sends no bill.
    let price = provider.price(model).or_else(|| provider.key.is_none().then(Price::default))?;
    let dollars = (input as f64 * price.input + output as f64 * price.output) / 1e6;
    Some(Estimate { input, output, dollars })
}

/// The tokens of a step that calls a model, and the model.
fn tokens(step: &Step, scope: &template::Scope) -> Option<(Estimate, String)> {
    let Body::Json(body) = &step.request.body else { return None };
    let body = body.value().ok()?;
    // Values captured by earlier steps are not known yet: their names stand for them.
    let body = template::fill(&body, scope).unwrap_or(body);
    let model = body.get("model")?.as_str()?;
    let model = if model == "${model}" { scope.get("model")?.as_str()? } else { model };
    Some((estimate_request(&step.request.path, &body)?, model.to_owned()))
}

/// The tokens of a request with this body, without a price; `None` if it calls no model.
pub(crate) fn estimate_request(path: &str, body: &Value) -> Option<Estimate> {
    body.get("model")?.as_str()?;
    let input = body.to_string().chars().count().div_ceil(CHARACTERS) as u64;
    let limit =
        ["max_tokens", "max_completion_tokens", "max_output_tokens"].iter().find_map(|name| body.get(*name)?.as_u64());
    let is_embedding = path.contains("/embed");
    let choices = body.get("n").and_then(Value::as_u64).unwrap_or(1);
    let output = if is_embedding { 0 } else { limit.unwrap_or(ANSWER).saturating_mul(choices) };
    Some(Estimate { input, output, dollars: 0.0 })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::matrix::expand;
    use crate::provider::{Catalogue, Models, Setup};
    use crate::suite::{Known, parse};
    use crate::yaml::Source;

    fn cases(text: &str) -> Vec<Case> {
        let suite = parse(Arc::new(Source { name: "s.yaml".into(), text: text.into() }), &Known::default()).unwrap();
        let provider = Provider { name: "p".into(), ..Provider::default() };
        let models = Models { text: Some("p/m".into()), ..Models::default() };
        let setup = Setup { name: "s".into(), provider: "p".into(), models, ..Setup::default() };
        let catalogue = Catalogue { providers: vec![provider], ..Catalogue::default() };
        expand(&Arc::new(suite), &setup, &catalogue, false).collect()
    }

    fn priced(prices: &[(&str, f64, f64)]) -> Provider {
        let price =
            |(model, input, output): &(&str, f64, f64)| ((*model).to_owned(), Price { input: *input, output: *output });
        Provider {
            name: "p".into(),
            key: Some("P_KEY".into()),
            prices: prices.iter().map(price).collect(),
            ..Provider::default()
        }
    }

    #[test]
    fn a_case_costs_its_steps_and_its_tries() {
        let ask =
            |more: &str| format!("request: {{post: /v1/chat/completions, body: {{model: \"${{model}}\"{more}}}}}");
        let one = format!("cases:\n- name: a\n  model: text\n  {}\n", ask(", max_tokens: 100, n: 2"));
        let sum = estimate(&cases(&one)[0], &priced(&[("m", 1.0, 10.0)])).unwrap();
        // {"model":"p/m","max_tokens":100,"n":2} has 38 characters.
        assert_eq!((sum.input, sum.output), (10, 200));
        assert!((sum.dollars - (10.0 + 2000.0) / 1e6).abs() < 1e-12);
        let repeated = one.replace("  model: text", "  model: text\n  repeat: 3");
        assert_eq!(estimate(&cases(&repeated)[0], &priced(&[("*", 0.0, 0.0)])).unwrap().output, 600);
        let unlimited = format!("cases:\n- name: a\n  model: text\n  {}\n", ask(""));
        assert_eq!(estimate(&cases(&unlimited)[0], &priced(&[("m*", 1.0, 1.0)])).unwrap().output, ANSWER);
        assert_eq!(estimate(&cases(&unlimited)[0], &priced(&[("n", 1.0, 1.0)])), Err("m".to_owned()));
        let free = Provider { key: None, ..priced(&[]) };
        assert_eq!(estimate(&cases(&unlimited)[0], &free).unwrap().dollars, 0.0);
    }

    #[test]
    fn what_asks_no_model_costs_nothing() {
        let all = cases("cases:\n- name: a\n  request: {get: /v1/models}\n");
        assert_eq!(estimate(&all[0], &priced(&[])), Ok(Estimate::default()));
    }
}
