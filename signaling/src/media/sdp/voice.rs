//! How to talk with a party ourselves, by what it and we described.

use super::SessionDescription;
use super::negotiate::{Codec, relayed};
use crate::media::audio::VoiceCodec;
use crate::media::relay::VoiceConfig;

/// The voice for the party that sent `theirs`, when `ours` is what we sent it last; `None` without a common codec.
///
/// Of the common codecs the first one of `theirs` is spoken: the answer decides (RFC 3264 §7), and our own answers keep the order of
/// the offer. We send by the payload types of `theirs`, and the party sends its telephone events by those of `ours`. Tones are listened
/// for when telephone events were not agreed on.
pub fn voice_config(theirs: &SessionDescription, ours: &SessionDescription) -> Option<VoiceConfig> {
    let (_, their_audio) = theirs.audio()?;
    let (_, our_audio) = ours.audio()?;
    let ours_of = |codec| relayed(our_audio).find(|(_, c)| *c == codec);
    let (payload_type, codec) = relayed(their_audio)
        .find_map(|(number, codec)| Some((number, codec.voice()?)).filter(|_| ours_of(codec).is_some()))?;
    let events = relayed(their_audio).any(|(_, codec)| codec == Codec::TelephoneEvent);
    let event_payload_type = ours_of(Codec::TelephoneEvent).filter(|_| events).map(|(number, _)| number);
    Some(VoiceConfig { codec, payload_type, event_payload_type, inband: event_payload_type.is_none() })
}

impl Codec {
    /// The codec as our own voice speaks it; `None` for events.
    pub const fn voice(self) -> Option<VoiceCodec> {
        match self {
            Self::Pcmu => Some(VoiceCodec::Pcmu),
            Self::Pcma => Some(VoiceCodec::Pcma),
            Self::G722 => Some(VoiceCodec::G722),
            Self::TelephoneEvent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::sdp::{LocalMedia, Origin, own_answer, own_offer};

    fn theirs(body: &str) -> SessionDescription {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP {body}\r\n"
        );
        SessionDescription::parse(text.as_bytes()).unwrap()
    }

    fn local() -> LocalMedia {
        LocalMedia { rtp: "198.51.100.1:40000".parse().unwrap() }
    }

    #[test]
    fn an_answered_offer_is_spoken_in_its_first_codec() {
        let voice = |body| {
            let offer = theirs(body);
            voice_config(&offer, &own_answer(&offer, local(), &mut Origin::new(1)).unwrap()).unwrap()
        };
        let wide = voice("18 9 8 96\r\na=rtpmap:96 telephone-event/8000");
        assert_eq!((wide.codec, wide.payload_type), (VoiceCodec::G722, 9));
        assert_eq!((wide.event_payload_type, wide.inband), (Some(96), false));
        let plain = voice("8 0");
        assert_eq!((plain.codec, plain.event_payload_type, plain.inband), (VoiceCodec::Pcma, None, true));
        let mapped = voice("97 0\r\na=rtpmap:97 PCMA/8000");
        assert_eq!((mapped.codec, mapped.payload_type), (VoiceCodec::Pcma, 97));
        let wide_events = voice("0 101\r\na=rtpmap:101 telephone-event/48000");
        assert_eq!(
            (wide_events.event_payload_type, wide_events.inband),
            (None, true),
            "events of another clock are none"
        );
    }

    #[test]
    fn an_answer_to_our_offer_decides_and_events_come_by_our_number() {
        let ours = own_offer(local(), &mut Origin::new(1));
        let voice = voice_config(&theirs("8 97\r\na=rtpmap:97 telephone-event/8000"), &ours).unwrap();
        assert_eq!((voice.codec, voice.payload_type, voice.event_payload_type), (VoiceCodec::Pcma, 8, Some(101)));
        assert_eq!(voice_config(&theirs("0"), &ours).map(|voice| voice.inband), Some(true));
        assert_eq!(voice_config(&theirs("18"), &ours), None);
    }

    #[test]
    fn what_only_one_of_both_knows_is_not_spoken() {
        assert_eq!(voice_config(&theirs("9 0"), &theirs("0")).map(|voice| voice.codec), Some(VoiceCodec::Pcmu));
        assert_eq!(voice_config(&theirs("9"), &theirs("0 8")), None);
    }
}
