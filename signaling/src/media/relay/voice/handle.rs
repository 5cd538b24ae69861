//! Orders to the voices of a relay.

use super::{Repeat, Segment, VoiceConfig, VoiceListener, VoiceOrder, VoiceStats};
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
        self.mark_voice(id, side, true)?;
        self.voice_order(id, side, VoiceOrder::Attach { config, listener })
    }

    /// Takes the voice off `side`: what plays is stopped, and the session is relayed as before. Nothing happens when there is none.
    ///
    /// # Errors
    ///
    /// [`RelayError::NoSession`] and [`RelayError::Stopped`].
    pub fn detach_voice(&self, id: SessionId, side: Side) -> Result<(), RelayError> {
        if self.mark_voice(id, side, false)? { self.voice_order(id, side, VoiceOrder::Detach) } else { Ok(()) }
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

    /// How evenly all voices were sent since the relay was started.
    pub fn voice_stats(&self) -> VoiceStats {
        self.shared.workers.iter().map(|worker| worker.voices.read()).fold(VoiceStats::default(), VoiceStats::and)
    }

    /// Remembers whether `side` has a voice; what was remembered before.
    fn mark_voice(&self, id: SessionId, side: Side, attached: bool) -> Result<bool, RelayError> {
        let mut open = lock(&self.shared.open);
        let entry = open.get_mut(&id).ok_or(RelayError::NoSession(id))?;
        let [a, b] = &mut entry.voices;
        Ok(std::mem::replace(if side == Side::A { a } else { b }, attached))
    }

    fn to_voice(&self, id: SessionId, side: Side, order: VoiceOrder) -> Result<(), RelayError> {
        let [a, b] = self.find(id, |entry| entry.voices)?;
        if !(if side == Side::A { a } else { b }) {
            return Err(RelayError::NoVoice { session: id, side });
        }
        self.voice_order(id, side, order)
    }

    fn voice_order(&self, id: SessionId, side: Side, order: VoiceOrder) -> Result<(), RelayError> {
        let worker = self.find(id, |entry| entry.worker)?;
        self.shared.order(worker, Order::Voice { id, side, order })
    }
}
