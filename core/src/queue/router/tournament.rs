//! Who of many comes first: a tournament tree, and a lottery.
//!
//! Both have a fixed number of places. Changing one place and asking for the first cost O(log n) and allocate nothing.

/// The key of a place that does not take part.
pub(super) const ABSENT: u64 = u64::MAX;

/// The place with the least key; of equal keys the one with the lowest place.
#[derive(Debug, Clone)]
pub(super) struct Tournament {
    /// A complete binary tree of keys with their places: the winner at 1, the children of `n` at `2n` and `2n + 1`, the places in the
    /// second half. Who won is kept on the way up, as the first is asked for more often than anything changes.
    nodes: Vec<(u64, u32)>,
}

impl Tournament {
    pub(super) fn new(places: usize) -> Self {
        Self { nodes: vec![(ABSENT, 0); 2 * places.next_power_of_two().max(1)] }
    }

    pub(super) fn set(&mut self, place: u32, key: u64) {
        let mut at = self.nodes.len() / 2 + place as usize;
        self.nodes[at] = (key, place);
        while at > 1 {
            let best = self.nodes[at].min(self.nodes[at ^ 1]);
            at /= 2;
            // What is above depends on nothing else.
            if self.nodes[at] == best {
                break;
            }
            self.nodes[at] = best;
        }
    }

    /// The least key and its place; `None` when nobody takes part.
    pub(super) fn first(&self) -> Option<(u64, u32)> {
        self.nodes.get(1).copied().filter(|(key, _)| *key != ABSENT)
    }
}

/// Draws a place by weight among those of the lowest tier that take part. The places of a tier are next to each other.
#[derive(Debug, Clone)]
pub(super) struct Lottery {
    /// A Fenwick tree of the weights, from 1.
    sums: Vec<u64>,
    weights: Vec<u32>,
    /// Where the tier of each place ends.
    ends: Vec<u32>,
}

impl Lottery {
    /// `tiers` are those of the places, in order.
    pub(super) fn new(tiers: &[u16]) -> Self {
        let mut ends = vec![tiers.len() as u32; tiers.len()];
        for place in (1..tiers.len()).rev() {
            ends[place - 1] = if tiers[place - 1] == tiers[place] { ends[place] } else { place as u32 };
        }
        Self { sums: vec![0; tiers.len() + 1], weights: vec![0; tiers.len()], ends }
    }

    /// A weight of 0 takes no part.
    pub(super) fn set(&mut self, place: u32, weight: u32) {
        let before = std::mem::replace(&mut self.weights[place as usize], weight);
        let mut at = place as usize + 1;
        while at < self.sums.len() {
            self.sums[at] = self.sums[at] + u64::from(weight) - u64::from(before);
            at += at & at.wrapping_neg();
        }
    }

    /// The sum of the weights before a place.
    fn before(&self, place: u32) -> u64 {
        let (mut at, mut sum) = (place as usize, 0);
        while at > 0 {
            sum += self.sums[at];
            at &= at - 1;
        }
        sum
    }

    /// The place that has the ticket; tickets are given out from 0, by weight.
    fn holder(&self, mut ticket: u64) -> u32 {
        let mut at = 0;
        let mut step = self.sums.len().next_power_of_two() / 2;
        while step > 0 {
            let next = at + step;
            if next < self.sums.len() && self.sums[next] <= ticket {
                at = next;
                ticket -= self.sums[next];
            }
            step /= 2;
        }
        at as u32
    }

    /// Draws; `chance` is any number.
    pub(super) fn draw(&self, chance: u64) -> Option<u32> {
        let all = self.before(self.weights.len() as u32);
        if all == 0 {
            return None;
        }
        let first = self.holder(0);
        let tier = self.before(self.ends[first as usize]);
        // The multiplication spreads all numbers evenly over the tickets, without the bias of a remainder that matters.
        let ticket = (u128::from(chance) * u128::from(tier)) >> 64;
        Some(self.holder(ticket as u64))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_is_the_least_key_at_the_lowest_place(
            places in 1usize..70,
            changes in prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(0u64..9)), 0..200),
        ) {
            let mut tree = Tournament::new(places);
            let mut model = vec![ABSENT; places];
            for (place, key) in changes {
                let (place, key) = (place.index(places), key.unwrap_or(ABSENT));
                tree.set(place as u32, key);
                model[place] = key;
                let first = model.iter().enumerate().filter(|(_, key)| **key != ABSENT).min_by_key(|(at, key)| (**key, *at));
                prop_assert_eq!(tree.first(), first.map(|(at, key)| (*key, at as u32)));
            }
        }

        #[test]
        fn every_ticket_of_the_lowest_tier_has_its_holder(
            mut tiers in prop::collection::vec(0u16..3, 1..40),
            weights in prop::collection::vec(0u32..4, 40),
        ) {
            tiers.sort_unstable();
            let mut lottery = Lottery::new(&tiers);
            for (place, weight) in weights.iter().enumerate().take(tiers.len()) {
                lottery.set(place as u32, 9);
                lottery.set(place as u32, *weight);
            }
            let lowest = (0..tiers.len()).find(|place| weights[*place] > 0).map(|place| tiers[place]);
            let tickets: Vec<u32> = (0..tiers.len())
                .filter(|place| Some(tiers[*place]) == lowest)
                .flat_map(|place| std::iter::repeat_n(place as u32, weights[place] as usize))
                .collect();
            prop_assert_eq!(lottery.draw(0), tickets.first().copied());
            prop_assert_eq!(lottery.draw(u64::MAX), tickets.last().copied());
            for (n, holder) in tickets.iter().enumerate() {
                let chance = ((n as u128 * 2 + 1) << 63) / tickets.len() as u128;
                prop_assert_eq!(lottery.draw(chance as u64), Some(*holder), "ticket {}", n);
            }
        }
    }
}
