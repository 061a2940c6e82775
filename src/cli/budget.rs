//! Limits on the cost of a run: cases beyond them do not run.

mod meter;
mod price;
mod spending;

pub(super) use meter::Meter;
pub(super) use price::prices;
pub(super) use spending::Spending;

use std::collections::HashMap;
use std::sync::Arc;

use crate::matrix::{Case, Estimate, Limits, estimate};
use crate::provider::Catalogue;
use crate::record::Mode;

use super::args::BudgetArgs;
use super::exit::Stop;

/// The estimated cost of the selected cases, and the limits.
pub(super) struct Budget {
    limits: Limits,
    /// By case id; cases that are skipped anyway have none.
    estimates: HashMap<String, Estimate>,
    /// By case id: why the estimates alone put it beyond the limits.
    beyond: HashMap<String, String>,
}

impl Budget {
    /// Estimates the cases in order, and finds those beyond the limits of the flags. `None` if no flag asks for it. In
    /// replay nothing costs, so no case is beyond.
    pub(super) fn of(
        args: &BudgetArgs,
        mode: Mode,
        cases: &[&Arc<Case>],
        catalogue: &Catalogue,
    ) -> Result<Option<Self>, Stop> {
        if args.max_cost.is_none() && args.max_tokens.is_none() && !args.cost {
            return Ok(None);
        }
        let (mut estimates, mut beyond, mut spent) = (HashMap::new(), HashMap::new(), Estimate::default());
        let limits = Limits { dollars: args.max_cost, tokens: args.max_tokens };
        for case in cases {
            let mut sum = Estimate::default();
            if let (None, Some(provider)) = (&case.skip, catalogue.provider(&case.provider)) {
                sum = estimate(case, provider).map_err(|model| no_price(&provider.name, &model))?;
            }
            let after = spent.plus(sum);
            match limits.exceeded(after).filter(|_| mode != Mode::Replay && sum.tokens() > 0) {
                Some(limit) => drop(beyond.insert(case.id.clone(), spending::beyond(limit))),
                None => spent = after,
            }
            estimates.insert(case.id.clone(), sum);
        }
        Ok(Some(Budget { limits, estimates, beyond }))
    }

    /// Starts counting what the run spends.
    pub(super) fn spending(self) -> Spending {
        Spending::new(self.limits, self.estimates)
    }

    /// The case, skipped if the estimates alone put it beyond the limits.
    pub(super) fn settle(&self, case: &Arc<Case>) -> Arc<Case> {
        match self.beyond.get(&case.id) {
            Some(why) => Arc::new(case.skipped(why)),
            None => Arc::clone(case),
        }
    }

    /// `estimate: 12 cases ask about 3400 tokens and get at most 6144: $0.0046`
    pub(super) fn head_line(&self, mode: Mode) -> String {
        let sum = self.estimates.values().fold(Estimate::default(), |sum, estimate| sum.plus(*estimate));
        let asking = self.estimates.values().filter(|estimate| estimate.tokens() > 0).count();
        let nothing = if mode == Mode::Replay { " if it were live; a replay costs nothing" } else { "" };
        format!(
            "estimate: {asking} cases ask about {} tokens and get at most about {}: ${:.4}{nothing}",
            sum.input, sum.output, sum.dollars
        )
    }
}

fn no_price(provider: &str, model: &str) -> Stop {
    Stop::usage(format!(
        "no price of {provider}/{model} is known, so that its cost cannot be estimated\n  add it to providers.yaml, in US dollars per \
         million tokens:\n    {provider}:\n      prices: {{\"{model}\": {{input: 0.15, output: 0.60}}}}\n  or \
         take it from litellm's list: retake prices update --from FILE"
    ))
}
