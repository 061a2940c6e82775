//! Decides whose credential a request uses: the provider's key, or the client's own. Pure.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::percent_decode_str;

use crate::access::{AccessKeys, bearer};
use crate::exchange::{Auth, credentials, is_passed_on};
use crate::wire::headers::KEY_HEADERS;

/// The header in which Google's API takes a key, besides the query.
const OF_GOOGLE: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Replaces a value that is not a key of the provider's.
const NO_KEY: HeaderValue = HeaderValue::from_static("retake");

/// Replaces the proxy's own token in the headers in which clients send it: no provider may get it. The header stays,
/// because it shows where the client's SDK puts a key.
pub(super) fn without_token(headers: &mut HeaderMap, keys: &AccessKeys) {
    if bearer(headers).is_some_and(|token| keys.know(token)) {
        headers.insert(header::AUTHORIZATION, NO_KEY);
    }
    for name in KEY_HEADERS {
        if headers.get(name).is_some_and(|value| value.to_str().is_ok_and(|value| keys.know(value))) {
            headers.insert(name, NO_KEY);
        }
    }
}

/// Moves the key of a query into a header, where it is recognised as a key.
pub(super) fn from_query(headers: &mut HeaderMap, query: &str) {
    let key = query.split('&').find_map(|pair| pair.strip_prefix("key="));
    let key = key.map(|key| percent_decode_str(key).decode_utf8_lossy().into_owned());
    let value = key.and_then(|key| HeaderValue::try_from(key).ok());
    headers.entry(OF_GOOGLE).or_insert(value.unwrap_or(NO_KEY));
}

/// Whether the client sends a credential of its own; placeholders beside a real one are removed.
pub(super) fn of_client(headers: &mut HeaderMap) -> Auth {
    if credentials(headers).is_empty() {
        return Auth::Provider;
    }
    let sent: Vec<HeaderName> = headers.keys().filter(|name| is_passed_on(name.as_str())).cloned().collect();
    for name in sent {
        let alone: HeaderMap = headers.get_all(&name).iter().map(|value| (name.clone(), value.clone())).collect();
        if credentials(&alone).is_empty() {
            headers.remove(&name);
        }
    }
    Auth::Client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_credential_of_the_clients_own_goes_on_and_a_made_up_one_does_not() {
        let mut headers =
            map(&[("authorization", "Bearer ya29.a0AfH6SMBx-Qw3"), ("x-api-key", "sk-test"), ("x-own", "1")]);
        assert_eq!(of_client(&mut headers), Auth::Client);
        assert!(headers.contains_key("authorization") && headers.contains_key("x-own"));
        assert!(!headers.contains_key("x-api-key"));
        let mut headers = map(&[("authorization", "Bearer sk-test")]);
        assert_eq!(of_client(&mut headers), Auth::Provider);
        assert!(headers.contains_key("authorization"), "it says where the key goes");
    }

    #[test]
    fn the_proxys_token_is_no_credential_for_a_provider() {
        let keys = AccessKeys::new(&["4f9a1c07d2e85b63".to_owned()]);
        for (name, value) in [
            ("authorization", "Bearer 4f9a1c07d2e85b63"),
            ("x-api-key", "4f9a1c07d2e85b63"),
            ("api-key", "4f9a1c07d2e85b63"),
        ] {
            let mut headers = map(&[(name, value)]);
            without_token(&mut headers, &keys);
            assert_eq!((of_client(&mut headers), &headers[name]), (Auth::Provider, &NO_KEY));
        }
        let mut headers =
            map(&[("authorization", "Bearer ya29.a0AfH6SMBx-Qw3"), ("x-retake-token", "4f9a1c07d2e85b63")]);
        without_token(&mut headers, &keys);
        assert_eq!(of_client(&mut headers), Auth::Client);
    }

    #[test]
    fn a_key_in_the_query_is_one_in_a_header() {
        let mut headers = HeaderMap::new();
        from_query(&mut headers, "a=1&key=AIza%2Dx1");
        assert_eq!(headers[&OF_GOOGLE], "AIza-x1");
        let mut headers = HeaderMap::new();
        from_query(&mut headers, "api_key=x");
        assert_eq!(headers[&OF_GOOGLE], NO_KEY);
    }
}
