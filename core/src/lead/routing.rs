//! Who gets a lead: a pure function of the company's settings, what the lead asks for, and the agents as they are now. The answer
//! carries its explanation.
//!
//! # Turns
//! Every strategy falls back on turns, which are kept by stride scheduling (Waldspurger and Weihl, 1995): each agent has a `pass`,
//! the company a `turn`. The agent with the lowest pass is next; their pass then grows by their stride, and the company's turn is
//! where they stood. Equal strides are round robin, exactly; strides that are smaller for those who sell more give them more leads,
//! in proportion. Somebody who comes new or back does not make up for what they missed: a pass below the turn counts as the turn.
//!
//! # Ties
//! Equal agents are told apart by who waits longest for a lead, then by id: the same question has the same answer each time.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{AgentLeads, LeadProfileSettings, LeadRefused, LeadSettings, Needs};
use crate::id::{LeadId, UserId};
use crate::people::Availability;

/// By how much a pass grows when nobody is preferred.
pub const STRIDE: u64 = 1_000_000;
/// Agents that an explanation names, at most: the chosen one, those who came next, and then those who were out.
pub const EXPLAINED_MAX: usize = 100;
/// Decisions of a lead that are kept and shown, the newest.
pub const DECISIONS_MAX: usize = 50;
/// Nobody's rate of conversion counts as less than this many percent: who never sold could never begin.
const RATE_MIN: u64 = 5;

/// Who gets a lead among those who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// Who has the fewest open leads.
    LeastLoaded,
    /// In turn, those who sell more more often.
    WeightedByConversion,
    /// Who brings most of what the lead asks for.
    BestMatch,
    /// Nobody: leads wait until somebody assigns them.
    Manual,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 5] =
        [Self::RoundRobin, Self::LeastLoaded, Self::WeightedByConversion, Self::BestMatch, Self::Manual];

    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::LeastLoaded => "least_loaded",
            Self::WeightedByConversion => "weighted_by_conversion",
            Self::BestMatch => "best_match",
            Self::Manual => "manual",
        }
    }
}

impl std::str::FromStr for Strategy {
    type Err = LeadRefused;
    fn from_str(text: &str) -> Result<Self, LeadRefused> {
        let unknown = "a strategy is round_robin, least_loaded, weighted_by_conversion, best_match or manual";
        Self::ALL
            .into_iter()
            .find(|strategy| strategy.as_str() == text)
            .ok_or(LeadRefused::BadSettings("strategy", unknown))
    }
}

/// An agent who might get the lead, as they are now. Only active users of kind agent are asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The agent.
    pub user: UserId,
    /// What they chose.
    pub availability: Availability,
    /// What they bring.
    pub profile: LeadProfileSettings,
    /// What they have.
    pub leads: AgentLeads,
    /// Where their turns stand.
    pub pass: u64,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// What the lead asks for.
    pub needs: &'q Needs,
    /// Who had the same person before.
    pub previous: Option<UserId>,
    /// From whom the lead comes back untouched.
    pub returned_from: Option<UserId>,
    /// Where the company's turns stand.
    pub turn: u64,
    /// The version of the settings.
    pub settings_version: u32,
    /// The company's zone: when people work.
    pub zone: Tz,
    /// The instant.
    pub now: DateTime<Utc>,
}

/// Why an agent was in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// In, and chosen by the strategy.
    Chosen,
    /// In, and chosen because the same person was theirs before.
    PreviousOwner,
    /// In; somebody else was before them.
    Eligible,
    /// Takes no leads.
    TakesNoLeads,
    /// Did not touch the lead in time.
    LeftUntouched,
    /// Is not available.
    NotAvailable,
    /// Does not work now.
    OutsideWorkingHours,
    /// Has as many open leads as they may.
    AtCapacity,
    /// Lacks a skill.
    MissingSkill,
    /// Does not speak the language.
    MissingLanguage,
    /// Sells elsewhere.
    OtherTerritory,
}

/// What was thought of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Considered {
    /// The agent.
    pub agent_id: UserId,
    /// Whether they could have got it.
    pub included: bool,
    /// Why, or why not.
    pub reason: Reason,
    /// How well they did, more is better: round robin: turns that they are behind the last one; least loaded: open leads below
    /// nothing; weighted: percent of leads sold; best match: needs met.
    pub score: f64,
    /// Open leads they had.
    pub open_leads: u64,
    /// Open leads they may have, when there is a limit.
    pub capacity: Option<u32>,
}

/// Who got the lead, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// When.
    pub at: DateTime<Utc>,
    /// By which strategy.
    pub strategy: Strategy,
    /// Who got it.
    pub chosen: Option<UserId>,
    /// Who was looked at: the chosen one first, then the others who were in, then those who were out.
    pub candidates: Vec<Considered>,
    /// How many were looked at in all; the list has the first hundred.
    pub considered: u32,
    /// What decided between equals: `longest_waiting` or `order_of_id`.
    pub tie_break: Option<String>,
    /// The version of the settings.
    pub config_version: u32,
}

/// A decision as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct LeadDecision {
    /// The lead.
    pub lead: LeadId,
    /// The company.
    pub company: crate::id::CompanyId,
    /// The decision.
    pub decision: Decision,
}

/// A decision, with where the turns stand after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Routed {
    /// The decision.
    pub decision: Decision,
    /// The chosen agent's new pass and the company's new turn.
    pub turns: Option<(u64, u64)>,
}

/// Percent of an agent's leads that were sold; who has few counts as average.
fn rate(leads: &AgentLeads) -> u64 {
    let sold = leads.converted.min(leads.total);
    ((sold + 1) * 100 / (leads.total + 2)).max(RATE_MIN)
}

fn met(needs: &Needs, profile: &LeadProfileSettings) -> u32 {
    let has = |word: &Option<String>, words: &[String]| word.as_ref().is_some_and(|word| words.contains(word));
    let skills = needs.skills.iter().filter(|skill| profile.skills.contains(skill)).count();
    u32::try_from(skills).unwrap_or(u32::MAX)
        + u32::from(has(&needs.language, &profile.languages))
        + u32::from(has(&needs.territory, &profile.territories))
}

/// The agent's limit of open leads, when there is one.
fn capacity(settings: &LeadSettings, profile: &LeadProfileSettings) -> Option<u32> {
    Some(profile.capacity.unwrap_or(settings.capacity)).filter(|capacity| *capacity > 0)
}

/// Why an agent cannot get the lead.
fn excluded(settings: &LeadSettings, question: &Question<'_>, agent: &Candidate) -> Option<Reason> {
    let (profile, needs) = (&agent.profile, question.needs);
    let hours = profile.working_hours.as_ref().or(settings.working_hours.as_ref());
    // Who names no language or territory is not limited to any.
    let lacks = |word: &Option<String>, words: &[String]| {
        word.as_ref().is_some_and(|word| !words.is_empty() && !words.contains(word))
    };
    if !profile.takes_leads {
        Some(Reason::TakesNoLeads)
    } else if question.returned_from == Some(agent.user) {
        Some(Reason::LeftUntouched)
    } else if settings.online_only && !matches!(agent.availability, Availability::Available | Availability::OnDemand) {
        Some(Reason::NotAvailable)
    } else if hours.is_some_and(|hours| !hours.include(question.zone, question.now)) {
        Some(Reason::OutsideWorkingHours)
    } else if capacity(settings, profile).is_some_and(|capacity| agent.leads.open >= u64::from(capacity)) {
        Some(Reason::AtCapacity)
    } else if !settings.require_match {
        None
    } else if needs.skills.iter().any(|skill| !profile.skills.contains(skill)) {
        Some(Reason::MissingSkill)
    } else if lacks(&needs.language, &profile.languages) {
        Some(Reason::MissingLanguage)
    } else if lacks(&needs.territory, &profile.territories) {
        Some(Reason::OtherTerritory)
    } else {
        None
    }
}

/// How an agent ranks, lowest first: by the strategy, then by turn, then by who waits longest, then by id.
type Rank = (i64, u64, u64, UserId);

fn rank(settings: &LeadSettings, question: &Question<'_>, agent: &Candidate) -> Rank {
    let first = match settings.strategy {
        Strategy::RoundRobin | Strategy::WeightedByConversion | Strategy::Manual => 0,
        Strategy::LeastLoaded => i64::try_from(agent.leads.open).unwrap_or(i64::MAX),
        Strategy::BestMatch => -i64::from(met(question.needs, &agent.profile)),
    };
    (first, agent.pass.max(question.turn), agent.pass, agent.user)
}

fn score(settings: &LeadSettings, question: &Question<'_>, agent: &Candidate) -> f64 {
    match settings.strategy {
        Strategy::RoundRobin | Strategy::Manual => {
            let ahead = agent.pass.max(question.turn) - question.turn;
            (1.0 - ahead as f64 / STRIDE as f64).clamp(-1_000.0, 1.0)
        }
        Strategy::LeastLoaded => -(agent.leads.open as f64),
        Strategy::WeightedByConversion => rate(&agent.leads) as f64,
        Strategy::BestMatch => f64::from(met(question.needs, &agent.profile)),
    }
}

fn stride(settings: &LeadSettings, agent: &Candidate) -> u64 {
    match settings.strategy {
        // Half of a hundred is what everybody begins with: their stride is the usual one.
        Strategy::WeightedByConversion => STRIDE * 50 / rate(&agent.leads),
        _ => STRIDE,
    }
}

/// What decided between the first and the second.
fn tie_break(first: Rank, second: Rank) -> Option<&'static str> {
    match (first.0 == second.0 && first.1 == second.1, first.2 == second.2) {
        (false, _) => None,
        (true, false) => Some("longest_waiting"),
        (true, true) => Some("order_of_id"),
    }
}

/// Decides who gets a lead.
#[must_use]
pub fn route(settings: &LeadSettings, question: &Question<'_>, agents: &[Candidate]) -> Routed {
    let (mut fit, mut out) = (Vec::new(), Vec::new());
    for agent in agents.iter().filter(|_| settings.strategy != Strategy::Manual) {
        match excluded(settings, question, agent) {
            None => fit.push((rank(settings, question, agent), agent)),
            Some(reason) => out.push((reason, agent)),
        }
    }
    fit.sort_unstable_by_key(|(rank, _)| *rank);
    let sticky = question.previous.filter(|_| settings.sticky_owner);
    let sticky = fit.iter().position(|(_, agent)| Some(agent.user) == sticky);
    if let Some(place) = sticky {
        // The others keep their order.
        fit.get_mut(..=place).into_iter().for_each(|before| before.rotate_right(1));
    }
    let chosen = fit.first().map(|(_, agent)| *agent);
    let tie_break = match (sticky, fit.as_slice()) {
        (None, [(first, _), (second, _), ..]) => tie_break(*first, *second),
        _ => None,
    };
    let considered = |reason: Reason, included: bool, agent: &Candidate| Considered {
        agent_id: agent.user,
        included,
        reason,
        score: score(settings, question, agent),
        open_leads: agent.leads.open,
        capacity: capacity(settings, &agent.profile),
    };
    let winner = if sticky.is_some() { Reason::PreviousOwner } else { Reason::Chosen };
    let included = fit
        .iter()
        .enumerate()
        .map(|(place, (_, agent))| considered(if place == 0 { winner } else { Reason::Eligible }, true, agent));
    let excluded = out.iter().map(|(reason, agent)| considered(*reason, false, agent));
    let decision = Decision {
        at: question.now,
        strategy: settings.strategy,
        chosen: chosen.map(|agent| agent.user),
        candidates: included.chain(excluded).take(EXPLAINED_MAX).collect(),
        considered: u32::try_from(fit.len() + out.len()).unwrap_or(u32::MAX),
        tie_break: tie_break.map(str::to_owned),
        config_version: question.settings_version,
    };
    let turns = chosen.map(|agent| {
        let start = agent.pass.max(question.turn);
        // Who is chosen out of turn does not move the company's: those whose turn it is keep it.
        let turn = fit.iter().map(|(rank, _)| rank.1).min().unwrap_or(start);
        (start.saturating_add(stride(settings, agent)), turn)
    });
    Routed { decision, turns }
}

#[cfg(test)]
mod tests;
