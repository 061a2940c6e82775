//! Parses the paths of the proxy. Pure.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use super::refusal::Refusal;
use crate::wire::headers::query_without_key;

/// The longest name of a session, in bytes: room for the id of any test.
const LONGEST_NAME: usize = 1_000;

/// What a request is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'p> {
    /// The proxy itself: its state and its providers.
    Home,
    /// Starts a session.
    Start(String),
    /// Finishes a session.
    Finish(String),
    /// Tells the state of a session.
    Look(String),
    /// A request to a provider.
    Api {
        /// The session that makes the request.
        session: Option<String>,
        /// The first segment of the path.
        provider: &'p str,
        /// The rest of the path: `/v1/chat/completions`, `/`.
        rest: &'p str,
    },
}

/// Parses a path without its query.
pub(super) fn place<'p>(method: &Method, path: &'p str) -> Result<Place<'p>, Refusal> {
    if matches!(path, "" | "/" | "/health") {
        return Ok(Place::Home);
    }
    let Some(rest) = path.strip_prefix("/session/") else { return Ok(api(None, path)) };
    let (name, rest) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let name = name_of(name)?;
    match (rest, method) {
        ("" | "/", &Method::POST) => Ok(Place::Start(name)),
        ("/finish", &Method::POST) => Ok(Place::Finish(name)),
        ("" | "/", &Method::GET) => Ok(Place::Look(name)),
        ("" | "/" | "/finish", _) => {
            let message = "a session is started with POST /session/NAME and ended with POST /session/NAME/finish";
            Err(Refusal::unknown_route(message))
        }
        _ => Ok(api(Some(name), rest)),
    }
}

fn api(session: Option<String>, path: &str) -> Place<'_> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (provider, rest) = path.find('/').map_or((path, "/"), |at| path.split_at(at));
    Place::Api { session, provider, rest }
}

/// The name of a session, decoded from a path or a header.
pub(super) fn name_of(escaped: &str) -> Result<String, Refusal> {
    let name = percent_decode_str(escaped).decode_utf8().map_err(|_| Refusal::bad_session("it is not UTF-8"))?;
    if name.trim().is_empty() {
        return Err(Refusal::bad_session("it is empty"));
    }
    if name.len() > LONGEST_NAME {
        return Err(Refusal::bad_session(&format!("it is longer than {LONGEST_NAME} bytes")));
    }
    if name.chars().any(char::is_control) {
        return Err(Refusal::bad_session("it has a line break or another control character in it"));
    }
    Ok(name.into_owned())
}

/// A path with its query, without the caller's own key, and whether there was one: Google's API takes keys in the
/// query.
pub(super) fn with_query<'p>(path: &'p str, query: Option<&str>) -> (Cow<'p, str>, bool) {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return (path.into(), false) };
    match query_without_key(query) {
        (_, false) => (format!("{path}?{query}").into(), false),
        (kept, true) if kept.is_empty() => (path.into(), true),
        (kept, true) => (format!("{path}?{kept}").into(), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(path: &str) -> String {
        match place(&Method::POST, path) {
            Ok(Place::Home) => "home".to_owned(),
            Ok(Place::Start(name)) => format!("start {name}"),
            Ok(Place::Finish(name)) => format!("finish {name}"),
            Ok(Place::Look(name)) => format!("look {name}"),
            Ok(Place::Api { session, provider, rest }) => {
                format!("{}{provider} {rest}", session.map_or_else(String::new, |name| format!("<{name}> ")))
            }
            Err(refusal) => refusal.message,
        }
    }

    #[test]
    fn the_first_segment_is_a_provider_and_the_rest_stays_as_it_is() {
        assert_eq!(post("/together/v1/chat/completions"), "together /v1/chat/completions");
        assert_eq!(post("/gemini/v1beta/models/m:generateContent"), "gemini /v1beta/models/m:generateContent");
        assert_eq!(post("/ollama"), "ollama /");
        assert_eq!(post("/ollama/"), "ollama /");
        assert_eq!(post("/ollama//api/%2Fx"), "ollama //api/%2Fx");
        assert_eq!(post("/healthy/x"), "healthy /x");
    }

    #[test]
    fn the_proxy_has_paths_of_its_own() {
        assert_eq!((post("/"), post("/health")), ("home".into(), "home".into()));
        assert_eq!(post("/session/a"), "start a");
        assert_eq!(post("/session/a/"), "start a");
        assert_eq!(post("/session/a/finish"), "finish a");
        assert_eq!(place(&Method::GET, "/session/a"), Ok(Place::Look("a".to_owned())));
        assert!(place(&Method::PUT, "/session/a").is_err_and(|refusal| refusal.message.contains("POST")));
        assert!(place(&Method::GET, "/session/a/finish").is_err());
    }

    #[test]
    fn a_session_in_front_of_a_provider_is_its_own_world() {
        assert_eq!(post("/session/a/openai/v1/models"), "<a> openai /v1/models");
        assert_eq!(post("/session/a/finish/v1"), "<a> finish /v1");
        assert_eq!(
            post("/session/tests%2Ftest_a.py::test_b%5B1%5D/openai/v1"),
            "<tests/test_a.py::test_b[1]> openai /v1"
        );
        for bad in ["/session/%FF/openai/v1", "/session//openai/v1", "/session/%0A/openai", "/session/%20"] {
            assert!(post(bad).contains("session"), "{bad}");
        }
        assert!(post(&format!("/session/{}/x", "a".repeat(LONGEST_NAME + 1))).contains("longer"));
        assert!(!post(&format!("/session/{}/x", "a".repeat(LONGEST_NAME))).contains("longer"));
    }

    #[test]
    fn a_key_in_the_query_stays_behind() {
        assert_eq!(with_query("/a", Some("key=s&pageToken=t&x")), ("/a?pageToken=t&x".into(), true));
        assert_eq!(with_query("/a", Some("key=s")), ("/a".into(), true));
        assert_eq!(with_query("/a", Some("b=c&monkey=1")), ("/a?b=c&monkey=1".into(), false));
        assert_eq!(with_query("/a", Some("")), ("/a".into(), false));
        assert_eq!(with_query("/a", None), ("/a".into(), false));
    }
}
