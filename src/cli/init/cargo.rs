//! What a cargo package needs: a test target, and lines of its manifest.

use std::path::{Path, PathBuf};

use crate::disk::{self, MOST_TEXT};

pub(super) const TARGET: &str = "tests/integration.rs";

/// The lines that Cargo.toml lacks for the test target.
pub(super) fn manifest_lines(manifest: &Path) -> String {
    let text = disk::text(manifest, MOST_TEXT).unwrap_or_default();
    let mut lines = String::new();
    if !text.contains("retake") {
        lines.push_str(&format!("    [dev-dependencies]\n    retake = {}\n\n", requirement()));
    }
    if !text.contains("name = \"integration\"") {
        lines.push_str("    [[test]]\n    name = \"integration\"\n    harness = false\n\n");
    }
    if lines.is_empty() {
        lines
    } else {
        format!("\nAdd to {}:\n\n{}", manifest.display(), lines.trim_end_matches('\n')) + "\n"
    }
}

/// The dependency with which another package gets this very program: the checkout in which it was built, if it still
/// lies there, else the published version.
fn requirement() -> String {
    match checkout() {
        Some(source) => format!("{{ path = {:?} }}", source.display().to_string()),
        None => format!("{:?}", env!("CARGO_PKG_VERSION")),
    }
}

/// The checkout of retake in which this program lies: `CHECKOUT/target/debug/retake`.
fn checkout() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let is_ours = |folder: &&Path| {
        let manifest = disk::text(&folder.join("Cargo.toml"), MOST_TEXT).unwrap_or_default();
        manifest.lines().any(|line| line.trim() == "name = \"retake\"")
    };
    program.ancestors().find(is_ours).map(Path::to_owned)
}
