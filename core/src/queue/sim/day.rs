//! What came of a day.

use serde::Serialize;

use super::script::Script;

/// What came of a day, slice by slice. A call counts in the slice in which it came.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Day {
    /// The slices.
    pub slices: Vec<Slice>,
    /// All of them together.
    pub total: Slice,
    /// The same of each queue, in the order of the plan. Agents are planned for several queues, so none is said to be planned for one.
    pub queues: Vec<Slice>,
    /// How evenly agents were busy: 1 when all are busy for the same share of their time, 1/n when one of n does everything (Jain's index).
    pub fairness: f64,
    #[serde(skip)]
    slice_ms: u64,
    /// Milliseconds that each agent talked.
    #[serde(skip)]
    talked: Vec<u64>,
}

/// A slice of a day.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Slice {
    /// Calls that came.
    pub offered: u64,
    /// Calls that an agent took.
    pub answered: u64,
    /// Of those, the ones within the queue's service level.
    pub in_time: u64,
    /// Callers who gave up.
    pub abandoned: u64,
    /// Of those, the ones who did so within the queue's service level.
    pub abandoned_soon: u64,
    /// Calls that the queue sent on.
    pub overflowed: u64,
    /// The waits of the calls that were answered, in milliseconds.
    pub waited_ms: u64,
    /// The longest of them.
    pub longest_ms: u64,
    /// Time that agents talked in this slice, in milliseconds.
    pub talked_ms: u64,
    /// Time that agents were planned for, in milliseconds.
    pub planned_ms: u64,
}

impl Slice {
    /// Answered in time, of the answered: the plain definition.
    #[must_use]
    pub fn service_level(&self) -> f64 {
        share(self.in_time, self.answered)
    }

    /// Answered in time or given up soon, of all that were answered or given up.
    #[must_use]
    pub fn service_level_with_abandoned(&self) -> f64 {
        share(self.in_time + self.abandoned_soon, self.answered + self.abandoned)
    }

    /// The mean wait of the answered, in seconds.
    #[must_use]
    pub fn mean_wait(&self) -> f64 {
        share(self.waited_ms, self.answered * 1_000)
    }

    /// Given up, of those that came.
    #[must_use]
    pub fn abandonment(&self) -> f64 {
        share(self.abandoned, self.offered)
    }

    /// Time talked, of the time agents were planned for.
    #[must_use]
    pub fn occupancy(&self) -> f64 {
        share(self.talked_ms, self.planned_ms)
    }

    fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.answered += other.answered;
        self.in_time += other.in_time;
        self.abandoned += other.abandoned;
        self.abandoned_soon += other.abandoned_soon;
        self.overflowed += other.overflowed;
        self.waited_ms += other.waited_ms;
        self.longest_ms = self.longest_ms.max(other.longest_ms);
        self.talked_ms += other.talked_ms;
        self.planned_ms += other.planned_ms;
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Day {
    pub(super) fn new(script: &Script) -> Self {
        Self {
            slices: vec![Slice::default(); script.slices],
            total: Slice::default(),
            queues: vec![Slice::default(); script.queues.len()],
            fairness: 1.0,
            slice_ms: script.slice_ms,
            talked: vec![0; script.agents.len()],
        }
    }

    /// Adds to the slice of a time, and to a queue.
    fn count(&mut self, at: u64, queue: usize, add: impl Fn(&mut Slice)) {
        // What goes on after the day belongs to its last slice.
        let place = (self.slices.len().saturating_sub(1)).min((at / self.slice_ms) as usize);
        self.slices.get_mut(place).into_iter().chain(self.queues.get_mut(queue)).for_each(add);
    }

    pub(super) fn offered(&mut self, queue: usize, came: u64) {
        self.count(came, queue, |slice| slice.offered += 1);
    }

    pub(super) fn answered(&mut self, queue: usize, came: u64, now: u64, service_level_seconds: u32) {
        let waited = now - came;
        self.count(came, queue, |slice| {
            slice.answered += 1;
            slice.in_time += u64::from(waited <= u64::from(service_level_seconds) * 1_000);
            slice.waited_ms += waited;
            slice.longest_ms = slice.longest_ms.max(waited);
        });
    }

    pub(super) fn abandoned(&mut self, queue: usize, came: u64, now: u64, service_level_seconds: u32) {
        self.count(came, queue, |slice| {
            slice.abandoned += 1;
            slice.abandoned_soon += u64::from(now - came <= u64::from(service_level_seconds) * 1_000);
        });
    }

    pub(super) fn overflowed(&mut self, queue: usize, came: u64) {
        self.count(came, queue, |slice| slice.overflowed += 1);
    }

    /// Somebody talked; each slice gets its part.
    pub(super) fn talked(&mut self, queue: usize, agent: usize, since: u64, until: u64) {
        let mut from = since;
        while from < until {
            let part = until.min((from / self.slice_ms + 1) * self.slice_ms) - from;
            self.count(from, queue, |slice| slice.talked_ms += part);
            from += part;
        }
        self.talked.get_mut(agent).into_iter().for_each(|talked| *talked += until - since);
    }

    pub(super) fn close(&mut self, script: &Script) {
        for (from, until) in script.agents.iter().flat_map(|agent| &agent.planned) {
            let first = (from / self.slice_ms) as usize;
            let last = (until / self.slice_ms) as usize;
            for (place, slice) in self.slices.iter_mut().enumerate().take(last + 1).skip(first) {
                let (begins, ends) = (place as u64 * self.slice_ms, (place as u64 + 1) * self.slice_ms);
                slice.planned_ms += ends.min(*until).saturating_sub(begins.max(*from));
            }
        }
        let mut total = Slice::default();
        self.slices.iter().for_each(|slice| total.add(slice));
        self.total = total;
        let planned = script.agents.iter().map(|agent| agent.planned.iter().map(|(from, until)| until - from).sum());
        let shares = self.talked.iter().zip(planned).filter(|(_, planned)| *planned > 0);
        self.fairness = jain(shares.map(|(talked, planned): (&u64, u64)| *talked as f64 / planned as f64));
    }
}

/// Jain's index of fairness: the square of the sum through the sum of the squares, and the count. Nothing at all is fair.
fn jain(shares: impl Iterator<Item = f64>) -> f64 {
    let (count, sum, squares) =
        shares.fold((0.0, 0.0, 0.0), |(count, sum, squares), x| (count + 1.0, sum + x, squares + x * x));
    if squares > 0.0 { sum * sum / (count * squares) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fairness_is_one_for_equals_and_one_of_n_when_one_does_everything() {
        assert_eq!(jain([0.5, 0.5, 0.5].into_iter()), 1.0);
        assert_eq!(jain([0.8, 0.0, 0.0, 0.0].into_iter()), 0.25);
        assert_eq!((jain(std::iter::empty()), jain([0.0, 0.0].into_iter())), (1.0, 1.0));
    }
}
