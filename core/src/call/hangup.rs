//! Why a call ended: the side, the cause by Q.850 and the SIP status, and the bucket it counts in.

use serde::{Deserialize, Serialize};

use super::CallStatus;

/// Who ended the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Whoever placed the call.
    Caller,
    /// Whoever was called.
    Callee,
    /// Dialplane itself.
    System,
}

/// How a call went, in one word, for figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultBucket {
    /// It went as calls go.
    Success,
    /// The callers' doing: a wrong number, a rejection.
    ClientError,
    /// Our own fault.
    ServerError,
    /// The carrier's or the other side's fault.
    UpstreamError,
}

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $q850:literal, $sip:literal, $status:ident, $bucket:ident;)*) => {
        /// Why a call ended. The numbers are ITU-T Q.850 causes, mapped to SIP as RFC 3398 §8.2.6 does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum HangupCause { $($(#[$doc])* $name,)* }

        impl HangupCause {
            /// Every cause.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// The word, as stored and sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $word,)* } }
            /// The Q.850 cause value.
            #[must_use]
            pub const fn q850(self) -> u8 { match self { $(Self::$name => $q850,)* } }
            /// The SIP status that a caller who is still waiting is given.
            #[must_use]
            pub const fn sip_status(self) -> u16 { match self { $(Self::$name => $sip,)* } }
            /// How a call that ended before an answer is logged.
            #[must_use]
            pub const fn unanswered_status(self) -> CallStatus { match self { $(Self::$name => CallStatus::$status,)* } }
            /// The bucket it counts in.
            #[must_use]
            pub const fn bucket(self) -> ResultBucket { match self { $(Self::$name => ResultBucket::$bucket,)* } }
        }
    };
}

causes! {
    /// Somebody hung up after talking.
    NormalClearing = "normal_clearing", 16, 480, Failed, Success;
    /// The number does not exist.
    UnallocatedNumber = "unallocated_number", 1, 404, Failed, ClientError;
    /// There is no way to the destination: no trunk, no route.
    NoRoute = "no_route", 3, 404, Failed, ClientError;
    /// The called party is busy.
    UserBusy = "user_busy", 17, 486, Busy, Success;
    /// No phone of the called party can be reached.
    NotReachable = "not_reachable", 18, 480, Failed, ClientError;
    /// It rang and nobody answered.
    NoAnswer = "no_answer", 19, 480, NoAnswer, Success;
    /// The called party declined.
    Rejected = "call_rejected", 21, 603, Busy, Success;
    /// Whoever placed the call hung up before an answer.
    OriginatorCancel = "originator_cancel", 16, 487, Cancelled, Success;
    /// The other side and we have no codec in common, or the session description is wrong.
    IncompatibleMedia = "incompatible_media", 88, 488, Failed, ClientError;
    /// A rule forbids the call.
    NotPermitted = "not_permitted", 57, 403, Failed, ClientError;
    /// The other side failed.
    UpstreamFailure = "upstream_failure", 38, 502, Failed, UpstreamError;
    /// The other side did not answer our signalling.
    UpstreamTimeout = "upstream_timeout", 102, 408, Failed, UpstreamError;
    /// No audio arrived for too long.
    MediaTimeout = "media_timeout", 41, 480, Failed, UpstreamError;
    /// We have no room: ports, calls.
    Congestion = "congestion", 42, 503, Failed, ServerError;
    /// A fault of ours.
    InternalError = "internal_error", 41, 500, Failed, ServerError;
    /// We are stopping.
    Shutdown = "shutdown", 41, 503, Failed, ServerError;
    /// An admin ended the call.
    AdminHangup = "admin_hangup", 16, 480, Cancelled, Success;
    /// The process that carried the call died.
    NodeLost = "node_lost", 41, 500, Failed, ServerError;
}

impl HangupCause {
    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.as_str() == word)
    }

    /// The cause behind a final SIP status of 300 and above (RFC 3398 §7.2.6.1).
    #[must_use]
    pub const fn from_sip_status(status: u16) -> Self {
        match status {
            404 | 410 | 484 | 485 | 604 => Self::UnallocatedNumber,
            486 | 600 => Self::UserBusy,
            480 | 430 => Self::NotReachable,
            487 => Self::OriginatorCancel,
            603 => Self::Rejected,
            406 | 415 | 488 | 606 => Self::IncompatibleMedia,
            401 | 402 | 403 | 407 => Self::NotPermitted,
            408 | 504 => Self::UpstreamTimeout,
            503 => Self::Congestion,
            _ => Self::UpstreamFailure,
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hangup {
    /// Who ended it.
    pub side: Side,
    /// Why.
    pub cause: HangupCause,
    /// The SIP status that was received or given, when there was one.
    #[serde(rename = "sipStatus")]
    pub sip_status: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_and_unanswered_calls_end_in_a_final_status() {
        for cause in HangupCause::ALL {
            assert_eq!(HangupCause::from_word(cause.as_str()), Some(*cause));
            assert!(cause.unanswered_status().is_final() && cause.unanswered_status() != CallStatus::Completed);
            assert!((400..700).contains(&cause.sip_status()));
        }
    }

    #[test]
    fn every_final_sip_status_has_a_cause() {
        for status in 300..700 {
            let cause = HangupCause::from_sip_status(status);
            assert_ne!(cause, HangupCause::NormalClearing);
        }
        assert_eq!(HangupCause::from_sip_status(486), HangupCause::UserBusy);
    }
}
