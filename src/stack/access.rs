//! Who may call the gateway, and the errors for others.

use http::{HeaderMap, StatusCode};

use super::refusal::Refusal;
use crate::access::{AccessKeys, bearer};

/// Lets a request pass, or returns what is wrong with its key.
pub(super) fn check(keys: &AccessKeys, headers: &HeaderMap) -> Result<(), Refusal> {
    if keys.is_empty() {
        return Ok(());
    }
    let Some(key) = bearer(headers) else {
        let message = "no API key: this stack wants one, sent as `Authorization: Bearer KEY`";
        return Err(refused(message).code("missing_api_key"));
    };
    let known = keys.know(key);
    known.then_some(()).ok_or_else(|| refused("this stack does not know that API key").code("invalid_api_key"))
}

/// Whether a request has one of the keys.
pub(super) fn knows(keys: &AccessKeys, headers: &HeaderMap) -> bool {
    !keys.is_empty() && check(keys, headers).is_ok()
}

fn refused(message: &str) -> Refusal {
    Refusal::of(StatusCode::UNAUTHORIZED, "invalid_request_error", message)
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    fn answer(keys: &[&str], authorization: Option<&str>) -> Option<&'static str> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let headers = authorization.map(|value| (header::AUTHORIZATION, value.parse().unwrap())).into_iter().collect();
        check(&AccessKeys::new(&keys), &headers).err().and_then(|refusal| refusal.code)
    }

    #[test]
    fn keys_are_asked_for_only_when_there_are_some() {
        assert_eq!(answer(&[], None), None);
        assert_eq!(answer(&["a", "b"], Some("Bearer b")), None);
        assert_eq!(answer(&["a"], None), Some("missing_api_key"));
        assert_eq!(answer(&["a"], Some("Bearer ")), Some("missing_api_key"));
        assert_eq!(answer(&["a"], Some("Bearer aa")), Some("invalid_api_key"));
    }
}
