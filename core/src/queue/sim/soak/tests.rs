//! The router holds against chance, and the check finds what is planted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::DateTime;

use super::*;
use crate::id::{CallId, IdSource, QueueId, SeededIds, UserId};
use crate::queue::router::{Arrival, Command, Input, POINT_SECONDS, Router};
use crate::queue::{Member, QueueSettings};

#[test]
fn whatever_happens_the_router_keeps_its_promises() {
    let mut seen = Explored::default();
    for seed in 0..60 {
        match explore(seed, 500, None) {
            Ok(explored) => seen.add(&explored),
            Err(broken) => panic!("{broken}"),
        }
    }
    assert!(seen.calls > 3_000 && seen.offers > 2_500 && seen.answered > 1_500, "too little happened: {seen:?}");
    assert!(seen.rescinded > 30 && seen.overflowed > 300 && seen.paused > 50 && seen.crashes > 20, "{seen:?}");
}

#[test]
fn the_same_seed_is_the_same_world_to_the_letter() {
    for seed in 1_000..1_004 {
        let (one, two) = (explore(seed, 400, None).unwrap(), explore(seed, 400, None).unwrap());
        assert_eq!(one, two);
        assert_ne!(one.hash, explore(seed + 4, 400, None).unwrap().hash);
    }
}

/// The promise that a planted bug breaks first in some worlds.
fn found(fault: Fault) -> Vec<Promise> {
    (0..20).filter_map(|seed| explore(seed, 500, Some(fault)).err()).map(|broken| broken.promise).collect()
}

#[test]
fn every_planted_bug_is_found_and_called_by_its_name() {
    for fault in Fault::ALL {
        let promise = match fault {
            Fault::SkippedClaim => Promise::Capacity,
            Fault::DroppedRescind => Promise::Rescind,
            Fault::ForgottenWrapUp => Promise::WrapUp,
            Fault::DroppedOverflow => Promise::Overflow,
            Fault::MissedAbsence | Fault::MissedBreak => Promise::Presence,
            Fault::ForgottenSkills | Fault::MissedRelease => Promise::NobodyIdles,
            Fault::LostPriority => Promise::Turn,
            Fault::DroppedPause => Promise::Pause,
        };
        let found = found(*fault);
        let named = found.iter().filter(|broken| **broken == promise).count();
        assert!(named >= 3, "{fault:?} is to be found as {promise:?}: {found:?}");
    }
}

#[test]
fn a_failure_names_its_seed_and_what_happened_last() {
    let broken = (0..20).find_map(|seed| explore(seed, 500, Some(Fault::ForgottenWrapUp)).err()).unwrap();
    let text = broken.to_string();
    assert!(text.contains(&format!("seed {}", broken.seed)) && text.contains("ends") && text.contains("-> offer call"));
    assert!(broken.events.len() > 10);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "an instant cannot be made in another way; only distances from it matter"
)]
fn ten_thousand_calls_in_one_second_are_each_served_once_and_in_turn() {
    let ids = SeededIds::new(5);
    let ids = &ids as &dyn IdSource;
    let (mut router, epoch) = (Router::with_seed(5), Instant::now());
    let agents: Vec<UserId> = (0..40).map(|_| ids.id(DateTime::UNIX_EPOCH)).collect();
    for agent in &agents {
        router.handle(epoch, Input::AgentReachable { agent: *agent, reachable: true });
    }
    let queues: [QueueId; 2] = [(); 2].map(|()| ids.id(DateTime::UNIX_EPOCH));
    for (queue, weight) in queues.iter().zip([0, 10]) {
        let members = agents.iter().map(|agent| Member::new(*agent)).collect();
        let settings = QueueSettings { weight, ..QueueSettings::new("queue", members) };
        router.handle(epoch, Input::QueueConfigured { queue: *queue, settings, version: 1 });
    }
    let mut turns: BTreeMap<CallId, i64> = BTreeMap::new();
    let (mut talking, mut served): (Vec<CallId>, Vec<i64>) = (Vec::new(), Vec::new());
    let mut obey = |router: &mut Router, talking: &mut Vec<CallId>, turns: &mut BTreeMap<CallId, i64>, now| {
        while let Some(command) = router.poll_command() {
            let Command::Offer { call, agent, .. } = command else { panic!("{command:?} for nothing") };
            served.push(turns.remove(&call).expect("a call is offered once"));
            talking.push(call);
            router.handle(now, Input::OfferAccepted { call, agent });
        }
    };
    for n in 0..10_000u64 {
        let (call, queue, priority) = (ids.id(DateTime::UNIX_EPOCH), (n % 2) as usize, [0, 0, 5][(n % 3) as usize]);
        let now = epoch + Duration::from_micros(n * 100);
        let points = i64::from(priority) + [0, 10][queue];
        turns.insert(call, (n * 100) as i64 - points * POINT_SECONDS * 1_000_000);
        router.handle(now, Input::CallQueued(Arrival { priority, ..Arrival::new(call, queues[queue]) }));
        obey(&mut router, &mut talking, &mut turns, now);
    }
    assert_eq!((talking.len(), router.waiting(queues[0]) + router.waiting(queues[1])), (40, 9_960));
    let mut now = epoch + Duration::from_secs(1);
    while !talking.is_empty() {
        now += Duration::from_secs(1);
        for call in std::mem::take(&mut talking) {
            router.handle(now, Input::CallEnded { call });
            obey(&mut router, &mut talking, &mut turns, now);
        }
    }
    assert!(served.len() == 10_000 && turns.is_empty() && router.calls() == 0);
    assert!(served[40..].is_sorted(), "the earliest turn goes first");
}
