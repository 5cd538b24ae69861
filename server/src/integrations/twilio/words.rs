//! Twilio's words: statuses, instants, and the reasons it gives for refusing a call.

use chrono::{DateTime, Utc};
use dialplane_core::call::HangupCause;
use dialplane_core::call::carrier::EndStatus;

/// What a status of Twilio's is to us; `None` for a word that is none of its statuses.
pub(super) fn status(word: &str, sip_status: Option<u16>) -> Option<EndStatus> {
    Some(match word {
        "queued" | "initiated" => EndStatus::Initiated,
        "ringing" => EndStatus::Ringing,
        "in-progress" => EndStatus::InProgress,
        "completed" => EndStatus::Completed,
        "busy" => EndStatus::Unanswered(HangupCause::UserBusy),
        "no-answer" => EndStatus::Unanswered(HangupCause::NoAnswer),
        "canceled" => EndStatus::Unanswered(HangupCause::Cancelled),
        "failed" => EndStatus::Unanswered(
            sip_status.filter(|code| *code >= 300).map_or(HangupCause::TemporaryFailure, HangupCause::from_sip_status),
        ),
        _ => return None,
    })
}

/// An instant as Twilio writes it (RFC 2822).
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|at| at.with_timezone(&Utc))
}

/// Why Twilio refused a call, by the code of its error.
pub(super) const fn refusal(code: Option<u32>, status: u16) -> HangupCause {
    match code {
        // Invalid, or not reachable by telephone.
        Some(13_223 | 13_224 | 21_201 | 21_211 | 21_214 | 21_217 | 21_401) => HangupCause::InvalidNumber,
        // A number that is not ours to show, a country that is closed, an account without money.
        Some(10_001..=10_005 | 20_003 | 21_210 | 21_212 | 21_213 | 21_215 | 21_216 | 21_219) => HangupCause::NotAllowed,
        _ if matches!(status, 401..=403) => HangupCause::NotAllowed,
        _ => HangupCause::TemporaryFailure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_twilios_has_its_meaning() {
        let unanswered = |word, sip| match status(word, sip) {
            Some(EndStatus::Unanswered(cause)) => cause,
            other => panic!("{word}: {other:?}"),
        };
        assert_eq!(status("queued", None), Some(EndStatus::Initiated));
        assert_eq!(status("in-progress", None), Some(EndStatus::InProgress));
        assert_eq!(status("completed", Some(200)), Some(EndStatus::Completed));
        assert_eq!(unanswered("failed", Some(404)), HangupCause::UnallocatedNumber);
        assert_eq!(unanswered("failed", Some(200)), HangupCause::TemporaryFailure);
        assert_eq!(unanswered("failed", None), HangupCause::TemporaryFailure);
        assert_eq!(unanswered("busy", Some(486)), HangupCause::UserBusy);
        assert_eq!(unanswered("no-answer", None), HangupCause::NoAnswer);
        assert_eq!(unanswered("canceled", None), HangupCause::Cancelled);
        assert_eq!((status("paused", None), status("", None)), (None, None));
    }

    #[test]
    fn instants_are_read_as_they_are_written() {
        let read = instant("Tue, 18 Aug 2026 20:52:40 +0000").unwrap();
        assert_eq!(read.to_rfc3339(), "2026-08-18T20:52:40+00:00");
        assert_eq!(instant("yesterday"), None);
    }
}
