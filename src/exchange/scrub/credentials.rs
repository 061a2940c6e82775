//! Credentials in a message itself, found by the names that they have there.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::exchange::credential::{self, is_passed_on};
use crate::exchange::model::Request;
use crate::wire::headers::{is_account, is_credential, is_credential_parameter};

/// The placeholder of a credential that belongs to no variable.
pub(super) const PLACEHOLDER: &str = "$CREDENTIAL";

/// Whether a value may be a key and not a word: `anything` and `not-needed` stand where no key is needed, and occur in
/// ordinary text.
pub(super) fn is_random(value: &[u8]) -> bool {
    let mut seen = [false; 256];
    value.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    value.len() >= 8
        && value.iter().any(u8::is_ascii_digit)
        && seen.iter().filter(|seen| **seen).count() >= 6
        && !value.iter().any(u8::is_ascii_whitespace)
}

/// Secret values, each with its placeholder.
pub(super) type Values = BTreeMap<String, String>;

/// The credentials in a request. Those that a provider may get are named after their header.
pub(super) fn of_request(request: &Request) -> Values {
    let mut all = BTreeSet::new();
    for (name, value) in request.headers.iter().filter(|(name, _)| is_credential(name.as_str())) {
        match value.to_str() {
            Ok(value) if !is_passed_on(name.as_str()) || value.starts_with('{') => {
                add_header(name.as_str(), value, &mut all);
            }
            _ => {}
        }
    }
    add_url(&request.endpoint, &mut all);
    let mut all = placed(all);
    // Values that are JSON were split above.
    let own = credential::credentials(&request.headers).into_iter().filter(|(_, value)| !value.contains('"'));
    all.extend(own.map(|(variable, value)| (value, format!("${variable}"))));
    all
}

fn placed(values: BTreeSet<String>) -> Values {
    values.into_iter().map(|value| (value, PLACEHOLDER.to_owned())).collect()
}

/// The values of reply headers that name the account or give access.
pub(super) fn of_reply<'h>(headers: impl Iterator<Item = (&'h str, &'h str)>) -> Values {
    let mut all = BTreeSet::new();
    for (name, value) in headers {
        if is_credential(name) || is_account(name) {
            add_header(name, value, &mut all);
        } else if is_place(name) {
            add_url(value, &mut all);
        }
    }
    placed(all)
}

/// Whether a reply header holds a location.
pub(super) fn is_place(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with("location")
}

fn add_url(url: &str, all: &mut BTreeSet<String>) {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    if let Some((user, _)) = user_and_host(place) {
        add(user, all);
        add(user.split_once(':').map_or("", |(_, password)| password), all);
    }
    // Some servers also separate pairs with `;`.
    for (name, value) in query.split(['&', ';']).filter_map(|pair| pair.split_once('=')) {
        if is_credential_parameter(name) {
            add(value, all);
            add(&percent_decode_str(value).decode_utf8_lossy(), all);
        }
    }
}

fn add_header(name: &str, value: &str, all: &mut BTreeSet<String>) {
    if name.contains("cookie") {
        let values = value.split(';').filter_map(|part| part.split_once('='));
        // The purpose and the lifetime of a cookie are no secrets.
        let own = values
            .filter(|(name, _)| !["expires", "path", "domain"].contains(&name.trim().to_ascii_lowercase().as_str()));
        return own.for_each(|(_, value)| add(value, all));
    }
    if let Ok(json) = serde_json::from_str::<Value>(value)
        && json.is_object()
    {
        return add_json(&json, all);
    }
    let words: Vec<&str> = value.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    // The first of several words is the scheme of the credential.
    let own = if words.len() > 1 { &words[1..] } else { &words[..] };
    for word in own {
        match word.split_once('=').filter(|(name, _)| is_parameter(name)) {
            Some((_, value)) => add(value, all),
            None => add(word, all),
        }
    }
    if let [scheme, packed] = words[..]
        && scheme.eq_ignore_ascii_case("basic")
        && let Ok(plain) = STANDARD.decode(packed)
        && let Ok(plain) = String::from_utf8(plain)
    {
        add(plain.split_once(':').map_or(plain.as_str(), |(_, password)| password), all);
    }
}

/// Whether this is a name that AWS puts before a part of a signature.
fn is_parameter(name: &str) -> bool {
    ["credential", "signature", "signedheaders"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn add_json(json: &Value, all: &mut BTreeSet<String>) {
    match json {
        Value::String(text) => add(text, all),
        Value::Array(items) => items.iter().for_each(|item| add_json(item, all)),
        Value::Object(members) => members.values().for_each(|item| add_json(item, all)),
        _ => {}
    }
}

fn add(value: &str, all: &mut BTreeSet<String>) {
    let value = value.trim().trim_matches('"');
    if is_random(value.as_bytes()) {
        all.insert(value.to_owned());
    }
}

/// A URL, or a path with its query, without its credentials: the user before the host, and secret parameters of the
/// query.
pub(super) fn out_of_url(url: &str) -> String {
    let (place, query) = url.split_once('?').map_or((url, None), |(place, query)| (place, Some(query)));
    let mut out = without_user(place);
    let Some(query) = query else { return out };
    let mut before = '?';
    for pair in query.split_inclusive(['&', ';']) {
        out.push(before);
        let (pair, end) = match pair.strip_suffix(['&', ';']) {
            Some(short) => (short, pair[short.len()..].chars().next()),
            None => (pair, None),
        };
        match pair.split_once('=').filter(|(name, value)| is_credential_parameter(name) && !value.starts_with('$')) {
            Some((name, value)) if !value.is_empty() => out.extend([name, "=", PLACEHOLDER]),
            _ => out.push_str(pair),
        }
        match end {
            Some(end) => before = end,
            None => return out,
        }
    }
    out.push(before);
    out
}

fn without_user(place: &str) -> String {
    match (place.split_once("://"), user_and_host(place)) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{PLACEHOLDER}@{host}"),
        _ => place.to_owned(),
    }
}

/// The user info before the host, and the rest from the host on.
fn user_and_host(place: &str) -> Option<(&str, &str)> {
    let (_, rest) = place.split_once("://")?;
    let host = rest.find(['/', '#']).unwrap_or(rest.len());
    let at = rest[..host].rfind('@')?;
    Some((&rest[..at], &rest[at + 1..]))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, Method};

    use super::*;
    use crate::exchange::Auth;

    fn told(headers: &[(&'static str, &str)], endpoint: &str) -> Vec<String> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        let endpoint = endpoint.to_owned();
        let request =
            Request { method: Method::GET, endpoint, headers, body: "".into(), auth: Auth::Provider, case: None };
        of_request(&request).into_keys().collect()
    }

    #[test]
    fn the_value_of_each_kind_of_credential_is_found() {
        assert_eq!(told(&[("authorization", "Bearer own-key-42-x")], "/"), ["own-key-42-x"]);
        assert_eq!(
            told(&[("authorization", "Basic dXNlcjpwYXNzdzByZC0xMjM0")], "/"),
            ["dXNlcjpwYXNzdzByZC0xMjM0", "passw0rd-1234"]
        );
        let signed = "AWS4-HMAC-SHA256 Credential=AKX2LONGER123456/20260101/us-east-1, SignedHeaders=host;x, Signature=9f86d081884c7d65";
        assert_eq!(told(&[("authorization", signed)], "/"), ["9f86d081884c7d65", "AKX2LONGER123456"]);
        assert_eq!(told(&[("cookie", "a=b; session=5e55-10n-id")], "/"), ["5e55-10n-id"]);
        let data = r#"{"together_api_key": "t0g3ther-key", "url": "short"}"#;
        assert_eq!(told(&[("x-llamastack-provider-data", data)], "/"), ["t0g3ther-key"]);
        assert_eq!(told(&[], "/v1?a=1;sig=a8%2BFq2Lk&page_token=n3xt-page"), ["a8%2BFq2Lk", "a8+Fq2Lk"]);
    }

    #[test]
    fn words_that_stand_for_no_key_are_none() {
        for word in ["Bearer anything", "Bearer not-needed", "Bearer retake", "Bearer x1", "Bearer 00000000"] {
            assert!(told(&[("authorization", word), ("x-team", "t3am-of-mine")], "/").is_empty(), "{word}");
        }
    }

    #[test]
    fn a_url_says_who_is_let_in_no_more() {
        for (url, clean) in [
            ("https://u:p@h:1/v1?a=b&SIG=x;c", "https://$CREDENTIAL@h:1/v1?a=b&SIG=$CREDENTIAL;c"),
            ("/v1?X-Amz-Security-Token=x&page_token=2&key=", "/v1?X-Amz-Security-Token=$CREDENTIAL&page_token=2&key="),
            ("/v1?%61pi_key=x", "/v1?%61pi_key=$CREDENTIAL"),
            ("/v1?key=$API_KEY&", "/v1?key=$API_KEY&"),
            ("/v1?", "/v1?"),
            ("/v1/me@x?a@b", "/v1/me@x?a@b"),
        ] {
            assert_eq!(out_of_url(url), clean);
        }
    }
}
