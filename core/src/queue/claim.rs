//! Claims: while an agent is offered a call, and as long as they have it, the store says so. A router decides whom to offer a call
//! to; that they are offered one call at a time for each they take is the store's to promise, whoever believes to be the router.
//!
//! A claim lives as long as its call at most: what ends a call releases its claims in the same unit of work.

use chrono::{DateTime, Utc};

use crate::error::{Kind, Refusal};
use crate::id::{CallId, CompanyId, NodeId, UserId};

/// An agent who is offered a call, or has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The company.
    pub company: CompanyId,
    /// The call.
    pub call: CallId,
    /// Who.
    pub agent: UserId,
    /// Which of the agent's places it takes: 0 up to the number of calls they take at once, less one.
    pub slot: u8,
    /// The process that claimed it.
    pub node: Option<NodeId>,
    /// How far it is.
    pub state: OfferState,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// How far an offer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OfferState {
    /// The agent is asked.
    Offered,
    /// The agent has the call.
    Accepted,
}

impl OfferState {
    /// The word it is stored as.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Accepted => "accepted",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Offered, Self::Accepted].into_iter().find(|state| state.as_str() == word)
    }
}

/// What is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferClaim {
    /// The call.
    pub call: CallId,
    /// Who is to be offered it.
    pub agent: UserId,
    /// How many calls the agent takes at once: 1 to 20.
    pub capacity: u8,
    /// The process that claims.
    pub node: Option<NodeId>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What a store finds of a call that goes on when it looks whether a claim may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The process that carries the call.
    pub carrier: Option<NodeId>,
    /// Whether the agent is offered the call, or has it, and by which process.
    pub held: Option<Option<NodeId>>,
    /// Whether anybody has the call.
    pub is_taken: bool,
}

impl OfferClaim {
    /// What becomes of the claim by what its call is, `None` when there is no such call that goes on. Where it gives nothing, it
    /// depends on whether the agent has a slot that is free.
    ///
    /// A call is one process's, which carries its audio, so of those that believe to route calls only that one can offer it; and
    /// whoever is claimed already stays so, as call control says what it is not sure of again.
    #[must_use]
    pub fn judge(&self, found: Option<Standing>) -> Option<Result<(), ClaimRefused>> {
        match found {
            None => Some(Err(ClaimRefused::NotWaiting)),
            Some(call) if call.carrier.is_some() && call.carrier != self.node => Some(Err(ClaimRefused::CallTaken)),
            Some(Standing { held: Some(node), .. }) if node == self.node => Some(Ok(())),
            Some(Standing { held: Some(_), .. }) => Some(Err(ClaimRefused::AgentBusy)),
            Some(Standing { is_taken: true, .. }) => Some(Err(ClaimRefused::CallTaken)),
            Some(_) => None,
        }
    }
}

/// Why an agent may not be offered a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimRefused {
    /// The agent is offered, or has, as many calls as they take.
    #[error("the agent has as many calls in hand as they take")]
    AgentBusy,
    /// Somebody has the call, or another process carries it.
    #[error("the call is in other hands")]
    CallTaken,
    /// There is no such call, or it has ended.
    #[error("there is no such call, or it has ended")]
    NotWaiting,
}

impl Refusal for ClaimRefused {
    fn kind(&self) -> Kind {
        match self {
            Self::AgentBusy | Self::CallTaken => Kind::Conflict,
            Self::NotWaiting => Kind::NotFound,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::AgentBusy => "agent_busy",
            Self::CallTaken => "call_taken",
            Self::NotWaiting => "call_not_waiting",
        }
    }
    fn field(&self) -> Option<&'static str> {
        None
    }
}

/// Why an agent does not get a call that they answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AcceptRefused {
    /// Somebody else was faster.
    #[error("somebody else has the call")]
    TooLate,
    /// The agent is not, or no longer, offered the call.
    #[error("the agent is not offered the call")]
    NotOffered,
}

impl Refusal for AcceptRefused {
    fn kind(&self) -> Kind {
        Kind::Conflict
    }
    fn code(&self) -> &'static str {
        match self {
            Self::TooLate => "too_late",
            Self::NotOffered => "not_offered",
        }
    }
    fn field(&self) -> Option<&'static str> {
        None
    }
}

/// What happens to the offers of one call, as call control reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferStep {
    /// An agent is to be offered the call.
    Claim {
        /// Who.
        agent: UserId,
        /// How many calls they take at once.
        capacity: u8,
    },
    /// An agent has it. Nobody else is offered it any more.
    Accept {
        /// Who.
        agent: UserId,
    },
    /// An agent has no part in it any more.
    Release {
        /// Who.
        agent: UserId,
    },
}

/// What becomes of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimAnswer {
    /// The call.
    pub call: CallId,
    /// Who was claimed.
    pub agent: UserId,
    /// Whether they may be rung.
    pub result: Result<(), ClaimRefused>,
}

/// What several steps of one call come to, in the order in which it is carried out: who has it, who is free again, who is to be
/// offered it. A claim that was given up before it was made is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfferSteps {
    /// Who has the call.
    pub accepted: Option<UserId>,
    /// Who is free again.
    pub released: Vec<UserId>,
    /// Who is to be offered it, with the calls they take at once.
    pub claimed: Vec<(UserId, u8)>,
}

impl OfferSteps {
    /// Adds the steps up.
    #[must_use]
    pub fn of(steps: &[OfferStep]) -> Self {
        let mut sum = Self::default();
        for step in steps {
            match *step {
                OfferStep::Claim { agent, capacity } => sum.claimed.push((agent, capacity)),
                // Accepting frees all others.
                OfferStep::Accept { agent } => sum = Self { accepted: Some(agent), ..Self::default() },
                OfferStep::Release { agent } => {
                    sum.claimed.retain(|(claimed, _)| *claimed != agent);
                    sum.released.push(agent);
                }
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};

    #[test]
    fn steps_add_up_to_what_is_left_of_them() {
        let (ids, at) = (SeededIds::new(1), DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        let [ann, bob]: [UserId; 2] = [(&ids as &dyn IdSource).id(at), (&ids as &dyn IdSource).id(at)];
        let claim = |agent| OfferStep::Claim { agent, capacity: 1 };
        let release = |agent| OfferStep::Release { agent };
        let accept = |agent| OfferStep::Accept { agent };
        let free = |released: &[UserId]| OfferSteps { released: released.to_vec(), ..OfferSteps::default() };
        let cases = [
            (vec![claim(ann), claim(bob)], OfferSteps { claimed: vec![(ann, 1), (bob, 1)], ..OfferSteps::default() }),
            (vec![claim(ann), release(ann)], free(&[ann])),
            (vec![release(ann), claim(ann)], OfferSteps { claimed: vec![(ann, 1)], ..free(&[ann]) }),
            (vec![claim(bob), accept(ann)], OfferSteps { accepted: Some(ann), ..OfferSteps::default() }),
            (vec![accept(ann), release(ann)], OfferSteps { accepted: Some(ann), ..free(&[ann]) }),
        ];
        for (steps, sum) in cases {
            assert_eq!(OfferSteps::of(&steps), sum, "{steps:?}");
        }
    }

    #[test]
    fn states_read_back_from_their_words() {
        for state in [OfferState::Offered, OfferState::Accepted] {
            assert_eq!(OfferState::from_word(state.as_str()), Some(state));
        }
        assert_eq!(OfferState::from_word("lost"), None);
    }
}
