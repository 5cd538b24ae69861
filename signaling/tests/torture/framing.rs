//! Cutting a stream into messages gives the same result however the stream was cut into segments.

use bytes::Bytes;
use dialplane_signaling::sip::wire::{Frame, FrameError, Framer, Limits};

use crate::draft::Draft;

fn frames(framer: &mut Framer) -> Result<Vec<Frame>, FrameError> {
    let mut out = Vec::new();
    while let Some(frame) = framer.next_frame()? {
        out.push(frame);
    }
    Ok(out)
}

fn feed(segments: &[&[u8]]) -> Result<Vec<Frame>, FrameError> {
    let mut framer = Framer::new(&Limits::default());
    let mut out = Vec::new();
    for segment in segments {
        framer.push(segment);
        out.extend(frames(&mut framer)?);
    }
    Ok(out)
}

fn stream() -> (Vec<u8>, Vec<Frame>) {
    let invite = Draft::request("INVITE").body("application/sdp", "v=0\r\n\r\ns=-\r\n").bytes();
    let compact = Bytes::from_static(b"OPTIONS sip:b SIP/2.0\r\nl :\r\n 3\r\nX-List: Content-Length: 9\r\n\r\n\r\n\n");
    let mut bytes = b"\r\n\r\n".to_vec();
    bytes.extend_from_slice(&invite);
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&compact);
    bytes.extend_from_slice(b"\r\n\r\n\r\n\r\n");
    let frames = vec![Frame::Ping, Frame::Message(invite), Frame::Message(compact), Frame::Ping, Frame::Ping];
    (bytes, frames)
}

#[test]
fn a_stream_cut_at_any_byte_gives_the_same_frames() {
    let (bytes, expected) = stream();
    for at in 0..=bytes.len() {
        let (a, b) = bytes.split_at(at);
        assert_eq!(feed(&[a, b]).unwrap(), expected, "cut at {at}");
    }
}

#[test]
fn a_stream_of_single_bytes_gives_the_same_frames() {
    let (bytes, expected) = stream();
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(feed(&single).unwrap(), expected);
}

#[test]
fn a_hundred_messages_in_one_segment_all_come_out() {
    let one = Draft::request("INVITE").body("application/sdp", "v=0\r\n").bytes();
    let frames = feed(&[&one.repeat(100)]).unwrap();
    assert_eq!(frames.len(), 100);
    assert!(frames.iter().all(|frame| *frame == Frame::Message(one.clone())));
}

#[test]
fn our_own_pings_are_answered_with_single_line_ends() {
    let mut framer = Framer::new(&Limits::default()).expecting_pongs();
    let message = Draft::request("NOTIFY").bytes();
    framer.push(b"\r\n");
    framer.push(&message);
    framer.push(b"\r\n\r");
    assert_eq!(frames(&mut framer).unwrap(), [Frame::Pong, Frame::Message(message), Frame::Pong]);
    framer.push(b"\n");
    assert_eq!(frames(&mut framer).unwrap(), [Frame::Pong]);
}

#[test]
fn a_stream_without_a_usable_length_ends() {
    let head = |lines: &str| format!("OPTIONS sip:b SIP/2.0\r\n{lines}\r\n\r\n");
    let error = |lines: &str| feed(&[head(lines).as_bytes()]).unwrap_err();
    assert_eq!(error("To: <sip:b>"), FrameError::NoContentLength);
    assert_eq!(error("Content-Length: -1"), FrameError::ContentLength);
    assert_eq!(error("Content-Length: 5 5"), FrameError::ContentLength);
    assert_eq!(error("Content-Length: 5\r\nl: 6"), FrameError::ContentLength);
    assert_eq!(error("Content-Length: 99999999999999999999999"), FrameError::TooLarge);
    assert_eq!(error("Content-Length: 65536"), FrameError::TooLarge);
}

#[test]
fn no_more_is_held_than_the_limit() {
    let limits = Limits { message: 1000, ..Limits::default() };
    let mut framer = Framer::new(&limits);
    let mut pushed = 0;
    let error = loop {
        framer.push(b"X-Endless: and on and on and on\r\n");
        pushed += 1;
        match framer.next_frame() {
            Ok(None) => assert!(framer.buffered() <= limits.message),
            Ok(Some(frame)) => panic!("{frame:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!((error, pushed), (FrameError::TooLarge, 1000 / 33 + 1));
}
