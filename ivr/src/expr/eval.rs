//! Evaluation: every part is visited at most once, so that the number of parts bounds the work.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::value::{TEXT_MAX, Type, Value};
use super::{Binary, EvalError, EvalFault, Expression, Function, Part, PartId};

/// A value during evaluation: borrowed from a variable or a literal wherever possible.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand<'a> {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Double(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list.
    List(&'a [Value]),
}

impl<'a> From<&'a Value> for Operand<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Double(value) => Self::Double(*value),
            Value::Text(text) => Self::Text(Cow::Borrowed(text)),
            Value::List(items) => Self::List(items),
        }
    }
}

impl Operand<'_> {
    /// The value by itself.
    #[must_use]
    pub fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Double(value) => Value::Double(value),
            Self::Text(text) => Value::text(&*text),
            Self::List(items) => Value::List(items.into()),
        }
    }

    const fn kind(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) | Self::Double(_) => Type::Number,
            Self::Text(_) => Type::Text,
            Self::List(_) => Type::List,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }
}

/// Where an expression finds the values of its names.
pub trait Slots {
    /// The value in a slot; null where there is none.
    fn slot(&self, slot: u16) -> Operand<'_>;
}

impl Slots for [Value] {
    fn slot(&self, slot: u16) -> Operand<'_> {
        self.get(usize::from(slot)).map_or(Operand::Null, Operand::from)
    }
}

type Outcome<'a> = Result<Operand<'a>, EvalError>;

pub(super) fn eval<'a, S: Slots + ?Sized>(expression: &'a Expression, slots: &'a S) -> Outcome<'a> {
    Evaluation { expression, slots }.part(expression.root)
}

struct Evaluation<'a, S: ?Sized> {
    expression: &'a Expression,
    slots: &'a S,
}

impl<'a, S: Slots + ?Sized> Evaluation<'a, S> {
    fn fail<T>(&self, id: PartId, fault: EvalFault) -> Result<T, EvalError> {
        let column = self.expression.columns.get(usize::from(id)).copied().unwrap_or(1);
        Err(EvalError { column, fault })
    }

    fn part(&self, id: PartId) -> Outcome<'a> {
        // The parser made every id; a missing one would be null.
        let Some(part) = self.expression.parts.get(usize::from(id)) else { return Ok(Operand::Null) };
        match part {
            Part::Constant(value) => Ok(value.into()),
            Part::Slot(slot) => Ok(self.slots.slot(*slot)),
            Part::Not(operand) => Ok(Operand::Bool(!self.truth(*operand)?)),
            Part::Negative(operand) => match self.part(*operand)? {
                Operand::Int(value) => {
                    value.checked_neg().map(Operand::Int).map_or_else(|| self.fail(id, EvalFault::Overflow), Ok)
                }
                Operand::Double(value) => Ok(Operand::Double(-value)),
                other => self.fail(*operand, EvalFault::Type { wanted: Type::Number, found: other.kind() }),
            },
            Part::If(test, then, otherwise) => self.part(if self.truth(*test)? { *then } else { *otherwise }),
            Part::Binary(Binary::And, left, right) => self.logic(*left, *right, false),
            Part::Binary(Binary::Or, left, right) => self.logic(*left, *right, true),
            Part::Binary(operator, left, right) => {
                let (left, right) = (self.part(*left)?, self.part(*right)?);
                self.binary(id, *operator, left, right)
            }
            Part::Call(function, first, second) => self.call(id, *function, *first, *second),
        }
    }

    fn truth(&self, id: PartId) -> Result<bool, EvalError> {
        match self.part(id)? {
            Operand::Bool(value) => Ok(value),
            other => self.fail(id, EvalFault::Type { wanted: Type::Bool, found: other.kind() }),
        }
    }

    /// As in CEL, the side that decides alone decides even when the other one fails.
    fn logic(&self, left: PartId, right: PartId, decides: bool) -> Outcome<'a> {
        let first = self.truth(left);
        if first == Ok(decides) {
            return Ok(Operand::Bool(decides));
        }
        let second = self.truth(right)?;
        match first {
            Err(error) if second != decides => Err(error),
            _ => Ok(Operand::Bool(second)),
        }
    }

    fn binary(&self, id: PartId, operator: Binary, left: Operand<'a>, right: Operand<'a>) -> Outcome<'a> {
        let truth = |value| Ok(Operand::Bool(value));
        match operator {
            Binary::Eq => truth(equal(&left, &right)),
            Binary::Ne => truth(!equal(&left, &right)),
            Binary::Lt => truth(self.order(id, &left, &right)? == Some(Ordering::Less)),
            Binary::Gt => truth(self.order(id, &left, &right)? == Some(Ordering::Greater)),
            Binary::Le => truth(self.order(id, &left, &right)?.is_some_and(Ordering::is_le)),
            Binary::Ge => truth(self.order(id, &left, &right)?.is_some_and(Ordering::is_ge)),
            Binary::In => match right {
                Operand::List(items) => truth(items.iter().any(|item| equal(&left, &item.into()))),
                other => self.fail(id, EvalFault::Type { wanted: Type::List, found: other.kind() }),
            },
            Binary::Add if matches!((&left, &right), (Operand::Text(_), Operand::Text(_))) => {
                self.join(id, left, right)
            }
            _ => self.arithmetic(id, operator, &left, &right),
        }
    }

    fn order(&self, id: PartId, left: &Operand<'_>, right: &Operand<'_>) -> Result<Option<Ordering>, EvalError> {
        match (left, right) {
            (Operand::Int(left), Operand::Int(right)) => Ok(Some(left.cmp(right))),
            (Operand::Text(left), Operand::Text(right)) => Ok(Some(left.cmp(right))),
            _ => match (left.number(), right.number()) {
                (Some(left), Some(right)) => Ok(left.partial_cmp(&right)),
                _ => self.fail(id, EvalFault::Incomparable(left.kind(), right.kind())),
            },
        }
    }

    fn join(&self, id: PartId, left: Operand<'a>, right: Operand<'a>) -> Outcome<'a> {
        let (Operand::Text(left), Operand::Text(right)) = (left, right) else { return Ok(Operand::Null) };
        if left.len() + right.len() > TEXT_MAX {
            return self.fail(id, EvalFault::TooLong);
        }
        let mut joined = left.into_owned();
        joined.push_str(&right);
        Ok(Operand::Text(joined.into()))
    }

    fn arithmetic(&self, id: PartId, operator: Binary, left: &Operand<'_>, right: &Operand<'_>) -> Outcome<'a> {
        if let (Operand::Int(left), Operand::Int(right)) = (left, right) {
            let result = match operator {
                Binary::Add => left.checked_add(*right),
                Binary::Sub => left.checked_sub(*right),
                Binary::Mul => left.checked_mul(*right),
                Binary::Div | Binary::Rem if *right == 0 => return self.fail(id, EvalFault::DivisionByZero),
                Binary::Div => left.checked_div(*right),
                _ => left.checked_rem(*right),
            };
            return result.map(Operand::Int).map_or_else(|| self.fail(id, EvalFault::Overflow), Ok);
        }
        let number = |operand: &Operand<'_>| {
            let fault = EvalFault::Type { wanted: Type::Number, found: operand.kind() };
            operand.number().map_or_else(|| self.fail(id, fault), Ok)
        };
        let (left, right) = (number(left)?, number(right)?);
        if matches!(operator, Binary::Div | Binary::Rem) && right == 0.0 {
            return self.fail(id, EvalFault::DivisionByZero);
        }
        let result = match operator {
            Binary::Add => left + right,
            Binary::Sub => left - right,
            Binary::Mul => left * right,
            Binary::Div => left / right,
            _ => left % right,
        };
        if result.is_finite() { Ok(Operand::Double(result)) } else { self.fail(id, EvalFault::Overflow) }
    }

    fn call(&self, id: PartId, function: Function, first: PartId, second: Option<PartId>) -> Outcome<'a> {
        let value = self.part(first)?;
        let wrong = |wanted, found: &Operand<'_>| EvalFault::Type { wanted, found: found.kind() };
        match function {
            Function::Size => match &value {
                Operand::Text(text) => Ok(Operand::Int(text.chars().count() as i64)),
                Operand::List(items) => Ok(Operand::Int(items.len() as i64)),
                other => self.fail(first, wrong(Type::Text, other)),
            },
            Function::Int => match &value {
                Operand::Int(value) => Ok(Operand::Int(*value)),
                // Beyond 2^63 a double has no whole number in 64 bits.
                Operand::Double(value) if value.abs() < 9.2e18 => Ok(Operand::Int(*value as i64)),
                Operand::Double(_) => self.fail(id, EvalFault::Overflow),
                Operand::Text(text) => {
                    text.trim().parse().map(Operand::Int).or_else(|_| self.fail(id, EvalFault::NotANumber))
                }
                other => self.fail(first, wrong(Type::Number, other)),
            },
            Function::Double => match &value {
                Operand::Text(text) => match text.trim().parse::<f64>() {
                    Ok(value) if value.is_finite() => Ok(Operand::Double(value)),
                    _ => self.fail(id, EvalFault::NotANumber),
                },
                other => match other.number() {
                    Some(value) => Ok(Operand::Double(value)),
                    None => self.fail(first, wrong(Type::Number, other)),
                },
            },
            Function::String => match value {
                Operand::Text(text) => Ok(Operand::Text(text)),
                other => Ok(Operand::Text(other.into_value().to_string().into())),
            },
            Function::LowerAscii => match value {
                Operand::Text(text) => Ok(Operand::Text(text.to_ascii_lowercase().into())),
                other => self.fail(first, wrong(Type::Text, &other)),
            },
            Function::StartsWith | Function::EndsWith | Function::Contains => {
                let argument = second.map_or(Ok(Operand::Null), |second| self.part(second))?;
                let (text, pattern) = match (&value, &argument) {
                    (Operand::Text(text), Operand::Text(pattern)) => (text, &**pattern),
                    (Operand::Text(_), other) => return self.fail(second.unwrap_or(id), wrong(Type::Text, other)),
                    (other, _) => return self.fail(first, wrong(Type::Text, other)),
                };
                Ok(Operand::Bool(match function {
                    Function::StartsWith => text.starts_with(pattern),
                    Function::EndsWith => text.ends_with(pattern),
                    _ => text.contains(pattern),
                }))
            }
        }
    }
}

/// Equality as in CEL: numbers by value, whatever else differs in kind is not equal.
fn equal(left: &Operand<'_>, right: &Operand<'_>) -> bool {
    match (left, right) {
        (Operand::Int(left), Operand::Int(right)) => left == right,
        (Operand::List(left), Operand::List(right)) => {
            left.len() == right.len() && left.iter().zip(*right).all(|(l, r)| equal(&l.into(), &r.into()))
        }
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => left == right,
            _ => left == right,
        },
    }
}
