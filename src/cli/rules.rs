//! `retake rules`: the rules for replies; and how a run treats them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use super::args::RulesArgs;
use super::exit::{Exit, Stop};
use super::output;
use crate::event::Finished;
use crate::exchange::Secrets;
use crate::protocol::{Level, Mode, Policy, RULES, Rule};
use crate::provider::Catalogue;

pub(super) fn run(args: &RulesArgs) -> Result<Exit, Stop> {
    output::print(&Secrets::default(), &if args.markdown { markdown() } else { listed() })?;
    Ok(Exit::Ok)
}

fn listed() -> String {
    let mut out = String::new();
    for Rule { id, level, holds, client, reference } in RULES {
        let _ = writeln!(out, "{id} ({level})\n    {holds}\n    else: {client}\n    {reference}");
    }
    out
}

/// The tables of docs/protocol.md.
fn markdown() -> String {
    let mut out = String::new();
    for (level, title) in [(Level::Violation, "Violations"), (Level::Deviation, "Deviations")] {
        let _ = writeln!(out, "### {title}\n\n| rule | what must hold | else |\n|---|---|---|");
        for rule in RULES.iter().filter(|rule| rule.level == level) {
            let _ = writeln!(out, "| [`{}`]({}) | {} | {} |", rule.id, rule.reference, rule.holds, rule.client);
        }
        out.push('\n');
    }
    out
}

/// How the replies of a provider are judged.
pub(super) fn policy(mode: Mode, catalogue: &Catalogue, provider: &str) -> Policy {
    let Some(provider) = catalogue.provider(provider) else { return Policy { mode, ..Policy::default() } };
    Policy { mode, known: Arc::from(provider.deviates.as_slice()), aliases: Arc::from(provider.aliases.as_slice()) }
}

/// Rules that providers are known to break, with what this run saw, by provider.
#[derive(Debug, Default)]
pub(super) struct KnownRules {
    broken: BTreeSet<(String, String)>,
    kept: BTreeSet<(String, String)>,
}

impl KnownRules {
    pub(super) fn learn(&mut self, finished: &Finished) {
        let of_provider = |rule: &String| (finished.case.provider.clone(), rule.clone());
        let known = finished.protocol.iter().filter(|finding| finding.known.is_some());
        self.broken.extend(known.map(|finding| of_provider(&finding.rule)));
        self.kept.extend(finished.kept_rules.iter().map(of_provider));
    }

    /// Messages about rules that all replies kept.
    pub(super) fn mended(&self) -> Vec<String> {
        let mended = self.kept.difference(&self.broken);
        mended
            .map(|(provider, rule)| {
                format!(
                    "{provider} is known to break the rule {rule}, and every reply kept it: take it out of `deviates`"
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_rules_is_what_the_program_prints() {
        let page = include_str!("../../docs/protocol.md");
        assert!(page.contains(markdown().trim_end()), "docs/protocol.md: put in what `retake rules --markdown` prints");
    }

    #[test]
    fn ids_are_unique() {
        let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
    }
}
