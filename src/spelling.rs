//! Guesses the word that a mistyped one stands for.

/// Of longer words only the beginning is compared: the comparison takes quadratic time, and callers choose the word.
const MOST_CHARACTERS: usize = 100;

/// The candidate with the fewest edits (insertions, deletions, replacements and swaps of neighbours), at most a third
/// of the word's length; upper and lower case are the same.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let start = |text: &str| text.to_lowercase().chars().take(MOST_CHARACTERS).collect::<String>();
    let word = start(word);
    let most = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &start(candidate)), candidate))
        .filter(|(edits, _)| *edits <= most)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("togehter", ["ollama", "together"]), Some("together"));
        assert_eq!(nearest("Together", ["ollama", "together"]), Some("together"));
        assert_eq!(nearest("xyz", ["ollama", "together"]), None);
        assert_eq!(nearest(&"x".repeat(100_000), ["ollama"]), None);
    }
}
