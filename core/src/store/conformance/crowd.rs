//! A crowd that claims, for proofs over several processes: tasks take waiting calls and agents at random, claim, accept, talk and end,
//! and tell what they did. What all of them told is then looked at by [`faults`].

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use futures::lock;

use super::fixtures::{Rows, breathe};
use crate::call::{Call, Change, Hangup, HangupCause, Side};
use crate::id::{CallId, CompanyId, NodeId, UserId};
use crate::queue::chance::Chance;
use crate::queue::claim::{ClaimRefused, OfferClaim};
use crate::scope::Scope;
use crate::store::{Access, Store, StoreError};

/// An agent had a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The agent.
    pub agent: UserId,
    /// The call.
    pub call: CallId,
    /// A time after they got it, in microseconds of a clock that all processes share.
    pub begun: u64,
    /// A time before they were released, likewise.
    pub ended: u64,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::write!(f, "{} {} {} {}", self.agent, self.call, self.begun, self.ended)
    }
}

impl FromStr for Turn {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let mut words = line.split_whitespace();
        let mut next = || words.next().ok_or(());
        Ok(Self {
            agent: next()?.parse().map_err(drop)?,
            call: next()?.parse().map_err(drop)?,
            begun: next()?.parse().map_err(drop)?,
            ended: next()?.parse().map_err(drop)?,
        })
    }
}

/// What is wrong with what was told: agents who had two calls at once, calls that several agents had, calls that nobody had.
#[must_use]
pub fn faults(turns: &[Turn], calls: &[CallId]) -> Vec<String> {
    let mut found = Vec::new();
    let mut by_agent: BTreeMap<UserId, Vec<&Turn>> = BTreeMap::new();
    let mut by_call: BTreeMap<CallId, usize> = calls.iter().map(|call| (*call, 0)).collect();
    for turn in turns {
        by_agent.entry(turn.agent).or_default().push(turn);
        *by_call.entry(turn.call).or_default() += 1;
    }
    for (agent, mut turns) in by_agent {
        turns.sort_by_key(|turn| turn.begun);
        for pair in turns.windows(2) {
            if let [first, second] = pair
                && second.begun <= first.ended
            {
                found.push(format!("agent {agent} has the calls {} and {} at once", first.call, second.call));
            }
        }
    }
    let wrong = by_call.iter().filter(|(_, turns)| **turns != 1);
    found.extend(wrong.map(|(call, turns)| format!("call {call} had {turns} agents")));
    found
}

/// Calls of a company that wait and are carried by no process.
#[must_use]
pub fn calls(company: CompanyId, count: usize) -> Vec<Call> {
    let rows = Rows::new();
    (0..count).map(|_| rows.call(company)).collect()
}

/// Calls that a process takes notice of at a time: few, as others serve them meanwhile.
const HANDFUL: usize = 300;

/// One process's part of the crowd.
pub struct Crowd<'s> {
    store: &'s dyn Store,
    scope: Scope,
    agents: Vec<UserId>,
    now: fn() -> u64,
    waiting: lock::Mutex<Vec<CallId>>,
    chance: Mutex<Chance>,
}

impl<'s> Crowd<'s> {
    /// A crowd of `agents`, who take one call at a time. `now` reads a clock that all processes share, in microseconds.
    pub fn new(store: &'s dyn Store, company: CompanyId, agents: Vec<UserId>, seed: u64, now: fn() -> u64) -> Self {
        Self {
            store,
            scope: Scope::Company(company),
            agents,
            now,
            waiting: lock::Mutex::default(),
            chance: Mutex::new(Chance(seed)),
        }
    }

    /// One task: takes calls until none waits, and tells what came of each. It claims under a node of its own: a node that claims
    /// again what it holds is told that it does, and two tasks of one node would both go on with the call.
    ///
    /// # Panics
    /// When the store fails.
    pub async fn work(&self, tell: impl Fn(Turn) + Send) {
        let node = NodeId::from_uuid(uuid::Uuid::from_u128(u128::from(self.number())));
        while let Some(call) = self.next().await {
            let served = loop {
                match self.serve(node, call).await {
                    Err(StoreError::Contention) => {}
                    served => break served.expect("a call is served"),
                }
            };
            served.into_iter().for_each(&tell);
        }
    }

    fn number(&self) -> u64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    fn pick(&self, of: usize) -> usize {
        usize::try_from(self.number() % of.max(1) as u64).unwrap_or_default()
    }

    /// A call that waits, as far as this process knows.
    async fn next(&self) -> Option<CallId> {
        let mut waiting = self.waiting.lock().await;
        if waiting.is_empty() {
            let mut tx = self.store.begin(self.scope, Access::Read).await.expect("a unit of work begins");
            waiting.extend(tx.open_calls(None).await.expect("calls are read").iter().map(|call| call.id));
            while waiting.len() > HANDFUL {
                let place = self.pick(waiting.len());
                waiting.swap_remove(place);
            }
        }
        let place = self.pick(waiting.len());
        (!waiting.is_empty()).then(|| waiting.swap_remove(place))
    }

    /// Gives a call to somebody; `None` when another was faster.
    async fn serve(&self, node: NodeId, call: CallId) -> Result<Option<Turn>, StoreError> {
        let at = Rows::new().now();
        let agent = loop {
            let Some(agent) = self.agents.get(self.pick(self.agents.len())).copied() else { return Ok(None) };
            let claim = OfferClaim { call, agent, capacity: 1, node: Some(node), at };
            let mut tx = self.store.begin(self.scope, Access::Write).await?;
            let claimed = tx.claim_offer(&claim).await?;
            tx.commit().await?;
            match claimed {
                Ok(()) => break agent,
                Err(ClaimRefused::AgentBusy) => breathe().await,
                Err(ClaimRefused::CallTaken | ClaimRefused::NotWaiting) => return Ok(None),
            }
        };
        let mut tx = self.store.begin(self.scope, Access::Write).await?;
        let accepted = tx.accept_offer(call, agent, at).await?;
        tx.commit().await?;
        if accepted.is_err() {
            return Ok(None);
        }
        let begun = (self.now)();
        for _ in 0..self.pick(8) {
            breathe().await;
        }
        let ended = (self.now)();
        while let Err(error) = self.end(call).await {
            if !matches!(error, StoreError::Contention) {
                return Err(error);
            }
        }
        Ok(Some(Turn { agent, call, begun, ended }))
    }

    async fn end(&self, call: CallId) -> Result<(), StoreError> {
        let mut tx = self.store.begin(self.scope, Access::Write).await?;
        let mut call = tx.call_for_update(call).await?.ok_or(StoreError::Stale)?;
        let hangup = Hangup { side: Side::Caller, cause: HangupCause::NormalClearing, sip_status: None };
        call.apply(call.started_at, &Change::Ended { hangup }).map_err(|error| StoreError::Backend(Box::new(error)))?;
        call.version += 1;
        tx.update_call(&call).await?;
        tx.release_offers_of_calls(&[call.id]).await?;
        tx.commit().await
    }
}
