use std::collections::BTreeMap;

use super::*;
use crate::id::{IdSource, SeededIds};
use crate::people::Availability;
use crate::queue::chance::Chance;
use crate::queue::{AgentSettings, AgentSkill, Member, SkillNeed, Strategy};

/// A live router on virtual time, and what is made of its offers.
struct Floor {
    live: Router,
    shadow: Option<Shadow>,
    now: Instant,
    ids: SeededIds,
    agents: Vec<UserId>,
    queues: Vec<QueueId>,
    ringing: Vec<(CallId, UserId)>,
    talking: BTreeMap<CallId, UserId>,
    waiting: Vec<CallId>,
}

impl Floor {
    #[expect(
        clippy::disallowed_methods,
        reason = "an instant cannot be made in another way; only distances from it matter"
    )]
    fn new(agents: usize) -> Self {
        let ids = SeededIds::new(3);
        let mut floor = Self {
            live: Router::with_seed(7),
            shadow: None,
            now: Instant::now(),
            ids,
            agents: Vec::new(),
            queues: Vec::new(),
            ringing: Vec::new(),
            talking: BTreeMap::new(),
            waiting: Vec::new(),
        };
        for n in 0..agents {
            let agent = floor.id();
            floor.agents.push(agent);
            let skills = vec![AgentSkill { name: "german".to_owned(), level: 1 + n as u8 % 3 }];
            floor
                .tell(Input::AgentConfigured { agent, settings: AgentSettings { skills, ..AgentSettings::default() } });
            floor.tell(Input::AgentChose { agent, availability: Availability::Available });
            floor.tell(Input::AgentReachable { agent, reachable: true });
            floor.now += Duration::from_millis(1);
        }
        floor
    }

    fn id<K>(&self) -> crate::id::Id<K> {
        (&self.ids as &dyn IdSource).id(chrono::DateTime::UNIX_EPOCH)
    }

    fn settings(&self, strategy: Strategy) -> QueueSettings {
        let member = |(n, agent): (usize, &UserId)| Member { position: n as u16 + 1, ..Member::new(*agent) };
        let members = self.agents.iter().enumerate().map(member).collect();
        QueueSettings { strategy, ..QueueSettings::new("one", members) }
    }

    fn queue(&mut self, settings: QueueSettings) -> QueueId {
        let queue = self.id();
        self.queues.push(queue);
        self.tell(Input::QueueConfigured { queue, settings, version: 1 });
        queue
    }

    fn cast(&mut self, queue: QueueId, settings: QueueSettings) {
        self.shadow = Some(Shadow::of(&self.live, self.now, queue, settings));
    }

    fn report(&self) -> Report {
        self.shadow.as_ref().unwrap().report()
    }

    fn tell(&mut self, input: Input) {
        self.live.handle(self.now, input.clone());
        if let Some(shadow) = &mut self.shadow {
            shadow.handle(self.now, &input);
        }
        self.drain();
    }

    fn pass(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        loop {
            let own = self.shadow.as_ref().and_then(Shadow::poll_timeout);
            let Some(at) = self.live.poll_timeout().into_iter().chain(own).min().filter(|at| *at <= until) else {
                break;
            };
            self.now = self.now.max(at);
            self.live.handle_timeout(self.now);
            if let Some(shadow) = &mut self.shadow {
                shadow.handle_timeout(self.now);
            }
            self.drain();
        }
        self.now = until;
    }

    fn drain(&mut self) {
        while let Some(command) = self.live.poll_command() {
            if let Some(shadow) = &mut self.shadow {
                shadow.observe(self.now, &command);
            }
            match command {
                Command::Offer { call, agent, .. } => self.ringing.push((call, agent)),
                Command::Rescind { call, agent } => self.ringing.retain(|rung| *rung != (call, agent)),
                Command::Overflow { call, .. } => self.forget(call),
                Command::Pause { .. } => {}
            }
        }
    }

    fn forget(&mut self, call: CallId) {
        self.ringing.retain(|(ringing, _)| *ringing != call);
        self.waiting.retain(|waiting| *waiting != call);
        self.talking.remove(&call);
    }

    fn arrive(&mut self, queue: QueueId, change: impl FnOnce(&mut Arrival)) -> CallId {
        let call = self.id();
        let mut arrival = Arrival::new(call, queue);
        change(&mut arrival);
        self.waiting.push(call);
        self.tell(Input::CallQueued(arrival));
        call
    }

    fn accept(&mut self, call: CallId) -> UserId {
        let agent = self.ringing.iter().find(|(ringing, _)| *ringing == call).unwrap().1;
        self.take(call, agent);
        agent
    }

    fn take(&mut self, call: CallId, agent: UserId) {
        self.ringing.retain(|(ringing, winner)| (*ringing, *winner) != (call, agent));
        self.waiting.retain(|waiting| *waiting != call);
        self.talking.insert(call, agent);
        self.tell(Input::OfferAccepted { call, agent });
    }

    fn end(&mut self, call: CallId) {
        let input = if self.talking.contains_key(&call) { Input::CallEnded { call } } else { Input::CallGone { call } };
        self.forget(call);
        self.tell(input);
    }

    /// Anything that may happen.
    fn happen(&mut self, chance: &mut Chance) {
        let mut pick = |below: usize| (chance.next() % below.max(1) as u64) as usize;
        let (kind, queue, agent, n) = (pick(13), pick(self.queues.len()), pick(self.agents.len()), pick(1_000));
        let (queue, agent) = (self.queues[queue], self.agents[agent]);
        let rung = self.ringing.get(n % self.ringing.len().max(1)).copied();
        match kind {
            0..=2 => {
                let wish = (n % 7 == 0).then_some((agent, Duration::from_secs(5)));
                let level = 1 + n as u8 % 3;
                let needs = vec![SkillNeed { name: "german".to_owned(), level, required: n % 2 == 0 }];
                self.arrive(queue, |arrival| {
                    (arrival.priority, arrival.wish) = ((n % 5) as i8, wish);
                    arrival.skills = if n % 3 == 0 { needs } else { Vec::new() };
                });
            }
            3 | 4 => self.pass(n as u64 % 6),
            5 | 6 => rung.into_iter().for_each(|(call, agent)| self.take(call, agent)),
            7 => {
                let reasons = [OfferFailure::NoAnswer, OfferFailure::Busy, OfferFailure::Declined];
                if let Some((call, agent)) = rung {
                    self.ringing.retain(|ringing| *ringing != (call, agent));
                    self.tell(Input::OfferFailed { call, agent, reason: reasons[n % 3] });
                }
            }
            8 => self.waiting.get(n % self.waiting.len().max(1)).copied().into_iter().for_each(|call| self.end(call)),
            9 => {
                let call = self.talking.keys().nth(n % self.talking.len().max(1)).copied();
                call.into_iter().for_each(|call| self.end(call));
            }
            10 => self.tell(Input::AgentReachable { agent, reachable: n % 3 > 0 }),
            11 => {
                let availability =
                    [Availability::Available, Availability::Break, Availability::OnDemand, Availability::Available];
                self.tell(Input::AgentChose { agent, availability: availability[n % 4] });
            }
            _ if n % 2 == 0 => self.tell(Input::AgentEngaged { agent }),
            _ => self.tell(Input::AgentReleased { agent }),
        }
    }

    /// Everybody is done.
    fn close(&mut self) {
        for call in self.waiting.clone().into_iter().chain(self.talking.keys().copied().collect::<Vec<_>>()) {
            self.end(call);
        }
    }
}

fn by_chance(seed: u64) -> (Floor, Chance) {
    let mut chance = Chance(seed);
    let mut floor = Floor::new(5);
    for n in 0..2 {
        let strategy = Strategy::ALL[(chance.next() % Strategy::ALL.len() as u64) as usize];
        let mut settings = floor.settings(strategy);
        settings.name = format!("queue{n}");
        settings.members.truncate(4);
        settings.members[3].tier = 2;
        (settings.wrap_up_seconds, settings.tier_wait_seconds) = ([0, 3][n], [4, 0][n]);
        (settings.max_wait_seconds, settings.max_length) = ([0, 20][n], [0, 3][n]);
        floor.queue(settings);
    }
    (floor, chance)
}

#[test]
fn a_shadow_with_the_same_settings_never_differs() {
    let mut compared = 0;
    for seed in 1..=200 {
        let (mut floor, mut chance) = by_chance(seed);
        // It begins in the middle of things.
        (0..chance.next() % 60).for_each(|_| floor.happen(&mut chance));
        let queue = floor.queues[0];
        let settings = floor.live.settings(queue).unwrap().clone();
        floor.cast(queue, settings);
        (0..300).for_each(|_| floor.happen(&mut chance));
        let shadow = floor.shadow.as_ref().unwrap();
        let now = floor.now;
        let (mine, theirs) = (shadow.router.snapshot(now), floor.live.snapshot(now));
        assert_eq!((mine.queues, mine.agents), (theirs.queues, theirs.agents), "seed {seed}");
        floor.close();
        let Report { own, others, open, differing } = floor.report();
        assert!(differing.is_empty(), "seed {seed}: {differing:?}");
        assert_eq!((own.alike, others.alike, open), (own.calls, others.calls, 0), "seed {seed}");
        assert_eq!(own.later_ms().unwrap_or_default(), 0.0);
        compared += own.both;
    }
    assert!(compared > 1_000, "{compared}");
}

#[test]
fn whatever_a_shadow_decides_it_ends_where_the_live_router_does() {
    let mut differing = 0;
    for seed in 1..=200 {
        let (mut floor, mut chance) = by_chance(seed);
        let queue = floor.queues[(seed % 2) as usize];
        let mut settings = floor.live.settings(queue).unwrap().clone();
        settings.strategy = Strategy::ALL[(seed % Strategy::ALL.len() as u64) as usize];
        settings.skills = vec![SkillNeed { name: "german".to_owned(), level: 2, required: seed % 3 > 0 }];
        (settings.max_wait_seconds, settings.max_length, settings.weight) = ([0, 9, 40][(seed % 3) as usize], 2, 50);
        settings.wrap_up_seconds = floor.live.settings(queue).unwrap().wrap_up_seconds;
        floor.cast(queue, settings);
        (0..400).for_each(|_| floor.happen(&mut chance));
        floor.close();
        let report = floor.report();
        differing += report.differing.len();
        assert!(report.differing.len() <= DIFFERING_MAX && report.open == 0);
        for tally in [report.own, report.others] {
            let Tally { calls, alike, other_time, other_agent, only_live, only_shadow, sent_on, .. } = tally;
            assert_eq!(alike + other_time + other_agent + only_live + only_shadow + sent_on, calls, "seed {seed}");
        }
        let shadow = floor.shadow.as_ref().unwrap();
        assert!(shadow.open.is_empty(), "seed {seed}: nothing is left of calls that are over");
        assert_eq!(shadow.router.calls(), 0);
        for agent in &floor.agents {
            let of = |router: &Router| {
                let own = router.agent(floor.now, *agent).unwrap();
                (own.calls, own.taken, own.talked, own.offered.is_empty())
            };
            assert_eq!(of(&shadow.router), of(&floor.live), "seed {seed}");
        }
    }
    assert!(differing > 1_000, "{differing}");
}

const MINUTE: Duration = Duration::from_secs(60);

fn at_once(agent: UserId) -> First {
    First::Agent { agent, waited: Duration::ZERO }
}

#[test]
fn another_strategy_has_other_agents_and_what_they_really_did_is_imposed() {
    let mut floor = Floor::new(3);
    let queue = floor.queue(floor.settings(Strategy::LongestIdle));
    floor.cast(queue, floor.settings(Strategy::TopDown));
    let [ann, bob, eve] = floor.agents[..] else { panic!() };
    let mut taken = Vec::new();
    for _ in 0..3 {
        let call = floor.arrive(queue, |_| {});
        taken.push(floor.accept(call));
        floor.pass(10);
        floor.end(call);
    }
    assert_eq!(taken, [ann, bob, eve], "in turn, and by position always the first");
    let report = floor.report();
    let decided: Vec<_> = report.differing.iter().map(|own| (own.live, own.shadow)).collect();
    assert_eq!(decided, [(at_once(bob), at_once(ann)), (at_once(eve), at_once(ann))]);
    let Tally { calls, alike, other_agent, both, .. } = report.own;
    assert_eq!((calls, alike, other_agent, both, report.own.later_ms()), (3, 1, 2, 3, Some(0.0)));
}

#[test]
fn a_shadow_that_asks_for_more_has_callers_wait_and_one_that_asks_for_less_is_sooner() {
    let mut floor = Floor::new(3);
    let german = |level| vec![SkillNeed { name: "german".to_owned(), level, required: true }];
    let queue = floor.queue(QueueSettings { skills: german(2), ..floor.settings(Strategy::TopDown) });
    floor.cast(queue, QueueSettings { skills: german(3), ..floor.settings(Strategy::TopDown) });
    let [ann, bob, eve] = floor.agents[..] else { panic!() };
    let (one, two) = (floor.arrive(queue, |_| {}), floor.arrive(queue, |_| {}));
    // One has the best in the shadow from the beginning, the other waits for her until it is taken by somebody who is good enough live.
    assert_eq!((floor.accept(two), floor.accept(one)), (eve, bob));
    let report = floor.report();
    let find = |call| report.differing.iter().find(|own| own.call == call).map(|own| (own.live, own.shadow));
    assert_eq!(find(two), Some((at_once(eve), First::Nothing)));
    assert_eq!(find(one), Some((at_once(bob), at_once(eve))));
    assert_eq!((report.own.only_live, report.own.other_agent), (1, 1));

    // With no need at all the third agent could have taken one that waits live.
    floor.cast(queue, floor.settings(Strategy::TopDown));
    let third = floor.arrive(queue, |_| {});
    floor.pass(30);
    floor.end(one);
    assert_eq!(floor.accept(third), bob);
    let report = floor.report();
    let waited = Duration::from_secs(30);
    assert_eq!(report.differing[0].live, First::Agent { agent: bob, waited });
    assert_eq!(report.differing[0].shadow, at_once(ann));
    assert_eq!(report.own.later_ms(), Some(-30_000.0));
}

#[test]
fn who_is_sent_on_in_the_shadow_alone_is_counted_and_their_agent_is_busy_all_the_same() {
    let mut floor = Floor::new(1);
    let wrap_up = |max_wait_seconds| QueueSettings {
        max_wait_seconds,
        wrap_up_seconds: 20,
        ..floor.settings(Strategy::LongestIdle)
    };
    let (patient, strict) = (wrap_up(0), wrap_up(30));
    let queue = floor.queue(patient);
    floor.cast(queue, strict);
    let first = floor.arrive(queue, |_| {});
    let ann = floor.accept(first);
    let second = floor.arrive(queue, |_| {});
    floor.pass(60);
    floor.end(first);
    floor.pass(20);
    floor.accept(second);
    let shadow = floor.shadow.as_ref().unwrap();
    assert_eq!(shadow.router.agent(floor.now, ann).unwrap().calls, 1);
    let live = First::Agent { agent: ann, waited: MINUTE + Duration::from_secs(20) };
    assert_eq!((shadow.report.differing[0].live, shadow.report.differing[0].shadow), (live, First::SentOn));
    floor.end(second);
    let state = |router: &Router| router.agent_state(floor.now, ann);
    let shadow = floor.shadow.as_ref().unwrap();
    assert_eq!(state(&shadow.router), state(&floor.live), "in the wrap-up as well");
    assert_eq!((shadow.report().own.only_live, shadow.report().own.alike), (1, 1));
}

#[test]
fn calls_by_hand_and_those_that_were_there_before_are_not_compared() {
    let mut floor = Floor::new(2);
    let queue = floor.queue(floor.settings(Strategy::LongestIdle));
    let [ann, bob] = floor.agents[..] else { panic!() };
    floor.tell(Input::AgentReachable { agent: bob, reachable: false });
    let before = floor.arrive(queue, |_| {});
    floor.cast(queue, floor.settings(Strategy::TopDown));
    assert_eq!(floor.accept(before), ann);
    let by_hand = floor.arrive(queue, |_| {});
    floor.tell(Input::AgentReachable { agent: bob, reachable: true });
    assert_eq!(floor.ringing, [(by_hand, bob)], "who is there takes who waits");
    floor.end(by_hand);
    floor.tell(Input::AgentChose { agent: bob, availability: Availability::Break });
    let by_hand = floor.arrive(queue, |_| {});
    floor.live.assign(floor.now, by_hand, bob).unwrap();
    floor.drain();
    assert_eq!(floor.accept(by_hand), bob);
    let report = floor.report();
    assert_eq!((report.own.calls, report.own.alike), (1, 1), "{report:?}");
    let shadow = floor.shadow.as_ref().unwrap();
    assert_eq!(shadow.router.agent(floor.now, bob).unwrap().calls, 1);
}

#[test]
fn a_shadow_keeps_its_settings_when_the_queue_changes_until_it_is_removed() {
    let mut floor = Floor::new(2);
    let queue = floor.queue(floor.settings(Strategy::LongestIdle));
    let strict = QueueSettings { max_wait_seconds: 5, ..floor.settings(Strategy::LongestIdle) };
    floor.cast(queue, strict.clone());
    let settings = QueueSettings { max_wait_seconds: 50, ..strict.clone() };
    floor.tell(Input::QueueConfigured { queue, settings, version: 2 });
    assert_eq!(floor.shadow.as_ref().unwrap().settings(), Some(&strict));
    floor.tell(Input::QueueRemoved { queue });
    assert_eq!(floor.shadow.as_ref().unwrap().settings(), None);
}
