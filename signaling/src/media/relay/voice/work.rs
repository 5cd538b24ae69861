//! What the worker does for the voices of its sessions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attached::{Mailbox, Voice};
use super::player::Playlist;
use super::schedule::Schedule;
use super::{Repeat, Segment, VoiceConfig, VoiceCounters, VoiceListener};
use crate::media::record::{RecordEnd, RecordLimits, Tape};
use crate::media::relay::worker::{Leg, Worker};
use crate::media::relay::{SessionId, Side};

/// How often events that a listener of a voice now gone had no room for are offered again.
const OFFER_AGAIN: Duration = Duration::from_millis(20);

/// What a voice is told to do.
#[derive(Debug)]
pub(in super::super) enum VoiceOrder {
    Attach { config: VoiceConfig, listener: VoiceListener },
    Play { token: u64, segments: Vec<Segment>, repeat: Repeat },
    StopPlay { token: u64 },
    Record { token: u64, tape: Tape, limits: RecordLimits },
    StopRecord { token: u64 },
    Detach,
}

/// What is called every 20 ms: a voice, or the recording of a call, by the position of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seat {
    Voice(usize, Side),
    Call(usize),
}

/// The voices of a worker: when each is due. The voices themselves are with their legs.
#[derive(Debug)]
pub(in super::super) struct Voices {
    pub(super) schedule: Schedule<Seat>,
    /// Events of voices that are gone, and when to offer them again.
    leaving: Vec<Mailbox>,
    offer_at: Instant,
    counters: Arc<VoiceCounters>,
}

impl Voices {
    pub(in super::super) fn new(counters: Arc<VoiceCounters>, now: Instant) -> Self {
        Self { schedule: Schedule::default(), leaving: Vec::new(), offer_at: now, counters }
    }

    /// When there is something to do.
    pub(in super::super) fn due(&self) -> Option<Instant> {
        let offer = (!self.leaving.is_empty()).then_some(self.offer_at);
        [self.schedule.due(), offer].into_iter().flatten().min()
    }

    /// Takes the voice off a leg of a session that is closed or goes back to being relayed.
    pub(in super::super) fn detach(&mut self, slot: usize, side: Side, leg: &mut Leg) {
        let Some(voice) = leg.voice.take() else { return };
        self.schedule.remove(Seat::Voice(slot, side));
        self.leave(voice.leave());
    }

    /// Keeps what is still to be told.
    pub(super) fn leave(&mut self, mut mailbox: Mailbox) {
        if !mailbox.deliver() {
            self.leaving.push(mailbox);
        }
    }
}

impl Worker {
    pub(in super::super) fn obey_voice(&mut self, id: SessionId, side: Side, order: VoiceOrder, now: Instant) {
        let Some(&slot) = self.index.get(&id) else { return };
        let Some(Some(session)) = self.slots.get_mut(slot) else { return };
        let leg = session.leg(side);
        match (order, leg.voice.as_mut()) {
            (VoiceOrder::Attach { config, listener }, Some(voice)) => voice.configure(config, listener),
            (VoiceOrder::Attach { config, listener }, None) => {
                leg.voice = Some(Box::new(Voice::new(id, side, config, listener)));
                self.voices.schedule.add(Seat::Voice(slot, side), now);
            }
            (VoiceOrder::Play { token, segments, repeat }, Some(voice)) => {
                voice.play(Playlist::new(token, segments, repeat));
            }
            (VoiceOrder::StopPlay { token }, Some(voice)) => voice.stop(Some(token)),
            (VoiceOrder::Record { token, tape, limits }, Some(voice)) => voice.record(token, tape, limits, now),
            (VoiceOrder::StopRecord { token }, Some(voice)) => voice.stop_record(Some(token), RecordEnd::Stopped),
            (VoiceOrder::Detach, Some(_)) => self.voices.detach(slot, side, leg),
            // The handle lets no order through to a voice that is not there, unless another thread detaches it meanwhile: then there
            // is nobody to tell.
            (_, None) => {}
        }
    }

    /// Sends what is due.
    pub(in super::super) fn speak(&mut self, now: Instant) {
        while let Some(group) = self.voices.schedule.take(now) {
            if group.skipped > 0 {
                for seat in self.voices.schedule.all().chain(group.seats.iter().copied()) {
                    if let Seat::Voice(slot, side) = seat
                        && let Some(Some(session)) = self.slots.get_mut(slot)
                        && let Some(voice) = &mut session.leg(side).voice
                    {
                        voice.skip(group.skipped);
                    }
                }
            }
            for &seat in &group.seats {
                let (Seat::Voice(slot, _) | Seat::Call(slot)) = seat;
                let Some(Some(session)) = self.slots.get_mut(slot) else { continue };
                match seat {
                    Seat::Voice(_, side) => session.leg(side).speak(now, &self.voices.counters),
                    Seat::Call(_) => session.recording.iter_mut().for_each(|recording| recording.advance(now)),
                }
            }
            self.voices.schedule.done(group);
        }
        if now >= self.voices.offer_at {
            self.voices.offer_at = now + OFFER_AGAIN;
            self.voices.leaving.retain_mut(|mailbox| !mailbox.deliver());
        }
    }
}

impl Leg {
    /// Sends the frame that is due, and records what is complete.
    fn speak(&mut self, now: Instant, counters: &VoiceCounters) {
        let destination = self.listens_at();
        let Some(voice) = &mut self.voice else { return };
        voice.mailbox.deliver();
        voice.advance(now);
        if let (Some(packet), Some(destination)) = (voice.packet(destination.is_some()), destination) {
            // A packet the system refuses is a lost one, as it would be anywhere on its way.
            let _ = self.sockets.rtp.send_to(packet, destination);
            counters.note(voice.since_last(Instant::now()));
        }
    }
}
