//! Random histories: whatever comes in whatever order, every call ends clean.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dialplane_signaling::call::{
    CALLER, Call, CallEvent, Command, HangupCause, Input, LegId, LocalMedia, Offer, OfferFailure, SessionDescription,
    Settings, Side,
};

const HISTORIES: u64 = 10_000;
const LENGTH: usize = 80;

/// SplitMix64: the same seed gives the same history on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// A leg as the outside world sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum World {
    /// The caller waits.
    Waiting,
    Inviting,
    Cancelling,
    Up,
    Gone,
}

/// Plays the outside world and keeps the books.
#[derive(Default)]
struct Books {
    legs: BTreeMap<LegId, (World, Side)>,
    /// Offers given and not settled.
    offers: Vec<u64>,
    keys: BTreeMap<LegId, u64>,
    next_key: u64,
    media_opened: u32,
    media_failed: bool,
    media_closed: u32,
    ended: u32,
    wants_route: bool,
    reinvites: Vec<LegId>,
    /// Re-INVITEs of parties that wait for our answer.
    asked: Vec<LegId>,
    /// An offer was withdrawn: somebody else may be rung unless the call is over.
    withdrawn: bool,
}

impl Books {
    fn end_leg(&mut self, leg: LegId, from: World, to: World) {
        let entry = self.legs.get_mut(&leg).expect("a leg that was begun");
        assert_eq!(entry.0, from, "{leg:?}");
        entry.0 = to;
    }

    fn settle(&mut self, key: u64) {
        let position = self.offers.iter().position(|other| *other == key).expect("an offer settled once");
        self.offers.remove(position);
    }

    fn note(&mut self, command: &Command<u8>) {
        match command {
            Command::MediaOpen => self.media_opened += 1,
            Command::MediaClose => self.media_closed += 1,
            Command::Route => self.wants_route = true,
            Command::Invite { leg, offer, .. } => {
                let side = if offer.media[0].port == 5_000 { Side::A } else { Side::B };
                assert!(self.legs.insert(*leg, (World::Inviting, side)).is_none());
            }
            Command::Answer { leg, .. } => self.end_leg(*leg, World::Waiting, World::Up),
            Command::Reject { leg, .. } => self.end_leg(*leg, World::Waiting, World::Gone),
            Command::Cancel { leg, .. } => self.end_leg(*leg, World::Inviting, World::Cancelling),
            Command::Bye { leg, .. } => self.end_leg(*leg, World::Up, World::Gone),
            Command::Progress { leg, .. } => assert_eq!(self.legs[leg].0, World::Waiting),
            Command::Reinvite { leg, .. } => {
                assert_eq!(self.legs[leg].0, World::Up);
                self.reinvites.push(*leg);
            }
            Command::AnswerReinvite { leg, .. } | Command::RejectReinvite { leg, .. } => {
                let position = self.asked.iter().position(|other| other == leg).expect("a re-INVITE answered once");
                self.asked.remove(position);
            }
            Command::SendDigit { leg, .. } => assert_eq!(self.legs[leg].0, World::Up),
            Command::OfferFailed { key, reason, .. } => {
                self.settle(*key);
                self.wants_route |= *reason != OfferFailure::Withdrawn;
                self.withdrawn |= *reason == OfferFailure::Withdrawn;
            }
            Command::MediaRemote { .. } => assert_eq!((self.media_opened, self.media_closed), (1, 0)),
            Command::Emit(event) => self.note_event(event),
        }
    }

    fn note_event(&mut self, event: &CallEvent) {
        assert_eq!(self.ended, 0, "an event after the end: {event:?}");
        match event {
            CallEvent::Answered { key: Some(key), .. } => self.settle(*key),
            CallEvent::Offered { key, legs } => self.keys.extend(legs.iter().map(|leg| (*leg, *key))),
            CallEvent::Bridged { a, b } => {
                assert_eq!((self.legs[a].1, self.legs[b].1), (Side::A, Side::B));
            }
            CallEvent::PartyLeft { leg, .. } => {
                assert_eq!(self.legs[leg], (World::Gone, Side::B));
                self.wants_route = true;
            }
            CallEvent::Released { leg } => {
                assert_eq!(self.legs[leg].0, World::Gone);
                self.wants_route = true;
            }
            CallEvent::Transferred { leg } => assert_eq!(self.legs[leg].0, World::Up),
            CallEvent::Ended { .. } => self.ended += 1,
            _ => {}
        }
    }

    fn offer(&mut self, dice: &mut Dice) -> Offer<u8> {
        self.next_key += 1;
        self.offers.push(self.next_key);
        let contacts = (0..dice.pick(&[0, 1, 1, 1, 2, 3])).collect();
        Offer { key: self.next_key, contacts, ring: Duration::from_secs(20) }
    }

    fn check_sides(&self) {
        for side in [Side::A, Side::B] {
            let up = self.legs.values().filter(|leg| **leg == (World::Up, side)).count();
            assert!(up <= 1, "two parties on side {side:?}");
        }
    }
}

fn sdp(dice: &mut Dice) -> Option<SessionDescription> {
    let formats = dice.pick(&["0", "8", "0 8", "8 0", "8 0", "8 0 101", "0 8 101", "9 8 0 101", "9", "18", ""]);
    if formats.is_empty() {
        return None;
    }
    let direction = dice.pick(&["sendrecv", "sendrecv", "sendonly", "recvonly", "inactive"]);
    let host = dice.below(3);
    let text = format!(
        "v=0\no=- {host} 1 IN IP4 192.0.2.{host}\nc=IN IP4 192.0.2.{host}\nm=audio 4000 RTP/AVP {formats}\n\
         a=rtpmap:101 telephone-event/8000\na={direction}\n"
    );
    Some(SessionDescription::parse(text.as_bytes()).unwrap())
}

/// An input that may happen to a leg in its state. The books are kept before the machine sees it.
fn leg_input(books: &mut Books, dice: &mut Dice) -> Option<Input<u8>> {
    let legs: Vec<_> =
        books.legs.iter().filter(|(_, leg)| leg.0 != World::Gone).map(|(id, leg)| (*id, leg.0)).collect();
    if legs.is_empty() {
        return None;
    }
    let (leg, world) = dice.pick(&legs);
    let mut become_ = |world| {
        if let Some(entry) = books.legs.get_mut(&leg) {
            entry.0 = world;
        }
    };
    Some(match (world, dice.below(10)) {
        (World::Waiting, 0) => Input::Cancelled { leg },
        (World::Waiting, 1) => Input::AnswerCaller,
        (World::Inviting, 0..=2) => {
            Input::Provisional { leg, status: dice.pick(&[180, 180, 183, 199]), sdp: sdp(dice) }
        }
        (World::Inviting | World::Cancelling, 3..=5) => {
            become_(World::Up);
            Input::Answered { leg, sdp: sdp(dice) }
        }
        (World::Inviting | World::Cancelling, 6..=7) => {
            become_(World::Gone);
            Input::Failed { leg, status: dice.pick(&[404, 408, 480, 486, 487, 503, 600, 603]) }
        }
        (World::Up, 0) => {
            become_(World::Gone);
            books.asked.retain(|other| *other != leg);
            books.reinvites.retain(|other| *other != leg);
            match dice.below(3) {
                0 => Input::Failed { leg, status: 408 },
                _ => Input::HungUp { leg, q850: dice.pick(&[None, Some(16), Some(200)]) },
            }
        }
        (World::Up, 1..=3) if !books.asked.contains(&leg) => {
            books.asked.push(leg);
            Input::Reoffer { leg, sdp: sdp(dice) }
        }
        (World::Up, 4..=6) if books.reinvites.contains(&leg) => {
            books.reinvites.retain(|other| *other != leg);
            if dice.below(4) > 0 {
                Input::ReofferAnswered { leg, sdp: sdp(dice) }
            } else {
                let status = dice.pick(&[481, 488, 491, 500]);
                if status == 481 {
                    become_(World::Gone);
                }
                Input::ReofferFailed { leg, status }
            }
        }
        (World::Up, 7) => Input::Acked { leg, sdp: sdp(dice) },
        (World::Up, 8) => Input::Digit { leg, digit: '1' },
        _ => return None,
    })
}

/// The next input of a history.
fn next_input(books: &mut Books, dice: &mut Dice) -> Option<Input<u8>> {
    let media_pending = books.media_opened == 1 && !books.media_failed && books.legs.len() <= 1;
    match dice.below(40) {
        0 if dice.below(8) == 0 => Some(Input::EndAll { cause: HangupCause::ShutDown }),
        1 if books.wants_route && dice.below(4) == 0 => Some(Input::NoRoute { cause: HangupCause::NoRoute }),
        2..=5 if media_pending => {
            let [a, b] = [5_000, 5_002].map(|port| LocalMedia { rtp: ([198, 51, 100, 1], port).into() });
            Some(Input::MediaReady { a, b })
        }
        6 if media_pending && dice.below(10) == 0 => {
            // A session that fails to open after it was given up is not missed.
            books.media_failed = books.media_closed == 0;
            Some(Input::MediaFailed)
        }
        30 => Some(Input::KeepCaller(dice.below(3) > 0)),
        31 => Some(Input::Withdraw),
        // Somebody leaves the call to others.
        32..=33 => {
            let up: Vec<LegId> = books.legs.iter().filter(|(_, leg)| leg.0 == World::Up).map(|(id, _)| *id).collect();
            if up.is_empty() {
                return None;
            }
            let leg = dice.pick(&up);
            Some(match dice.below(4) {
                0 => Input::Release { leg },
                _ => Input::Transfer { leg, offer: books.offer(dice) },
            })
        }
        // Others may ring besides.
        13 if !books.offers.is_empty() => Some(Input::Ring(books.offer(dice))),
        2..=12 if books.wants_route => {
            books.wants_route = false;
            Some(Input::Ring(books.offer(dice)))
        }
        _ => leg_input(books, dice),
    }
}

struct History {
    call: Call<u8>,
    books: Books,
    now: Instant,
}

impl History {
    /// Commands are drained before the books are checked; a refusal must leave the call as it was.
    fn feed(&mut self, input: Input<u8>) -> bool {
        let taken = self.call.handle(self.now, input).is_ok();
        self.drain();
        taken
    }

    fn drain(&mut self) {
        while let Some(command) = self.call.poll_command() {
            self.books.note(&command);
        }
        self.books.wants_route |= std::mem::take(&mut self.books.withdrawn) && self.books.ended == 0;
        self.books.check_sides();
    }

    fn pass_time(&mut self) {
        if let Some(due) = self.call.poll_timeout() {
            self.now = due;
            self.call.handle_timeout(due);
            self.drain();
        }
    }

    fn play(seed: u64) {
        let mut dice = Dice(seed);
        let settings = Settings { max_duration: Some(Duration::from_secs(600)), ..Settings::default() };
        let mut history = Self { call: Call::new(settings, seed), books: Books::default(), now: Instant::now() };
        if dice.below(3) == 0 {
            let first = history.books.offer(&mut dice);
            let then = (dice.below(2) == 0).then(|| history.books.offer(&mut dice));
            // Not begun before it is rung; the books open when the machine says so.
            history.feed(Input::Originate { first, then });
        } else {
            history.books.legs.insert(CALLER, (World::Waiting, Side::A));
            history.feed(Input::Incoming { offer: sdp(&mut dice) });
        }
        for _ in 0..LENGTH {
            history.now += Duration::from_millis(dice.below(3_000));
            if dice.below(25) == 0 {
                history.pass_time();
            } else if let Some(input) = next_input(&mut history.books, &mut dice) {
                history.feed_or_take_back(input);
            }
        }
        history.end(&mut dice);
    }

    fn feed_or_take_back(&mut self, input: Input<u8>) {
        let offered = match &input {
            Input::Ring(offer) | Input::Transfer { offer, .. } => Some(offer.key),
            _ => None,
        };
        let failed = matches!(input, Input::MediaFailed);
        let taken = self.feed(input);
        if !taken {
            offered.into_iter().for_each(|key| self.books.settle(key));
            self.books.media_failed &= !failed;
        }
    }

    fn end(mut self, dice: &mut Dice) {
        self.feed(Input::EndAll { cause: HangupCause::ShutDown });
        assert_eq!(self.books.ended, 1);
        let cancelled: Vec<_> =
            self.books.legs.iter().filter(|(_, leg)| leg.0 == World::Cancelling).map(|(id, _)| *id).collect();
        for leg in cancelled {
            if dice.below(2) == 0 {
                self.books.end_leg(leg, World::Cancelling, World::Up);
                self.feed(Input::Answered { leg, sdp: sdp(dice) });
            } else {
                self.books.end_leg(leg, World::Cancelling, World::Gone);
                self.feed(Input::Failed { leg, status: 487 });
            }
        }
        assert!(self.call.is_finished());
        assert_eq!(self.call.poll_timeout(), None);
        assert!(self.books.legs.values().all(|leg| leg.0 == World::Gone), "zombies: {:?}", self.books.legs);
        // What was planned but never rung is not an offer.
        let rung: Vec<_> = self.books.keys.values().copied().collect();
        let unsettled: Vec<_> = self.books.offers.iter().filter(|key| rung.contains(key)).collect();
        assert!(unsettled.is_empty(), "offers left: {unsettled:?}");
        assert_eq!(self.books.asked, [], "re-INVITEs left without answer");
        assert_eq!(self.books.media_closed + u32::from(self.books.media_failed), self.books.media_opened);
    }
}

#[test]
fn every_history_ends_clean() {
    for seed in 0..HISTORIES {
        let played = std::panic::catch_unwind(|| History::play(seed));
        assert!(played.is_ok(), "history {seed} broke an invariant");
    }
}

/// Two phones answer at the same moment, in every order: one is connected, the other one is let go.
#[test]
fn two_answers_at_once_connect_exactly_one() {
    for seed in 0..1_000 {
        let mut dice = Dice(seed);
        let mut history =
            History { call: Call::new(Settings::default(), seed), books: Books::default(), now: Instant::now() };
        history.books.legs.insert(CALLER, (World::Waiting, Side::A));
        let described = |host: u8| {
            let text = format!("v=0\no=- 1 1 IN IP4 192.0.2.{host}\nc=IN IP4 192.0.2.{host}\nm=audio 4000 RTP/AVP 8\n");
            Some(SessionDescription::parse(text.as_bytes()).unwrap())
        };
        history.feed(Input::Incoming { offer: described(1) });
        let [a, b] = [5_000, 5_002].map(|port| LocalMedia { rtp: ([198, 51, 100, 1], port).into() });
        history.feed(Input::MediaReady { a, b });
        history.books.offers.push(7);
        history.feed(Input::Ring(Offer { key: 7, contacts: vec![0, 1], ring: Duration::from_secs(20) }));
        let first = 1 + dice.below(2) as u32;
        for leg in [LegId(first), LegId(3 - first)] {
            history.books.legs.get_mut(&leg).unwrap().0 = World::Up;
            // The books hold both for connected until the machine hangs the slower one up.
            history.call.handle(history.now, Input::Answered { leg, sdp: described(2) }).unwrap();
            while let Some(command) = history.call.poll_command() {
                match command {
                    Command::Bye { leg, cause: HangupCause::AnsweredElsewhere } | Command::Cancel { leg, .. } => {
                        assert_eq!(leg, LegId(3 - first));
                    }
                    Command::Bye { .. } | Command::Reject { .. } => panic!("the winner was let go: {command:?}"),
                    _ => {}
                }
            }
        }
        assert!(history.call.is_connected());
    }
}
