//! What came of a day.

use serde::Serialize;

use super::Plan;

/// What came of a day, slice by slice. A call counts in the slice in which it came.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Day {
    /// The slices.
    pub slices: Vec<Slice>,
    /// All of them together.
    pub total: Slice,
    #[serde(skip)]
    slice_ms: u64,
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
    /// Of those, the ones who did so within the service level of 20 seconds.
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
    pub(super) fn new(plan: &Plan) -> Self {
        Self { slices: vec![Slice::default(); plan.slices()], total: Slice::default(), slice_ms: plan.slice_ms() }
    }

    fn slice(&mut self, at: u64) -> Option<&mut Slice> {
        // What goes on after the day belongs to its last slice.
        let last = self.slices.len().checked_sub(1)?;
        self.slices.get_mut(last.min((at / self.slice_ms) as usize))
    }

    pub(super) fn offered(&mut self, came: u64) {
        self.slice(came).into_iter().for_each(|slice| slice.offered += 1);
    }

    pub(super) fn answered(&mut self, came: u64, now: u64, service_level_seconds: u32) {
        let waited = now - came;
        if let Some(slice) = self.slice(came) {
            slice.answered += 1;
            slice.in_time += u64::from(waited <= u64::from(service_level_seconds) * 1_000);
            slice.waited_ms += waited;
            slice.longest_ms = slice.longest_ms.max(waited);
        }
    }

    pub(super) fn abandoned(&mut self, came: u64, now: u64) {
        if let Some(slice) = self.slice(came) {
            slice.abandoned += 1;
            slice.abandoned_soon += u64::from(now - came <= 20_000);
        }
    }

    pub(super) fn overflowed(&mut self, came: u64) {
        self.slice(came).into_iter().for_each(|slice| slice.overflowed += 1);
    }

    /// Somebody talked; each slice gets its part.
    pub(super) fn talked(&mut self, since: u64, until: u64) {
        let mut from = since;
        while from < until {
            let end = (from / self.slice_ms + 1) * self.slice_ms;
            let part = until.min(end) - from;
            self.slice(from).into_iter().for_each(|slice| slice.talked_ms += part);
            from += part;
        }
    }

    pub(super) fn close(&mut self, plan: &Plan) {
        for slice in &mut self.slices {
            slice.planned_ms = plan.agents.len() as u64 * self.slice_ms;
        }
        let mut total = Slice::default();
        for slice in &self.slices {
            total.add(slice);
        }
        self.total = total;
    }
}
