//! One template × one value of every parameter.

use std::sync::Arc;

use crate::provider::{Catalogue, Setup};
use crate::suite::template::Scope;
use crate::suite::{Client, Suite};

/// The thing that is run and reported.
#[derive(Debug, Clone)]
pub struct Case {
    /// `suites/inference/sanity.yaml::name[openai_client-txt=together/…-True]`; unique in a run; never parsed.
    pub id: String,
    /// The suite, and in it the template.
    pub suite: Arc<Suite>,
    /// Index into `suite.templates`.
    pub template: usize,
    /// Who calls.
    pub client: Client,
    /// The setup it is for.
    pub setup: String,
    /// The provider that answers: the first part of the model, else the setup's.
    pub provider: String,
    /// `model` and the parameters.
    pub scope: Scope,
    /// Set when it is known beforehand that it will not run: the reason after SKIPPED.
    pub skip: Option<String>,
    /// Set when it is expected to fail: reason and strictness, from the template or the provider's `broken`.
    pub xfail: Option<crate::suite::Xfail>,
}

/// Every case of `suite` for `setup`, in file order: for each template clients × params (first varies slowest).
/// `direct` says that there is no gateway, so that what only it offers is missing.
pub fn expand(_suite: &Arc<Suite>, _setup: &Setup, _catalogue: &Catalogue, _direct: bool) -> Vec<Case> {
    Vec::new()
}
