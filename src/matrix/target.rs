//! The provider and model for a template's cases, and whether it is known that these will not run, or will fail.

use crate::provider::{Catalogue, Provider, Setup};
use crate::suite::{ParamValue, Template, Xfail};

/// The setup's model for a template, and the provider that answers for it.
pub(super) struct Target<'a> {
    pub(super) model: Option<&'a str>,
    /// The model with the provider's own id.
    pub(super) bare: Option<&'a str>,
    pub(super) provider_name: &'a str,
    provider: Option<&'a Provider>,
}

impl<'a> Target<'a> {
    pub(super) fn new(template: &Template, setup: &'a Setup, catalogue: &'a Catalogue) -> Self {
        let model = template.model.and_then(|axis| setup.models.get(axis));
        let routed = model
            .and_then(|model| model.split_once('/'))
            .and_then(|(first, rest)| catalogue.provider(first).map(|provider| (provider, rest)));
        match routed {
            Some((provider, rest)) => {
                Target { model, bare: Some(rest), provider_name: &provider.name, provider: Some(provider) }
            }
            None => Target {
                model,
                bare: model,
                provider_name: &setup.provider,
                provider: catalogue.provider(&setup.provider),
            },
        }
    }

    /// Whether this list of models contains the model; an empty list means all models.
    fn applies(&self, models: &[String]) -> bool {
        models.is_empty() || self.bare.is_some_and(|bare| models.iter().any(|model| model == bare))
    }

    /// The expected failure that the provider's data declare for exactly this case.
    pub(super) fn expected_failure(&self, template: &Template, values: &[&ParamValue]) -> Option<Xfail> {
        let named = |case: &String| match case.strip_suffix(']').and_then(|case| case.split_once('[')) {
            Some((name, id)) => name == template.name && values.iter().any(|value| value.id == id),
            None => *case == template.name,
        };
        let mut known = self.provider?.xfail.iter();
        let found = known.find(|known| self.applies(&known.models) && known.cases.iter().any(named))?;
        Some(Xfail { reason: found.reason.clone(), strict: false })
    }

    /// Why the provider lacks `capability`.
    fn lack(&self, capability: &str) -> Option<&'a str> {
        let gap = self.provider?.lacks.get(capability)?;
        self.applies(&gap.models).then_some(gap.reason.as_str())
    }

    /// The expected failure because of a capability that is broken in the provider.
    pub(super) fn broken(&self, template: &Template) -> Option<Xfail> {
        let provider = self.provider?;
        let mut gaps = template.needs.iter().filter_map(|need| provider.broken.get(need));
        let gap = gaps.find(|gap| self.applies(&gap.models))?;
        Some(Xfail { reason: gap.reason.clone(), strict: false })
    }
}

/// Why a template's cases will not run; the template's own reason comes first.
pub(super) fn skip(
    template: &Template,
    setup: &Setup,
    target: &Target<'_>,
    catalogue: &Catalogue,
    direct: bool,
) -> Option<String> {
    if let Some(reason) = &template.skip {
        return Some(reason.clone());
    }
    if let (Some(axis), None) = (template.model, target.model) {
        return Some(format!("setup '{}' names no {} model", setup.name, axis.name()));
    }
    template.needs.iter().find_map(|need| {
        let of_stack = catalogue.capabilities.get(need).is_some_and(|capability| capability.of_stack);
        if of_stack && direct {
            return Some(format!("{need} is offered by the gateway, and there is none (direct)"));
        }
        target.lack(need).map(str::to_owned)
    })
}
