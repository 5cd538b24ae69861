//! The world around a simulated call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Asked, DialWord, Event, Failure, Given, QueueWord, Reply, Simulation};
use crate::env::CallInfo;
use crate::machine::{
    Answer, Command, Destination, DialEvent, DialFailure, Input, Machine, PlayFailure, QueueEvent, QueueStatus,
    RequestFailure, Sound, Token,
};
use crate::program::Program;

/// The time between two keys pressed fast.
const KEY_GAP: Duration = Duration::from_millis(200);
/// How long a recording lasts when nobody knows.
const AUDIO: Duration = Duration::from_secs(3);
/// How long a queue lets a call wait when neither the flow nor the script ends it.
const QUEUE_PATIENCE: Duration = Duration::from_secs(600);

/// Simulates a call.
#[must_use]
pub fn simulate(program: Arc<Program>, given: &Given, script: Vec<Event>) -> Simulation {
    run(program, given, script).0
}

/// Simulates a call and returns the machine, too.
pub(crate) fn run(program: Arc<Program>, given: &Given, script: Vec<Event>) -> (Simulation, Machine) {
    let call = CallInfo {
        id: "simulated".into(),
        caller: given.caller.as_str().into(),
        caller_name: given.caller_name.as_str().into(),
        called: given.called.as_str().into(),
        began: given.at,
        timezone: given.timezone,
    };
    let mut machine = Machine::new(program, call, given.seed);
    for (name, value) in &given.variables {
        machine.preset(name, value.clone());
    }
    let mut host = Host {
        machine,
        given,
        now: Duration::ZERO,
        playing: None,
        fails: false,
        request: None,
        queued: None,
        dialled: None,
        recording: None,
        callback: None,
        talking: None,
        heard: Vec::new(),
        actions: Vec::new(),
        requests: Vec::new(),
        ended: None,
    };
    host.give(Input::Begin);
    let unused = host.follow(script);
    host.conclude();
    host.finish(unused)
}

struct Host<'a> {
    machine: Machine,
    given: &'a Given,
    now: Duration,
    /// What is played, and when it ends; `None` inside when it is repeated.
    playing: Option<(Token, Option<Duration>)>,
    /// What is played next fails.
    fails: bool,
    request: Option<Token>,
    /// Since when the call waits in a queue.
    queued: Option<Duration>,
    /// Until when somebody is rung.
    dialled: Option<Duration>,
    /// A message, and when silence ends it.
    recording: Option<(Token, Duration)>,
    callback: Option<Token>,
    talking: Option<Talk>,
    heard: Vec<String>,
    actions: Vec<String>,
    requests: Vec<Asked>,
    ended: Option<(String, Duration)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Talk {
    Agent,
    Dialled,
}

impl Host<'_> {
    fn give(&mut self, input: Input) {
        // The script begins once and nothing comes before, so there is no misuse.
        self.machine.handle(self.now, input).ok();
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(command) = self.machine.poll_command() {
            self.obey(command);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Play { play, sounds, repeat, .. } => {
                let length = sounds.iter().map(length).sum::<Duration>();
                self.heard.extend(sounds.iter().filter_map(shown));
                self.playing = Some((play, (!repeat).then(|| self.now + length)));
                if std::mem::take(&mut self.fails) {
                    self.playing = None;
                    self.give(Input::PlayFailed(play, PlayFailure::Speech));
                }
            }
            Command::StopPlay(play) => {
                if self.playing.is_some_and(|(playing, _)| playing == play) {
                    self.playing = None;
                }
            }
            Command::Request(token, request) => {
                self.request = Some(token);
                self.requests.push(Asked {
                    method: format!("{:?}", request.method).to_uppercase(),
                    url: request.url,
                    headers: request.headers.into_iter().collect(),
                    body: request.body.and_then(|body| serde_json::from_str(&body).ok()),
                });
            }
            Command::AskQueue(token, queue) => {
                let known = self.given.queues.get(&*queue);
                let status = match known {
                    Some(queue) if queue.unknown => None,
                    Some(queue) => Some(QueueStatus {
                        available: queue.available,
                        staffed: queue.staffed.max(queue.available),
                        waiting: queue.waiting,
                        oldest: Duration::from_secs(queue.oldest_seconds.into()),
                    }),
                    None => Some(QueueStatus { available: 1, staffed: 1, ..QueueStatus::default() }),
                };
                self.give(Input::QueueStatus(token, status));
            }
            Command::Enqueue(wait) => {
                self.actions.push(format!("queue {}", wait.queue));
                self.queued = Some(self.now);
            }
            Command::Dequeue => {
                self.queued = None;
                self.give(Input::Queue(QueueEvent::Left));
            }
            Command::Dial(dial) => {
                let (Destination::Agent(to) | Destination::Extension(to) | Destination::Number(to)) = dial.to;
                self.actions.push(format!("dial {to}"));
                self.dialled = Some(self.now + dial.timeout);
            }
            Command::Record(token, record) => {
                self.actions.push(format!("record {}", record.mailbox));
                self.recording = Some((token, self.now + record.silence));
            }
            Command::StopRecord(token) => {
                if let Some((recording, _)) = self.recording.take().filter(|(recording, _)| *recording == token) {
                    self.give(Input::Recorded(recording, Some(Duration::from_secs(2))));
                }
            }
            Command::StartCallRecording => self.actions.push("record call".to_owned()),
            Command::StopCallRecording => self.actions.push("stop recording".to_owned()),
            Command::RequestCallback(token, request) => {
                self.actions.push(format!("callback {} {}", request.number, request.queue));
                self.callback = Some(token);
            }
            Command::Tag { mut tags, disposition } => {
                tags.extend(disposition);
                self.actions.push(format!("tag {}", tags.join(", ")));
            }
            Command::Finish(finish) => self.ended = Some((finish.to_string(), self.now)),
        }
    }

    /// Goes through the script. Returns the steps that found no place.
    fn follow(&mut self, script: Vec<Event>) -> Vec<usize> {
        let mut unused = Vec::new();
        for (place, event) in script.into_iter().enumerate() {
            if self.ended.is_some() || !self.step(event) {
                unused.push(place);
            }
        }
        unused
    }

    /// One step of the script; `false` when it found no place.
    fn step(&mut self, event: Event) -> bool {
        match event {
            Event::Digit(keys) | Event::Digits(keys) => keys.chars().all(|key| self.press(key)),
            Event::Early(keys) => {
                keys.chars().for_each(|key| self.give(Input::Key(key)));
                true
            }
            Event::Silence(seconds) => {
                self.pass(self.now + scripted(seconds));
                true
            }
            Event::Webhook(reply) => {
                let asked = self.until(|host| host.request.is_some());
                if let Some(token) = self.request.take().filter(|_| asked) {
                    self.give(Input::Answered(token, answer(reply)));
                }
                asked
            }
            Event::Queue(word) => self.queue(word),
            Event::Dial(word) => self.dial(word),
            Event::Record(seconds) => {
                let asked = self.until(|host| host.recording.is_some());
                if let Some((token, _)) = self.recording.take().filter(|_| asked) {
                    let length = seconds.map(scripted);
                    self.now += length.unwrap_or_default();
                    self.give(Input::Recorded(token, length));
                }
                asked
            }
            Event::Callback(arranged) => {
                let asked = self.until(|host| host.callback.is_some());
                if let Some(token) = self.callback.take().filter(|_| asked) {
                    self.give(Input::Callback(token, arranged));
                }
                asked
            }
            Event::PlayFails(fails) => {
                match self.playing.take().filter(|_| fails) {
                    Some((token, _)) => self.give(Input::PlayFailed(token, PlayFailure::Speech)),
                    None => self.fails = fails,
                }
                true
            }
            Event::Hangup(_) => {
                self.give(Input::HungUp);
                true
            }
        }
    }

    fn press(&mut self, key: char) -> bool {
        // Waiting for what is no key to be heard would only hide that it is none.
        let is_key = u8::try_from(key).is_ok_and(crate::flow::is_key);
        // Who goes on to something else after a secret makes a pause.
        if let Some(until) = self.machine.secret_until().filter(|until| is_key && *until >= self.now) {
            self.pass(until + KEY_GAP);
        }
        let heard = is_key && self.until(|host| host.machine.hears_key(host.now, key));
        if heard {
            self.give(Input::Key(key));
            if self.ended.is_none() {
                self.pass(self.now + KEY_GAP);
            }
        }
        heard
    }

    fn queue(&mut self, word: QueueWord) -> bool {
        let event = match word {
            QueueWord::Ended => {
                let talks = self.talking == Some(Talk::Agent);
                if talks {
                    self.talking = None;
                    self.give(Input::Queue(QueueEvent::Ended));
                }
                return talks;
            }
            QueueWord::Connected => QueueEvent::Connected,
            QueueWord::TimedOut => QueueEvent::TimedOut,
            QueueWord::Refused => QueueEvent::Refused,
        };
        let waits = self.until(|host| host.queued.is_some());
        if waits {
            self.queued = None;
            self.talking = (event == QueueEvent::Connected).then_some(Talk::Agent);
            self.give(Input::Queue(event));
        }
        waits
    }

    fn dial(&mut self, word: DialWord) -> bool {
        let event = match word {
            DialWord::Ended => {
                let talks = self.talking == Some(Talk::Dialled);
                if talks {
                    self.talking = None;
                    self.give(Input::Dial(DialEvent::Ended));
                }
                return talks;
            }
            DialWord::Connected => DialEvent::Connected,
            DialWord::Busy => DialEvent::Busy,
            DialWord::NoAnswer => DialEvent::NoAnswer,
            DialWord::Failed => DialEvent::Failed(DialFailure::Unreachable),
        };
        let rings = self.until(|host| host.dialled.is_some());
        if rings {
            self.dialled = None;
            self.talking = (event == DialEvent::Connected).then_some(Talk::Dialled);
            self.give(Input::Dial(event));
        }
        rings
    }

    /// Lets time pass until something is so; `false` when the call ended before, or nothing happens any more.
    fn until(&mut self, so: impl Fn(&Self) -> bool) -> bool {
        while self.ended.is_none() && !so(self) {
            match self.next_event() {
                Some(at) => self.pass(at),
                None => return false,
            }
        }
        self.ended.is_none()
    }

    fn next_event(&self) -> Option<Duration> {
        let played = self.playing.and_then(|(_, ends)| ends);
        played.into_iter().chain(self.machine.poll_timeout()).min()
    }

    /// Lets time pass until `until`, with everything that is due on the way.
    fn pass(&mut self, until: Duration) {
        while let Some(at) = self.next_event().filter(|at| *at <= until && self.ended.is_none()) {
            self.now = self.now.max(at);
            match self.playing {
                Some((token, Some(ends))) if ends <= self.now => {
                    self.playing = None;
                    self.give(Input::Played(token));
                }
                _ => {
                    self.machine.handle_timeout(self.now);
                    self.drain();
                }
            }
        }
        if self.ended.is_none() {
            self.now = self.now.max(until);
        }
    }

    /// After the script nobody does anything: the caller is silent, nobody answers, whoever talks hangs up.
    fn conclude(&mut self) {
        while self.ended.is_none() {
            if let Some(talk) = self.talking.take() {
                self.give(match talk {
                    Talk::Agent => Input::Queue(QueueEvent::Ended),
                    Talk::Dialled => Input::Dial(DialEvent::Ended),
                });
                continue;
            }
            if let Some(token) = self.callback.take() {
                self.give(Input::Callback(token, true));
                continue;
            }
            let waits = [
                self.queued.map(|since| since + QUEUE_PATIENCE),
                self.dialled,
                self.recording.map(|(_, ends)| ends),
                self.next_event(),
            ];
            let Some(at) = waits.into_iter().flatten().min() else { return };
            if self.next_event().is_some_and(|next| next <= at) {
                self.pass(at);
                continue;
            }
            self.now = self.now.max(at);
            if let Some((token, _)) = self.recording.take_if(|(_, ends)| *ends <= self.now) {
                self.give(Input::Recorded(token, Some(Duration::ZERO)));
            } else if self.dialled.take_if(|until| *until <= self.now).is_some() {
                self.give(Input::Dial(DialEvent::NoAnswer));
            } else {
                self.queued = None;
                self.give(Input::Queue(QueueEvent::TimedOut));
            }
        }
    }

    fn finish(self, unused: Vec<usize>) -> (Simulation, Machine) {
        let (ended, at) = self.ended.unwrap_or_else(|| ("not at all".to_owned(), self.now));
        let trace = self.machine.trace();
        let entered = trace.iter().filter(|step| step.event == "entered");
        let simulation = Simulation {
            path: entered.map(|step| step.node.clone()).collect(),
            trace,
            heard: self.heard,
            actions: self.actions,
            requests: self.requests,
            variables: self
                .machine
                .variables()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<BTreeMap<_, _>>(),
            ended,
            ended_ms: at.as_millis() as u64,
            unused,
        };
        (simulation, self.machine)
    }
}

fn answer(reply: Reply) -> Result<Answer, RequestFailure> {
    match reply.failure {
        Some(Failure::Timeout) => Err(RequestFailure::Timeout),
        Some(Failure::Unreachable) => Err(RequestFailure::Unreachable),
        Some(Failure::Forbidden) => Err(RequestFailure::Forbidden),
        Some(Failure::Unreadable) => Err(RequestFailure::Unreadable),
        None => {
            let body = match reply.body {
                serde_json::Value::String(text) => text,
                serde_json::Value::Null => String::new(),
                json => json.to_string(),
            };
            Ok(Answer { status: reply.status, body })
        }
    }
}

/// A length of a script: at most a day, also where a script was not read but made.
fn scripted(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.clamp(0.0, 86_400.0)).unwrap_or_default()
}

/// How long a sound takes: speech about 15 characters a second.
fn length(sound: &Sound) -> Duration {
    match sound {
        Sound::Audio(_) => AUDIO,
        Sound::Say(text) => Duration::from_millis(text.chars().count() as u64 * 66),
        Sound::Silence(length) | Sound::Beep(length) => *length,
    }
}

fn shown(sound: &Sound) -> Option<String> {
    match sound {
        Sound::Audio(name) => Some(format!("[{name}]")),
        Sound::Say(text) => Some(text.clone()),
        Sound::Beep(_) => Some("[beep]".to_owned()),
        Sound::Silence(_) => None,
    }
}
