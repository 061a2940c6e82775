//! Does a text match a regular expression, in a bounded number of steps.
//!
//! The engine takes time in proportion to the text, but also to the size of what the expression compiles to:
//! `(.{0,500}b){5}c` has tens of thousands of states, and on 2 MB of text it would be busy for minutes, with nothing that
//! could stop it. So the automaton that is built on the way is asked first, which answers nearly everything at the speed
//! of reading and says by itself when it does not get on; what is left for the slow engine is done only when its steps,
//! which are known beforehand, are not too many.

use regex_automata::hybrid::dfa;
use regex_automata::nfa::thompson::{self, pikevm::PikeVM};
use regex_automata::{Input, MatchError, MatchErrorKind};

/// What an expression may compile to, in bytes: what the crate regex allows, by which a suite is read.
const MOST_SIZE: usize = 10 << 20;
/// Bytes that the automaton made on the way may take.
const MOST_CACHED: usize = 2 << 20;
/// How often that cache is thrown away, and how few bytes of text a state of it must be good for, before the automaton
/// gives up: what the crate regex takes.
const THROWN_AWAY: usize = 3;
const WORTHWHILE: usize = 10;
/// Steps of the slow engine: a few seconds of them.
const MOST_STEPS: usize = 300_000_000;

/// Why it is not known whether a text matches.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// It is not a regular expression, for this reason.
    Malformed(String),
    /// It would take so many steps.
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

/// What the automaton says; `None` where it does not get on, or where the expression is none for it.
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

/// Not getting on, and a word's edge beside a letter that is not ASCII.
fn is_expected(error: &MatchError) -> bool {
    matches!(error.kind(), MatchErrorKind::GaveUp { .. } | MatchErrorKind::Quit { .. })
}

/// The reason in the words that a suite's author gets when the suite is read.
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
        // Without a repetition that the automaton could learn.
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
