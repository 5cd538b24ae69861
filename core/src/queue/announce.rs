//! What waiting callers are told: their place in the line and how long it may still take, in words.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What waiting callers are told from time to time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announce {
    /// Seconds from one announcement to the next: 10 to 3,600. The first is made when a caller has to wait.
    pub every_seconds: u32,
    /// Whether callers are told their place in the line.
    #[serde(default)]
    pub position: bool,
    /// Whether they are told how long it may take, once the queue has experience.
    #[serde(default)]
    pub wait: bool,
    /// A recording of the company that is played before, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
}

/// A place in the line that is told as "many" beyond it: counting costs time for each place.
pub const POSITION_MAX: u32 = 100;

/// A text and the language it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// The text.
    pub text: String,
    /// A BCP 47 tag.
    pub language: String,
}

/// The texts of a language; `{}` is where the number goes.
struct Texts {
    family: &'static str,
    next: &'static str,
    position: &'static str,
    far: &'static str,
    minute: &'static str,
    minutes: &'static str,
    busy: &'static str,
    callback: &'static str,
    no_callback: &'static str,
}

/// English first: it stands in for languages without texts.
const TEXTS: [Texts; 4] = [
    Texts {
        family: "en",
        next: "You are next in line.",
        position: "You are number {} in line.",
        far: "There are more than {} callers before you.",
        minute: "Most callers like you wait no longer than one minute.",
        minutes: "Most callers like you wait no longer than {} minutes.",
        busy: "We are sorry, nobody can take your call now. Please call again later.",
        callback: "Thank you. We will call you back. Good bye.",
        no_callback: "We are sorry, your number cannot be called back. Please stay on the line.",
    },
    Texts {
        family: "de",
        next: "Sie sind als Nächstes an der Reihe.",
        position: "Sie sind an Position {} der Warteschlange.",
        far: "Vor Ihnen warten mehr als {} Anrufer.",
        minute: "Die meisten Anrufer warten nicht länger als eine Minute.",
        minutes: "Die meisten Anrufer warten nicht länger als {} Minuten.",
        busy: "Es tut uns leid, im Moment kann niemand Ihren Anruf annehmen. Bitte rufen Sie später noch einmal an.",
        callback: "Vielen Dank. Wir rufen Sie zurück. Auf Wiederhören.",
        no_callback: "Es tut uns leid, Ihre Nummer können wir nicht zurückrufen. Bitte bleiben Sie in der Leitung.",
    },
    Texts {
        family: "es",
        next: "Usted es el siguiente en la cola.",
        position: "Usted es el número {} en la cola.",
        far: "Hay más de {} llamadas antes de la suya.",
        minute: "La mayoría de las llamadas espera como máximo un minuto.",
        minutes: "La mayoría de las llamadas espera como máximo {} minutos.",
        busy: "Lo sentimos, ahora nadie puede atender su llamada. Por favor, llame más tarde.",
        callback: "Gracias. Le devolveremos la llamada. Adiós.",
        no_callback: "Lo sentimos, no podemos devolver la llamada a su número. Por favor, no cuelgue.",
    },
    Texts {
        family: "fr",
        next: "Vous êtes le prochain dans la file.",
        position: "Vous êtes en position {} dans la file.",
        far: "Il y a plus de {} appels avant le vôtre.",
        minute: "La plupart des appels attendent au plus une minute.",
        minutes: "La plupart des appels attendent au plus {} minutes.",
        busy: "Nous sommes désolés, personne ne peut prendre votre appel maintenant. Merci de rappeler plus tard.",
        callback: "Merci. Nous vous rappellerons. Au revoir.",
        no_callback: "Nous sommes désolés, votre numéro ne peut pas être rappelé. Merci de rester en ligne.",
    },
];

/// Something to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saying {
    /// The place in the line: 1 is next. Beyond [`POSITION_MAX`] no number is told.
    Position(u32),
    /// How long callers before wait at most, all but one in ten of them: see [`minutes`].
    Wait(Duration),
    /// Nobody can take the call.
    Busy,
    /// The caller will be called back.
    Callback,
    /// The caller cannot be called back on their number, and waits on.
    NoCallback,
}

impl Saying {
    /// In words of a language. One without texts is spoken to in English.
    #[must_use]
    pub fn in_language(self, language: &str) -> Phrase {
        let family = language.split('-').next().unwrap_or_default();
        let [english, ..] = &TEXTS;
        let (texts, language) = match TEXTS.iter().find(|texts| texts.family.eq_ignore_ascii_case(family)) {
            Some(texts) => (texts, language),
            None => (english, english.family),
        };
        let with = |text: &str, number: u32| text.replace("{}", &number.to_string());
        let text = match self {
            Self::Position(0 | 1) => texts.next.to_owned(),
            Self::Position(place) if place > POSITION_MAX => with(texts.far, POSITION_MAX),
            Self::Position(place) => with(texts.position, place),
            Self::Wait(wait) => match minutes(wait) {
                1 => texts.minute.to_owned(),
                more => with(texts.minutes, more),
            },
            Self::Busy => texts.busy.to_owned(),
            Self::Callback => texts.callback.to_owned(),
            Self::NoCallback => texts.no_callback.to_owned(),
        };
        Phrase { text, language: language.to_owned() }
    }
}

/// Whole minutes, rounded up: what is told must not be less than what is expected. At least one.
#[must_use]
pub fn minutes(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(60_000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_waits_are_told_in_the_language_or_in_english() {
        let say = |saying: Saying, language: &str| {
            let Phrase { text, language } = saying.in_language(language);
            format!("{language}: {text}")
        };
        assert_eq!(say(Saying::Position(3), "en"), "en: You are number 3 in line.");
        assert_eq!(say(Saying::Position(1), "DE-at"), "DE-at: Sie sind als Nächstes an der Reihe.");
        assert_eq!(say(Saying::Position(101), "fr"), "fr: Il y a plus de 100 appels avant le vôtre.");
        assert_eq!(
            say(Saying::Wait(Duration::from_secs(90)), "tlh"),
            "en: Most callers like you wait no longer than 2 minutes."
        );
        for texts in &TEXTS {
            let numbered = [texts.position, texts.far, texts.minutes].iter().all(|text| text.contains("{}"));
            let plain = [texts.next, texts.minute, texts.busy, texts.callback, texts.no_callback];
            let plain = plain.iter().any(|text| text.contains('{'));
            assert!(numbered && !plain, "{}", texts.family);
        }
    }

    #[test]
    fn waits_are_rounded_up_to_minutes() {
        let told = |millis| minutes(Duration::from_millis(millis));
        assert_eq!([0, 1, 60_000, 60_001, 600_000].map(told), [1, 1, 1, 2, 10]);
        assert_eq!(minutes(Duration::MAX), u32::MAX);
    }
}
