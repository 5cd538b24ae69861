//! Music for a party whom the other one holds.
//!
//! Hold is a matter between the phone that holds and us (RFC 3264 §8.4): it is answered here, and the other party, whose phone hears
//! nothing of it, is played music by a voice of ours on its side of the relay session.

use crate::media::audio::Clip;
use crate::media::relay::{Repeat, Segment};

use super::call_entry::CallEntry;
use super::run::Edge;

/// The name of the music among what a voice plays.
const MUSIC: u64 = u64::MAX - 1;

impl Edge {
    /// Begins and ends music as the parties hold each other and take each other back.
    pub(super) fn follow_hold(&mut self, entry: &mut CallEntry) {
        let Some(session) = entry.media else { return };
        let held = entry.machine.held();
        if entry.music.is_some()
            && entry.music != held
            && let Some(side) = entry.music.take()
        {
            // What was played ends with the voice, and the parties hear each other again.
            self.relay.detach_voice(session, side).ok();
        }
        let Some((side, config)) = held.and_then(|side| Some((side, entry.machine.voice_of(side)?))) else { return };
        if let Err(error) = self.relay.attach_voice(session, side, config, self.own_voices.clone()) {
            return tracing::warn!(%error, "music cannot be played to a party on hold");
        }
        if entry.music.replace(side).is_none() {
            self.relay.play(session, side, MUSIC, vec![Segment::Clip(Clip::music())], Repeat::Forever).ok();
        }
    }
}
