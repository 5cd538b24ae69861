//! A voice attached to a side of a session.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use tokio::sync::mpsc::error::TrySendError;

use crate::media::audio::{FRAME_BYTES, FRAME_TICKS, VoiceDecoder};
use crate::media::dtmf::Keys;
use crate::media::record::{Ending, RecordEnd, RecordLimits, Take, Tape};
use crate::media::rtp::{FIXED_HEADER_LEN, Header};

use super::player::{Due, Playlist};
use super::{VoiceConfig, VoiceEvent, VoiceEventKind, VoiceListener};
use crate::media::relay::{SessionId, Side};

/// Bytes of a packet we send.
pub(super) const PACKET_LEN: usize = FIXED_HEADER_LEN + FRAME_BYTES;

/// Frames of silence sent after the last sound, before the stream pauses.
const TAIL: u32 = 5;
/// While the stream pauses, one frame of silence in so many is sent.
const KEEP_ALIVE: u32 = 50;

/// Events kept for a listener who does not listen. Nobody presses so many keys unheard; the bound is for streams of made-up events.
const MAX_WAITING: usize = 4_096;

/// Everything a side's voice knows.
#[derive(Debug)]
pub(in super::super) struct Voice {
    pub(super) config: VoiceConfig,
    pub(super) mailbox: Mailbox,
    stream: Stream,
    playlist: Option<Playlist>,
    keys: Keys,
    decoder: VoiceDecoder,
    /// What is being recorded, told by its token.
    recording: Option<(u64, Box<Take>)>,
}

impl Voice {
    pub(super) fn new(session: SessionId, side: Side, config: VoiceConfig, listener: VoiceListener) -> Self {
        Self {
            config,
            mailbox: Mailbox::new(session, Some(side), listener),
            stream: Stream::new(config),
            playlist: None,
            keys: Keys::new(config.inband),
            decoder: VoiceDecoder::new(),
            recording: None,
        }
    }

    /// Goes on with another config and listener.
    pub(super) fn configure(&mut self, config: VoiceConfig, listener: VoiceListener) {
        if config.inband != self.config.inband {
            self.keys = Keys::new(config.inband);
        }
        self.config = config;
        self.stream.payload_type = config.payload_type & 0x7f;
        self.stream.silence = config.codec.silence();
        self.mailbox.listener = listener;
    }

    /// Plays `playlist` instead of what is playing.
    pub(super) fn play(&mut self, playlist: Playlist) {
        self.stop(None);
        self.playlist = Some(playlist);
    }

    /// Stops what plays, if it has `token`; `None` stops anything.
    pub(super) fn stop(&mut self, token: Option<u64>) {
        if let Some(stopped) = self.playlist.take_if(|list| token.is_none_or(|token| token == list.token)) {
            self.mailbox.tell(VoiceEventKind::Stopped { token: stopped.token });
        }
    }

    /// The packet that is due at `now`, if any; `open` tells whether the party can be sent to.
    pub(super) fn packet(&mut self, open: bool) -> Option<&[u8; PACKET_LEN]> {
        let due = self.playlist.as_mut().map(|list| list.next(self.config.codec));
        let ended = matches!(due, Some(Due::End));
        let sent = self.stream.frame(due.unwrap_or(Due::End), open);
        if ended && let Some(played) = self.playlist.take() {
            self.mailbox.tell(VoiceEventKind::Played { token: played.token });
        }
        sent.then_some(&self.stream.packet)
    }

    /// Frames that could not be sent in time and never will.
    pub(super) fn skip(&mut self, frames: u32) {
        self.stream.advance(frames);
        self.stream.stalled |= !self.stream.paused;
        self.stream.paused = true;
    }

    /// How long ago the frame before was sent, when the present one continues it.
    pub(super) fn since_last(&mut self, now: Instant) -> Option<std::time::Duration> {
        let last = self.stream.sent_at.replace(now)?;
        let continued = std::mem::take(&mut self.stream.stalled) || !self.stream.marked;
        continued.then(|| now.saturating_duration_since(last))
    }

    /// Records the party on `tape`, instead of what is recorded of it.
    pub(super) fn record(&mut self, token: u64, tape: Tape, limits: RecordLimits, now: Instant) {
        self.stop_record(None, RecordEnd::Stopped);
        self.recording = Some((token, Box::new(Take::new(tape, limits, now))));
    }

    /// Ends what is recorded, if it has `token`; `None` ends anything.
    pub(super) fn stop_record(&mut self, token: Option<u64>, end: RecordEnd) {
        if let Some((token, take)) = self.recording.take_if(|(own, _)| token.is_none_or(|token| token == *own)) {
            self.mailbox.end(token, end, take.end());
        }
    }

    /// Records what is complete at `now`.
    pub(super) fn advance(&mut self, now: Instant) {
        if let Some(end) = self.recording.as_mut().and_then(|(_, take)| take.advance(now)) {
            self.stop_record(None, end);
        }
    }

    /// Takes a packet of the party.
    pub(in super::super) fn receive(&mut self, now: Instant, header: &Header, packet: &[u8]) {
        let Some(payload) = packet.get(header.payload_start..header.payload_end) else { return };
        if self.config.event_payload_type == Some(header.payload_type) {
            if let Some(key) = self.keys.event(header, payload) {
                self.mailbox.tell(VoiceEventKind::Digit(key));
            }
            return;
        }
        let Some(codec) = self.config.codec_of(header.payload_type) else { return };
        if self.keys.wants_audio() || self.recording.is_some() {
            let samples = self.decoder.decode(codec, payload);
            let mailbox = &mut self.mailbox;
            self.keys.audio(codec, header.timestamp, samples, |key| mailbox.tell(VoiceEventKind::Digit(key)));
            if let Some((_, take)) = &mut self.recording {
                take.hear(now, header, codec, samples);
            }
        }
    }

    /// The end of the voice: what is left to tell.
    pub(super) fn leave(mut self) -> Mailbox {
        self.stop(None);
        self.stop_record(None, RecordEnd::Stopped);
        self.mailbox
    }
}

/// The RTP stream we send.
#[derive(Debug)]
struct Stream {
    packet: [u8; PACKET_LEN],
    payload_type: u8,
    silence: [u8; FRAME_BYTES],
    sequence: u16,
    timestamp: u32,
    /// Frames since the last sound.
    silent: u32,
    /// Whether the frame before was sent: if not, the next one has the marker.
    paused: bool,
    /// Whether the packet has the marker.
    marked: bool,
    /// Whether sound was broken off because the thread was held up.
    stalled: bool,
    sent_at: Option<Instant>,
}

impl Stream {
    fn new(config: VoiceConfig) -> Self {
        // Keyed anew by the system for every process and counted on for every state: unlike any other stream's.
        let seed = RandomState::new().hash_one(());
        let [a, b, c, d, e, f, g, h] = seed.to_be_bytes();
        let mut packet = [0; PACKET_LEN];
        for (place, byte) in packet.iter_mut().skip(8).zip([a, b, c, d]) {
            *place = byte;
        }
        Self {
            packet,
            payload_type: config.payload_type & 0x7f,
            silence: config.codec.silence(),
            sequence: u16::from_be_bytes([e, f]) >> 1,
            timestamp: u32::from_be_bytes([g, h, a, b]),
            silent: TAIL,
            paused: true,
            marked: false,
            stalled: false,
            sent_at: None,
        }
    }

    /// Makes the packet of the next 20 ms; `false` when nothing is to be sent.
    fn frame(&mut self, due: Due<'_>, open: bool) -> bool {
        let payload = match due {
            Due::Audio(frame) => {
                self.silent = 0;
                frame
            }
            Due::Silence => {
                self.silent = 0;
                &self.silence
            }
            Due::End => {
                self.silent = self.silent.saturating_add(1);
                &self.silence
            }
        };
        let sent = open && (self.silent <= TAIL || self.silent.is_multiple_of(KEEP_ALIVE));
        if sent {
            let (header, body) = self.packet.split_at_mut(FIXED_HEADER_LEN);
            let [s0, s1] = self.sequence.to_be_bytes();
            let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
            let second = self.payload_type | u8::from(self.paused) << 7;
            for (place, byte) in header.iter_mut().zip([0x80, second, s0, s1, t0, t1, t2, t3]) {
                *place = byte;
            }
            body.copy_from_slice(payload);
            self.sequence = self.sequence.wrapping_add(1);
            self.marked = self.paused;
        }
        self.paused = !sent;
        self.advance(1);
        sent
    }

    fn advance(&mut self, frames: u32) {
        self.timestamp = self.timestamp.wrapping_add(FRAME_TICKS.wrapping_mul(frames));
    }
}

/// Events on their way to a listener.
#[derive(Debug)]
pub(in super::super) struct Mailbox {
    session: SessionId,
    side: Option<Side>,
    listener: VoiceListener,
    waiting: VecDeque<VoiceEvent>,
    /// Recordings whose files are being completed, with their tokens.
    endings: Vec<(u64, RecordEnd, Ending)>,
}

impl Mailbox {
    pub(super) fn new(session: SessionId, side: Option<Side>, listener: VoiceListener) -> Self {
        Self { session, side, listener, waiting: VecDeque::new(), endings: Vec::new() }
    }

    /// Tells of the end of a recording as soon as its file is complete.
    pub(super) fn end(&mut self, token: u64, end: RecordEnd, ending: Ending) {
        self.endings.push((token, end, ending));
        self.deliver();
    }

    pub(super) fn tell(&mut self, kind: VoiceEventKind) {
        if self.waiting.len() >= MAX_WAITING {
            return tracing::warn!(?kind, "a voice event is dropped: its listener does not listen");
        }
        self.waiting.push_back(VoiceEvent { session: self.session, side: self.side, kind });
        self.deliver();
    }

    /// Hands over what the channel takes; `true` when nothing is left and nothing will come.
    pub(super) fn deliver(&mut self) -> bool {
        let (session, side, waiting) = (self.session, self.side, &mut self.waiting);
        self.endings.retain_mut(|(token, end, ending)| {
            let Some(written) = ending.written() else { return true };
            let ended = written.map_or_else(RecordEnd::Failed, |()| *end);
            let kind = VoiceEventKind::Recorded { token: *token, ended, length: ending.length, lost: ending.lost };
            waiting.push_back(VoiceEvent { session, side, kind });
            false
        });
        while let Some(event) = self.waiting.pop_front() {
            match self.listener.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.waiting.push_front(event);
                    return false;
                }
                // Nobody wants to know any more.
                Err(TrySendError::Closed(_)) => self.waiting.clear(),
            }
        }
        self.endings.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::audio::VoiceCodec;
    use crate::media::relay::{Repeat, Segment};

    const CONFIG: VoiceConfig =
        VoiceConfig { codec: VoiceCodec::Pcmu, payload_type: 0, event_payload_type: Some(101), inband: false };

    fn voice() -> (Voice, tokio::sync::mpsc::Receiver<VoiceEvent>) {
        let (listener, events) = tokio::sync::mpsc::channel(4);
        (Voice::new(SessionId(1), Side::A, CONFIG, listener), events)
    }

    fn pause(milliseconds: u64) -> Playlist {
        let segments = vec![Segment::Silence(std::time::Duration::from_millis(milliseconds))];
        Playlist::new(1, segments, Repeat::ONCE)
    }

    /// The headers of what is sent in so many frames' time.
    fn sent(voice: &mut Voice, frames: u32, open: bool) -> Vec<Header> {
        (0..frames).filter_map(|_| voice.packet(open).map(|packet| Header::parse(packet).unwrap())).collect()
    }

    #[test]
    fn a_voice_that_says_nothing_sends_a_frame_a_second() {
        let (mut voice, _events) = voice();
        let headers = sent(&mut voice, 500, true);
        assert_eq!(headers.len(), 10);
        assert!(headers.iter().all(|header| header.marker));
        for pair in headers.windows(2) {
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(8_000));
        }
    }

    #[test]
    fn time_goes_on_while_nothing_can_be_sent_and_sequence_numbers_do_not() {
        let (mut voice, mut events) = voice();
        voice.play(pause(400));
        let first = sent(&mut voice, 5, true);
        assert!(sent(&mut voice, 5, false).is_empty(), "the party holds");
        let second = sent(&mut voice, 5, true);
        assert_eq!(second[0].sequence, first[4].sequence.wrapping_add(1));
        assert_eq!(second[0].timestamp, first[4].timestamp.wrapping_add(6 * 160));
        assert_eq!([first[0].marker, first[1].marker, second[0].marker, second[1].marker], [true, false, true, false]);

        // The machine stood still for a second: what was due then is late, and what comes is in time.
        voice.skip(50);
        let now = Instant::now();
        voice.since_last(now);
        let third = sent(&mut voice, 5, true);
        assert!(voice.since_last(now).is_some(), "a stall is a gap, though what follows it is marked");
        assert_eq!(third[0].timestamp, second[4].timestamp.wrapping_add(51 * 160));
        assert!(third[0].marker, "it begins anew for who listens");
        assert!(events.try_recv().is_err());
        sent(&mut voice, 1, true);
        assert_eq!(events.try_recv().unwrap().kind, VoiceEventKind::Played { token: 1 });
    }

    #[test]
    fn streams_differ_in_source_and_beginning() {
        let of = |voice: &mut Voice| {
            voice.play(pause(20));
            let header = sent(voice, 1, true)[0];
            (header.ssrc, header.sequence, header.timestamp)
        };
        let (mut a, mut b) = (voice().0, voice().0);
        let (a, b) = (of(&mut a), of(&mut b));
        assert!(a.0 != b.0 && (a.1, a.2) != (b.1, b.2));
    }

    #[test]
    fn events_wait_in_order_for_a_full_channel_and_not_for_a_closed_one() {
        let (mut voice, mut events) = voice();
        "0123456789".chars().for_each(|key| voice.mailbox.tell(VoiceEventKind::Digit(key)));
        let mut digits = String::new();
        while let Ok(event) = events.try_recv() {
            if let VoiceEventKind::Digit(digit) = event.kind {
                digits.push(digit);
            }
            voice.mailbox.deliver();
        }
        assert_eq!(digits, "0123456789");
        drop(events);
        voice.mailbox.tell(VoiceEventKind::Digit('1'));
        assert!(voice.mailbox.deliver(), "nobody is left to tell");
    }
}
