//! Who may call one of retake's servers: its keys, the addresses that need keys, and the host names and web pages that
//! are accepted.

mod guard;

use core::net::IpAddr;

use http::{HeaderMap, header};
use sha2::{Digest, Sha256};

pub use guard::Guard;
pub(crate) use guard::{Entry, Refused, is_for_pages};

/// Access keys as digests: all have the same length, so that the time of a comparison reveals nothing.
pub(crate) struct AccessKeys(Vec<[u8; 32]>);

impl AccessKeys {
    /// An empty list of keys lets everybody in.
    pub(crate) fn new(keys: &[String]) -> Self {
        AccessKeys(keys.iter().map(|key| digest(key)).collect())
    }

    /// Whether no key is needed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `key` is one of the keys.
    pub(crate) fn know(&self, key: &str) -> bool {
        let sent = digest(key);
        // No early exit: every key is compared, byte by byte.
        self.0.iter().fold(false, |found, known| found | same(known, &sent))
    }
}

/// The token of `Authorization: Bearer TOKEN`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

/// Whether a server may listen on `address`: without keys only on loopback, since anyone who reaches it uses the
/// providers' keys. `what` names the server in the error.
pub(crate) fn may_listen(what: &str, address: IpAddr, has_keys: bool) -> Result<(), String> {
    if address.to_canonical().is_loopback() || has_keys {
        return Ok(());
    }
    Err(format!("{address} can be reached from other machines and {what} has no key that keeps strangers out"))
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_or_not() {
        let keys = AccessKeys::new(&["a".into(), "b".into()]);
        assert!(keys.know("a") && keys.know("b") && !keys.know("aa") && !keys.know(""));
        assert!(AccessKeys::new(&[]).is_empty() && !keys.is_empty());
    }

    #[test]
    fn bearer_tokens_are_read_in_any_case() {
        let read = |value: &str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read("Bearer b").as_deref(), Some("b"));
        assert_eq!(read("bearer  a ").as_deref(), Some("a"));
        assert_eq!((read("Bearer "), read("Basic a"), read("a")), (None, None, None));
    }

    #[test]
    fn without_keys_only_loopback() {
        let may = |address: &str, has_keys| may_listen("x", address.parse().unwrap(), has_keys).is_ok();
        assert!(may("127.0.0.1", false) && may("::1", false) && may("::ffff:127.0.0.1", false));
        assert!(!may("0.0.0.0", false) && !may("::", false) && !may("10.0.0.1", false));
        assert!(may("0.0.0.0", true));
    }
}
