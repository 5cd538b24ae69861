//! When which voice is due.
//!
//! Voices share a grid of 5 ms: each has its place in one of four groups, and a group is due every 20 ms. So many voices cost few wake-ups,
//! and no more than a quarter of them send at the same moment.

use std::time::{Duration, Instant};

use crate::media::audio::FRAME;

/// Time between two groups.
const TICK: Duration = Duration::from_millis(5);
/// Groups in a frame's time.
const GROUPS: usize = 4;
const _: () = assert!(TICK.as_micros() as u64 * GROUPS as u64 == FRAME.as_micros() as u64);

/// Ticks that are made up for when the thread was held up. What lies further back is skipped.
const MAX_BEHIND: u32 = 40;

/// Something that wants to be called every 20 ms. `S` names it.
#[derive(Debug)]
pub(in super::super) struct Schedule<S> {
    groups: [Vec<S>; GROUPS],
    /// The group that is due next, and when.
    next: usize,
    at: Option<Instant>,
}

impl<S> Default for Schedule<S> {
    fn default() -> Self {
        Self { groups: Default::default(), next: 0, at: None }
    }
}

impl<S: Copy + PartialEq> Schedule<S> {
    /// Seats `one` in the smallest group.
    pub(in super::super) fn add(&mut self, one: S, now: Instant) {
        self.at.get_or_insert(now);
        if let Some(group) = self.groups.iter_mut().min_by_key(|group| group.len()) {
            group.push(one);
        }
    }

    pub(in super::super) fn remove(&mut self, one: S) {
        self.groups.iter_mut().for_each(|group| group.retain(|other| *other != one));
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.groups.iter().all(Vec::is_empty)
    }

    /// When the next group is due; `None` while there is nobody.
    pub(in super::super) fn due(&self) -> Option<Instant> {
        self.at.filter(|_| !self.is_empty())
    }

    /// The group that is due at `now`, moved out of its place: hand it back by [`Schedule::done`].
    pub(in super::super) fn take(&mut self, now: Instant) -> Option<Group<S>> {
        if self.is_empty() {
            self.at = None;
            return None;
        }
        let at = self.at.filter(|at| *at <= now)?;
        let behind = now.saturating_duration_since(at);
        let number = self.next;
        self.next = (self.next + 1) % GROUPS;
        // Whole rounds are skipped, so that every group skips the same.
        let rounds = if behind > TICK * MAX_BEHIND { behind.as_micros() / FRAME.as_micros() } else { 0 };
        let skipped = u32::try_from(rounds).unwrap_or(u32::MAX);
        self.at = Some(at + FRAME * skipped + TICK);
        Some(Group { number, seats: self.groups.get_mut(number).map(std::mem::take).unwrap_or_default(), skipped })
    }

    /// Takes a group back. Nobody may be added or removed meanwhile.
    pub(in super::super) fn done(&mut self, group: Group<S>) {
        if let Some(place) = self.groups.get_mut(group.number) {
            *place = group.seats;
        }
    }

    /// Everybody.
    pub(in super::super) fn all(&self) -> impl Iterator<Item = S> + '_ {
        self.groups.iter().flatten().copied()
    }
}

/// Those who are due together.
#[derive(Debug)]
pub(in super::super) struct Group<S> {
    number: usize,
    pub(in super::super) seats: Vec<S>,
    /// Frames that everybody of all groups has missed for good.
    pub(in super::super) skipped: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who was called at which millisecond, polled at the times given.
    fn called(schedule: &mut Schedule<u32>, start: Instant, polled: impl IntoIterator<Item = u64>) -> Vec<(u64, u32)> {
        let mut called = vec![];
        for at in polled {
            while let Some(group) = schedule.take(start + Duration::from_millis(at)) {
                called.extend(group.seats.iter().map(|seat| (at, *seat)));
                schedule.done(group);
            }
        }
        called
    }

    #[test]
    fn everybody_is_due_every_twenty_milliseconds_and_never_all_at_once() {
        let (start, mut schedule) = (Instant::now(), Schedule::default());
        assert_eq!(schedule.due(), None);
        (0..8).for_each(|n| schedule.add(n, start));
        assert_eq!(schedule.due(), Some(start));
        let called = called(&mut schedule, start, 0..100);
        for n in 0..8 {
            let times: Vec<_> = called.iter().filter(|(_, who)| *who == n).map(|(at, _)| *at).collect();
            assert_eq!(times.len(), 5);
            assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 20), "{times:?}");
        }
        assert!((0..100).all(|at| called.iter().filter(|(when, _)| *when == at).count() <= 2));
    }

    #[test]
    fn lateness_does_not_add_up() {
        let (start, mut schedule) = (Instant::now(), Schedule::default());
        schedule.add(1, start);
        assert_eq!(called(&mut schedule, start, (0..).step_by(7).take_while(|at| *at < 1_000)).len(), 50);
        assert_eq!(called(&mut schedule, start, [1_100]).len(), 6, "what was missed is made up for");
    }

    #[test]
    fn a_long_stall_is_skipped_and_told() {
        let (start, mut schedule) = (Instant::now(), Schedule::default());
        schedule.add(1, start);
        let group = schedule.take(start + Duration::from_secs(3_600)).unwrap();
        assert_eq!(group.skipped, 180_000);
        schedule.done(group);
        let later = start + Duration::from_secs(3_600);
        assert!(schedule.due().is_some_and(|at| at <= later + Duration::from_millis(20)));
    }

    #[test]
    fn who_is_removed_is_not_called_and_an_empty_schedule_is_never_due() {
        let (start, mut schedule) = (Instant::now(), Schedule::default());
        schedule.add(1, start);
        schedule.add(2, start);
        schedule.remove(1);
        assert_eq!(called(&mut schedule, start, 0..20).iter().map(|(_, who)| *who).collect::<Vec<_>>(), [2]);
        schedule.remove(2);
        assert!(schedule.is_empty() && schedule.due().is_none());
        assert!(schedule.take(start + Duration::from_secs(1)).is_none());
        schedule.add(3, start + Duration::from_secs(9));
        assert_eq!(schedule.due(), Some(start + Duration::from_secs(9)), "a new beginning");
    }
}
