//! Days that agree with the books, and days that repeat.

use super::*;
use crate::people::Availability;
use crate::queue::staffing::Load;
use crate::queue::{AgentSkill, SkillNeed, Strategy};

type Change = fn(&mut Plan);
type Figure = fn(&Slice) -> f64;

#[test]
fn a_long_day_of_one_queue_agrees_with_erlang() {
    // 100 calls in half an hour, three minutes each with exponential lengths, patience of two minutes.
    let mut plan = Plan::simple(12, &[100.0; 400], 180.0, 120.0);
    plan.answer_seconds = 0.001;
    // The formula wants exponential talks; a log-normal of the same deviation comes close.
    plan.queues[0].talk_deviation = 180.0;
    let day = run(&plan, 1);
    let load =
        Load { calls: 100.0, interval_seconds: 1_800.0, handle_seconds: 180.0, patience_seconds: Some(120.0) }.with(12);
    let abandonment = day.total.abandonment();
    assert!(
        (abandonment - load.abandonment()).abs() < 0.012,
        "{abandonment} by chance, {} by Erlang",
        load.abandonment()
    );
    let in_time = day.total.in_time as f64 / day.total.offered as f64;
    assert!(
        (in_time - load.service_level(20.0)).abs() < 0.03,
        "{in_time} by chance, {} by Erlang",
        load.service_level(20.0)
    );
    assert!((day.total.occupancy() - load.occupancy()).abs() < 0.02, "{} {}", day.total.occupancy(), load.occupancy());
}

#[test]
fn every_call_is_counted_once_whatever_the_strategy_and_the_luck() {
    for (n, strategy) in Strategy::ALL.iter().enumerate() {
        let mut plan = Plan::simple(10, &[80.0, 120.0, 20.0], 120.0, 60.0);
        (plan.missed_share, plan.breaks_every_seconds, plan.break_seconds) = (0.2, 900.0, 120.0);
        let skill = |name: &str, level| AgentSkill { name: name.to_owned(), level };
        let need = |name: &str, required| vec![SkillNeed { name: name.to_owned(), level: 3, required }];
        plan.crashes_every_seconds = 1_200.0;
        let taught = |n: usize| PlannedAgent {
            skills: vec![skill(["german", "english"][n % 2], 1 + n as u8)],
            ..PlannedAgent::of("one", 1)
        };
        plan.agents = (0..10).map(taught).collect();
        plan.check().unwrap();
        let queue = &mut plan.queues[0];
        queue.needs = vec![Vec::new(), need("german", true), need("english", false)];
        queue.settings.strategy = *strategy;
        queue.settings.max_wait_seconds = 90;
        queue.settings.wrap_up_seconds = 5;
        let day = run(&plan, n as u64);
        let Slice { offered, answered, abandoned, overflowed, .. } = day.total;
        assert_eq!(answered + abandoned + overflowed, offered, "{strategy:?}");
        assert!(offered > 150 && answered * 2 > offered, "{strategy:?}: {day:?}");
        assert_eq!(run(&plan, n as u64), day, "{strategy:?}: the same seed is the same day");
        assert_ne!(run(&plan, n as u64 + 100), day);
    }
}

/// A plan of two queues with everything in it.
fn rich() -> Plan {
    let mut plan = Plan::simple(8, &[60.0, 90.0, 40.0], 150.0, 90.0);
    let mut second = plan.queues[0].clone();
    second.settings.name = "two".to_owned();
    (second.priority, second.settings.max_wait_seconds) = (5, 120);
    second.calls = vec![20.0, 30.0];
    plan.queues.push(second);
    plan.queues[0].settings.service_level_seconds = 45;
    plan.queues[0].settings.wrap_up_seconds = 10;
    let both = PlannedAgent { queues: vec!["one".to_owned(), "two".to_owned()], ..PlannedAgent::of("one", 4) };
    let shifts = vec![Shift { from_minute: 0, to_minute: 30 }, Shift { from_minute: 45, to_minute: 90 }];
    plan.agents.extend([both, PlannedAgent { shifts, capacity: 2, ..PlannedAgent::of("two", 2) }]);
    (plan.breaks_every_seconds, plan.break_seconds) = (1_500.0, 200.0);
    plan
}

#[test]
fn callers_who_give_up_soon_are_those_within_the_service_level_of_their_queue() {
    let mut plan = Plan::simple(0, &[200.0], 60.0, 30.0);
    for seconds in [5, 600] {
        plan.queues[0].settings.service_level_seconds = seconds;
        let Slice { abandoned, abandoned_soon, offered, .. } = run(&plan, 1).total;
        let soon = abandoned_soon as f64 / abandoned as f64;
        // Of an exponential patience of 30 s, this share is over by then.
        let wanted = 1.0 - (-f64::from(seconds) / 30.0).exp();
        assert!(abandoned == offered && (soon - wanted).abs() < 0.08, "{seconds}: {soon} {wanted}");
    }
}

#[test]
fn agents_are_planned_for_their_shifts_and_talk_within_them_unless_a_call_lasts() {
    let mut plan = Plan::simple(0, &[40.0, 40.0, 40.0], 60.0, 300.0);
    plan.agents =
        vec![PlannedAgent { shifts: vec![Shift { from_minute: 15, to_minute: 60 }], ..PlannedAgent::of("one", 4) }];
    let day = run(&plan, 3);
    let planned: Vec<u64> = day.slices.iter().map(|slice| slice.planned_ms).collect();
    assert_eq!(planned, [4 * 900_000, 4 * 1_800_000, 0]);
    assert!(day.slices[1].answered > 20 && day.slices[2].answered == 0, "{day:?}");
    assert!(day.fairness > 0.8 && day.fairness <= 1.0, "{}", day.fairness);
    let busy_one = Plan {
        agents: vec![PlannedAgent::of("one", 1), PlannedAgent { queues: vec![], ..PlannedAgent::of("one", 3) }],
        ..plan
    };
    assert_eq!(run(&busy_one, 3).fairness, 0.25);
}

#[test]
fn a_plan_that_cannot_be_is_told_with_its_field() {
    rich().check().unwrap();
    let cases: [(Change, &str); 9] = [
        (|plan| plan.missed_share = 1.5, "missedShare"),
        (|plan| plan.break_seconds = f64::NAN, "breakSeconds"),
        (|plan| plan.queues.clear(), "queues"),
        (|plan| plan.queues[1].talk_seconds = 0.0, "queues[1].talkSeconds"),
        (|plan| plan.queues[0].calls[1] = -1.0, "queues[0].calls"),
        (|plan| plan.queues[0].settings.ring_seconds = 1, "queues[0].settings.ringSeconds"),
        (|plan| plan.queues[1].settings.name = "one".to_owned(), "queues[0].settings.name"),
        (|plan| plan.agents[0].queues = vec!["three".to_owned()], "agents[0].queues"),
        (|plan| plan.agents[2].shifts[1].from_minute = 10, "agents[2].shifts"),
    ];
    for (spoil, field) in cases {
        let mut plan = rich();
        spoil(&mut plan);
        assert_eq!(plan.check().unwrap_err().field, field);
    }
}

#[test]
fn a_day_that_is_played_again_as_it_was_ends_as_it_did() {
    for seed in 0..10 {
        let (day, recorded) = record(&rich(), seed);
        let again = replay::replay(&recorded, seed);
        assert!(day.total.answered > 100 && day.total.abandoned > 5, "{:?}", day.total);
        assert_eq!(again.slices, day.slices, "seed {seed}");
        assert_eq!(again, day, "seed {seed}");
    }
}

#[test]
fn a_day_with_missed_calls_that_is_played_again_is_alike() {
    let mut plan = rich();
    (plan.missed_share, plan.queues[0].settings.max_wait_seconds) = (0.15, 60);
    let (mut was, mut again) = (Vec::new(), Vec::new());
    for seed in 0..20 {
        let (day, recorded) = record(&plan, seed);
        was.push(day.total);
        again.push(replay::replay(&recorded, seed + 1_000).total);
    }
    let mean = |days: &[Slice], of: fn(&Slice) -> f64| days.iter().map(of).sum::<f64>() / days.len() as f64;
    let figures: [(Figure, f64); 4] =
        [(Slice::service_level, 0.05), (Slice::abandonment, 0.03), (Slice::occupancy, 0.03), (Slice::mean_wait, 4.0)];
    for (n, (figure, near)) in figures.into_iter().enumerate() {
        let (was, again) = (mean(&was, figure), mean(&again, figure));
        assert!((was - again).abs() < near, "{n}: {was} became {again}");
    }
}

#[test]
fn more_agents_on_a_day_that_was_answer_more_of_the_same_callers() {
    let (day, mut recorded) = record(&Plan::simple(6, &[80.0; 4], 180.0, 60.0), 5);
    let extra = recorded.agents[0].clone();
    for _ in 0..4 {
        let id = (&crate::id::SeededIds::new(recorded.agents.len() as u64) as &dyn crate::id::IdSource)
            .id(chrono::DateTime::UNIX_EPOCH);
        recorded.agents.push(replay::RecordedAgent { id, ..extra.clone() });
        recorded.queues[0].settings.members.push(crate::queue::Member::new(id));
    }
    let more = replay::replay(&recorded, 5);
    assert_eq!(more.total.offered, day.total.offered);
    assert!(more.total.abandoned * 2 < day.total.abandoned, "{:?} {:?}", day.total, more.total);
    assert!(more.total.mean_wait() < day.total.mean_wait() && more.total.occupancy() < day.total.occupancy());
}

#[test]
fn the_state_at_any_instant_of_a_recorded_day_is_what_its_calls_say() {
    let (_, recorded) = record(&rich(), 4);
    let mut waited = 0;
    for instant in (0..5_400_000).step_by(60_000) {
        let moment = recorded.at(instant);
        let talking: u32 = moment.queues.iter().map(|queue| queue.talking).sum();
        let held: u32 = moment.agents.iter().map(|agent| agent.calls).sum();
        assert_eq!(talking, held, "at {instant}");
        let capacity = recorded.agents.iter().zip(&moment.agents);
        assert!(capacity.into_iter().all(|(agent, then)| then.calls <= u32::from(agent.settings.capacity)));
        assert!(moment.queues.iter().all(|queue| (queue.oldest_ms == 0) || queue.waiting > 0));
        waited += moment.queues.iter().map(|queue| queue.waiting).sum::<u32>();
        // The shift of the last two agents has a gap.
        let off = moment.agents.iter().rev().take(2).all(|agent| agent.chosen == Availability::Offline);
        assert_eq!(off, (1_800_000..2_700_000).contains(&instant), "at {instant}");
    }
    assert!(waited > 5, "{waited}");
}

#[test]
fn patience_is_estimated_from_all_waits_and_not_only_from_those_of_callers_who_gave_up() {
    let (day, recorded) = record(&Plan::simple(6, &[100.0; 12], 180.0, 90.0), 2);
    let queue = recorded.queues[0].id;
    let mean = recorded.mean_patience_ms(queue).unwrap();
    assert!((75_000.0..110_000.0).contains(&mean), "{mean}");
    let gave_up = recorded.calls.iter().filter(|call| call.end == replay::RecordedEnd::Abandoned);
    let short = gave_up.map(|call| call.waited_ms).sum::<u64>() as f64 / day.total.abandoned as f64;
    assert!(short < 0.8 * mean, "those who gave up are the impatient ones: {short}");
    let patient = replay::RecordedDay { calls: Vec::new(), ..recorded };
    assert_eq!(patient.mean_patience_ms(queue), None);
}
