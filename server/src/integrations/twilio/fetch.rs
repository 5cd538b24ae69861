//! Fetches recordings from Twilio into our own storage, tried again with growing pauses; what is left to do is in the store.

use std::time::Duration;

use chrono::TimeDelta;
use dialplane_core::Actor;
use dialplane_core::call::recording::Recording;
use dialplane_core::command::carrier::{ClaimRecordings, Fetched, SettleRecording};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use tokio_util::sync::CancellationToken;

use super::Twilio;
use crate::audio::{AudioFiles, Draft, StoreFailed};
use crate::problem::Reply;

/// Recordings fetched in one turn.
const BATCH: u32 = 4;
/// Longer than a recording takes to fetch: nobody else fetches it meanwhile.
const LEASE: TimeDelta = TimeDelta::minutes(15);
/// How often due recordings are looked for without being woken.
const LOOK: Duration = Duration::from_secs(1);
/// The types of audio that are taken, and what they are called here.
const TYPES: [(&str, &str); 6] = [
    ("audio/wav", "audio/wav"),
    ("audio/x-wav", "audio/wav"),
    ("audio/wave", "audio/wav"),
    ("audio/vnd.wave", "audio/wav"),
    ("audio/mpeg", "audio/mpeg"),
    ("audio/mp3", "audio/mpeg"),
];

/// Fetches until told to stop.
pub(crate) async fn run(twilio: Twilio, recordings: AudioFiles, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            done = turn(&twilio, &recordings) => if let Err(error) = done {
                tracing::warn!(?error, "recordings could not be fetched, trying again");
            },
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = twilio.0.recorded.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn turn(twilio: &Twilio, recordings: &AudioFiles) -> Reply<()> {
    loop {
        let claim = ClaimRecordings { limit: BATCH, lease: LEASE };
        let claimed = twilio.0.engine.execute(&Actor::system(), &claim).await?;
        let count = claimed.len();
        let all = claimed.iter().map(|recording| one(twilio, recordings, recording));
        futures::future::try_join_all(all).await?;
        if count < BATCH as usize {
            return Ok(());
        }
    }
}

async fn one(twilio: &Twilio, recordings: &AudioFiles, recording: &Recording) -> Reply<()> {
    let fetched = fetch(twilio, recordings, recording).await.unwrap_or_else(|failed| {
        tracing::warn!(recording = %recording.id, attempt = recording.attempts, reason = %failed, "a recording was not fetched");
        failed.outcome()
    });
    let command = SettleRecording { recording: recording.id, fetched };
    let is_there = twilio.0.engine.execute(&Actor::system(), &command).await?;
    if !is_there {
        // Its call was deleted while it was fetched.
        recordings.remove(recording.company, recording.id).await;
    }
    Ok(())
}

/// Why a recording was not fetched.
#[derive(Debug, thiserror::Error)]
enum FetchFailed {
    #[error("the store does not say which account has it")]
    Unknown,
    #[error("there is no account that could open it")]
    NoAccount,
    #[error("twilio cannot be reached")]
    Unreachable,
    #[error("twilio answered {0}")]
    Status(u16),
    #[error("it is not audio of a type that is kept")]
    Type,
    #[error("it ended too early")]
    Broken,
    #[error("{0}")]
    Store(#[from] StoreFailed),
}

impl FetchFailed {
    fn outcome(&self) -> Fetched {
        match self {
            Self::Type | Self::Store(StoreFailed::TooLarge) | Self::Status(400 | 410) => Fetched::Lost,
            _ => Fetched::Later,
        }
    }
}

async fn fetch(twilio: &Twilio, recordings: &AudioFiles, recording: &Recording) -> Result<Fetched, FetchFailed> {
    let row = twilio.carried(recording.call).await.map_err(|_| FetchFailed::Unknown)?;
    let line = match row {
        Some(row) => twilio.line_of(&row).await.map_err(|_| FetchFailed::Unknown)?,
        None => None,
    };
    let asked = line.ok_or(FetchFailed::NoAccount)?.client.recording(&recording.sid).await;
    let mut response = asked.map_err(|_| FetchFailed::Unreachable)?;
    if response.status() != StatusCode::OK {
        return Err(FetchFailed::Status(response.status().as_u16()));
    }
    let media_type = audio_type(&response).ok_or(FetchFailed::Type)?;
    let expected = response.content_length();
    let mut draft: Draft = recordings.draft(recording.company, recording.id).await?;
    while let Some(chunk) = response.chunk().await.map_err(|_| FetchFailed::Broken)? {
        draft.write(&chunk).await?;
    }
    if expected.is_some_and(|length| length != draft.length()) {
        return Err(FetchFailed::Broken);
    }
    if !draft.is_audio() {
        return Err(FetchFailed::Type);
    }
    let bytes = draft.keep().await?;
    metrics::counter!("dialplane_recordings_stored_total").increment(1);
    Ok(Fetched::Stored { media_type: media_type.to_owned(), bytes })
}

fn audio_type(response: &Response) -> Option<&'static str> {
    let said = response.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let said = said.split(';').next()?.trim().to_ascii_lowercase();
    TYPES.iter().find(|(name, _)| *name == said).map(|(_, kept)| *kept)
}
