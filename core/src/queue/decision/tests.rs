use std::time::Duration;

use super::*;
use crate::call::Change;
use crate::id::{IdSource, SeededIds};
use crate::people::Availability;
use crate::queue::router::{Arrival, Command, Input, Router};
use crate::queue::{Member, QueueSettings};

struct Desk {
    router: Router,
    now: Instant,
    ids: SeededIds,
    queue: QueueId,
    agents: Vec<UserId>,
}

impl Desk {
    /// A queue of so many agents, all there, each without a call for a second longer than the next.
    #[expect(clippy::disallowed_methods, reason = "only distances from it matter")]
    fn new(count: usize, strategy: Strategy) -> Self {
        let ids = SeededIds::new(3);
        let source: &dyn IdSource = &ids;
        let (queue, start) = (source.id(chrono::DateTime::UNIX_EPOCH), Instant::now());
        let agents: Vec<UserId> = (0..count).map(|_| source.id(chrono::DateTime::UNIX_EPOCH)).collect();
        let mut desk = Self { router: Router::new().explaining(MEMBERS_EXPLAINED_MAX), now: start, ids, queue, agents };
        for agent in desk.agents.clone() {
            desk.tell(Input::AgentReachable { agent, reachable: true });
            desk.now += Duration::from_secs(1);
        }
        let settings = QueueSettings {
            strategy,
            ..QueueSettings::new("sales", desk.agents.iter().map(|agent| Member::new(*agent)).collect())
        };
        desk.tell(Input::QueueConfigured { queue, settings, version: 4 });
        desk
    }

    fn tell(&mut self, input: Input) {
        self.router.handle(self.now, input);
    }

    fn decide(&mut self) -> Decision {
        let call = (&self.ids as &dyn IdSource).id(chrono::DateTime::UNIX_EPOCH);
        self.tell(Input::CallQueued(Arrival::new(call, self.queue)));
        self.decision()
    }

    fn decision(&mut self) -> Decision {
        match self.router.poll_command() {
            Some(Command::Offer { queue, agent, why, stands, .. }) => {
                Decision::of(queue, agent, &why, stands.as_ref(), self.now)
            }
            other => panic!("no offer but {other:?}"),
        }
    }

    fn reasons(decision: &Decision) -> Vec<String> {
        decision.candidates.iter().map(|own| decision.reason_of(own)).collect()
    }
}

#[test]
fn everybody_is_told_in_words_why_they_were_not_asked() {
    let mut desk = Desk::new(6, Strategy::LongestIdle);
    let agents = desk.agents.clone();
    desk.tell(Input::AgentEngaged { agent: agents[0] });
    desk.tell(Input::AgentChose { agent: agents[1], availability: Availability::Break });
    desk.tell(Input::AgentReachable { agent: agents[2], reachable: false });
    let decision = desk.decide();
    assert_eq!((decision.chosen, decision.free, decision.version), (agents[3], 3, 4));
    assert_eq!(decision.tie_break, Some(TieBreak::Order));
    assert_eq!(
        Desk::reasons(&decision),
        [
            "came first: had been without a call longest",
            "was free, but had been without a call for less time",
            "was free, but had been without a call for less time",
            "was on a call",
            "had no phone that could be reached",
            "was on a break",
        ]
    );
    let order: Vec<UserId> = decision.candidates.iter().map(|own| own.agent).collect();
    assert_eq!(order, [agents[3], agents[4], agents[5], agents[0], agents[2], agents[1]]);
    assert_eq!(decision.next.map(|next| next.agent), Some(agents[4]));
    assert_eq!(decision.verdict_of(agents[1]), Verdict::OnBreak);
    let stranger = (&desk.ids as &dyn IdSource).id(chrono::DateTime::UNIX_EPOCH);
    assert_eq!(decision.verdict_of(stranger), Verdict::NoMember);
}

#[test]
fn a_rest_tells_how_long_it_lasts_and_a_second_choice_why_it_is_one() {
    let mut desk = Desk::new(2, Strategy::TopDown);
    let agents = desk.agents.clone();
    let first = desk.decide();
    assert_eq!((first.chosen, first.tie_break), (agents[0], Some(TieBreak::Position)));
    let call = desk.router.snapshot(desk.now).queues[0].calls[0].call;
    desk.tell(Input::OfferFailed { call, agent: agents[0], reason: crate::call::OfferFailure::Declined });
    let second = desk.decision();
    assert_eq!((second.chosen, second.tried), (agents[1], 1));
    assert_eq!(second.tie_break, Some(TieBreak::Alone));
    assert_eq!(second.verdict_of(agents[0]), Verdict::Tried);
    let other = desk.router.standing(desk.now, call, agents[0]).unwrap();
    let own = Considered::of(&other, desk.now);
    assert_eq!(second.reason_of(&own), "had declined a call a moment before, for 10 s more");
    assert_eq!(own.says_now(None), "has declined a call a moment before, for 10 s more");
    assert_eq!(Verdict::OnBreak.says_now(), "is on a break");
    assert_eq!(Verdict::LaterTier.says_now(), Verdict::LaterTier.says());
}

#[test]
fn a_freed_agent_and_a_call_given_by_hand_are_told_as_such() {
    let mut desk = Desk::new(2, Strategy::RoundRobin);
    let agents = desk.agents.clone();
    for agent in &agents {
        desk.tell(Input::AgentEngaged { agent: *agent });
    }
    let call = (&desk.ids as &dyn IdSource).id(chrono::DateTime::UNIX_EPOCH);
    desk.tell(Input::CallQueued(Arrival::new(call, desk.queue)));
    desk.now += Duration::from_secs(7);
    desk.tell(Input::AgentReleased { agent: agents[1] });
    let freed = desk.decision();
    assert_eq!((freed.chosen, freed.tie_break), (agents[1], None));
    assert!(freed.reason().ends_with("it had waited 7 s"), "{}", freed.reason());
    desk.tell(Input::CallGone { call });
    desk.tell(Input::AgentChose { agent: agents[1], availability: Availability::Break });
    let call = (&desk.ids as &dyn IdSource).id(chrono::DateTime::UNIX_EPOCH);
    desk.tell(Input::CallQueued(Arrival::new(call, desk.queue)));
    desk.router.assign(desk.now, call, agents[1]).unwrap();
    assert_eq!(desk.decision().reason(), "the call was given to them by hand");
}

#[test]
fn what_is_kept_is_bounded_and_is_read_back() {
    let mut desk = Desk::new(MEMBERS_EXPLAINED_MAX, Strategy::FewestCalls);
    desk.tell(Input::AgentEngaged { agent: desk.agents[63] });
    let decision = desk.decide();
    assert_eq!(decision.candidates.len(), CANDIDATES_MAX);
    let others: Vec<(Verdict, u32)> = decision.others.iter().map(|others| (others.verdict, others.count)).collect();
    assert_eq!(others, [(Verdict::Free, 43), (Verdict::OnCall, 1)]);
    assert_eq!(
        (decision.verdict_of(desk.agents[62]), decision.verdict_of(desk.agents[63])),
        (Verdict::Free, Verdict::OnCall)
    );
    let stranger = (&desk.ids as &dyn IdSource).id(chrono::DateTime::UNIX_EPOCH);
    assert_eq!(decision.verdict_of(stranger), Verdict::NoMember);
    // As it was kept when the others were counted only.
    let mut counted = decision.clone();
    counted.others.iter_mut().for_each(|others| others.agents.clear());
    assert_eq!(counted.verdict_of(desk.agents[63]), Verdict::Unlisted);
    let kept = Change::Offered { agent: decision.chosen, decision: Some(Box::new(decision)) };
    let text = serde_json::to_string(&kept).unwrap();
    assert!(text.len() < 4_500, "{} bytes: {text}", text.len());
    assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), kept);
    let old = format!(r#"{{"type":"offered","agent":"{}"}}"#, desk.agents[0]);
    let read = Change::Offered { agent: desk.agents[0], decision: None };
    assert_eq!(serde_json::from_str::<Change>(&old).unwrap(), read);
    // One member more, and only the counts are kept.
    let mut desk = Desk::new(MEMBERS_EXPLAINED_MAX + 1, Strategy::FewestCalls);
    let decision = desk.decide();
    assert!(decision.candidates.is_empty() && decision.others.is_empty(), "{decision:?}");
    let (next, free) = (decision.next.unwrap().agent, decision.free);
    assert_eq!((free, decision.verdict_of(next)), (65, Verdict::Free));
    let unlisted = desk.agents.iter().filter(|agent| decision.verdict_of(**agent) == Verdict::Unlisted);
    assert_eq!(unlisted.count(), MEMBERS_EXPLAINED_MAX - 1);
}

#[test]
fn where_all_ring_those_who_were_free_rang_as_well() {
    let mut desk = Desk::new(2, Strategy::RingAll);
    let decision = desk.decide();
    assert_eq!(Desk::reasons(&decision)[1], "was free, and was rung as well");
}

#[test]
fn while_a_call_waits_for_one_agent_it_is_kept_from_the_others_who_are_free() {
    let mut desk = Desk::new(2, Strategy::LongestIdle);
    let agents = desk.agents.clone();
    desk.tell(Input::AgentEngaged { agent: agents[0] });
    let call = (&desk.ids as &dyn IdSource).id(chrono::DateTime::UNIX_EPOCH);
    let wish = Some((agents[0], Duration::from_secs(30)));
    desk.tell(Input::CallQueued(Arrival { wish, ..Arrival::new(call, desk.queue) }));
    let own = Considered::of(&desk.router.standing(desk.now, call, agents[1]).unwrap(), desk.now);
    assert_eq!((own.verdict, own.verdict.is_included()), (Verdict::Kept, false));
    assert_eq!(own.says_now(None), "is free, but the call waits for the agent it should go to");
}
