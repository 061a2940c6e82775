//! The variables in which SDKs look for their base URL.

use std::collections::BTreeMap;

use crate::cli::exit::Stop;
use crate::cli::load::unknown;
use crate::provider::Provider;

/// The variables of the served providers, and those that the user adds or replaces.
pub(super) fn of<'p>(
    words: &[String],
    served: impl Iterator<Item = &'p Provider>,
) -> Result<BTreeMap<String, String>, Stop> {
    let mut variables = BTreeMap::new();
    let mut names = Vec::new();
    for provider in served {
        names.push(provider.name.clone());
        for (variable, path) in &provider.sdk_env {
            variables.insert(variable.clone(), format!("{}{path}", provider.name));
        }
    }
    for word in words {
        let Some((variable, place)) = word.split_once('=').filter(|(variable, _)| is_variable(variable)) else {
            return Err(Stop::usage(format!(
                "--env {word}: write it as VARIABLE=PROVIDER/PATH, such as OPENAI_BASE_URL=llama-cpp/v1"
            )));
        };
        let place = place.trim_matches('/');
        let provider = place.split('/').next().unwrap_or_default();
        if !names.iter().any(|name| name == provider) {
            return Err(Stop::usage(format!("--env {word}: {}", unknown("provider", provider, &names))));
        }
        if place.contains(char::is_whitespace) || place.contains(['?', '#', '\'', '"', '$', '`', ';', '&']) {
            return Err(Stop::usage(format!("--env {word}: `{place}` is not a path of a URL")));
        }
        variables.insert(variable.to_owned(), place.to_owned());
    }
    Ok(variables)
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(words: &[&str]) -> Result<BTreeMap<String, String>, String> {
        let provider = |name: &str, env: &[(&str, &str)]| Provider {
            name: name.to_owned(),
            sdk_env: env.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect(),
            ..Provider::default()
        };
        let providers = [provider("openai", &[("OPENAI_BASE_URL", "/v1")]), provider("ollama", &[("OLLAMA_HOST", "")])];
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        of(&words, providers.iter()).map_err(|stop| stop.message)
    }

    #[test]
    fn variables_lead_to_their_provider_or_where_the_user_says() {
        let all = set(&["OPENAI_BASE_URL=ollama/v1/", "OWN=openai"]).unwrap();
        let all: Vec<String> = all.into_iter().map(|(name, path)| format!("{name}={path}")).collect();
        assert_eq!(all, ["OLLAMA_HOST=ollama", "OPENAI_BASE_URL=ollama/v1", "OWN=openai"]);
    }

    #[test]
    fn a_wrong_variable_says_how_it_is_written() {
        for bad in ["OPENAI_BASE_URL", "=openai", "A B=openai", "1A=openai"] {
            assert!(set(&[bad]).is_err_and(|why| why.contains("VARIABLE=PROVIDER/PATH")), "{bad}");
        }
        assert!(set(&["A=opneai/v1"]).is_err_and(|why| why.contains("did you mean `openai`?")));
        assert!(set(&["A=openai/$(x)"]).is_err_and(|why| why.contains("is not a path")));
    }
}
