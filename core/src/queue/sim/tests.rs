//! Days that agree with the books, and days that repeat.

use super::*;
use crate::queue::staffing::Load;
use crate::queue::{AgentSkill, SkillNeed, Strategy};

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
        for (n, agent) in plan.agents.iter_mut().enumerate() {
            agent.skills = vec![skill(["german", "english"][n % 2], 1 + n as u8)];
        }
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
