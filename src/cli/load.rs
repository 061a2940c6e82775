//! Loads the user's files: suites, providers, setups. All mistakes are reported at once, before any case runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{self, MOST_TEXT};
use crate::provider::{self, Catalogue, Setup};
use crate::spelling::nearest;
use crate::suite::{self, Files, Known, Suite};
use crate::yaml::Source;

use super::args::{SelectArgs, SourceArgs};
use super::exit::{Exit, Stop};
use super::named::Named;
use super::near;

/// What ships: a folder's own providers and setups add to these.
const PROVIDERS: &str = include_str!("../../suites/providers.yaml");
const SETUPS: &str = include_str!("../../suites/setups.yaml");
const PRICES: &str = include_str!("../../suites/prices.yaml");

/// The providers and setups.
pub(super) struct Parties {
    pub(super) catalogue: Catalogue,
    pub(super) setups: Vec<Setup>,
}

/// Reads providers and setups, which add to the shipped ones.
pub(super) fn parties(source: &SourceArgs, color: bool) -> Result<Parties, Stop> {
    parties_of(&source.suites, color)
}

/// The same for a folder of suites.
pub(super) fn parties_of(suites: &Path, color: bool) -> Result<Parties, Stop> {
    let parties = unpriced(suites, color)?;
    Ok(Parties { catalogue: priced(suites, parties.catalogue, color)?, ..parties })
}

/// The same without the folder's prices, for whoever makes them.
pub(super) fn unpriced(suites: &Path, color: bool) -> Result<Parties, Stop> {
    let catalogue = declared(suites, color)?;
    let mut shipped = shipped_setups()?;
    // A file of providers may extend none.
    shipped.retain(|setup| setup.is_of(&catalogue));
    let setups = match own(&suites.join("setups.yaml"))? {
        None => shipped,
        Some(file) => provider::parse_more_setups(&file, &catalogue, &shipped)
            .map_err(|error| Stop::usage(error.render(color)))?,
    };
    Ok(Parties { catalogue, setups })
}

/// Reads only the providers.
pub(super) fn catalogue(suites: &Path, color: bool) -> Result<Catalogue, Stop> {
    priced(suites, declared(suites, color)?, color)
}

fn priced(suites: &Path, catalogue: Catalogue, color: bool) -> Result<Catalogue, Stop> {
    match own(&suites.join("prices.yaml"))? {
        None => Ok(catalogue),
        Some(file) => provider::with_prices(&file, catalogue).map_err(|error| Stop::usage(error.render(color))),
    }
}

fn declared(suites: &Path, color: bool) -> Result<Catalogue, Stop> {
    let shipped = shipped()?;
    match own(&suites.join("providers.yaml"))? {
        None => Ok(shipped),
        Some(file) => provider::parse_more_providers(&file, &shipped).map_err(|error| Stop::usage(error.render(color))),
    }
}

/// The providers that ship, with every capability that the shipped suites need.
pub(super) fn shipped() -> Result<Catalogue, Stop> {
    let source = Source { name: "<built in>/providers.yaml".to_owned(), text: PROVIDERS.into() };
    let prices = Source { name: "<built in>/prices.yaml".to_owned(), text: PRICES.into() };
    provider::parse_providers(&source)
        .and_then(|catalogue| provider::with_prices(&prices, catalogue))
        .map_err(|error| Stop::internal(error.render(false)))
}

fn shipped_setups() -> Result<Vec<Setup>, Stop> {
    let source = Source { name: "<built in>/setups.yaml".to_owned(), text: SETUPS.into() };
    provider::parse_setups(&source, &shipped()?).map_err(|error| Stop::internal(error.render(false)))
}

/// Reads suites.
pub(super) fn suites(
    files: &[PathBuf],
    source: &SourceArgs,
    catalogue: &Catalogue,
    color: bool,
) -> Result<Vec<Arc<Suite>>, Stop> {
    let capabilities = catalogue.capabilities.keys().cloned().collect();
    let named = source.named.clone();
    let beside = move |from: &str, path: &str| beside(&named, from, path);
    let known = Known { capabilities, matchers: source.matchers.clone(), files: Files::new(beside) };
    let mut suites = Vec::new();
    let mut errors = Vec::new();
    for path in files {
        match suite::parse(Arc::new(read(path)?), &known) {
            Ok(suite) => suites.push(Arc::new(suite)),
            Err(found) => errors.extend(found.iter().map(|error| error.render(color))),
        }
    }
    if errors.is_empty() { Ok(suites) } else { Err(Stop::usage(errors.join("\n"))) }
}

/// Reads the file that another one names.
fn beside(named: &Named, from: &str, path: &str) -> Result<Source, String> {
    let folder = Path::new(from).parent().unwrap_or(Path::new(""));
    let path = folder.join(path);
    named.add(Path::new(from), &path);
    let text = text_of(&path).map_err(|why| match why {
        None => format!("there is no file {}{}", path.display(), near::path(&path)),
        Some(why) => why,
    })?;
    Ok(Source { name: path.to_string_lossy().replace('\\', "/"), text: text.into() })
}

/// The suites that the flags select, in order.
pub(super) fn selected(root: &Path, select: &SelectArgs) -> Result<Vec<PathBuf>, Stop> {
    if !root.is_dir() {
        let near = near::path(root);
        return Err(Stop::usage(format!(
            "no folder of suites at {}{near} (name one with --suites DIR, or write a first suite with `retake init`)",
            root.display()
        )));
    }
    let mut files = Vec::new();
    walk(root, &mut files)?;
    files.retain(|file| is_suite(root, file));
    files.sort();
    if files.is_empty() {
        let example = root.join("chat.yaml");
        let message = format!(
            "no suites in {}: a suite is a file such as {}\n  to write a first one: retake init",
            root.display(),
            example.display()
        );
        return Err(Stop { exit: Exit::NothingSelected, message });
    }
    for subdir in &select.subdirs {
        if !root.join(subdir).is_dir() {
            let folders: Vec<String> = files
                .iter()
                .filter_map(|file| Some(file.strip_prefix(root).ok()?.parent()?.to_string_lossy().into_owned()))
                .collect();
            return Err(Stop::usage(unknown("folder of suites", subdir, &folders)));
        }
    }
    if !select.subdirs.is_empty() {
        files.retain(|file| select.subdirs.iter().any(|subdir| file.starts_with(root.join(subdir))));
    }
    for name in &select.suite {
        if !files.iter().any(|file| is_named(file, root, name)) {
            return Err(Stop::usage(unknown("suite", name, &alike(name, root, &files))));
        }
    }
    if !select.suite.is_empty() {
        files.retain(|file| select.suite.iter().any(|name| is_named(file, root, name)));
    }
    Ok(files)
}

/// The names of all suites, in the form in which this unknown name was typed.
fn alike(name: &str, root: &Path, files: &[PathBuf]) -> Vec<String> {
    let has_folder = Path::new(name).components().count() > 1;
    let from_here = Path::new(name).starts_with(root);
    let written = |file: &PathBuf| {
        let file = if from_here { file } else { file.strip_prefix(root).unwrap_or(file) };
        let file = if has_folder { file } else { Path::new(file.file_name().unwrap_or_default()) };
        let file = if Path::new(name).extension().is_some() { file.to_owned() } else { file.with_extension("") };
        file.to_string_lossy().into_owned()
    };
    files.iter().map(written).collect()
}

/// A suite is named by its file name, with or without `.yaml`, or by its path from the working directory or from the
/// suites' folder.
fn is_named(file: &Path, root: &Path, name: &str) -> bool {
    let short = file.strip_prefix(root).unwrap_or(file);
    let name = Path::new(name);
    file == name
        || short == name
        || short.with_extension("") == name
        || file.file_name() == Some(name.as_os_str())
        || file.file_stem() == Some(name.as_os_str())
}

/// Whether a file below the suites' folder holds cases. Files in a folder named `shared` are for suites to include.
pub(super) fn is_suite(root: &Path, file: &Path) -> bool {
    let is_yaml = file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let mut folders = file.strip_prefix(root).unwrap_or(file).parent().into_iter().flat_map(Path::components);
    is_yaml && (file.parent() != Some(root) || !is_data(file)) && !folders.any(|folder| folder.as_os_str() == "shared")
}

fn is_data(file: &Path) -> bool {
    file.file_stem().is_some_and(|stem| stem == "providers" || stem == "setups" || stem == "prices")
}

/// Every YAML file below a folder.
pub(super) fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Stop> {
    let cannot = |error| Stop::usage(format!("cannot read {}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
    Ok(())
}

/// Reads a file of the user.
pub(super) fn read(path: &Path) -> Result<Source, Stop> {
    let name = path.to_string_lossy().replace('\\', "/");
    match text_of(path) {
        Ok(text) => Ok(Source { name, text: text.into() }),
        Err(Some(why)) => Err(Stop::usage(format!("cannot read {name}: {why}"))),
        Err(None) => Err(Stop::usage(format!("cannot read {name}: there is no such file{}", near::path(path)))),
    }
}

/// The text of a user's file. `Err` says why it cannot be read; `Err(None)` means that there is none.
fn text_of(path: &Path) -> Result<String, Option<String>> {
    let text = disk::text(path, MOST_TEXT).map_err(|why| (!why.is_missing()).then(|| why.to_string()))?;
    match disk::conflict(&text) {
        Some(line) => Err(Some(format!("line {line}: {}", disk::CONFLICT))),
        None => Ok(text),
    }
}

/// A file that the folder need not have.
fn own(path: &Path) -> Result<Option<Source>, Stop> {
    path.exists().then(|| read(path)).transpose()
}

/// "no setup `togehter`; did you mean `together`? There are: …"
pub(super) fn unknown(what: &str, name: &str, known: &[String]) -> String {
    let mut known: Vec<&str> = known.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    known.sort_unstable();
    known.dedup();
    let near =
        nearest(name, known.iter().copied()).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    format!("no {what} `{name}`{near}\n  there are: {}", known.join(", "))
}
