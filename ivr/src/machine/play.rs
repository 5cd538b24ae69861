//! Playing prompts.

use std::sync::Arc;

use super::trace::Event;
use super::{Command, Doing, Finish, Machine, Sound, Turn};
use crate::expr::EvalError;
use crate::program::{Op, Piece, PlayOp, Program, Prompt};

impl Machine {
    pub(super) fn enter_play(&mut self, op: &PlayOp) -> Turn {
        if !op.barge_in {
            self.keys.clear();
        } else if !self.keys.is_empty() {
            // Whoever typed ahead does not want to hear it.
            return Turn::Go(op.next);
        }
        match self.play(&[&op.prompt], false) {
            Ok(()) => self.wait(Doing::Playing { barge_in: op.barge_in, next: op.next, fail: op.fail }, None),
            Err(error) => {
                self.note(Event::NotComputed(error));
                Turn::Fail(op.fail)
            }
        }
    }

    pub(super) fn played(&mut self, program: &Program) -> Turn {
        match &self.doing {
            Doing::Playing { next, .. } => Turn::Go(*next),
            Doing::Farewell(cause) => Turn::Finish(Finish::HangUp(*cause)),
            Doing::Gather(_) => self.gather_played(program),
            Doing::Acting(_) => self.act(program),
            Doing::Queue(_) => self.queue_played(program),
            Doing::Voicemail(_) => self.voicemail_played(program),
            _ => Turn::Stay,
        }
    }

    pub(super) fn play_failed(&mut self, program: &Program) -> Turn {
        match &self.doing {
            Doing::Playing { fail, .. } => Turn::Fail(*fail),
            Doing::Farewell(cause) => Turn::Finish(Finish::HangUp(*cause)),
            Doing::Gather(_) => Turn::Fail(None),
            Doing::Acting(acting) => Turn::Fail(acting.fail),
            // Music goes on; a prompt that is missing is no reason to lose one's place.
            Doing::Queue(_) => self.queue_played(program),
            Doing::Voicemail(_) => match self.op(program) {
                Some(Op::Voicemail(op)) => Turn::Fail(op.fail),
                _ => Turn::Stay,
            },
            _ => Turn::Stay,
        }
    }

    /// Plays prompts one after another in the caller's language.
    pub(super) fn play(&mut self, prompts: &[&Prompt], repeat: bool) -> Result<(), EvalError> {
        let mut sounds = Vec::new();
        for prompt in prompts {
            for piece in prompt.get(self.spoken).map(|pieces| &**pieces).unwrap_or_default() {
                sounds.push(self.sound(piece)?);
            }
        }
        self.play_sounds(sounds, repeat);
        Ok(())
    }

    pub(super) fn play_sounds(&mut self, sounds: Vec<Sound>, repeat: bool) {
        self.stop_playing();
        let play = self.token();
        self.playing = Some(play);
        self.command(Command::Play { play, sounds, language: Arc::clone(&self.language), repeat });
    }

    pub(super) fn sound(&self, piece: &Piece) -> Result<Sound, EvalError> {
        Ok(match piece {
            Piece::Audio(name) => Sound::Audio(Arc::clone(name)),
            Piece::Say(template) => Sound::Say(template.render(&self.env())?),
            Piece::Digits(expression) => {
                let value = expression.eval(&self.env())?.into_value().to_string();
                Sound::Say(spaced(&value))
            }
            Piece::Silence(length) => Sound::Silence(*length),
            Piece::Beep(length) => Sound::Beep(*length),
        })
    }

    pub(super) fn stop_playing(&mut self) {
        if let Some(play) = self.playing.take() {
            self.command(Command::StopPlay(play));
        }
    }
}

/// Character by character, as digits are read aloud.
pub(super) fn spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len() * 2);
    for (n, c) in text.chars().enumerate() {
        if n > 0 {
            spaced.push(' ');
        }
        spaced.push(c);
    }
    spaced
}
