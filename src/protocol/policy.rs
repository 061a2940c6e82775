//! What becomes of what was found.

use std::sync::Arc;

use super::Finding;
use super::asked::Asked;
use super::model::Aliases;
use super::rule::{Level, Rule};

/// How strict a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Violations fail a case, deviations are told.
    #[default]
    Standard,
    /// Both fail a case.
    Strict,
    /// Neither is looked for.
    Off,
}

impl Mode {
    /// The word for it on the command line.
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
    /// Of which members, as in `choices[].logprobs`; empty: of all.
    pub members: Vec<String>,
    /// Why, or where it is reported.
    pub reason: String,
    /// Of which models; empty: of all.
    pub models: Vec<String>,
    /// At which endpoints, as in `/v1/embeddings`; empty: at all.
    pub endpoints: Vec<String>,
}

/// What becomes of findings in replies to one case.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// How strict the run is.
    pub mode: Mode,
    /// Rules that its provider is known to break.
    pub known: Arc<[Known]>,
    /// Further names of its models.
    pub aliases: Aliases,
}

/// Findings, by what becomes of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Weighed {
    /// They fail the case.
    pub failing: Vec<Finding>,
    /// They are told.
    pub told: Vec<Finding>,
    /// They are known of the provider: with its reason.
    pub known: Vec<(Finding, String)>,
    /// Rules that the provider is known to break at this endpoint, and that this reply keeps.
    pub kept: Vec<&'static Rule>,
}

impl Policy {
    /// Weighs findings. `ignored` are rules that the step leaves aside; `None` leaves all of them aside.
    pub fn weigh(&self, findings: Vec<Finding>, ignored: Option<&[&'static Rule]>, asked: &Asked) -> Weighed {
        let mut weighed = Weighed::default();
        let Some(ignored) = ignored.filter(|_| self.mode != Mode::Off) else { return weighed };
        // Of a rule that is known of every endpoint, it cannot be said that this one breaks it.
        // Nor of one about members, which not every run looks at.
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
    /// Whether it speaks of what was found, whatever was asked.
    fn covers(&self, finding: &Finding) -> bool {
        let is_member = |member: &String| finding.member.as_ref() == Some(member);
        self.rule == finding.rule && (self.members.is_empty() || self.members.iter().any(is_member))
    }

    /// Whether it is known of what was asked.
    pub fn is_about(&self, asked: &Asked) -> bool {
        let model = |known: &String| {
            asked.model.as_ref().is_some_and(|model| model == known || model.ends_with(&format!("/{known}")))
        };
        let is_model = self.models.is_empty() || self.models.iter().any(model);
        let is_endpoint = self.endpoints.is_empty() || self.endpoints.iter().any(|known| asked.path.ends_with(known));
        is_model && is_endpoint
    }
}
