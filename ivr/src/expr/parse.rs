//! From text to parts, by precedence climbing, with the types checked on the way.

use super::lex::{Lexer, Token};
use super::value::{LIST_MAX, Type};
use super::{Binary, DEPTH_MAX, ExprError, Fault, Function, LENGTH_MAX, NODES_MAX, Part, PartId, Symbols, Value};

pub(super) struct Parsed {
    pub(super) parts: Vec<Part>,
    pub(super) columns: Vec<u32>,
    pub(super) root: PartId,
    pub(super) kind: Type,
}

/// How tightly an operator binds; a higher one binds first (the CEL specification's table of precedence).
const fn binding(sign: &str) -> Option<(u8, Binary)> {
    Some(match sign.as_bytes() {
        b"||" => (1, Binary::Or),
        b"&&" => (2, Binary::And),
        b"==" => (3, Binary::Eq),
        b"!=" => (3, Binary::Ne),
        b"<" => (3, Binary::Lt),
        b"<=" => (3, Binary::Le),
        b">" => (3, Binary::Gt),
        b">=" => (3, Binary::Ge),
        b"in" => (3, Binary::In),
        b"+" => (4, Binary::Add),
        b"-" => (4, Binary::Sub),
        b"*" => (5, Binary::Mul),
        b"/" => (5, Binary::Div),
        b"%" => (5, Binary::Rem),
        _ => return None,
    })
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
    column: u32,
    symbols: &'a Symbols,
    parts: Vec<Part>,
    columns: Vec<u32>,
    depth: usize,
}

type Typed = (PartId, Type);

pub(super) fn parse(text: &str, symbols: &Symbols) -> Result<Parsed, ExprError> {
    if text.len() > LENGTH_MAX {
        return Err(ExprError { column: 1, fault: Fault::TooLong });
    }
    let mut lexer = Lexer::new(text);
    let (token, column) = lexer.next()?;
    let mut parser = Parser { lexer, token, column, symbols, parts: Vec::new(), columns: Vec::new(), depth: 0 };
    let (root, kind) = parser.choice()?;
    if parser.token != Token::End {
        return parser.expected("an operator or the end");
    }
    Ok(Parsed { parts: parser.parts, columns: parser.columns, root, kind })
}

impl Parser<'_> {
    fn next(&mut self) -> Result<(), ExprError> {
        (self.token, self.column) = self.lexer.next()?;
        Ok(())
    }

    fn fail<T>(&self, column: u32, fault: Fault) -> Result<T, ExprError> {
        Err(ExprError { column, fault })
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, ExprError> {
        self.fail(self.column, Fault::Expected { expected, found: self.token.shown() })
    }

    fn take(&mut self, sign: &'static str) -> Result<(), ExprError> {
        if self.token == Token::Sign(sign) { self.next() } else { self.expected(sign) }
    }

    fn push(&mut self, column: u32, part: Part) -> Result<PartId, ExprError> {
        if self.parts.len() >= NODES_MAX {
            return self.fail(column, Fault::TooLarge);
        }
        self.parts.push(part);
        self.columns.push(column);
        Ok((self.parts.len() - 1) as PartId)
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, ExprError>) -> Result<T, ExprError> {
        if self.depth >= DEPTH_MAX {
            return self.fail(self.column, Fault::TooDeep);
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn want(&self, column: u32, found: Type, wanted: Type) -> Result<(), ExprError> {
        if found.fits(wanted) { Ok(()) } else { self.fail(column, Fault::Type { wanted, found }) }
    }

    /// `a ? b : c`, which binds loosest and groups to the right.
    fn choice(&mut self) -> Result<Typed, ExprError> {
        self.nested(|parser| {
            let column = parser.column;
            let (test, kind) = parser.binary(1)?;
            if parser.token != Token::Sign("?") {
                return Ok((test, kind));
            }
            parser.want(column, kind, Type::Bool)?;
            parser.next()?;
            let (then, then_kind) = parser.binary(1)?;
            parser.take(":")?;
            let (otherwise, other_kind) = parser.choice()?;
            let kind = if then_kind == other_kind { then_kind } else { Type::Any };
            Ok((parser.push(column, Part::If(test, then, otherwise))?, kind))
        })
    }

    fn binary(&mut self, least: u8) -> Result<Typed, ExprError> {
        let mut left_column = self.column;
        let (mut left, mut kind) = self.unary()?;
        // A long chain is deep as a tree although it is flat as a text.
        let mut chain = 0;
        while let Token::Sign(sign) = self.token {
            let Some((power, operator)) = binding(sign).filter(|(power, _)| *power >= least) else { break };
            chain += 1;
            if self.depth + chain > DEPTH_MAX {
                return self.fail(self.column, Fault::TooDeep);
            }
            let column = self.column;
            self.next()?;
            let right_column = self.column;
            let (right, right_kind) = self.nested(|parser| parser.binary(power + 1))?;
            kind = self.check(operator, (left_column, kind), (right_column, right_kind), column)?;
            left = self.push(column, Part::Binary(operator, left, right))?;
            left_column = column;
        }
        Ok((left, kind))
    }

    /// The type of an operation, when its operands allow it.
    fn check(&self, op: Binary, left: (u32, Type), right: (u32, Type), column: u32) -> Result<Type, ExprError> {
        let both = |wanted| {
            self.want(left.0, left.1, wanted)?;
            self.want(right.0, right.1, wanted)
        };
        match op {
            Binary::Or | Binary::And => both(Type::Bool).map(|()| Type::Bool),
            Binary::Eq | Binary::Ne => {
                let null = left.1 == Type::Null || right.1 == Type::Null;
                match null || left.1.fits(right.1) {
                    true => Ok(Type::Bool),
                    false => self.fail(column, Fault::Incomparable(left.1, right.1)),
                }
            }
            Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge => {
                let ordered = |kind| matches!(kind, Type::Any | Type::Number | Type::Text);
                match ordered(left.1) && ordered(right.1) && left.1.fits(right.1) {
                    true => Ok(Type::Bool),
                    false => self.fail(column, Fault::Incomparable(left.1, right.1)),
                }
            }
            Binary::In => self.want(right.0, right.1, Type::List).map(|()| Type::Bool),
            Binary::Add if left.1 == Type::Text || right.1 == Type::Text => both(Type::Text).map(|()| Type::Text),
            Binary::Add if left.1 == Type::Any || right.1 == Type::Any => {
                let other = if left.1 == Type::Any { right } else { left };
                let addable = matches!(other.1, Type::Any | Type::Number);
                let fault = Fault::Type { wanted: Type::Number, found: other.1 };
                if addable { Ok(Type::Any) } else { self.fail(other.0, fault) }
            }
            Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Rem => {
                both(Type::Number).map(|()| Type::Number)
            }
        }
    }

    fn unary(&mut self) -> Result<Typed, ExprError> {
        let column = self.column;
        let (sign, wanted) = match self.token {
            Token::Sign("!") => ("!", Type::Bool),
            Token::Sign("-") => ("-", Type::Number),
            _ => return self.postfix(),
        };
        self.next()?;
        let (operand, kind) = self.nested(Self::unary)?;
        self.want(column, kind, wanted)?;
        let part = if sign == "!" { Part::Not(operand) } else { Part::Negative(operand) };
        Ok((self.push(column, part)?, wanted))
    }

    /// A value and the functions called on it: `name.contains('x')`.
    fn postfix(&mut self) -> Result<Typed, ExprError> {
        let column = self.column;
        let (mut value, mut kind) = match self.name_or_call()? {
            Primary::Value(value) => value,
            Primary::Method { receiver, name, at } => self.method(receiver, name, at)?,
        };
        let mut chain = 0;
        while self.token == Token::Sign(".") {
            chain += 1;
            if self.depth + chain > DEPTH_MAX {
                return self.fail(column, Fault::TooDeep);
            }
            self.next()?;
            let at = self.column;
            let Token::Name(name) = self.token.clone() else { return self.expected("the name of a function") };
            self.next()?;
            (value, kind) = self.method((column, value, kind), name, at)?;
        }
        Ok((value, kind))
    }

    fn method(&mut self, receiver: (u32, PartId, Type), name: String, at: u32) -> Result<Typed, ExprError> {
        let (column, value, kind) = receiver;
        let Some(function) = Function::method(&name) else { return self.fail(at, Fault::UnknownFunction(name)) };
        self.call(function, at, vec![(column, value, kind)])
    }

    fn name_or_call(&mut self) -> Result<Primary, ExprError> {
        let column = self.column;
        let value = match self.token.clone() {
            Token::Literal(value) => {
                let kind = value.kind();
                self.next()?;
                (self.push(column, Part::Constant(value))?, kind)
            }
            Token::Sign("(") => {
                self.next()?;
                let inner = self.choice()?;
                self.take(")")?;
                inner
            }
            Token::Sign("[") => self.list()?,
            Token::Name(name) => {
                self.next()?;
                if self.token == Token::Sign("(") {
                    let Some(function) = Function::global(&name) else {
                        return self.fail(column, Fault::UnknownFunction(name));
                    };
                    self.call(function, column, Vec::new())?
                } else {
                    return self.dotted(column, name);
                }
            }
            _ => return self.expected("a value"),
        };
        Ok(Primary::Value(value))
    }

    /// `caller.number` is one name; in `caller.number.size()` the last word is a function.
    fn dotted(&mut self, column: u32, mut name: String) -> Result<Primary, ExprError> {
        let mut method = None;
        while self.token == Token::Sign(".") {
            self.next()?;
            let at = self.column;
            let Token::Name(word) = self.token.clone() else { return self.expected("a name") };
            self.next()?;
            if self.token == Token::Sign("(") {
                method = Some((word, at));
                break;
            }
            name.push('.');
            name.push_str(&word);
        }
        let Some((slot, kind)) = self.symbols.find(&name) else {
            return self.fail(column, Fault::UnknownName(name));
        };
        let value = self.push(column, Part::Slot(slot))?;
        Ok(match method {
            Some((name, at)) => Primary::Method { receiver: (column, value, kind), name, at },
            None => Primary::Value((value, kind)),
        })
    }

    fn call(
        &mut self,
        function: Function,
        column: u32,
        mut arguments: Vec<(u32, PartId, Type)>,
    ) -> Result<Typed, ExprError> {
        self.take("(")?;
        while self.token != Token::Sign(")") {
            let at = self.column;
            let (value, kind) = self.choice()?;
            arguments.push((at, value, kind));
            if self.token != Token::Sign(")") {
                self.take(",")?;
            }
        }
        self.next()?;
        let takes = function.arguments();
        if arguments.len() != takes.len() {
            let hidden = usize::from(function.is_method());
            let given = arguments.len().saturating_sub(hidden);
            return self.fail(column, Fault::Arguments { name: function.name(), takes: takes.len() - hidden, given });
        }
        for ((at, _, found), wanted) in arguments.iter().zip(takes) {
            let sized = function == Function::Size && matches!(found, Type::List | Type::Text | Type::Any);
            if !sized {
                self.want(*at, *found, *wanted)?;
            }
        }
        let mut values = arguments.into_iter().map(|(_, value, _)| value);
        let first = values.next().unwrap_or_default();
        let second = values.next();
        Ok((self.push(column, Part::Call(function, first, second))?, function.returns()))
    }

    fn list(&mut self) -> Result<Typed, ExprError> {
        let column = self.column;
        self.next()?;
        let mut items = Vec::new();
        while self.token != Token::Sign("]") {
            let at = self.column;
            let negative = self.token == Token::Sign("-");
            if negative {
                self.next()?;
            }
            let item = match self.token.clone() {
                Token::Literal(Value::Int(value)) if negative => Value::Int(-value),
                Token::Literal(Value::Double(value)) if negative => Value::Double(-value),
                Token::Literal(value) if !negative => value,
                _ => return self.fail(at, Fault::NotLiteral),
            };
            if items.len() >= LIST_MAX {
                return self.fail(at, Fault::ListTooLong);
            }
            items.push(item);
            self.next()?;
            if self.token != Token::Sign("]") {
                self.take(",")?;
            }
        }
        self.next()?;
        Ok((self.push(column, Part::Constant(Value::List(items.into())))?, Type::List))
    }
}

enum Primary {
    Value(Typed),
    Method { receiver: (u32, PartId, Type), name: String, at: u32 },
}
