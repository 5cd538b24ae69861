//! The file of a recording and the thread that writes it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::media::audio::wav::{HEADER_LEN, header, put_samples};

/// Blocks a second.
const BLOCKS: u32 = 2;
/// Blocks on their way to the disk: eight seconds of audio.
const QUEUE: usize = 16;
/// Stack of the thread, which needs next to none.
const STACK: usize = 64 * 1_024;

/// What the thread is sent.
#[derive(Debug)]
enum Part {
    /// Samples, behind a stretch of so many bytes that was lost.
    Block { lost_before: u64, samples: Vec<i16> },
    /// The end: how many bytes of samples are kept.
    Keep(u64),
}

/// What became of the file.
type Written = Result<(), io::ErrorKind>;

/// The near end of a recording's file: takes samples and never waits.
#[derive(Debug)]
pub(crate) struct Tape {
    channels: u16,
    rate: u32,
    block: Vec<i16>,
    /// Bytes put so far, the lost ones included.
    put: u64,
    lost_before: u64,
    lost: u64,
    thread: SyncSender<Part>,
    written: Arc<OnceLock<Written>>,
}

/// The thread is gone, because the file could not be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone;

impl Tape {
    /// Starts the thread that writes `file`.
    ///
    /// # Errors
    ///
    /// The thread could not be started.
    pub(crate) fn start(file: File, channels: u16, rate: u32) -> io::Result<Self> {
        let (thread, parts) = sync_channel(QUEUE);
        let written = Arc::new(OnceLock::new());
        let tell = Arc::clone(&written);
        std::thread::Builder::new().name("recording".to_owned()).stack_size(STACK).spawn(move || {
            let result = write(&file, channels, rate, parts);
            // Closed first: who is told finds the file complete.
            drop(file);
            let _ = tell.set(result.map_err(|error| error.kind()));
        })?;
        Ok(Self { channels, rate, block: Vec::new(), put: 0, lost_before: 0, lost: 0, thread, written })
    }

    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    fn byte_rate(&self) -> u64 {
        2 * u64::from(self.channels) * u64::from(self.rate)
    }

    fn length(&self, bytes: u64) -> Duration {
        Duration::from_micros(bytes * 1_000_000 / self.byte_rate())
    }

    /// How long what was put lasts.
    pub(super) fn put_length(&self) -> Duration {
        self.length(self.put)
    }

    /// Puts samples on the tape, those of the channels in turn.
    pub(super) fn put(&mut self, samples: &[i16]) -> Result<(), Gone> {
        self.put += 2 * samples.len() as u64;
        self.block.extend_from_slice(samples);
        if 2 * self.block.len() as u64 * u64::from(BLOCKS) < self.byte_rate() { Ok(()) } else { self.hand_over() }
    }

    /// Hands the block over to the thread; what it has no room for is lost.
    fn hand_over(&mut self) -> Result<(), Gone> {
        let room = self.block.capacity();
        let part = Part::Block { lost_before: self.lost_before, samples: std::mem::take(&mut self.block) };
        match self.thread.try_send(part) {
            Ok(()) => {
                self.lost_before = 0;
                self.block.reserve(room);
                Ok(())
            }
            Err(TrySendError::Full(Part::Block { samples, .. })) => {
                self.lost_before += 2 * samples.len() as u64;
                self.lost += 2 * samples.len() as u64;
                self.block = samples;
                self.block.clear();
                Ok(())
            }
            Err(_) => Err(Gone),
        }
    }

    /// Ends the recording and keeps `keep` of what was put.
    pub(super) fn end(mut self, keep: Duration) -> Ending {
        let frame = 2 * u64::from(self.channels);
        let bytes = u64::try_from(keep.as_micros()).unwrap_or(u64::MAX).saturating_mul(self.byte_rate()) / 1_000_000;
        let keep = (bytes / frame * frame).min(self.put);
        // Lost or not, the end is told by `Keep`.
        let _ = self.hand_over();
        Ending {
            length: self.length(keep),
            lost: self.length(self.lost),
            keep: Some((self.thread, keep)),
            written: self.written,
        }
    }
}

/// A recording that has ended and whose file is being completed.
#[derive(Debug)]
pub(crate) struct Ending {
    /// How long the recording is.
    pub(crate) length: Duration,
    /// How much of it was lost because the disk was too slow.
    pub(crate) lost: Duration,
    keep: Option<(SyncSender<Part>, u64)>,
    written: Arc<OnceLock<Written>>,
}

impl Ending {
    /// What became of the file, once it is complete.
    pub(crate) fn written(&mut self) -> Option<Written> {
        if let Some((thread, keep)) = self.keep.take()
            && let Err(TrySendError::Full(_)) = thread.try_send(Part::Keep(keep))
        {
            self.keep = Some((thread, keep));
        }
        self.written.get().copied()
    }
}

/// Writes what comes until it ends. The header is right after every block, so a file whose writer dies is one that ends early.
fn write(file: &File, channels: u16, rate: u32, parts: Receiver<Part>) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut len = 0;
    let mut keep = None;
    file.set_len(0)?;
    file.write_all_at(&header(channels, rate, 0), 0)?;
    for part in parts {
        match part {
            Part::Block { lost_before, samples } => {
                bytes.clear();
                put_samples(&samples, &mut bytes);
                // The system fills what is skipped with zeros: silence.
                file.write_all_at(&bytes, HEADER_LEN as u64 + len + lost_before)?;
                len += lost_before + bytes.len() as u64;
                file.write_all_at(&header(channels, rate, len), 0)?;
            }
            Part::Keep(wanted) => keep = Some(wanted),
        }
    }
    let keep = keep.unwrap_or(len);
    file.set_len(HEADER_LEN as u64 + keep)?;
    file.write_all_at(&header(channels, rate, keep), 0)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn wait(mut ending: Ending) -> Written {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(written) = ending.written() {
                return written;
            }
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
    }

    fn samples(path: &std::path::Path) -> Vec<i16> {
        hound::WavReader::open(path).unwrap().into_samples().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn what_was_put_is_in_the_file_as_far_as_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        std::fs::write(&path, vec![7; 100_000]).unwrap();
        let mut tape = Tape::start(File::options().write(true).open(&path).unwrap(), 1, 8_000).unwrap();
        let said: Vec<i16> = (0..20_000).collect();
        said.chunks(160).for_each(|frame| tape.put(frame).unwrap());
        assert_eq!(tape.put_length(), Duration::from_millis(2_500));
        let ending = tape.end(Duration::from_secs(2));
        assert_eq!((ending.length, ending.lost), (Duration::from_secs(2), Duration::ZERO));
        wait(ending).unwrap();
        assert_eq!(samples(&path), said[..16_000]);
    }

    #[test]
    fn a_file_is_whole_after_every_block_and_when_the_relay_dies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut tape = Tape::start(File::create(&path).unwrap(), 2, 8_000).unwrap();
        let said: Vec<i16> = (0..16_000).collect();
        tape.put(&said[..8_000]).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::fs::read(&path).unwrap().len() < 44 + 16_000 || samples(&path).is_empty() {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
        assert_eq!(samples(&path), said[..8_000], "while it is being recorded");
        tape.put(&said[8_000..]).unwrap();
        let written = Arc::clone(&tape.written);
        drop(tape);
        while written.get().is_none() {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
        assert_eq!(samples(&path), said);
    }

    #[test]
    fn what_a_slow_disk_cannot_take_is_counted_and_silent_and_nothing_waits() {
        let (thread, parts) = sync_channel(2);
        let written = Arc::new(OnceLock::new());
        let mut tape =
            Tape { channels: 1, rate: 8_000, block: vec![], put: 0, lost_before: 0, lost: 0, thread, written };
        for n in 1..=4 {
            tape.put(&[n; 4_000]).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let file = File::create(&path).unwrap();
        let (first, second) = (parts.recv().unwrap(), parts.recv().unwrap());
        tape.put(&[5; 4_000]).unwrap();
        let mut ending = tape.end(Duration::MAX);
        assert_eq!((ending.length, ending.lost), (Duration::from_millis(2_500), Duration::from_secs(1)));
        assert_eq!(ending.written(), None);
        let (late, later) = sync_channel(8);
        for part in [first, second].into_iter().chain(parts.try_iter()) {
            late.send(part).unwrap();
        }
        drop(late);
        write(&file, 1, 8_000, later).unwrap();
        let expected = [vec![1; 4_000], vec![2; 4_000], vec![0; 8_000], vec![5; 4_000]].concat();
        assert_eq!(samples(&path), expected);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        std::fs::write(&path, b"").unwrap();
        let read_only = File::open(&path).unwrap();
        let mut tape = Tape::start(read_only, 1, 8_000).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while tape.put(&[0; 4_000]) != Err(Gone) {
            assert!(Instant::now() < deadline);
        }
        assert!(wait(tape.end(Duration::ZERO)).is_err());
    }
}
