//! The version in paths: SDKs differ in whether a base URL holds it. Pure.

use std::borrow::Cow;

use super::target::{is_loopback, path_of};

/// What stands behind the version in OpenAI's and Anthropic's APIs.
const RESOURCES: [&str; 13] = [
    "audio",
    "batches",
    "chat",
    "completions",
    "conversations",
    "embeddings",
    "files",
    "fine_tuning",
    "images",
    "messages",
    "models",
    "moderations",
    "responses",
];

/// A path on a provider's server with the version of its base URL once. A client that adds a version to a base URL that
/// holds one has it twice; one that adds none to a base URL without has none. Servers on this machine have other
/// endpoints at their root, so that nothing is added for them.
pub fn versioned<'p>(base_url: &str, path: &'p str) -> Cow<'p, str> {
    let base = path_of(base_url);
    let (parent, version) = base.rsplit_once('/').unwrap_or_default();
    if !is_version(version) || path.starts_with("//") {
        return path.into();
    }
    if let Some(rest) = path.strip_prefix(base) {
        let twice = rest.strip_prefix(base).or_else(|| rest.strip_prefix('/')?.strip_prefix(version));
        return match twice.filter(|rest| rest.starts_with('/')) {
            Some(rest) => format!("{base}{rest}").into(),
            None => path.into(),
        };
    }
    match path.strip_prefix(parent).filter(|rest| is_resource(rest) && !is_loopback(base_url)) {
        Some(rest) => format!("{base}{rest}").into(),
        None => path.into(),
    }
}

/// Whether no API can have this endpoint, because the version is missing or stands there twice: the provider's 404 is
/// then about the base URL.
pub fn is_misplaced(endpoint: &str) -> bool {
    let twice = endpoint.strip_prefix("/v1/").and_then(|rest| rest.split(['/', '?']).next());
    is_resource(endpoint) || twice.is_some_and(is_version)
}

/// Whether a path begins with something that stands behind the version.
fn is_resource(path: &str) -> bool {
    let first = path.strip_prefix('/').and_then(|path| path.split(['/', '?', ':']).next());
    first.is_some_and(|first| RESOURCES.contains(&first))
}

fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_version_of_its_provider_once() {
        let anthropic = "https://api.anthropic.com/v1";
        for path in ["/v1/messages", "/v1/v1/messages", "/messages"] {
            assert_eq!(versioned(anthropic, path), "/v1/messages", "{path}");
        }
        let groq = "https://api.groq.com/openai/v1";
        for path in ["/openai/v1/models", "/openai/v1/v1/models", "/openai/v1/openai/v1/models", "/openai/models"] {
            assert_eq!(versioned(groq, path), "/openai/v1/models", "{path}");
        }
    }

    #[test]
    fn what_may_be_another_endpoint_stays() {
        for (base, path) in [
            ("https://api.anthropic.com/v1", "/v1beta/messages"),
            ("https://api.anthropic.com/v1", "/v1/v1x/messages"),
            ("https://api.anthropic.com/v1", "//v1/messages"),
            ("https://api.anthropic.com/v1", "/api/health"),
            ("https://api.groq.com/openai/v1", "/models"),
            ("https://generativelanguage.googleapis.com/v1beta/openai", "/v1beta/openai/v1/models"),
            ("https://host.example", "/messages"),
            // llama.cpp has another reply at its own /embeddings.
            ("http://127.0.0.1:8080/v1", "/embeddings"),
        ] {
            assert_eq!(versioned(base, path), path, "{base}");
        }
        assert_eq!(versioned("http://127.0.0.1:8080/v1", "/v1/v1/models"), "/v1/models");
    }

    #[test]
    fn an_endpoint_that_no_api_has_is_known() {
        for endpoint in ["/messages", "/chat/completions", "/models/m", "/models?limit=1", "/v1/v1/messages"] {
            assert!(is_misplaced(endpoint), "{endpoint}");
        }
        for endpoint in ["/v1/messages", "/v1/models/v2", "/api/chat", "/v1", "/", "//v1/models"] {
            assert!(!is_misplaced(endpoint), "{endpoint}");
        }
    }
}
