//! How the paths of two requests differ, in words and as a distance.

use crate::exchange::shown_endpoint as shown;

/// Paths with less in common than this belong to different things.
const MOST_APART: f64 = 0.5;

/// From 0 (the same) to [`MOST_APART`]; `None` if the paths have too little in common.
pub(super) fn distance(recorded: &str, asked: &str) -> Option<f64> {
    if recorded == asked {
        return Some(0.0);
    }
    let bare = |endpoint| path_and_query(shown(endpoint)).0.trim_end_matches('/');
    // Any other path counts as farther than one of which only the query, the end or the place on the server differs.
    let apart = text_distance(bare(recorded), bare(asked)).max(0.001);
    (apart <= MOST_APART).then_some(apart)
}

/// How two endpoints differ, in one line, and the likely cause; `None` if they do not differ.
pub(super) fn difference(recorded: &str, asked: &str) -> Option<(String, &'static str)> {
    if recorded == asked {
        return None;
    }
    let both = format!("recorded {}, asked {}", shown(recorded), shown(asked));
    if shown(recorded) == shown(asked) {
        let place = |endpoint: &str| {
            if endpoint.starts_with("//") { "at the root of the server" } else { "below the base URL" }
        };
        let line = format!("path: recorded {}, asked {}", place(recorded), place(asked));
        return Some((line, "the client's base URL or the provider's was changed"));
    }
    let (old, new) = (path_and_query(shown(recorded)), path_and_query(shown(asked)));
    let sorted = |query: &str| {
        let mut pairs: Vec<String> = query.split('&').map(str::to_owned).collect();
        pairs.sort_unstable();
        pairs
    };
    Some(match old.0 == new.0 {
        true if sorted(old.1) == sorted(new.1) => (
            format!("path: only the order of the query's parameters differs: {both}"),
            "the client puts the query together in another order: make its order constant",
        ),
        true => (format!("path: {both}"), "another query than the recorded one"),
        false if old.0.trim_end_matches('/') == new.0.trim_end_matches('/') => {
            (format!("path: {both}"), "only one of the two paths has a slash at its end")
        }
        false => (
            format!("path: {both}"),
            "another path than the recorded one: the API's version, a model or an id in it was changed",
        ),
    })
}

fn path_and_query(endpoint: &str) -> (&str, &str) {
    endpoint.split_once('?').unwrap_or((endpoint, ""))
}

/// From 0 (the same text) to 1 (nothing in common at either end).
pub(super) fn text_distance(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let shorter = a.len().min(b.len());
    let front = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let back = a.iter().rev().zip(b.iter().rev()).take(shorter - front).take_while(|(x, y)| x == y).count();
    1.0 - (front + back) as f64 / a.len().max(b.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closer_texts_are_nearer() {
        let planets = ["Which planet do humans live on?", "Which planets do humans live on?"];
        assert!(text_distance(planets[0], planets[1]) < 0.1);
        assert_eq!(text_distance("aaa", "aaaa"), 0.25, "no character counts twice");
        assert!(text_distance("aaa", "aa") < 0.5 && text_distance("", "x") > 0.9 && text_distance("ab", "xy") > 0.9);
    }

    #[test]
    fn paths_that_a_version_a_model_or_a_query_tells_apart_are_near() {
        for (recorded, asked) in [
            ("/v1beta/models/gemini-1.5-flash:generateContent", "/v1beta/models/gemini-2.0-pro:generateContent"),
            (
                "/openai/deployments/a/chat/completions?api-version=1",
                "/openai/deployments/b/chat/completions?api-version=2",
            ),
            ("/v1/x?a=1&b=2", "/v1/x?b=2&a=1"),
            ("/v1/x/", "/v1/x"),
            ("//v1/x", "/v1/x"),
        ] {
            assert!(distance(recorded, asked).is_some_and(|apart| apart > 0.0), "{recorded} {asked}");
        }
        assert_eq!(distance("/v1/x", "/v1/x"), Some(0.0));
        assert_eq!(distance("/v1/chat/completions", "/v1/embeddings"), None);
        assert_eq!(distance("/v1/models", "/api/chat"), None);
    }

    #[test]
    fn what_is_different_of_a_path_is_said_in_a_line() {
        let said: Vec<String> = [
            ("/v1/x?a=1&b=2", "/v1/x?b=2&a=1"),
            ("/v1/x?a=1", "/v1/x?a=2"),
            ("/v1/x/", "/v1/x"),
            ("//v1/x", "/v1/x"),
            ("//v1/a", "//v1/b"),
        ]
        .into_iter()
        .filter_map(|(recorded, asked)| difference(recorded, asked))
        .map(|(line, cause)| format!("{line}\n  {cause}"))
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        path: only the order of the query's parameters differs: recorded /v1/x?a=1&b=2, asked /v1/x?b=2&a=1
          the client puts the query together in another order: make its order constant
        path: recorded /v1/x?a=1, asked /v1/x?a=2
          another query than the recorded one
        path: recorded /v1/x/, asked /v1/x
          only one of the two paths has a slash at its end
        path: recorded at the root of the server, asked below the base URL
          the client's base URL or the provider's was changed
        path: recorded /v1/a, asked /v1/b
          another path than the recorded one: the API's version, a model or an id in it was changed
        ");
        assert_eq!(difference("/v1/x", "/v1/x"), None);
    }
}
