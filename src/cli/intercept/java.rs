//! What Java's clients need: the proxy and a trust store, both as system properties.

use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha1::{Digest as _, Sha1};

/// The password of a trust store: there is nothing secret in it, and Java's own has this one.
const PASSWORD: &str = "changeit";

/// The options for a proxy at `host:port`, in front of those that the user has: of two settings the later one wins.
/// `direct` are the hosts of `NO_PROXY`.
pub(super) fn options(at: &str, store: &str, direct: &str, before: &str) -> String {
    let (host, port) = at.rsplit_once(':').unwrap_or((at, "80"));
    let names = direct.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty());
    let names: Vec<String> =
        names.map(|name| if name.starts_with('.') { format!("*{name}") } else { name.to_owned() }).collect();
    let mut options: Vec<String> = ["http", "https"]
        .iter()
        .flat_map(|scheme| [format!("-D{scheme}.proxyHost={host}"), format!("-D{scheme}.proxyPort={port}")])
        .collect();
    let own = ["localhost", "127.*", "[::1]"].map(str::to_owned);
    options.push(format!("-Dhttp.nonProxyHosts={}", own.into_iter().chain(names).collect::<Vec<_>>().join("|")));
    options.push(format!("-Djavax.net.ssl.trustStore={store}"));
    options.push(format!("-Djavax.net.ssl.trustStorePassword={PASSWORD}"));
    if !before.is_empty() {
        options.push(before.to_owned());
    }
    options.join(" ")
}

/// The certificates of a text in the format JKS, which every version of Java reads; see the source of
/// `sun.security.provider.JavaKeyStore`.
pub(super) fn trust_store(roots: &str) -> Vec<u8> {
    let certificates: Vec<CertificateDer<'_>> =
        CertificateDer::pem_slice_iter(roots.as_bytes()).filter_map(Result::ok).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let mut store = Vec::new();
    let number = |store: &mut Vec<u8>, number: usize| {
        store.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
    };
    let text = |store: &mut Vec<u8>, text: &str| {
        store.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        store.extend_from_slice(text.as_bytes());
    };
    store.extend_from_slice(&[0xFE, 0xED, 0xFE, 0xED]);
    number(&mut store, 2); // The version.
    number(&mut store, certificates.len());
    for (index, certificate) in certificates.iter().enumerate() {
        number(&mut store, 2); // The kind: a trusted certificate.
        text(&mut store, &format!("root-{index}"));
        store.extend_from_slice(&now.to_be_bytes());
        text(&mut store, "X.509");
        number(&mut store, certificate.len());
        store.extend_from_slice(certificate);
    }
    let mut sum = Sha1::new();
    PASSWORD.encode_utf16().for_each(|unit| sum.update(unit.to_be_bytes()));
    sum.update(b"Mighty Aphrodite");
    sum.update(&store);
    store.extend_from_slice(&sum.finalize());
    store
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_the_user_come_last_and_their_hosts_are_direct() {
        let said = options("127.0.0.1:8322", "/s.jks", "a.example, .b.example", "-Xmx1g");
        insta::assert_snapshot!(said, @"-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=8322 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=8322 -Dhttp.nonProxyHosts=localhost|127.*|[::1]|a.example|*.b.example -Djavax.net.ssl.trustStore=/s.jks -Djavax.net.ssl.trustStorePassword=changeit -Xmx1g");
    }

    #[test]
    fn a_trust_store_of_no_certificate_is_head_and_sum() {
        let store = trust_store("no certificate");
        assert_eq!(store[..12], [0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2, 0, 0, 0, 0]);
        // As keytool writes it with this password.
        let sum: String = store[12..].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sum, "e2686e45fb43dfa4d992dd41ceb6b21c6330d792");
    }
}
