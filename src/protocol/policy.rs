//! Decides which findings fail a case.

use std::sync::Arc;

use super::Finding;
use super::asked::Asked;
use super::model::Aliases;
use super::rule::{Level, Rule};

/// How strict a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Violations fail a case, deviations are only reported.
    #[default]
    Standard,
    /// Both fail a case.
    Strict,
    /// Neither is reported.
    Off,
}

impl Mode {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Standard => "standard",
            Mode::Strict => "strict",
            Mode::Off => "off",
        }
    }
}

/// A rule that a provider is known to break, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The rule.
    pub rule: &'static Rule,
    /// The members that it breaks the rule with, such as `choices[].logprobs`; empty for all.
    pub members: Vec<String>,
    /// Why it breaks the rule, or where that was reported.
    pub reason: String,
    /// The models that break the rule; empty for all.
    pub models: Vec<String>,
    /// The endpoints that break the rule, such as `/v1/embeddings`; empty for all.
    pub endpoints: Vec<String>,
}

/// Decides which findings in the replies to a case fail it.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// How strict the run is.
    pub mode: Mode,
    /// Rules that the provider is known to break.
    pub known: Arc<[Known]>,
    /// Other names of the provider's models.
    pub aliases: Aliases,
}

/// Findings, by their effect on the case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Weighed {
    /// Findings that fail the case.
    pub failing: Vec<Finding>,
    /// Findings that are only reported.
    pub told: Vec<Finding>,
    /// Findings that are known of the provider, each with the reason.
    pub known: Vec<(Finding, String)>,
    /// Rules that the provider is known to break at this endpoint, but that this reply follows.
    pub kept: Vec<&'static Rule>,
}

impl Policy {
    /// Sorts findings by their effect on the case. `ignored` are the rules that the step ignores; `None` if it ignores
    /// all.
    pub fn weigh(&self, findings: Vec<Finding>, ignored: Option<&[&'static Rule]>, asked: &Asked) -> Weighed {
        let mut weighed = Weighed::default();
        let Some(ignored) = ignored.filter(|_| self.mode != Mode::Off) else { return weighed };
        // `kept` is only about entries that name an endpoint. An entry for all endpoints does not say that this one
        // breaks the rule. Rules about members are left out, because not every run checks them.
        let expected = self.known.iter().filter(|known| !known.endpoints.is_empty() && !known.rule.is_about_members());
        let expected = expected.filter(|known| known.is_about(asked));
        let is_kept = |known: &&Known| findings.iter().all(|finding| finding.rule != known.rule);
        weighed.kept = expected.filter(is_kept).map(|known| known.rule).collect();
        for finding in findings {
            if ignored.contains(&finding.rule) {
                continue;
            }
            match self.known.iter().find(|known| known.covers(&finding) && known.is_about(asked)) {
                Some(known) => weighed.known.push((finding, known.reason.clone())),
                None if finding.rule.level == Level::Violation || self.mode == Mode::Strict => {
                    weighed.failing.push(finding)
                }
                None => weighed.told.push(finding),
            }
        }
        weighed
    }
}

impl Known {
    /// Whether it is about this finding, whatever the request was.
    fn covers(&self, finding: &Finding) -> bool {
        let is_member = |member: &String| finding.member.as_ref() == Some(member);
        self.rule == finding.rule && (self.members.is_empty() || self.members.iter().any(is_member))
    }

    /// Whether it is about this request.
    pub fn is_about(&self, asked: &Asked) -> bool {
        let model = |known: &String| {
            asked.model.as_ref().is_some_and(|model| model == known || model.ends_with(&format!("/{known}")))
        };
        let is_model = self.models.is_empty() || self.models.iter().any(model);
        let is_endpoint = self.endpoints.is_empty() || self.endpoints.iter().any(|known| asked.path.ends_with(known));
        is_model && is_endpoint
    }
}
