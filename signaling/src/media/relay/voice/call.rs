//! The recording of both parties of a session.

use std::time::{Duration, Instant};

use super::attached::Mailbox;
use super::work::Seat;
use super::{VoiceConfig, VoiceListener, Voices};
use crate::media::record::{CallTake, RecordEnd, Tape};
use crate::media::relay::SessionId;
use crate::media::relay::worker::{Carried, Worker};
use crate::media::rtp::Header;

/// What the recording of a session is told to do.
#[derive(Debug)]
pub(in super::super) enum CallOrder {
    Start { token: u64, tape: Tape, max: Duration, configs: [VoiceConfig; 2], listener: VoiceListener },
    Stop { token: u64 },
}

/// A session being recorded.
#[derive(Debug)]
pub(in super::super) struct CallRecording {
    token: u64,
    take: Option<CallTake>,
    configs: [VoiceConfig; 2],
    mailbox: Mailbox,
}

impl CallRecording {
    /// Takes a packet of a party: `second` tells which.
    pub(in super::super) fn hear(&mut self, now: Instant, second: bool, header: &Header, packet: &[u8]) {
        let [a, b] = &self.configs;
        let codec = (if second { b } else { a }).codec_of(header.payload_type);
        let payload = packet.get(header.payload_start..header.payload_end);
        if let (Some(take), Some(codec), Some(payload)) = (&mut self.take, codec, payload) {
            take.hear(now, second, header, codec, payload);
        }
    }

    /// Records what is complete at `now`.
    pub(super) fn advance(&mut self, now: Instant) {
        if let Some(end) = self.take.as_mut().and_then(|take| take.advance(now)) {
            self.end(end);
        }
        self.mailbox.deliver();
    }

    fn end(&mut self, end: RecordEnd) {
        if let Some(take) = self.take.take() {
            self.mailbox.end(self.token, end, take.end());
        }
    }
}

impl Voices {
    /// Ends the recording of a session, if there is one.
    pub(in super::super) fn end_recording(&mut self, slot: usize, session: &mut Carried) {
        if let Some(mut recording) = session.recording.take() {
            self.schedule.remove(Seat::Call(slot));
            recording.end(RecordEnd::Stopped);
            self.leave(recording.mailbox);
        }
    }
}

impl Worker {
    pub(in super::super) fn obey_call(&mut self, id: SessionId, order: CallOrder, now: Instant) {
        let Some(&slot) = self.index.get(&id) else { return };
        let Some(Some(session)) = self.slots.get_mut(slot) else { return };
        match order {
            CallOrder::Start { token, tape, max, configs, listener } => {
                self.voices.end_recording(slot, session);
                let take = Some(CallTake::new(tape, max, now));
                let mailbox = Mailbox::new(id, None, listener);
                session.recording = Some(Box::new(CallRecording { token, take, configs, mailbox }));
                self.voices.schedule.add(Seat::Call(slot), now);
            }
            CallOrder::Stop { token } => {
                if session.recording.as_ref().is_some_and(|recording| recording.token == token) {
                    self.voices.end_recording(slot, session);
                }
            }
        }
    }
}
