//! Selects cases with `-k` and `-m` in pytest's grammar, and by printed ids.

use super::keyword_grammar::{Expression, parse};

/// A parsed `-k` expression.
#[derive(Debug, Clone)]
pub(crate) struct Keyword(Meaning);

#[derive(Debug, Clone)]
enum Meaning {
    /// No filter.
    Everything,
    /// A printed id or a part of one, in lower case.
    Literal(String),
    Expression(Expression),
}

/// An error in an expression, in pytest's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Wrong expression passed to '{flag}': {text}: at column {column}: {reason}")]
pub(crate) struct KeywordError {
    /// `-k` or `-m`.
    pub flag: &'static str,
    /// The expression.
    pub text: String,
    /// The column, from 1, in characters.
    pub column: usize,
    /// `expected end of input; got identifier`.
    pub reason: String,
}

impl Keyword {
    /// Parses an expression. `in_some_id` tells whether some id contains a text, in any case of letters: such text is
    /// taken literally, whatever characters it has, so that every printed id is accepted. All other text is read by
    /// pytest's grammar; empty text selects everything.
    pub(crate) fn parse(text: &str, in_some_id: impl Fn(&str) -> bool) -> Result<Self, KeywordError> {
        let literal = text.trim();
        if literal.is_empty() {
            return Ok(Keyword(Meaning::Everything));
        }
        if in_some_id(literal) {
            return Ok(Keyword(Meaning::Literal(fold(literal))));
        }
        Ok(Keyword(Meaning::Expression(expression("-k", text, &in_some_id)?)))
    }

    /// Whether it selects a case with this id and these other words (keywords, client, setup). A name in an expression
    /// is true if the id or one of the words contains it, in any case of letters.
    pub(crate) fn selects(&self, id: &str, words: &[String]) -> bool {
        match &self.0 {
            Meaning::Everything => true,
            Meaning::Literal(literal) => {
                fold(id).contains(literal) || words.iter().any(|word| fold(word).contains(literal))
            }
            Meaning::Expression(expression) => {
                let names: Vec<String> =
                    std::iter::once(id).chain(words.iter().map(String::as_str)).map(fold).collect();
                expression.holds(&|ident| {
                    let ident = fold(ident);
                    names.iter().any(|name| name.contains(&ident))
                })
            }
        }
    }
}

fn expression(flag: &'static str, text: &str, is_known: &dyn Fn(&str) -> bool) -> Result<Expression, KeywordError> {
    parse(text, is_known).map_err(|(column, reason)| KeywordError { flag, text: text.to_owned(), column, reason })
}

/// A `-m` expression: marks by their full names, in the same case of letters.
#[derive(Debug, Clone)]
pub(crate) struct Marks(Option<Expression>);

impl Marks {
    /// Parses an expression; empty text selects everything. `is_mark` tells whether some case has this mark: only then
    /// may a word contain characters that pytest's grammar does not allow.
    pub(crate) fn parse(text: &str, is_mark: impl Fn(&str) -> bool) -> Result<Self, KeywordError> {
        let is_empty = text.trim().is_empty();
        Ok(Marks(if is_empty { None } else { Some(expression("-m", text, &is_mark)?) }))
    }

    /// Whether it selects a case with these marks.
    pub(crate) fn selects(&self, marks: &[String]) -> bool {
        self.0.as_ref().is_none_or(|expression| expression.holds(&|name| marks.iter().any(|mark| mark == name)))
    }

    /// The marks that it names.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        if let Some(expression) = &self.0 {
            expression.names(&mut names);
        }
        names
    }
}

/// Lower case, character by character. Unlike `str::to_lowercase` it ignores neighbouring characters, so that a part of
/// a text stays a part of it.
fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "suites/inference/sanity.yaml::chat[openai_client-txt=together/meta-llama/Llama (free)-a or b]";

    fn in_id(id: &str) -> impl Fn(&str) -> bool {
        let id = fold(id);
        move |part| id.contains(&fold(part))
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn selects(text: &str) -> bool {
        Keyword::parse(text, in_id(ID)).unwrap().selects(ID, &words(&["openai", "client_with_models", "together"]))
    }

    fn message(text: &str) -> String {
        Keyword::parse(text, in_id(ID)).unwrap_err().to_string()
    }

    #[test]
    fn names_are_parts_of_the_id_or_the_words_in_any_case() {
        assert!(selects("SANITY"));
        assert!(selects("openai and not embeddings"));
        assert!(selects("nothing or (CHAT and not (nothing or absent))"));
        assert!(selects("not not chat"));
        assert!(selects("models"));
        assert!(!selects("not together"));
        assert!(!selects("absent"));
        assert!(!selects("nothing and absent or nothing"));
        assert!(selects("absent and nothing or chat"));
        assert!(selects("txt=together/meta-llama and not emb=x"));
        assert!(selects(""));
        assert!(selects("  "));
    }

    #[test]
    fn a_word_that_stands_in_some_id_still_finds_keywords() {
        // `openai` is part of this id; the other case only has it as a keyword.
        let keyword = Keyword::parse("openai", in_id(ID)).unwrap();
        assert!(keyword.selects("suites/b.yaml::other", &words(&["openai"])));
    }

    #[test]
    fn text_of_an_id_is_taken_as_it_is() {
        assert!(selects(ID));
        assert!(selects("Llama (free)-a or b]"));
        let keyword = Keyword::parse("-a or b]", in_id(ID)).unwrap();
        assert!(keyword.selects(ID, &[]));
        assert!(!keyword.selects("suites/b.yaml::c[x-b]", &[]));
        assert!(Keyword::parse("=together/meta-llama/Llama (", in_id(ID)).unwrap().selects(ID, &[]));
    }

    #[test]
    fn where_pytest_has_a_syntax_error_the_text_of_ids_is_taken() {
        let id = "suites/a.yaml::c[stream=False-claude@2024-gpt*-a b c-x&y-{\"k\": 1}]";
        let selects = |text: &str| Keyword::parse(text, in_id(id)).unwrap().selects(id, &[]);
        for text in [
            "stream=False and not absent",
            "claude@2024 and c",
            "not absent and gpt*",
            "absent or a b c",
            "absent or (b c and x&y)",
            "'a b' and \"stream=False\"",
            "'gpt*'",
            "absent or '{\"k\": 1}'",
        ] {
            assert!(selects(text), "{text}");
        }
        for text in ["not a b", "'a c'", "absent and gpt*", "not 'stream=False'"] {
            assert!(!selects(text), "{text}");
        }
    }

    #[test]
    fn marks_are_whole_names() {
        let selects = |text: &str| Marks::parse(text, |_| false).unwrap().selects(&words(&["slow", "llm"]));
        assert!(selects("slow and not fast") && selects("") && selects("(fast or llm)"));
        assert!(!selects("slo") && !selects("Slow") && !selects("not llm"));
        assert_eq!(Marks::parse("slow and not (fast or slow)", |_| false).unwrap().names(), ["slow", "fast", "slow"]);
        insta::assert_snapshot!(Marks::parse("slow and", |_| false).unwrap_err(), @"Wrong expression passed to '-m': slow and: at column 9: expected not OR left parenthesis OR identifier; got end of input");
    }

    #[test]
    fn mistakes_are_told_in_pytests_words() {
        insta::assert_snapshot!(message("a b"), @"Wrong expression passed to '-k': a b: at column 3: expected end of input; got identifier");
        insta::assert_snapshot!(message("(x"), @"Wrong expression passed to '-k': (x: at column 3: expected right parenthesis; got end of input");
        insta::assert_snapshot!(message("not"), @"Wrong expression passed to '-k': not: at column 4: expected not OR left parenthesis OR identifier; got end of input");
        insta::assert_snapshot!(message("x and and y"), @"Wrong expression passed to '-k': x and and y: at column 7: expected not OR left parenthesis OR identifier; got and");
        insta::assert_snapshot!(message("x)"), @"Wrong expression passed to '-k': x): at column 2: expected end of input; got right parenthesis");
        insta::assert_snapshot!(message("x & y"), @r#"Wrong expression passed to '-k': x & y: at column 3: unexpected character "&""#);
        insta::assert_snapshot!(message("x 'y'"), @"Wrong expression passed to '-k': x 'y': at column 3: expected end of input; got string literal");
        insta::assert_snapshot!(message("gpt* or x"), @r#"Wrong expression passed to '-k': gpt* or x: at column 4: unexpected character "*""#);
        insta::assert_snapshot!(message("ä \"x"), @r#"Wrong expression passed to '-k': ä "x: at column 3: closing quote """ is missing"#);
        insta::assert_snapshot!(message("x(y=1)"), @"Wrong expression passed to '-k': x(y=1): at column 2: expected end of input; got left parenthesis");
    }

    #[test]
    fn depth_has_a_limit() {
        assert!(message(&"(".repeat(100_000)).ends_with("at column 201: too deeply nested"));
        assert!(message(&format!("{} x", "not ".repeat(100_000))).contains("too deeply nested"));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*", id in ".*") {
            if let Ok(keyword) = Keyword::parse(&text, in_id(&id)) {
                keyword.selects(&id, &[]);
            }
        }

        #[test]
        fn never_panics_on_likely_text(text in "[()a &=\"'ortnd]{0,24}") {
            if let Ok(keyword) = Keyword::parse(&text, in_id(ID)) {
                keyword.selects(ID, &[]);
            }
        }

        #[test]
        fn every_part_of_an_id_selects_it(id in "\\PC{1,40}", from in 0usize..40, size in 0usize..40) {
            let part: String = id.chars().skip(from).take(size).collect();
            prop_assert!(Keyword::parse(&part, in_id(&id)).unwrap().selects(&id, &[]));
        }
    }
}
