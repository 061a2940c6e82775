//! `retake conform`: the shipped suites against any OpenAI-compatible endpoint, and the verdict that they come to.

mod models;
mod progress;
mod suites;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::args::{ConformArgs, SourceArgs};
use super::exit::{Exit, Stop};
use super::interrupt::Interrupts;
use super::output::{self, guarded};
use super::settings::{Elsewhere, Sourcing, StackChoice};
use super::tapes::Tapes;
use super::wire::Wired;
use super::{load, settings, socket};
use crate::conform::{self, Asked, Named, Tried, Verdict};
use crate::event::{Event, Finished};
use crate::exchange::{Auth, Secrets};
use crate::matrix::{self, Case};
use crate::protocol::Policy;
use crate::provider::{Catalogue, Models, Provider, Setup, parse_providers};
use crate::record::{self, MOST_RECORDED};
use crate::report::{self, Look};
use crate::run::{self, Ended, Planned};
use crate::suite::Axis;
use crate::upstream::{self, Upstream as _, without_secrets};
use crate::yaml::Source;
use models::{Kind, Listed};
use progress::Progress;

/// Whose the request for the list of models is.
const LISTING: &str = "conformance::models";

/// Judges the endpoint that the arguments name.
pub(super) fn run(args: ConformArgs) -> Result<Exit, Stop> {
    can_judge()?;
    let given = models::given(&args.model)?;
    let (name, place) = match args.provider.split_once('=') {
        Some((name, place)) => (name, Some(place)),
        None => (args.provider.as_str(), None),
    };
    let provider = provider(&args, name, place)?;
    let shipped = load::shipped()?;
    let catalogue = Catalogue { capabilities: shipped.capabilities, providers: vec![provider] };
    let source = SourceArgs {
        suites: args.suites.clone(),
        recordings: args.recordings.clone(),
        provider: place.map(|_| args.provider.clone()).into_iter().collect(),
        script: Vec::new(),
        mode: args.mode.clone(),
        replay_speed: None,
        max_recording_size: MOST_RECORDED,
        live: args.live,
        matchers: Default::default(),
        named: Default::default(),
    };
    let sourcing = Sourcing::new(&source, &catalogue)?;
    let secrets = sourcing.secrets(&catalogue);
    let look = Look { width: settings::width(), color: settings::color(args.color) && !args.json, cases: args.verbose };
    let options = run::Options {
        workers: args.workers,
        case_timeout: Duration::from_secs(args.timeout),
        max_failures: None,
        is_stepwise: false,
        reruns: 0,
        captures: false,
        purse: None,
    };
    let judging = Judging { catalogue: &catalogue, sourcing: &sourcing, secrets: &secrets, options };
    guarded(&secrets, || {
        let verdict = super::block_on(judging.verdict(&given, settings::again(&source)))?;
        if args.json {
            output::print(&secrets, &(serde_json::to_string_pretty(&verdict).map_err(Stop::internal)? + "\n"))?;
        } else {
            output::say(&secrets, &report::conformance(&verdict, look))?;
        }
        Ok(if verdict.works { Exit::Ok } else { Exit::Failed })
    })
}

/// The shipped suites compare answers with JSON Schemas.
fn can_judge() -> Result<(), Stop> {
    #[cfg(not(feature = "schema"))]
    return Err(Stop::not_built("schema"));
    #[cfg(feature = "schema")]
    Ok(())
}

/// The provider as it is judged: nothing is known of what it can do.
fn provider(args: &ConformArgs, name: &str, place: Option<&str>) -> Result<Provider, Stop> {
    let known = load::catalogue(&args.suites, settings::color(args.color))?;
    let mut provider = match (known.provider(name), place) {
        (Some(provider), _) => provider.clone(),
        (None, Some(place)) => new_provider(name, place)?,
        (None, None) => {
            let names: Vec<String> = known.providers.iter().map(|provider| provider.name.clone()).collect();
            let unknown = load::unknown("provider", name, &names);
            return Err(Stop::usage(format!("{unknown}\n  for another one, write --provider {name}=BASE_URL")));
        }
    };
    if let Some(place) = place.filter(|place| !place.starts_with("script:")) {
        provider.base_url = bare(place);
    }
    let own = format!("{}_API_KEY", name.to_uppercase().replace(['-', '.'], "_"));
    let is_set = |name: &String| Sourcing::inherited(name).is_some_and(|value| !value.is_empty());
    provider.key = args.key.clone().or(provider.key).or_else(|| Some(own).filter(is_set));
    // At another place, who is known to want a key may want none.
    if place.is_some() && args.key.is_none() {
        provider.key = provider.key.filter(is_set);
    }
    Ok(Provider {
        lacks: BTreeMap::new(),
        broken: BTreeMap::new(),
        deviates: Vec::new(),
        xfail: Vec::new(),
        ..provider
    })
}

/// A provider that no file knows, read as it would be from one.
fn new_provider(name: &str, place: &str) -> Result<Provider, Stop> {
    let base_url = match place.starts_with("script:") {
        // It leads nowhere: nobody is asked there.
        true => format!("https://{name}.invalid/v1"),
        false => bare(place),
    };
    let named = Named { name, r#type: &format!("remote::{name}"), base_url: &base_url, key: None };
    let text = format!("providers:\n{}", conform::entry(&named, &[]));
    let catalogue = parse_providers(&Source { name: "--provider".to_owned(), text: text.into() });
    let catalogue = catalogue
        .map_err(|error| Stop::usage(format!("--provider {name}={}: {}", without_secrets(place), error.reason)))?;
    catalogue.providers.into_iter().next().ok_or_else(|| Stop::internal("a provider without an entry"))
}

/// A URL as it may stand in a file.
fn bare(url: &str) -> String {
    without_secrets(url.split(['?', '#']).next().unwrap_or(url)).into_owned()
}

/// Everything that was decided for a verdict.
struct Judging<'a> {
    catalogue: &'a Catalogue,
    sourcing: &'a Sourcing,
    secrets: &'a Secrets,
    options: run::Options,
}

impl Judging<'_> {
    async fn verdict(&self, given: &BTreeMap<Kind, String>, flags: String) -> Result<Verdict, Stop> {
        let provider = self.catalogue.providers.first().ok_or_else(|| Stop::internal("no provider"))?;
        let mut tapes = Tapes::new(self.sourcing, self.secrets.clone(), false);
        // What fails is what the verdict is made of: a replay must fail in the same way.
        tapes.keep_failed = true;
        let asked = self.models(provider, &tapes, given).await?;
        let cases = self.cases(&asked)?;
        let interrupts = Interrupts::listen().map_err(Stop::internal)?;
        let choice = StackChoice::Direct;
        let mut wired = Wired::new(&choice, "retake conform", flags, self.sourcing, interrupts.clone());
        let mut plan = Vec::new();
        for (case, setup) in cases {
            let target = wired.target(&case, &setup, self.catalogue, &tapes).await?;
            plan.push(Planned { case: Arc::new(case), target, policy: Policy::default() });
        }
        // Everything builds on chat: where that does not work, the rest would only cost time and money.
        let (base, rest): (Vec<_>, Vec<_>) =
            plan.into_iter().partition(|planned| planned.case.template().needs.is_empty());
        let mut tried = self.ends(base, &interrupts).await?;
        let descriptions = self.catalogue.capabilities.iter();
        let descriptions = descriptions.map(|(name, it)| (name.clone(), it.description.clone())).collect();
        let works = conform::judge(&descriptions, &tried).iter().any(conform::Row::works_in_part);
        if works {
            tried.extend(self.ends(rest, &interrupts).await?);
        }
        wired.end().await;
        let capabilities = conform::judge(&descriptions, &tried);
        let named = Named {
            name: &provider.name,
            r#type: &provider.r#type,
            base_url: &provider.base_url,
            key: provider.key.as_deref(),
        };
        let entry = if works { conform::entry(&named, &capabilities) } else { String::new() };
        let failures = tapes.set.failures();
        if !failures.is_empty() {
            return Err(Stop { exit: Exit::Failed, message: failures.join("\n") });
        }
        Ok(Verdict {
            retake: env!("CARGO_PKG_VERSION").to_owned(),
            provider: provider.name.clone(),
            base_url: match self.sourcing.elsewhere.get(&provider.name) {
                Some(Elsewhere::Script(file)) => format!("script:{}", file.display()),
                _ => provider.base_url.clone(),
            },
            mode: self.sourcing.mode.to_string(),
            models: asked,
            works,
            capabilities,
            entry,
        })
    }

    /// Which models are asked. The provider's list is looked at unless every kind is given.
    async fn models(
        &self,
        provider: &Provider,
        tapes: &Tapes<'_>,
        given: &BTreeMap<Kind, String>,
    ) -> Result<Vec<Asked>, Stop> {
        let listed = match given.len() == Kind::ALL.len() {
            true => Ok(Vec::new()),
            false => list(provider, tapes).await?,
        };
        let found = listed.as_deref().unwrap_or_default();
        models::choose(given, found).ok_or_else(|| {
            let why = match &listed {
                Ok(_) => "it lists no model that answers with text".to_owned(),
                Err(why) => format!("its list of models is not available: {why}"),
            };
            Stop {
                exit: Exit::Failed,
                message: format!(
                    "{}: {why}\n  name a model with --model M, or check the URL ({}) and the key (--key VARIABLE)",
                    provider.name, provider.base_url
                ),
            }
        })
    }

    /// Every case of the suites, each with the setup that it is of.
    fn cases(&self, asked: &[Asked]) -> Result<Vec<(Case, Setup)>, Stop> {
        let provider = self.catalogue.providers.first().map(|provider| provider.name.clone()).unwrap_or_default();
        let model = |kind: Kind| {
            let asked = asked.iter().find(|asked| asked.kind == kind.name())?;
            asked.model.as_ref().map(|model| format!("{provider}/{model}"))
        };
        let is_script =
            matches!(self.sourcing.elsewhere.get(&provider), Some(Elsewhere::Script(_) | Elsewhere::ServedScript(_)));
        let var = |name: &str| match name {
            suites::SCRIPTED => is_script.then(|| "1".to_owned()),
            other => self.sourcing.var(other),
        };
        let mut cases = Vec::new();
        for (kind, suite) in suites::suites(self.catalogue)? {
            let models = Models { text: model(kind), embedding: model(Kind::Embedding), vision: model(Kind::Vision) };
            let setup = Setup { name: kind.name().to_owned(), provider: provider.clone(), models, ..Setup::default() };
            for case in matrix::expand(&suite, &setup, self.catalogue, true) {
                let case = match (case.template().model, case.model()) {
                    (Some(axis), None) => case.skipped(&no_model(kind, axis)),
                    _ if case.template().needs_env.as_ref().is_some_and(|name| var(name).is_none()) => {
                        case.skipped("only a scripted provider can be made to return this error")
                    }
                    _ => case.equipped(&var, self.sourcing.mode == record::Mode::Replay),
                };
                cases.push((case, setup.clone()));
            }
        }
        Ok(cases)
    }

    /// Runs cases to their ends, in their order.
    async fn ends(&self, plan: Vec<Planned>, interrupts: &Interrupts) -> Result<Vec<Tried>, Stop> {
        let endpoints: Vec<Vec<String>> = plan.iter().map(|planned| endpoints(&planned.case)).collect();
        let mut progress = Progress::of(plan.len());
        let (sender, mut events) = mpsc::unbounded_channel();
        let running = run::run(plan, self.options.clone(), sender, interrupts.first(), interrupts.second());
        let hearing = async {
            let mut finished: Vec<Finished> = Vec::new();
            while let Some(event) = events.recv().await {
                match event {
                    Event::CaseFinished(case) => {
                        progress.step(&case.case.template);
                        finished.push(*case);
                    }
                    Event::Notice(text) => output::warn(self.secrets, &text),
                    _ => {}
                }
            }
            finished.sort_by_key(|case| case.index);
            finished
        };
        let (ended, finished) = tokio::join!(running, hearing);
        match ended {
            Ended::Done => {}
            Ended::Stopped => return Err(Stop::interrupted()),
            Ended::Broken => return Err(Stop::internal("a worker died")),
        }
        let tried = finished.into_iter().map(|finished| {
            let endpoints = endpoints.get(finished.index).cloned().unwrap_or_default();
            Tried { finished, endpoints }
        });
        Ok(tried.collect())
    }
}

fn no_model(kind: Kind, axis: Axis) -> String {
    let kind = if axis == Axis::Text { kind.name() } else { axis.name() };
    format!("no model for it: --model {kind}=NAME")
}

/// What a case asks, each once.
fn endpoints(case: &Case) -> Vec<String> {
    let mut endpoints: Vec<String> = Vec::new();
    for step in &case.template().steps {
        let path = step.request.path.split('?').next().unwrap_or_default();
        if !endpoints.iter().any(|known| known == path) {
            endpoints.push(path.to_owned());
        }
    }
    endpoints
}

/// The models that a provider lists; inside, why it does not.
async fn list(provider: &Provider, tapes: &Tapes<'_>) -> Result<Result<Vec<Listed>, String>, Stop> {
    let tape = tapes.of(provider)?;
    tapes.set.begin(LISTING, Vec::new(), Arc::default());
    let request =
        upstream::Request { auth: Auth::Provider, case: Some(LISTING.to_owned()), ..socket::get("/v1/models") };
    let listed = match tape.send(request).await {
        // Whoever prints it names the provider.
        Err(error) => {
            let prefix = format!("{}: ", provider.name);
            Err(error.message.strip_prefix(&prefix).map(str::to_owned).unwrap_or(error.message))
        }
        Ok(reply) => {
            let status = reply.status;
            let body = reply.collect().await.map_err(|(_, error)| error.message);
            body.and_then(|body| {
                let text = String::from_utf8_lossy(&body);
                match serde_json::from_str(&text) {
                    Ok(json) if status.is_success() => Ok(models::listed(&json)),
                    _ => Err(format!("{status}: {}", text.chars().take(200).collect::<String>())),
                }
            })
        }
    };
    tapes.set.finish(LISTING, record::Verdict::Passed).await;
    Ok(listed)
}
