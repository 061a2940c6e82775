//! `retake prices update`: fills `prices.yaml` from litellm's list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::civil::Date;
use sha2::{Digest as _, Sha256};

use super::args::{PricesArgs, PricesCommand, UpdateArgs};
use super::exit::{Exit, Stop};
use super::load::{self, Parties};
use super::{near, output, reports, retired, settings};
use crate::exchange::Secrets;
use crate::protocol::Asked;
use crate::provider::{self, Catalogue, List, Listed, Provider};
use crate::record::Library;
use crate::wire::hex::hex;
use crate::yaml::Source;

/// Provider and model.
type Name = (String, String);
/// What is known of models.
type Models = BTreeMap<Name, Listed>;

/// What the head of a file says that may be replaced.
const MARK: &str = "`retake prices update ";
/// The most changes of a kind that are told one by one.
const MOST_TOLD: usize = 30;

pub(super) fn run(args: &PricesArgs) -> Result<Exit, Stop> {
    let PricesCommand::Update(args) = &args.command;
    update(args)
}

fn update(args: &UpdateArgs) -> Result<Exit, Stop> {
    let color = settings::color(None);
    if !args.suites.is_dir() {
        let (folder, near) = (args.suites.display(), near::path(&args.suites));
        return Err(Stop::usage(format!("no folder of suites at {folder}{near} (name one with --suites DIR)")));
    }
    let parties = load::unpriced(&args.suites, color)?;
    let file = args.suites.join("prices.yaml");
    let before = before(&file, &parties.catalogue)?;
    let source = load::read(&args.from)?;
    let list = provider::parse_list(&source, &parties.catalogue.providers)
        .map_err(|error| Stop::usage(error.render(color)))?;
    let warn = |line: &str| output::warn(&Secrets::default(), line);
    list.odd.iter().for_each(|odd| warn(&format!("warning: left out: {odd}")));
    let used = used(args, &parties, warn);
    let missing = missing(&used, &list, &parties.catalogue);
    let entries = list.models.len();
    let chosen: Models = list.models.into_iter().filter(|(name, _)| args.all || used.contains(name)).collect();
    if chosen.is_empty() {
        let message = format!(
            "no model of setups and recordings is among the {entries} that the list has of your providers{}\n  all of them: \
             --all",
            missing_line(&missing)
        );
        return Err(Stop { exit: Exit::NothingSelected, message });
    }
    let today = retired::today();
    let has_schema = args.suites.join("../schemas/prices.schema.json").exists();
    let text = format!("{}\n{}", head(&source, args.all, has_schema, today), provider::prices_file(&chosen));
    reports::replace(&file, &text).map_err(|error| Stop::usage(format!("cannot write {}: {error}", file.display())))?;
    let providers: BTreeSet<&str> = chosen.keys().map(|(provider, _)| provider.as_str()).collect();
    let (models, providers) = (plural(chosen.len(), "model"), plural(providers.len(), "provider"));
    let mut out = format!(
        "wrote {}: {models} of {providers}, of {entries} that the list has of your providers{}\n",
        file.display(),
        missing_line(&missing)
    );
    out.extend(changes(&before, &chosen));
    if before == chosen {
        out.push_str("  no price and no date changed\n");
    }
    out.push_str(&ending(parties, Source { name: file.display().to_string(), text: text.into() }, today)?);
    output::print(&Secrets::default(), &out)?;
    Ok(Exit::Ok)
}

/// The models of setups that are retired or soon will be, by the new file.
fn ending(parties: Parties, file: Source, today: Date) -> Result<String, Stop> {
    let catalogue =
        provider::with_prices(&file, parties.catalogue).map_err(|error| Stop::internal(error.render(false)))?;
    let own = parties.setups.iter().filter(|setup| !setup.by_name_only);
    Ok(retired::lines(own, &catalogue, today).into_iter().map(|line| line + "\n").collect())
}

/// What a file of before says. A file that was not made here is not replaced.
fn before(file: &Path, catalogue: &Catalogue) -> Result<Models, Stop> {
    if !file.exists() {
        return Ok(Models::new());
    }
    let source = load::read(file)?;
    if !source.text.lines().take_while(|line| line.starts_with('#')).any(|line| line.contains(MARK)) {
        return Err(Stop::usage(format!(
            "{} was not made by `retake prices update`, and is not replaced\n  move what it says to `prices` in providers.yaml, \
             which wins over a list, and remove it",
            file.display()
        )));
    }
    let mut bare = catalogue.clone();
    bare.providers.iter_mut().for_each(|provider| provider.listed.clear());
    // What cannot be read is made anew; its providers may be gone.
    let Ok(read) = provider::with_prices(&source, bare) else { return Ok(Models::new()) };
    let of = |provider: Provider| {
        provider.listed.into_iter().map(move |(model, listed)| ((provider.name.clone(), model), listed))
    };
    Ok(read.providers.into_iter().flat_map(of).collect())
}

/// The models of setups and recordings.
fn used(args: &UpdateArgs, parties: &Parties, warn: impl Fn(&str)) -> BTreeSet<Name> {
    let own = parties.setups.iter().filter(|setup| !setup.by_name_only);
    let routed = own.flat_map(|setup| setup.models.all()).filter_map(|model| model.split_once('/'));
    let mut used: BTreeSet<Name> = routed.map(|(provider, model)| (provider.to_owned(), model.to_owned())).collect();
    for provider in &parties.catalogue.providers {
        let exchanges = Library::open(&args.recordings, provider).exchanges().unwrap_or_else(|error| {
            warn(&format!("warning: recordings of {} are not looked at: {error}", provider.name));
            Vec::new()
        });
        // What was refused may ask for a model that never was.
        for request in exchanges.iter().filter(|exchange| exchange.reply.status < 400).map(|exchange| &exchange.request)
        {
            let asked = Asked::new(request.method.as_str(), &request.endpoint, &request.body);
            used.extend(asked.model().map(|model| (provider.name.clone(), model.to_owned())));
        }
    }
    used
}

/// The models in use that send a bill, and for which neither the list nor a hand has a price.
fn missing(used: &BTreeSet<Name>, list: &List, catalogue: &Catalogue) -> Vec<String> {
    let is_missing = |name: &&Name| {
        let provider = catalogue.provider(&name.0).filter(|provider| provider.key.is_some());
        !list.models.contains_key(*name) && provider.is_some_and(|provider| provider.price(&name.1).is_none())
    };
    used.iter().filter(is_missing).map(|(provider, model)| format!("{provider}/{model}")).collect()
}

fn missing_line(missing: &[String]) -> String {
    match missing {
        [] => String::new(),
        names => format!("\n  not in the list: {}", names.join(", ")),
    }
}

/// The head of the file: where it is from, and how it is made.
fn head(list: &Source, all: bool, has_schema: bool, today: Date) -> String {
    let schema = if has_schema { "# yaml-language-server: $schema=../schemas/prices.schema.json\n" } else { "" };
    let name = Path::new(&list.name).file_name().unwrap_or_default().to_string_lossy();
    let digest = hex(&Sha256::digest(list.text.as_bytes()));
    let all = if all { "--all " } else { "" };
    format!(
        "{schema}# What models cost, in US dollars per million tokens, and until when they are served, by litellm's list:\n\
         # {name} of {} bytes, read on {today},\n\
         # sha256 {digest}.\n\
         # {MARK}{all}--from FILE` makes this file anew. By hand, write `prices` in providers.yaml, which win.",
        list.text.len()
    )
}

/// A line for each model that is new, other or gone.
fn changes(before: &Models, after: &Models) -> Vec<String> {
    let named = |(provider, model): &Name| format!("{provider}/{model}");
    let new = after.iter().filter(|(name, _)| !before.contains_key(*name));
    let new: Vec<String> = new.map(|(name, listed)| format!("  + {}: {listed}\n", named(name))).collect();
    let other = after.iter().filter_map(|(name, listed)| {
        let old = before.get(name).filter(|old| *old != listed)?;
        Some(format!("  ~ {}: {old} -> {listed}\n", named(name)))
    });
    let gone = before.iter().filter(|(name, _)| !after.contains_key(*name));
    let gone: Vec<String> = gone.map(|(name, listed)| format!("  - {}: {listed}\n", named(name))).collect();
    [new, other.collect(), gone].into_iter().flat_map(shortened).collect()
}

fn shortened(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(MOST_TOLD);
    let sign: String = lines.first().map_or_else(String::new, |line| line.chars().take(3).collect());
    lines.truncate(MOST_TOLD);
    lines.extend((more > 0).then(|| format!("{sign} and {more} more\n")));
    lines
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Price;

    fn models(entries: &[(&str, f64)]) -> Models {
        let listed = |input| Listed { price: Some(Price { input, output: 1.0 }), ..Listed::default() };
        entries.iter().map(|(model, input)| (("p".to_owned(), (*model).to_owned()), listed(*input))).collect()
    }

    #[test]
    fn what_is_new_other_or_gone_is_told() {
        let told =
            changes(&models(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]), &models(&[("a", 1.0), ("b", 2.5), ("d", 3.0)]));
        assert_eq!(
            told,
            [
                "  + p/d: {input: 3, output: 1}\n",
                "  ~ p/b: {input: 1, output: 1} -> {input: 2.5, output: 1}\n",
                "  - p/c: {input: 1, output: 1}\n",
            ]
        );
        let many: Vec<String> = (0..50).map(|number| format!("m{number}")).collect();
        let many: Vec<(&str, f64)> = many.iter().map(|name| (name.as_str(), 1.0)).collect();
        let told = changes(&Models::new(), &models(&many));
        assert_eq!((told.len(), told.last().map(String::as_str)), (MOST_TOLD + 1, Some("  + and 20 more\n")));
    }
}
