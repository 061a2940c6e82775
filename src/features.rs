//! What this build lacks, and how that is told.

/// Why something cannot be done here: the package was built without this feature.
pub(crate) fn without(feature: &str) -> String {
    format!("this retake was built without the feature `{feature}`")
}

/// How to get it.
pub(crate) fn help(feature: &str) -> String {
    format!("cargo install retake --features {feature}")
}
