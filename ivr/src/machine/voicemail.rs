//! Taking a message, and recording the call.

use std::sync::Arc;
use std::time::Duration;

use super::trace::Event;
use super::{Command, Doing, Finish, Machine, Record, Sound, Token, Turn};
use crate::program::{Op, Program, VoicemailOp, Way};

/// The tone before a recording.
const BEEP: Duration = Duration::from_millis(400);
/// How much longer than the longest message the host may take to say that it ended.
const GRACE: Duration = Duration::from_secs(5);

/// A message being taken; nothing is recorded yet while greeting and beep are heard.
#[derive(Debug)]
pub(super) struct VoicemailRun {
    pub(super) recording: Option<Token>,
    beeped: bool,
}

impl Machine {
    pub(super) fn enter_voicemail(&mut self, op: &VoicemailOp) -> Turn {
        self.keys.clear();
        self.doing = Doing::Voicemail(VoicemailRun { recording: None, beeped: !op.beep });
        self.rush = 0;
        match &op.greeting {
            Some(greeting) => match self.play(&[greeting], false) {
                Ok(()) => Turn::Stay,
                Err(error) => {
                    self.note(Event::NotComputed(error));
                    Turn::Fail(op.fail)
                }
            },
            None => self.beep_or_record(op),
        }
    }

    fn beep_or_record(&mut self, op: &VoicemailOp) -> Turn {
        let Doing::Voicemail(run) = &mut self.doing else { return Turn::Stay };
        if !std::mem::replace(&mut run.beeped, true) {
            self.play_sounds(vec![Sound::Beep(BEEP)], false);
            return Turn::Stay;
        }
        let token = self.token();
        let record = Record { mailbox: Arc::clone(&op.mailbox), max: op.max, min: op.min, silence: op.silence };
        self.command(Command::Record(token, record));
        let run = VoicemailRun { recording: Some(token), beeped: true };
        self.wait(Doing::Voicemail(run), Some(op.max + GRACE))
    }

    pub(super) fn voicemail_played(&mut self, program: &Program) -> Turn {
        match self.op(program) {
            Some(Op::Voicemail(op)) => self.beep_or_record(op),
            _ => Turn::Stay,
        }
    }

    pub(super) fn voicemail_key(&mut self, program: &Program, key: char) -> Turn {
        let Some(Op::Voicemail(op)) = self.op(program) else { return Turn::Stay };
        let Doing::Voicemail(VoicemailRun { recording, beeped }) = self.doing else { return Turn::Stay };
        if op.finish_key.key() != Some(key) {
            self.note(Event::DroppedKey);
            return Turn::Stay;
        }
        self.note(Event::Key(key));
        match recording {
            Some(token) => self.command(Command::StopRecord(token)),
            // Pressed during the greeting it goes straight to the beep.
            None if self.playing.is_some() && !beeped => {
                self.stop_playing();
                return self.beep_or_record(op);
            }
            None => {}
        }
        Turn::Stay
    }

    pub(super) fn voicemail_timeout(&mut self, program: &Program) -> Turn {
        match (self.op(program), &self.doing) {
            (Some(Op::Voicemail(op)), Doing::Voicemail(VoicemailRun { recording: Some(token), .. })) => {
                let token = *token;
                self.command(Command::StopRecord(token));
                Turn::Fail(op.fail)
            }
            _ => Turn::Stay,
        }
    }

    pub(super) fn recorded(&mut self, program: &Program, token: Token, length: Option<Duration>) -> Turn {
        let Some(Op::Voicemail(op)) = self.op(program) else { return Turn::Stay };
        match &self.doing {
            Doing::Voicemail(run) if run.recording == Some(token) => {}
            _ => return Turn::Stay,
        }
        // It has ended: there is nothing left to stop.
        self.doing = Doing::Nothing;
        let way = match length {
            None => return Turn::Fail(op.fail),
            Some(length) if length < op.min || length.is_zero() => op.on_empty,
            Some(_) => op.next,
        };
        match way {
            Some(way) => Turn::Go(Some(way)),
            None => Turn::Finish(Finish::Message),
        }
    }

    pub(super) fn start_recording(&mut self, beep: bool, next: Way) -> Turn {
        self.command(Command::StartCallRecording);
        if !beep {
            return Turn::Go(next);
        }
        self.play_sounds(vec![Sound::Beep(BEEP)], false);
        self.wait(Doing::Playing { barge_in: false, next, fail: next }, None)
    }
}
