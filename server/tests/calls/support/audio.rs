//! Tones: sending one over RTP, receiving, and telling what a recording is made of.

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

/// Audio of a phone: a socket that may send a tone, and hears.
#[derive(Debug)]
pub(crate) struct Audio {
    socket: Arc<UdpSocket>,
    heard: Arc<Heard>,
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

impl Audio {
    /// A socket that says and hears nothing yet.
    pub(crate) fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket for audio");
        Self { socket: Arc::new(socket), heard: Arc::default(), stop: Arc::default(), worker: None }
    }

    /// The port to be named in a session description.
    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().expect("the socket's address").port()
    }

    /// Sends a tone to `to` from now on, and records what comes.
    pub(crate) fn talk(&mut self, to: SocketAddr, frequency: f64) {
        let (socket, heard, stop) = (self.socket.clone(), self.heard.clone(), self.stop.clone());
        self.worker = Some(std::thread::spawn(move || run(&socket, &heard, &stop, to, frequency)));
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

fn run(socket: &UdpSocket, heard: &Heard, stop: &AtomicBool, to: SocketAddr, frequency: f64) {
    let begin = Instant::now();
    let mut sent: u32 = 0;
    let mut buffer = [0; 2_048];
    while !stop.load(Ordering::Relaxed) {
        let due = begin + Duration::from_millis(20) * sent;
        let wait = due.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            // A phone does not care whether a packet got anywhere.
            socket.send_to(&packet(sent, frequency), to).ok();
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
