//! The flow engine without input and output: steps of calls, reading, checking and compiling a flow of 1,000 nodes, expressions.

#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use dialplane_benches::turns::{Turns, repeated};
use dialplane_ivr::expr::{Expression, Symbols, Type, Value};
use dialplane_ivr::machine::{Command, Finish, Input, Machine};
use dialplane_ivr::{CallInfo, Flow, Program, Surroundings, check};
use serde_json::json;

/// Rounds of the loops. With at most five nodes a round they stay below the thousand steps that a call may take without waiting.
const ROUNDS: u64 = 190;

fn call() -> CallInfo {
    CallInfo {
        id: "bench".into(),
        caller: "+12025550142".into(),
        caller_name: "Ada".into(),
        called: "+12025550100".into(),
        began: "2026-11-16T09:00:00Z".parse().expect("an instant"),
        timezone: chrono_tz::Europe::Berlin,
    }
}

fn flow(start: &str, nodes: serde_json::Value) -> Flow {
    let document = json!({
        "version": 1, "start": start, "onError": "end",
        "variables": {"round": {"type": "number", "initial": 0, "parameter": true}},
        "prompts": {"ask": {"en": "Press 1 or 2."}},
        "nodes": nodes
    });
    Flow::from_json(document).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn program(flow: &Flow, around: &Surroundings<'_>) -> Arc<Program> {
    Arc::new(Program::compile("bench", flow, around).unwrap_or_else(|problems| panic!("{problems:?}")))
}

/// A call through a flow that asks for nothing: how it ended.
fn run(program: &Arc<Program>, call: &CallInfo) -> Finish {
    let mut machine = Machine::new(Arc::clone(program), call.clone(), 42);
    machine.handle(Duration::ZERO, Input::Begin).expect("a call begins once");
    match machine.poll_command() {
        Some(Command::Finish(finish)) => finish,
        other => panic!("{other:?}"),
    }
}

/// What a hand-written loop notes of a step, as the machine's trace does.
type Note = (Duration, u32, u8);

/// The next number of the same generator that the machine uses for splits (SplitMix64).
fn mixed(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The loop of set, condition and split as a Rust match over the node, with a note on entering and leaving.
fn written_loop() -> usize {
    let (mut node, mut round, mut state, mut notes) = (0_u32, 0_i64, 42_u64, Vec::<Note>::new());
    loop {
        notes.push((Duration::ZERO, node, 0));
        let (next, way) = match node {
            0 => {
                round = round.wrapping_add(black_box(1));
                (1, 0)
            }
            1 if round < black_box(ROUNDS as i64) => (2, 0),
            1 => (3, 1),
            2 => (0, u8::from(mixed(&mut state) % 100 >= 50)),
            _ => return notes.len(),
        };
        notes.push((Duration::ZERO, node, way + 1));
        node = next;
    }
}

fn steps(criterion: &mut Criterion) {
    let call = call();
    let nodes = json!({
        "count": {"type": "set", "values": {"round": "round + 1"}, "next": "more"},
        "more": {"type": "condition", "cases": [{"when": format!("round < {ROUNDS}"), "next": "split"}], "otherwise": "end"},
        "split": {"type": "split", "branches": [{"percent": 50, "next": "count"}, {"percent": 50, "next": "count"}]},
        "end": {"type": "hangup"}
    });
    let looping = program(&flow("count", nodes), &Surroundings::default());
    assert!(matches!(run(&looping, &call), Finish::HangUp(_)));
    Turns::new("ivr steps of set, condition and split, by the step")
        .elements(ROUNDS * 3)
        .baseline("floor: a Rust match with a note per step", repeated(written_loop))
        .ours("Machine", repeated(|| run(black_box(&looping), &call)))
        .measure(criterion);

    let inner =
        json!({"add": {"type": "set", "values": {"round": "round + 1"}, "next": "end"}, "end": {"type": "return"}});
    let outer = json!({
        "in": {"type": "subflow", "flow": "add", "with": {"round": "round"}, "returns": {"round": "round"}, "next": "more"},
        "more": {"type": "condition", "cases": [{"when": format!("round < {ROUNDS}"), "next": "in"}], "otherwise": "end"},
        "end": {"type": "hangup"}
    });
    // A subflow may do anything, so that a loop through one is not seen to count; the machine bounds it.
    let flows = BTreeMap::from([("add".to_owned(), flow("add", inner))]);
    let around = Surroundings { flows: Some(Cow::Owned(flows)), ..Surroundings::default() };
    let nested = program(&flow("in", outer), &around);
    assert!(matches!(run(&nested, &call), Finish::HangUp(_)));
    Turns::new("ivr steps through a subflow with parameter and result, by the step")
        .elements(ROUNDS * 4)
        .baseline("floor: a Rust match with a note per step", repeated(written_loop))
        .ours("Machine", repeated(|| run(black_box(&nested), &call)))
        .measure(criterion);
}

/// A menu as a Rust match: the prompt is a command on the way in, and is stopped by the key.
fn written_menu(keys: u64) -> usize {
    let (mut node, mut notes, mut commands, mut done) = (0_u32, Vec::<Note>::new(), Vec::with_capacity(2), 0);
    for _ in 0..keys {
        notes.push((Duration::ZERO, node, 0));
        commands.push((1_u8, String::from("Press 1 or 2.")));
        let key = black_box('1');
        commands.push((0, String::new()));
        node = match (node, key) {
            (0, '1') => 1,
            (_, '1') => 0,
            _ => 2,
        };
        notes.push((Duration::ZERO, node, 1));
        done += commands.drain(..).count();
    }
    done + notes.len()
}

fn menus(criterion: &mut Criterion) {
    let call = call();
    let menu = |next: &str| json!({"type": "menu", "prompt": "ask", "entries": {"1": next, "2": "end"}, "onInvalid": "end", "onTimeout": "end"});
    let nodes = json!({"a": menu("b"), "b": menu("a"), "end": {"type": "hangup"}});
    let menus = program(&flow("a", nodes), &Surroundings::default());
    let press = || {
        let mut machine = Machine::new(Arc::clone(&menus), call.clone(), 42);
        let mut commands = 0;
        machine.handle(Duration::ZERO, Input::Begin).expect("a call begins once");
        for n in 0..ROUNDS {
            machine.handle(Duration::from_millis(n * 100), Input::Key(black_box('1'))).expect("the call has begun");
            while machine.poll_command().is_some() {
                commands += 1;
            }
        }
        commands
    };
    assert_eq!(press(), 1 + ROUNDS * 2);
    Turns::new("ivr menus by keys, by the key")
        .elements(ROUNDS)
        .baseline("floor: a Rust match with two notes and commands", repeated(|| written_menu(ROUNDS)))
        .ours("Machine", repeated(press))
        .measure(criterion);
}

/// A flow of `count` nodes of five kinds.
fn large(count: usize) -> String {
    let name = |n: usize| format!("node {}", n.min(count - 1));
    let nodes: serde_json::Map<String, serde_json::Value> = (0..count)
        .map(|n| {
            let (next, later) = (name(n + 1), name(n + 7));
            let node = match n % 5 {
                _ if n == count - 1 => json!({"type": "hangup"}),
                0 => json!({"type": "menu", "prompt": "ask", "entries": {"1": next, "2": later}, "onInvalid": next, "onTimeout": later}),
                1 => json!({"type": "set", "values": {"round": "round + 1"}, "next": next}),
                2 => json!({"type": "condition", "cases": [{"when": "round % 7 == 3 && caller.number.startsWith('+1')", "next": later}], "otherwise": next}),
                3 => json!({"type": "say", "text": "You are number {{ round }} in the queue.", "next": next}),
                _ => json!({"type": "webhook", "url": "https://crm.example.com/{{ caller.number }}", "next": next, "onFail": later}),
            };
            (name(n), node)
        })
        .collect();
    json!({
        "version": 1, "start": name(0), "onError": name(count), "variables": {"round": {"type": "number", "initial": 0}},
        "prompts": {"ask": {"en": "Press 1 or 2."}}, "nodes": nodes
    })
    .to_string()
}

fn documents(criterion: &mut Criterion) {
    let text = large(1_000);
    let flow = Flow::read(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
    let around = Surroundings::default();
    assert!(check::check(&flow, &around).is_empty());
    let read = || serde_json::from_str::<serde_json::Value>(black_box(&text)).expect("JSON");
    Turns::new("ivr flow of 1,000 nodes")
        .baseline("floor: the document as any JSON, serde_json", repeated(read))
        .ours("Flow::read", repeated(|| Flow::read(black_box(&text)).is_ok()))
        .ours("check: everything that is wrong", repeated(|| check::check(black_box(&flow), &around)))
        .ours(
            "Program::compile, check included",
            repeated(|| Program::compile("bench", black_box(&flow), &around).is_ok()),
        )
        .measure(criterion);
}

/// The values of the expression, as a host would hold them in a struct.
struct Bound {
    language: String,
    billing: i64,
    vip: bool,
    wait: i64,
    country: String,
}

fn expressions(criterion: &mut Criterion) {
    const TEXT: &str = "language == 'es' && billing >= 3 && (vip || wait > 60) && !(country in ['US', 'CA'])";
    let mut symbols = Symbols::default();
    for (name, kind) in [
        ("language", Type::Text),
        ("billing", Type::Number),
        ("vip", Type::Bool),
        ("wait", Type::Number),
        ("country", Type::Text),
    ] {
        symbols.add(name, kind);
    }
    let expression = Expression::compile(TEXT, &symbols).expect("an expression");
    let values = [Value::from("es"), Value::from(4), Value::from(false), Value::from(75), Value::from("MX")];
    assert_eq!(expression.test(values.as_slice()), Ok(true));
    let bound = Bound { language: "es".into(), billing: 4, vip: false, wait: 75, country: "MX".into() };
    let written = |bound: &Bound| {
        bound.language == "es"
            && bound.billing >= 3
            && (bound.vip || bound.wait > 60)
            && !["US", "CA"].contains(&bound.country.as_str())
    };
    Turns::new("ivr expression with bound slots")
        .baseline("floor: the same as a Rust closure", repeated(|| written(black_box(&bound))))
        .ours("Expression::test", repeated(|| expression.test(black_box(values.as_slice()))))
        .measure(criterion);
    Turns::new("ivr compiling an expression")
        .baseline("floor: one copy of its text", repeated(|| black_box(TEXT).to_owned()))
        .ours("Expression::compile", repeated(|| Expression::compile(black_box(TEXT), &symbols).is_ok()))
        .measure(criterion);
}

criterion_group!(benches, steps, menus, documents, expressions);
criterion_main!(benches);
