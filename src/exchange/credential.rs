//! The client's own credentials: which headers hold them, and which values are only placeholders that an SDK demands.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use http::HeaderMap;

use crate::wire::headers::is_credential;

/// Shorter values give access to nothing, and replacing them would change ordinary text.
const SHORTEST: usize = 12;

/// Placeholder keys and the words they are made of: `sk-test-key`, `your-api-key-here`, `dummy`, `not needed`.
const MADE_UP: [&str; 53] = [
    "a",
    "abc",
    "abcd",
    "abcdef",
    "ant",
    "any",
    "anything",
    "api",
    "apikey",
    "bar",
    "bearer",
    "changeme",
    "ci",
    "demo",
    "dummy",
    "empty",
    "example",
    "fake",
    "foo",
    "for",
    "here",
    "invalid",
    "is",
    "key",
    "lm",
    "local",
    "localhost",
    "mock",
    "my",
    "needed",
    "no",
    "none",
    "not",
    "null",
    "ollama",
    "openai",
    "anthropic",
    "placeholder",
    "proj",
    "real",
    "replace",
    "required",
    "retake",
    "sample",
    "secret",
    "sk",
    "studio",
    "test",
    "testing",
    "tests",
    "token",
    "unused",
    "your",
];

/// Whether a header carries a credential that a provider may get: cookies, headers for a proxy and those of retake
/// itself are not for providers.
pub fn is_passed_on(name: &str) -> bool {
    is_credential(name) && !name.contains("cookie") && !name.starts_with("x-retake-") && !name.starts_with("proxy-")
}

/// The client's own secrets in these headers, each with the name that replaces it.
pub fn credentials(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, value) in headers.iter().filter(|(name, _)| is_passed_on(name.as_str())) {
        let Ok(value) = value.to_str() else { continue };
        let variable = format!("CLIENT_{}", name.as_str().to_ascii_uppercase().replace('-', "_"));
        let parts = parts(value.trim()).into_iter().filter(|part| !is_made_up(part));
        found.extend(parts.map(|part| (variable.clone(), part)));
    }
    found
}

/// The secret parts of a header's value: a token after its scheme, what `Basic` encodes, the parts of a signature.
fn parts(value: &str) -> Vec<String> {
    let Some((scheme, rest)) = value.split_once(' ') else { return vec![value.to_owned()] };
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = STANDARD.decode(rest).or_else(|_| URL_SAFE.decode(rest)).ok();
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let password = decoded.split_once(':').map(|(_, password)| password.to_owned());
        return [Some(rest.to_owned()), password.or(Some(decoded))].into_iter().flatten().collect();
    }
    if rest.contains('=') && rest.contains(',') {
        let value_of =
            |pair: &str| pair.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.to_owned()));
        let secret = |(name, value): (String, String)| match name.as_str() {
            "SignedHeaders" => None,
            // The id of the key, without the date and the service it is used for.
            "Credential" => value.split('/').next().map(str::to_owned),
            _ => Some(value.trim_matches('"').to_owned()),
        };
        return rest.split(',').filter_map(value_of).filter_map(secret).collect();
    }
    vec![rest.to_owned()]
}

/// Whether a key is a placeholder.
fn is_made_up(key: &str) -> bool {
    let is_word = |word: &str| {
        let is_digits = word.bytes().all(|byte| byte.is_ascii_digit()) && word.len() <= 10;
        let is_one_letter = word.bytes().all(|byte| Some(byte) == word.bytes().next());
        is_digits || is_one_letter || MADE_UP.contains(&word.to_ascii_lowercase().as_str())
    };
    key.len() < SHORTEST || key.split(|letter: char| !letter.is_ascii_alphanumeric()).all(is_word)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn found(name: &'static str, value: &str) -> Vec<String> {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())]);
        credentials(&headers).into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn keys_of_test_suites_are_made_up() {
        for key in [
            "",
            "retake",
            "sk-test",
            "sk-test-key-1234567890",
            "test",
            "dummy",
            "your-api-key-here",
            "sk-xxxxxxxxxxxxxxxxxxxxxxxx",
            "not-needed",
            "EMPTY",
            "ollama",
            "lm-studio",
            "fake-key-for-testing",
            "sk-ant-api-test",
            "<your api key>",
            "sk-proj-test",
            "00000000-0000-0000-0000-000000000000",
            "****************",
        ] {
            assert!(is_made_up(key), "{key}");
        }
        for key in [
            "sk-proj-9fK2mQ7xV1bN8cR4",
            "ya29.a0AfH6SMBx-Qw3",
            "gsk_8Jd2Lw0PqZx7Yv",
            "AKIAIOSFODNN7EXAMPLE",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3",
            "canary-4711-canary",
        ] {
            assert!(!is_made_up(key), "{key}");
        }
    }

    #[test]
    fn the_secret_of_each_scheme_is_found() {
        assert_eq!(found("authorization", "Bearer ya29.a0AfH6SMBx-Qw3"), ["CLIENT_AUTHORIZATION=ya29.a0AfH6SMBx-Qw3"]);
        assert_eq!(found("authorization", "Bearer sk-test"), [""; 0]);
        assert_eq!(found("x-api-key", "sk-9fK2mQ7xV1bN8cR4"), ["CLIENT_X_API_KEY=sk-9fK2mQ7xV1bN8cR4"]);
        assert_eq!(
            found("authorization", "Basic dXNlcjpwYXNzd29yZC00NzEx"),
            ["CLIENT_AUTHORIZATION=dXNlcjpwYXNzd29yZC00NzEx", "CLIENT_AUTHORIZATION=password-4711"]
        );
        let signed = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261125/us-east-1/bedrock/aws4_request, \
                      SignedHeaders=host;x-amz-date, Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024";
        assert_eq!(
            found("authorization", signed),
            [
                "CLIENT_AUTHORIZATION=AKIAIOSFODNN7EXAMPLE",
                "CLIENT_AUTHORIZATION=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024"
            ]
        );
        for name in ["cookie", "x-retake-token", "proxy-authorization", "content-type"] {
            assert_eq!(found(name, "session=9fK2mQ7xV1bN8cR4"), [""; 0], "{name}");
        }
    }
}
