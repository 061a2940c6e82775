//! Selects cases among all that exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::matrix::{Case, Keyword, KeywordError, Marks, Node};
use crate::spelling::nearest;

use super::args::TestArgs;
use super::exit::Stop;
use super::load::unknown;
use super::memory::Memory;
use super::near;

/// The meaning of arguments without a flag.
pub(super) struct Names {
    nodes: Vec<(String, Node)>,
    /// Parts of ids, or whole ids.
    filters: Vec<String>,
    is_exact: bool,
}

impl Names {
    /// Reads an argument as a path or a node id if that file or folder exists, else as a part of an id.
    pub(super) fn of(words: &[String], is_exact: bool, files: &[PathBuf]) -> Result<Self, Stop> {
        let mut names = Names { nodes: Vec::new(), filters: Vec::new(), is_exact };
        for word in words {
            let node = Node::new(&from_here(word));
            if is_exact {
                names.filters.push(word.clone());
            } else if files.iter().any(|file| node.holds(&file.to_string_lossy())) {
                names.nodes.push((word.clone(), node));
            } else if node.is_path() || !word.contains("::") && Path::new(word).exists() {
                let files: Vec<_> = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
                return Err(Stop::usage(format!("not found: {word}\n{}", unknown("suite", word, &files))));
            } else {
                names.filters.push(word.clone());
            }
        }
        Ok(names)
    }

    /// Whether a suite must be read. If each process runs one case, reading only its suite keeps this cheap.
    pub(super) fn want(&self, file: &Path) -> bool {
        let file = file.to_string_lossy();
        if self.is_exact && !self.filters.is_empty() {
            return self.filters.iter().any(|id| !id.contains("::") || Node::new(id).holds(&file));
        }
        !self.filters.is_empty() || self.nodes.is_empty() || self.nodes.iter().any(|(_, node)| node.holds(&file))
    }

    /// Whether no names are given.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.filters.is_empty()
    }

    /// Keeps only the cases that paths and node ids name, as if there were no others; a missing one is an error.
    pub(super) fn narrow(&self, all: &mut Vec<Arc<Case>>) -> Result<(), Stop> {
        for (word, node) in &self.nodes {
            if !all.iter().any(|case| node.selects(&case.id)) {
                let near = near_id(word, all);
                return Err(Stop::usage(format!(
                    "not found: {word}{near}\n  --collect-only -q shows the ids of this setup"
                )));
            }
        }
        if self.filters.is_empty() && !self.nodes.is_empty() {
            all.retain(|case| self.nodes.iter().any(|(_, node)| node.selects(&case.id)));
        }
        Ok(())
    }

    fn select(&self, id: &str) -> bool {
        let is_named = |filter: &String| if self.is_exact { id == filter } else { id.contains(filter.as_str()) };
        self.is_empty() || self.nodes.iter().any(|(_, node)| node.selects(id)) || self.filters.iter().any(is_named)
    }
}

/// A path below the working directory, in the form of ids.
fn from_here(word: &str) -> String {
    let here = std::env::current_dir().ok();
    let below = here.as_deref().and_then(|here| Path::new(word).strip_prefix(here).ok());
    below.map_or_else(|| word.to_owned(), |below| below.to_string_lossy().into_owned())
}

/// The cases to run, in order, and the messages about the selection.
pub(super) struct Selected<'a> {
    pub(super) cases: Vec<&'a Arc<Case>>,
    pub(super) said: Vec<String>,
}

/// The cases that expressions, names and the last run leave.
pub(super) fn select<'a>(
    args: &TestArgs,
    names: &Names,
    all: &'a [Arc<Case>],
    memory: &mut Memory,
) -> Result<Selected<'a>, Stop> {
    let wrong = |error: KeywordError| Stop::usage(error.to_string());
    let folded: Vec<String> = match args.select.pattern {
        Some(_) => all.iter().map(|case| case.id.to_lowercase()).collect(),
        None => Vec::new(),
    };
    let in_some_id = |part: &str| folded.iter().any(|id| id.contains(&part.to_lowercase()));
    let keyword = args.select.pattern.as_deref().map(|text| Keyword::parse(text, in_some_id)).transpose();
    let keyword = keyword.map_err(wrong)?;
    let choice = &args.choice;
    let is_mark = |name: &str| all.iter().any(|case| marks(case).iter().any(|mark| mark == name));
    let wanted_marks = choice.marks.as_deref().map(|text| Marks::parse(text, is_mark)).transpose().map_err(wrong)?;
    if let Some(strange) = wanted_marks.iter().flat_map(Marks::names).find(|name| !is_mark(name))
        && choice.strict_markers
    {
        let known: Vec<String> = all.iter().flat_map(|case| marks(case).iter().cloned()).collect();
        return Err(Stop::usage(unknown("mark", strange, &known)));
    }
    let is_selected = |case: &&Arc<Case>| {
        keyword.as_ref().is_none_or(|keyword| keyword.selects(&case.id, &words(case)))
            && wanted_marks.as_ref().is_none_or(|wanted| wanted.selects(marks(case)))
            && names.select(&case.id)
            && !args.libtest.skip.iter().any(|part| names.skips(part, &case.id))
            && (!args.libtest.ignored || case.skip.is_some())
            && !choice.deselect.iter().any(|prefix| case.id.starts_with(prefix.as_str()))
            && choice.shard.is_none_or(|shard| shard.holds(&case.id))
    };
    let mut selected = Selected { cases: all.iter().filter(is_selected).collect(), said: Vec::new() };
    remembered(args, memory, &mut selected);
    stepwise(args, memory, &mut selected);
    Ok(selected)
}

impl Names {
    fn skips(&self, part: &str, id: &str) -> bool {
        if self.is_exact { id == part } else { id.contains(part) }
    }
}

fn marks(case: &Case) -> &[String] {
    &case.suite.templates[case.template].keywords
}

/// Messages about arguments that match no case, and so have no effect.
pub(super) fn strange(args: &TestArgs, names: &Names, all: &[Arc<Case>]) -> Vec<String> {
    let mut said = Vec::new();
    // The ids of suites that were not read are unknown.
    for prefix in args.choice.deselect.iter().filter(|_| names.is_empty()) {
        if !all.iter().any(|case| case.id.starts_with(prefix.as_str())) {
            said.push(format!("--deselect {prefix}: no case's id begins so{}", near_id(prefix, all)));
        }
    }
    let known: BTreeSet<&str> = all.iter().flat_map(|case| marks(case)).map(String::as_str).collect();
    let is_mark = |name: &str| known.contains(name);
    let wanted = args.choice.marks.as_deref().and_then(|text| Marks::parse(text, is_mark).ok());
    for mark in wanted.iter().flat_map(Marks::names).filter(|mark| !is_mark(mark)) {
        let near = near::one_of(mark, known.iter().copied());
        said.extend((!near.is_empty()).then(|| format!("no case has the mark `{mark}`{near}")));
    }
    said
}

/// "; did you mean suites/a.yaml::name?", with or without parameters, as it was written.
fn near_id(word: &str, all: &[Arc<Case>]) -> String {
    let cut = |id: &'_ str| if word.contains('[') { id.len() } else { id.find('[').unwrap_or(id.len()) };
    let file = |id: &'_ str| if word.contains("::") { cut(id) } else { id.find("::").unwrap_or(id.len()) };
    let ids: BTreeSet<&str> = all.iter().map(|case| &case.id[..file(&case.id)]).collect();
    nearest(word, ids).map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

/// What `-k` searches besides the id. Without the provider, whose name is in the model already.
fn words(case: &Case) -> Vec<String> {
    let own = [case.client.unwrap_or_default().name().to_owned(), case.setup.to_string()];
    marks(case).iter().cloned().chain(own).collect()
}

/// Applies `--lf` and `--ff`, with pytest's messages.
fn remembered(args: &TestArgs, memory: &Memory, selected: &mut Selected<'_>) {
    let choice = &args.choice;
    if !choice.lf && !choice.ff {
        return;
    }
    let say = |words: String| format!("run-last-failure: {words}");
    let known = memory.failed();
    if known.is_empty() {
        let none = choice.lf && choice.lfnf == "none";
        if none {
            selected.cases.clear();
        }
        let what = if none { "deselecting all items" } else { "not deselecting items" };
        selected.said.push(say(format!("no previously failed tests, {what}.")));
        return;
    }
    let (failed, rest): (Vec<&Arc<Case>>, Vec<&Arc<Case>>) =
        std::mem::take(&mut selected.cases).into_iter().partition(|case| known.contains(&case.id));
    if failed.is_empty() {
        selected.cases = rest;
        selected.said.push(say(format!("{} known failures not in selected tests", known.len())));
        return;
    }
    let noun = if failed.len() == 1 { "failure" } else { "failures" };
    let first = if choice.ff { " first" } else { "" };
    selected.said.push(say(format!("rerun previous {} {noun}{first}", failed.len())));
    selected.cases = failed;
    if !choice.lf {
        selected.cases.extend(rest);
    }
}

/// Applies `--sw`, with pytest's messages.
fn stepwise(args: &TestArgs, memory: &mut Memory, selected: &mut Selected<'_>) {
    let choice = &args.choice;
    if !choice.sw && !choice.sw_skip && !choice.sw_reset {
        return;
    }
    memory.begin_stepwise(choice.sw_reset, choice.sw_skip);
    let words = if choice.sw_reset {
        "resetting state, not skipping.".to_owned()
    } else if let Some(last) = memory.stepwise() {
        match selected.cases.iter().position(|case| case.id == last) {
            Some(index) => {
                selected.cases.drain(..index);
                format!("skipping {index} already passed items (use --sw-reset to discard).")
            }
            None => "previously failed test not found, not skipping.".to_owned(),
        }
    } else {
        "no previously failed tests, not skipping.".to_owned()
    };
    selected.said.push(format!("stepwise: {words}"));
}
