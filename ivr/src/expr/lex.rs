//! Words of an expression.

use std::sync::Arc;

use super::{ExprError, Fault, Value};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Literal(Value),
    Name(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

impl Token {
    /// How the word is shown in an error.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Literal(Value::Text(text)) => format!("'{text}'"),
            Self::Literal(Value::Null) => "null".to_owned(),
            Self::Literal(value) => value.to_string(),
            Self::Name(name) => name.clone(),
            Self::Sign(sign) => (*sign).to_owned(),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Longer signs first: the first that fits is taken.
const SIGNS: [&str; 22] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", "(", ")", "[", "]", ",", ".",
];

pub(super) struct Lexer<'a> {
    rest: &'a str,
    column: u32,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text, column: 1 }
    }

    fn advance(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.column += taken.chars().count() as u32;
        taken
    }

    fn fail<T>(&self, fault: Fault) -> Result<T, ExprError> {
        Err(ExprError { column: self.column, fault })
    }

    /// The next word and its column.
    pub(super) fn next(&mut self) -> Result<(Token, u32), ExprError> {
        let blank = self.rest.len() - self.rest.trim_start().len();
        self.advance(blank);
        let column = self.column;
        let Some(first) = self.rest.chars().next() else { return Ok((Token::End, column)) };
        let token = match first {
            '\'' | '"' => self.text(first)?,
            '0'..='9' => self.number()?,
            'a'..='z' | 'A'..='Z' | '_' => self.word(),
            _ => match SIGNS.into_iter().find(|sign| self.rest.starts_with(sign)) {
                Some(sign) => {
                    self.advance(sign.len());
                    Token::Sign(sign)
                }
                None => return self.fail(Fault::Character(first)),
            },
        };
        Ok((token, column))
    }

    fn word(&mut self) -> Token {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        match self.advance(end) {
            "true" => Token::Literal(Value::Bool(true)),
            "false" => Token::Literal(Value::Bool(false)),
            "null" => Token::Literal(Value::Null),
            "in" => Token::Sign("in"),
            name => Token::Name(name.to_owned()),
        }
    }

    fn number(&mut self) -> Result<Token, ExprError> {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| {
            let run = bytes.get(from..).unwrap_or_default();
            from + run.iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let whole = digits(0);
        let mut end = whole;
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(sign);
            if exponent > sign {
                end = exponent;
            }
        }
        let text = self.rest.get(..end).unwrap_or_default();
        let value = match end == whole {
            true => text.parse().ok().map(Value::Int),
            false => text.parse().ok().filter(|value: &f64| value.is_finite()).map(Value::Double),
        };
        match value {
            Some(value) => {
                self.advance(end);
                Ok(Token::Literal(value))
            }
            None => self.fail(Fault::Number(text.to_owned())),
        }
    }

    fn text(&mut self, quote: char) -> Result<Token, ExprError> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, c @ ('\\' | '\'' | '"'))) => text.push(c),
                    Some((_, other)) => return self.fail(Fault::Escape(other)),
                    None => return self.fail(Fault::OpenText),
                },
                c if c == quote => {
                    self.advance(at + 1);
                    return Ok(Token::Literal(Value::Text(Arc::from(text))));
                }
                c => text.push(c),
            }
        }
        self.fail(Fault::OpenText)
    }
}
