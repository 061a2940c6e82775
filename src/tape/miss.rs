//! What is said of a request that no recording answers.

use std::fmt::Write as _;

use serde_json::Value;

use super::library::{Asked, Library, Take};
use crate::exchange::{Auth, Difference, Key, Request, differences};

/// Places shown of those that differ.
const MOST_SHOWN: usize = 3;
/// Characters shown of a value.
const MOST_CHARACTERS: usize = 160;

/// The whole message: what is missing, for which case, the nearest recording and what differs, the likely cause, and
/// the command that records it.
pub(super) fn message(
    library: &Library,
    request: &Request,
    key: &Key,
    nth: u32,
    takes: &[Take],
    command: &str,
) -> String {
    let asked = format!("{} {}", request.method, request.endpoint);
    let mut out = match takes.last() {
        Some(_) => format!(
            "the recording of {asked} ({}) has no reply to its {} time in one case",
            library.provider(),
            ordinal(nth)
        ),
        None => format!("no recording of {asked} ({})", library.provider()),
    };
    if let Some(case) = &request.case {
        let _ = write!(out, "\n  case: {case}");
    }
    match takes.last() {
        Some(last) => {
            let _ = write!(
                out,
                "\n  recorded: {}, {} in all\n  likely cause: the case, the client or the gateway asks this more often \
                 than when it was recorded (a retry?); if any number is right, put `\"repeat\": true` into the file's \
                 `retake` section",
                last.path.display(),
                times(nth.saturating_sub(1)),
            );
        }
        None => {
            let _ = write!(out, "\n  looked for: {}", library.path_of(&key.name).display());
            say_nearest(library, request, key, &mut out);
        }
    }
    let _ = write!(out, "\n  to record it: {command}");
    out
}

fn say_nearest(library: &Library, request: &Request, key: &Key, out: &mut String) {
    let all = library.asked();
    let Some((nearest, differences)) = nearest(&all, request, key) else {
        let _ = write!(
            out,
            "\n  nearest recording: none of {} recordings is for {} {}\n  likely cause: it was never recorded",
            all.len(),
            request.method,
            request.endpoint
        );
        return;
    };
    let _ = write!(out, "\n  nearest recording: {}", nearest.path.display());
    if nearest.request.auth != request.auth {
        let (was, is) = if request.auth == Auth::None { ("with", "without") } else { ("without", "with") };
        let _ = write!(out, ", recorded {was} a key and asked {is} one");
    }
    for difference in differences.iter().take(MOST_SHOWN) {
        let _ = write!(
            out,
            "\n    differs at {}\n      recorded: {}\n      asked:    {}",
            difference.path,
            shown(difference.old.as_ref()),
            shown(difference.new.as_ref())
        );
    }
    if differences.len() > MOST_SHOWN {
        let _ = write!(out, "\n    and at {} more places", differences.len() - MOST_SHOWN);
    }
    let _ = write!(out, "\n  likely cause: {}", cause(nearest, request, &differences));
}

/// The recording of the same endpoint with the fewest differing places; among equals the one whose texts are closest.
fn nearest<'a>(all: &'a [Asked], request: &Request, key: &Key) -> Option<(&'a Asked, Vec<Difference>)> {
    let wanted = body_of(&key.canonical);
    let mut best: Option<(usize, f64, &Asked, Vec<Difference>)> = None;
    for asked in all {
        if (&asked.request.method, &asked.request.endpoint) != (&request.method, &request.endpoint) {
            continue;
        }
        let differences = differences(&body_of(&asked.canonical), &wanted);
        let count = differences.len() + usize::from(asked.request.auth != request.auth);
        let distance = differences.iter().map(distance).sum();
        if best.as_ref().is_none_or(|(least, closest, ..)| (count, distance) < (*least, *closest)) {
            best = Some((count, distance, asked, differences));
        }
    }
    best.map(|(_, _, asked, differences)| (asked, differences))
}

/// The body after normalisation, as it is compared.
fn body_of(canonical: &str) -> Value {
    let whole: Value = serde_json::from_str(canonical).unwrap_or_default();
    whole.get("body").cloned().unwrap_or_default()
}

/// From 0, the same text, to 1, nothing in common at either end.
fn distance(difference: &Difference) -> f64 {
    let (Some(Value::String(a)), Some(Value::String(b))) = (&difference.old, &difference.new) else {
        return 1.0;
    };
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let shorter = a.len().min(b.len());
    let front = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let back = a.iter().rev().zip(b.iter().rev()).take(shorter - front).take_while(|(x, y)| x == y).count();
    1.0 - (front + back) as f64 / a.len().max(b.len()).max(1) as f64
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(absent)".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn cause(nearest: &Asked, request: &Request, differences: &[Difference]) -> String {
    let Some(first) = differences.first() else {
        return if nearest.request.auth == request.auth {
            "the requests differ in a way that JSON does not show: a number beyond 64 bits, or the base URL's path"
        } else {
            "only whether the key goes along differs"
        }
        .to_owned();
    };
    let top = first.path.trim_start_matches("$.").split(['.', '[']).next().unwrap_or_default();
    let field = &first.path;
    match (top, &first.old, &first.new) {
        (_, None, Some(_)) => format!(
            "the request has {field} and the recording has not: the case was changed, or a newer client or gateway \
             sends it; if the provider ignores it, declare it under `ignores` in providers.yaml"
        ),
        (_, Some(_), None) => {
            format!("the recording has {field} and the request has not: the case or the client was changed")
        }
        ("messages" | "prompt" | "input" | "instructions", ..) => {
            "the prompt was changed after it was recorded, or this one was never recorded".to_owned()
        }
        ("model", ..) => "another model than the recorded one: see the setup and its models".to_owned(),
        ("stream", ..) => "only the other form, streamed or whole, was recorded".to_owned(),
        _ => format!("{field} was changed after it was recorded"),
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
    fn closer_texts_are_nearer() {
        let between =
            |a: &str, b: &str| distance(&Difference { path: String::new(), old: Some(a.into()), new: Some(b.into()) });
        assert!(between("Which planet do humans live on?", "Which planets do humans live on?") < 0.1);
        assert!(between("aaa", "aa") < 0.5 && between("", "x") > 0.9 && between("ab", "xy") > 0.9);
    }
}
