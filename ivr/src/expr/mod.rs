//! A small, bounded language for conditions: a subset of the syntax of CEL, the Common Expression Language.
//!
//! Bounded means: an expression has at most [`LENGTH_MAX`] bytes, [`NODES_MAX`] parts and [`DEPTH_MAX`] levels, has no loops and no functions of
//! its own, and evaluating it visits every part at most once. Names are resolved to slots and types are checked when it is compiled;
//! a fault names its column.
//!
//! There are `null`, `true`, `false`, whole and other numbers, texts in single or double quotes, lists of literals; `?:`, `||`, `&&`, `==`, `!=`,
//! `<`, `<=`, `>`, `>=`, `in`, `+`, `-`, `*`, `/`, `%`, `!`; `size(x)`, `int(x)`, `double(x)`, `string(x)`, and on texts `startsWith`, `endsWith`,
//! `contains`, `lowerAscii`. Other than in CEL, whole and other numbers may be mixed, and a name that has no value is null.
//!
//! ```
//! use dialplane_ivr::expr::{Expression, Symbols, Type, Value};
//!
//! let mut symbols = Symbols::default();
//! symbols.add("language", Type::Text);
//! symbols.add("caller.wait", Type::Number);
//! let urgent = Expression::compile("language in ['es', 'pt'] && caller.wait > 60", &symbols)?;
//! let values = [Value::from("es"), Value::from(75)];
//! assert_eq!(urgent.test(values.as_slice()), Ok(true));
//!
//! let wrong = Expression::compile("language > 3", &symbols).unwrap_err();
//! assert_eq!(wrong.to_string(), "column 10: text and a number cannot be compared");
//! # Ok::<(), dialplane_ivr::expr::ExprError>(())
//! ```

mod error;
mod eval;
mod lex;
mod parse;
#[cfg(test)]
mod tests;
pub mod value;

use std::collections::BTreeMap;

pub use error::{EvalError, EvalFault, ExprError, Fault};
pub use eval::{Operand, Slots};
pub use value::{Type, Value};

/// The longest expression, in bytes.
pub const LENGTH_MAX: usize = 4_096;
/// The most parts of an expression.
pub const NODES_MAX: usize = 256;
/// The deepest nesting.
pub const DEPTH_MAX: usize = 64;

/// The names an expression may use, each with its type and a slot: 0, 1, … in the order they were added.
#[derive(Debug, Clone, Default)]
pub struct Symbols {
    names: BTreeMap<String, (u16, Type)>,
}

impl Symbols {
    /// Declares a name and returns its slot. A name that is known already keeps its slot and takes the new type. There is room for
    /// 65,535 names; further ones share the last slot.
    pub fn add(&mut self, name: impl Into<String>, kind: Type) -> u16 {
        let next = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        let entry = self.names.entry(name.into()).or_insert((next, kind));
        entry.1 = kind;
        entry.0
    }

    /// The slot and the type of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(u16, Type)> {
        self.names.get(name).copied()
    }
}

type PartId = u16;

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Constant(Value),
    Slot(u16),
    Not(PartId),
    Negative(PartId),
    Binary(Binary, PartId, PartId),
    If(PartId, PartId, PartId),
    Call(Function, PartId, Option<PartId>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binary {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Size,
    Int,
    Double,
    String,
    StartsWith,
    EndsWith,
    Contains,
    LowerAscii,
}

impl Function {
    fn global(name: &str) -> Option<Self> {
        [Self::Size, Self::Int, Self::Double, Self::String].into_iter().find(|function| function.name() == name)
    }

    fn method(name: &str) -> Option<Self> {
        let all = [Self::StartsWith, Self::EndsWith, Self::Contains, Self::LowerAscii, Self::Size];
        all.into_iter().find(|function| function.name() == name)
    }

    const fn is_method(self) -> bool {
        matches!(self, Self::StartsWith | Self::EndsWith | Self::Contains | Self::LowerAscii)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Int => "int",
            Self::Double => "double",
            Self::String => "string",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::Contains => "contains",
            Self::LowerAscii => "lowerAscii",
        }
    }

    const fn arguments(self) -> &'static [Type] {
        match self {
            Self::Size | Self::LowerAscii => &[Type::Text],
            Self::Int | Self::Double | Self::String => &[Type::Any],
            Self::StartsWith | Self::EndsWith | Self::Contains => &[Type::Text, Type::Text],
        }
    }

    const fn returns(self) -> Type {
        match self {
            Self::Size | Self::Int | Self::Double => Type::Number,
            Self::String | Self::LowerAscii => Type::Text,
            Self::StartsWith | Self::EndsWith | Self::Contains => Type::Bool,
        }
    }
}

/// A compiled expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    parts: Box<[Part]>,
    columns: Box<[u32]>,
    root: PartId,
    kind: Type,
}

impl Expression {
    /// An expression that is always this value.
    #[must_use]
    pub fn constant(value: impl Into<Value>) -> Self {
        let value = value.into();
        let kind = value.kind();
        Self { parts: [Part::Constant(value)].into(), columns: [1].into(), root: 0, kind }
    }

    /// Compiles an expression over these names.
    ///
    /// # Errors
    /// The first thing that is wrong with it, with its column.
    pub fn compile(text: &str, symbols: &Symbols) -> Result<Self, ExprError> {
        let parse::Parsed { parts, columns, root, kind } = parse::parse(text, symbols)?;
        Ok(Self { parts: parts.into(), columns: columns.into(), root, kind })
    }

    /// The type of the result, as far as it is known before the call.
    #[must_use]
    pub const fn kind(&self) -> Type {
        self.kind
    }

    /// The slots the expression reads, in the order they appear; some more than once.
    pub fn slots(&self) -> impl Iterator<Item = u16> + '_ {
        self.parts.iter().filter_map(|part| match part {
            Part::Slot(slot) => Some(*slot),
            _ => None,
        })
    }

    /// The value.
    ///
    /// # Errors
    /// [`EvalError`]: a value that was not what was needed, a division by zero, a number or text too large.
    pub fn eval<'a, S: Slots + ?Sized>(&'a self, slots: &'a S) -> Result<Operand<'a>, EvalError> {
        eval::eval(self, slots)
    }

    /// Whether the expression is true.
    ///
    /// # Errors
    /// As [`Expression::eval`], and when the value is neither true nor false.
    pub fn test<S: Slots + ?Sized>(&self, slots: &S) -> Result<bool, EvalError> {
        match self.eval(slots)? {
            Operand::Bool(value) => Ok(value),
            other => {
                let found = other.into_value().kind();
                Err(EvalError { column: 1, fault: EvalFault::Type { wanted: Type::Bool, found } })
            }
        }
    }
}
