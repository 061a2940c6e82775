//! Tokens that a reply reports.

use serde_json::Value;

use super::judge::Findings;
use super::rule;

/// `is_promised`: the reply must report it.
pub(super) fn judge(items: &[Value], is_promised: bool, findings: &mut Findings) {
    let reports: Vec<&Value> = items.iter().map(|item| &item["usage"]).filter(|usage| usage.is_object()).collect();
    if reports.is_empty() && is_promised && !items.is_empty() {
        findings.add(&rule::USAGE_MISSING, "none");
    }
    if reports.len() > 1 {
        findings.add(&rule::USAGE_REPEATED, format!("{} events have one", reports.len()));
    }
    let Some(last) = reports.last() else { return };
    let count = |name: &str| last[name].as_u64();
    if let (Some(asked), Some(total)) = (count("prompt_tokens"), count("total_tokens")) {
        let sum = asked.saturating_add(count("completion_tokens").unwrap_or(0));
        if sum != total {
            findings.add(&rule::USAGE_SUM, format!("a total of {total}, and the others add up to {sum}"));
        }
    }
}
