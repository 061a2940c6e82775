//! Whose prices count for a model.

use std::sync::Arc;

use crate::matrix;
use crate::provider::Provider;
use crate::run::Price;

/// The provider whose prices count for a model, and the model without its name: the provider that the model names, else
/// the first one.
pub(super) fn whose<'p, 'm>(providers: &'p [Provider], model: &'m str) -> Option<(&'p Provider, &'m str)> {
    let bare = |provider: &Provider| model.strip_prefix(&provider.name)?.strip_prefix('/');
    let named = providers.iter().find_map(|provider| Some((provider, bare(provider)?)));
    named.or(providers.first().map(|provider| (provider, model)))
}

/// The prices of these providers.
pub(in crate::cli) fn prices(providers: Vec<Provider>) -> Price {
    Arc::new(move |model, usage| {
        let (provider, model) = whose(&providers, model)?;
        matrix::cost(provider, model, usage.input, usage.output).map(|cost| cost.dollars)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Usage;
    use crate::provider::Price as OfModel;

    #[test]
    fn a_model_costs_what_the_provider_that_it_names_takes_for_it() {
        let provider = |name: &str, output: f64| Provider {
            name: name.into(),
            key: Some("A_KEY".into()),
            prices: vec![("m".into(), OfModel { input: 0.0, output })],
            ..Provider::default()
        };
        let price = prices(vec![provider("p", 1.0), provider("q", 2.0)]);
        let usage = Usage { input: 0, output: 1_000_000 };
        assert_eq!([price("p/m", usage), price("q/m", usage), price("m", usage)], [Some(1.0), Some(2.0), Some(1.0)]);
        assert_eq!(price("p/other", usage), None);
    }
}
