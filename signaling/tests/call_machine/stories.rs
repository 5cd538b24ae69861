//! What the machine commands, word for word.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use dialplane_signaling::call::{
    CALLER, Call, CallEvent, Command, HangupCause, Input, LegId, LocalMedia, Misuse, Offer, OfferFailure,
    SessionDescription, Settings,
};

type In = Input<&'static str>;

/// A description by `host`, 192.0.2.`host`, with these payload types and an extra line.
pub(super) fn sdp_with(host: u8, formats: &str, line: &str) -> SessionDescription {
    let text = format!(
        "v=0\r\no=- {host} 1 IN IP4 192.0.2.{host}\r\ns=-\r\nc=IN IP4 192.0.2.{host}\r\nt=0 0\r\nm=audio 4000 RTP/AVP {formats}\r\n{line}"
    );
    SessionDescription::parse(text.as_bytes()).unwrap()
}

pub(super) fn sdp(host: u8, formats: &str) -> SessionDescription {
    sdp_with(host, formats, "")
}

/// A description in short: our port, codecs, direction.
fn short(sdp: &SessionDescription) -> String {
    let media = &sdp.media[0];
    let mut text = format!("<{} [{}]", media.port, media.formats.join(" "));
    let direction = sdp.direction_of(media).as_str();
    if direction != "sendrecv" {
        write!(text, " {direction}").unwrap();
    }
    text + ">"
}

fn short_maybe(sdp: Option<&SessionDescription>) -> String {
    sdp.map(|sdp| format!(" {}", short(sdp))).unwrap_or_default()
}

fn line(command: &Command<&'static str>) -> String {
    match command {
        Command::MediaOpen => "media open".into(),
        Command::MediaClose => "media close".into(),
        Command::MediaRemote { side, remote: Some(remote) } => format!("media {side:?} at {}", remote.rtp.ip()),
        Command::MediaRemote { side, remote: None } => format!("media {side:?} nowhere"),
        Command::Route => "route".into(),
        Command::Invite { leg, target, offer } => format!("invite {} {target} {}", leg.0, short(offer)),
        Command::Progress { leg, status, sdp } => format!("progress {} {status}{}", leg.0, short_maybe(sdp.as_ref())),
        Command::Answer { leg, sdp } => format!("answer {} {}", leg.0, short(sdp)),
        Command::Reject { leg, status, .. } => format!("reject {} {status}", leg.0),
        Command::Cancel { leg, cause } => format!("cancel {} {cause:?}", leg.0),
        Command::Bye { leg, cause } => format!("bye {} {cause:?}", leg.0),
        Command::Reinvite { leg, sdp } => format!("reinvite {} {}", leg.0, short(sdp)),
        Command::AnswerReinvite { leg, sdp } => format!("answer-reinvite {} {}", leg.0, short(sdp)),
        Command::RejectReinvite { leg, status } => format!("reject-reinvite {} {status}", leg.0),
        Command::SendDigit { leg, digit } => format!("digit {} {digit}", leg.0),
        Command::OfferFailed { key, reason, status } => format!("offer-failed {key} {reason:?} {status:?}"),
        Command::Emit(event) => match event {
            CallEvent::Ended { cause, talked } => format!("* ended {cause:?} {:?}", talked.map(|t| t.as_secs())),
            CallEvent::HungUp { side, cause, status } => format!("* hung up {side:?} {cause:?} {status:?}"),
            CallEvent::Offered { key, legs } => {
                format!("* offered {key} to {:?}", legs.iter().map(|leg| leg.0).collect::<Vec<_>>())
            }
            other => {
                let text = format!("* {other:?}");
                text.replace("LegId(", "").replace([')', '{', '}'], "").split_whitespace().collect::<Vec<_>>().join(" ")
            }
        },
    }
}

pub(super) struct Story {
    pub(super) call: Call<&'static str>,
    pub(super) now: Instant,
}

impl Story {
    fn new(settings: Settings) -> Self {
        Self { call: Call::new(settings, 1), now: Instant::now() }
    }

    pub(super) fn after(&mut self, input: In) -> Vec<String> {
        self.call.handle(self.now, input).unwrap();
        self.drain()
    }

    #[track_caller]
    pub(super) fn expect(&mut self, input: In, commands: &[&str]) {
        assert_eq!(self.after(input), commands);
    }

    /// Lets time pass up to the next deadline, which must be `after` from now.
    #[track_caller]
    pub(super) fn expect_timeout(&mut self, after: Duration, commands: &[&str]) {
        let due = self.call.poll_timeout().unwrap();
        assert_eq!(due - self.now, after);
        self.call.handle_timeout(due - Duration::from_millis(1));
        assert_eq!(self.drain(), [""; 0], "nothing before its time");
        self.now = due;
        self.call.handle_timeout(due);
        assert_eq!(self.drain(), commands);
    }

    fn drain(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.call.poll_command()).map(|command| line(&command)).collect()
    }

    /// A caller at 192.0.2.1 that offers PCMA and PCMU, media open, the router asked.
    fn incoming() -> Self {
        let mut story = Self::new(Settings::default());
        let offer = Some(sdp(1, "8 0 18"));
        story.expect(Input::Incoming { offer }, &["* Created originated: false", "media open"]);
        story.expect(media(), &["media A at 192.0.2.1", "route"]);
        story
    }

    /// One phone of agent 7 rings as leg 1.
    pub(super) fn ringing() -> Self {
        let mut story = Self::incoming();
        story.expect(ring(7, &["bob"]), &["* offered 7 to [1]", "invite 1 bob <5002 [8 0]>"]);
        let ringing = ["* Ringing leg: 1, key: 7", "progress 0 180"];
        story.expect(Input::Provisional { leg: LegId(1), status: 180, sdp: None }, &ringing);
        story
    }

    /// Caller and agent talk.
    pub(super) fn talking() -> Self {
        let mut story = Self::ringing();
        story.expect(
            answered(1, sdp(2, "8")),
            &["media B at 192.0.2.2", "answer 0 <5000 [8]>", "* Answered leg: 1, key: Some(7", "* Bridged a: 0, b: 1"],
        );
        story.expect(Input::Acked { leg: CALLER, sdp: None }, &[]);
        story
    }

    /// An agent's phone has answered and the customer rings as leg 2.
    fn originated(agent_codecs: &str) -> Self {
        let mut story = Self::new(Settings::default());
        let ring = Duration::from_secs(30);
        let first = Offer { key: 1, contacts: vec!["agent"], ring };
        let then = Offer { key: 2, contacts: vec!["customer"], ring };
        story.expect(Input::Originate { first, then: Some(then) }, &["* Created originated: true", "media open"]);
        story.expect(media(), &["* offered 1 to [0]", "invite 0 agent <5000 [0 8 9 101]>"]);
        let invite = format!("invite 1 customer <5002 [{agent_codecs}]>");
        story.expect(
            answered(0, sdp(1, agent_codecs)),
            &["media A at 192.0.2.1", "* Answered leg: 0, key: Some(1", "* offered 2 to [1]", &invite],
        );
        story
    }
}

fn media() -> In {
    let [a, b] = [5_000, 5_002].map(|port| LocalMedia { rtp: ([198, 51, 100, 1], port).into() });
    Input::MediaReady { a, b }
}

pub(super) fn ring(key: u64, contacts: &[&'static str]) -> In {
    Input::Ring(Offer { key, contacts: contacts.to_vec(), ring: Duration::from_secs(20) })
}

pub(super) fn answered(leg: u32, sdp: SessionDescription) -> In {
    Input::Answered { leg: LegId(leg), sdp: Some(sdp) }
}

fn failed(leg: u32, status: u16) -> In {
    Input::Failed { leg: LegId(leg), status }
}

fn bye(leg: u32) -> In {
    Input::HungUp { leg: LegId(leg), q850: None }
}

#[test]
fn a_call_is_answered_and_the_caller_hangs_up() {
    let mut story = Story::talking();
    story.now += Duration::from_secs(61);
    story.expect(
        bye(0),
        &["bye 1 NormalClearing", "media close", "* hung up A NormalClearing None", "* ended NormalClearing Some(61)"],
    );
    assert!(story.call.is_finished());
    assert_eq!(story.call.poll_timeout(), None);
    story.expect(bye(1), &[]);
}

#[test]
fn the_agent_hangs_up_and_the_reason_goes_on() {
    let mut story = Story::talking();
    story.expect(
        Input::HungUp { leg: LegId(1), q850: Some(17) },
        &["bye 0 UserBusy", "media close", "* hung up B UserBusy None", "* ended UserBusy Some(0)"],
    );
}

#[test]
fn the_first_phone_wins_and_the_others_are_cancelled() {
    let mut story = Story::incoming();
    story.expect(
        ring(7, &["desk", "app", "home"]),
        &[
            "* offered 7 to [1, 2, 3]",
            "invite 1 desk <5002 [8 0]>",
            "invite 2 app <5002 [8 0]>",
            "invite 3 home <5002 [8 0]>",
        ],
    );
    let ringing = |leg| Input::Provisional { leg: LegId(leg), status: 180, sdp: None };
    story.expect(ringing(1), &["* Ringing leg: 1, key: 7", "progress 0 180"]);
    story.expect(ringing(2), &["* Ringing leg: 2, key: 7"]);
    story.expect(
        answered(2, sdp(2, "8 0")),
        &[
            "cancel 1 AnsweredElsewhere",
            "cancel 3 AnsweredElsewhere",
            "media B at 192.0.2.2",
            "answer 0 <5000 [8 0]>",
            "* Answered leg: 2, key: Some(7",
            "* Bridged a: 0, b: 2",
        ],
    );
    // One is cancelled in time, the other one answers at the same moment.
    story.expect(failed(1, 487), &[]);
    story.expect(answered(3, sdp(3, "8")), &["bye 3 AnsweredElsewhere"]);
    assert!(story.call.is_connected());
}

#[test]
fn several_agents_ring_at_once_each_with_their_own_time_and_one_wins() {
    let mut story = Story::ringing();
    story.now += Duration::from_secs(5);
    story.expect(
        ring(8, &["desk", "app"]),
        &["* offered 8 to [2, 3]", "invite 2 desk <5002 [8 0]>", "invite 3 app <5002 [8 0]>"],
    );
    story.expect(ring(9, &["carol"]), &["* offered 9 to [4]", "invite 4 carol <5002 [8 0]>"]);
    story.expect(ring(10, &["dave"]), &["* offered 10 to [5]", "invite 5 dave <5002 [8 0]>"]);
    story.expect(failed(5, 603), &["* OfferFailed key: 10, reason: Declined", "offer-failed 10 Declined Some(603)"]);
    // The first one's time is over before the others'.
    story.expect_timeout(
        Duration::from_secs(15),
        &["cancel 1 NoAnswer", "* OfferFailed key: 7, reason: NoAnswer", "offer-failed 7 NoAnswer None"],
    );
    story.expect(
        answered(3, sdp(2, "8")),
        &[
            "cancel 2 AnsweredElsewhere",
            "cancel 4 AnsweredElsewhere",
            "* OfferFailed key: 9, reason: Withdrawn",
            "offer-failed 9 Withdrawn None",
            "media B at 192.0.2.2",
            "answer 0 <5000 [8]>",
            "* Answered leg: 3, key: Some(8",
            "* Bridged a: 0, b: 3",
        ],
    );
    // Another one lifts the handset at the same moment.
    story.expect(answered(4, sdp(3, "8")), &["bye 4 AnsweredElsewhere"]);
    assert!(story.call.is_connected());
    assert_eq!(story.call.handle(story.now, ring(11, &["eve"])), Err(Misuse::NotRouting));
}

#[test]
fn nobody_answers_and_the_next_agent_is_rung() {
    let mut story = Story::ringing();
    story.expect_timeout(
        Duration::from_secs(20),
        &["cancel 1 NoAnswer", "* OfferFailed key: 7, reason: NoAnswer", "offer-failed 7 NoAnswer None"],
    );
    story.expect(ring(8, &["carol"]), &["* offered 8 to [2]", "invite 2 carol <5002 [8 0]>"]);
    // The caller hears the ringing already and is not told again.
    story.expect(Input::Provisional { leg: LegId(2), status: 180, sdp: None }, &["* Ringing leg: 2, key: 8"]);
    // The first agent lifts the handset a moment too late.
    story.expect(answered(1, sdp(2, "8")), &["bye 1 AnsweredElsewhere"]);
    story.expect(failed(2, 486), &["* OfferFailed key: 8, reason: Busy", "offer-failed 8 Busy Some(486)"]);
    story.expect(
        Input::NoRoute { cause: HangupCause::NoAnswer },
        &["reject 0 480", "media close", "* hung up System NoAnswer None", "* ended NoAnswer None"],
    );
    assert!(story.call.is_finished());
}

#[test]
fn an_agents_no_speaks_for_all_their_phones_and_the_worst_reason_counts() {
    let mut story = Story::incoming();
    story.after(ring(7, &["desk", "app", "home"]));
    story.expect(failed(1, 503), &[]);
    story.expect(
        failed(2, 603),
        &["cancel 3 AnsweredElsewhere", "* OfferFailed key: 7, reason: Declined", "offer-failed 7 Declined Some(603)"],
    );
    story.after(ring(8, &["desk", "app"]));
    story.expect(failed(4, 486), &[]);
    story.expect(failed(5, 503), &["* OfferFailed key: 8, reason: Busy", "offer-failed 8 Busy Some(486)"]);
    let nobody = ["* offered 9 to []", "* OfferFailed key: 9, reason: Unreachable", "offer-failed 9 Unreachable None"];
    story.expect(ring(9, &[]), &nobody);
}

#[test]
fn the_caller_gives_up_while_it_rings() {
    let mut story = Story::ringing();
    story.expect(
        Input::Cancelled { leg: CALLER },
        &[
            "cancel 1 Cancelled",
            "reject 0 487",
            "* OfferFailed key: 7, reason: Withdrawn",
            "offer-failed 7 Withdrawn None",
            "media close",
            "* hung up A Cancelled None",
            "* ended Cancelled None",
        ],
    );
    assert!(!story.call.is_finished());
    // The agent answered at the same moment.
    story.expect(answered(1, sdp(2, "8")), &["bye 1 AnsweredElsewhere"]);
    assert!(story.call.is_finished());
    // The router, not knowing yet, offers someone else: it gets its agent back.
    story.expect(ring(8, &["carol"]), &["offer-failed 8 Withdrawn None"]);
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let mut story = Story::talking();
    story.expect(Input::Cancelled { leg: CALLER }, &[]);
    assert!(story.call.is_connected());
}

#[test]
fn the_caller_gives_up_before_media_is_open() {
    let mut story = Story::new(Settings::default());
    story.after(Input::Incoming { offer: Some(sdp(1, "8")) });
    story.expect(
        Input::Cancelled { leg: CALLER },
        &["reject 0 487", "media close", "* hung up A Cancelled None", "* ended Cancelled None"],
    );
    story.expect(media(), &[]);
    assert!(story.call.is_finished());
}

#[test]
fn no_media_session_means_service_unavailable() {
    let mut story = Story::new(Settings::default());
    story.after(Input::Incoming { offer: Some(sdp(1, "8")) });
    story.expect(Input::MediaFailed, &["reject 0 503", "* hung up System NoCircuit None", "* ended NoCircuit None"]);
}

#[test]
fn an_offer_we_cannot_relay_is_not_acceptable() {
    let mut story = Story::new(Settings::default());
    story.expect(
        Input::Incoming { offer: Some(sdp(1, "18")) },
        &[
            "* Created originated: false",
            "reject 0 488",
            "* hung up System IncompatibleMedia None",
            "* ended IncompatibleMedia None",
        ],
    );
}

#[test]
fn early_media_reaches_the_caller_and_the_answer_repeats_it() {
    let mut story = Story::ringing();
    let early = Input::Provisional { leg: LegId(1), status: 183, sdp: Some(sdp(2, "0")) };
    story.expect(early.clone(), &["media B at 192.0.2.2", "* EarlyMedia leg: 1", "progress 0 183 <5000 [0]>"]);
    story.expect(early, &[]);
    story.expect(
        answered(1, sdp(2, "0")),
        &["media B at 192.0.2.2", "answer 0 <5000 [0]>", "* Answered leg: 1, key: Some(7", "* Bridged a: 0, b: 1"],
    );
}

#[test]
fn early_media_of_a_phone_that_fails_is_cut() {
    let mut story = Story::ringing();
    story.after(Input::Provisional { leg: LegId(1), status: 183, sdp: Some(sdp(2, "0")) });
    story.expect(
        failed(1, 480),
        &["media B nowhere", "* OfferFailed key: 7, reason: NoAnswer", "offer-failed 7 NoAnswer Some(480)"],
    );
}

#[test]
fn a_caller_without_offer_gets_ours_and_answers_in_the_ack() {
    let mut story = Story::new(Settings::default());
    story.after(Input::Incoming { offer: None });
    story.expect(media(), &["route"]);
    story.expect(ring(7, &["bob"]), &["* offered 7 to [1]", "invite 1 bob <5002 [0 8 9 101]>"]);
    story.expect(
        answered(1, sdp(2, "0 8")),
        &["media B at 192.0.2.2", "answer 0 <5000 [0 8]>", "* Answered leg: 1, key: Some(7", "* Bridged a: 0, b: 1"],
    );
    // The caller takes A-law only, the agent would send mu-law first: the agent is told.
    story.expect(
        Input::Acked { leg: CALLER, sdp: Some(sdp(1, "8")) },
        &["media A at 192.0.2.1", "reinvite 1 <5002 [8]>"],
    );
    let agreed = Input::ReofferAnswered { leg: LegId(1), sdp: Some(sdp(2, "8")) };
    story.expect(agreed, &["media B at 192.0.2.2"]);
}

#[test]
fn a_caller_that_never_describes_its_media_is_let_go() {
    let mut story = Story::new(Settings::default());
    story.after(Input::Incoming { offer: None });
    story.after(media());
    story.after(ring(7, &["bob"]));
    story.after(answered(1, sdp(2, "0 8")));
    story.expect(
        Input::Acked { leg: CALLER, sdp: None },
        &[
            "bye 0 IncompatibleMedia",
            "bye 1 IncompatibleMedia",
            "media close",
            "* hung up System IncompatibleMedia None",
            "* ended IncompatibleMedia Some(0)",
        ],
    );
}

#[test]
fn an_answer_without_a_common_codec_loses_the_phone_only() {
    let mut story = Story::incoming();
    story.after(ring(7, &["bob"]));
    story.expect(
        answered(1, sdp(2, "18")),
        &[
            "bye 1 IncompatibleMedia",
            "* OfferFailed key: 7, reason: Unreachable",
            "offer-failed 7 Unreachable Some(488)",
        ],
    );
    story.expect(ring(8, &["carol"]), &["* offered 8 to [2]", "invite 2 carol <5002 [8 0]>"]);
}

#[test]
fn offers_that_cross_are_told_to_try_again() {
    let mut story = Story::talking();
    story.after(Input::Reoffer { leg: CALLER, sdp: Some(sdp(9, "8")) });
    let other = Input::Reoffer { leg: LegId(1), sdp: Some(sdp_with(2, "8", "a=inactive\r\n")) };
    story.expect(other, &["reject-reinvite 1 491"]);
    story.expect(Input::ReofferFailed { leg: LegId(1), status: 491 }, &["reject-reinvite 0 491"]);
    assert!(story.call.is_connected());
}

#[test]
fn a_session_refresh_is_answered_without_bothering_the_other_party() {
    let mut story = Story::talking();
    story.expect(Input::Reoffer { leg: LegId(1), sdp: Some(sdp(2, "8")) }, &["answer-reinvite 1 <5002 [8 0]>"]);
    story.expect(Input::Reoffer { leg: CALLER, sdp: None }, &["answer-reinvite 0 <5000 [8]>"]);
    story.expect(Input::Acked { leg: CALLER, sdp: Some(sdp(9, "8")) }, &["media A at 192.0.2.9"]);
}

#[test]
fn a_new_offer_we_cannot_relay_is_refused_and_the_call_goes_on() {
    let mut story = Story::talking();
    story.expect(Input::Reoffer { leg: CALLER, sdp: Some(sdp(1, "18")) }, &["reject-reinvite 0 488"]);
    assert!(story.call.is_connected());
}

#[test]
fn a_party_that_vanished_is_noticed_by_a_new_offer() {
    let mut story = Story::talking();
    story.after(Input::Reoffer { leg: CALLER, sdp: Some(sdp(9, "8")) });
    story.expect(
        Input::ReofferFailed { leg: LegId(1), status: 481 },
        &[
            "reject-reinvite 0 487",
            "bye 0 TemporaryFailure",
            "media close",
            "* hung up B TemporaryFailure Some(481)",
            "* ended TemporaryFailure Some(0)",
        ],
    );
}

#[test]
fn click_to_call_connects_the_agent_then_the_customer() {
    let mut story = Story::originated("8 0");
    story.expect(Input::Provisional { leg: LegId(1), status: 180, sdp: None }, &["* Ringing leg: 1, key: 2"]);
    // Ringback from the customer's network is heard by the agent without a new offer: media is anchored here.
    let early = Input::Provisional { leg: LegId(1), status: 183, sdp: Some(sdp(2, "8")) };
    story.expect(early, &["media B at 192.0.2.2", "* EarlyMedia leg: 1"]);
    story.expect(
        answered(1, sdp(2, "8")),
        &["media B at 192.0.2.2", "* Answered leg: 1, key: Some(2", "* Bridged a: 0, b: 1"],
    );
    story.expect(
        bye(0),
        &["bye 1 NormalClearing", "media close", "* hung up A NormalClearing None", "* ended NormalClearing Some(0)"],
    );
}

#[test]
fn click_to_call_tells_the_agent_when_the_customer_takes_another_codec() {
    let mut story = Story::originated("0 8");
    story.expect(
        answered(1, sdp(2, "8")),
        &["media B at 192.0.2.2", "* Answered leg: 1, key: Some(2", "* Bridged a: 0, b: 1", "reinvite 0 <5000 [8]>"],
    );
    // Their offers cross: ours gives way, theirs brings the codecs together.
    story.expect(Input::ReofferFailed { leg: LegId(0), status: 491 }, &[]);
    story.expect(Input::Reoffer { leg: LegId(0), sdp: Some(sdp(1, "8")) }, &["reinvite 1 <5002 [8]>"]);
}

#[test]
fn click_to_call_customer_busy_and_agent_hangs_up() {
    let mut story = Story::originated("8");
    story.expect(failed(1, 486), &["* OfferFailed key: 2, reason: Busy", "offer-failed 2 Busy Some(486)"]);
    story.expect(
        Input::NoRoute { cause: HangupCause::UserBusy },
        &["bye 0 UserBusy", "media close", "* hung up System UserBusy None", "* ended UserBusy None"],
    );

    let mut story = Story::originated("8");
    story.expect(
        bye(0),
        &[
            "cancel 1 NormalClearing",
            "* OfferFailed key: 2, reason: Withdrawn",
            "offer-failed 2 Withdrawn None",
            "media close",
            "* hung up A NormalClearing None",
            "* ended NormalClearing None",
        ],
    );
    story.expect(failed(1, 487), &[]);
    assert!(story.call.is_finished());
}

#[test]
fn click_to_call_agent_does_not_answer() {
    let mut story = Story::new(Settings::default());
    let offer = |key, who| Offer { key, contacts: vec![who], ring: Duration::from_secs(30) };
    story.after(Input::Originate { first: offer(1, "agent"), then: Some(offer(2, "customer")) });
    story.after(media());
    story.expect_timeout(
        Duration::from_secs(30),
        &["cancel 0 NoAnswer", "* OfferFailed key: 1, reason: NoAnswer", "offer-failed 1 NoAnswer None"],
    );
    // The host may try another phone of the agent; the customer is still rung afterwards.
    story.expect(ring(3, &["mobile"]), &["* offered 3 to [1]", "invite 1 mobile <5000 [0 8 9 101]>"]);
    story.expect(
        answered(1, sdp(1, "8")),
        &[
            "media A at 192.0.2.1",
            "* Answered leg: 1, key: Some(3",
            "* offered 2 to [2]",
            "invite 2 customer <5002 [8]>",
        ],
    );
}

#[test]
fn a_customer_who_is_called_first_waits_for_an_agent_as_long_as_the_queue_says() {
    let mut story = Story::new(Settings::default());
    let first = Offer { key: 1, contacts: vec!["customer"], ring: Duration::from_secs(30) };
    story.expect(Input::Originate { first, then: None }, &["* Created originated: true", "media open"]);
    story.expect(media(), &["* offered 1 to [0]", "invite 0 customer <5000 [0 8 9 101]>"]);
    let told = ["media A at 192.0.2.1", "* Answered leg: 0, key: Some(1", "route"];
    story.expect(answered(0, sdp(1, "8")), &told);
    assert_eq!(story.call.poll_timeout(), None);
    assert!(story.call.voice().is_some(), "they can be played music");
    // A flow that the queue overflows to answers its caller in any case.
    story.expect(Input::AnswerCaller, &[]);
    story.expect(ring(2, &["agent"]), &["* offered 2 to [1]", "invite 1 agent <5002 [8]>"]);
    story.expect(
        answered(1, sdp(2, "8")),
        &["media B at 192.0.2.2", "* Answered leg: 1, key: Some(2", "* Bridged a: 0, b: 1"],
    );
}

#[test]
fn a_queue_answers_first_and_an_agent_joins() {
    let mut story = Story::incoming();
    story.expect(Input::AnswerCaller, &["answer 0 <5000 [8 0]>", "* Answered leg: 0, key: None"]);
    assert_eq!(story.call.poll_timeout(), None, "how long it waits is the queue's business");
    let hold = Input::Reoffer { leg: CALLER, sdp: Some(sdp_with(1, "8 0", "a=sendonly\r\n")) };
    story.expect(hold, &["media A at 192.0.2.1", "answer-reinvite 0 <5000 [8 0] recvonly>", "* Held leg: 0"]);
    // The agent is invited to a call that flows both ways all the same, for nobody would tell them of the caller's return.
    story.expect(ring(6, &["ann"]), &["* offered 6 to [1]", "invite 1 ann <5002 [8 0]>"]);
    story.after(failed(1, 486));
    story.after(Input::Reoffer { leg: CALLER, sdp: Some(sdp(1, "8 0")) });
    story.expect(ring(7, &["bob"]), &["* offered 7 to [2]", "invite 2 bob <5002 [8 0]>"]);
    story.expect(Input::Provisional { leg: LegId(2), status: 180, sdp: None }, &["* Ringing leg: 2, key: 7"]);
    story.expect(
        answered(2, sdp(2, "0")),
        &["media B at 192.0.2.2", "* Answered leg: 2, key: Some(7", "* Bridged a: 0, b: 2", "reinvite 0 <5000 [0]>"],
    );
}

#[test]
fn keys_told_by_info_go_to_the_other_party() {
    let mut story = Story::talking();
    story.expect(Input::Digit { leg: CALLER, digit: '5' }, &["* Digit leg: 0, digit: '5'", "digit 1 5"]);
}

#[test]
fn the_set_up_takes_no_longer_than_allowed() {
    let mut story = Story::incoming();
    story.expect_timeout(
        Duration::from_secs(180),
        &["reject 0 480", "media close", "* hung up System NoAnswer None", "* ended NoAnswer None"],
    );
}

#[test]
fn a_call_is_cut_at_its_longest_duration() {
    let mut story = Story::new(Settings { max_duration: Some(Duration::from_secs(3_600)), ..Settings::default() });
    story.after(Input::Incoming { offer: Some(sdp(1, "8")) });
    story.after(media());
    story.after(ring(7, &["bob"]));
    story.after(answered(1, sdp(2, "8")));
    story.expect_timeout(
        Duration::from_secs(3_600),
        &[
            "bye 0 MaxDuration",
            "bye 1 MaxDuration",
            "media close",
            "* hung up System MaxDuration None",
            "* ended MaxDuration Some(3600)",
        ],
    );
}

#[test]
fn a_connected_leg_that_breaks_ends_the_call() {
    let mut story = Story::talking();
    story.expect(
        failed(1, 408),
        &[
            "bye 0 NoUserResponding",
            "media close",
            "* hung up B NoUserResponding Some(408)",
            "* ended NoUserResponding Some(0)",
        ],
    );
}

#[test]
fn a_cancelled_leg_that_never_ends_is_forgotten_after_a_while() {
    let mut story = Story::ringing();
    story.after(Input::EndAll { cause: HangupCause::ShutDown });
    assert!(!story.call.is_finished());
    story.expect_timeout(Duration::from_secs(32), &[]);
    assert!(story.call.is_finished());
}

#[test]
fn inputs_that_make_no_sense_are_refused_and_change_nothing() {
    let mut call = Call::<&'static str>::new(Settings::default(), 1);
    let now = Instant::now();
    let mut refusal = |input| call.handle(now, input).unwrap_err();
    assert_eq!(refusal(ring(1, &["bob"])), Misuse::NotBegun);
    assert_eq!(refusal(media()), Misuse::MediaNotWanted);
    assert_eq!(refusal(bye(0)), Misuse::UnknownLeg(LegId(0)));
    let mut story = Story::talking();
    let mut refusal = |input| story.call.handle(now, input).unwrap_err();
    assert_eq!(refusal(Input::Incoming { offer: None }), Misuse::AlreadyBegun);
    assert_eq!(refusal(ring(1, &["bob"])), Misuse::NotRouting);
    assert_eq!(refusal(Input::Cancelled { leg: LegId(1) }), Misuse::WrongLeg(LegId(1)));
    assert_eq!(refusal(failed(9, 486)), Misuse::UnknownLeg(LegId(9)));
    assert_eq!(story.call.poll_command(), None);
    assert!(OfferFailure::Declined > OfferFailure::Busy);
}
