//! Hold and transfers: one party stays, the other one goes or is away.

use std::time::Duration;

use dialplane_signaling::call::{CALLER, HangupCause, Input, LegId, Misuse, Offer, Side};

use super::stories::{Story, answered, ring, sdp, sdp_with};

#[test]
fn hold_and_resume_are_answered_without_bothering_the_other_party() {
    for (direction, answer) in [("sendonly", "recvonly"), ("inactive", "inactive")] {
        let mut story = Story::talking();
        let hold = sdp_with(1, "8", &format!("a={direction}\r\n"));
        let answered = format!("answer-reinvite 0 <5000 [8] {answer}>");
        story.expect(
            Input::Reoffer { leg: CALLER, sdp: Some(hold) },
            &["media A at 192.0.2.1", &answered, "* Held leg: 0"],
        );
        assert_eq!((story.call.held(), story.call.is_on_hold()), (Some(Side::B), true));
        story.expect(
            Input::Reoffer { leg: CALLER, sdp: Some(sdp(1, "8")) },
            &["media A at 192.0.2.1", "answer-reinvite 0 <5000 [8]>", "* Resumed leg: 0"],
        );
        assert_eq!((story.call.held(), story.call.is_on_hold()), (None, false));
    }
}

#[test]
fn a_party_that_holds_and_is_held_hears_nothing_and_hears_again_when_both_are_back() {
    let mut story = Story::talking();
    let hold = |n| Some(sdp_with(n, "8", "a=sendonly\r\n"));
    story.after(Input::Reoffer { leg: CALLER, sdp: hold(1) });
    story.after(Input::Reoffer { leg: LegId(1), sdp: hold(2) });
    assert_eq!((story.call.held(), story.call.is_on_hold()), (None, true));
    // The other one has been told that its audio is not wanted: it has to hear that somebody is there again.
    story.expect(Input::Reoffer { leg: CALLER, sdp: Some(sdp(1, "8")) }, &["reinvite 1 <5002 [8]>"]);
    story.after(Input::ReofferAnswered { leg: LegId(1), sdp: hold(2) });
    assert_eq!(story.call.held(), Some(Side::A));
    story.expect(Input::Reoffer { leg: LegId(1), sdp: Some(sdp(2, "8")) }, &["reinvite 0 <5000 [8]>"]);
    story.after(Input::ReofferAnswered { leg: CALLER, sdp: Some(sdp(1, "8")) });
    assert_eq!((story.call.held(), story.call.is_on_hold()), (None, false));
}

#[test]
fn a_hold_with_another_codec_is_refused_when_the_parties_have_none_in_common() {
    let mut story = Story::talking();
    let hold = sdp_with(1, "0", "a=sendonly\r\n");
    story.after(Input::Reoffer { leg: CALLER, sdp: Some(hold) });
    story.after(Input::ReofferFailed { leg: LegId(1), status: 488 });
    assert_eq!((story.call.held(), story.call.is_connected()), (None, true));
}

#[test]
fn whoever_answers_a_transfer_takes_the_place_of_the_party_that_asked_for_it() {
    let mut story = Story::talking();
    let offer = Offer { key: 9, contacts: vec!["carol"], ring: Duration::from_secs(20) };
    story.expect(Input::Transfer { leg: LegId(1), offer }, &["* offered 9 to [2]", "invite 2 carol <5002 [8 0]>"]);
    assert_eq!((story.call.held(), story.call.is_connected()), (Some(Side::A), true), "the caller hears music");
    let early = Input::Provisional { leg: LegId(2), status: 183, sdp: Some(sdp(3, "8")) };
    story.expect(early, &[]);
    story.expect(Input::Provisional { leg: LegId(2), status: 180, sdp: None }, &["* Ringing leg: 2, key: 9"]);
    story.now += Duration::from_secs(5);
    story.expect(
        answered(2, sdp(3, "8")),
        &[
            "media B at 192.0.2.3",
            "* Transferred leg: 1",
            "bye 1 NormalClearing",
            "* Answered leg: 2, key: Some(9",
            "* Bridged a: 0, b: 2",
        ],
    );
    assert_eq!(story.call.held(), None);
    // The new party may hand the call on as well.
    let offer = Offer { key: 10, contacts: vec!["dave"], ring: Duration::from_secs(20) };
    story.after(Input::Transfer { leg: LegId(2), offer });
    story.expect(
        Input::HungUp { leg: CALLER, q850: None },
        &[
            "cancel 3 NormalClearing",
            "bye 2 NormalClearing",
            "* OfferFailed key: 10, reason: Withdrawn",
            "offer-failed 10 Withdrawn None",
            "media close",
            "* hung up A NormalClearing None",
            "* ended NormalClearing Some(5)",
        ],
    );
}

#[test]
fn a_transfer_that_fails_leaves_the_parties_as_they_were() {
    let mut story = Story::talking();
    for (key, leg, fails) in [(9, 2, true), (10, 3, false)] {
        let offer = Offer { key, contacts: vec!["carol"], ring: Duration::from_secs(20) };
        story.after(Input::Transfer { leg: LegId(1), offer });
        if fails {
            story.expect(
                Input::Failed { leg: LegId(leg), status: 486 },
                &["* OfferFailed key: 9, reason: Busy", "offer-failed 9 Busy Some(486)"],
            );
        } else {
            story.expect_timeout(
                Duration::from_secs(20),
                &["cancel 3 NoAnswer", "* OfferFailed key: 10, reason: NoAnswer", "offer-failed 10 NoAnswer None"],
            );
        }
        assert_eq!((story.call.held(), story.call.is_connected()), (None, true));
    }
    story.expect(Input::Digit { leg: LegId(1), digit: '5' }, &["* Digit leg: 1, digit: '5'", "digit 0 5"]);
}

#[test]
fn a_party_that_transfers_and_hangs_up_at_once_is_not_missed() {
    let gone = || {
        let mut story = Story::talking();
        let offer = Offer { key: 9, contacts: vec!["carol"], ring: Duration::from_secs(20) };
        story.after(Input::Transfer { leg: LegId(1), offer });
        story.expect(Input::HungUp { leg: LegId(1), q850: None }, &["media B nowhere", "* Released leg: 1"]);
        assert_eq!((story.call.held(), story.call.is_connected()), (Some(Side::A), false));
        story
    };
    let connected = &["media B at 192.0.2.3", "* Answered leg: 2, key: Some(9", "* Bridged a: 0, b: 2"];
    gone().expect(answered(2, sdp(3, "8")), connected);
    let mut story = gone();
    story.expect(
        Input::Failed { leg: LegId(2), status: 603 },
        &["* OfferFailed key: 9, reason: Declined", "offer-failed 9 Declined Some(603)"],
    );
    story.expect(
        Input::NoRoute { cause: HangupCause::CallRejected },
        &["bye 0 CallRejected", "media close", "* hung up System CallRejected None", "* ended CallRejected Some(0)"],
    );
}

#[test]
fn a_released_party_leaves_the_other_one_to_whoever_is_rung_next() {
    for (leaves, stays, side) in [(1, 0, "B"), (0, 1, "A")] {
        let mut story = Story::talking();
        let bye = format!("bye {leaves} NormalClearing");
        let nowhere = format!("media {side} nowhere");
        let released = format!("* Released leg: {leaves}");
        story.expect(Input::Release { leg: LegId(leaves) }, &[&bye, &nowhere, &released]);
        let port = if side == "B" { 5_002 } else { 5_000 };
        let formats = if side == "B" { "8 0" } else { "8" };
        let invite = format!("invite 2 carol <{port} [{formats}]>");
        story.expect(ring(9, &["carol"]), &["* offered 9 to [2]", &invite]);
        let media = format!("media {side} at 192.0.2.3");
        let (a, b) = if side == "B" { (stays, 2) } else { (2, stays) };
        let bridged = format!("* Bridged a: {a}, b: {b}");
        story.expect(answered(2, sdp(3, "8")), &[&media, "* Answered leg: 2, key: Some(9", &bridged]);
        let late = story.call.handle(story.now, Input::Release { leg: LegId(leaves) });
        assert_eq!(late, Err(Misuse::WrongLeg(LegId(leaves))));
    }
}

#[test]
fn a_party_transfers_once_at_a_time_and_only_while_it_talks() {
    let offer = || Offer { key: 9, contacts: vec!["carol"], ring: Duration::from_secs(20) };
    let mut story = Story::ringing();
    let early = story.call.handle(story.now, Input::Transfer { leg: CALLER, offer: offer() });
    assert_eq!(early, Err(Misuse::WrongLeg(CALLER)));
    let mut story = Story::talking();
    story.after(Input::Transfer { leg: LegId(1), offer: offer() });
    for leg in [0, 1] {
        let again = story.call.handle(story.now, Input::Transfer { leg: LegId(leg), offer: offer() });
        assert_eq!(again, Err(Misuse::WrongLeg(LegId(leg))));
    }
}
