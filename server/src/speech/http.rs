//! Speech by a web service with the interface `POST /audio/speech`, which OpenAI and many others have.

use async_trait::async_trait;
use dialplane_signaling::media::audio::Audio;
use reqwest::Client;

use super::{PATIENCE, Speech, SpeechError};

/// The largest answer, in bytes.
const BYTES_MAX: usize = 30 << 20;

/// The service.
#[derive(Clone)]
pub(crate) struct HttpSpeech {
    client: Client,
    url: String,
    key: Option<String>,
    model: String,
    voice: String,
}

impl std::fmt::Debug for HttpSpeech {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpSpeech").field("url", &self.url).field("voice", &self.voice).finish_non_exhaustive()
    }
}

impl HttpSpeech {
    /// The service below `url`, such as `https://api.openai.com/v1`.
    pub(crate) fn new(url: &str, key: Option<String>, model: &str, voice: &str) -> Result<Self, reqwest::Error> {
        let client = Client::builder().timeout(PATIENCE).build()?;
        let url = format!("{}/audio/speech", url.trim_end_matches('/'));
        Ok(Self { client, url, key, model: model.to_owned(), voice: voice.to_owned() })
    }
}

#[async_trait]
impl Speech for HttpSpeech {
    fn voice(&self) -> &str {
        &self.voice
    }

    async fn speak(&self, text: &str, language: &str) -> Result<Audio, SpeechError> {
        // What a service says of a request may hold the text; the status is enough.
        let failed = |error: reqwest::Error| SpeechError::Failed(error.without_url().to_string());
        let body = serde_json::json!({
            "model": self.model, "voice": self.voice, "input": text, "language": language, "response_format": "wav",
        });
        let mut request = self.client.post(&self.url).json(&body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let mut response = request.send().await.map_err(failed)?.error_for_status().map_err(failed)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if bytes.len() + chunk.len() > BYTES_MAX {
                return Err(SpeechError::Failed("the answer is too large".to_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        super::imported(bytes).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Json;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::post;

    use super::*;

    async fn service(status: StatusCode, body: Vec<u8>) -> (HttpSpeech, Arc<Mutex<Vec<serde_json::Value>>>) {
        rustls::crypto::ring::default_provider().install_default().ok();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let answer = move |headers: HeaderMap, Json(json): Json<serde_json::Value>| async move {
            assert_eq!(headers["authorization"], "Bearer key");
            seen.lock().unwrap().push(json);
            (status, body)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/v1/audio/speech", post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (HttpSpeech::new(&url, Some("key".to_owned()), "tts-1", "alloy").unwrap(), asked)
    }

    #[tokio::test]
    async fn a_text_is_asked_for_in_a_voice_and_its_audio_is_taken() {
        let wav = Audio::from_samples(&[1_000; 16_000], 16_000).unwrap().to_wav();
        let (speech, asked) = service(StatusCode::OK, wav).await;
        let audio = speech.speak("Welcome", "en").await.unwrap();
        assert_eq!(audio.length(), std::time::Duration::from_secs(1));
        let asked = asked.lock().unwrap();
        assert_eq!((asked[0]["input"].as_str(), asked[0]["voice"].as_str()), (Some("Welcome"), Some("alloy")));
    }

    #[tokio::test]
    async fn what_is_no_audio_or_no_success_fails_without_the_text() {
        let (speech, _) = service(StatusCode::OK, b"<html>".to_vec()).await;
        assert!(matches!(speech.speak("secret words", "en").await, Err(SpeechError::Failed(_))));
        let (speech, _) = service(StatusCode::TOO_MANY_REQUESTS, Vec::new()).await;
        let error = speech.speak("secret words", "en").await.unwrap_err().to_string();
        assert!(error.contains("429") && !error.contains("secret"), "{error}");
    }
}
