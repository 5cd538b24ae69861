//! What callers hear from us, in a flow or while they wait, and the keys that are heard of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dialplane_core::id::CallId;
use dialplane_core::queue::waiting::Music;
use dialplane_ivr::machine::{Input, PlayFailure, Sound, Token};

use super::Order;
use super::call_entry::{CallEntry, Plan};
use super::flow::Phase;
use super::run::Edge;
use crate::call::{CALLER, LegId, Side};
use crate::media::audio::{Audio, Clip, Tone};
use crate::media::relay::{Flow, Repeat, Segment, VoiceEvent, VoiceEventKind};

/// The name of what is heard while somebody is awaited and nothing else is played.
const COMFORT: u64 = u64::MAX;
/// The pause after each second of ringing (ITU-T E.180).
const RING_PAUSE: Duration = Duration::from_secs(4);
/// A key that comes by INFO and in the audio as well is told once when both come within this time.
const SAME_KEY: Duration = Duration::from_millis(250);

/// A second of ringing.
pub(super) fn ringing() -> Arc<Clip> {
    let tone = Tone { hertz: [425, 425], level: -20.0, length: Duration::from_secs(1) };
    Arc::new(Clip::new(&Audio::from(&tone)))
}

/// What a caller hears from us, and what we heard last of them.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// What is to be heard instead of the comfort.
    pub(super) playing: Option<Token>,
    /// The key that came last, whether by INFO, and when.
    key: Option<(char, bool, Instant)>,
    comfort: Comfort,
}

/// What is heard while somebody is awaited.
#[derive(Debug, Default)]
enum Comfort {
    #[default]
    Ringing,
    Silence,
    /// Music, once it is there.
    Music(Option<Vec<Segment>>),
}

impl Hearing {
    /// The key that came last.
    pub(super) fn last_key(&self) -> Option<char> {
        self.key.map(|(key, ..)| key)
    }
}

impl CallEntry {
    /// Whether we talk with the caller, and nobody else does.
    fn speaks(&mut self) -> bool {
        match &self.plan {
            Plan::Flow(run) => run.began.is_some() && !matches!(run.phase, Phase::Talking(_)),
            Plan::Queue(desk) => desk.speaks(),
            _ => false,
        }
    }

    /// Whether somebody is awaited.
    fn waits(&self) -> bool {
        match &self.plan {
            Plan::Flow(run) => matches!(run.phase, Phase::Queue(_) | Phase::Dial),
            Plan::Queue(desk) => desk.speaks(),
            _ => false,
        }
    }
}

impl Edge {
    /// Lets us talk with the caller, or talk with it in another codec.
    pub(super) fn attach_voice(&mut self, entry: &CallEntry) {
        let (Some(session), Some(config)) = (entry.media, entry.machine.voice()) else { return };
        if let Err(error) = self.relay.attach_voice(session, Side::A, config, self.own_voices.clone()) {
            tracing::warn!(%error, "a caller cannot be spoken to");
        }
    }

    /// Somebody else talks with the caller.
    pub(super) fn detach_voice(&mut self, entry: &mut CallEntry) {
        entry.hearing.playing = None;
        if let Some(session) = entry.media {
            self.relay.detach_voice(session, Side::A).ok();
        }
    }

    /// The caller may have changed what it understands.
    pub(super) fn renew_voice(&mut self, entry: &mut CallEntry) {
        match &entry.plan {
            Plan::Flow(_) => {}
            Plan::Queue(desk) if desk.is_voiced() => {}
            _ => return,
        }
        let speaks = entry.speaks();
        if speaks {
            self.attach_voice(entry);
        }
        // Whoever holds is sent nothing (RFC 3264 §8.4); what is played goes on, as music would.
        let flow = if speaks && entry.machine.caller_holds() { Flow::Muted } else { Flow::Open };
        if let Some(session) = entry.media {
            self.relay.set_flow(session, Side::A, flow).ok();
        }
    }

    /// Plays something in place of what is heard, as soon as it is ready.
    pub(super) fn play(
        &mut self,
        id: CallId,
        entry: &mut CallEntry,
        play: Token,
        sounds: Vec<Sound>,
        language: Arc<str>,
        repeat: bool,
    ) {
        entry.hearing.playing = Some(play);
        let (host, company) = (self.surroundings.host.clone(), entry.company);
        self.ask(async move {
            let segments = host.sounds(company, sounds, &language).await;
            Order::Sounds { call: id, play, segments, repeat }
        });
    }

    /// What is to be played is ready, or cannot be had.
    pub(super) fn sounds_ready(
        &mut self,
        now: Instant,
        id: CallId,
        play: Token,
        segments: Result<Vec<Segment>, PlayFailure>,
        repeat: bool,
    ) {
        let Some(mut entry) = self.calls.remove(&id) else { return };
        let session = entry.media;
        if entry.hearing.playing == Some(play) {
            let repeat = if repeat { Repeat::Forever } else { Repeat::ONCE };
            let played = segments.and_then(|segments| {
                let session = session.ok_or(PlayFailure::NoAudio)?;
                let play = self.relay.play(session, Side::A, play.0.into(), segments, repeat);
                play.map_err(|_| PlayFailure::NoAudio)
            });
            if let Err(failure) = played {
                entry.hearing.playing = None;
                entry.tell_flow(now, Input::PlayFailed(play, failure));
            }
        }
        self.drive(now, id, entry);
    }

    pub(super) fn stop_play(&mut self, entry: &mut CallEntry, play: Token) {
        entry.hearing.playing.take_if(|playing| *playing == play);
        if let Some(session) = entry.media {
            // What was not begun, or has ended, is silent already.
            self.relay.stop_play(session, Side::A, play.0.into()).ok();
        }
        self.comfort(entry);
    }

    /// Sets what is heard while somebody is awaited, and lets it be heard; ringing where nothing is said.
    pub(super) fn set_comfort(&mut self, id: CallId, entry: &mut CallEntry, music: Option<&Music>, language: &str) {
        entry.hearing.comfort = match music {
            None | Some(Music::Ringing) => Comfort::Ringing,
            Some(Music::Default) => {
                // Made at the start, which takes a moment: calls must not wait for it.
                self.ask(async move {
                    let clip = tokio::task::spawn_blocking(Clip::music).await;
                    Order::Comfort(id, clip.map(|clip| vec![Segment::Clip(clip)]).map_err(|_| PlayFailure::Unreadable))
                });
                Comfort::Music(None)
            }
            Some(Music::Silence) => Comfort::Silence,
            Some(Music::Prompt(name)) => {
                let (host, company) = (self.surroundings.host.clone(), entry.company);
                let (sound, language) = (Sound::Audio(name.as_str().into()), language.to_owned());
                self.ask(async move {
                    let segments = host.sounds(company, vec![sound], &language).await;
                    Order::Comfort(id, segments)
                });
                Comfort::Music(None)
            }
        };
        self.stop_comfort(entry);
        self.comfort(entry);
    }

    /// Music is there, or cannot be had: then there is ringing.
    pub(super) fn comfort_ready(&mut self, id: CallId, segments: Result<Vec<Segment>, PlayFailure>) {
        let Some(mut entry) = self.calls.remove(&id) else { return };
        if let Comfort::Music(music) = &mut entry.hearing.comfort {
            match segments {
                Ok(segments) => *music = Some(segments),
                Err(_) => entry.hearing.comfort = Comfort::Ringing,
            }
            self.comfort(&mut entry);
        }
        self.calls.insert(id, entry);
    }

    /// Whoever waits hears something while nothing else is played.
    pub(super) fn comfort(&mut self, entry: &mut CallEntry) {
        let Some(session) = entry.media.filter(|_| entry.waits() && entry.hearing.playing.is_none()) else { return };
        let segments = match &entry.hearing.comfort {
            Comfort::Ringing => vec![Segment::Clip(Arc::clone(&self.ringing)), Segment::Silence(RING_PAUSE)],
            Comfort::Music(Some(segments)) => segments.clone(),
            Comfort::Music(None) | Comfort::Silence => return,
        };
        self.relay.play(session, Side::A, COMFORT, segments, Repeat::Forever).ok();
    }

    pub(super) fn stop_comfort(&mut self, entry: &CallEntry) {
        if let Some(session) = entry.media {
            self.relay.stop_play(session, Side::A, COMFORT).ok();
        }
    }

    /// Something happened to a voice.
    pub(super) fn voice_event(&mut self, now: Instant, event: VoiceEvent) {
        if let VoiceEventKind::Recorded { token, ended, length, lost } = event.kind {
            if !lost.is_zero() {
                tracing::warn!(?lost, "the disk was too slow for a recording");
            }
            return self.recorded(now, event.session, token, ended, length);
        }
        let Some(id) = self.media.get(&event.session).copied() else { return };
        let Some(mut entry) = self.calls.remove(&id) else { return };
        let played = matches!(event.kind, VoiceEventKind::Played { token } if token != COMFORT);
        match event.kind {
            // The keys of a party on hold are nobody's.
            VoiceEventKind::Digit(_) if entry.music.is_some() => {}
            VoiceEventKind::Digit(key) => self.key(now, id, &mut entry, key, false),
            VoiceEventKind::Played { token } => {
                let play = entry.hearing.playing.take_if(|play| u64::from(play.0) == token);
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

    /// A key of a party, told by INFO.
    pub(super) fn info_key(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, leg: LegId, key: char) {
        if leg == CALLER {
            self.key(now, id, entry, key, true);
        }
    }

    /// The caller pressed a key. Some phones tell it twice, in two ways.
    fn key(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, key: char, by_info: bool) {
        let same = |(other, other_by_info, at): (char, bool, Instant)| {
            other == key && other_by_info != by_info && now.saturating_duration_since(at) < SAME_KEY
        };
        if entry.hearing.key.is_some_and(same) {
            entry.hearing.key = None;
            return;
        }
        entry.hearing.key = Some((key, by_info, now));
        match &entry.plan {
            Plan::Flow(_) => entry.tell_flow(now, Input::Key(key)),
            Plan::Queue(_) => self.exit_by_key(now, id, entry, key),
            _ => {}
        }
    }
}
