//! Who may call: the gateway's own keys, and the addresses it may listen on.

use std::net::SocketAddr;

use http::{HeaderMap, StatusCode, header};
use sha2::{Digest, Sha256};

use super::refusal::Refusal;

/// The gateway's keys, as digests: of one length, so that comparing them tells nothing by its time.
pub(super) struct Keys(Vec<[u8; 32]>);

impl Keys {
    pub(super) fn new(keys: &[String]) -> Self {
        Keys(keys.iter().map(|key| digest(key)).collect())
    }

    /// Lets a request pass, or says what its key lacks.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.0.is_empty() {
            return Ok(());
        }
        let Some(key) = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.to_str().ok()?)) else {
            let message = "no API key: this stack wants one, sent as `Authorization: Bearer KEY`";
            return Err(refused(message).code("missing_api_key"));
        };
        let sent = digest(key);
        // No early end: every key is compared, byte by byte.
        let found = self.0.iter().fold(false, |found, known| found | same(known, &sent));
        if found { Ok(()) } else { Err(refused("this stack does not know that API key").code("invalid_api_key")) }
    }
}

fn refused(message: &str) -> Refusal {
    Refusal::of(StatusCode::UNAUTHORIZED, "invalid_request_error", message)
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Whether the gateway may listen on `address`: without keys only on loopback, since whoever reaches it
/// spends the providers' keys.
pub fn bind_address_allowed(address: SocketAddr, keys: &[String]) -> Result<(), String> {
    if address.ip().to_canonical().is_loopback() || !keys.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{address} can be reached from other machines and the stack has no keys: give it keys, or bind 127.0.0.1"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(keys: &[&str], authorization: Option<&str>) -> Option<&'static str> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let headers = authorization.map(|value| (header::AUTHORIZATION, value.parse().unwrap())).into_iter().collect();
        Keys::new(&keys).check(&headers).err().and_then(|refusal| refusal.code)
    }

    #[test]
    fn keys_are_asked_for_only_when_there_are_some() {
        assert_eq!(answer(&[], None), None);
        assert_eq!(answer(&["a", "b"], Some("Bearer b")), None);
        assert_eq!(answer(&["a"], Some("bearer a")), None);
        assert_eq!(answer(&["a"], None), Some("missing_api_key"));
        assert_eq!(answer(&["a"], Some("Bearer ")), Some("missing_api_key"));
        assert_eq!(answer(&["a"], Some("Basic a")), Some("missing_api_key"));
        assert_eq!(answer(&["a"], Some("Bearer aa")), Some("invalid_api_key"));
    }

    #[test]
    fn without_keys_only_loopback() {
        let allowed = |address: &str, keys: &[String]| bind_address_allowed(address.parse().unwrap(), keys).is_ok();
        assert!(allowed("127.0.0.1:8321", &[]) && allowed("[::1]:0", &[]) && allowed("[::ffff:127.0.0.1]:0", &[]));
        assert!(!allowed("0.0.0.0:8321", &[]) && !allowed("[::]:1", &[]) && !allowed("10.0.0.1:1", &[]));
        assert!(allowed("0.0.0.0:8321", &["k".into()]));
    }
}
