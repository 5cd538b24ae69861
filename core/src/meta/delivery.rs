//! What Meta delivered, and when it is asked for what a person filled in.

use chrono::{DateTime, TimeDelta, Utc};

use super::MetaRefused;
use crate::clock::doubled;
use crate::id::{CompanyId, LeadId};

/// The most characters of an id of Meta's.
pub const REF_MAX: usize = 64;
/// How long what a person filled in is asked for.
pub const GIVE_UP_AFTER: TimeDelta = TimeDelta::days(7);
/// The longest pause between two attempts, jitter aside.
const PAUSE_MAX: TimeDelta = TimeDelta::hours(1);

/// Reads an id of Meta's: a word, in practice of digits.
///
/// # Errors
/// [`MetaRefused::BadRef`] names `field`.
pub fn meta_ref(field: &'static str, text: &str) -> Result<String, MetaRefused> {
    let text = text.trim();
    let fits = (1..=REF_MAX).contains(&text.len());
    if fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
        Ok(text.to_owned())
    } else {
        Err(MetaRefused::BadRef(field))
    }
}

/// Whose app signed a delivery: only its own tokens may open what was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedBy {
    /// The server's.
    Server,
    /// The company's own.
    Company,
}

impl SignedBy {
    /// The word, as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Company => "company",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Server, Self::Company].into_iter().find(|by| by.as_str() == word)
    }
}

/// A lead as it is delivered: ids only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Meta's id of the lead.
    pub lead_id: String,
    /// Their page.
    pub page_id: Option<String>,
    /// The form that was filled in.
    pub form_id: Option<String>,
    /// The advertisement.
    pub ad_id: Option<String>,
    /// When the person sent it.
    pub submitted_at: Option<DateTime<Utc>>,
    /// Whose app signed it.
    pub signed_by: SignedBy,
}

/// A delivery and what became of it. A company has at most one with the same id of Meta's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaLead {
    /// The company.
    pub company: CompanyId,
    /// What was delivered.
    pub arrival: Arrival,
    /// When it came first.
    pub received_at: DateTime<Utc>,
    /// How often Meta was asked for it in vain.
    pub attempts: u32,
    /// When Meta is asked for it next; nobody asks any more when absent.
    pub due_at: Option<DateTime<Utc>>,
    /// What kept the last attempt from succeeding.
    pub fault: Option<String>,
    /// The lead that was made of it.
    pub lead: Option<LeadId>,
}

impl MetaLead {
    /// A delivery that has just come.
    #[must_use]
    pub const fn new(company: CompanyId, arrival: Arrival, now: DateTime<Utc>) -> Self {
        Self { company, arrival, received_at: now, attempts: 0, due_at: Some(now), fault: None, lead: None }
    }

    /// After a lead was made of it.
    #[must_use]
    pub fn taken(self, lead: LeadId) -> Self {
        Self { due_at: None, fault: None, lead: Some(lead), ..self }
    }

    /// After an attempt in vain: it is asked for again after `pause`, or never when it came too long ago.
    #[must_use]
    pub fn deferred(self, fault: String, pause: TimeDelta, now: DateTime<Utc>) -> Self {
        let waits = now < self.received_at + GIVE_UP_AFTER;
        let due_at = now.checked_add_signed(pause).filter(|_| waits);
        Self { attempts: self.attempts.saturating_add(1), due_at, fault: Some(fault), ..self }
    }
}

/// How long to wait after `attempts` in vain: twice as long each time, from a second to an hour, a quarter more or less by `chance`
/// (0 to 1), and no shorter than `asked`, which is what Meta asked for (an hour of it at most).
#[must_use]
pub fn retry_after(attempts: u32, chance: f64, asked: Option<TimeDelta>) -> TimeDelta {
    let pause = doubled(TimeDelta::seconds(1), attempts, PAUSE_MAX);
    let millis = pause.num_milliseconds() as f64 * (0.75 + chance.clamp(0.0, 1.0) / 2.0);
    TimeDelta::milliseconds(millis as i64).max(asked.unwrap_or_default().min(PAUSE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};

    #[test]
    fn pauses_double_up_to_an_hour_and_are_as_long_as_meta_asks() {
        let seconds = |attempts, chance, asked| retry_after(attempts, chance, asked).num_milliseconds();
        assert_eq!((seconds(0, 0.5, None), seconds(3, 0.5, None)), (1_000, 8_000));
        assert_eq!((seconds(0, 0.0, None), seconds(0, 1.0, None)), (750, 1_250));
        assert_eq!(seconds(u32::MAX, 0.5, None), 3_600_000);
        assert_eq!(seconds(0, 0.5, Some(TimeDelta::seconds(30))), 30_000);
        assert_eq!(seconds(0, 0.5, Some(TimeDelta::days(30))), 3_600_000);
    }

    #[test]
    fn asking_ends_after_a_week_and_with_a_lead() {
        let ids = SeededIds::new(1);
        let ids: &dyn IdSource = &ids;
        let now: DateTime<Utc> = "2026-03-01T00:00:00Z".parse().unwrap();
        let arrival = Arrival {
            lead_id: "1".to_owned(),
            page_id: None,
            form_id: None,
            ad_id: None,
            submitted_at: None,
            signed_by: SignedBy::Server,
        };
        let lead = MetaLead::new(ids.id(now), arrival, now);
        assert_eq!(lead.due_at, Some(now));
        let again = lead.deferred("down".to_owned(), TimeDelta::seconds(2), now);
        assert_eq!((again.due_at, again.attempts), (Some(now + TimeDelta::seconds(2)), 1));
        let late = again.clone().deferred("down".to_owned(), TimeDelta::hours(1), now + TimeDelta::days(7));
        assert_eq!((late.due_at, late.attempts, late.fault.as_deref()), (None, 2, Some("down")));
        let taken = again.taken(ids.id(now));
        assert_eq!((taken.due_at, taken.fault, taken.lead.is_some()), (None, None, true));
    }

    #[test]
    fn ids_are_words() {
        assert_eq!(meta_ref("lead_id", " 123 "), Ok("123".to_owned()));
        for bad in ["", " ", "1/2", "../me", "é", "a b", &"1".repeat(65)] {
            assert_eq!(meta_ref("lead_id", bad), Err(MetaRefused::BadRef("lead_id")), "{bad}");
        }
    }
}
