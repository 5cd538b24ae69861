//! What flows want to be heard, ready to be played: recordings from their files, texts by the speech provider, tones.

use std::sync::Arc;

use dialplane_core::flow::Prompt;
use dialplane_core::id::{CompanyId, PromptId};
use dialplane_core::store::StoreError;
use dialplane_core::{Actor, Engine};
use dialplane_ivr::machine::{PlayFailure, Sound};
use dialplane_signaling::media::audio::{Audio, AudioError, Clip, Tone};
use dialplane_signaling::media::relay::Segment;
use moka::future::Cache;

use crate::audio::{self, AudioFiles};
use crate::speech::{Speaker, SpeechError};

/// What recordings may take of the memory, in bytes.
const KEPT_BYTES: u64 = 128 << 20;

/// Why something cannot be heard.
#[derive(Debug, Clone, thiserror::Error)]
enum Unheard {
    #[error("there is no recording of this name")]
    NoPrompt,
    #[error("the file of a recording cannot be read: {0}")]
    File(String),
    #[error("{0}")]
    Speech(#[from] Arc<SpeechError>),
    #[error("the store failed: {0}")]
    Store(String),
}

impl From<Unheard> for PlayFailure {
    fn from(error: Unheard) -> Self {
        match error {
            Unheard::NoPrompt => Self::NoRecording,
            Unheard::File(_) | Unheard::Store(_) => Self::Unreadable,
            Unheard::Speech(error) if matches!(*error, SpeechError::Language(_)) => Self::Language,
            Unheard::Speech(_) => Self::Speech,
        }
    }
}

/// Makes sounds ready.
#[derive(Debug, Clone)]
pub(super) struct Sounds {
    engine: Engine,
    speaker: Speaker,
    files: AudioFiles,
    clips: Cache<PromptId, Arc<Clip>>,
}

impl Sounds {
    /// Recordings are in `files`.
    pub(super) fn new(engine: Engine, speaker: Speaker, files: AudioFiles) -> Self {
        let weigh = |_: &PromptId, clip: &Arc<Clip>| audio::weight(clip);
        let clips = Cache::builder().max_capacity(KEPT_BYTES).weigher(weigh).build();
        Self { engine, speaker, files, clips }
    }

    /// All of them, or the reason why one cannot be heard.
    pub(super) async fn ready(
        &self,
        company: CompanyId,
        sounds: Vec<Sound>,
        language: &str,
    ) -> Result<Vec<Segment>, PlayFailure> {
        let mut segments = Vec::with_capacity(sounds.len());
        for sound in sounds {
            match self.segment(company, sound, language).await {
                Ok(segment) => segments.push(segment),
                Err(error) => {
                    tracing::warn!(%error, language, "a prompt of a flow cannot be played");
                    return Err(error.into());
                }
            }
        }
        Ok(segments)
    }

    async fn segment(&self, company: CompanyId, sound: Sound, language: &str) -> Result<Segment, Unheard> {
        Ok(match sound {
            Sound::Silence(length) => Segment::Silence(length),
            Sound::Beep(length) => Segment::from(&Tone { length, ..Tone::beep() }),
            Sound::Say(text) => Segment::Clip(self.speaker.say(&text, language).await?),
            Sound::Audio(name) => Segment::Clip(self.recording(company, &name, language).await?),
        })
    }

    /// The recording of this name in the language, or in the nearest there is.
    async fn recording(&self, company: CompanyId, name: &str, language: &str) -> Result<Arc<Clip>, Unheard> {
        let store = |error: StoreError| Unheard::Store(error.to_string());
        let mut tx =
            self.engine.read(&Actor::system_for(company)).await.map_err(|error| Unheard::Store(error.to_string()))?;
        let prompts = tx.prompts_named(name).await.map_err(store)?;
        drop(tx);
        let prompt = nearest(prompts, language).ok_or(Unheard::NoPrompt)?;
        let path = self.files.path(company, prompt.id);
        let failed = |error: &dyn std::fmt::Display| Unheard::File(error.to_string());
        let read = async {
            let file = tokio::fs::read(path).await.map_err(|error| failed(&error))?;
            // Coding takes a processor for a while, which requests and calls must not feel.
            let coded = tokio::task::spawn_blocking(move || {
                // What was stored is in the canonical form; older files may not be.
                let audio = Audio::from_wav(&file).map_or_else(|| Audio::import(&file), Ok)?;
                Ok::<_, AudioError>(Arc::new(Clip::new(&audio)))
            });
            coded.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
        };
        self.clips.try_get_with(prompt.id, read).await.map_err(|error: Arc<Unheard>| (*error).clone())
    }
}

/// Of prompts of one name the one in the language, else one in a language of the same family, else any.
fn nearest(prompts: Vec<Prompt>, language: &str) -> Option<Prompt> {
    let family = |tag: &str| tag.split('-').next().unwrap_or_default().to_lowercase();
    let rank = |prompt: &Prompt| match &prompt.language {
        tag if tag.eq_ignore_ascii_case(language) => 0,
        tag if family(tag) == family(language) => 1,
        _ => 2,
    };
    prompts.into_iter().min_by_key(rank)
}
