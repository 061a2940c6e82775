//! Rules for the token usage that a reply reports.

use serde_json::Value;

use super::judge::Findings;
use super::rule;

/// Checks the token usage of a reply. If `is_promised`, the reply must report it.
pub(super) fn judge(items: &[Value], is_promised: bool, findings: &mut Findings) {
    let reports: Vec<&Value> = items.iter().map(|item| &item["usage"]).filter(|usage| usage.is_object()).collect();
    if reports.is_empty() && is_promised && !items.is_empty() {
        findings.add(&rule::USAGE_MISSING, "none");
    }
    if reports.len() > 1 {
        findings.add(&rule::USAGE_REPEATED, format!("{} events have one", reports.len()));
    }
    if let Some(disagreement) = reports.last().and_then(|last| disagreement(last)) {
        findings.add(&rule::USAGE_SUM, disagreement);
    }
}

/// Why the total of a `usage` is not the sum of its other token counts; `None` if it is the sum, or if the total or the
/// tokens of the prompt are not reported.
pub fn disagreement(usage: &Value) -> Option<String> {
    let count = |names: [&str; 2]| names.iter().find_map(|name| usage[*name].as_u64());
    let asked = count(["prompt_tokens", "input_tokens"])?;
    let answered = count(["completion_tokens", "output_tokens"]).unwrap_or(0);
    let (total, sum) = (usage["total_tokens"].as_u64()?, asked.saturating_add(answered));
    (sum != total).then(|| format!("a total of {total}, and the others add up to {sum}"))
}
