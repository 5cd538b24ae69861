//! The language, by what it accepts, refuses and computes.

use proptest::prelude::*;

use super::*;

fn symbols() -> Symbols {
    let mut symbols = Symbols::default();
    symbols.add("language", Type::Text);
    symbols.add("billing", Type::Number);
    symbols.add("vip", Type::Bool);
    symbols.add("wait", Type::Number);
    symbols.add("country", Type::Text);
    symbols.add("any", Type::Any);
    symbols.add("caller.number", Type::Text);
    symbols.add("tags", Type::List);
    symbols
}

fn values() -> Vec<Value> {
    let tags = Value::List([Value::from("gold"), Value::from(7)].into());
    vec!["es".into(), 4.into(), false.into(), 61.into(), "DE".into(), Value::Null, "+4930123".into(), tags]
}

fn eval(text: &str) -> Result<Value, String> {
    let expression = Expression::compile(text, &symbols()).map_err(|error| error.to_string())?;
    expression.eval(values().as_slice()).map(Operand::into_value).map_err(|error| error.to_string())
}

fn is_true(text: &str) -> bool {
    eval(text) == Ok(Value::Bool(true))
}

#[test]
fn conditions_are_computed_by_precedence() {
    assert!(is_true("language == 'es' && billing >= 3 && (vip || wait > 60) && !(country in ['US','CA'])"));
    assert_eq!(eval("1 + 2 * 3 - 4 / 2"), Ok(Value::Int(5)));
    assert_eq!(eval("-2 * -3"), Ok(Value::Int(6)));
    assert_eq!(eval("10 % 4 == 2 ? 'even' : 'odd'"), Ok("even".into()));
    assert_eq!(eval("7 / 2"), Ok(Value::Int(3)));
    assert_eq!(eval("7 / 2.0"), Ok(Value::Double(3.5)));
    assert!(is_true("true || false && false"));
    assert_eq!(eval("false ? 1 : true ? 2 : 3"), Ok(Value::Int(2)));
}

#[test]
fn texts_and_lists_have_their_functions() {
    assert!(is_true("caller.number.startsWith('+49') && caller.number.size() == 8"));
    assert!(is_true("size(tags) == 2 && 'gold' in tags && 7 in tags && !(8 in tags)"));
    assert!(is_true("'ABC'.lowerAscii() == \"abc\" && 'a\\'b'.contains('\\'')"));
    assert_eq!(eval("'a' + string(3) + language"), Ok("a3es".into()));
    assert_eq!(eval("int('12') + int(2.9)"), Ok(Value::Int(14)));
    assert!(is_true("double('1.5') == 1.5 && 1 == 1.0 && 2 > 1.5"));
}

#[test]
fn what_is_missing_is_null_and_equals_only_null() {
    assert!(is_true("any == null && billing != null && any != 3"));
    assert_eq!(eval("any > 3"), Err("column 5: null and a number cannot be compared".to_owned()));
}

#[test]
fn a_side_that_decides_alone_decides_even_when_the_other_fails() {
    assert_eq!(eval("any > 3 || true"), Ok(Value::Bool(true)));
    assert_eq!(eval("false && any > 3"), Ok(Value::Bool(false)));
    assert_eq!(eval("any > 3 && false"), Ok(Value::Bool(false)));
    assert!(eval("any > 3 && true").is_err());
}

#[test]
fn faults_name_their_column() {
    let fault = |text: &str| Expression::compile(text, &symbols()).unwrap_err().to_string();
    assert_eq!(fault("nobody == 1"), "column 1: nobody is not known");
    assert_eq!(fault("billing == 'x'"), "column 9: a number and text cannot be compared");
    assert_eq!(fault("billing &&"), "column 11: expected a value, found the end");
    assert_eq!(fault("wait > 3 && 5"), "column 13: expected true or false, found a number");
    assert_eq!(fault("'é' + 'open"), "column 7: the text is not closed");
    assert_eq!(fault("1 ~ 2"), "column 3: '~' is not understood");
    assert_eq!(fault("99999999999999999999"), "column 1: 99999999999999999999 is not a number");
    assert_eq!(fault("language.shout()"), "column 10: there is no function shout");
    assert_eq!(fault("size()"), "column 1: size takes 1 arguments, not 0");
    assert_eq!(fault("'a'.contains()"), "column 5: contains takes 1 arguments, not 0");
    assert_eq!(fault("1 in [wait]"), "column 7: a list may only have numbers, texts, true, false and null");
    assert_eq!(fault(""), "column 1: expected a value, found the end");
    assert_eq!(fault("1 2"), "column 3: expected an operator or the end, found 2");
    assert_eq!(fault("'a' + 1"), "column 7: expected text, found a number");
}

#[test]
fn arithmetic_never_overflows_silently() {
    assert_eq!(eval("9223372036854775807 + 1"), Err("column 21: the number is too large".to_owned()));
    assert_eq!(eval("1 / 0"), Err("column 3: divided by zero".to_owned()));
    assert_eq!(eval("1 % 0.0"), Err("column 3: divided by zero".to_owned()));
    assert_eq!(eval("int('x')"), Err("column 1: the text is not a number".to_owned()));
}

#[test]
fn what_other_languages_write_is_told_as_it_is_written_here() {
    let fault = |text: &str| Expression::compile(text, &symbols()).unwrap_err().to_string();
    assert_eq!(fault("billing = 3"), "column 9: '=' is not understood, equal is ==");
    assert_eq!(fault("true and false"), "column 6: expected an operator or the end, found and, and is &&");
    assert_eq!(fault("true | false"), "column 6: '|' is not understood, or is ||");
    assert_eq!(fault("not true"), "column 1: not is not known, not is !");
}

#[test]
fn size_and_depth_are_bounded() {
    let fault = |text: &str| Expression::compile(text, &symbols()).unwrap_err().fault;
    assert_eq!(fault(&format!("{}1{}", "(".repeat(100), ")".repeat(100))), Fault::TooDeep);
    assert_eq!(fault(&"!".repeat(1_000)), Fault::TooDeep);
    assert_eq!(fault(&vec!["1"; 10_000].join("+")), Fault::TooLong);
    assert_eq!(fault(&vec!["1"; 100].join("+")), Fault::TooDeep);
    let balanced = (0..9).fold("1".to_owned(), |half, _| format!("({half}+{half})"));
    assert_eq!(fault(&balanced), Fault::TooLarge);
    assert_eq!(fault(&format!("1 in [{}]", vec!["1"; 300].join(","))), Fault::ListTooLong);
    let long = format!("'{}' + '{}'", "a".repeat(2_000), "b".repeat(2_000));
    assert!(eval(&long).is_ok());
    let doubled = Expression::compile("language + language", &symbols()).unwrap();
    let values = [Value::from("a".repeat(3_000).as_str())];
    assert_eq!(
        doubled.eval(values.as_slice()).unwrap_err().to_string(),
        "column 10: the text is longer than 4096 bytes"
    );
}

proptest! {
    /// Whatever is written: no panic, and what compiles evaluates to a value or a fault.
    #[test]
    fn nothing_written_makes_it_panic(text in "([a-z.]{1,8}|[0-9.e]{1,6}|'[a-z\\\\]{0,3}'|[-+*/%<>=!&|?:()\\[\\],. ]|in|language|any|tags){0,40}") {
        if let Ok(expression) = Expression::compile(&text, &symbols()) {
            expression.eval(values().as_slice()).ok();
        }
    }

    /// Arithmetic agrees with the machine's own.
    #[test]
    fn sums_agree(a in -1000i64..1000, b in -1000i64..1000, c in 1i64..1000) {
        let mut symbols = Symbols::default();
        for name in ["a", "b", "c"] {
            symbols.add(name, Type::Number);
        }
        let expression = Expression::compile("(a + b * 2 - c) / c % 7 < a || a == b", &symbols).unwrap();
        let values = [Value::Int(a), Value::Int(b), Value::Int(c)];
        prop_assert_eq!(expression.test(values.as_slice()), Ok((a + b * 2 - c) / c % 7 < a || a == b));
    }
}
