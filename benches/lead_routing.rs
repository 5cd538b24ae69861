//! One routing decision for a lead, among 10, 100 and 1,000 agents, by every strategy.

#![forbid(unsafe_code)]

use std::hint::black_box;

use chrono::{DateTime, Utc};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dialplane_core::id::{IdSource, SeededIds};
use dialplane_core::lead::routing::{Question, route};
use dialplane_core::lead::{AgentLeads, Candidate, LeadProfileSettings, LeadSettings, Needs, Strategy};
use dialplane_core::people::Availability;

/// Agents of whom every tenth is away, with skills, languages and loads of all sorts.
fn agents(count: usize) -> Vec<Candidate> {
    let ids = SeededIds::new(2_026);
    let ids: &dyn IdSource = &ids;
    let agent = |n: usize| Candidate {
        user: ids.id(DateTime::UNIX_EPOCH),
        availability: if n.is_multiple_of(10) { Availability::Break } else { Availability::Available },
        profile: LeadProfileSettings {
            skills: (0..n % 5).map(|skill| format!("skill{skill}")).collect(),
            languages: vec![["en", "es", "de"][n % 3].to_owned()],
            capacity: Some(20 + n as u32 % 10),
            ..LeadProfileSettings::default()
        },
        leads: AgentLeads { total: 100, open: n as u64 % 25, converted: n as u64 % 40 },
        pass: n as u64 * 7_919 % 1_000_003,
    };
    (0..count).map(agent).collect()
}

fn decisions(criterion: &mut Criterion) {
    let needs = Needs {
        skills: vec!["skill1".to_owned(), "skill3".to_owned()],
        language: Some("es".to_owned()),
        territory: None,
    };
    let now: DateTime<Utc> = "2026-06-01T10:00:00Z".parse().expect("an instant");
    let question = Question {
        needs: &needs,
        previous: None,
        returned_from: None,
        turn: 500_000,
        settings_version: 1,
        zone: chrono_tz::Europe::Berlin,
        now,
    };
    let mut group = criterion.benchmark_group("lead_routing");
    for count in [10, 100, 1_000] {
        let agents = agents(count);
        for strategy in Strategy::ALL.into_iter().filter(|strategy| *strategy != Strategy::Manual) {
            let settings = LeadSettings { strategy, online_only: true, ..LeadSettings::default() };
            group.bench_function(BenchmarkId::new(strategy.as_str(), count), |bencher| {
                bencher.iter(|| route(black_box(&settings), black_box(&question), black_box(&agents)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
