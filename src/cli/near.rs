//! Suggests corrections for mistyped words that are not keys of a file: paths, values of flags, parts of case ids.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::spelling::nearest;

/// "; did you mean `replay`?", or nothing.
pub(super) fn one_of<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// The same for a path that does not exist: a similar name in the same folder, or, if the folder is missing, in a
/// folder with a similar name.
pub(super) fn path(missing: &Path) -> String {
    near_path(missing).map_or_else(String::new, |near| format!("; did you mean `{}`?", near.display()))
}

fn near_path(missing: &Path) -> Option<PathBuf> {
    let folder = missing.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = std::fs::read_dir(folder.unwrap_or(Path::new("."))) else {
        let moved = near_path(folder?)?.join(missing.file_name()?);
        return if moved.exists() { Some(moved) } else { near_path(&moved) };
    };
    let names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let name = missing.file_name()?.to_str()?;
    nearest(name, names.iter().map(String::as_str)).map(|near| missing.with_file_name(near))
}

/// Suggestions for words that select no case: for each word that no id contains, the most similar part of an id.
pub(super) fn cases<'a>(words: impl IntoIterator<Item = &'a str>, ids: &[&str]) -> Option<String> {
    let words: Vec<&str> = words.into_iter().flat_map(parts).collect();
    let mut lines = BTreeSet::new();
    for word in words {
        if ids.iter().any(|id| id.to_lowercase().contains(&word.to_lowercase())) {
            continue;
        }
        // The candidates have as many words joined by `_` as the mistyped text, at any place of an id.
        let count = word.split('_').count();
        let known: BTreeSet<String> = ids.iter().flat_map(|id| parts(id)).flat_map(|part| runs(part, count)).collect();
        let near = nearest(word, known.iter().map(String::as_str));
        lines.extend(near.map(|near| format!("no case has `{word}` in its id; did you mean `{near}`?")));
    }
    (!lines.is_empty()).then(|| lines.into_iter().collect::<Vec<_>>().join("\n"))
}

/// The words of an expression, or of an id.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let between = |c: char| !c.is_alphanumeric() && !"_.-/".contains(c);
    text.split(between).filter(|word| !word.is_empty() && !["and", "or", "not"].contains(word))
}

/// Each sequence of `count` neighbours among the parts joined by `_`.
fn runs(part: &str, count: usize) -> Vec<String> {
    let pieces: Vec<&str> = part.split('_').collect();
    pieces.windows(count).map(|run| run.join("_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 2] =
        ["suites/a/sanity.yaml::chat_system_prompt[txt=together/big-True]", "suites/a/b.yaml::embeddings[emb=x/y]"];

    #[test]
    fn words_that_select_nothing_are_set_right() {
        let said = |word| cases([word], &IDS).unwrap_or_default();
        assert_eq!(said("chat_systm"), "no case has `chat_systm` in its id; did you mean `chat_system`?");
        assert_eq!(said("not embedings and (chat)"), "no case has `embedings` in its id; did you mean `embeddings`?");
        assert_eq!(said("systm_prompt"), "no case has `systm_prompt` in its id; did you mean `system_prompt`?");
        for fine_or_far in ["chat", "not chat_system_prompt", "CHAT and embeddings", "quite_another", ""] {
            assert_eq!(said(fine_or_far), "", "{fine_or_far}");
        }
    }

    #[test]
    fn paths_are_set_right_in_their_own_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("script.yaml"), "").unwrap();
        let near = format!("; did you mean `{}`?", folder.path().join("script.yaml").display());
        assert_eq!(path(&folder.path().join("scrpt.yaml")), near);
        assert_eq!(path(&folder.path().join("other.json")), "");
        assert_eq!(path(&folder.path().join("none/scrpt.yaml")), "");
        std::fs::create_dir(folder.path().join("shared")).unwrap();
        std::fs::write(folder.path().join("shared/common.yaml"), "").unwrap();
        let near = format!("; did you mean `{}`?", folder.path().join("shared/common.yaml").display());
        for typo in ["shard/common.yaml", "shraed/comon.yaml"] {
            assert_eq!(path(&folder.path().join(typo)), near, "{typo}");
        }
    }
}
