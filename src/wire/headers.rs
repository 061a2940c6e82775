//! What the names of headers and query parameters mean to whoever passes a message on. The proxy, the gateway, the
//! recorder and the scripts share this one table.

use percent_encoding::percent_decode_str;

/// Headers that concern one connection only, or the address that the caller used.
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

/// Reply headers about the server's own address, which is not the address that the caller used.
const OF_THE_ADDRESS: [&str; 2] = ["alt-svc", "strict-transport-security"];

/// Headers under which a client sends the key of an API that has no bearer tokens: Azure's, Anthropic's, Google's.
pub const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

/// Parts of names of headers that carry a key, a cookie or a password.
const CREDENTIALS: [&str; 8] =
    ["authorization", "api-key", "apikey", "subscription-key", "cookie", "secret", "password", LLAMA_STACKS_KEYS];

/// Ends of such names.
const CREDENTIAL_ENDS: [&str; 2] = ["-auth", "-signature"];

/// Whole names of query parameters that carry a credential.
const CREDENTIAL_PARAMETERS: [&str; 4] = ["key", "sig", "signature", "auth"];

/// Parts of a name that make its `token` a pagination token, not a credential.
const OF_A_LIST: [&str; 3] = ["page", "next", "continuation"];

/// The header in which llama-stack's client sends the keys of all its providers, as JSON.
const LLAMA_STACKS_KEYS: &str = "x-llamastack-provider-data";

/// Query parameters that sign a URL: whoever has the URL has access.
const SIGNATURES: [&str; 9] = [
    "sig",
    "signature",
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "x-goog-signature",
    "x-goog-credential",
    "awsaccesskeyid",
    "key-pair-id",
];

/// Reply headers that name the account.
const ACCOUNTS: [&str; 4] =
    ["openai-organization", "openai-project", "anthropic-organization-id", "x-ms-client-principal-id"];

/// Whether a header concerns one connection only and is not passed on.
pub fn is_of_one_hop(name: &str) -> bool {
    OF_ONE_HOP.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a reply header is about the server's own address.
pub fn is_of_the_address(name: &str) -> bool {
    OF_THE_ADDRESS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a header of this name carries a key or a cookie. Those are the caller's own: no provider and no recording
/// gets them.
pub fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let is_token = (name == "token" || name.ends_with("-token")) && !OF_A_LIST.iter().any(|part| name.contains(part));
    name == "key"
        || is_token
        || CREDENTIALS.iter().any(|part| name.contains(part))
        || CREDENTIAL_ENDS.iter().any(|end| name.ends_with(end))
}

/// Like [`is_credential`], for a query parameter, whose name may be percent-encoded.
pub fn is_credential_parameter(name: &str) -> bool {
    let name = percent_decode_str(name).decode_utf8_lossy().to_ascii_lowercase();
    is_credential(&name) || name.starts_with("x-amz-") || CREDENTIAL_PARAMETERS.contains(&&*name) || is_signature(&name)
}

/// Whether a URL is signed with a parameter of this name.
pub fn is_signature(name: &str) -> bool {
    SIGNATURES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a reply header names the account.
pub fn is_account(name: &str) -> bool {
    ACCOUNTS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a header sets a cookie, which belongs to one session.
pub fn sets_cookie(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("set-cookie")
}

/// A query without the parameters that carry a key, and whether it had any. Some servers accept `;` as a separator,
/// too.
pub fn query_without_key(query: &str) -> (String, bool) {
    let mut kept = String::with_capacity(query.len());
    let mut had_key = false;
    // A separator is kept or removed with the parameter after it.
    let (mut before, mut start) = ("", 0);
    for (at, end) in query.match_indices(['&', ';']).chain([(query.len(), "")]) {
        let pair = &query[start..at];
        let is_key = is_credential_parameter(pair.split('=').next().unwrap_or_default());
        had_key |= is_key;
        if !pair.is_empty() && !is_key {
            if !kept.is_empty() {
                kept.push_str(before);
            }
            kept.push_str(pair);
        }
        (before, start) = (end, at + end.len());
    }
    (kept, had_key)
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
            "x-access-token",
            "x-portkey-api-key",
            "helicone-auth",
            "cf-aig-authorization",
        ] {
            assert!(is_credential(name), "{name}");
        }
        for name in ["pageToken", "page_token", "next-page-token", "max_tokens", "monkey", "x-team", "content-type"] {
            assert!(!is_credential(name), "{name}");
        }
    }

    #[test]
    fn parameters_are_known_in_any_case_and_encoded() {
        for name in
            ["apikey", "Token", "sig", "signature", "subscription-key", "AUTH", "client_secret", "X-Amz-Signature"]
        {
            assert!(is_credential_parameter(name), "{name}");
        }
        assert!(is_credential_parameter("%73ig") && is_credential_parameter("api%5Fkey"));
        for name in ["api-version", "pageToken", "author", "design", "zip_code", "limit", "metadata[key]", ""] {
            assert!(!is_credential_parameter(name), "{name}");
        }
    }

    #[test]
    fn headers_about_a_server_or_an_account_are_known_in_any_case() {
        for (is, name) in [
            (is_of_the_address as fn(&str) -> bool, "Alt-Svc"),
            (is_of_the_address, "strict-transport-security"),
            (is_of_one_hop, "Transfer-Encoding"),
            (is_account, "OpenAI-Organization"),
            (sets_cookie, "Set-Cookie"),
        ] {
            assert!(is(name), "{name}");
            assert!(!is("x-request-id") && !is(""), "{name}");
        }
    }

    #[test]
    fn a_query_goes_on_without_its_key() {
        assert_eq!(query_without_key("key=s&pageToken=t&x"), ("pageToken=t&x".to_owned(), true));
        assert_eq!(query_without_key("api-version=1&token=s"), ("api-version=1".to_owned(), true));
        assert_eq!(query_without_key("a=1;sig=s;b=2&%6bey=s&c=3"), ("a=1;b=2&c=3".to_owned(), true));
        assert_eq!(query_without_key("b=c&monkey=1"), ("b=c&monkey=1".to_owned(), false));
        assert_eq!(query_without_key(""), (String::new(), false));
    }
}
