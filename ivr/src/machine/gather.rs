//! Nodes that ask for keys: menu, collect, collectPhone.

use std::sync::Arc;
use std::time::Duration;

use super::trace::Event;
use super::{Doing, Machine, Sound, Turn, spaced};
use crate::expr::{Expression, Value};
use crate::program::{CollectOp, Gathering, MenuOp, Op, PhoneOp, Program, Prompt};

/// Keys as they come.
#[derive(Debug, Default)]
pub(super) struct Gather {
    digits: String,
    /// How often it was asked in vain.
    tries: u8,
    /// The number that waits for a yes.
    confirming: Option<String>,
}

/// What the keys so far mean.
enum Meaning {
    /// More have to come.
    More,
    /// Something to go on with.
    Done(Turn),
    /// A number that has to be confirmed.
    Confirm(String),
    /// Nothing sensible.
    Invalid,
}

/// The keys of a confirmation.
const YES: char = '1';
const AGAIN: char = '2';

impl Machine {
    pub(super) fn enter_gather(&mut self, gathering: &Gathering, retry: Option<(Gather, bool)>) -> Turn {
        let (mut gather, prefix) = match retry {
            Some((gather, timed_out)) => {
                self.keys.clear();
                (gather, if timed_out { gathering.timeout.as_ref() } else { gathering.invalid.as_ref() })
            }
            None => (Gather::default(), None),
        };
        gather.digits.clear();
        gather.confirming = None;
        if !gathering.barge_in {
            self.keys.clear();
        }
        self.doing = Doing::Gather(gather);
        self.rush = 0;
        if !self.keys.is_empty() {
            return self.take_kept(gathering);
        }
        let prompts: Vec<&Prompt> = prefix.into_iter().chain([&gathering.prompt]).map(|prompt| &**prompt).collect();
        if let Err(error) = self.play(&prompts, false) {
            self.note(Event::NotComputed(error));
            return Turn::Fail(None);
        }
        self.wake = None;
        Turn::Stay
    }

    pub(super) fn enter_phone(&mut self, op: &PhoneOp) -> Turn {
        let caller = self.call.caller.to_string();
        match (&op.confirm, op.offer_caller && !caller.is_empty()) {
            (Some(confirm), true) => self.confirm(Gather::default(), caller, confirm),
            _ => self.enter_gather(&op.gathering, None),
        }
    }

    /// Takes the keys that were typed ahead, as if they were pressed now.
    fn take_kept(&mut self, gathering: &Gathering) -> Turn {
        let program = Arc::clone(&self.program);
        while let Some(key) = self.keys.pop_front() {
            match self.gather_key(&program, key) {
                Turn::Stay if matches!(self.doing, Doing::Gather(_)) => {}
                turn => return turn,
            }
        }
        if self.playing.is_none() && self.wake.is_none() {
            self.wake = Some(self.now + gathering.first);
        }
        Turn::Stay
    }

    pub(super) fn gathering<'p>(&self, program: &'p Program) -> Option<&'p Gathering> {
        match self.op(program)? {
            Op::Menu(op) => Some(&op.gathering),
            Op::Collect(op) => Some(&op.gathering),
            Op::CollectPhone(op) => Some(&op.gathering),
            _ => None,
        }
    }

    pub(super) fn gather_key(&mut self, program: &Program, key: char) -> Turn {
        let Some(gathering) = self.gathering(program) else { return Turn::Stay };
        let Doing::Gather(mut gather) = std::mem::take(&mut self.doing) else { return Turn::Stay };
        if self.playing.is_some() && !gathering.barge_in {
            self.note(Event::DroppedKey);
            self.doing = Doing::Gather(gather);
            return Turn::Stay;
        }
        self.note(if gathering.secret { Event::SecretKey } else { Event::Key(key) });
        self.stop_playing();
        if gather.confirming.is_some() {
            return self.confirm_key(program, gathering, gather, key);
        }
        gather.digits.push(key);
        let meaning = match self.op(program) {
            Some(Op::Menu(op)) => self.menu_meaning(op, &gather.digits, false),
            Some(Op::Collect(op)) => self.collect_meaning(op, &mut gather.digits, Some(key)),
            Some(Op::CollectPhone(op)) => self.phone_meaning(op, &mut gather.digits, Some(key)),
            _ => return Turn::Stay,
        };
        self.go_by(program, gathering, gather, meaning)
    }

    fn go_by(&mut self, program: &Program, gathering: &Gathering, gather: Gather, meaning: Meaning) -> Turn {
        match meaning {
            Meaning::More => {
                self.doing = Doing::Gather(gather);
                self.wake = Some(self.now + gathering.inter);
                Turn::Stay
            }
            Meaning::Done(turn) => turn,
            Meaning::Confirm(number) => match self.op(program) {
                Some(Op::CollectPhone(PhoneOp { confirm: Some(confirm), .. })) => self.confirm(gather, number, confirm),
                _ => Turn::Stay,
            },
            Meaning::Invalid => {
                self.note(Event::Invalid);
                self.again(gathering, gather, false)
            }
        }
    }

    /// Asks again, or gives up.
    fn again(&mut self, gathering: &Gathering, mut gather: Gather, timed_out: bool) -> Turn {
        if gather.tries >= gathering.retries {
            return Turn::Go(if timed_out { gathering.on_timeout } else { gathering.on_invalid });
        }
        gather.tries += 1;
        self.enter_gather(gathering, Some((gather, timed_out)))
    }

    pub(super) fn gather_played(&mut self, program: &Program) -> Turn {
        if let Some(gathering) = self.gathering(program) {
            self.wake = Some(self.now + gathering.first);
        }
        Turn::Stay
    }

    pub(super) fn gather_timeout(&mut self, program: &Program) -> Turn {
        let Some(gathering) = self.gathering(program) else { return Turn::Stay };
        let Doing::Gather(mut gather) = std::mem::take(&mut self.doing) else { return Turn::Stay };
        if gather.confirming.is_some() || gather.digits.is_empty() {
            self.note(Event::TimedOut);
            return self.again(gathering, gather, true);
        }
        let meaning = match self.op(program) {
            Some(Op::Menu(op)) => self.menu_meaning(op, &gather.digits, true),
            Some(Op::Collect(op)) => self.collect_meaning(op, &mut gather.digits, None),
            Some(Op::CollectPhone(op)) => self.phone_meaning(op, &mut gather.digits, None),
            _ => return Turn::Stay,
        };
        self.go_by(program, gathering, gather, meaning)
    }

    fn menu_meaning(&mut self, op: &MenuOp, digits: &str, last: bool) -> Meaning {
        let mut begins = op.entries.iter().filter(|(keys, _)| keys.starts_with(digits));
        let (mut exact, mut longer) = (None, false);
        begins.by_ref().for_each(|(keys, way)| match keys.len() == digits.len() {
            true => exact = Some(*way),
            false => longer = true,
        });
        match exact {
            Some(way) if last || !longer => {
                if let Some(into) = op.into {
                    self.assign(into, Value::text(digits));
                }
                Meaning::Done(Turn::Go(Some(way)))
            }
            _ if longer && !last => Meaning::More,
            _ => Meaning::Invalid,
        }
    }

    /// `key` is the one that came last; `None` when no further one came.
    fn collect_meaning(&mut self, op: &CollectOp, digits: &mut String, key: Option<char>) -> Meaning {
        let ended = key.is_none() || key == op.terminator.key();
        if key.is_some() && ended {
            digits.pop();
        }
        if !ended {
            if digits.len() < op.max {
                return Meaning::More;
            }
            self.complete_without(op.terminator.key(), op.gathering.inter);
            if op.gathering.secret {
                self.keys.clear();
                self.late_secret = Some(self.now + super::SECRET_TAIL);
            }
        }
        if digits.len() < op.min {
            return Meaning::Invalid;
        }
        self.assign(op.into, Value::text(digits.as_str()));
        match op.valid.as_ref().map(|valid| self.is_met(valid)) {
            Some(false) => {
                self.assign(op.into, Value::Null);
                Meaning::Invalid
            }
            _ => Meaning::Done(Turn::Go(op.next)),
        }
    }

    /// The most digits are there; whoever is used to ending them with a key presses it all the same.
    fn complete_without(&mut self, terminator: Option<char>, patience: Duration) {
        if terminator.is_some() && self.keys.front().copied() == terminator {
            self.keys.pop_front();
        } else {
            self.late_terminator = terminator.map(|key| (key, self.now + patience));
        }
    }

    fn is_met(&mut self, condition: &Expression) -> bool {
        match condition.test(&self.env()) {
            Ok(met) => met,
            Err(error) => {
                self.note(Event::NotComputed(error));
                false
            }
        }
    }

    fn phone_meaning(&mut self, op: &PhoneOp, digits: &mut String, key: Option<char>) -> Meaning {
        let ended = matches!(key, None | Some('#'));
        if key == Some('#') {
            digits.pop();
        }
        // With 00 before it a number is two longer than E.164 allows.
        let most = op.max + if digits.starts_with("00") { 2 } else { 0 };
        if !ended {
            if digits.len() < most {
                return Meaning::More;
            }
            self.complete_without(Some('#'), op.gathering.inter);
        }
        let count = digits.strip_prefix("00").unwrap_or(digits).len();
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) || !(op.min..=op.max).contains(&count) {
            return Meaning::Invalid;
        }
        let number = international(digits, op.country_code.as_deref());
        match op.confirm {
            Some(_) => Meaning::Confirm(number),
            None => {
                self.assign(op.into, Value::text(number));
                Meaning::Done(Turn::Go(op.next))
            }
        }
    }

    /// Reads a number back and asks whether it is right.
    fn confirm(&mut self, mut gather: Gather, number: String, confirm: &Prompt) -> Turn {
        let mut sounds = vec![Sound::Say(spaced(&number)), Sound::Silence(Duration::from_millis(300))];
        for piece in confirm.get(self.spoken).map(|pieces| &**pieces).unwrap_or_default() {
            match self.sound(piece) {
                Ok(sound) => sounds.push(sound),
                Err(error) => {
                    self.note(Event::NotComputed(error));
                    return Turn::Fail(None);
                }
            }
        }
        gather.confirming = Some(number);
        self.keys.clear();
        self.play_sounds(sounds, false);
        self.wait(Doing::Gather(gather), None)
    }

    fn confirm_key(&mut self, program: &Program, gathering: &Gathering, mut gather: Gather, key: char) -> Turn {
        let Some(Op::CollectPhone(op)) = self.op(program) else { return Turn::Stay };
        match (key, gather.confirming.take()) {
            (YES, Some(number)) => {
                self.assign(op.into, Value::text(number));
                Turn::Go(op.next)
            }
            (AGAIN, _) if gather.tries < gathering.retries => {
                gather.tries += 1;
                gather.digits.clear();
                self.keys.clear();
                // Asked for by the caller, so nothing is said to be wrong.
                self.doing = Doing::Gather(gather);
                match self.play(&[&gathering.prompt], false) {
                    Ok(()) => {
                        self.wake = None;
                        Turn::Stay
                    }
                    Err(error) => {
                        self.note(Event::NotComputed(error));
                        Turn::Fail(None)
                    }
                }
            }
            _ => {
                self.note(Event::Invalid);
                self.again(gathering, gather, false)
            }
        }
    }
}

/// A number as it was dialled, in international form as far as that can be told.
fn international(digits: &str, code: Option<&str>) -> String {
    if let Some(rest) = digits.strip_prefix("00") {
        return format!("+{rest}");
    }
    match code {
        // The trunk prefix of the North American plan is the calling code itself.
        Some("+1") if digits.len() == 11 && digits.starts_with('1') => format!("+{digits}"),
        Some(code) => format!("{code}{}", digits.strip_prefix('0').unwrap_or(digits)),
        None => digits.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::international;

    #[test]
    fn a_number_as_dialled_becomes_international() {
        assert_eq!(international("004930123456", Some("+44")), "+4930123456");
        assert_eq!(international("030123456", Some("+49")), "+4930123456");
        assert_eq!(international("2025550123", Some("+1")), "+12025550123");
        assert_eq!(international("12025550123", Some("+1")), "+12025550123");
        assert_eq!(international("030123456", None), "030123456");
    }
}
