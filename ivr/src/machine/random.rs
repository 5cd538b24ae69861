//! Every call ends: random flows, sound or not, with random inputs, within the limits.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{
    Answer, Command, DialEvent, DialFailure, Finish, Input, Limits, Machine, PlayFailure, QueueEvent, QueueStatus,
    RequestFailure, Token,
};
use crate::check::Surroundings;
use crate::env::CallInfo;
use crate::flow::Flow;
use crate::program::Program;

/// SplitMix64: small, and the same everywhere, so that a seed repeats a failure.
struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % below as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

fn node(random: &mut Random, nodes: usize) -> Json {
    let targets: Vec<String> = (0..9).map(|_| format!("n{}", random.below(nodes))).collect();
    let to = |place: usize| targets[place].as_str();
    let prompt = random.pick(&["plain", "broken", "many"]);
    let barge = random.one_in(2);
    let maybe = |random: &mut Random, place: usize| if random.one_in(2) { json!(to(place)) } else { Json::Null };
    let expression =
        random.pick(&["number + 1", "1 / 0", "text + text", "null", "any > 3", "now.hour < 12", "number % 3 == 0"]);
    let mut node = match random.below(22) {
        0 => json!({"type": "play", "prompt": prompt, "bargeIn": barge, "next": to(0)}),
        1 => json!({"type": "say", "text": "x {{ any + 1 }}", "bargeIn": barge, "next": to(0), "onFail": to(1)}),
        2 | 3 => json!({"type": "menu", "prompt": prompt, "bargeIn": barge, "retries": random.below(4), "into": "any",
            "entries": {"1": to(0), "2": to(1), "22": to(2), "*": to(3)}, "onInvalid": to(4), "onTimeout": to(5)}),
        4 => {
            json!({"type": "collect", "prompt": prompt, "bargeIn": barge, "into": "any", "min": random.below(3), "max": 1 + random.below(4),
            "valid": random.pick(&["true", "any == '12'", "any > 3"]), "next": to(0), "onInvalid": to(1), "onTimeout": to(2)})
        }
        5 => {
            json!({"type": "collectPhone", "prompt": prompt, "into": "any", "min": 3, "max": 5, "countryCode": "+49", "offerCaller": true,
            "confirmPrompt": "plain", "next": to(0), "onInvalid": to(1), "onTimeout": to(2)})
        }
        6 => json!({"type": "language", "to": random.pick(&["de", "xx", "{{ any }}", "{{ 1 / 0 }}"]), "next": to(0)}),
        7 => {
            json!({"type": "condition", "cases": [{"when": "any == null", "next": to(0)}, {"when": "number > 5", "next": to(1)}], "otherwise": to(2)})
        }
        8 => json!({"type": "set", "values": {"any": expression, "number": "number + 1"}, "next": to(0)}),
        9 => json!({"type": "hours", "calendar": "open", "open": to(0), "closed": to(1)}),
        10 => {
            json!({"type": "queueStatus", "queue": "q", "available": to(0), "busy": to(1), "unstaffed": to(2), "waitingInto": "number"})
        }
        11 => {
            json!({"type": "webhook", "url": "https://x.example/{{ any }}", "retries": random.below(3), "timeoutMs": 500, "waitPrompt": prompt, "actions": true,
            "targets": [to(3), to(4)], "save": {"any": "/a"}, "onStatus": {"404": to(0), "5xx": to(1)}, "next": to(2), "onFail": to(5)})
        }
        12 => json!({"type": "queue", "queue": "q", "priority": expression, "leaveKey": "#", "maxWaitSeconds": 20,
            "wait": [{"play": prompt}, {"pause": 1000}, {"offerCallback": {"prompt": "plain", "key": "1"}}, {"pause": 500}, {"leave": {}}],
            "onTimeout": to(0), "onLeave": to(1), "onCallback": to(2), "onFail": to(3)}),
        13 => {
            json!({"type": "dial", "to": {"number": "{{ any }}1"}, "timeoutSeconds": 5, "onBusy": to(0), "onFail": to(1)})
        }
        14 => {
            json!({"type": "voicemail", "mailbox": "box", "greeting": prompt, "beep": barge, "maxSeconds": 10, "onFail": to(1)})
        }
        15 => json!({"type": "recordStart", "beep": barge, "next": to(0)}),
        16 => json!({"type": "callback", "queue": "q", "number": "{{ any }}", "next": to(0), "onFail": to(1)}),
        17 => json!({"type": "split", "branches": [{"percent": 30, "next": to(0)}, {"percent": 70, "next": to(1)}]}),
        18 => {
            json!({"type": "subflow", "flow": "other", "with": {"number": "number"}, "returns": {"any": "any"}, "next": to(0)})
        }
        19 => json!({"type": "return"}),
        20 => json!({"type": "tag", "tags": ["{{ any }}", "{{ 1 / 0 }}"], "disposition": "x", "next": to(0)}),
        _ => json!({"type": "hangup", "prompt": prompt}),
    };
    for (label, place) in [("next", 6), ("onFail", 7), ("onEmpty", 8)] {
        let fits = match label {
            "next" => matches!(node["type"].as_str(), Some("queue" | "dial" | "voicemail")),
            "onFail" => matches!(node["type"].as_str(), Some("play")),
            _ => matches!(node["type"].as_str(), Some("voicemail")),
        };
        if fits {
            node[label] = maybe(random, place);
        }
    }
    node
}

fn flow(random: &mut Random) -> Flow {
    let nodes = 1 + random.below(10);
    let mut document = json!({
        "version": 1, "start": "n0", "languages": ["en", "de"], "maxSeconds": 1 + random.below(900),
        "variables": {"any": {}, "number": {"initial": 0, "parameter": true}, "text": {"initial": "x".repeat(3_000)}},
        "prompts": {"plain": {"*": "Hello"}, "broken": {"*": "{{ any + 1 }}"}, "many": {"*": [{"audio": "a"}, {"silence": 100}, {"digits": "number"}, {"beep": 50}]}},
        "calendars": {"open": {"timezone": "Europe/Berlin", "weekly": {"sunday": [{"from": "00:00", "to": "24:00"}]}}},
        "nodes": (0..nodes).map(|n| (format!("n{n}"), node(random, nodes))).collect::<serde_json::Map<_, _>>(),
    });
    if random.one_in(2) {
        document["onError"] = json!(format!("n{}", random.below(nodes)));
    }
    Flow::from_json(document).unwrap()
}

/// The host's side: what was asked of it and not answered yet.
#[derive(Default)]
struct Open {
    tokens: Vec<Token>,
    finished: Option<Finish>,
    commands: usize,
}

impl Open {
    fn drain(&mut self, machine: &mut Machine) {
        while let Some(command) = machine.poll_command() {
            assert_eq!(self.finished, None, "{command:?} after the end");
            self.commands += 1;
            match command {
                Command::Play { play: token, .. }
                | Command::Request(token, _)
                | Command::AskQueue(token, _)
                | Command::Record(token, _)
                | Command::RequestCallback(token, _) => self.tokens.push(token),
                Command::Finish(finish) => self.finished = Some(finish),
                _ => {}
            }
        }
    }
}

fn input(random: &mut Random, open: &Open) -> Input {
    // Mostly the newest token, sometimes an old one: answers cross what made them needless.
    let latest = open.tokens.len().saturating_sub(1 + random.below(2));
    let token = open.tokens.get(latest).copied().unwrap_or(Token(0));
    match random.below(12) {
        0..3 => Input::Key(random.pick(&["0", "1", "2", "3", "#", "*", "A", "x"]).chars().next().unwrap()),
        3..6 => Input::Played(token),
        6 => Input::PlayFailed(token, PlayFailure::Speech),
        7 => Input::Answered(token, match random.below(4) {
            0 => Err(RequestFailure::Timeout),
            1 => Ok(Answer { status: 200, body: r#"{"a": "12", "actions": [{"set": {"any": 7}}, {"say": "x"}, {"language": "de"}, {"play": "broken"}]}"#.to_owned() }),
            2 => Ok(Answer { status: [200, 404, 500, 429, 302][random.below(5)], body: "<html>".to_owned() }),
            _ => Ok(Answer { status: 200, body: r#"{"actions": [{"goto": "n0"}]}"#.to_owned() }),
        }),
        8 => Input::QueueStatus(token, (!random.one_in(3)).then(|| QueueStatus { available: 0, staffed: random.below(2) as u32, ..QueueStatus::default() })),
        9 => Input::Queue([QueueEvent::Connected, QueueEvent::Ended, QueueEvent::Left, QueueEvent::TimedOut, QueueEvent::Refused][random.below(5)]),
        10 => Input::Dial([DialEvent::Connected, DialEvent::Ended, DialEvent::Busy, DialEvent::NoAnswer, DialEvent::Failed(DialFailure::Nobody)][random.below(5)]),
        _ => match random.one_in(2) {
            true => Input::Recorded(token, (!random.one_in(4)).then(|| Duration::from_millis(random.below(5_000) as u64))),
            false => Input::Callback(token, random.one_in(2)),
        },
    }
}

/// Plays one call; returns how it ended.
fn play(seed: u64, hang_up: bool) -> Finish {
    let mut random = Random(seed);
    let other = flow(&mut random);
    let root = flow(&mut random);
    let flows = [("other".to_owned(), other)].into();
    let around = Surroundings { flows: Some(std::borrow::Cow::Owned(flows)), ..Surroundings::default() };
    // Linked as it is: the machine has to end even what analysis would refuse.
    let program = Arc::new(Program::link_unchecked("root", &root, &around));
    let call = CallInfo {
        id: "c".into(),
        caller: random.pick(&["", "+49301234567"]).into(),
        caller_name: "".into(),
        called: "+4940".into(),
        began: "2026-11-21T18:00:00Z".parse().unwrap(),
        timezone: chrono_tz::Tz::UTC,
    };
    let limits = Limits { steps: 2_000, ..Limits::default() };
    let mut machine = Machine::with_limits(program, call, seed, limits);
    let mut open = Open::default();
    let mut now = Duration::ZERO;
    assert!(machine.handle(now, Input::Key('1')).is_err());
    machine.handle(now, Input::Begin).unwrap();
    open.drain(&mut machine);
    let mut inputs = 0;
    while open.finished.is_none() {
        inputs += 1;
        assert!(inputs < 100_000, "seed {seed} does not end, in {}", machine.node());
        // A call that is not being talked in has a deadline, so that time alone ends it.
        let due = machine.poll_timeout();
        if due.is_some_and(|_| random.one_in(3)) {
            now = now.max(due.unwrap());
            machine.handle_timeout(now);
        } else {
            now += Duration::from_millis(random.below(800) as u64);
            if due.is_some_and(|due| due <= now) {
                machine.handle_timeout(now);
            }
            let input = if hang_up && random.one_in(12) { Input::HungUp } else { input(&mut random, &open) };
            machine.handle(now, input).unwrap();
        }
        open.drain(&mut machine);
    }
    assert!(machine.is_over() && machine.poll_timeout().is_none());
    assert!(machine.trace().last().is_some_and(|step| step.event == "finished"), "seed {seed}");
    // After the end nothing changes anything.
    machine.handle(now, Input::Key('1')).unwrap();
    machine.handle_timeout(now + Duration::from_secs(100_000));
    assert_eq!(machine.poll_command(), None);
    open.finished.unwrap()
}

#[test]
fn every_call_in_a_random_flow_ends_once_and_within_its_limits() {
    let mut ends = std::collections::BTreeMap::<String, u32>::new();
    for seed in 0..10_000 {
        *ends.entry(play(seed, seed % 4 == 0).to_string()).or_default() += 1;
    }
    // The chance is wide enough to end in every way.
    for end in [
        "hangup",
        "caller",
        "completed",
        "message",
        "fault: too long in the flow",
        "fault: a failure that the flow has no branch for",
    ] {
        assert!(ends.get(end).is_some_and(|count| *count > 0), "{end}: {ends:?}");
    }
    assert!(ends.keys().any(|end| end.contains("without waiting")), "{ends:?}");
}
