//! A registration of ours at a carrier, kept alive (RFC 3261 §10.2), without I/O.
//!
//! Owns: when to register, refresh and try again; the Call-ID and the sequence numbers; the proofs of the password; what is told of
//! how it stands. Does not own: transactions, sockets, the address of the carrier.
//!
//! A failed attempt is repeated after a time that grows with each failure and is spread by chance (RFC 5626 §4.5), so a carrier that
//! comes back is not met by everybody at once. What will not help by repeating, above all a wrong password, is repeated so rarely
//! that no carrier takes it for an attack.
//!
//! ```
//! use dialplane_core::id::SeededIds;
//! use dialplane_core::phone::TrunkAccount;
//! use dialplane_core::pii::Secret;
//! use dialplane_signaling::sip::registration::{Addresses, Input, Registration, State};
//! use std::sync::Arc;
//! use std::time::Instant;
//!
//! let account = TrunkAccount {
//!     username: "12025550100".to_owned(),
//!     auth_username: None,
//!     password: Secret::new("secret".to_owned()),
//!     realm: None,
//!     expires_seconds: 600,
//! };
//! let addresses = Addresses {
//!     registrar: "sip:carrier.example".to_owned(),
//!     record: "sip:12025550100@carrier.example".to_owned(),
//!     contact: "sip:12025550100@192.0.2.1:5060".to_owned(),
//! };
//! let now = Instant::now();
//! let mut registration = Registration::new(addresses, account, Arc::new(SeededIds::new(1)));
//! registration.handle(now, Input::Begin);
//! let register = registration.poll_command().unwrap().finish();
//! assert!(register.starts_with(b"REGISTER sip:carrier.example SIP/2.0\r\n"));
//! assert_eq!(registration.status().state, State::Registering);
//! ```

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialplane_core::id::IdSource;
use dialplane_core::phone::TrunkAccount;

use super::digest::Challenged;
use super::wire::{Builder, Message, Method, Name, Uri};

/// The wait after the first failure is up to twice this (`base-time` of RFC 5626 §4.5 where everything has failed).
pub const BACK_OFF: Duration = Duration::from_secs(30);
/// The longest wait after failures (`max-time` of RFC 5626 §4.5), and that after a refusal that stays one.
pub const BACK_OFF_MAX: Duration = Duration::from_secs(1_800);
/// How long before its end a registration is refreshed: time for an attempt that nobody answers (Timer F, RFC 3261 §17.1.2.2) and
/// for one more. A short registration is refreshed at half its time.
pub const MARGIN: Duration = Duration::from_secs(90);
/// Proofs given for one REGISTER: one for the nonce kept from before, one for a fresh one, one should that be stale at once.
const PROOFS_MAX: u8 = 3;
/// The longest registration that a carrier can make us ask for by 423.
const EXPIRES_MAX: u32 = 7 * 86_400;

/// The URIs of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The carrier's registrar: the Request-URI.
    pub registrar: String,
    /// The address of record: the account as others call it.
    pub record: String,
    /// Where calls are to be sent: our own address.
    pub contact: String,
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// Register; or, where an attempt waits for its time, try now.
    Begin,
    /// The final response to the REGISTER under way.
    Response(&'a Message),
    /// The REGISTER under way got no answer, or could not be sent.
    Lost(Trouble),
    /// The account has changed at the same address: register anew.
    Changed(TrunkAccount),
    /// Take the registration back; see [`Registration::is_over`].
    End,
}

/// How a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The first REGISTER is under way.
    Registering,
    /// The carrier sends us calls.
    Registered,
    /// The last REGISTER failed. A registration from before may stand until it expires.
    Failed,
}

impl State {
    /// The word, as sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registering => "registering",
            Self::Registered => "registered",
            Self::Failed => "failed",
        }
    }
}

/// Why a REGISTER failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The carrier did not take the password, or asks for a proof that we cannot give.
    Credentials,
    /// The carrier refused with this status.
    Refused(u16),
    /// Nobody answered.
    Unanswered,
    /// It could not be sent.
    Unreachable,
    /// The carrier's name has no address.
    Unresolved,
}

impl Trouble {
    /// Whether the same REGISTER can be expected to fail again until somebody changes something.
    const fn stays(self) -> bool {
        match self {
            Self::Credentials => true,
            Self::Refused(status) => {
                matches!(status, 400..=407 | 410..=422 | 424..=479 | 482..=499 | 501 | 505 | 600..)
            }
            Self::Unanswered | Self::Unreachable | Self::Unresolved => false,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials => f.write_str("credentials_refused"),
            Self::Refused(status) => write!(f, "refused_{status}"),
            Self::Unanswered => f.write_str("unanswered"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Unresolved => f.write_str("unresolved"),
        }
    }
}

/// How a registration stands, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// How.
    pub state: State,
    /// Since when; `None` before it has begun.
    pub since: Option<Instant>,
    /// When the registration ends unless it is refreshed.
    pub expires_at: Option<Instant>,
    /// Why the last REGISTER failed.
    pub trouble: Option<Trouble>,
}

/// A REGISTER under way.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    /// Whether it takes the registration back.
    leaves: bool,
    /// Proofs given so far.
    proofs: u8,
    /// Whether the last proof was for a nonce that the carrier had just given.
    fresh: bool,
}

/// A registration; see the [module](self).
pub struct Registration {
    addresses: Addresses,
    account: TrunkAccount,
    ids: Arc<dyn IdSource>,
    call_id: String,
    tag: String,
    cseq: u32,
    /// The challenge answered last: its nonce saves a round trip as long as the carrier takes it.
    challenged: Option<Challenged>,
    /// Seconds to ask for.
    expires: u32,
    attempt: Option<Attempt>,
    /// When to send the next REGISTER.
    due: Option<Instant>,
    failures: u32,
    /// Whether the account has changed since the REGISTER under way was sent.
    changed: bool,
    leaving: bool,
    status: Status,
    commands: VecDeque<Builder>,
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Registration {
    /// A registration that has not begun.
    #[must_use]
    pub fn new(addresses: Addresses, account: TrunkAccount, ids: Arc<dyn IdSource>) -> Self {
        Self {
            call_id: ids.token::<12>(),
            tag: ids.token::<8>(),
            expires: account.expires_seconds,
            addresses,
            account,
            ids,
            cseq: 0,
            challenged: None,
            attempt: None,
            due: None,
            failures: 0,
            changed: false,
            leaving: false,
            status: Status { state: State::Registering, since: None, expires_at: None, trouble: None },
            commands: VecDeque::new(),
        }
    }

    /// Takes an input. Inputs that come too late change nothing.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Begin if self.leaving => {}
            Input::Begin => self.send_now(now),
            Input::Response(response) => self.answered(now, response),
            Input::Lost(trouble) => {
                if self.attempt.take().is_some() {
                    self.failed(now, trouble, None);
                }
            }
            Input::Changed(account) => {
                self.expires = account.expires_seconds;
                self.account = account;
                self.challenged = None;
                self.failures = 0;
                self.changed = self.attempt.is_some();
                self.send_now(now);
            }
            Input::End => {
                self.leaving = true;
                self.due = None;
                self.leave();
            }
        }
    }

    /// Lets time pass. Spurious calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.status.expires_at.is_some_and(|at| at <= now) {
            self.status.expires_at = None;
            self.set_state(now, if self.attempt.is_some() { State::Registering } else { State::Failed });
        }
        if self.due.is_some_and(|at| at <= now) {
            self.send_now(now);
        }
    }

    /// The next REGISTER to send, complete but for its Via.
    pub fn poll_command(&mut self) -> Option<Builder> {
        self.commands.pop_front()
    }

    /// When [`Self::handle_timeout`] should be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due.into_iter().chain(self.status.expires_at).min()
    }

    /// How it stands.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Whether it was [ended](Input::End) and nothing more is to be sent or awaited.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.leaving && self.attempt.is_none()
    }

    fn set_state(&mut self, now: Instant, state: State) {
        if self.status.state != state || self.status.since.is_none() {
            (self.status.state, self.status.since) = (state, Some(now));
        }
    }

    /// Sends a REGISTER, unless one is under way: a second one has to wait for the answer (RFC 3261 §10.2).
    fn send_now(&mut self, now: Instant) {
        self.due = None;
        if self.attempt.is_none() && !self.leaving {
            if self.status.expires_at.is_none() {
                self.set_state(now, State::Registering);
            }
            self.send(Attempt { leaves: false, proofs: 0, fresh: false });
        }
    }

    /// Takes the registration back, if there is one and no REGISTER is under way.
    fn leave(&mut self) {
        if self.attempt.is_none() && self.status.expires_at.take().is_some() {
            self.send(Attempt { leaves: true, proofs: 0, fresh: false });
        }
    }

    /// Sends a REGISTER with the next sequence number (RFC 3261 §10.2: same Call-ID, CSeq one higher each time).
    fn send(&mut self, mut attempt: Attempt) {
        self.cseq += 1;
        let Addresses { registrar, record, contact } = &self.addresses;
        let mut request = Builder::request(&Method::Register, registrar)
            .header(Name::MaxForwards, 70)
            .header(Name::From, format_args!("<{record}>;tag={}", self.tag))
            .header(Name::To, format_args!("<{record}>"))
            .header(Name::CallId, &self.call_id)
            .header(Name::CSeq, format_args!("{} REGISTER", self.cseq))
            .header(Name::Contact, format_args!("<{contact}>"))
            .header(Name::Expires, if attempt.leaves { 0 } else { self.expires });
        let cnonce = self.ids.token::<8>();
        let proof = self
            .challenged
            .as_mut()
            .and_then(|challenged| challenged.prove(&self.account, &Method::Register, registrar, b"", &cnonce));
        if let Some((name, value)) = proof {
            request = request.header(name, value);
            attempt.proofs += 1;
        }
        self.attempt = Some(attempt);
        self.commands.push_back(request);
    }

    fn answered(&mut self, now: Instant, response: &Message) {
        let Some(attempt) = self.attempt.take() else { return };
        match response.status().unwrap_or(500) {
            ..200 => self.attempt = Some(attempt),
            200..=299 => self.accepted(now, attempt, response),
            401 | 407 => self.challenged(now, attempt, response),
            423 => match response.min_expires() {
                // Asked for less than the carrier keeps (§10.2.8).
                Some(Ok(least)) if least > self.expires && least <= EXPIRES_MAX && !attempt.leaves => {
                    self.expires = least;
                    self.send(Attempt { proofs: 0, ..attempt });
                }
                _ => self.failed(now, Trouble::Refused(423), None),
            },
            status => {
                let later = response.retry_after().and_then(Result::ok);
                self.failed(now, Trouble::Refused(status), later);
            }
        }
    }

    fn challenged(&mut self, now: Instant, attempt: Attempt, response: &Message) {
        let challenged = Challenged::of(response, &self.account);
        // A proof for a nonce that the carrier has just given was wrong, unless it says otherwise.
        let wrong = attempt.fresh && !challenged.as_ref().is_some_and(Challenged::is_stale);
        match challenged {
            Some(challenged) if !wrong && attempt.proofs < PROOFS_MAX => {
                self.challenged = Some(challenged);
                self.send(Attempt { fresh: true, ..attempt });
            }
            _ => {
                self.challenged = None;
                self.failed(now, Trouble::Credentials, None);
            }
        }
    }

    fn accepted(&mut self, now: Instant, attempt: Attempt, response: &Message) {
        if attempt.leaves {
            return;
        }
        let granted = Duration::from_secs(self.granted(response).into());
        if granted.is_zero() {
            // Registered for no time at all: a carrier that has taken us off its list.
            return self.failed(now, Trouble::Refused(response.status().unwrap_or(200)), None);
        }
        self.failures = 0;
        self.status.trouble = None;
        self.status.expires_at = Some(now + granted);
        self.set_state(now, State::Registered);
        let least = granted.saturating_sub(MARGIN).max(granted / 2);
        // A little earlier by chance: thousands that registered together need not refresh together.
        self.due = Some(now + least.mul_f64(1.0 - self.chance() / 10.0));
        self.go_on(now);
    }

    /// The seconds that a 200 grants our contact (§10.2.4): those of its own, else those of all, else what was asked for.
    fn granted(&self, response: &Message) -> u32 {
        let ours = Uri::parse(&self.addresses.contact);
        let own = response.contacts().filter_map(Result::ok).find_map(|contact| match contact {
            super::wire::Contact::Addr(address) if ours.is_some_and(|ours| ours.equivalent(&address.uri)) => {
                address.expires()
            }
            _ => None,
        });
        own.or_else(|| response.expires().and_then(Result::ok)).unwrap_or(self.expires)
    }

    fn failed(&mut self, now: Instant, trouble: Trouble, retry_after: Option<u32>) {
        self.failures = self.failures.saturating_add(1);
        self.status.trouble = Some(trouble);
        self.set_state(now, State::Failed);
        let wait = match retry_after {
            Some(seconds) => Duration::from_secs(seconds.into()).clamp(Duration::from_secs(1), BACK_OFF_MAX),
            None if trouble.stays() => BACK_OFF_MAX,
            None => BACK_OFF.saturating_mul(1 << self.failures.min(16)).min(BACK_OFF_MAX),
        };
        // 50 to 100 per cent of the growing time (RFC 5626 §4.5); never before what the carrier asked for.
        let share = if retry_after.is_some() { 1.0 + self.chance() / 10.0 } else { 0.5 + self.chance() / 2.0 };
        self.due = Some(now + wait.mul_f64(share));
        self.go_on(now);
    }

    /// What was wanted while a REGISTER was under way.
    fn go_on(&mut self, now: Instant) {
        if self.leaving {
            self.due = None;
            self.leave();
        } else if std::mem::take(&mut self.changed) {
            self.send_now(now);
        }
    }

    /// A number from 0 to 1.
    fn chance(&self) -> f64 {
        let mut bytes = [0; 4];
        self.ids.fill(&mut bytes);
        f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX)
    }
}
