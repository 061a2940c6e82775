//! The grammar of `-k`:
//!
//! ```text
//! expr := and ("or" and)*      and := not ("and" not)*      not := "not" not | "(" expr ")" | ident
//! ```
//!
//! Beyond pytest's letters, digits and `_:+-.[]\/`, an ident may hold `=`, `@` and `,`, which ids do and which no
//! expression that pytest takes can hold.

/// What an expression says.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    Ident(String),
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
}

impl Expression {
    /// Its truth, given that of each ident.
    pub(super) fn holds(&self, ident: &impl Fn(&str) -> bool) -> bool {
        match self {
            Expression::Ident(name) => ident(name),
            Expression::Not(inner) => !inner.holds(ident),
            Expression::And(parts) => parts.iter().all(|part| part.holds(ident)),
            Expression::Or(parts) => parts.iter().any(|part| part.holds(ident)),
        }
    }
}

/// Column (from 1, in characters) and what is wrong there.
type Wrong = (usize, String);

/// How deep `not` and parentheses may nest: deeper than anyone writes, and safe for the stack.
const DEPTH: usize = 200;

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Expression, Wrong> {
    let mut parser = Parser {
        tokens: Tokens { characters: text.chars().collect(), at: 0 },
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
    Text,
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
            Token::Text => "string literal",
            Token::End => "end of input",
        }
    }
}

struct Tokens {
    characters: Vec<char>,
    at: usize,
}

impl Tokens {
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
            _ if is_ident(first) => self.word(start),
            _ => return Err((column, format!("unexpected character \"{first}\""))),
        };
        Ok((token, column))
    }

    fn quoted(&mut self, quote: char, column: usize) -> Result<Token, Wrong> {
        match self.characters[self.at..].iter().position(|character| *character == quote) {
            Some(size) => {
                self.at += size + 1;
                Ok(Token::Text)
            }
            None => Err((column, format!("closing quote \"{quote}\" is missing"))),
        }
    }

    fn word(&mut self, start: usize) -> Token {
        while self.characters.get(self.at).is_some_and(|character| is_ident(*character)) {
            self.at += 1;
        }
        let word: String = self.characters[start..self.at].iter().collect();
        match word.as_str() {
            "or" => Token::Or,
            "and" => Token::And,
            "not" => Token::Not,
            _ => Token::Ident(word),
        }
    }
}

fn is_ident(character: char) -> bool {
    character.is_alphanumeric() || "_:+-.[]\\/=@,".contains(character)
}

struct Parser {
    tokens: Tokens,
    current: Token,
    column: usize,
    depth: usize,
}

impl Parser {
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
        let Token::Ident(name) = &self.current else {
            return Err(self.reject("not OR left parenthesis OR identifier"));
        };
        let name = name.clone();
        self.advance()?;
        Ok(Expression::Ident(name))
    }
}
