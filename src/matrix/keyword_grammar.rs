//! The grammar of `-k`:
//!
//! ```text
//! expr := and ("or" and)*      and := not ("and" not)*      not := "not" not | "(" expr ")" | ident
//! ```
//!
//! In addition to pytest's letters, digits and `_:+-.[]\/`, an ident may contain `=`, `@` and `,`: ids contain them,
//! and no valid expression of pytest does. Text in quotes is an ident, too. So is a word with any other character, and
//! so are several words, if some id contains that text: only where pytest has a syntax error.

/// A parsed expression.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    Ident(String),
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
}

impl Expression {
    /// Whether it is true, given the truth of each ident.
    pub(super) fn holds(&self, ident: &impl Fn(&str) -> bool) -> bool {
        match self {
            Expression::Ident(name) => ident(name),
            Expression::Not(inner) => !inner.holds(ident),
            Expression::And(parts) => parts.iter().all(|part| part.holds(ident)),
            Expression::Or(parts) => parts.iter().any(|part| part.holds(ident)),
        }
    }

    /// Adds the idents, in order.
    pub(super) fn names<'e>(&'e self, found: &mut Vec<&'e str>) {
        match self {
            Expression::Ident(name) => found.push(name),
            Expression::Not(inner) => inner.names(found),
            Expression::And(parts) | Expression::Or(parts) => parts.iter().for_each(|part| part.names(found)),
        }
    }
}

/// The column (from 1, in characters), and the error there.
type Wrong = (usize, String);

/// How deep `not` and parentheses may be nested: deeper than anyone writes, and safe for the stack.
const DEPTH: usize = 200;

/// Parses an expression; `is_known` tells whether some id contains a text.
pub(super) fn parse(text: &str, is_known: &dyn Fn(&str) -> bool) -> Result<Expression, Wrong> {
    let mut parser = Parser {
        tokens: Tokens { characters: text.chars().collect(), at: 0, is_known },
        current: Token::End,
        column: 1,
        depth: 0,
    };
    parser.advance()?;
    let expression = parser.or()?;
    match parser.current {
        Token::End => Ok(expression),
        _ => Err(parser.reject("end of input")),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    LeftParenthesis,
    RightParenthesis,
    Or,
    And,
    Not,
    Ident(String),
    Text(String),
    End,
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::LeftParenthesis => "left parenthesis",
            Token::RightParenthesis => "right parenthesis",
            Token::Or => "or",
            Token::And => "and",
            Token::Not => "not",
            Token::Ident(_) => "identifier",
            Token::Text(_) => "string literal",
            Token::End => "end of input",
        }
    }
}

struct Tokens<'a> {
    characters: Vec<char>,
    at: usize,
    is_known: &'a dyn Fn(&str) -> bool,
}

impl Tokens<'_> {
    /// The next token and its column.
    fn next(&mut self) -> Result<(Token, usize), Wrong> {
        while matches!(self.characters.get(self.at), Some(' ' | '\t')) {
            self.at += 1;
        }
        let start = self.at;
        let column = start + 1;
        let Some(&first) = self.characters.get(start) else { return Ok((Token::End, column)) };
        self.at += 1;
        let token = match first {
            '(' => Token::LeftParenthesis,
            ')' => Token::RightParenthesis,
            '"' | '\'' => self.quoted(first, column)?,
            _ => self.word(start)?,
        };
        Ok((token, column))
    }

    fn quoted(&mut self, quote: char, column: usize) -> Result<Token, Wrong> {
        let start = self.at;
        match self.characters[start..].iter().position(|character| *character == quote) {
            Some(size) => {
                self.at += size + 1;
                Ok(Token::Text(self.characters[start..start + size].iter().collect()))
            }
            None => Err((column, format!("closing quote \"{quote}\" is missing"))),
        }
    }

    fn word(&mut self, start: usize) -> Result<Token, Wrong> {
        let rest = &self.characters[start..];
        let size = rest.iter().position(|character| !is_ident(*character)).unwrap_or(rest.len());
        let whole = rest.iter().position(|character| " \t()".contains(*character)).unwrap_or(rest.len());
        let text = |size: usize| rest[..size].iter().collect::<String>();
        let word = match text(whole) {
            long if whole > size && (self.is_known)(&long) => long,
            _ if size == 0 => return Err((start + 1, format!("unexpected character \"{}\"", rest[0]))),
            _ => text(size),
        };
        self.at = start + word.chars().count();
        Ok(match word.as_str() {
            "or" => Token::Or,
            "and" => Token::And,
            "not" => Token::Not,
            _ => Token::Ident(word),
        })
    }

    /// The text from `start` to the end of the next word, if some id contains it.
    fn joined(&mut self, start: usize) -> Option<String> {
        let before = self.at;
        if self.next().is_ok_and(|(token, _)| matches!(token, Token::Ident(_))) {
            let text: String = self.characters[start..self.at].iter().collect();
            if (self.is_known)(&text) {
                return Some(text);
            }
        }
        self.at = before;
        None
    }
}

fn is_ident(character: char) -> bool {
    character.is_alphanumeric() || "_:+-.[]\\/=@,".contains(character)
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    current: Token,
    column: usize,
    depth: usize,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<(), Wrong> {
        (self.current, self.column) = self.tokens.next()?;
        Ok(())
    }

    fn accept(&mut self, token: &Token) -> Result<bool, Wrong> {
        let found = self.current == *token;
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn reject(&self, expected: &str) -> Wrong {
        (self.column, format!("expected {expected}; got {}", self.current.name()))
    }

    fn or(&mut self) -> Result<Expression, Wrong> {
        let mut parts = vec![self.and()?];
        while self.accept(&Token::Or)? {
            parts.push(self.and()?);
        }
        Ok(Expression::Or(parts))
    }

    fn and(&mut self) -> Result<Expression, Wrong> {
        let mut parts = vec![self.not()?];
        while self.accept(&Token::And)? {
            parts.push(self.not()?);
        }
        Ok(Expression::And(parts))
    }

    fn not(&mut self) -> Result<Expression, Wrong> {
        if self.depth == DEPTH {
            return Err((self.column, "too deeply nested".to_owned()));
        }
        self.depth += 1;
        let expression = self.operand()?;
        self.depth -= 1;
        Ok(expression)
    }

    fn operand(&mut self) -> Result<Expression, Wrong> {
        if self.accept(&Token::Not)? {
            return Ok(Expression::Not(Box::new(self.not()?)));
        }
        if self.accept(&Token::LeftParenthesis)? {
            let inner = self.or()?;
            return if self.accept(&Token::RightParenthesis)? {
                Ok(inner)
            } else {
                Err(self.reject("right parenthesis"))
            };
        }
        let mut name = match &self.current {
            Token::Ident(name) | Token::Text(name) => name.clone(),
            _ => return Err(self.reject("not OR left parenthesis OR identifier")),
        };
        if matches!(self.current, Token::Ident(_)) {
            let start = self.column - 1;
            while let Some(longer) = self.tokens.joined(start) {
                name = longer;
            }
        }
        self.advance()?;
        Ok(Expression::Ident(name))
    }
}
