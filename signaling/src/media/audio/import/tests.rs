use std::borrow::Cow;
use std::f64::consts::TAU;

use hound::{SampleFormat, WavSpec, WavWriter};
use ogg::{PacketWriteEndInfo, PacketWriter};

use super::*;
use crate::media::audio::{SAMPLE_RATE, VoiceCodec};

/// The signal below, 1.5 s in stereo at 22,050 Hz, by LAME at 40 kbit/s.
const MP3: &[u8] = include_bytes!("../../../../tests/data/speech.mp3");

/// Something with the pitch and the pauses of speech.
fn speech(seconds: f64, rate: u32) -> Vec<i16> {
    let sample = |n: u32| {
        let t = f64::from(n) / f64::from(rate);
        // The integral of a pitch of 150 Hz that wavers by 50 Hz.
        let phase = TAU * (150.0 * t + 50.0 * (1.0 - (TAU * 0.7 * t).cos()) / (TAU * 0.7));
        let voice: f64 = (1..20).map(|h| (phase * f64::from(h)).sin() / f64::from(h).sqrt()).sum();
        (voice * (TAU * 2.3 * t).sin().max(0.0) * 4_000.0) as i16
    };
    (0..(seconds * f64::from(rate)) as u32).map(sample).collect()
}

/// How alike two signals are, at the delay up to `within` samples at which they are most alike.
fn likeness(a: &[i16], b: &[i16], within: usize) -> f64 {
    let dot = |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let alike = |a: &[i16], b: &[i16]| {
        // A part of it will do, and is quicker.
        let shared = a.len().min(b.len()).min(6_000);
        dot(&a[..shared], &b[..shared]) / (dot(&a[..shared], &a[..shared]) * dot(&b[..shared], &b[..shared])).sqrt()
    };
    (0..=within).flat_map(|lag| [alike(&a[lag..], b), alike(a, &b[lag..])]).fold(-1.0, f64::max)
}

fn assert_speech(audio: &Audio, seconds: f64, least: f64, within: usize) {
    let length = audio.length().as_secs_f64();
    assert!((length - seconds).abs() < 0.002 || least < 0.97 && (length - seconds).abs() < 0.1, "{length} s");
    let alike = likeness(audio.samples(), &speech(seconds, SAMPLE_RATE), within);
    assert!(alike > least, "{alike} instead of {least} of {audio:?}");
}

/// A WAV file of `seconds` of speech; every channel after the first one is silent.
fn wav(spec: WavSpec, seconds: f64) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, spec).unwrap();
    for sample in speech(seconds, spec.sample_rate) {
        for channel in 0..spec.channels {
            let sample = if channel == 0 { i32::from(sample) } else { 0 };
            match (spec.sample_format, spec.bits_per_sample) {
                (SampleFormat::Float, _) => writer.write_sample(sample as f32 / 32_768.0).unwrap(),
                (SampleFormat::Int, bits @ 8..16) => writer.write_sample(sample >> (16 - bits)).unwrap(),
                (SampleFormat::Int, bits) => writer.write_sample(sample << (bits - 16)).unwrap(),
            }
        }
    }
    writer.finalize().unwrap();
    file.into_inner()
}

fn pcm(rate: u32, channels: u16, bits: u16) -> WavSpec {
    WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format: SampleFormat::Int }
}

/// A WAV file of another coding than PCM: `tag` of its format chunk.
fn wav_of(tag: u16, bits: u16, data: &[u8]) -> Vec<u8> {
    let mut file = crate::media::audio::wav::header(1, 8_000, data.len() as u64).to_vec();
    file[4..8].copy_from_slice(&(38 + data.len() as u32).to_le_bytes());
    file[16] = 18;
    file[20..22].copy_from_slice(&tag.to_le_bytes());
    file[28..32].copy_from_slice(&(8_000 * u32::from(bits) / 8).to_le_bytes());
    file[32..34].copy_from_slice(&(bits / 8).to_le_bytes());
    file[34..36].copy_from_slice(&bits.to_le_bytes());
    file.splice(36..36, [0, 0]);
    file.extend_from_slice(data);
    file
}

/// An Ogg Opus file of `seconds` of speech.
fn opus(seconds: f64, channels: u8) -> Vec<u8> {
    let layout = if channels == 2 { ropus::Channels::Stereo } else { ropus::Channels::Mono };
    let mut encoder = ropus::Encoder::builder(48_000, layout, ropus::Application::Audio)
        .bitrate(ropus::Bitrate::Bits(96_000))
        .build()
        .unwrap();
    let skip = encoder.lookahead() as u16;
    let mut samples = speech(seconds, 48_000);
    let end = samples.len() as u64 + u64::from(skip);
    samples.resize((end as usize).div_ceil(960) * 960, 0);
    let mut head = b"OpusHead\x01".to_vec();
    head.push(channels);
    head.extend_from_slice(&skip.to_le_bytes());
    head.extend_from_slice(&48_000u32.to_le_bytes());
    head.extend_from_slice(&[0, 0, 0]);
    let tags = b"OpusTags\x04\0\0\0none\0\0\0\0".to_vec();
    let mut file = Vec::new();
    let mut writer = PacketWriter::new(&mut file);
    writer.write_packet(head, 7, PacketWriteEndInfo::EndPage, 0).unwrap();
    writer.write_packet(tags, 7, PacketWriteEndInfo::EndPage, 0).unwrap();
    let last = samples.len() / 960;
    for (n, frame) in samples.chunks(960).enumerate().map(|(n, frame)| (n + 1, frame)) {
        let frame: Vec<i16> = frame.iter().flat_map(|s| std::iter::repeat_n(*s, usize::from(channels))).collect();
        let mut packet = vec![0; 1_275];
        let len = encoder.encode(&frame, &mut packet).unwrap();
        packet.truncate(len);
        let info = match n {
            n if n == last => PacketWriteEndInfo::EndStream,
            n if n % 10 == 0 => PacketWriteEndInfo::EndPage,
            _ => PacketWriteEndInfo::NormalPacket,
        };
        writer.write_packet(Cow::<[u8]>::Owned(packet), 7, info, (n as u64 * 960).min(end)).unwrap();
    }
    file
}

#[test]
fn wav_of_every_width_rate_and_number_of_channels_is_heard() {
    for spec in [
        pcm(8_000, 1, 8),
        pcm(8_000, 1, 16),
        pcm(11_025, 2, 16),
        pcm(22_050, 1, 24),
        pcm(44_100, 2, 16),
        pcm(48_000, 6, 32),
        WavSpec { sample_format: SampleFormat::Float, ..pcm(48_000, 2, 32) },
    ] {
        assert_speech(
            &Audio::import(&wav(spec, 0.6)).unwrap(),
            0.6,
            if spec.bits_per_sample == 8 { 0.99 } else { 0.999 },
            1,
        );
    }
    // As a phone system writes it: without the size of an extension that there is not, of a length that was not known.
    let mut plain = wav_of(7, 8, &VoiceCodec::Pcmu.encode(&speech(0.6, 8_000)));
    plain.drain(36..38);
    plain[16] = 16;
    for unknown in [0, u32::MAX] {
        plain[40..44].copy_from_slice(&unknown.to_le_bytes());
        assert_speech(&Audio::import(&plain).unwrap(), 0.6, 0.99, 1);
    }
    let wide: Vec<u8> = speech(0.6, 8_000).into_iter().flat_map(|s| (i32::from(s) << 8).to_le_bytes()).collect();
    let mut roomy = wav_of(1, 24, &wide);
    roomy[32] = 4;
    assert_speech(&Audio::import(&roomy).unwrap(), 0.6, 0.999, 1);
    for (tag, codec) in [(6, VoiceCodec::Pcma), (7, VoiceCodec::Pcmu)] {
        let file = wav_of(tag, 8, &codec.encode(&speech(0.6, 8_000)));
        assert_speech(&Audio::import(&file).unwrap(), 0.6, 0.99, 1);
    }
}

#[test]
fn mp3_is_heard_with_tags_and_without() {
    let tag = [b"ID3\x04\0\0\0\0\x01\x00", &[0xff; 128][..]].concat();
    for file in [MP3.to_vec(), [&tag, MP3].concat(), [&tag, &tag, MP3, b"TAG", &[0; 125]].concat()] {
        assert_speech(&Audio::import(&file).unwrap(), 1.5, 0.95, 1_500);
    }
}

#[test]
fn ogg_opus_is_heard_without_its_padding() {
    for channels in [1, 2] {
        assert_speech(&Audio::import(&opus(1.01, channels)).unwrap(), 1.01, 0.97, 40);
    }
}

#[test]
fn what_was_stored_is_imported_as_it_is() {
    let audio = Audio::from_samples(&speech(0.5, SAMPLE_RATE), SAMPLE_RATE).unwrap();
    assert_eq!(Audio::import(&audio.to_wav()), Ok(audio));
    assert_eq!(Audio::import(&Audio::default().to_wav()), Err(AudioError::Empty));
}

#[test]
fn files_that_are_no_audio_or_another_kind_are_refused_by_name() {
    let refusal = |file: &[u8]| Audio::import(file).unwrap_err();
    for file in [
        &b""[..],
        b"\0",
        b"RIFF",
        b"hello, this is a letter and no sound",
        b"%PDF-1.7",
        b"<html><body>",
        b"PK\x03\x04",
        b"MZ\x90",
    ] {
        assert_eq!(refusal(file), AudioError::NotAudio, "{file:?}");
    }
    assert_eq!(
        refusal(&[&[0xff, 0xfb, 0x90, 0x64][..], &[1; 4_000]].concat()),
        AudioError::NotAudio,
        "one header, no frame"
    );
    assert_eq!(refusal(b"ID3\x04\0\0\x7f\x7f\x7f\x7f"), AudioError::NotAudio, "a tag larger than its file");
    for file in [
        &b"fLaC\0\0\0\x22"[..],
        b"\0\0\0\x20ftypM4A ",
        b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01\x1e\x01vorbis",
        b"FORM\0\0\0\0AIFF",
        b"#!AMR\n",
        b"\xff\xf1\x50\x80",
        b"\x1a\x45\xdf\xa3",
        b"RF64\0\0\0\0WAVE",
        &wav_of(0x31, 8, &[0; 650]),
    ] {
        assert!(matches!(refusal(file), AudioError::Unsupported(_)), "{file:?}: {:?}", refusal(file));
    }
    assert_eq!(refusal(&wav(pcm(8_000, 1, 16), 0.0)), AudioError::Empty);
    assert_eq!(refusal(&wav(pcm(4_000, 1, 16), 0.1)), AudioError::Rate(4_000));
    assert_eq!(refusal(&wav(pcm(192_000, 1, 16), 0.1)), AudioError::Rate(192_000));
    let mut surround = opus(0.1, 2);
    let page = surround.iter().position(|byte| *byte == b'O').unwrap();
    surround[page + 28 + 18] = 1;
    assert_eq!(refusal(&surround), AudioError::Damaged, "a page whose checksum is wrong");
}

#[test]
fn files_that_are_too_long_or_too_large_are_refused() {
    let minutes = wav_of(7, 8, &vec![0xff; 8_000 * 601]);
    assert_eq!(Audio::import(&minutes), Err(AudioError::TooLong));
    assert_eq!(Audio::import(&vec![0; MAX_FILE + 1]), Err(AudioError::TooLarge));
}

#[test]
fn a_file_cut_off_anywhere_is_told() {
    let files = [wav(pcm(22_050, 2, 16), 0.3), opus(0.5, 1)];
    for file in files {
        for cut in [40, 100, file.len() / 2, file.len() - 700, file.len() - 1] {
            let refused = Audio::import(&file[..cut]).unwrap_err();
            assert!(
                matches!(refused, AudioError::Truncated) || cut <= 100,
                "cut at {cut} of {}: {refused:?}",
                file.len()
            );
        }
    }
}

#[test]
fn an_mp3_that_has_fewer_frames_than_it_says_is_cut_off() {
    // A frame of nothing but an Info tag (MPEG 2 layer III, 40 kbit/s at 22,050 Hz: 130 bytes), as encoders put it in front.
    let told = |frames: u32| {
        let tag = [&[0xff, 0xf3, 0x50, 0x64][..], &[0; 17], b"Info", &[0, 0, 0, 1], &frames.to_be_bytes()].concat();
        Audio::import(&[&tag, &vec![0; 130 - tag.len()][..], MP3].concat())
    };
    let frames = (MP3.len() / 130) as u32;
    assert_speech(&told(frames).unwrap(), 1.5, 0.95, 1_500);
    assert_eq!(told(frames + 10), Err(AudioError::Truncated));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(0u8.., 0..2_000), start in 0usize..6) {
        let starts: [&[u8]; 6] = [b"", b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0", b"OggS\0\x02", b"ID3\x04\0\0\0\0\0\0", b"\xff\xfb", b"\xff\xf3\x50\x64"];
        let _ = Audio::import(&[starts[start], &bytes].concat());
    }

    #[test]
    fn no_damage_to_a_file_makes_it_panic(
        file in 0usize..4,
        damage in proptest::collection::vec((0usize..8_000, 0u8..), 1..12),
        cut in 0usize..16_000,
    ) {
        static FILES: std::sync::LazyLock<[Vec<u8>; 4]> = std::sync::LazyLock::new(|| {
            [MP3.to_vec(), opus(0.4, 2), wav(pcm(11_025, 1, 16), 0.2), wav(WavSpec { sample_format: SampleFormat::Float, ..pcm(8_000, 2, 32) }, 0.1)]
        });
        let mut bytes = FILES[file].clone();
        for (at, byte) in damage {
            // The beginning, where the lengths are, is hit as often as all the rest.
            let at = if byte & 1 == 0 { at % 64 } else { at % bytes.len() };
            bytes[at] = byte;
        }
        bytes.truncate(cut);
        let _ = Audio::import(&bytes);
        if file == 1 {
            let _ = Audio::import(&checksummed(bytes));
        }
    }
}

/// The same pages of Ogg with right checksums: otherwise damage gets no further than those.
fn checksummed(mut file: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(segments) = file.get(at + 26).map(|n| usize::from(*n)) {
        let Some(table) = file.get(at + 27..at + 27 + segments) else { break };
        let len = 27 + segments + table.iter().map(|n| usize::from(*n)).sum::<usize>();
        let Some(page) = file.get_mut(at..at + len) else { break };
        page[22..26].fill(0);
        let crc = page.iter().fold(0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 })
        });
        page[22..26].copy_from_slice(&crc.to_le_bytes());
        at += len;
    }
    file
}
