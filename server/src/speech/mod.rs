//! Texts become speech: by a provider, kept by what was said, in which voice and language.

mod espeak;
mod http;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dialplane_signaling::media::audio::{Audio, Clip};
use moka::future::Cache;

use crate::audio;
use crate::settings::{Provider, SpeechSettings};

pub(crate) use espeak::Espeak;
pub(crate) use http::HttpSpeech;

/// How long a provider may take for one text, its turn included.
const PATIENCE: Duration = Duration::from_secs(20);
/// What spoken texts may take of the memory, in bytes.
const KEPT_BYTES: u64 = 64 << 20;

/// Why a text could not be spoken. The text itself is nobody's business but the caller's.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum SpeechError {
    /// There is no provider.
    #[error("there is nothing that speaks: install espeak-ng, or set speech_url")]
    Nobody,
    /// The provider does not speak the language.
    #[error("{0} is not spoken")]
    Language(String),
    /// The provider failed.
    #[error("the text could not be spoken: {0}")]
    Failed(String),
    /// The provider took too long.
    #[error("the text was not spoken in time")]
    Slow,
}

/// Something that speaks.
#[async_trait]
pub(crate) trait Speech: Send + Sync + std::fmt::Debug {
    /// The voice, as part of what a spoken text is kept by.
    fn voice(&self) -> &str;

    /// Speaks a text in a language, a BCP 47 tag.
    ///
    /// # Errors
    /// [`SpeechError`].
    async fn speak(&self, text: &str, language: &str) -> Result<Audio, SpeechError>;
}

/// What a provider sent, as audio. Reading takes a processor for a while, which requests and calls must not feel.
async fn imported(file: Vec<u8>) -> Result<Audio, SpeechError> {
    let read = tokio::task::spawn_blocking(move || Audio::import(&file)).await;
    let failed = |error: &dyn std::fmt::Display| SpeechError::Failed(error.to_string());
    read.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}

/// Audio as it is played, likewise.
async fn coded(audio: Audio) -> Result<Arc<Clip>, SpeechError> {
    let coded = tokio::task::spawn_blocking(move || Arc::new(Clip::new(&audio))).await;
    coded.map_err(|error| SpeechError::Failed(error.to_string()))
}

/// The speaker that the settings ask for.
pub(crate) async fn speaker(settings: &SpeechSettings) -> Speaker {
    let web = || {
        let url = settings.url.as_deref()?;
        let key = settings.key.as_ref().map(|key| key.expose().to_owned());
        match HttpSpeech::new(url, key, &settings.model, &settings.voice) {
            Ok(speech) => Some(Arc::new(speech) as Arc<dyn Speech>),
            Err(error) => {
                tracing::error!(%error, "the speech service cannot be used");
                None
            }
        }
    };
    let local = async || Espeak::find().await.map(|espeak| Arc::new(espeak) as Arc<dyn Speech>);
    let provider = match settings.provider {
        Some(Provider::Nobody) => None,
        Some(Provider::Http) => web(),
        Some(Provider::Espeak) => local().await,
        None if settings.url.is_some() => web(),
        None => local().await,
    };
    if provider.is_none() && settings.provider != Some(Provider::Nobody) {
        tracing::info!("nobody speaks the texts of flows: install espeak-ng or set speech_url");
    }
    Speaker::new(provider)
}

/// A provider, and what it said before.
#[derive(Debug, Clone)]
pub(crate) struct Speaker {
    provider: Option<Arc<dyn Speech>>,
    said: Cache<(Arc<str>, String, String), Arc<Clip>>,
}

impl Speaker {
    /// Speaks with a provider, or not at all.
    pub(crate) fn new(provider: Option<Arc<dyn Speech>>) -> Self {
        let weigh = |_: &(Arc<str>, String, String), clip: &Arc<Clip>| audio::weight(clip);
        let said = Cache::builder().max_capacity(KEPT_BYTES).weigher(weigh).time_to_idle(Duration::from_secs(86_400));
        Self { provider, said: said.build() }
    }

    /// A text, ready to be played. Callers who want the same at the same time wait for one another.
    ///
    /// # Errors
    /// [`SpeechError`].
    pub(crate) async fn say(&self, text: &str, language: &str) -> Result<Arc<Clip>, Arc<SpeechError>> {
        let provider = self.provider.clone().ok_or(SpeechError::Nobody)?;
        let key = (Arc::from(text), provider.voice().to_owned(), language.to_lowercase());
        self.said
            .try_get_with(key, async {
                match tokio::time::timeout(PATIENCE, provider.speak(text, language)).await {
                    Ok(spoken) => coded(spoken?).await,
                    Err(_) => Err(SpeechError::Slow),
                }
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    #[async_trait]
    impl Speech for Counting {
        fn voice(&self) -> &str {
            "one"
        }

        async fn speak(&self, text: &str, _: &str) -> Result<Audio, SpeechError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if text.is_empty() {
                return Err(SpeechError::Failed("nothing to say".to_owned()));
            }
            Audio::from_samples(&[0; 8_000], 8_000).map_err(|error| SpeechError::Failed(error.to_string()))
        }
    }

    #[tokio::test]
    async fn a_text_is_spoken_once_for_each_language_however_many_ask_and_failures_are_tried_again() {
        let counting = Arc::new(Counting::default());
        let speaker = Speaker::new(Some(counting.clone()));
        let (a, b, c) = tokio::join!(speaker.say("Hi", "en"), speaker.say("Hi", "EN"), speaker.say("Hi", "de"));
        assert!(Arc::ptr_eq(&a.unwrap(), &b.unwrap()) && c.is_ok());
        assert_eq!(counting.0.load(Ordering::SeqCst), 2);
        assert!(speaker.say("", "en").await.is_err() && speaker.say("", "en").await.is_err());
        assert_eq!(counting.0.load(Ordering::SeqCst), 4);
        assert!(matches!(*Speaker::new(None).say("Hi", "en").await.unwrap_err(), SpeechError::Nobody));
    }
}
