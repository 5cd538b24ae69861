//! What can be wrong with an expression, before a call and during one.

use super::Type;

/// An expression that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {fault}")]
pub struct ExprError {
    /// Where, in characters from 1.
    pub column: u32,
    /// What.
    pub fault: Fault,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Longer than [`super::LENGTH_MAX`].
    #[error("the expression is longer than {} bytes", super::LENGTH_MAX)]
    TooLong,
    /// More parts than [`super::NODES_MAX`].
    #[error("the expression has more than {} parts", super::NODES_MAX)]
    TooLarge,
    /// Nested deeper than [`super::DEPTH_MAX`].
    #[error("the expression is nested deeper than {}", super::DEPTH_MAX)]
    TooDeep,
    /// A list with too many elements.
    #[error("a list has at most {} elements", super::value::LIST_MAX)]
    ListTooLong,
    /// A character that begins nothing.
    #[error("{0:?} is not understood{hint}", hint = written_as(&.0.to_string()))]
    Character(char),
    /// Text without its closing quote.
    #[error("the text is not closed")]
    OpenText,
    /// An escape that is not known.
    #[error("the escape \\{0} is not known")]
    Escape(char),
    /// A number that is too large or malformed.
    #[error("{0} is not a number")]
    Number(String),
    /// Something else was expected.
    #[error("expected {expected}, found {found}{hint}", hint = written_as(.found))]
    Expected {
        /// What would have gone on.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A name that nobody declared.
    #[error("{0} is not known{hint}", hint = written_as(.0))]
    UnknownName(String),
    /// A function that does not exist.
    #[error("there is no function {0}")]
    UnknownFunction(String),
    /// A function with the wrong number of arguments.
    #[error("{name} takes {takes} arguments, not {given}")]
    Arguments {
        /// The function.
        name: &'static str,
        /// How many it takes.
        takes: usize,
        /// How many there are.
        given: usize,
    },
    /// A list may only have literals.
    #[error("a list may only have numbers, texts, true, false and null")]
    NotLiteral,
    /// A value of the wrong type.
    #[error("expected {wanted}, found {found}")]
    Type {
        /// What is needed.
        wanted: Type,
        /// What is there.
        found: Type,
    },
    /// Two values that can never be equal or ordered.
    #[error("{0} and {1} cannot be compared")]
    Incomparable(Type, Type),
}

/// How what other languages call so is written here.
fn written_as(word: &str) -> &'static str {
    match word {
        "=" => ", equal is ==",
        "&" | "and" => ", and is &&",
        "|" | "or" => ", or is ||",
        "not" => ", not is !",
        _ => "",
    }
}

/// An evaluation that came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {fault}")]
pub struct EvalError {
    /// Where, in characters from 1.
    pub column: u32,
    /// What.
    pub fault: EvalFault,
}

/// What went wrong in an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalFault {
    /// A value of the wrong type.
    #[error("expected {wanted}, found {found}")]
    Type {
        /// What is needed.
        wanted: Type,
        /// What is there.
        found: Type,
    },
    /// Two values that cannot be ordered.
    #[error("{0} and {1} cannot be compared")]
    Incomparable(Type, Type),
    /// Divided by zero.
    #[error("divided by zero")]
    DivisionByZero,
    /// A number too large for 64 bits.
    #[error("the number is too large")]
    Overflow,
    /// A text that is not a number.
    #[error("the text is not a number")]
    NotANumber,
    /// A text longer than [`super::value::TEXT_MAX`].
    #[error("the text is longer than {} bytes", super::value::TEXT_MAX)]
    TooLong,
}
