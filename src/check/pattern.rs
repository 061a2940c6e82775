//! Matches a text with a regular expression in a bounded number of steps.
//!
//! The time of a match grows with the text and with the size of the compiled expression. `(.{0,500}b){5}c` has tens of
//! thousands of states: on 2 MB of text, it would take minutes, and nothing can interrupt it. So the lazy DFA runs
//! first. It answers nearly always, about as fast as the text can be read, and gives up by itself when it is slow. Then
//! the slow engine runs, but only if its number of steps, which is known beforehand, is small enough.

use regex_automata::hybrid::dfa;
use regex_automata::nfa::thompson::{self, pikevm::PikeVM};
use regex_automata::{Input, MatchError, MatchErrorKind};

/// The largest size of a compiled expression in bytes. The crate regex has the same limit, and suites are read with it.
const MOST_SIZE: usize = 10 << 20;
/// The largest size of the lazy DFA's cache in bytes.
const MOST_CACHED: usize = 2 << 20;
/// The lazy DFA gives up if its cache was cleared [`THROWN_AWAY`] times and it searches fewer than [`WORTHWHILE`] bytes
/// of text for each state that it builds. The crate regex uses the same numbers.
const THROWN_AWAY: usize = 3;
const WORTHWHILE: usize = 10;
/// The most steps of the slow engine. They take a few seconds.
const MOST_STEPS: usize = 300_000_000;

/// Why it is not known whether a text matches.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// It is not a regular expression, for this reason.
    Malformed(String),
    /// The match would take this many steps.
    TooMuch(usize),
}

/// Whether `text` matches `pattern` somewhere.
pub(super) fn is_match(pattern: &str, text: &str) -> Result<bool, Unanswered> {
    let config = thompson::Config::new().nfa_size_limit(Some(MOST_SIZE));
    let nfa = thompson::Compiler::new().configure(config).build(pattern).map_err(|error| malformed(pattern, &error))?;
    let input = Input::new(text).earliest(true);
    if let Some(found) = at_reading_speed(&nfa, &input) {
        return Ok(found);
    }
    let steps = nfa.states().len().saturating_mul(text.len() + 1);
    if steps > MOST_STEPS {
        return Err(Unanswered::TooMuch(steps));
    }
    let machine = PikeVM::new_from_nfa(nfa).map_err(|error| malformed(pattern, &error))?;
    Ok(machine.is_match(&mut machine.create_cache(), input))
}

/// The answer of the lazy DFA; `None` if it gives up, or cannot handle the expression or the text.
fn at_reading_speed(nfa: &thompson::NFA, input: &Input<'_>) -> Option<bool> {
    let config = dfa::Config::new()
        .unicode_word_boundary(true)
        .cache_capacity(MOST_CACHED)
        .minimum_cache_clear_count(Some(THROWN_AWAY))
        .minimum_bytes_per_state(Some(WORTHWHILE));
    let automaton = dfa::Builder::new().configure(config).build_from_nfa(nfa.clone()).ok()?;
    let found = automaton.try_search_fwd(&mut automaton.create_cache(), input).map(|found| found.is_some());
    found.map_err(|error| debug_assert!(is_expected(&error), "{error}")).ok()
}

/// Whether the lazy DFA stopped for a known reason: it gave up because it was slow, or the expression has a word
/// boundary and the text has a character that is not ASCII.
fn is_expected(error: &MatchError) -> bool {
    matches!(error.kind(), MatchErrorKind::GaveUp { .. } | MatchErrorKind::Quit { .. })
}

/// The error with the message of the crate regex, as it is also shown when a suite is read.
fn malformed(pattern: &str, error: &thompson::BuildError) -> Unanswered {
    let said = regex::Regex::new(pattern).err().map(|error| error.to_string());
    Unanswered::Malformed(said.unwrap_or_else(|| error.to_string()).replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_matches_what_the_crate_regex_matches(
            pattern in r"(\^|\\b|\(\?i\)|\(\?s\))?([a-cé]|\\w|\\d|\.|\[\^a\]|\\B){0,4}[*+?]?(\||[{]0,3[}])?([bc]|\\b|\$)?",
            text in "[a-cAé1 \n]{0,12}",
        ) {
            match regex::Regex::new(&pattern) {
                Ok(regex) => prop_assert_eq!(is_match(&pattern, &text), Ok(regex.is_match(&text))),
                Err(_) => prop_assert!(matches!(is_match(&pattern, &text), Err(Unanswered::Malformed(_)))),
            }
        }
    }

    #[test]
    fn a_long_text_is_answered_unless_it_would_take_for_ever() {
        let text = "ab é ".repeat(100_000);
        assert_eq!(is_match(r"\bab é $", &text), Ok(true));
        assert_eq!(is_match(r"(\w+\s?)+!", &text), Ok(false));
        // The text is pseudorandom: in a repetitive text, the lazy DFA could reuse its states.
        let mut seed = 1_u64;
        let mixed: String = (0..2_000_000)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if seed >> 60 == 0 { 'b' } else { 'a' }
            })
            .collect();
        assert!(matches!(is_match("(.{0,500}b){5}c", &mixed), Err(Unanswered::TooMuch(_))));
        assert_eq!(is_match("(.{0,500}b){5}c", "bbbbbc"), Ok(true));
    }

    #[test]
    fn what_is_no_expression_is_said_as_when_a_suite_is_read() {
        assert!(matches!(is_match("(", ""), Err(Unanswered::Malformed(why)) if why.contains("unclosed group")));
        assert!(
            matches!(is_match(r"(\w{1000}){1000}", ""), Err(Unanswered::Malformed(why)) if why.contains("size limit"))
        );
    }
}
