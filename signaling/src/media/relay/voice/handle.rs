//! Orders to the voices of a relay.

use std::fs::File;
use std::time::Duration;

use super::{CallOrder, Repeat, Segment, VoiceConfig, VoiceListener, VoiceOrder, VoiceStats};
use crate::media::record::{RecordLimits, Tape};
use crate::media::relay::worker::Order;
use crate::media::relay::{RelayError, RelayHandle, SessionId, Side, lock};

/// Our own voice. Every method returns at once; what becomes of the order is told to the voice's listener.
impl RelayHandle {
    /// Attaches a voice to `side`: from now on the party there talks with us and not with the other one. Attaching again changes
    /// the config and the listener and leaves what is playing.
    ///
    /// # Errors
    ///
    /// [`RelayError::NoSession`] and [`RelayError::Stopped`], as of all these methods.
    pub fn attach_voice(
        &self,
        id: SessionId,
        side: Side,
        config: VoiceConfig,
        listener: VoiceListener,
    ) -> Result<(), RelayError> {
        self.mark_voice(id, side, Some(config))?;
        self.voice_order(id, side, VoiceOrder::Attach { config, listener })
    }

    /// Takes the voice off `side`: what plays or is recorded is stopped, and the session is relayed as before. Nothing happens when there is none.
    ///
    /// # Errors
    ///
    /// [`RelayError::NoSession`] and [`RelayError::Stopped`].
    pub fn detach_voice(&self, id: SessionId, side: Side) -> Result<(), RelayError> {
        match self.mark_voice(id, side, None)? {
            Some(_) => self.voice_order(id, side, VoiceOrder::Detach),
            None => Ok(()),
        }
    }

    /// Plays `segments` to the party on `side`, instead of what is playing there. Ends with
    /// [`Played`](super::VoiceEventKind::Played) or [`Stopped`](super::VoiceEventKind::Stopped) of the `token`, exactly one of them.
    ///
    /// # Errors
    ///
    /// [`RelayError::NoVoice`] besides the usual ones.
    pub fn play(
        &self,
        id: SessionId,
        side: Side,
        token: u64,
        segments: Vec<Segment>,
        repeat: Repeat,
    ) -> Result<(), RelayError> {
        self.to_voice(id, side, VoiceOrder::Play { token, segments, repeat })
    }

    /// Stops what plays on `side`, if it was given this `token`; otherwise it has ended already and nothing happens.
    ///
    /// # Errors
    ///
    /// [`RelayError::NoVoice`] besides the usual ones.
    pub fn stop_play(&self, id: SessionId, side: Side, token: u64) -> Result<(), RelayError> {
        self.to_voice(id, side, VoiceOrder::StopPlay { token })
    }

    /// Records the party on `side` to the file `to`, instead of what is recorded there. The file is written from its beginning,
    /// whatever it held: WAV, mono, 16 bits, 8 kHz or for G.722 16 kHz. It is complete and on disk when
    /// [`Recorded`](super::VoiceEventKind::Recorded) of the `token` is told, and readable up to the last second before.
    ///
    /// # Errors
    ///
    /// [`RelayError::NoVoice`], and [`RelayError::System`] when no thread could be started, besides the usual ones.
    pub fn record(
        &self,
        id: SessionId,
        side: Side,
        token: u64,
        to: File,
        limits: RecordLimits,
    ) -> Result<(), RelayError> {
        let rate = self.voice_of(id, side)?.codec.sample_rate();
        let tape = start_tape(to, 1, rate)?;
        self.voice_order(id, side, VoiceOrder::Record { token, tape, limits })
    }

    /// Ends the recording on `side`, if it was given this `token`.
    ///
    /// # Errors
    ///
    /// [`RelayError::NoVoice`] besides the usual ones.
    pub fn stop_record(&self, id: SessionId, side: Side, token: u64) -> Result<(), RelayError> {
        self.to_voice(id, side, VoiceOrder::StopRecord { token })
    }

    /// Records both parties of a session, however they are connected, to the file `to`, instead of such a recording that runs. The file
    /// is like that of [`RelayHandle::record`], but stereo with party A on the left, and nothing is cut off. `configs` are how the
    /// parties A and B would be spoken to. Ends after `max` or by [`RelayHandle::stop_record_call`].
    ///
    /// # Errors
    ///
    /// [`RelayError::System`] when no thread could be started, besides the usual ones.
    pub fn record_call(
        &self,
        id: SessionId,
        token: u64,
        to: File,
        max: Duration,
        configs: [VoiceConfig; 2],
        listener: VoiceListener,
    ) -> Result<(), RelayError> {
        let worker = self.find(id, |entry| entry.worker)?;
        let [a, b] = configs.map(|config| config.codec.sample_rate());
        let tape = start_tape(to, 2, a.max(b))?;
        self.shared
            .order(worker, Order::RecordCall { id, order: CallOrder::Start { token, tape, max, configs, listener } })
    }

    /// Ends the recording of a session, if it was given this `token`.
    ///
    /// # Errors
    ///
    /// [`RelayError::NoSession`] and [`RelayError::Stopped`].
    pub fn stop_record_call(&self, id: SessionId, token: u64) -> Result<(), RelayError> {
        let worker = self.find(id, |entry| entry.worker)?;
        self.shared.order(worker, Order::RecordCall { id, order: CallOrder::Stop { token } })
    }

    /// How evenly all voices were sent since the relay was started.
    pub fn voice_stats(&self) -> VoiceStats {
        self.shared.workers.iter().map(|worker| worker.voices.read()).fold(VoiceStats::default(), VoiceStats::and)
    }

    /// Remembers the voice of `side`; what was remembered before.
    fn mark_voice(
        &self,
        id: SessionId,
        side: Side,
        config: Option<VoiceConfig>,
    ) -> Result<Option<VoiceConfig>, RelayError> {
        let mut open = lock(&self.shared.open);
        let entry = open.get_mut(&id).ok_or(RelayError::NoSession(id))?;
        let [a, b] = &mut entry.voices;
        Ok(std::mem::replace(if side == Side::A { a } else { b }, config))
    }

    fn to_voice(&self, id: SessionId, side: Side, order: VoiceOrder) -> Result<(), RelayError> {
        self.voice_of(id, side)?;
        self.voice_order(id, side, order)
    }

    fn voice_of(&self, id: SessionId, side: Side) -> Result<VoiceConfig, RelayError> {
        let [a, b] = self.find(id, |entry| entry.voices)?;
        (if side == Side::A { a } else { b }).ok_or(RelayError::NoVoice { session: id, side })
    }

    fn voice_order(&self, id: SessionId, side: Side, order: VoiceOrder) -> Result<(), RelayError> {
        let worker = self.find(id, |entry| entry.worker)?;
        self.shared.order(worker, Order::Voice { id, side, order })
    }
}

fn start_tape(to: File, channels: u16, rate: u32) -> Result<Tape, RelayError> {
    Tape::start(to, channels, rate)
        .map_err(|source| RelayError::System { attempt: "start a thread that records", source })
}
