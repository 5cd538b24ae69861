//! Pools: the members of a queue who may take calls with one requirement, in the order in which they are asked, and the line of
//! calls that wait for them.
//!
//! A call waits in one pool at a time, so a free agent looks only at the heads of the lines of their pools, and a new call only at
//! the first of its pool. What is computed for each member is computed once, when the pool is made.

use std::collections::BTreeSet;
use std::sync::Arc;

use smallvec::SmallVec;

use super::stand::Roster;
use super::tournament::{ABSENT, Lottery, Tournament};
use crate::queue::Strategy;
use crate::queue::chance::Chance;

/// An agent, by place in the router.
pub(super) type AgentIx = u32;
/// A call, by place in the router.
pub(super) type CallIx = u32;
/// A skill, by number.
pub(super) type SkillIx = u32;
/// Levels of skills: few, as a rule, and looked at for each call.
pub(super) type Levels = SmallVec<[(SkillIx, u8); 2]>;

/// Whom a call may go to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Requirement {
    /// Each alone is enough; none means everyone.
    pub(super) alternatives: SmallVec<[Alternative; 1]>,
    /// Who has these goes first.
    pub(super) preferred: Levels,
    /// Only tiers up to this one.
    pub(super) last_tier: u16,
}

impl Requirement {
    /// Whether it matters what agents can do.
    pub(super) fn reads_skills(&self) -> bool {
        !self.alternatives.is_empty() || !self.preferred.is_empty()
    }
}

/// One way to fit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Alternative {
    /// Least levels.
    pub(super) skills: Levels,
    /// One of the queue's rules.
    pub(super) rule: Option<u16>,
}

impl Alternative {
    pub(super) fn is_everyone(&self) -> bool {
        self.skills.is_empty() && self.rule.is_none()
    }
}

/// The level of a skill among an agent's; 0 without it.
pub(super) fn level(skills: &[(SkillIx, u8)], skill: SkillIx) -> u8 {
    skills.iter().find(|(own, _)| *own == skill).map_or(0, |(_, level)| *level)
}

/// Where an agent sits in a pool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seat {
    pub(super) queue: u32,
    pub(super) pool: u32,
    pub(super) place: u32,
    pub(super) tier: u16,
    /// How well the agent fits, at most [`FIT_MAX`].
    pub(super) fit: u16,
    pub(super) weight: u16,
    /// The place among the members of the queue.
    pub(super) member: u32,
}

/// The best fit.
pub(super) const FIT_MAX: u16 = 0xfff;
const ORDER_BITS: u32 = 36;
/// The highest order: what is more counts as this much. One less than would fit, so that no key is [`ABSENT`].
pub(super) const ORDER_MAX: u64 = (1 << ORDER_BITS) - 2;

impl Seat {
    /// The key in a tournament: tier, then fit, then the strategy's order.
    pub(super) fn key(&self, order: u64) -> u64 {
        (u64::from(self.tier) << (ORDER_BITS + 12))
            | (u64::from(FIT_MAX - self.fit.min(FIT_MAX)) << ORDER_BITS)
            | order.min(ORDER_MAX)
    }
}

/// What the strategy compared, in a key.
pub(super) const fn order(key: u64) -> u64 {
    key & ((1 << ORDER_BITS) - 1)
}

/// How well the agent of a key fits.
pub(super) const fn fit(key: u64) -> u16 {
    FIT_MAX - (((key >> ORDER_BITS) as u16) & FIT_MAX)
}

/// The tier in a key.
pub(super) const fn tier(key: u64) -> u16 {
    (key >> (ORDER_BITS + 12)) as u16
}

#[derive(Debug, Clone)]
enum Order {
    Least(Tournament),
    Chance(Lottery),
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    pub(super) requirement: Requirement,
    /// Who sits at each place.
    pub(super) agents: Vec<AgentIx>,
    order: Order,
    /// How many of them are free.
    pub(super) free: u32,
    /// Calls that wait, by their turn.
    pub(super) line: BTreeSet<(i64, CallIx)>,
    /// Calls that ring and may ring more agents.
    pub(super) ringing: BTreeSet<(i64, CallIx)>,
    /// When it was used last: a count.
    pub(super) used: u64,
    /// All members of the queue, where it tells how they stood.
    pub(super) roster: Option<Arc<Roster>>,
}

impl Pool {
    /// `tiers` are those of the agents.
    pub(super) fn new(strategy: Strategy, requirement: Requirement, agents: Vec<AgentIx>, tiers: &[u16]) -> Self {
        let order = match strategy {
            Strategy::Random | Strategy::WeightedRandom => Order::Chance(Lottery::new(tiers)),
            _ => Order::Least(Tournament::new(agents.len())),
        };
        let (line, ringing) = (BTreeSet::new(), BTreeSet::new());
        Self { requirement, agents, order, free: 0, line, ringing, used: 0, roster: None }
    }

    /// The agent takes part.
    pub(super) fn join(&mut self, seat: &Seat, order: u64) {
        self.free += 1;
        match &mut self.order {
            Order::Least(tree) => tree.set(seat.place, seat.key(order)),
            Order::Chance(lottery) => lottery.set(seat.place, u32::from(seat.weight)),
        }
    }

    /// The agent takes part no more.
    pub(super) fn leave(&mut self, place: u32) {
        self.free -= 1;
        match &mut self.order {
            Order::Least(tree) => tree.set(place, ABSENT),
            Order::Chance(lottery) => lottery.set(place, 0),
        }
    }

    /// Whoever is asked first, with the key where there is one.
    pub(super) fn first(&self, chance: &mut Chance) -> Option<(AgentIx, u64)> {
        let (key, place) = match &self.order {
            Order::Least(tree) => tree.first()?,
            Order::Chance(lottery) => (0, lottery.draw(chance.next())?),
        };
        self.agents.get(place as usize).map(|agent| (*agent, key))
    }

    /// Whether nobody needs it.
    pub(super) fn is_idle(&self) -> bool {
        self.line.is_empty() && self.ringing.is_empty()
    }
}
