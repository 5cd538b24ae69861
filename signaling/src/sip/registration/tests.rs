use super::*;
use crate::sip::digest::{Algorithm, Credentials, Ha1};
use crate::sip::wire::Limits;
use dialplane_core::id::SeededIds;
use dialplane_core::pii::Secret;

const CONTACT: &str = "<sip:alice@192.0.2.1:5060>";

fn account(password: &str) -> TrunkAccount {
    TrunkAccount {
        username: "alice".into(),
        auth_username: None,
        password: Secret::new(password.into()),
        realm: None,
        expires_seconds: 600,
    }
}

/// A registration and the carrier's side of it.
struct Desk {
    registration: Registration,
    now: Instant,
}

impl Desk {
    fn new(seed: u64) -> Self {
        let addresses = Addresses {
            registrar: "sip:carrier.example".into(),
            record: "sip:alice@carrier.example".into(),
            contact: "sip:alice@192.0.2.1:5060".into(),
        };
        let registration = Registration::new(addresses, account("right"), Arc::new(SeededIds::new(seed)));
        Self { registration, now: Instant::now() }
    }

    fn begun(seed: u64) -> Self {
        let mut desk = Self::new(seed);
        desk.tell(Input::Begin);
        desk
    }

    fn tell(&mut self, input: Input<'_>) {
        self.registration.handle(self.now, input);
    }

    /// The only REGISTER that is to be sent.
    #[track_caller]
    fn sent(&mut self) -> Message {
        let bytes = self.registration.poll_command().expect("a REGISTER").finish();
        assert!(self.registration.poll_command().is_none(), "one at a time");
        Message::parse(bytes, &Limits::default()).unwrap()
    }

    fn answer(&mut self, status: u16, headers: &str) {
        let text = format!("SIP/2.0 {status} X\r\n{headers}Content-Length: 0\r\n\r\n");
        let response = Message::parse(text.into(), &Limits::default()).unwrap();
        self.tell(Input::Response(&response));
    }

    fn challenge(&mut self, nonce: &str, more: &str) {
        let challenge = format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"{more}\r\n");
        self.answer(401, &challenge);
    }

    fn accept(&mut self, seconds: u32) {
        self.answer(200, &format!("Contact: {CONTACT};expires={seconds}\r\n"));
    }

    /// How long until it is due next.
    fn wait(&self) -> Duration {
        self.registration.due.expect("something is due").duration_since(self.now)
    }

    /// Lets that time pass.
    fn pass(&mut self) {
        self.now += self.wait();
        self.registration.handle_timeout(self.now);
    }

    fn state(&self) -> (State, Option<Trouble>) {
        (self.registration.status.state, self.registration.status.trouble)
    }
}

/// Nonce and count of a proof by `password`.
#[track_caller]
fn proof(register: &Message, password: &str) -> (String, u32) {
    let credentials = register.authorization().next().expect("a proof").unwrap();
    let ha1 = Ha1::new(Algorithm::Md5, "alice", "r", password);
    assert!(credentials.verify(Some(&ha1), &Method::Register, b""));
    let Credentials { nonce, nc, .. } = credentials;
    (nonce.to_owned(), nc.unwrap())
}

fn cseq(message: &Message) -> u32 {
    message.cseq().unwrap().number
}

#[test]
fn it_registers_with_a_proof_and_refreshes_in_time_with_the_same_nonce() {
    let mut desk = Desk::begun(1);
    let first = desk.sent();
    assert_eq!(first.request_uri().unwrap().as_str(), "sip:carrier.example");
    assert_eq!(first.expires(), Some(Ok(600)));
    assert_eq!(first.contact().unwrap().uri.as_str(), "sip:alice@192.0.2.1:5060");
    assert!(first.authorization().next().is_none());
    desk.challenge("n1", "");
    let second = desk.sent();
    assert_eq!(proof(&second, "right"), ("n1".into(), 1));
    assert_eq!(desk.state(), (State::Registering, None));
    desk.accept(300);
    assert_eq!(desk.state(), (State::Registered, None));
    assert_eq!(desk.registration.status.expires_at, Some(desk.now + Duration::from_secs(300)));
    let mut numbers = vec![cseq(&first), cseq(&second)];
    for nc in 2..=4 {
        let wait = desk.wait();
        assert!((189..=210).contains(&wait.as_secs()), "{wait:?}: in time for an attempt that nobody answers");
        desk.pass();
        let refresh = desk.sent();
        assert_eq!(refresh.call_id(), first.call_id());
        assert_eq!(refresh.from().unwrap().tag(), first.from().unwrap().tag());
        assert_eq!(proof(&refresh, "right"), ("n1".into(), nc));
        assert_eq!(desk.state(), (State::Registered, None), "calls come in while it is refreshed");
        numbers.push(cseq(&refresh));
        desk.accept(300);
    }
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn a_short_registration_is_refreshed_at_half_its_time_and_the_grant_is_found_where_it_stands() {
    for (headers, seconds) in [
        (format!("Contact: {CONTACT};expires=60\r\nExpires: 3600\r\n"), 60),
        ("Contact: <sip:other@192.0.2.9>;expires=20\r\nExpires: 3600\r\n".to_owned(), 3_600),
        (String::new(), 600),
    ] {
        let mut desk = Desk::begun(2);
        desk.sent();
        desk.answer(200, &headers);
        assert_eq!(desk.registration.status.expires_at, Some(desk.now + Duration::from_secs(seconds)), "{headers}");
        let half = Duration::from_secs(seconds) / 2;
        assert!(desk.wait() >= half.mul_f64(0.9) && desk.wait() < Duration::from_secs(seconds), "{:?}", desk.wait());
    }
    let mut desk = Desk::begun(2);
    desk.sent();
    desk.accept(0);
    assert_eq!(desk.state(), (State::Failed, Some(Trouble::Refused(200))));
}

#[test]
fn a_nonce_that_is_too_old_costs_one_more_proof_and_no_failure() {
    let mut desk = Desk::begun(3);
    desk.sent();
    desk.challenge("n1", "");
    desk.sent();
    desk.accept(600);
    // Said, or not said: the proof was for a nonce from before.
    for (nonce, more) in [("n2", ", stale=true"), ("n3", "")] {
        desk.pass();
        desk.sent();
        desk.challenge(nonce, more);
        assert_eq!(proof(&desk.sent(), "right"), (nonce.into(), 1));
        desk.accept(600);
        assert_eq!(desk.state(), (State::Registered, None));
    }
    // A carrier for which every nonce is too old is not asked for ever.
    desk.pass();
    for nonce in ["n4", "n5", "n6"] {
        desk.sent();
        desk.challenge(nonce, ", stale=true");
    }
    assert_eq!(desk.state(), (State::Failed, Some(Trouble::Credentials)));
    assert!(desk.registration.poll_command().is_none());
}

#[test]
fn a_wrong_password_is_not_tried_again_soon_and_a_new_one_at_once() {
    let mut desk = Desk::begun(4);
    desk.sent();
    desk.challenge("n1", "");
    desk.sent();
    desk.challenge("n2", "");
    assert_eq!(desk.state(), (State::Failed, Some(Trouble::Credentials)));
    assert!(desk.registration.poll_command().is_none(), "no third attempt");
    assert!(desk.wait() >= BACK_OFF_MAX / 2, "{:?}", desk.wait());

    desk.tell(Input::Changed(account("new")));
    desk.sent();
    desk.challenge("n3", "");
    assert_eq!(proof(&desk.sent(), "new"), ("n3".into(), 1));
    desk.accept(600);
    assert_eq!(desk.state(), (State::Registered, None));
}

#[test]
fn a_change_while_an_answer_is_awaited_waits_for_it() {
    let mut desk = Desk::begun(5);
    let first = desk.sent();
    desk.tell(Input::Changed(TrunkAccount { expires_seconds: 900, ..account("new") }));
    assert!(desk.registration.poll_command().is_none(), "one REGISTER at a time");
    desk.accept(600);
    let second = desk.sent();
    assert_eq!((second.expires(), cseq(&second)), (Some(Ok(900)), cseq(&first) + 1));
    desk.accept(900);
    assert_eq!(desk.state(), (State::Registered, None));
    assert!(desk.registration.poll_command().is_none());
}

#[test]
fn a_carrier_that_wants_longer_registrations_gets_them() {
    let mut desk = Desk::begun(6);
    desk.sent();
    desk.answer(423, "Min-Expires: 1800\r\n");
    assert_eq!(desk.sent().expires(), Some(Ok(1_800)));
    desk.accept(1_800);
    desk.pass();
    assert_eq!(desk.sent().expires(), Some(Ok(1_800)), "it is remembered");
    // Nonsense is a refusal, not an endless conversation.
    for headers in ["", "Min-Expires: 60\r\n", "Min-Expires: 4000000000\r\n"] {
        desk.answer(423, headers);
        assert_eq!(desk.state(), (State::Failed, Some(Trouble::Refused(423))), "{headers}");
        desk.pass();
        desk.sent();
    }
}

#[test]
fn waits_after_failures_grow_up_to_a_limit_and_are_spread() {
    let mut firsts = Vec::new();
    for seed in 0..20 {
        let mut desk = Desk::begun(seed);
        for failure in 1..=10 {
            desk.sent();
            desk.tell(Input::Lost(if failure % 2 == 0 { Trouble::Unreachable } else { Trouble::Unanswered }));
            let most = BACK_OFF.saturating_mul(1 << failure).min(BACK_OFF_MAX);
            assert!((most / 2..=most).contains(&desk.wait()), "failure {failure}: {:?}", desk.wait());
            if failure == 1 {
                firsts.push(desk.wait());
            }
            desk.pass();
        }
        desk.sent();
        desk.accept(600);
        desk.pass();
        desk.sent();
        desk.tell(Input::Lost(Trouble::Unanswered));
        assert!(desk.wait() <= BACK_OFF * 2, "success forgets the failures");
    }
    firsts.sort();
    firsts.dedup();
    assert!(firsts.len() > 15, "they do not all come back at once: {firsts:?}");
}

#[test]
fn refusals_wait_as_the_carrier_asks_or_long_when_they_stay() {
    let waits = |status, headers: &str| {
        let mut desk = Desk::begun(7);
        desk.sent();
        desk.answer(status, headers);
        assert_eq!(desk.state(), (State::Failed, Some(Trouble::Refused(status))));
        desk.wait().as_secs()
    };
    assert!((120..=132).contains(&waits(503, "Retry-After: 120\r\n")));
    assert!((1_800..=1_980).contains(&waits(503, "Retry-After: 4000000000\r\n")));
    assert!((30..=60).contains(&waits(503, "")));
    assert!((30..=60).contains(&waits(480, "")));
    for status in [400, 403, 404, 604] {
        assert!(waits(status, "") >= 900, "{status}");
    }
}

#[test]
fn a_registration_that_cannot_be_refreshed_ends_when_it_expires() {
    let mut desk = Desk::begun(8);
    desk.sent();
    desk.accept(600);
    let expires_at = desk.now + Duration::from_secs(600);
    desk.pass();
    desk.sent();
    desk.tell(Input::Lost(Trouble::Unanswered));
    assert_eq!(desk.state(), (State::Failed, Some(Trouble::Unanswered)));
    assert_eq!(desk.registration.status.expires_at, Some(expires_at), "until then calls may still come");
    desk.now = expires_at;
    desk.registration.handle_timeout(desk.now);
    assert_eq!(desk.registration.status.expires_at, None);
    desk.tell(Input::Begin);
    desk.sent();
    assert_eq!(desk.state().0, State::Registering);
}

#[test]
fn a_registration_is_taken_back_when_it_ends() {
    // Registered: with a proof, and over with whatever the carrier says to it.
    for accepted in [true, false] {
        let mut desk = Desk::begun(9);
        desk.sent();
        desk.challenge("n1", "");
        desk.sent();
        desk.accept(600);
        desk.tell(Input::End);
        let last = desk.sent();
        assert_eq!((last.expires(), proof(&last, "right")), (Some(Ok(0)), ("n1".into(), 2)));
        assert!(!desk.registration.is_over());
        desk.challenge("n2", ", stale=true");
        assert_eq!(desk.sent().expires(), Some(Ok(0)));
        desk.answer(if accepted { 200 } else { 500 }, "");
        assert!(desk.registration.is_over());
        assert!(desk.registration.poll_command().is_none());
        assert_eq!(desk.registration.poll_timeout(), None);
    }
    // While a REGISTER is under way, its answer is awaited.
    let mut desk = Desk::begun(9);
    desk.sent();
    desk.tell(Input::End);
    assert!(!desk.registration.is_over() && desk.registration.poll_command().is_none());
    desk.accept(600);
    assert_eq!(desk.sent().expires(), Some(Ok(0)));
    desk.tell(Input::Lost(Trouble::Unanswered));
    assert!(desk.registration.is_over());
    // Not registered: there is nothing to take back.
    let mut desk = Desk::begun(9);
    desk.sent();
    desk.answer(403, "");
    desk.tell(Input::End);
    assert!(desk.registration.is_over() && desk.registration.poll_command().is_none());
    desk.tell(Input::Begin);
    assert!(desk.registration.poll_command().is_none(), "what has ended does not begin again");
}

#[test]
fn inputs_that_come_too_late_change_nothing() {
    let mut desk = Desk::begun(10);
    desk.sent();
    desk.accept(600);
    let before = desk.registration.status();
    desk.answer(403, "");
    desk.challenge("n", "");
    desk.tell(Input::Lost(Trouble::Unanswered));
    desk.registration.handle_timeout(desk.now);
    assert_eq!(desk.registration.status(), before);
    assert!(desk.registration.poll_command().is_none());
}
