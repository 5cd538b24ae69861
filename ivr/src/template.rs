//! Text with expressions in it: `Hello {{ caller.name }}`.

use std::fmt::Write as _;

use crate::expr::{EvalError, EvalFault, ExprError, Expression, Operand, Slots, Symbols, Value};

/// The longest text of a template, in bytes.
pub const LENGTH_MAX: usize = 16_384;
/// The longest text a template may become, in bytes.
pub const OUTPUT_MAX: usize = 16_384;

/// A compiled template.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    parts: Box<[Piece]>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(Box<str>),
    Expression(Expression),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Longer than [`LENGTH_MAX`].
    #[error("the text is longer than {LENGTH_MAX} bytes")]
    TooLong,
    /// `{{` without `}}`.
    #[error("column {column}: {{{{ is not closed by }}}}")]
    Open {
        /// Where the braces open, in characters from 1.
        column: u32,
    },
    /// An expression that cannot be used; its column counts from the beginning of the whole text.
    #[error(transparent)]
    Expression(#[from] ExprError),
}

impl Template {
    /// Compiles a text. What stands between `{{` and `}}` is an expression.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn compile(text: &str, symbols: &Symbols) -> Result<Self, TemplateError> {
        if text.len() > LENGTH_MAX {
            return Err(TemplateError::TooLong);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        let column = |rest: &str| text.chars().count() - rest.chars().count();
        while let Some((before, inside)) = rest.split_once("{{") {
            if !before.is_empty() {
                parts.push(Piece::Text(before.into()));
            }
            let opened = column(inside) as u32;
            let (source, after) = inside.split_once("}}").ok_or(TemplateError::Open { column: opened - 1 })?;
            let expression = Expression::compile(source, symbols)
                .map_err(|error| ExprError { column: error.column + opened, ..error })?;
            parts.push(Piece::Expression(expression));
            rest = after;
        }
        if !rest.is_empty() || parts.is_empty() {
            parts.push(Piece::Text(rest.into()));
        }
        Ok(Self { parts: parts.into() })
    }

    /// The slots the template reads.
    pub fn slots(&self) -> impl Iterator<Item = u16> + '_ {
        self.expressions().flat_map(Expression::slots)
    }

    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Piece::Text(_) => None,
            Piece::Expression(expression) => Some(expression),
        })
    }

    /// The text with the values in it.
    ///
    /// # Errors
    /// [`EvalError`] of the first expression that fails, and when the text grows beyond [`OUTPUT_MAX`].
    pub fn render<S: Slots + ?Sized>(&self, slots: &S) -> Result<String, EvalError> {
        self.render_with(slots, |text, value| text.push_str(value))
    }

    /// As [`Template::render`], with the values percent-encoded (RFC 3986 §2.1), so that none can change what a URL means.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render_url<S: Slots + ?Sized>(&self, slots: &S) -> Result<String, EvalError> {
        self.render_with(slots, |text, value| {
            for byte in value.bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
                    // Writing to a text cannot fail.
                    _ => drop(write!(text, "%{byte:02X}")),
                }
            }
        })
    }

    fn render_with<S: Slots + ?Sized>(&self, slots: &S, add: impl Fn(&mut String, &str)) -> Result<String, EvalError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Expression(expression) => match expression.eval(slots)? {
                    Operand::Text(value) => add(&mut text, &value),
                    other => add(&mut text, &other.into_value().to_string()),
                },
            }
            if text.len() > OUTPUT_MAX {
                return Err(EvalError { column: 1, fault: EvalFault::TooLong });
            }
        }
        Ok(text)
    }

    /// The value: of a template that is one expression and nothing else the expression's own, else the text.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn value<S: Slots + ?Sized>(&self, slots: &S) -> Result<Value, EvalError> {
        match &*self.parts {
            [Piece::Expression(expression)] => Ok(expression.eval(slots)?.into_value()),
            _ => self.render(slots).map(Value::text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Type;

    fn symbols() -> Symbols {
        let mut symbols = Symbols::default();
        symbols.add("name", Type::Text);
        symbols.add("count", Type::Number);
        symbols
    }

    fn render(text: &str) -> String {
        let values = [Value::from("Zoë"), Value::from(3)];
        Template::compile(text, &symbols()).unwrap().render(values.as_slice()).unwrap()
    }

    #[test]
    fn expressions_between_braces_are_replaced_by_their_values() {
        assert_eq!(render("Hello {{name}}, you have {{ count + 1 }} calls"), "Hello Zoë, you have 4 calls");
        assert_eq!(render("{{ '{{' }}"), "{{");
        assert_eq!(render(""), "");
        assert_eq!(render("no braces } { here"), "no braces } { here");
    }

    #[test]
    fn values_in_a_url_cannot_change_what_it_means() {
        let values = [Value::from("a/../b?c=ü&d#e"), Value::Null];
        let url = Template::compile("https://x.example/{{ name }}?q=1", &symbols()).unwrap();
        let encoded = "https://x.example/a%2F..%2Fb%3Fc%3D%C3%BC%26d%23e?q=1";
        assert_eq!(url.render_url(values.as_slice()).unwrap(), encoded);
    }

    #[test]
    fn a_lone_expression_keeps_its_type() {
        let values = [Value::from("x"), Value::from(3)];
        let lone = Template::compile("{{ count * 2 }}", &symbols()).unwrap();
        assert_eq!(lone.value(values.as_slice()), Ok(Value::Int(6)));
        let text = Template::compile(" {{ count }}", &symbols()).unwrap();
        assert_eq!(text.value(values.as_slice()), Ok(" 3".into()));
    }

    #[test]
    fn faults_name_the_column_in_the_whole_text() {
        let fault = |text: &str| Template::compile(text, &symbols()).unwrap_err().to_string();
        assert_eq!(fault("é {{ nobody }}"), "column 6: nobody is not known");
        assert_eq!(fault("ab {{ name"), "column 4: {{ is not closed by }}");
        assert_eq!(fault(&"x".repeat(LENGTH_MAX + 1)), "the text is longer than 16384 bytes");
    }

    #[test]
    fn a_text_does_not_grow_without_bound() {
        let text = "{{name}}".repeat(2_000);
        let values = [Value::from("a".repeat(100).as_str()), Value::Null];
        let fault = Template::compile(&text, &symbols()).unwrap().render(values.as_slice()).unwrap_err();
        assert_eq!(fault.fault, EvalFault::TooLong);
    }
}
