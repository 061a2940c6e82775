//! Which headers and query parameters mean what to whoever passes a message on: the one table of the proxy, the gateway,
//! the recorder and the scripts.

/// Headers that say something of one connection only, or of the address that the caller used.
const OF_ONE_HOP: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reply headers that speak of the server's own address, which is not the address that the caller used.
const OF_THE_ADDRESS: [&str; 2] = ["alt-svc", "strict-transport-security"];

/// Headers under which a client sends the key of an API that has no bearer tokens: Azure's, Anthropic's, Google's.
pub const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

/// What a name has in it under which a key, a cookie or a password travels.
const CREDENTIALS: [&str; 7] =
    ["authorization", "api-key", "apikey", "subscription-key", "cookie", "secret", LLAMA_STACKS_KEYS];

/// Under which llama-stack's client sends the keys of all its providers, as JSON.
const LLAMA_STACKS_KEYS: &str = "x-llamastack-provider-data";

/// Whether a header says something of one connection, and is not passed on.
pub fn is_of_one_hop(name: &str) -> bool {
    OF_ONE_HOP.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a reply's header speaks of the server's address.
pub fn is_of_the_address(name: &str) -> bool {
    OF_THE_ADDRESS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a key or a cookie travels under this name, in a header or in a query: it is the caller's own, which neither a
/// provider nor a recording gets.
pub fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    // `page_token` and the like say where a list goes on.
    let is_token = (name == "token" || name.ends_with("-token")) && !name.contains("page") && !name.contains("next");
    name == "key" || is_token || CREDENTIALS.iter().any(|part| name.contains(part))
}

/// Whether a header sets a cookie, which belongs to one session.
pub fn sets_cookie(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("set-cookie")
}

/// The parameters of a query that carry no key, and whether one did.
pub fn query_without_key(query: &str) -> (String, bool) {
    let is_key = |pair: &&str| is_credential(pair.split('=').next().unwrap_or_default());
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let (keys, kept): (Vec<&str>, Vec<&str>) = pairs.partition(is_key);
    (kept.join("&"), !keys.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_under_every_name() {
        for name in [
            "Authorization",
            "proxy-authorization",
            "x-api-key",
            "api_key",
            "apikey",
            "key",
            "token",
            "access_token",
            "X-Auth-Token",
            "x-amz-security-token",
            "Ocp-Apim-Subscription-Key",
            "cookie",
            "Set-Cookie",
            "client_secret",
            "X-LlamaStack-Provider-Data",
        ] {
            assert!(is_credential(name), "{name}");
        }
        for name in ["pageToken", "page_token", "next-page-token", "max_tokens", "monkey", "x-team", "content-type"] {
            assert!(!is_credential(name), "{name}");
        }
    }

    #[test]
    fn a_query_goes_on_without_its_key() {
        assert_eq!(query_without_key("key=s&pageToken=t&x"), ("pageToken=t&x".to_owned(), true));
        assert_eq!(query_without_key("api-version=1&token=s"), ("api-version=1".to_owned(), true));
        assert_eq!(query_without_key("b=c&monkey=1"), ("b=c&monkey=1".to_owned(), false));
        assert_eq!(query_without_key(""), (String::new(), false));
    }
}
