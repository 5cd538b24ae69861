//! Speech by the program `espeak-ng`, where it is installed.

use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use dialplane_signaling::media::audio::Audio;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::{Speech, SpeechError};

/// Texts spoken at once: each takes a processor.
const AT_ONCE: usize = 2;
/// The most audio of one text, in bytes: ten minutes of 22,050 Hz.
const BYTES_MAX: u64 = 30 << 20;

/// The program.
#[derive(Debug)]
pub(crate) struct Espeak {
    turns: Arc<Semaphore>,
}

impl Espeak {
    /// The program, when this machine has it.
    pub(crate) async fn find() -> Option<Self> {
        let mut version = Command::new("espeak-ng");
        version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        let found = version.status().await.is_ok_and(|status| status.success());
        found.then(|| Self { turns: Arc::new(Semaphore::new(AT_ONCE)) })
    }
}

#[async_trait]
impl Speech for Espeak {
    fn voice(&self) -> &str {
        "espeak-ng"
    }

    async fn speak(&self, text: &str, language: &str) -> Result<Audio, SpeechError> {
        let failed = |error: std::io::Error| SpeechError::Failed(error.to_string());
        // A tag of letters, digits and hyphens; nothing else may become an argument.
        let is_tag = language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_tag || !language.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Err(SpeechError::Language(language.to_owned()));
        }
        let turn = self.turns.acquire().await.map_err(|_| SpeechError::Slow)?;
        let mut child = Command::new("espeak-ng")
            .args(["-v", &language.to_lowercase(), "--stdin", "--stdout"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(SpeechError::Failed("espeak-ng cannot be talked to".to_owned()));
        };
        let mut wav = Vec::new();
        let mut output = output.take(BYTES_MAX);
        let write = async {
            input.write_all(text.as_bytes()).await?;
            drop(input);
            Ok(())
        };
        tokio::try_join!(write, output.read_to_end(&mut wav)).map_err(failed)?;
        let status = child.wait().await.map_err(failed)?;
        if !status.success() {
            return Err(SpeechError::Language(language.to_owned()));
        }
        drop(turn);
        // To a pipe the program writes lengths it does not know yet.
        repair(&mut wav);
        super::imported(wav).await
    }
}

/// Writes the lengths of a WAV file of one chunk of audio into its header.
fn repair(wav: &mut [u8]) {
    let length = u32::try_from(wav.len()).unwrap_or(u32::MAX);
    if let Some(riff) = wav.get_mut(4..8) {
        riff.copy_from_slice(&length.saturating_sub(8).to_le_bytes());
    }
    if let Some(data) = wav.get_mut(40..44) {
        data.copy_from_slice(&length.saturating_sub(44).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_text_becomes_speech_of_a_fitting_length_and_an_unknown_language_is_told() {
        let Some(espeak) = Espeak::find().await else { panic!("espeak-ng is installed by make test") };
        let short = espeak.speak("Welcome.", "en").await.unwrap();
        let long = espeak
            .speak("Welcome to the clinic. Please listen carefully, and choose one of the following.", "en")
            .await
            .unwrap();
        assert!(short.length() > Duration::from_millis(300) && long.length() > short.length() * 3);
        assert!(short.samples().iter().any(|sample| sample.unsigned_abs() > 2_000));
        assert!(espeak.speak("Guten Tag", "de").await.is_ok());
        for language in ["xx-nowhere", "-w", "en;ls", ""] {
            assert!(matches!(espeak.speak("x", language).await, Err(SpeechError::Language(_))), "{language}");
        }
    }
}
