//! Who gets the next call: the router against the ways in which it is usually done.

#![forbid(unsafe_code)]

mod desk;
mod others;

use criterion::{Criterion, criterion_group, criterion_main};
use dialplane_benches::turns::{Turns, repeated};

use desk::{Desk, Shape};
use others::{Heap, Scan, Sets, Sql};

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];

/// One queue, nobody needs anything: a call comes, is offered and taken, and ends.
fn plain(criterion: &mut Criterion) {
    for agents in SIZES {
        let mut desk = Desk::new(Shape { agents, ..Shape::default() });
        let mut heap = Heap::new(agents);
        let mut scan = Scan::new(agents);
        let mut turns = Turns::new(format!("routing: a call, 1 queue, {agents} agents"))
            .baseline("floor: a hash map, pop and push of a heap", repeated(move || heap.serve()))
            .baseline("a scan of all members with penalties, as app_queue does", repeated(move || scan.serve()));
        if agents <= 10_000 {
            let mut sql = Sql::new(agents);
            turns =
                turns.baseline("a query on in-memory SQLite, as mod_callcenter does", repeated(move || sql.serve()));
        }
        turns.ours("Router", repeated(move || desk.serve())).measure(criterion);
    }
}

/// Fifty queues, each agent a member of two.
fn many_queues(criterion: &mut Criterion) {
    for agents in SIZES {
        let mut desk = Desk::new(Shape { agents, queues: 50, each_in: 2, ..Shape::default() });
        let mut heap = Heap::new(agents);
        Turns::new(format!("routing: a call, 50 queues, {agents} agents in two each"))
            .baseline("floor: a hash map, pop and push of a heap", repeated(move || heap.serve()))
            .ours("Router", repeated(move || desk.serve()))
            .measure(criterion);
    }
}

/// Twenty skills, four of them with each agent; a call needs one.
fn skills(criterion: &mut Criterion) {
    for agents in SIZES {
        let mut desk = Desk::new(Shape { agents, skills: 20, each_has: 4, ..Shape::default() });
        let mut sets = Sets::new(agents, 20, 4);
        Turns::new(format!("routing: a call that needs a skill, {agents} agents with 4 of 20"))
            .baseline("floor: a hash map and an ordered set for each skill", repeated(move || sets.serve()))
            .ours("Router", repeated(move || desk.serve()))
            .measure(criterion);
    }
}

/// What it costs to keep why: it comes with each offer. How every member stands is worked out when it is asked for.
fn explanations(criterion: &mut Criterion) {
    for agents in [100, 1_000, 10_000] {
        let (mut silent, mut told) =
            (Desk::new(Shape { agents, ..Shape::default() }), Desk::new(Shape { agents, ..Shape::default() }));
        let mut every = Desk::new(Shape { agents, ..Shape::default() });
        Turns::new(format!("routing: why, 1 queue, {agents} agents"))
            .baseline("the decision thrown away", repeated(move || silent.serve()))
            .ours("why kept with each decision", repeated(move || told.serve_and_keep()))
            .ours("how each member stands, worked out each time", repeated(move || every.serve_and_ask()))
            .measure(criterion);
    }
}

/// Agents who come and go, and calls that wait in a long line.
fn events(criterion: &mut Criterion) {
    for agents in [1_000, 10_000, 100_000] {
        let mut breaks = Desk::new(Shape { agents, ..Shape::default() });
        let mut line = Desk::new(Shape { agents, nobody: true, ..Shape::default() });
        line.fill(100_000);
        let mut heap = Heap::new(agents);
        Turns::new(format!("routing: events, {agents} agents"))
            .baseline("floor: a hash map, pop and push of a heap", repeated(move || heap.serve()))
            .ours("an agent takes a break and comes back", repeated(move || breaks.pause()))
            .ours("a call queues behind 100,000 others and gives up", repeated(move || line.give_up()))
            .measure(criterion);
    }
}

criterion_group!(benches, plain, many_queues, skills, explanations, events);
criterion_main!(benches);
