//! Files of root certificates: retake's own, and those that a client would trust without it.

use std::path::Path;

use crate::disk;

/// The largest file of roots that is read, in bytes.
const MOST: u64 = 32 << 20;

/// Where systems keep their roots as one file: Debian, Fedora, SUSE, Alpine and macOS, FreeBSD, Homebrew.
#[cfg(not(windows))]
const USUAL: [&str; 8] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
    "/opt/homebrew/etc/ca-certificates/cert.pem",
    "/usr/local/etc/ca-certificates/cert.pem",
];

/// The roots of the system; none if there is no usual file.
#[cfg(not(windows))]
pub(super) fn of_system() -> String {
    USUAL.iter().find_map(|path| of_file(Path::new(path))).unwrap_or_default()
}

/// The roots of the system, which Windows keeps in no file.
#[cfg(windows)]
pub(super) fn of_system() -> String {
    use base64::Engine as _;
    let pem = |der: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| str::from_utf8(line).ok()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    };
    // Certificates that cannot be read are left out.
    rustls_native_certs::load_native_certs().certs.iter().map(|der| pem(der)).collect()
}

/// The roots in a file, if it can be read. Files of roots have comments in any encoding.
pub(super) fn of_file(path: &Path) -> Option<String> {
    let bytes = disk::bytes(path, MOST).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Several texts of certificates as one.
pub(super) fn joined(parts: &[&str]) -> String {
    let lines = parts.iter().filter(|part| !part.trim().is_empty()).map(|part| format!("{}\n", part.trim_end()));
    lines.collect()
}
