//! Base URLs that users had set before retake sets its own: where the providers are, for this run.

use crate::provider::Provider;
use crate::upstream::{is_loopback, path_of, without_secrets};

use super::exit::Stop;
use super::settings::{Elsewhere, Sourcing};

/// Takes the addresses of providers from the variables in which their SDKs look for a base URL. `--provider` wins over
/// them, and `--env` over those that it names. Returns what users should know.
pub(super) fn honour(sourcing: &mut Sourcing, providers: &[&Provider], env: &[String]) -> Result<Vec<String>, Stop> {
    let outer = Sourcing::inherited("RETAKE_PROXY_URL").filter(|url| !url.is_empty());
    let mut said = Vec::new();
    for provider in providers {
        let is_told = sourcing.elsewhere.contains_key(&provider.name);
        let mut found: Option<(&str, String)> = None;
        for (variable, path) in &provider.sdk_env {
            let is_ours = env.iter().any(|word| word.split('=').next() == Some(variable));
            let value = Sourcing::inherited(variable).map(|value| value.trim().trim_end_matches('/').to_owned());
            let value = value.filter(|value| !value.is_empty() && !is_told && !is_ours);
            let Some(value) = value.filter(|value| !is_retake(value, outer.as_deref(), &provider.name, path)) else {
                continue;
            };
            let Some(url) = base_url(&provider.base_url, path, &value) else {
                let shown = without_secrets(&value);
                said.push(format!(
                    "{variable}={shown} is not used: it is no base URL for {}; --provider {0}=URL names another address",
                    provider.name
                ));
                continue;
            };
            match &found {
                Some((first, known)) if *known != url => {
                    return Err(Stop::usage(format!(
                        "{first} and {variable} lead to different addresses of {0}: say which with --provider {0}=URL",
                        provider.name
                    )));
                }
                _ => found = Some((variable, url)),
            }
        }
        let Some((variable, url)) = found.filter(|(_, url)| *url != provider.base_url) else { continue };
        said.push(format!("{} is asked at {}, as {variable} says", provider.name, without_secrets(&url)));
        sourcing.elsewhere.insert(provider.name.clone(), Elsewhere::Url(url));
    }
    Ok(said)
}

/// Whether an address is that of a retake, which serves providers under their names: this one is asked in its place.
fn is_retake(value: &str, outer: Option<&str>, provider: &str, path: &str) -> bool {
    let is_below = outer.and_then(|outer| value.strip_prefix(outer.trim_end_matches('/')));
    is_below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || is_loopback(value) && path_of(value).ends_with(&format!("/{provider}{path}"))
}

/// The base URL, with the API's version, of a server whose address an SDK reads as `value`. `declared` is the provider's
/// base URL, and `path` what the SDK wants of its path in the variable.
fn base_url(declared: &str, path: &str, value: &str) -> Option<String> {
    let uri: http::Uri = value.parse().ok()?;
    let is_url = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty());
    if !is_url || value.contains(['?', '#']) {
        return None;
    }
    let whole = path_of(declared);
    match whole.strip_prefix(path) {
        // An SDK that adds the version may have been given it all the same.
        Some(rest) if value.ends_with(rest) => Some(value.to_owned()),
        Some(rest) => Some(format!("{value}{rest}")),
        None => value.strip_suffix(path.strip_prefix(whole)?).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_variable_becomes_a_base_url_with_the_version() {
        let openai = "https://api.openai.com/v1";
        for (declared, path, value, url) in [
            (openai, "/v1", "http://gw:1/v1", Some("http://gw:1/v1")),
            (openai, "/v1", "http://gw:1/team/v3", Some("http://gw:1/team/v3")),
            ("https://api.anthropic.com/v1", "", "https://gw", Some("https://gw/v1")),
            ("https://api.anthropic.com/v1", "", "https://gw/v1", Some("https://gw/v1")),
            ("https://api.groq.com/openai/v1", "", "https://gw", Some("https://gw/openai/v1")),
            ("https://host.example/v1", "/v1/extra", "https://gw/v1/extra", Some("https://gw/v1")),
            ("https://host.example/v1", "/v1/extra", "https://gw", None),
            ("https://host.example/v1", "/other", "https://gw/other", None),
            (openai, "/v1", "gw:1", None),
            (openai, "/v1", "https://gw/v1?key=1", None),
            (openai, "/v1", "not a url", None),
        ] {
            assert_eq!(base_url(declared, path, value).as_deref(), url, "{value}");
        }
    }

    #[test]
    fn a_retake_is_known_by_its_address() {
        let outer = Some("http://127.0.0.1:8322");
        assert!(is_retake("http://127.0.0.1:8322/openai/v1", outer, "openai", "/v1"));
        assert!(is_retake("http://localhost:9/session/a/openai/v1", None, "openai", "/v1"));
        assert!(is_retake("http://127.0.0.1:9/ollama", None, "ollama", ""));
        assert!(!is_retake("http://127.0.0.1:83229/v1", outer, "openai", "/v1"));
        assert!(!is_retake("http://127.0.0.1:9/v1", None, "openai", "/v1"));
        assert!(!is_retake("https://gw.example/openai/v1", None, "openai", "/v1"));
    }
}
