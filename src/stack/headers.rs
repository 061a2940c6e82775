//! Which headers and query parameters are passed on, in either direction.

use http::HeaderMap;

use crate::access::is_for_pages;
use crate::upstream::{AUTH_HEADER, CASE_HEADER, MODEL_HEADER, end_to_end};
use crate::wire::headers::{is_credential, is_of_the_address, query_without_key, sets_cookie};

/// The caller's headers that the provider may see: none about the connection, keys or accounts.
pub(super) fn for_provider(headers: &HeaderMap) -> HeaderMap {
    let of_the_caller = ["accept-encoding", "openai-organization", "openai-project"];
    end_to_end(headers.clone(), |name| {
        !of_the_caller.contains(&name) && name != CASE_HEADER && name != AUTH_HEADER && !is_credential(name)
    })
}

/// The provider's headers that the caller may see.
pub(super) fn for_caller(headers: &HeaderMap) -> HeaderMap {
    // Which model answered is for the gateway to say.
    let of_the_server = ["server", "date", MODEL_HEADER];
    end_to_end(headers.clone(), |name| {
        let is_of_who_serves = of_the_server.contains(&name) || is_of_the_address(name) || is_for_pages(name);
        !is_of_who_serves && !sets_cookie(name)
    })
}

/// An endpoint with the caller's query, without keys in it.
pub(super) fn endpoint(path: &str, query: Option<&str>) -> String {
    let (kept, _) = query_without_key(query.unwrap_or_default());
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{kept}") }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    fn map(names: &[&'static str]) -> HeaderMap {
        names.iter().map(|name| (HeaderName::from_static(name), "x-hop".parse().unwrap())).collect()
    }

    #[test]
    fn keys_and_the_connection_stay_behind() {
        let headers = map(&[
            "authorization",
            "x-api-key",
            "api-key",
            "x-goog-api-key",
            "cookie",
            "host",
            "connection",
            "x-hop",
            "openai-organization",
            "proxy-authorization",
            "content-type",
            "user-agent",
            "x-retake-case",
        ]);
        assert_eq!(names(&for_provider(&headers)), ["content-type", "user-agent"]);
    }

    #[test]
    fn limits_and_ids_come_back() {
        let headers = map(&[
            "retry-after",
            "x-ratelimit-remaining",
            "x-request-id",
            "transfer-encoding",
            "set-cookie",
            "x-retake-model",
        ]);
        assert_eq!(names(&for_caller(&headers)), ["retry-after", "x-ratelimit-remaining", "x-request-id"]);
    }

    #[test]
    fn a_query_goes_on_without_its_key() {
        assert_eq!(
            endpoint("/v1/embeddings", Some("api-version=1&key=s&api_key=t&x")),
            "/v1/embeddings?api-version=1&x"
        );
        assert_eq!(endpoint("/v1/embeddings", Some("key=s")), "/v1/embeddings");
        assert_eq!(endpoint("/v1/embeddings", None), "/v1/embeddings");
    }
}
