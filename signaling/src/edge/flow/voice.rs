//! What the caller of a flow hears, and the keys that are heard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dialplane_core::id::CallId;
use dialplane_ivr::machine::{Input, PlayFailure, Sound, Token};

use super::super::Order;
use super::super::call_entry::CallEntry;
use super::super::run::Edge;
use super::Phase;
use crate::call::Side;
use crate::media::audio::{Audio, Clip, Tone};
use crate::media::relay::{Flow, Repeat, Segment, VoiceEvent, VoiceEventKind};

/// The name of what is heard while somebody is awaited and the flow plays nothing.
const COMFORT: u64 = u64::MAX;
/// The pause after each second of ringing (ITU-T E.180).
const RING_PAUSE: Duration = Duration::from_secs(4);
/// A key that comes by INFO and in the audio as well is told once when both come within this time.
const SAME_KEY: Duration = Duration::from_millis(250);

/// A second of ringing.
pub(in super::super) fn ringing() -> Arc<Clip> {
    let tone = Tone { hertz: [425, 425], level: -20.0, length: Duration::from_secs(1) };
    Arc::new(Clip::new(&Audio::from(&tone)))
}

impl Edge {
    /// Lets us talk with the caller, or talk with it in another codec.
    pub(super) fn attach_voice(&mut self, entry: &CallEntry) {
        let (Some(session), Some(config)) = (entry.media, entry.machine.voice()) else { return };
        if let Err(error) = self.relay.attach_voice(session, Side::A, config, self.own_voices.clone()) {
            tracing::warn!(%error, "a caller cannot be spoken to");
        }
    }

    /// The caller may have changed what it understands.
    pub(in super::super) fn renew_voice(&mut self, entry: &mut CallEntry) {
        let Some(run) = entry.flow() else { return };
        let speaks = run.began.is_some() && !matches!(run.phase, Phase::Talking(_));
        if speaks {
            self.attach_voice(entry);
        }
        // Whoever holds is sent nothing (RFC 3264 §8.4); what is played goes on, as music would.
        let flow = if speaks && entry.machine.caller_holds() { Flow::Muted } else { Flow::Open };
        if let Some(session) = entry.media {
            self.relay.set_flow(session, Side::A, flow).ok();
        }
    }

    pub(super) fn play(
        &mut self,
        id: CallId,
        entry: &mut CallEntry,
        play: Token,
        sounds: Vec<Sound>,
        language: Arc<str>,
        repeat: bool,
    ) {
        let Some(run) = entry.flow() else { return };
        run.playing = Some(play);
        let (host, company) = (self.surroundings.host.clone(), entry.company);
        self.ask(async move {
            let segments = host.sounds(company, sounds, &language).await;
            Order::Sounds { call: id, play, segments, repeat }
        });
    }

    /// What is to be played is ready, or cannot be had.
    pub(in super::super) fn sounds_ready(
        &mut self,
        now: Instant,
        id: CallId,
        play: Token,
        segments: Result<Vec<Segment>, PlayFailure>,
        repeat: bool,
    ) {
        let Some(mut entry) = self.calls.remove(&id) else { return };
        let session = entry.media;
        if let Some(run) = entry.flow().filter(|run| run.playing == Some(play)) {
            let repeat = if repeat { Repeat::Forever } else { Repeat::ONCE };
            let played = segments.and_then(|segments| {
                let session = session.ok_or(PlayFailure::NoAudio)?;
                let play = self.relay.play(session, Side::A, play.0.into(), segments, repeat);
                play.map_err(|_| PlayFailure::NoAudio)
            });
            if let Err(failure) = played {
                run.playing = None;
                run.tell(now, Input::PlayFailed(play, failure));
            }
        }
        self.drive(now, id, entry);
    }

    pub(super) fn stop_play(&mut self, entry: &mut CallEntry, play: Token) {
        let session = entry.media;
        let Some(run) = entry.flow() else { return };
        run.playing.take_if(|playing| *playing == play);
        if let Some(session) = session {
            // What was not begun, or has ended, is silent already.
            self.relay.stop_play(session, Side::A, play.0.into()).ok();
        }
        self.comfort(entry);
    }

    /// Whoever waits hears ringing while the flow plays nothing.
    pub(super) fn comfort(&mut self, entry: &mut CallEntry) {
        let session = entry.media;
        let Some(run) = entry.flow() else { return };
        let waits = matches!(run.phase, Phase::Queue(_) | Phase::Dial) && run.playing.is_none();
        if let Some(session) = session.filter(|_| waits) {
            let ringing = vec![Segment::Clip(Arc::clone(&self.ringing)), Segment::Silence(RING_PAUSE)];
            self.relay.play(session, Side::A, COMFORT, ringing, Repeat::Forever).ok();
        }
    }

    pub(super) fn stop_comfort(&mut self, entry: &CallEntry) {
        if let Some(session) = entry.media {
            self.relay.stop_play(session, Side::A, COMFORT).ok();
        }
    }

    /// Something happened to a voice.
    pub(in super::super) fn voice_event(&mut self, now: Instant, event: VoiceEvent) {
        if let VoiceEventKind::Recorded { token, ended, length, lost } = event.kind {
            if !lost.is_zero() {
                tracing::warn!(?lost, "the disk was too slow for a recording");
            }
            return self.recorded(now, event.session, token, ended, length);
        }
        let Some(id) = self.media.get(&event.session).copied() else { return };
        let Some(mut entry) = self.calls.remove(&id) else { return };
        let played = matches!(event.kind, VoiceEventKind::Played { .. });
        match event.kind {
            // The keys of a party on hold are nobody's.
            VoiceEventKind::Digit(_) if entry.music.is_some() => {}
            VoiceEventKind::Digit(key) => Self::key(now, &mut entry, key, false),
            VoiceEventKind::Played { token } => {
                let play = entry.flow().and_then(|run| run.playing.take_if(|play| u64::from(play.0) == token));
                if let Some(play) = play {
                    entry.tell_flow(now, Input::Played(play));
                }
            }
            VoiceEventKind::Stopped { .. } | VoiceEventKind::Recorded { .. } => {}
        }
        self.drive(now, id, entry);
        if played && let Some(mut entry) = self.calls.remove(&id) {
            self.comfort(&mut entry);
            self.calls.insert(id, entry);
        }
    }

    /// The caller pressed a key. Some phones tell it twice, in two ways.
    pub(super) fn key(now: Instant, entry: &mut CallEntry, key: char, by_info: bool) {
        let Some(run) = entry.flow() else { return };
        let same = |(other, other_by_info, at): (char, bool, Instant)| {
            other == key && other_by_info != by_info && now.saturating_duration_since(at) < SAME_KEY
        };
        if run.key.is_some_and(same) {
            run.key = None;
            return;
        }
        run.key = Some((key, by_info, now));
        run.tell(now, Input::Key(key));
    }
}
