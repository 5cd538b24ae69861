//! Why calls end: ITU-T Q.850 causes, SIP statuses, and the translation between them (RFC 3398 §7.2.4.1 and §8.2.6.1).

/// Why a call, or one party's part in it, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HangupCause {
    /// A party hung up after talking.
    NormalClearing,
    /// The caller gave up before anyone answered.
    Cancelled,
    /// Another phone took the call.
    AnsweredElsewhere,
    /// The number does not exist.
    UnallocatedNumber,
    /// Nobody knows a way to the number.
    NoRoute,
    /// Busy.
    UserBusy,
    /// The phone did not react at all.
    NoUserResponding,
    /// It rang, but nobody answered.
    NoAnswer,
    /// Not registered, or switched off.
    SubscriberAbsent,
    /// Declined.
    CallRejected,
    /// The number has changed.
    NumberChanged,
    /// Sent back to a place it came from, or over too many hops.
    ExchangeRoutingError,
    /// The destination is broken.
    DestinationOutOfOrder,
    /// The number is incomplete or malformed.
    InvalidNumber,
    /// No line is free.
    NoCircuit,
    /// The network does not work.
    NetworkOutOfOrder,
    /// Something failed for the moment.
    TemporaryFailure,
    /// Too much load.
    Congestion,
    /// The call is not allowed.
    NotAllowed,
    /// The request is not understood.
    NotImplemented,
    /// No common media.
    IncompatibleMedia,
    /// An answer did not come in time.
    TimerExpired,
    /// The call reached its longest duration.
    MaxDuration,
    /// The server stops, or an operator ended the call.
    ShutDown,
    /// Anything else.
    Interworking,
}

/// Into which column of a report the end of a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

impl HangupCause {
    /// Every cause.
    pub const ALL: [Self; 25] = [
        Self::NormalClearing,
        Self::Cancelled,
        Self::AnsweredElsewhere,
        Self::UnallocatedNumber,
        Self::NoRoute,
        Self::UserBusy,
        Self::NoUserResponding,
        Self::NoAnswer,
        Self::SubscriberAbsent,
        Self::CallRejected,
        Self::NumberChanged,
        Self::ExchangeRoutingError,
        Self::DestinationOutOfOrder,
        Self::InvalidNumber,
        Self::NoCircuit,
        Self::NetworkOutOfOrder,
        Self::TemporaryFailure,
        Self::Congestion,
        Self::NotAllowed,
        Self::NotImplemented,
        Self::IncompatibleMedia,
        Self::TimerExpired,
        Self::MaxDuration,
        Self::ShutDown,
        Self::Interworking,
    ];

    /// The Q.850 number, as in `Reason: Q.850;cause=16` (RFC 3326).
    pub const fn q850(self) -> u8 {
        match self {
            Self::UnallocatedNumber => 1,
            Self::NoRoute => 3,
            Self::NormalClearing | Self::Cancelled => 16,
            Self::UserBusy => 17,
            Self::NoUserResponding => 18,
            Self::NoAnswer => 19,
            Self::SubscriberAbsent => 20,
            Self::CallRejected => 21,
            Self::NumberChanged => 22,
            Self::ExchangeRoutingError => 25,
            Self::AnsweredElsewhere => 26,
            Self::DestinationOutOfOrder => 27,
            Self::InvalidNumber => 28,
            Self::MaxDuration | Self::ShutDown => 31,
            Self::NoCircuit => 34,
            Self::NetworkOutOfOrder => 38,
            Self::TemporaryFailure => 41,
            Self::Congestion => 42,
            Self::NotAllowed => 57,
            Self::NotImplemented => 79,
            Self::IncompatibleMedia => 88,
            Self::TimerExpired => 102,
            Self::Interworking => 127,
        }
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

    /// The final status a party that waits for an answer gets, 400..=699.
    pub const fn sip_status(self) -> u16 {
        match self {
            Self::UnallocatedNumber | Self::NoRoute => 404,
            Self::NotAllowed => 403,
            Self::NoUserResponding => 408,
            Self::NumberChanged => 410,
            Self::NormalClearing
            | Self::NoAnswer
            | Self::SubscriberAbsent
            | Self::MaxDuration
            | Self::AnsweredElsewhere => 480,
            Self::ExchangeRoutingError => 483,
            Self::InvalidNumber => 484,
            Self::UserBusy => 486,
            Self::Cancelled => 487,
            Self::IncompatibleMedia => 488,
            Self::Interworking => 500,
            Self::NotImplemented => 501,
            Self::DestinationOutOfOrder => 502,
            Self::NoCircuit | Self::NetworkOutOfOrder | Self::TemporaryFailure | Self::Congestion | Self::ShutDown => {
                503
            }
            Self::TimerExpired => 504,
            Self::CallRejected => 603,
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

    /// The column of a report.
    pub const fn bucket(self) -> ResultBucket {
        match self {
            Self::NormalClearing | Self::MaxDuration | Self::AnsweredElsewhere => ResultBucket::Completed,
            Self::Cancelled => ResultBucket::Abandoned,
            Self::UserBusy => ResultBucket::Busy,
            Self::NoUserResponding | Self::NoAnswer | Self::SubscriberAbsent => ResultBucket::NoAnswer,
            Self::CallRejected | Self::NotAllowed => ResultBucket::Rejected,
            Self::UnallocatedNumber | Self::NoRoute | Self::NumberChanged | Self::InvalidNumber => {
                ResultBucket::BadNumber
            }
            Self::ExchangeRoutingError
            | Self::DestinationOutOfOrder
            | Self::NoCircuit
            | Self::NetworkOutOfOrder
            | Self::TemporaryFailure
            | Self::Congestion
            | Self::NotImplemented
            | Self::IncompatibleMedia
            | Self::TimerExpired
            | Self::ShutDown
            | Self::Interworking => ResultBucket::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_final_status_and_keeps_its_bucket_on_the_way_through_sip() {
        for cause in HangupCause::ALL {
            let status = cause.sip_status();
            assert!((400..=699).contains(&status), "{cause:?}");
            let back = HangupCause::from_sip_status(status);
            // These four are not told to a party that still waits, or mean "not now" to it.
            let ours = [
                HangupCause::NormalClearing,
                HangupCause::MaxDuration,
                HangupCause::AnsweredElsewhere,
                HangupCause::Interworking,
            ];
            assert!(ours.contains(&cause) || back.bucket() == cause.bucket(), "{cause:?} -> {status} -> {back:?}");
        }
    }

    #[test]
    fn q850_numbers_lead_back_to_their_cause() {
        let shared = [HangupCause::Cancelled, HangupCause::MaxDuration, HangupCause::ShutDown];
        for cause in HangupCause::ALL.into_iter().filter(|cause| !shared.contains(cause)) {
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
