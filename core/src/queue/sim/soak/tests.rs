//! The router holds against chance, and the check finds what is planted.

use super::*;

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
