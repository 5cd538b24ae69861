//! Messages and recordings of calls in flows. Their files are the host's; they are told of with the call's own report.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use dialplane_core::command::call::CallReport;
use dialplane_core::command::flow::Left;
use dialplane_core::id::{CallId, RecordingId};
use dialplane_core::pii::Pii;
use dialplane_ivr::machine::{Input, Record, Token};

use super::super::Message;
use super::super::call_entry::CallEntry;
use super::super::run::Edge;
use crate::call::Side;
use crate::media::record::{RecordEnd, RecordLimits};
use crate::media::relay::SessionId;

/// The longest recording of a call.
const CALL_MAX: Duration = Duration::from_secs(4 * 3_600);
/// Recordings of calls have names above those of messages.
const CALL_TOKENS: u64 = 1 << 40;

/// A recording that runs.
#[derive(Debug)]
pub(in super::super) struct Take {
    call: CallId,
    path: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    Message(Message),
    Call(RecordingId),
}

impl Edge {
    pub(super) fn record_message(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        token: Token,
        record: &Record,
    ) {
        let session = entry.media;
        let at = self.surroundings.clock.now();
        let Some(flow) = entry.flow().map(|run| run.flow.map(|(flow, _)| flow)) else { return };
        let message = Message {
            id: self.surroundings.ids.id(at),
            company: entry.company,
            call: id,
            flow,
            mailbox: record.mailbox.to_string(),
            from: Pii::new(entry.caller.clone()),
            at,
        };
        let opened = self.surroundings.host.message_file(&message);
        let limits = RecordLimits { max: record.max, min: record.min, silence_after: Some(record.silence) };
        let begun = opened.map_err(|error| error.to_string()).and_then(|(file, path)| {
            let session = session.ok_or("the call has no audio")?;
            self.relay
                .record(session, Side::A, token.0.into(), file, limits)
                .map(|()| (session, path))
                .map_err(|error| error.to_string())
        });
        match begun {
            Ok((session, path)) => {
                let what = What::Message(message);
                self.takes.insert((session, token.0.into()), Take { call: id, path, what });
            }
            Err(error) => {
                tracing::error!(%error, "a message cannot be recorded");
                entry.tell_flow(now, Input::Recorded(token, None));
            }
        }
    }

    pub(super) fn record_call(&mut self, id: CallId, entry: &mut CallEntry) {
        let (company, session, voice) = (entry.company, entry.media, entry.machine.voice());
        let token = CALL_TOKENS + entry.key(None);
        let Some(run) = entry.flow().filter(|run| run.recording.is_none()) else { return };
        let (Some(session), Some(config)) = (session, voice) else { return };
        let recording: RecordingId = self.surroundings.ids.id(self.surroundings.clock.now());
        let begun = self.surroundings.host.recording_file(company, recording).map_err(|error| error.to_string());
        let begun = begun.and_then(|(file, path)| {
            self.relay
                .record_call(session, token, file, CALL_MAX, [config; 2], self.own_voices.clone())
                .map(|()| path)
                .map_err(|error| error.to_string())
        });
        match begun {
            Ok(path) => {
                run.recording = Some(token);
                self.takes.insert((session, token), Take { call: id, path, what: What::Call(recording) });
            }
            Err(error) => tracing::error!(%error, "a call cannot be recorded"),
        }
    }

    pub(super) fn stop_call_recording(&mut self, entry: &mut CallEntry) {
        let session = entry.media;
        let token = entry.flow().and_then(|run| run.recording.take());
        if let (Some(session), Some(token)) = (session, token) {
            self.relay.stop_record_call(session, token).ok();
        }
    }

    /// A recording has ended; its call may be over already.
    pub(in super::super) fn recorded(
        &mut self,
        now: Instant,
        session: SessionId,
        token: u64,
        ended: RecordEnd,
        length: Duration,
    ) {
        let Some(take) = self.takes.remove(&(session, token)) else { return };
        let failed = matches!(ended, RecordEnd::Failed(_));
        tracing::debug!(?ended, ?length, path = %take.path.display(), "a recording has ended");
        let bytes = std::fs::metadata(&take.path).map_or(0, |file| file.len());
        let kept = !failed && !length.is_zero() && bytes > 0;
        let is_message = matches!(take.what, What::Message(_));
        if kept {
            self.leave(now, take.call, take.what, length, bytes);
        } else if let Err(error) = std::fs::remove_file(&take.path) {
            tracing::warn!(%error, "the file of an empty recording could not be removed");
        }
        if is_message && let Ok(token) = u32::try_from(token) {
            self.feed_flow(now, take.call, Input::Recorded(Token(token), (!failed).then_some(length)));
        }
    }

    fn leave(&mut self, now: Instant, call: CallId, what: What, length: Duration, bytes: u64) {
        let at = self.surroundings.clock.now();
        let left = match what {
            What::Message(Message { id, flow, mailbox, from, at, .. }) => {
                let length_ms = length.as_millis() as u64;
                Left::Voicemail { id, flow, mailbox, from, length_ms, bytes, at }
            }
            What::Call(id) => Left::Recording { id, seconds: length.as_secs() as u32, bytes, at },
        };
        match self.calls.remove(&call) {
            Some(mut entry) => {
                entry.report.left.push(left);
                self.list_report(now, call, &mut entry);
                self.calls.insert(call, entry);
            }
            None => {
                self.last_reports.push(CallReport { left: vec![left], ..CallReport::nothing(call) });
                self.report_soon(now);
            }
        }
    }
}
