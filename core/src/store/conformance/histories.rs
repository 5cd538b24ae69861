//! Random histories end as they do in memory: every step gives the same answer, and all that can be seen stays the same.

use super::fixtures::{Rows, begin};
use super::tenant::{Seen, Tenant, busy_day, seen};
use crate::call::{Call, CallDay, CallStatus, CallSums};
use crate::event::Envelope;
use crate::id::{IdSource as _, SeededIds};
use crate::people::{Figures, Role, Session, User};
use crate::phone::{Assignment, Extension, InboundRoute, InboundTarget, NumberStatus, PhoneNumber, SipSecret, Trunk};
use crate::queue::{Queue, QueueSettings};
use crate::scope::Scope;
use crate::store::memory::MemoryStore;
use crate::store::{Access, Repo, Store, StoreError};

/// Rows of each noun and company: few, so that steps meet.
const SLOTS: usize = 4;
/// Kinds of steps.
const KINDS: usize = 35;

/// One step, decided before it is taken in either store.
#[derive(Debug, Clone, Copy)]
struct Step {
    kind: usize,
    tenant: usize,
    slot: usize,
    other: usize,
    flag: bool,
    stale: bool,
}

/// Gives the same random numbers each time.
struct Dice(SeededIds);

impl Dice {
    fn below(&self, sides: usize) -> usize {
        let mut bytes = [0u8; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % sides as u64).unwrap_or_default()
    }

    fn step(&self) -> Step {
        Step {
            kind: self.below(KINDS),
            tenant: self.below(2),
            slot: self.below(SLOTS),
            other: self.below(SLOTS),
            flag: self.below(2) == 0,
            stale: self.below(5) == 0,
        }
    }

    fn scope(&self, world: &[Vec<Tenant>]) -> Scope {
        match self.below(4) {
            0 => world[0][0].scope(),
            1 => world[1][0].scope(),
            _ => Scope::System,
        }
    }
}

/// What a step answers, in words. Which of several violated identities is named is not promised.
fn words<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Duplicate { entity, .. }) => format!("duplicate {entity}"),
        other => format!("{other:?}"),
    }
}

/// Two companies with rows to choose from, of which those with the same slot share names and numbers.
fn world(rows: &Rows) -> Vec<Vec<Tenant>> {
    let tenant = |company: &crate::company::Company| Tenant::within(rows, company.clone());
    (0..2).map(|_| rows.company()).map(|company| (0..SLOTS).map(|_| tenant(&company)).collect()).collect()
}

/// Takes one step.
async fn take(tx: &mut dyn Repo, world: &[Vec<Tenant>], step: Step) -> String {
    match step.kind {
        0..=11 => people(tx, world, step).await,
        12..=20 => numbers(tx, world, step).await,
        21..=29 => lines(tx, world, step).await,
        _ => calls(tx, world, step).await,
    }
}

/// The version that follows, or one that does not.
fn next(version: Option<u32>, stale: bool) -> u32 {
    version.unwrap_or(1) + if stale { 3 } else { 1 }
}

async fn people(tx: &mut dyn Repo, world: &[Vec<Tenant>], step: Step) -> String {
    let (row, other) = (&world[step.tenant][step.slot], &world[step.tenant][step.other]);
    let known = tx.user(row.agent.id).await.unwrap();
    let caller = tx.caller(row.agent.id).await.unwrap();
    let at = row.company.created_at;
    match step.kind {
        0 | 1 => words(tx.insert_user(&User { reporting_to: None, ..row.agent.clone() }).await),
        2 => {
            let email = world[1 - step.tenant][step.other].agent.email.clone();
            words(tx.insert_user(&User { reporting_to: None, email, ..row.agent.clone() }).await)
        }
        3 => {
            let boss = tx.user(other.agent.id).await.unwrap().map(|user| user.id);
            let user = User {
                email: if step.flag { other.agent.email.clone() } else { row.agent.email.clone() },
                role: if step.flag { Role::Manager } else { Role::Caller },
                reporting_to: boss,
                version: next(known.map(|user| user.version), step.stale),
                ..row.agent.clone()
            };
            words(tx.update_user(&user).await)
        }
        4 => {
            let numbers = tx.agent_numbers_for_update(row.agent.id).await.unwrap();
            let lines = tx.extensions().await.unwrap();
            let held = caller.is_some() || !numbers.is_empty() || lines.iter().any(|line| line.user == row.agent.id);
            if held { "held".to_owned() } else { words(tx.delete_user(row.agent.id).await) }
        }
        5 if known.is_some() => words(tx.insert_caller(&row.caller).await),
        6 if step.stale => words(tx.delete_caller(row.agent.id).await),
        7 => {
            let figures = Figures { total_calls: step.other as u64, ..Figures::default() };
            words(tx.set_figures(row.agent.id, &figures).await)
        }
        8 if known.is_some() => words(tx.insert_session(&row.session).await),
        9 => words(tx.mark_session_used(&row.session.token, at).await),
        10 if step.flag => words(tx.revoke_family(row.session.family, at).await),
        10 => words(tx.revoke_sessions(row.agent.id, at).await),
        11 if step.flag && step.stale => words(tx.purge_sessions(at + chrono::TimeDelta::days(100)).await),
        11 => {
            words(tx.session_for_update(&row.session.token).await.map(|session| session == Some(row.session.clone())))
        }
        _ => "nothing to do".to_owned(),
    }
}

async fn numbers(tx: &mut dyn Repo, world: &[Vec<Tenant>], step: Step) -> String {
    let (row, other) = (&world[step.tenant][step.slot], &world[step.tenant][step.other]);
    let stored = tx.number(row.number.id).await.unwrap();
    let agent = tx.user(other.agent.id).await.unwrap();
    let assigned = tx.assignment_for_update(row.number.id).await.unwrap();
    match step.kind {
        12 | 13 => words(tx.insert_number(&row.number).await),
        14 => {
            let text = world[1 - step.tenant][step.other].number.number.clone();
            words(tx.insert_number(&PhoneNumber { number: text, ..row.number.clone() }).await)
        }
        15 => {
            let status = if step.flag { NumberStatus::Active } else { NumberStatus::Inactive };
            let number = stored.map_or_else(|| row.number.clone(), |stored| stored.number);
            let version = next(Some(number.version), step.stale);
            words(tx.update_number(&PhoneNumber { status, version, ..number }).await)
        }
        16 if step.flag => words(tx.delete_number(row.number.id).await),
        17 if stored.is_some() && agent.is_some() => {
            words(tx.insert_assignment(&Assignment { agent: other.agent.id, ..row.assignment.clone() }).await)
        }
        18 => {
            let version = next(assigned.map(|assigned| assigned.version), step.stale);
            words(tx.update_assignment(&Assignment { daily_limit: 5, version, ..row.assignment.clone() }).await)
        }
        19 if step.stale => words(tx.delete_assignment(row.number.id).await),
        19 if step.flag => words(tx.reset_counts(busy_day()).await),
        20 => {
            let assignment = assigned.unwrap_or_else(|| row.assignment.clone());
            words(tx.record_use(&Assignment { used: assignment.used + 1, day: busy_day(), ..assignment }).await)
        }
        _ => "nothing to do".to_owned(),
    }
}

async fn lines(tx: &mut dyn Repo, world: &[Vec<Tenant>], step: Step) -> String {
    let (row, other) = (&world[step.tenant][step.slot], &world[step.tenant][step.other]);
    let user = tx.user(row.agent.id).await.unwrap();
    let queue = tx.queue(row.queue.id).await.unwrap();
    match step.kind {
        21 if user.is_some() => {
            let number = if step.stale { &other.extension.number } else { &row.extension.number };
            words(tx.insert_extension(&Extension { number: number.clone(), ..row.extension.clone() }).await)
        }
        22 => {
            let stored = tx.extension(row.extension.id).await.unwrap();
            let version = next(stored.map(|stored| stored.version), step.stale);
            let secret = SipSecret { md5: "ab".repeat(16), sha256: "cd".repeat(32) };
            words(tx.update_extension(&Extension { secret, version, ..row.extension.clone() }).await)
        }
        23 if step.stale => words(tx.delete_extension(row.extension.id).await),
        24 => words(tx.insert_trunk(&Trunk { is_default: step.flag, ..row.trunk.clone() }).await),
        25 => {
            let stored = tx.trunk(row.trunk.id).await.unwrap();
            let name = if step.stale { other.trunk.name.clone() } else { row.trunk.name.clone() };
            let version = next(stored.map(|stored| stored.version), false);
            words(tx.update_trunk(&Trunk { name, is_default: step.flag, version, ..row.trunk.clone() }).await)
        }
        26 if step.flag => words(tx.delete_trunk(row.trunk.id).await),
        26 => words(tx.insert_queue(&row.queue).await),
        27 => {
            let name = if step.flag { other.queue.settings.name.clone() } else { row.queue.settings.name.clone() };
            let version = next(queue.map(|queue| queue.version), step.stale);
            let settings = QueueSettings { name, ..row.queue.settings.clone() };
            words(tx.update_queue(&Queue { settings, version, ..row.queue.clone() }).await)
        }
        28 if user.is_some() => {
            let target = InboundTarget::Agent(row.agent.id);
            let number = if step.stale { other.route.number.clone() } else { row.route.number.clone() };
            let route = InboundRoute { target, number, ..row.route.clone() };
            match tx.inbound_route(route.id).await.unwrap() {
                Some(stored) => {
                    let version = next(Some(stored.version), false);
                    words(tx.update_inbound_route(&InboundRoute { version, ..route }).await)
                }
                None => words(tx.insert_inbound_route(&route).await),
            }
        }
        29 if step.flag => words(tx.delete_inbound_route(row.route.id).await),
        29 => words(tx.delete_queue(row.queue.id).await),
        _ => "nothing to do".to_owned(),
    }
}

async fn calls(tx: &mut dyn Repo, world: &[Vec<Tenant>], step: Step) -> String {
    let (row, other) = (&world[step.tenant][step.slot], &world[step.tenant][step.other]);
    let bare = |call: &Call| Call { queue: None, agent: None, ..call.clone() };
    match step.kind {
        30 if step.stale => words(tx.delete_call(row.call.id).await),
        30 => {
            let pair = [bare(&row.call), bare(&other.call)];
            words(tx.insert_calls(if step.flag { &pair } else { &pair[..1] }).await)
        }
        31 => {
            let stored = tx.call_for_update(row.call.id).await.unwrap();
            let version = next(stored.map(|stored| stored.version), step.stale);
            let status = CallStatus::ALL[step.other * 2];
            words(tx.update_call(&Call { status, version, ..bare(&row.call) }).await)
        }
        32 if step.stale => {
            let sums = CallSums { inbound: 1, talk_seconds: step.other as i64 - 1, ..CallSums::default() };
            let agent = step.flag.then_some(row.agent.id);
            let (first, second) =
                (CallDay { sums, agent, ..row.call_day() }, CallDay { agent: None, ..other.call_day() });
            words(tx.add_call_days(&[first, second][..1 + usize::from(step.flag)]).await)
        }
        32 => {
            let event = |seq| crate::call::CallEvent { seq, ..row.call_event.clone() };
            words(tx.append_call_events(&[event(1 + step.other as u32), event(9)][..1 + usize::from(step.flag)]).await)
        }
        33 => {
            // Once in a while only, as events cannot be told apart from their repetition.
            let known = tx.events_after(0, 1_000).await.unwrap().iter().any(|event| event.id == row.event.id);
            if known { "known".to_owned() } else { words(tx.append_events(std::slice::from_ref(&row.event)).await) }
        }
        _ => {
            let now = row.company.created_at + chrono::TimeDelta::seconds(step.other as i64);
            if step.flag {
                return words(tx.mark_delivered(&[row.event.id], now).await);
            }
            let claimed = tx.claim_events(now, now + chrono::TimeDelta::milliseconds(1_500), 2).await;
            words(claimed.map(|events| events.iter().map(|event| event.id).collect::<Vec<_>>()))
        }
    }
}

/// All that is seen, without the numbers of events, which may have gaps.
async fn looked_at(store: &dyn Store) -> Seen {
    let mut seen = seen(store, Scope::System).await;
    seen.events = seen.events.into_iter().map(|event| Envelope { seq: 0, ..event }).collect();
    seen
}

/// The sessions, which no list shows.
async fn sessions(store: &dyn Store, world: &[Vec<Tenant>]) -> Vec<Option<Session>> {
    let mut tx = begin(store, Scope::System, Access::Write).await;
    let mut sessions = Vec::new();
    for row in world.iter().flatten() {
        sessions.push(tx.session_for_update(&row.session.token).await.unwrap());
    }
    sessions
}

/// Random units of work, each committed, rolled back or dropped, do the same to the store as to the one in memory.
pub async fn random_histories_end_as_they_do_in_memory(store: &dyn Store) {
    let rows = Rows::new();
    let world = world(&rows);
    let memory = MemoryStore::new();
    let stores: [&dyn Store; 2] = [store, &memory];
    for store in stores {
        let mut tx = begin(store, Scope::System, Access::Write).await;
        for tenants in &world {
            tenants[0].found(&mut *tx).await;
            for row in &tenants[..SLOTS / 2] {
                row.settle(&mut *tx).await;
            }
        }
        tx.commit().await.unwrap();
    }
    let dice = Dice(SeededIds::new(2_026));
    let mut history = Vec::new();
    for unit in 0..100 {
        let scope = dice.scope(&world);
        let mut pair = [begin(stores[0], scope, Access::Write).await, begin(stores[1], scope, Access::Write).await];
        for _ in 0..=dice.below(25) {
            let step = dice.step();
            history.push(step);
            let own = take(&mut *pair[0], &world, step).await;
            let model = take(&mut *pair[1], &world, step).await;
            assert_eq!(own, model, "unit of work {unit} in {scope:?}, step {step:?}");
        }
        let end = dice.below(6);
        for tx in pair {
            match end {
                0 => tx.rollback().await.unwrap(),
                1 => drop(tx),
                _ => tx.commit().await.unwrap(),
            }
        }
        assert_eq!(looked_at(stores[0]).await, looked_at(stores[1]).await, "after unit of work {unit} in {scope:?}");
        assert_eq!(sessions(stores[0], &world).await, sessions(stores[1], &world).await, "after unit of work {unit}");
    }
    // The dice are fair: every kind of step came up.
    assert!((0..KINDS).all(|kind| history.iter().any(|step| step.kind == kind)));
}
