//! Addresses of the provider in a reply's headers lead back to the proxy. Pure.

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The headers with an address that clients go on with: redirects, long operations, uploads, pages.
const ADDRESSES: [&str; 5] = ["content-location", "link", "location", "operation-location", "x-goog-upload-url"];

/// Replaces the server of each address for which `is_of_provider` is true by `base`, the provider's address at the
/// proxy (`http://127.0.0.1:8322/openai`). A recording keeps the addresses as they came.
pub(super) fn lead_back(headers: &mut HeaderMap, base: &str, is_of_provider: impl Fn(&str) -> bool) {
    for name in ADDRESSES.map(HeaderName::from_static) {
        if !headers.contains_key(&name) {
            continue;
        }
        let values: Vec<HeaderValue> = headers.get_all(&name).iter().cloned().collect();
        headers.remove(&name);
        for value in values {
            let led = value.to_str().ok().and_then(|text| led(text, base, &is_of_provider));
            headers.append(&name, led.and_then(|led| HeaderValue::from_str(&led).ok()).unwrap_or(value));
        }
    }
}

/// A value with its addresses replaced; `None` if it has none of this provider.
fn led(text: &str, base: &str, is_of_provider: &impl Fn(&str) -> bool) -> Option<String> {
    let (mut out, mut rest, mut is_changed) = (String::new(), text, false);
    while let Some(at) = rest.find("http") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let whole = rest.split(['>', ' ', '"']).next().unwrap_or(rest);
        let server = whole.split_once("://").map(|(scheme, after)| {
            let end = after.find(['/', '?', '#']).unwrap_or(after.len());
            &whole[..scheme.len() + 3 + end]
        });
        match server.filter(|server| server.starts_with("http") && is_of_provider(server)) {
            Some(server) => {
                is_changed = true;
                out.push_str(base);
                out.push_str(&whole[server.len()..]);
            }
            None => out.push_str(whole),
        }
        rest = &rest[whole.len()..];
    }
    out.push_str(rest);
    is_changed.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_provider_lead_back_and_others_stay() {
        let back = |text: &str| {
            let is_of = |server: &str| server == "https://api.example.com";
            led(text, "http://127.0.0.1:1/p", &is_of).unwrap_or_else(|| "as it was".to_owned())
        };
        assert_eq!(back("https://api.example.com/v1/x?a=https://b"), "http://127.0.0.1:1/p/v1/x?a=https://b");
        assert_eq!(back("https://api.example.com"), "http://127.0.0.1:1/p");
        assert_eq!(
            back("<https://api.example.com/v1/x?p=2>; rel=\"next\", <https://api.example.com/v1/x?p=9>; rel=\"last\""),
            "<http://127.0.0.1:1/p/v1/x?p=2>; rel=\"next\", <http://127.0.0.1:1/p/v1/x?p=9>; rel=\"last\""
        );
        for text in ["/v1/x", "https://storage.example.com/x", "https://api.example.com.evil.example/", "httpx", ""] {
            assert_eq!(back(text), "as it was", "{text}");
        }
    }

    #[test]
    fn other_headers_stay() {
        let mut headers = HeaderMap::new();
        for name in ["location", "x-own"] {
            headers.insert(name, HeaderValue::from_static("https://api.example.com/x"));
        }
        lead_back(&mut headers, "http://here/p", |_| true);
        assert_eq!(
            (&headers["location"], &headers["x-own"]),
            (&"http://here/p/x".parse().unwrap(), &"https://api.example.com/x".parse().unwrap())
        );
    }
}
