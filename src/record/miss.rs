//! The message about a request that no recording answers.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::case::{Changed, Nearest};
use super::file_cache::Found;
use super::library::Library;
use super::near::AskedOfFile;
use super::order::{Answer, Asker, answer};
use super::path;
use super::view::View;
use crate::diff::{Diff, Extent, Line, parting};
use crate::exchange::{Auth, Difference, Key, Request, is_same_case, masked, request_differences, shown_endpoint};
use crate::upstream::ErrorKind;

/// How many differing places are shown.
const MOST_SHOWN: usize = 3;
/// How many differing places are told as data.
const MOST_TOLD: usize = 20;
/// How many lines of a text difference are shown.
const MOST_LINES: usize = 16;
/// How many masks are shown.
const MOST_MASKS: usize = 6;
/// How many characters of a value are shown.
const MOST_CHARACTERS: usize = 160;

/// A request that no recording answers, and what is known about it.
pub(super) struct Missed<'a> {
    pub(super) library: &'a Library,
    /// The recordings under the rules of the case that asks.
    pub(super) view: &'a View,
    pub(super) request: &'a Request,
    pub(super) key: &'a Key,
    /// Its number among the case's equal requests.
    pub(super) nth: u32,
    /// The files that answer the same request, for another case or number.
    pub(super) files: &'a [Arc<Found>],
    /// Files that answered other requests of the case.
    pub(super) used: &'a BTreeSet<PathBuf>,
    /// The case as recordings name it.
    pub(super) label: Option<&'a str>,
}

/// The likely cause if the nearest recording belongs to another case.
const OF_ANOTHER_CASE: &str =
    "it was never recorded, or its recording was removed: the nearest recording is that of another case";

/// What a second pass of the same tests needs: nothing in its requests tells them from repeats.
const NEW_PASS: &str = "\n  a second pass of the same tests: give each pass its own `retake run -- COMMAND`, or a session of \
                        its own by its base URL, http://HOST:PORT/session/NAME/PROVIDER/…";

impl Missed<'_> {
    /// Whether a recording is missing or stale, the whole message (the request, its case, the nearest recording, what
    /// differs, the likely cause, and the command that records it), and the nearest recording as data.
    pub(super) fn message(&self, command: Option<&str>) -> (ErrorKind, String, Option<Nearest>) {
        let (near, count) = match self.files.is_empty() {
            true => self.library.near(self.view, self.key, self.request, self.label),
            false => (Vec::new(), 0),
        };
        let (kind, mut message, nearest) = match self.nearest(&near, |asked| self.is_left_of_case(asked)) {
            Some((own, differences)) => {
                (ErrorKind::StaleRecording, self.stale(own, &differences), Some((own, differences)))
            }
            None => (ErrorKind::MissingRecording, self.missing(&near, count), self.nearest(&near, |_| true)),
        };
        let nearest = nearest.map(|(asked, differences)| Nearest {
            file: asked.path.clone(),
            changed: differences.iter().take(MOST_TOLD).map(changed).collect(),
        });
        if let Some(command) = command {
            let what = if kind == ErrorKind::StaleRecording { "record it anew" } else { "record it" };
            let _ = write!(message, "\n  to {what}: {command}");
        }
        (kind, message, nearest)
    }

    fn stale(&self, own: &AskedOfFile, differences: &[Difference]) -> String {
        let mut out = format!(
            "the recording of this case is stale: it asks {} ({}) differently now",
            self.asked(),
            self.provider()
        );
        self.say_case(&mut out);
        let _ = write!(out, "\n  recording of this case: {}", own.path.display());
        self.say_differences(own, differences, &mut out);
        self.say_masked(&mut out);
        let _ = write!(out, "\n  likely cause: {}", self.cause(own, differences));
        out
    }

    /// Whether a recording belongs to the case that asks, and answered none of its requests in this run. Otherwise the
    /// request is an additional one, which makes no recording stale.
    fn is_left_of_case(&self, asked: &AskedOfFile) -> bool {
        let Some(case) = &self.request.case else { return false };
        let is_of_case = |recorded: &String| is_same_case(recorded, case, self.provider());
        !self.request.body.is_empty() && asked.cases.iter().any(is_of_case) && !self.used.contains(&asked.path)
    }

    fn missing(&self, near: &[AskedOfFile], count: usize) -> String {
        let (asked, provider) = (self.asked(), self.provider());
        let Some(last) = self.files.last() else {
            let mut out = format!("no recording of {asked} ({provider})");
            self.say_case(&mut out);
            let _ = write!(
                out,
                "\n  looked for: {}, and in all other files",
                self.library.path_of(&self.key.name).display()
            );
            self.say_nearest(near, count, &mut out);
            return out;
        };
        let mut out =
            format!("the recording of {asked} ({provider}) has no reply to its {} time in one case", ordinal(self.nth));
        self.say_case(&mut out);
        let asker = Asker { label: self.label, provider, nth: self.nth, lender: None };
        let (known, gap) = match answer(self.files, &asker) {
            Answer::NoReply { known, first_gap } => (known, first_gap),
            _ => (0, None),
        };
        let _ = write!(out, "\n  recorded: {}, {} in all", last.path.display(), times(known));
        match gap {
            Some(gap) => {
                let _ = write!(
                    out,
                    "\n  likely cause: the file with the {} reply is missing: it was removed, or not committed",
                    ordinal(gap)
                );
            }
            None => {
                out.push_str(
                    "\n  likely cause: the case, the client or the gateway asks this more often than when it was recorded \
                     (a retry?); if any number is right, put `\"repeat\": true` into the file's `retake` section",
                );
                if self.request.case.is_none() {
                    out.push_str(NEW_PASS);
                }
            }
        }
        out
    }

    fn asked(&self) -> String {
        format!("{} {}", self.request.method, shown_endpoint(&self.request.endpoint))
    }

    fn provider(&self) -> &str {
        self.library.provider()
    }

    fn say_case(&self, out: &mut String) {
        if let Some(case) = &self.request.case {
            let _ = write!(out, "\n  case: {case}");
        }
    }

    fn say_nearest(&self, near: &[AskedOfFile], count: usize, out: &mut String) {
        let Some((nearest, differences)) = self.nearest(near, |_| true) else {
            let _ = write!(
                out,
                "\n  nearest recording: none of {} recordings is for {}\n  likely cause: it was never recorded",
                count,
                self.asked()
            );
            return;
        };
        let _ = write!(out, "\n  nearest recording: {}", nearest.path.display());
        self.say_differences(nearest, &differences, out);
        self.say_masked(out);
        let _ = write!(out, "\n  likely cause: {}", self.cause(nearest, &differences));
    }

    fn say_differences(&self, nearest: &AskedOfFile, differences: &[Difference], out: &mut String) {
        if nearest.request.auth != self.request.auth {
            let (was, is) = if self.request.auth == Auth::None { ("with", "without") } else { ("without", "with") };
            let _ = write!(out, ", recorded {was} a key and asked {is} one");
        }
        if let Some((line, _)) = self.path_difference(nearest) {
            let _ = write!(out, "\n    {line}");
        }
        for difference in differences.iter().take(MOST_SHOWN) {
            let at = if difference.path.starts_with('$') { "differs at " } else { "" };
            let _ = write!(out, "\n    {at}{}", difference.path);
            if difference.is_order() {
                out.push_str(": only the order differs");
                continue;
            }
            if let Some(lines) = line_by_line(difference) {
                out.push_str(": - recorded, + asked");
                for line in lines {
                    let _ = write!(out, "\n      {}", line.text());
                }
                continue;
            }
            let (recorded, asked) = shown(difference);
            let _ = write!(out, "\n      recorded: {recorded}\n      asked:    {asked}");
        }
        if differences.len() > MOST_SHOWN {
            let _ = write!(out, "\n    and at {} more places", differences.len() - MOST_SHOWN);
        }
    }

    /// How the recorded path differs from the requested one, in one line, and the likely cause.
    fn path_difference(&self, nearest: &AskedOfFile) -> Option<(String, &'static str)> {
        path::difference(&nearest.request.endpoint, &self.request.endpoint)
    }

    /// Lists what the masks matched, so that their author sees whether they work.
    fn say_masked(&self, out: &mut String) {
        let rules = &self.view.rules;
        let found = masked(self.request, rules);
        for masked in found.iter().take(MOST_MASKS) {
            if let Some(mask) = rules.masks.get(usize::from(masked.mask)) {
                let text = value(Some(&masked.text.as_str().into()));
                let _ = write!(out, "\n  masked: {text} at {} by {mask}", masked.path);
            }
        }
        if found.len() > MOST_MASKS {
            let _ = write!(out, "\n  masked: {} more texts", found.len() - MOST_MASKS);
        }
        let idle = rules.masks_of(&self.request.endpoint).filter(|(number, _)| !self.key.hits.contains(number));
        for (_, mask) in idle.take(MOST_MASKS) {
            let _ = write!(out, "\n  masked nothing: {mask}");
        }
    }

    /// The recording with the fewest differing places; among equals, the one whose texts are closest. A recording of
    /// another path is farther than any of the same path.
    fn nearest<'b>(
        &self,
        all: &'b [AskedOfFile],
        is_meant: impl Fn(&AskedOfFile) -> bool,
    ) -> Option<(&'b AskedOfFile, Vec<Difference>)> {
        let read = |canonical| serde_json::from_str::<Value>(canonical).unwrap_or_default();
        let wanted = read(&self.key.canonical);
        let alike = all.iter().filter(|asked| asked.request.method == self.request.method && is_meant(asked));
        let measured = alike.filter_map(|asked| {
            let apart = path::distance(&asked.request.endpoint, &self.request.endpoint)?;
            let differences = request_differences(&read(&asked.canonical), &wanted);
            let count = differences.len() + usize::from(asked.request.auth != self.request.auth);
            let distance = apart + differences.iter().map(distance).sum::<f64>();
            Some(((apart > 0.0, count, distance), asked, differences))
        });
        // Of equally near ones, the first wins.
        let nearest = measured.reduce(|best, next| if next.0 < best.0 { next } else { best });
        nearest.map(|(_, asked, differences)| (asked, differences))
    }

    fn cause(&self, nearest: &AskedOfFile, differences: &[Difference]) -> String {
        if let Some((_, cause)) = self.path_difference(nearest) {
            return cause.to_owned();
        }
        let Some(first) = differences.first() else {
            return if nearest.request.auth == self.request.auth {
                "the requests differ in a way that JSON does not show: a number beyond 64 bits, or the base URL's path"
            } else {
                "they differ only in whether a key is sent"
            }
            .to_owned();
        };
        let field = &first.path;
        if first.is_order() {
            return format!("{field} has the same elements in another order: make their order constant");
        }
        if let Some(part) = field.strip_prefix("part ") {
            return self.cause_of_part(part, nearest);
        }
        if self.is_of_another_case(nearest) {
            return OF_ANOTHER_CASE.to_owned();
        }
        match (top(first), &first.old, &first.new) {
            (_, None, Some(_)) => format!(
                "the request has {field} and the recording has not: the case was changed, or a newer client or gateway \
                 sends it; if the provider ignores it, declare it under `ignores` in providers.yaml"
            ),
            (_, Some(_), None) => {
                format!("the recording has {field} and the request has not: the case or the client was changed")
            }
            ("model", ..) => "another model than the recorded one: see the setup and its models".to_owned(),
            ("stream", ..) => "only the other form, streamed or whole, was recorded".to_owned(),
            _ if is_of_prompt(first) => self.changed("the prompt", nearest),
            _ => self.changed(field, nearest),
        }
    }

    /// A cause for a request that was changed after it was recorded.
    fn changed(&self, what: &str, nearest: &AskedOfFile) -> String {
        let changed = format!("{what} was changed after it was recorded");
        match &self.request.case {
            _ if self.is_of_another_case(nearest) => OF_ANOTHER_CASE.to_owned(),
            Some(_) if !nearest.cases.is_empty() => changed,
            _ => format!("{changed}, or this one was never recorded"),
        }
    }

    /// Whether a recording names cases, and the case that asks is not one of them.
    fn is_of_another_case(&self, nearest: &AskedOfFile) -> bool {
        let Some(case) = &self.request.case else { return false };
        let is_own = |recorded: &String| is_same_case(recorded, case, self.provider());
        !nearest.cases.is_empty() && !nearest.cases.iter().any(is_own)
    }

    /// Why a part of a form may differ. `part` is its name and the differing property: `"file": filename`.
    fn cause_of_part(&self, part: &str, nearest: &AskedOfFile) -> String {
        let (name, what) = part.split_once(": ").unwrap_or((part, ""));
        let cause = self.changed(&format!("part {name} of the form"), nearest);
        match what {
            // If several parts have this name, no JSONPath leads to just one of them.
            "filename" if name.ends_with('"') => format!(
                "{cause}; if the name makes no difference, declare `$[{name}].filename` under `ignores` in \
                 providers.yaml"
            ),
            _ => cause,
        }
    }
}

fn changed(difference: &Difference) -> Changed {
    let (recorded, asked) = shown(difference);
    Changed { path: difference.path.clone(), recorded, asked }
}

/// The top-level member of the body that holds a difference.
fn top(difference: &Difference) -> &str {
    difference.path.trim_start_matches("$.").split(['.', '[']).next().unwrap_or_default()
}

/// Whether a text of the prompt differs at a place that both requests have.
fn is_of_prompt(difference: &Difference) -> bool {
    matches!(top(difference), "contents" | "input" | "instructions" | "messages" | "prompt" | "system")
        && difference.old.is_some()
        && difference.new.is_some()
}

/// From 0 (the same text) to 1 (nothing in common at either end).
fn distance(difference: &Difference) -> f64 {
    match (&difference.old, &difference.new) {
        (Some(Value::String(a)), Some(Value::String(b))) => path::text_distance(a, b),
        _ => 1.0,
    }
}

/// A line-by-line comparison, for texts of several lines.
fn line_by_line(difference: &Difference) -> Option<Vec<Line>> {
    let (Some(Value::String(recorded)), Some(Value::String(asked))) = (&difference.old, &difference.new) else {
        return None;
    };
    let has_lines = recorded.contains('\n') || asked.contains('\n');
    let diff = has_lines.then(|| Diff::of(recorded, asked)).flatten()?;
    Some(diff.shown(Extent::Lines(MOST_LINES)))
}

/// The recorded and the requested value; long texts are shown from where they first differ.
fn shown(difference: &Difference) -> (String, String) {
    let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    let texts = text(&difference.old).zip(text(&difference.new));
    let parted = texts.and_then(|(recorded, asked)| parting(&recorded, &asked));
    parted.unwrap_or_else(|| (value(difference.old.as_ref()), value(difference.new.as_ref())))
}

fn value(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(absent)".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn ordinal(number: u32) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

fn times(number: u32) -> String {
    if number == 1 { "1 reply".to_owned() } else { format!("{number} replies") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        let said = [1, 2, 3, 4, 10, 11, 12, 13, 21, 22, 23, 101, 111, 112, 113, 122].map(ordinal);
        let want = "1st 2nd 3rd 4th 10th 11th 12th 13th 21st 22nd 23rd 101st 111th 112th 113th 122nd";
        assert_eq!(said.join(" "), want);
        assert_eq!([times(0), times(1), times(2)], ["0 replies", "1 reply", "2 replies"]);
    }
}
