//! Tones: sending one over RTP, receiving, and telling what a recording is made of.

use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Samples a second of G.711.
pub(crate) const RATE: f64 = 8_000.0;
/// Samples of a packet of 20 ms.
const FRAME: usize = 160;
const LOUD: f64 = 8_000.0;

/// Which part of the energy of `samples` is a tone of `frequency`: the square of the largest correlation with such a sine of any
/// phase. 1 is the tone and nothing else; silence is 0.
pub(crate) fn share_of(samples: &[i16], frequency: f64) -> f64 {
    let (mut re, mut im, mut energy) = (0.0, 0.0, 0.0);
    for (n, sample) in samples.iter().map(|sample| f64::from(*sample)).enumerate() {
        let phase = TAU * frequency * n as f64 / RATE;
        re += sample * phase.cos();
        im += sample * phase.sin();
        energy += sample * sample;
    }
    if energy < 1.0 { 0.0 } else { 2.0 * (re * re + im * im) / (samples.len() as f64 * energy) }
}

/// Checks that a recording carries a tone: in its middle, where both ends had settled, hardly anything else is heard. A packet that
/// a busy machine delivers late makes a jump in the phase, so each tenth of a second is looked at by itself.
#[track_caller]
pub(crate) fn assert_tone(samples: &[i16], frequency: f64, whose: &str) {
    assert!(samples.len() >= 3 * 800, "{whose} heard only {} samples", samples.len());
    let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
    let shares: Vec<f64> = middle.chunks_exact(800).map(|part| share_of(part, frequency)).collect();
    let good = shares.iter().filter(|share| **share > 0.95).count();
    assert!(good * 10 >= shares.len() * 7, "{whose} heard {frequency} Hz with these shares: {shares:.2?}");
}

/// The samples of a mono recording of 16 bits.
pub(crate) fn read_wav(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).expect("a recording");
    assert_eq!(&bytes[..4], b"RIFF", "{}", path.display());
    // A header of 44 bytes is what the phones write.
    bytes[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// The µ-law byte of a sample (ITU-T G.711).
fn compress(sample: i16) -> u8 {
    let negative = sample < 0;
    let magnitude = (i32::from(sample).abs() + 132).min(32_767);
    let exponent = (31 - (magnitude as u32).leading_zeros()).saturating_sub(7);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    let byte = ((exponent as u8) << 4) | mantissa as u8 | if negative { 0x80 } else { 0 };
    !byte
}

/// The sample of a µ-law byte.
fn expand(byte: u8) -> i16 {
    let byte = !byte;
    let exponent = u32::from((byte >> 4) & 7);
    let magnitude = (((i32::from(byte & 0x0f) << 3) + 132) << exponent) - 132;
    (if byte & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}

#[derive(Debug, Default)]
struct Heard {
    samples: Mutex<Vec<i16>>,
    more: Condvar,
}

/// What a phone sends next, in place of its tone.
#[derive(Debug)]
enum Next {
    /// 20 ms of µ-law.
    Speech(Vec<u8>),
    /// A report of a pressed key (RFC 4733): the event, whether it is the first or one of the last, and how long it lasts by now.
    Key { event: u8, first: bool, end: bool, ticks: u16 },
}

/// Audio of a phone: a socket that may send a tone, speech or keys, and hears.
#[derive(Debug)]
pub(crate) struct Audio {
    socket: Arc<UdpSocket>,
    heard: Arc<Heard>,
    next: Arc<Mutex<VecDeque<Next>>>,
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

impl Audio {
    /// A socket that says and hears nothing yet.
    pub(crate) fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket for audio");
        let (heard, next, stop) = (Arc::default(), Arc::default(), Arc::default());
        Self { socket: Arc::new(socket), heard, next, stop, worker: None }
    }

    /// The port to be named in a session description.
    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().expect("the socket's address").port()
    }

    /// Sends a tone to `to` from now on, and records what comes.
    pub(crate) fn talk(&mut self, to: SocketAddr, frequency: f64) {
        let (socket, heard, stop) = (self.socket.clone(), self.heard.clone(), self.stop.clone());
        let next = self.next.clone();
        self.worker = Some(std::thread::spawn(move || run(&socket, &heard, &next, &stop, to, frequency)));
    }

    /// Says this as soon as what was to be said before is said.
    pub(crate) fn say(&self, samples: &[i16]) {
        let frames = samples.chunks(FRAME).map(|frame| {
            let mut frame: Vec<u8> = frame.iter().map(|sample| compress(*sample)).collect();
            frame.resize(FRAME, compress(0));
            Next::Speech(frame)
        });
        self.next.lock().unwrap_or_else(PoisonError::into_inner).extend(frames);
    }

    /// Presses a digit for 80 ms, told by telephone events.
    pub(crate) fn press(&self, digit: u8) {
        let key = |n: u16| Next::Key { event: digit, first: n == 1, end: n >= 4, ticks: n.min(4) * FRAME as u16 };
        self.next.lock().unwrap_or_else(PoisonError::into_inner).extend((1..=6).map(key));
    }

    /// What was heard so far.
    pub(crate) fn heard(&self) -> Vec<i16> {
        self.heard.samples.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until what was heard fits.
    #[track_caller]
    pub(crate) fn await_heard(&self, limit: Duration, what: &str, fits: impl Fn(&[i16]) -> bool) -> Vec<i16> {
        let deadline = Instant::now() + limit;
        let mut samples = self.heard.samples.lock().unwrap_or_else(PoisonError::into_inner);
        while !fits(&samples) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} was not heard in {} samples", samples.len());
            samples = self.heard.more.wait_timeout(samples, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        samples.clone()
    }

    /// Sends nothing any more.
    pub(crate) fn fall_silent(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            worker.join().expect("the tone ends");
        }
    }

    /// Waits until half a second of the tone was heard from now on.
    #[track_caller]
    pub(crate) fn await_tone_now(&self, frequency: f64) {
        self.heard.samples.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.await_tone(frequency);
    }

    /// Waits until a second of something was heard that is no silence and has little of the tones.
    #[track_caller]
    pub(crate) fn await_music(&self, tones: &[f64]) {
        self.heard.samples.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.await_heard(Duration::from_secs(10), "music", |samples| {
            let last = &samples[samples.len().saturating_sub(8_000)..];
            let square: f64 = last.iter().map(|sample| f64::from(*sample).powi(2)).sum();
            let loud = last.len() == 8_000 && (square / 8_000.0).sqrt() > 300.0;
            loud && tones.iter().all(|tone| share_of(last, *tone) < 0.1)
        });
    }

    /// Waits until half a second of the tone was heard without a gap.
    #[track_caller]
    pub(crate) fn await_tone(&self, frequency: f64) {
        let deadline = Instant::now() + Duration::from_secs(8);
        let mut samples = self.heard.samples.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let last = &samples[samples.len().saturating_sub(4_000)..];
            let share = if last.len() == 4_000 { share_of(last, frequency) } else { 0.0 };
            if share > 0.95 {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{frequency} Hz was not heard: {share:.3} in the last of {} samples",
                samples.len()
            );
            samples = self.heard.more.wait_timeout(samples, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Audio {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn run(
    socket: &UdpSocket,
    heard: &Heard,
    next: &Mutex<VecDeque<Next>>,
    stop: &AtomicBool,
    to: SocketAddr,
    frequency: f64,
) {
    let mut key_began = 0;
    let begin = Instant::now();
    let mut sent: u32 = 0;
    let mut buffer = [0; 2_048];
    while !stop.load(Ordering::Relaxed) {
        let due = begin + Duration::from_millis(20) * sent;
        let wait = due.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            // A phone does not care whether a packet got anywhere.
            let wanted = next.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            if let Some(Next::Key { first: true, .. }) = wanted {
                key_began = sent;
            }
            socket.send_to(&next_packet(sent, key_began, frequency, wanted), to).ok();
            sent += 1;
            continue;
        }
        socket.set_read_timeout(Some(wait)).expect("a timeout");
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        // Version 2 and payload type 0, behind a header of 12 bytes.
        if length > 12 && buffer[0] == 0x80 && buffer[1] & 0x7f == 0 {
            let mut samples = heard.samples.lock().unwrap_or_else(PoisonError::into_inner);
            samples.extend(buffer[12..length].iter().map(|byte| expand(*byte)));
            heard.more.notify_all();
        }
    }
}

fn next_packet(n: u32, key_began: u32, frequency: f64, wanted: Option<Next>) -> Vec<u8> {
    let mut packet = packet(n, frequency);
    match wanted {
        None => {}
        Some(Next::Speech(frame)) => {
            packet.truncate(12);
            packet.extend(frame);
        }
        Some(Next::Key { event, first, end, ticks }) => {
            packet.truncate(12);
            packet[1] = EVENT_TYPE | if first { 0x80 } else { 0 };
            packet[4..8].copy_from_slice(&(key_began * FRAME as u32).to_be_bytes());
            packet.extend([event, if end { 0x8a } else { 0x0a }]);
            packet.extend(ticks.to_be_bytes());
        }
    }
    packet
}

/// The payload type of telephone events in the descriptions of [`super::peer`].
const EVENT_TYPE: u8 = 101;

fn packet(n: u32, frequency: f64) -> Vec<u8> {
    let mut packet = vec![0x80, if n == 0 { 0x80 } else { 0 }];
    packet.extend((n as u16).to_be_bytes());
    packet.extend((n * FRAME as u32).to_be_bytes());
    packet.extend(0x5eed_0000_u32.to_be_bytes());
    packet.extend((0..FRAME).map(|i| {
        let at = f64::from(n) * FRAME as f64 + i as f64;
        compress(((TAU * frequency * at / RATE).sin() * LOUD) as i16)
    }));
    packet
}

/// Something with the rise and fall, the pitch and the pauses of speech.
pub(crate) fn speech(seconds: f64, pitch: f64) -> Vec<i16> {
    let mut phase = 0.0;
    let sample = |n: usize| {
        let t = n as f64 / RATE;
        phase += TAU * (pitch + 40.0 * (TAU * 0.7 * t).sin()) / RATE;
        let voice: f64 = (1..16).map(|h| (phase * f64::from(h)).sin() / f64::from(h).sqrt()).sum();
        (voice * (TAU * 2.3 * t).sin().max(0.0) * 4_000.0) as i16
    };
    (0..(seconds * RATE) as usize).map(sample).collect()
}

/// A WAV file of 16 bits, mono.
pub(crate) fn wav(samples: &[i16], rate: u32) -> Vec<u8> {
    let bytes = samples.len() as u32 * 2;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(rate.to_le_bytes());
    file.extend((2 * rate).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

/// How alike `part` is to the place in `whole` where it is most alike: 1 is the same but for level.
pub(crate) fn likeness(whole: &[i16], part: &[i16]) -> f64 {
    let dot = |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let alike = |at: usize| {
        let place = &whole[at..whole.len().min(at + part.len())];
        let part = &part[..place.len()];
        dot(place, part) / (dot(place, place) * dot(part, part)).sqrt().max(1.0)
    };
    // Found by every fifth sample of the beginning, then measured over all of it: tests run without optimisation.
    let probe: Vec<i64> = part.iter().take(1_200).step_by(5).map(|sample| i64::from(*sample)).collect();
    let rough = |at: usize| {
        let place = whole[at..].iter().step_by(5).map(|sample| i64::from(*sample));
        let (both, power) = probe.iter().zip(place).fold((0, 1), |(both, power), (a, b)| (both + a * b, power + b * b));
        both as f64 / (power as f64).sqrt()
    };
    let last = whole.len().saturating_sub(part.len().min(1_200));
    let best = (0..=last).fold((f64::MIN, 0), |best, at| {
        let found = rough(at);
        if found > best.0 { (found, at) } else { best }
    });
    alike(best.1)
}

#[test]
fn a_tone_survives_g711_and_is_told_from_another() {
    let tone: Vec<i16> = packet(0, 440.0)[12..].iter().map(|byte| expand(*byte)).collect();
    let tone: Vec<i16> = tone.iter().copied().cycle().take(160 * 20).collect();
    assert!(share_of(&tone[..160], 440.0) > 0.9);
    assert!(share_of(&tone, 880.0) < 0.1);
    for sample in [-32_000, -8_000, -100, 0, 100, 8_000, 32_000] {
        let back = expand(compress(sample));
        assert!(
            (i32::from(back) - i32::from(sample)).abs() <= 16 + i32::from(sample).abs() / 20,
            "{sample} became {back}"
        );
    }
}
