//! Why an agent was offered a call, as it is kept with the call's history, and what can be said of it in words.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::Strategy;
use super::router::{AgentState, Candidate, IN_HAND, Occasion, Rest, Standing, Stands, TieBreak, Why};
use crate::id::{QueueId, UserId};

/// Members of a queue whose standing is looked at for each of its offers; in larger queues only the agent who is chosen, the next one and
/// the counts are kept, as an offer must cost the same however many the others are.
pub const MEMBERS_EXPLAINED_MAX: usize = 64;
/// Members who are kept with all that was compared; of the others it is kept how they stood.
pub const CANDIDATES_MAX: usize = 20;

/// Why an agent was offered a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The queue.
    pub queue: QueueId,
    /// The agent.
    pub chosen: UserId,
    /// Who gave them the call, where somebody did by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// What brought them together.
    pub occasion: Occasion,
    /// The strategy of the queue.
    pub strategy: Strategy,
    /// How long the call had waited, in milliseconds.
    pub waited_ms: u64,
    /// Members of the queue.
    pub members: u32,
    /// Members who fitted what the call needed then.
    pub fitting: u32,
    /// Fitting members who were free, the chosen one included.
    pub free: u32,
    /// The tier of the chosen agent; 0 for one who is no member.
    pub tier: u16,
    /// What the strategy compared of them: lower goes first.
    pub order: u64,
    /// Who would have been next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// What decided between the two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tie_break: Option<TieBreak>,
    /// Agents who had been asked in vain.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tried: u8,
    /// The skills that the call needed then, as a rule reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<String>,
    /// The version of the queue's settings.
    pub version: u32,
    /// The members who were looked at, in the order in which they would have been asked: [`CANDIDATES_MAX`] at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Considered>,
    /// The members who are not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Others>,
}

/// The agent who would have been next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// Who.
    pub agent: UserId,
    /// What the strategy compared of them.
    pub order: u64,
}

/// A member who was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Considered {
    /// Who.
    pub agent: UserId,
    /// The tier.
    pub tier: u16,
    /// How well they fitted.
    #[serde(default, skip_serializing_if = "is_zero_16")]
    pub fit: u16,
    /// What the strategy compared of them, where they could have been asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u64>,
    /// How they stood to the call.
    pub verdict: Verdict,
    /// Seconds of a rest that were left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
}

/// Members who stood alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    /// How.
    pub verdict: Verdict,
    /// How many.
    pub count: u32,
    /// Who; empty in decisions that were made when only their number was kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<UserId>,
}

const fn is_zero(number: &u8) -> bool {
    *number == 0
}

const fn is_zero_16(number: &u16) -> bool {
    *number == 0
}

macro_rules! verdicts {
    ($($(#[$doc:meta])* $verdict:ident = $word:literal, $says:literal;)*) => {
        /// How an agent stood to a call, in one word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Verdict {
            $($(#[$doc])* $verdict,)*
        }

        impl Verdict {
            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$verdict => $word,)*
                }
            }

            /// The same for people.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self {
                    $(Self::$verdict => $says,)*
                }
            }
        }
    };
}

// In the order in which members are told of.
verdicts! {
    /// Was offered the call.
    Chosen = "chosen", "was offered the call";
    /// Could have been.
    Free = "free", "was free, and somebody else came first";
    /// Could have been, and had been asked in vain.
    Tried = "tried", "had been asked in vain for this call before";
    /// Could have been, but the call waited for somebody else at first.
    Kept = "kept", "was free, but the call waited for the agent it should go to";
    /// Was being offered a call.
    Offered = "offered", "was being offered another call";
    /// Was on as many calls as they take.
    OnCall = "on_call", "was on a call";
    /// Was in the wrap-up after a call.
    WrapUp = "wrap_up", "was in the wrap-up after a call";
    /// Their phone had been busy just before.
    Busy = "busy", "had a busy phone a moment before";
    /// Had declined a call just before.
    Declined = "declined", "had declined a call a moment before";
    /// Had not answered just before.
    NoAnswer = "no_answer", "had not answered a call a moment before";
    /// Their phone could not be rung just before.
    NotRung = "not_rung", "had a phone that could not be rung a moment before";
    /// Another process had them in hand, or it was not known whether.
    Unclaimed = "unclaimed", "was in the hands of another process a moment before";
    /// No phone of theirs was registered.
    Unreachable = "unreachable", "had no phone that could be reached";
    /// Was on a break.
    OnBreak = "on_break", "was on a break";
    /// Was off work.
    Offline = "offline", "was off work";
    /// Belonged to a tier that was not asked yet.
    LaterTier = "later_tier", "belongs to a tier that was not asked yet";
    /// Did not have what the call needed.
    Unfit = "unfit", "did not have the skills that the call needed then";
    /// Was no member of the queue.
    NoMember = "no_member", "was no member of the queue";
    /// Was one of those who could not take it; more is not known.
    Unlisted = "unlisted", "is not among the members whose standing was kept";
}

impl Verdict {
    /// How somebody stands at `now`, and the seconds of a rest that are left.
    #[must_use]
    pub fn of(standing: Standing, now: Instant) -> (Self, Option<u32>) {
        let verdict = match standing {
            Standing::Chosen => Self::Chosen,
            Standing::Free => Self::Free,
            Standing::Tried => Self::Tried,
            Standing::Kept => Self::Kept,
            Standing::Unfit => Self::Unfit,
            Standing::LaterTier => Self::LaterTier,
            Standing::NoMember => Self::NoMember,
            Standing::Unavailable(state) => match state {
                AgentState::Offline => Self::Offline,
                AgentState::OnBreak => Self::OnBreak,
                AgentState::Unreachable => Self::Unreachable,
                AgentState::OnCall => Self::OnCall,
                AgentState::Offered => Self::Offered,
                AgentState::Idle => Self::Free,
                AgentState::Resting(rest, until) => {
                    let left = until.saturating_duration_since(now).as_secs_f64().ceil() as u32;
                    let verdict = match rest {
                        Rest::WrapUp => Self::WrapUp,
                        Rest::Busy => Self::Busy,
                        Rest::Declined => Self::Declined,
                        Rest::NoAnswer => Self::NoAnswer,
                        Rest::Unreachable => Self::NotRung,
                        Rest::Unclaimed => Self::Unclaimed,
                    };
                    return (verdict, Some(left));
                }
            },
        };
        (verdict, None)
    }

    /// The same of somebody as they stand now.
    #[must_use]
    pub fn says_now(self) -> String {
        let says = self.says();
        let now = [("was ", "is "), ("had ", "has ")];
        let told = now.iter().find_map(|(past, now)| Some([*now, says.strip_prefix(past)?].concat()));
        match self {
            Self::Chosen => "is being rung for this call".to_owned(),
            Self::Free => "is free".to_owned(),
            Self::Kept => "is free, but the call waits for the agent it should go to".to_owned(),
            _ => told.unwrap_or_else(|| says.to_owned()),
        }
    }

    /// Whether the agent could have been offered the call.
    #[must_use]
    pub const fn is_included(self) -> bool {
        matches!(self, Self::Chosen | Self::Free | Self::Tried)
    }
}

impl Considered {
    /// In a sentence: how they stand now to a call that needs these skills.
    #[must_use]
    pub fn says_now(&self, needed: Option<&str>) -> String {
        self.told(self.verdict.says_now(), needed)
    }

    /// The same of how they stood.
    #[must_use]
    pub fn says(&self, needed: Option<&str>) -> String {
        self.told(self.verdict.says().to_owned(), needed)
    }

    fn told(&self, says: String, needed: Option<&str>) -> String {
        match (self.verdict, self.left, needed) {
            (_, Some(left), _) => format!("{says}, for {left} s more"),
            (Verdict::Unfit, None, Some(needed)) => format!("{says}: {needed}"),
            _ => says,
        }
    }

    /// A candidate as it is kept.
    #[must_use]
    pub fn of(candidate: &Candidate, now: Instant) -> Self {
        let Candidate { agent, tier, standing, fit, order } = *candidate;
        let (verdict, left) = Verdict::of(standing, now);
        Self { agent, tier, fit, order, verdict, left }
    }
}

impl Others {
    /// Takes those who come after the first [`CANDIDATES_MAX`].
    pub(super) fn of(listed: &mut Vec<Considered>) -> Vec<Self> {
        let mut others: BTreeMap<Verdict, Vec<UserId>> = BTreeMap::new();
        for own in listed.drain(CANDIDATES_MAX.min(listed.len())..) {
            others.entry(own.verdict).or_default().push(own.agent);
        }
        let of = |(verdict, agents): (_, Vec<UserId>)| Self { verdict, count: agents.len() as u32, agents };
        others.into_iter().map(of).collect()
    }
}

/// How an agent stood among the members that were kept.
pub(super) fn verdict_among(candidates: &[Considered], others: &[Others], agent: UserId) -> Verdict {
    let listed = candidates.iter().find(|own| own.agent == agent).map(|own| own.verdict);
    let alike = || others.iter().find(|others| others.agents.contains(&agent)).map(|others| others.verdict);
    let is_whole = !candidates.is_empty() && others.iter().all(|others| !others.agents.is_empty());
    let absent = if is_whole { Verdict::NoMember } else { Verdict::Unlisted };
    listed.or_else(alike).unwrap_or(absent)
}

impl Decision {
    /// What is kept of a decision that was made at `now`: all of it, and of the members those who came first.
    #[must_use]
    pub fn of(queue: QueueId, chosen: UserId, why: &Why, stands: Option<&Stands>, now: Instant) -> Self {
        let candidates = stands.into_iter().flat_map(|stands| stands.candidates(chosen, now));
        let mut listed: Vec<Considered> = candidates.map(|candidate| Considered::of(&candidate, now)).collect();
        for own in listed.iter_mut().filter(|own| own.agent == chosen) {
            // As it was compared: being offered a call changes whose turn is next.
            own.order = Some(why.order);
        }
        // The one who was chosen first even where others ring, too; a stable order keeps the members' places.
        listed.sort_by_key(|own| (own.agent != chosen, own.verdict, own.tier, std::cmp::Reverse(own.fit), own.order));
        let others = Others::of(&mut listed);
        Self {
            queue,
            chosen,
            by: None,
            occasion: why.occasion,
            strategy: why.strategy,
            waited_ms: u64::try_from(why.waited.as_millis()).unwrap_or(u64::MAX),
            members: why.members,
            fitting: why.fitting,
            free: why.free,
            tier: why.tier,
            order: why.order,
            next: why.next.map(|(agent, order)| Next { agent, order }),
            tie_break: why.tie_break,
            tried: why.tried,
            needed: stands.and_then(Stands::needed).map(str::to_owned),
            version: why.version,
            candidates: listed,
            others,
        }
    }

    /// How an agent stood. Where not all members were kept, somebody who is not among them is [`Verdict::Unlisted`], or no member.
    #[must_use]
    pub fn verdict_of(&self, agent: UserId) -> Verdict {
        match verdict_among(&self.candidates, &self.others, agent) {
            _ if agent == self.chosen => Verdict::Chosen,
            Verdict::Unlisted if self.next.is_some_and(|next| next.agent == agent) => Verdict::Free,
            verdict => verdict,
        }
    }

    /// In a sentence: what brought the call to the chosen agent.
    #[must_use]
    pub fn reason(&self) -> String {
        let waited = self.waited_ms / 1_000;
        match self.occasion {
            Occasion::AgentFreed => {
                format!(
                    "became free, and the call was the next of those that waited for them; it had waited {waited} s"
                )
            }
            Occasion::Wished => "the call was to go to this agent".to_owned(),
            Occasion::Joined => "was rung as well, beside those who rang already".to_owned(),
            Occasion::Assigned => "the call was given to them by hand".to_owned(),
            Occasion::CallSought => match self.tie_break {
                Some(TieBreak::Alone) | None => "was the only one free of those who fit".to_owned(),
                Some(TieBreak::Untried) => {
                    "the others who were free had been asked in vain for this call before".to_owned()
                }
                Some(TieBreak::Tier) => {
                    format!("was the first of the lowest tier with somebody free, tier {}", self.tier)
                }
                Some(TieBreak::Skills) => "fitted what the call needs best".to_owned(),
                Some(TieBreak::Order) if self.order >= IN_HAND => {
                    format!("came first of those with a call in hand: {}", first(self.strategy))
                }
                Some(TieBreak::Order) => format!("came first: {}", first(self.strategy)),
                Some(TieBreak::Position) => "came first by the place among the members; all else was equal".to_owned(),
                Some(TieBreak::Chance) => "was drawn by chance among those who were free".to_owned(),
            },
        }
    }

    /// In a sentence: why a member who was looked at was not offered the call, or was.
    #[must_use]
    pub fn reason_of(&self, own: &Considered) -> String {
        if own.agent == self.chosen {
            return self.reason();
        }
        match own.verdict {
            Verdict::Chosen => "was being rung for this call, too".to_owned(),
            Verdict::Free => self.behind(own),
            _ => own.says(self.needed.as_deref()),
        }
    }

    /// Why somebody who was free came behind the one who was chosen.
    fn behind(&self, own: &Considered) -> String {
        let chosen = self.candidates.iter().find(|other| other.agent == self.chosen);
        let reason = match (self.occasion, chosen) {
            (Occasion::Assigned, _) => "was free, but the call was given to somebody by hand",
            (Occasion::Wished, _) => "was free, but the call was to go to somebody else",
            (_, Some(chosen)) if own.tier > chosen.tier => "was free, but in a later tier than the one who was chosen",
            _ if self.strategy == Strategy::RingAll => "was free, and was rung as well",
            _ if self.strategy == Strategy::RingProgressively => "was free, and would have been rung after them",
            (_, Some(chosen)) if own.fit < chosen.fit => "was free, but fitted less well what the call needs",
            _ if matches!(self.strategy, Strategy::Random | Strategy::WeightedRandom) => "was free, but was not drawn",
            _ if own.order >= Some(IN_HAND) && self.order < IN_HAND => "was free for another call, but had one in hand",
            (_, Some(chosen)) if own.order > chosen.order => {
                return format!("was free, but {}", behind(self.strategy));
            }
            _ => "was free, but has a later place among the members",
        };
        reason.to_owned()
    }
}

/// What it means to come first by a strategy.
const fn first(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::LongestIdle | Strategy::RingAll | Strategy::RingProgressively | Strategy::BestSkill => {
            "had been without a call longest"
        }
        Strategy::RoundRobin => "was offered a call of this queue the longest time ago",
        Strategy::FewestCalls => "took the fewest calls today",
        Strategy::LeastTalkTime => "talked least today",
        Strategy::TopDown | Strategy::Random | Strategy::WeightedRandom => "has the first place among the members",
    }
}

/// What it means to come later by a strategy.
const fn behind(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::LongestIdle | Strategy::RingAll | Strategy::RingProgressively | Strategy::BestSkill => {
            "had been without a call for less time"
        }
        Strategy::RoundRobin => "was offered a call of this queue more lately",
        Strategy::FewestCalls => "took more calls today",
        Strategy::LeastTalkTime => "talked more today",
        Strategy::TopDown | Strategy::Random | Strategy::WeightedRandom => "has a later place among the members",
    }
}

#[cfg(test)]
mod tests;
