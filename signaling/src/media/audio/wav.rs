//! WAV files of our own making: 16-bit PCM behind a header of 44 bytes, in which audio is stored and recordings are written.

use super::{Audio, MAX_LENGTH, SAMPLE_RATE};

/// Bytes before the samples.
pub(crate) const HEADER_LEN: usize = 44;

/// Bytes of a sample.
const SAMPLE_LEN: u16 = 2;

/// The header of `bytes` bytes of samples; more than the format can tell are told as the most it can.
pub(crate) fn header(channels: u16, rate: u32, bytes: u64) -> [u8; HEADER_LEN] {
    let most = u32::MAX - HEADER_LEN as u32;
    let bytes = u32::try_from(bytes).unwrap_or(most).min(most);
    let frame = SAMPLE_LEN * channels;
    let mut header = [0; HEADER_LEN];
    let fields: [&[u8]; 13] = [
        b"RIFF",
        &(bytes + HEADER_LEN as u32 - 8).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16u32.to_le_bytes(),
        &1u16.to_le_bytes(),
        &channels.to_le_bytes(),
        &rate.to_le_bytes(),
        &(rate * u32::from(frame)).to_le_bytes(),
        &frame.to_le_bytes(),
        &(8 * SAMPLE_LEN).to_le_bytes(),
        b"data",
        &bytes.to_le_bytes(),
    ];
    for (place, byte) in header.iter_mut().zip(fields.into_iter().flatten()) {
        *place = *byte;
    }
    header
}

/// The samples as the bytes of a file, added to `bytes`.
pub(crate) fn put_samples(samples: &[i16], bytes: &mut Vec<u8>) {
    bytes.reserve(samples.len() * usize::from(SAMPLE_LEN));
    samples.iter().for_each(|sample| bytes.extend_from_slice(&sample.to_le_bytes()));
}

impl Audio {
    /// The file in which the audio is stored: WAV, mono, 16 bits, 16 kHz.
    pub fn to_wav(&self) -> Vec<u8> {
        let bytes = self.samples.len() as u64 * u64::from(SAMPLE_LEN);
        let mut file = header(1, SAMPLE_RATE, bytes).to_vec();
        put_samples(&self.samples, &mut file);
        file
    }

    /// Reads what [`Audio::to_wav`] wrote, and nothing else: `None` when `file` is anything but that. Any other file is
    /// [imported](Audio::import).
    pub fn from_wav(file: &[u8]) -> Option<Self> {
        let (head, data) = file.split_first_chunk::<HEADER_LEN>()?;
        let longest = u64::from(SAMPLE_RATE) * u64::from(SAMPLE_LEN) * MAX_LENGTH.as_secs();
        let bytes = data.len() as u64;
        if *head != header(1, SAMPLE_RATE, bytes) || !bytes.is_multiple_of(u64::from(SAMPLE_LEN)) || bytes > longest {
            return None;
        }
        let (samples, _) = data.as_chunks();
        Some(Self { samples: samples.iter().map(|sample| i16::from_le_bytes(*sample)).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::audio::Tone;

    #[test]
    fn what_is_stored_is_read_back_and_by_others_too() {
        let audio = Audio::from(&Tone::beep());
        let file = audio.to_wav();
        assert_eq!(Audio::from_wav(&file), Some(audio.clone()));
        let mut reader = hound::WavReader::new(file.as_slice()).unwrap();
        let spec = reader.spec();
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, SAMPLE_RATE, 16));
        assert_eq!(reader.samples::<i16>().collect::<Result<Vec<_>, _>>().unwrap(), audio.samples());
        assert_eq!(Audio::from_wav(&Audio::default().to_wav()), Some(Audio::default()));
    }

    #[test]
    fn nothing_else_is_taken_for_a_stored_file() {
        let file = Audio::from(&Tone::beep()).to_wav();
        for end in [0, 1, HEADER_LEN - 1, HEADER_LEN, file.len() - 1] {
            assert_eq!(Audio::from_wav(&file[..end]), None, "cut off at {end}");
        }
        for at in 0..HEADER_LEN {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert_eq!(Audio::from_wav(&damaged), None, "damaged at {at}");
        }
        let stereo = [&header(2, SAMPLE_RATE, 4)[..], &[0; 4]].concat();
        assert_eq!(Audio::from_wav(&stereo), None);
        assert_eq!(Audio::from_wav(&[&header(1, SAMPLE_RATE, 3)[..], &[0; 3]].concat()), None);
    }

    #[test]
    fn sizes_beyond_the_format_are_told_as_its_largest() {
        let [.., a, b, c, d] = header(2, SAMPLE_RATE, u64::MAX);
        assert_eq!(u32::from_le_bytes([a, b, c, d]), u32::MAX - 44);
    }
}
