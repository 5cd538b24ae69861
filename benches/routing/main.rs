//! Who gets the next call: the router against the ways in which it is usually done.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "what is not a table of rows is printed as a line")]

mod desk;
mod others;
mod plot;

use std::time::Duration;

use criterion::Criterion;
use dialplane_benches::turns::{Turns, repeated, repeated_by_all_threads};
use dialplane_benches::{is_measuring, processor};

use desk::{Desk, Shape};
use others::{Heap, Scan, Sets, Sql};

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
/// The query takes so long that more agents would tell nothing new.
const SQL_MAX: usize = 10_000;
/// Members of a queue up to which the server keeps how all of them stood.
const EXPLAINED: usize = dialplane_core::queue::decision::MEMBERS_EXPLAINED_MAX;

/// One queue, nobody needs anything: a call comes, is offered and taken, and ends. Gives the medians by the number of agents.
fn plain(criterion: &mut Criterion) -> Vec<(usize, Vec<(String, f64)>)> {
    let measure = |agents| {
        let mut desk = Desk::new(Shape { agents, ..Shape::default() });
        let mut heap = Heap::new(agents);
        let mut scan = Scan::new(agents);
        let mut turns = Turns::new(format!("routing: a call, 1 queue, {agents} agents"))
            .baseline("floor: a hash map, pop and push of a heap", repeated(move || heap.serve()))
            .baseline("a scan of all members with penalties, as app_queue does", repeated(move || scan.serve()));
        if agents <= SQL_MAX {
            let mut sql = Sql::new(agents);
            // SQLite works in a thread of its own.
            let run = repeated_by_all_threads(move || sql.serve());
            turns = turns.baseline("a query on in-memory SQLite, as mod_callcenter does", run);
        }
        (agents, turns.ours("Router", repeated(move || desk.serve())).measure(criterion))
    };
    SIZES.map(measure).into()
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

/// Twenty skills, four of them with each agent.
fn skills(criterion: &mut Criterion) {
    for agents in SIZES {
        let shape = Shape { agents, skills: 20, each_has: 4, ..Shape::default() };
        let mut desk = Desk::new(shape);
        let mut relaxing = Desk::new(Shape { relaxes: true, ..shape });
        let mut sets = Sets::new(agents, 20, 4);
        Turns::new(format!("routing: skills, {agents} agents with 4 of 20"))
            .baseline("floor: a hash map and an ordered set for each skill", repeated(move || sets.serve()))
            .ours("a call that needs a skill", repeated(move || desk.serve()))
            .ours("a call that waits until what it needs is relaxed twice", repeated(move || relaxing.serve_relaxed()))
            .measure(criterion);
    }
}

/// What it costs to keep why: it comes with each offer. In small queues each offer also tells how every member stood.
fn explanations(criterion: &mut Criterion) {
    for agents in [10, EXPLAINED, 1_000, 100_000] {
        let shape = Shape { agents, ..Shape::default() };
        let (mut silent, mut told) = (Desk::new(shape), Desk::new(shape));
        let explained = Shape { explained: EXPLAINED, ..shape };
        let (mut every, mut read) = (Desk::new(explained), Desk::new(explained));
        Turns::new(format!("routing: why, 1 queue, {agents} agents"))
            .baseline("the decision thrown away", repeated(move || silent.serve()))
            .ours("why kept with each decision", repeated(move || told.serve_and_keep()))
            .ours(
                format!("the same, and how each member stood, up to {EXPLAINED}"),
                repeated(move || every.serve_and_keep()),
            )
            .ours("the same, and read as it is written down", repeated(move || read.serve_and_read()))
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

/// What agents and waiting calls take up, while nothing else has been done with the memory.
fn memory() {
    const AGENTS: usize = 100_000;
    const CALLS: usize = 1_000_000;
    let Some(before) = processor::memory() else { return };
    let mut desk = Desk::new(Shape { agents: AGENTS, nobody: true, ..Shape::default() });
    let Some(with_agents) = processor::memory() else { return };
    desk.fill(CALLS);
    let Some(with_calls) = processor::memory() else { return };
    let each = |more: u64, less: u64, count: usize| more.saturating_sub(less) / count as u64;
    println!(
        "routing: memory, {AGENTS} agents in one queue: {} bytes each, their settings and the bench's lists included; {CALLS} calls \
         waiting there: {} bytes each",
        each(with_agents, before, AGENTS),
        each(with_calls, with_agents, CALLS)
    );
}

fn main() {
    if is_measuring() {
        memory();
    }
    let shorter =
        Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    let mut criterion = shorter.configure_from_args();
    let medians = plain(&mut criterion);
    many_queues(&mut criterion);
    skills(&mut criterion);
    explanations(&mut criterion);
    events(&mut criterion);
    criterion.final_summary();
    // Where a plot is wanted, the environment names its file.
    if let Some(file) = std::env::var_os("DIALPLANE_PLOT").filter(|_| is_measuring()) {
        plot::draw(file.as_ref(), &medians).expect("the plot can be written");
    }
}
