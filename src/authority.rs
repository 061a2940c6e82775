//! The private certificate authority with which the proxy answers for the hosts of providers.
//!
//! It is made once for each user, in a folder of that user's state. Its key is in `ca-key.pem`, which only the user may
//! read, and nowhere else. Certificates of hosts are made in memory and last 90 days.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

use crate::disk;

const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca-key.pem";
const LOCK: &str = "ca.lock";
/// The largest file that is read as a certificate or key, in bytes.
const MOST: u64 = 64 << 10;
const NAME: &str = "retake, tests on this machine";
/// Clocks of containers and virtual machines may be behind.
const BACK_DATED: Duration = Duration::from_secs(60 * 60);
const OF_AUTHORITY: Duration = Duration::from_secs(3_650 * 24 * 60 * 60);
const OF_HOST: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// A certificate of this age is made anew: a server may run for longer than a certificate lasts.
const RENEWED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The authority, with the certificates that it has made for hosts.
pub(crate) struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
    /// One key for all hosts: it lives as long as this process.
    key: KeyPair,
    hosts: Mutex<HashMap<String, (SystemTime, Arc<ServerConfig>)>>,
}

/// The path of the authority's certificate in a folder, whether or not it exists.
pub(crate) fn certificate_in(folder: &Path) -> PathBuf {
    folder.join(CERTIFICATE)
}

/// Removes the authority of a folder. Returns false if there is none.
pub(crate) fn remove(folder: &Path) -> io::Result<bool> {
    let mut was_there = false;
    // The key first: if the rest fails, nobody can use the authority any more.
    for name in [KEY, CERTIFICATE, LOCK] {
        match fs::remove_file(folder.join(name)) {
            Ok(()) => was_there = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(was_there)
}

impl Authority {
    /// The authority of a folder, which is made if it does not exist. `Err` says what is wrong and what to do.
    pub(crate) fn open(folder: &Path) -> Result<Self, String> {
        let (certificate, key) = Authority::files(folder)?;
        let path = folder.join(KEY);
        let key = KeyPair::from_pem(&key).map_err(|error| damaged(&path, &error.to_string()))?;
        let der = CertificateDer::from_pem_slice(certificate.as_bytes());
        let is_of_key =
            |der: &CertificateDer<'_>| der.windows(key.public_key_raw().len()).any(|part| part == key.public_key_raw());
        if !der.is_ok_and(|der| is_of_key(&der)) {
            return Err(damaged(&certificate_in(folder), "it is no certificate of the key beside it"));
        }
        let issuer = Issuer::new(params_of_authority(SystemTime::now()), key);
        let key = KeyPair::generate().map_err(|error| format!("no key can be made: {error}"))?;
        Ok(Authority { certificate, issuer, key, hosts: Mutex::default() })
    }

    /// The texts of certificate and key. Processes that start at once agree on one authority.
    fn files(folder: &Path) -> Result<(String, String), String> {
        let failed = |error: &dyn std::fmt::Display| {
            format!(
                "no certificate authority can be kept in {}: {error}\n  RETAKE_STATE_DIR names another folder, and \
                 --no-intercept does without",
                folder.display()
            )
        };
        make_private(folder).map_err(|error| failed(&error))?;
        let lock = fs::File::options().create(true).truncate(false).write(true).open(folder.join(LOCK));
        let lock = lock.map_err(|error| failed(&error))?;
        lock.lock().map_err(|error| failed(&error))?;
        let read = |name: &str| match disk::text(&folder.join(name), MOST) {
            Ok(text) => Ok(Some(text)),
            Err(why) if why.is_missing() => Ok(None),
            Err(why) => Err(damaged(&folder.join(name), &why.to_string())),
        };
        if let (Some(certificate), Some(key)) = (read(CERTIFICATE)?, read(KEY)?) {
            return Ok((certificate, key));
        }
        let (certificate, key) = new_authority().map_err(|error| failed(&error))?;
        write(folder, KEY, &key, true)
            .and_then(|()| write(folder, CERTIFICATE, &certificate, false))
            .map_err(|error| failed(&error))?;
        Ok((certificate, key))
    }

    /// The authority's certificate, as PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// How to speak TLS in the name of a host.
    pub(crate) fn server_config(&self, host: &str) -> Result<Arc<ServerConfig>, String> {
        let now = SystemTime::now();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, config)) = hosts.get(host)
            && now.duration_since(*made).is_ok_and(|age| age < RENEWED)
        {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.make(host, now).map_err(|error| format!("no certificate for {host}: {error}"))?);
        hosts.insert(host.to_owned(), (now, Arc::clone(&config)));
        Ok(config)
    }

    fn make(&self, host: &str, now: SystemTime) -> Result<ServerConfig, Box<dyn std::error::Error>> {
        let mut params = CertificateParams::new([host.to_owned()])?;
        params.distinguished_name = named(host);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = lasting(now, OF_HOST);
        let certificate = params.signed_by(&self.key, &self.issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// From an hour before `now` until so long after it.
fn lasting(now: SystemTime, length: Duration) -> (OffsetDateTime, OffsetDateTime) {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let at = |since: Duration| {
        let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
        OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    };
    (at(since.saturating_sub(BACK_DATED)), at(since + length - BACK_DATED))
}

fn params_of_authority(now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = lasting(now, OF_AUTHORITY);
    params
}

/// Certificate and key of a new authority, as PEM.
fn new_authority() -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let certificate = params_of_authority(SystemTime::now()).self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a whole file beside its place, and moves it there.
fn write(folder: &Path, name: &str, text: &str, is_secret: bool) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(if is_secret { 0o600 } else { 0o644 }));
    // On Windows the folder of a user's data is closed to others.
    #[cfg(windows)]
    let _ = is_secret;
    let mut file = builder.prefix(".ca").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name)).map_err(|error| error.error)?;
    Ok(())
}

fn damaged(path: &Path, why: &str) -> String {
    format!(
        "{}: {why}
  make a new authority: retake ca remove",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn an_authority_is_made_once_and_found_again() {
        let root = TempDir::new().unwrap();
        let folder = root.path().join("state/retake");
        let first = Authority::open(&folder).unwrap();
        assert_eq!(Authority::open(&folder).unwrap().certificate(), first.certificate());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(KEY), mode(CERTIFICATE)), (0o600, 0o644));
        }
        assert_eq!((remove(&folder).unwrap(), remove(&folder).unwrap()), (true, false));
        assert_ne!(Authority::open(&folder).unwrap().certificate(), first.certificate());
    }

    #[test]
    fn processes_that_start_at_once_agree() {
        let root = TempDir::new().unwrap();
        let open = || Authority::open(root.path()).unwrap().certificate().to_owned();
        let all: Vec<String> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            running.into_iter().map(|each| each.join().unwrap()).collect()
        });
        assert!(all.iter().all(|each| *each == all[0]));
    }

    #[test]
    fn what_was_damaged_is_named_with_the_way_out() {
        let root = TempDir::new().unwrap();
        let whole = Authority::open(root.path()).unwrap();
        let other = new_authority().unwrap();
        for (name, text) in [(KEY, "no key"), (CERTIFICATE, "no certificate"), (CERTIFICATE, &other.0), (KEY, &other.1)]
        {
            let before = disk::text(&root.path().join(name), MOST).unwrap();
            fs::write(root.path().join(name), text).unwrap();
            let why = Authority::open(root.path()).map(|_| ()).unwrap_err();
            assert!(why.contains("ca") && why.ends_with("retake ca remove"), "{why}");
            assert!(!why.contains("PRIVATE"), "{why}");
            fs::write(root.path().join(name), before).unwrap();
        }
        assert_eq!(Authority::open(root.path()).unwrap().certificate(), whole.certificate());
    }

    #[test]
    fn a_host_has_one_certificate() {
        let root = TempDir::new().unwrap();
        let authority = Authority::open(root.path()).unwrap();
        let of = |host: &str| authority.server_config(host).unwrap();
        assert!(Arc::ptr_eq(&of("api.example.com"), &of("api.example.com")));
        assert!(!Arc::ptr_eq(&of("api.example.com"), &of("127.0.0.1")));
    }
}
