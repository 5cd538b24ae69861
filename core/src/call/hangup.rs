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

/// Into which column of a report the end of a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultBucket {
    /// The parties talked, or could have.
    Completed,
    /// The caller gave up.
    Abandoned,
    /// Busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// Declined or not allowed.
    Rejected,
    /// A number nobody can be reached at.
    BadNumber,
    /// The network or we failed.
    Failed,
}

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $q850:literal, $sip:literal, $status:ident, $bucket:ident;)*) => {
        /// Why a call ended. The numbers are ITU-T Q.850 causes, mapped to SIP as RFC 3398 does (§7.2.4.1, §8.2.6.1).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// A party hung up after talking.
    NormalClearing = "normal_clearing", 16, 480, NoAnswer, Completed;
    /// The caller gave up before anyone answered.
    Cancelled = "cancelled", 16, 487, Cancelled, Abandoned;
    /// Another phone took the call.
    AnsweredElsewhere = "answered_elsewhere", 26, 480, Cancelled, Completed;
    /// The number does not exist.
    UnallocatedNumber = "unallocated_number", 1, 404, Failed, BadNumber;
    /// Nobody knows a way to the number.
    NoRoute = "no_route", 3, 404, Failed, BadNumber;
    /// Busy.
    UserBusy = "user_busy", 17, 486, Busy, Busy;
    /// The phone did not react at all.
    NoUserResponding = "no_user_responding", 18, 408, Failed, NoAnswer;
    /// It rang, but nobody answered.
    NoAnswer = "no_answer", 19, 480, NoAnswer, NoAnswer;
    /// Not registered, or switched off.
    SubscriberAbsent = "subscriber_absent", 20, 480, Failed, NoAnswer;
    /// Declined.
    CallRejected = "call_rejected", 21, 603, Busy, Rejected;
    /// The number has changed.
    NumberChanged = "number_changed", 22, 410, Failed, BadNumber;
    /// Sent back to a place it came from, or over too many hops.
    ExchangeRoutingError = "exchange_routing_error", 25, 483, Failed, Failed;
    /// The destination is broken.
    DestinationOutOfOrder = "destination_out_of_order", 27, 502, Failed, Failed;
    /// The number is incomplete or malformed.
    InvalidNumber = "invalid_number", 28, 484, Failed, BadNumber;
    /// No line is free.
    NoCircuit = "no_circuit", 34, 503, Failed, Failed;
    /// The network does not work.
    NetworkOutOfOrder = "network_out_of_order", 38, 503, Failed, Failed;
    /// Something failed for the moment.
    TemporaryFailure = "temporary_failure", 41, 503, Failed, Failed;
    /// Too much load.
    Congestion = "congestion", 42, 503, Failed, Failed;
    /// The call is not allowed.
    NotAllowed = "not_allowed", 57, 403, Failed, Rejected;
    /// The request is not understood.
    NotImplemented = "not_implemented", 79, 501, Failed, Failed;
    /// No common media.
    IncompatibleMedia = "incompatible_media", 88, 488, Failed, Failed;
    /// An answer did not come in time.
    TimerExpired = "timer_expired", 102, 504, Failed, Failed;
    /// The call reached its longest duration.
    MaxDuration = "max_duration", 31, 480, Failed, Completed;
    /// The server stops, or an operator ended the call.
    ShutDown = "shut_down", 31, 503, Failed, Failed;
    /// Anything else.
    Interworking = "interworking", 127, 500, Failed, Failed;
    /// No audio arrived for too long.
    MediaTimeout = "media_timeout", 41, 480, Failed, Failed;
    /// An operator ended the call.
    AdminHangup = "admin_hangup", 16, 480, Cancelled, Completed;
    /// The process that carried the call died.
    NodeLost = "node_lost", 41, 500, Failed, Failed;
}

impl HangupCause {
    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.as_str() == word)
    }

    /// The cause behind a Q.850 number; numbers without a cause of their own go to the class they belong to (Q.850 table 1).
    pub const fn from_q850(number: u8) -> Self {
        match number {
            1 => Self::UnallocatedNumber,
            2 | 3 => Self::NoRoute,
            17 => Self::UserBusy,
            18 => Self::NoUserResponding,
            19 => Self::NoAnswer,
            20 => Self::SubscriberAbsent,
            21 => Self::CallRejected,
            22 | 23 => Self::NumberChanged,
            25 => Self::ExchangeRoutingError,
            26 => Self::AnsweredElsewhere,
            27 => Self::DestinationOutOfOrder,
            28 => Self::InvalidNumber,
            34 => Self::NoCircuit,
            38 => Self::NetworkOutOfOrder,
            42 | 44 | 47 => Self::Congestion,
            0..=31 => Self::NormalClearing,
            32..=49 => Self::TemporaryFailure,
            50 | 52..=57 | 87 => Self::NotAllowed,
            51 | 58 | 59..=63 => Self::NoCircuit,
            65 | 70 | 88 => Self::IncompatibleMedia,
            64..=79 => Self::NotImplemented,
            102 => Self::TimerExpired,
            _ => Self::Interworking,
        }
    }

    /// The cause behind a final status other than 2xx.
    pub const fn from_sip_status(status: u16) -> Self {
        match status {
            404 | 485 | 604 => Self::UnallocatedNumber,
            401..=403 | 407 => Self::NotAllowed,
            405 | 406 | 415 | 501 => Self::NotImplemented,
            408 => Self::NoUserResponding,
            410 | 301 => Self::NumberChanged,
            480 => Self::NoAnswer,
            482 | 483 => Self::ExchangeRoutingError,
            484 => Self::InvalidNumber,
            486 | 600 => Self::UserBusy,
            487 => Self::Cancelled,
            488 | 606 => Self::IncompatibleMedia,
            502 => Self::DestinationOutOfOrder,
            504 => Self::TimerExpired,
            603 | 607 | 608 => Self::CallRejected,
            400 | 481 | 500 | 503 => Self::TemporaryFailure,
            _ => Self::Interworking,
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
        for cause in HangupCause::ALL.iter().copied() {
            assert_eq!(HangupCause::from_word(cause.as_str()), Some(cause));
            assert!(cause.unanswered_status().is_final() && cause.unanswered_status() != CallStatus::Completed);
        }
    }

    #[test]
    fn every_cause_has_a_final_status_and_keeps_its_bucket_on_the_way_through_sip() {
        for cause in HangupCause::ALL.iter().copied() {
            let status = cause.sip_status();
            assert!((400..=699).contains(&status), "{cause:?}");
            let back = HangupCause::from_sip_status(status);
            // These are not told to a party that still waits, or mean "not now" to it.
            let ours = [
                HangupCause::NormalClearing,
                HangupCause::MaxDuration,
                HangupCause::AnsweredElsewhere,
                HangupCause::Interworking,
                HangupCause::MediaTimeout,
                HangupCause::AdminHangup,
                HangupCause::NodeLost,
            ];
            assert!(ours.contains(&cause) || back.bucket() == cause.bucket(), "{cause:?} -> {status} -> {back:?}");
        }
    }

    #[test]
    fn q850_numbers_lead_back_to_their_cause() {
        let shared = [
            HangupCause::Cancelled,
            HangupCause::MaxDuration,
            HangupCause::ShutDown,
            HangupCause::MediaTimeout,
            HangupCause::AdminHangup,
            HangupCause::NodeLost,
        ];
        for cause in HangupCause::ALL.iter().copied().filter(|cause| !shared.contains(cause)) {
            assert_eq!(HangupCause::from_q850(cause.q850()), cause);
        }
        assert_eq!(HangupCause::from_q850(16), HangupCause::NormalClearing);
        assert_eq!(HangupCause::from_q850(200), HangupCause::Interworking);
    }

    #[test]
    fn the_statuses_phones_send_most_are_told_apart() {
        for (status, bucket) in [
            (486, ResultBucket::Busy),
            (600, ResultBucket::Busy),
            (480, ResultBucket::NoAnswer),
            (408, ResultBucket::NoAnswer),
            (487, ResultBucket::Abandoned),
            (603, ResultBucket::Rejected),
            (403, ResultBucket::Rejected),
            (404, ResultBucket::BadNumber),
            (503, ResultBucket::Failed),
            (488, ResultBucket::Failed),
        ] {
            assert_eq!(HangupCause::from_sip_status(status).bucket(), bucket, "{status}");
        }
    }
}
