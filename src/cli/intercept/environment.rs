//! The variables with which clients of all languages use a proxy and trust its certificates.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{java, roots};

/// Each names the file of all roots that a client trusts: OpenSSL and Python's ssl, Go on Linux; requests; curl; AWS's
/// SDKs; git.
const ALL_ROOTS: [&str; 5] =
    ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO"];
/// Each names a file of roots that a client trusts in addition to its own: Node, Deno.
const MORE_ROOTS: [&str; 2] = ["NODE_EXTRA_CA_CERTS", "DENO_CERT"];
/// Not `ALL_PROXY`: some clients take it for SOCKS.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// What every Java machine reads.
const JAVA: &str = "JAVA_TOOL_OPTIONS";

/// Lets bare aiohttp sessions use the proxy of the environment.
const PYTHON: &str = include_str!("sitecustomize.py");
/// Does the same for versions of Node that have no setting for it.
const NODE: &str = include_str!("proxy.mjs");

/// The variables, for a proxy at `base`. Files that they name are written to `folder`. `var` reads the environment as it
/// was: what the user had set is not lost.
pub(super) fn variables(
    base: &str,
    certificate: &str,
    folder: &Path,
    var: &dyn Fn(&str) -> Option<String>,
) -> io::Result<Vec<(String, String)>> {
    let var = |name: &str| var(name).filter(|value| !value.is_empty());
    let mut all: Vec<(String, String)> = PROXIES.iter().map(|name| ((*name).to_owned(), base.to_owned())).collect();
    let mut files = Files { folder, written: HashMap::new() };
    let system = roots::of_system();
    for name in ALL_ROOTS {
        let before = var(name).and_then(|path| roots::of_file(Path::new(&path)));
        let path = files.of(&[certificate, before.as_deref().unwrap_or(&system)])?;
        all.push((name.to_owned(), path));
    }
    for name in MORE_ROOTS {
        let before = var(name).and_then(|path| roots::of_file(Path::new(&path)));
        all.push((name.to_owned(), files.of(&[certificate, before.as_deref().unwrap_or_default()])?));
    }
    let python = folder.join("python");
    std::fs::create_dir_all(&python)?;
    std::fs::write(python.join("sitecustomize.py"), PYTHON)?;
    all.push(("PYTHONPATH".to_owned(), first_of_path(&python, var("PYTHONPATH"))?));
    let node = folder.join("proxy.mjs");
    std::fs::write(&node, NODE)?;
    let before = var("NODE_OPTIONS").map_or_else(String::new, |options| format!("{options} "));
    all.push(("NODE_OPTIONS".to_owned(), format!("{before}--import={}", file_url(&node))));
    all.push(("NODE_USE_ENV_PROXY".to_owned(), "1".to_owned()));
    let java = folder.join("roots.jks");
    std::fs::write(&java, java::trust_store(&roots::joined(&[certificate, &system])))?;
    let direct = var("NO_PROXY").or_else(|| var("no_proxy")).unwrap_or_default();
    let before = var(JAVA).unwrap_or_default();
    let at = base.split_once("://").map_or(base, |(_, at)| at);
    all.push((JAVA.to_owned(), java::options(at, &java.display().to_string(), &direct, &before)));
    Ok(all)
}

/// Files of roots, each content once.
struct Files<'f> {
    folder: &'f Path,
    written: HashMap<String, PathBuf>,
}

impl Files<'_> {
    fn of(&mut self, parts: &[&str]) -> io::Result<String> {
        let text = roots::joined(parts);
        if let Some(path) = self.written.get(&text) {
            return Ok(path.display().to_string());
        }
        let path = self.folder.join(format!("roots-{}.pem", self.written.len() + 1));
        std::fs::write(&path, &text)?;
        self.written.insert(text, path.clone());
        Ok(path.display().to_string())
    }
}

fn first_of_path(first: &Path, before: Option<String>) -> io::Result<String> {
    let before = before.unwrap_or_default();
    let rest: Vec<PathBuf> = if before.is_empty() { Vec::new() } else { std::env::split_paths(&before).collect() };
    let joined = std::env::join_paths(std::iter::once(first.to_owned()).chain(rest)).map_err(io::Error::other)?;
    joined.into_string().map_err(|_| io::Error::other("PYTHONPATH is not UTF-8"))
}

/// The `file:` URL of an absolute path. Spaces would end an option.
fn file_url(path: &Path) -> String {
    let text = path.display().to_string().replace('\\', "/");
    let escaped = percent_encoding::utf8_percent_encode(&text, percent_encoding::CONTROLS);
    let escaped = escaped.to_string().replace(' ', "%20").replace('"', "%22");
    if escaped.starts_with('/') { format!("file://{escaped}") } else { format!("file:///{escaped}") }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn found(all: &[(String, String)], name: &str) -> String {
        all.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1.clone()
    }

    fn text(path: &str) -> String {
        String::from_utf8(crate::disk::bytes(Path::new(path), 1 << 20).unwrap()).unwrap()
    }

    #[test]
    fn roots_that_were_named_before_stay_beside_the_new_one() {
        let folder = TempDir::new().unwrap();
        for name in ALL_ROOTS.iter().chain(&MORE_ROOTS) {
            std::fs::write(folder.path().join(name), format!("roots of {name}\n")).unwrap();
        }
        let set = |name: &str| {
            let path = folder.path().join(name);
            path.is_file().then(|| path.display().to_string())
        };
        let all = variables("http://127.0.0.1:1", "OURS\n", folder.path(), &set).unwrap();
        for name in ALL_ROOTS.iter().chain(&MORE_ROOTS) {
            assert_eq!(text(&found(&all, name)), format!("OURS\nroots of {name}\n"));
        }
    }

    #[test]
    fn a_client_that_had_no_roots_named_gets_those_of_the_system() {
        let folder = TempDir::new().unwrap();
        let gone = |name: &str| (name == "CURL_CA_BUNDLE").then(|| "/no/such/file".to_owned());
        let all = variables("http://127.0.0.1:1", "OURS\n", folder.path(), &gone).unwrap();
        let expected = roots::joined(&["OURS", &roots::of_system()]);
        for name in ALL_ROOTS {
            assert_eq!(text(&found(&all, name)), expected, "{name}");
        }
        assert_eq!(text(&found(&all, "DENO_CERT")), "OURS\n");
        for name in PROXIES {
            assert_eq!(found(&all, name), "http://127.0.0.1:1");
        }
    }

    #[test]
    fn options_and_paths_of_the_user_stay() {
        let folder = TempDir::new().unwrap();
        let set = |name: &str| match name {
            "PYTHONPATH" => Some("src".to_owned()),
            "NODE_OPTIONS" => Some("--max-old-space-size=1".to_owned()),
            _ => None,
        };
        let all = variables("http://127.0.0.1:1", "OURS\n", folder.path(), &set).unwrap();
        assert!(found(&all, "PYTHONPATH").ends_with("python:src"));
        assert!(found(&all, "NODE_OPTIONS").starts_with("--max-old-space-size=1 --import=file:///"));
    }

    #[test]
    fn a_path_becomes_a_url_without_spaces() {
        assert_eq!(file_url(Path::new("/a b/ü.mjs")), "file:///a%20b/%C3%BC.mjs");
    }
}
