//! How leads are routed is kept.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::json;

use super::fixtures::{
    Rows, assert_duplicate, assert_out_of_scope, assert_stale, ends_of_time, founded, hired, read, retried, write,
};
use crate::company::Company;
use crate::id::UserId;
use crate::lead::routing::{Question, STRIDE, route};
use crate::lead::{
    AgentLeads, Candidate, LeadDecision, LeadFigures, LeadProfile, LeadProfileSettings, LeadRouting, LeadSettings,
    Needs, Strategy,
};
use crate::people::user::Availability;
use crate::people::{Role, User};
use crate::scope::Scope;
use crate::store::{Access, Store};

fn profile(company: &Company, user: UserId, version: u32) -> LeadProfile {
    let hours = json!({"monday": [{"from": "09:00", "to": "24:00"}]});
    let settings = LeadProfileSettings {
        takes_leads: false,
        capacity: Some(version),
        skills: vec!["boats".to_owned()],
        languages: vec!["es".to_owned(), "日本語".to_owned()],
        territories: vec!["mx".to_owned()],
        working_hours: serde_json::from_value(hours).ok(),
    };
    LeadProfile { user, company: company.id, settings, version, updated_at: ends_of_time().1 }
}

fn question<'q>(rows: &Rows, needs: &'q Needs, turn: u64) -> Question<'q> {
    let (now, zone) = (rows.now(), chrono_tz::UTC);
    Question { needs, previous: None, returned_from: None, turn, settings_version: 1, zone, now }
}

/// A company's state comes back as it was; new settings leave the turn alone, and turns the settings.
pub async fn a_routing_reads_back_and_its_turn_stays(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let first = LeadRouting { turn: 5 * STRIDE, ..LeadRouting::first(company.id, rows.now()) };
    let settings = LeadSettings { strategy: Strategy::BestMatch, capacity: 7, ..LeadSettings::default() };
    let next = LeadRouting { settings, turn: 0, version: 2, updated_at: ends_of_time().1, ..first.clone() };
    write!(store, scope, tx => {
        assert_eq!(tx.lead_routing_for_update(company.id).await.unwrap(), None);
        assert_stale(tx.set_lead_turns(company.id, 1, &[]).await);
        tx.insert_lead_routing(&first).await.unwrap();
        assert_duplicate(tx.insert_lead_routing(&first).await, "lead_routing", "company");
        assert_eq!(tx.lead_routing(company.id).await.unwrap().as_ref(), Some(&first));
        tx.update_lead_routing(&next).await.unwrap();
        assert_stale(tx.update_lead_routing(&next).await);
        assert_eq!(tx.lead_routing(company.id).await.unwrap(), Some(LeadRouting { turn: first.turn, ..next.clone() }));
        tx.set_lead_turns(company.id, 6 * STRIDE, &[]).await.unwrap();
    });
    let stored = write!(store, scope, tx => tx.lead_routing_for_update(company.id).await.unwrap());
    assert_eq!(stored, Some(LeadRouting { turn: 6 * STRIDE, ..next }));
}

/// A profile comes back as it was, and only its next version replaces it.
pub async fn a_profile_reads_back_and_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let user = hired(store, &rows, &company).await.id;
    let scope = Scope::Company(company.id);
    write!(store, scope, tx => {
        assert_eq!(tx.lead_profile(user).await.unwrap(), None);
        tx.insert_lead_profile(&profile(&company, user, 1)).await.unwrap();
        assert_duplicate(tx.insert_lead_profile(&profile(&company, user, 1)).await, "lead_profile", "user");
        tx.update_lead_profile(&profile(&company, user, 2)).await.unwrap();
        assert_stale(tx.update_lead_profile(&profile(&company, user, 2)).await);
        assert_stale(tx.update_lead_profile(&profile(&company, user, 4)).await);
        assert_stale(tx.update_lead_profile(&profile(&company, rows.id(), 2)).await);
    });
    assert_eq!(read!(store, scope, tx => tx.lead_profile(user).await.unwrap()), Some(profile(&company, user, 2)));
}

/// Candidates are the active users of kind agent, with their profile, their figures and their pass.
pub async fn candidates_are_the_active_agents_as_they_stand(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    hired(store, &rows, &other).await;
    let scope = Scope::Company(company.id);
    let plain = User { availability: Availability::Break, ..rows.user(company.id) };
    let busy = User { role: Role::Telecaller, ..rows.user(company.id) };
    let gone = User { is_active: false, ..rows.user(company.id) };
    let boss = User { role: Role::Manager, ..rows.user(company.id) };
    let figures = LeadFigures { agents: [(busy.id, [9, 4, 2])].into(), ..LeadFigures::default() };
    write!(store, scope, tx => {
        for user in [&plain, &busy, &gone, &boss] {
            tx.insert_user(user).await.unwrap();
        }
        tx.insert_lead_routing(&LeadRouting::first(company.id, rows.now())).await.unwrap();
        tx.insert_lead_profile(&profile(&company, busy.id, 1)).await.unwrap();
        tx.set_lead_turns(company.id, 1, &[(busy.id, 3), (boss.id, 4)]).await.unwrap();
        tx.set_lead_turns(company.id, 2, &[(busy.id, 7)]).await.unwrap();
        tx.add_lead_figures(company.id, &figures).await.unwrap();
    });
    let expected = [
        Candidate {
            user: plain.id,
            availability: Availability::Break,
            profile: LeadProfileSettings::default(),
            leads: AgentLeads::default(),
            pass: 0,
        },
        Candidate {
            user: busy.id,
            availability: Availability::Available,
            profile: profile(&company, busy.id, 1).settings,
            leads: AgentLeads { total: 9, open: 4, converted: 2 },
            pass: 7,
        },
    ];
    assert_eq!(read!(store, scope, tx => tx.lead_candidates().await.unwrap()), expected);
    assert_eq!(read!(store, Scope::System, tx => tx.lead_candidates().await.unwrap()).len(), 3);
}

/// Decisions about a lead come newest first, and are of leads of the scope only.
pub async fn decisions_come_newest_first(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let agent = hired(store, &rows, &company).await;
    let scope = Scope::Company(company.id);
    let (lead, theirs) = (rows.lead(company.id), rows.lead(other.id));
    let candidate = read!(store, scope, tx => tx.lead_candidates().await.unwrap());
    assert_eq!(candidate.len(), 1);
    let decision = |turn: u64| {
        let routed = route(&LeadSettings::default(), &question(&rows, &Needs::default(), turn), &candidate);
        LeadDecision { lead: lead.id, company: company.id, decision: routed.decision }
    };
    let decisions: Vec<LeadDecision> = (0..60).map(|n| decision(n * STRIDE / 7)).collect();
    assert_eq!(decisions[0].decision.chosen, Some(agent.id));
    write!(store, Scope::System, tx => tx.insert_leads(&[lead.clone(), theirs.clone()]).await.unwrap());
    write!(store, scope, tx => {
        tx.insert_lead_decisions(&decisions[..59]).await.unwrap();
        tx.insert_lead_decisions(&decisions[59..]).await.unwrap();
        let foreign = LeadDecision { lead: theirs.id, company: other.id, ..decisions[0].clone() };
        assert_out_of_scope(tx.insert_lead_decisions(&[decisions[0].clone(), foreign.clone()]).await);
        assert_out_of_scope(tx.insert_lead_decisions(&[LeadDecision { company: company.id, ..foreign }]).await);
        tx.insert_lead_decisions(&[]).await.unwrap();
    });
    let newest: Vec<LeadDecision> = decisions.iter().rev().take(50).cloned().collect();
    assert_eq!(read!(store, scope, tx => tx.lead_decisions(lead.id).await.unwrap()), newest);
    assert_eq!(read!(store, Scope::Company(other.id), tx => tx.lead_decisions(lead.id).await.unwrap()), []);
    assert!(write!(store, scope, tx => tx.delete_lead(lead.id).await.unwrap()));
    assert_eq!(read!(store, scope, tx => tx.lead_decisions(lead.id).await.unwrap()), []);
}

/// Another company's state and profiles are absent, and stay as they are.
pub async fn another_companys_routing_is_absent_and_stays_as_it_is(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let agent = hired(store, &rows, &theirs).await;
    let routing = LeadRouting::first(theirs.id, rows.now());
    write!(store, Scope::Company(theirs.id), tx => {
        tx.insert_lead_routing(&routing).await.unwrap();
        tx.insert_lead_profile(&profile(&theirs, agent.id, 1)).await.unwrap();
        tx.set_lead_turns(theirs.id, 0, &[(agent.id, 5)]).await.unwrap();
    });
    write!(store, Scope::Company(ours.id), tx => {
        assert_eq!(tx.lead_routing(theirs.id).await.unwrap(), None);
        assert_eq!(tx.lead_routing_for_update(theirs.id).await.unwrap(), None);
        assert_eq!(tx.lead_profile(agent.id).await.unwrap(), None);
        assert_eq!(tx.lead_candidates().await.unwrap(), []);
        assert_out_of_scope(tx.insert_lead_routing(&routing).await);
        assert_stale(tx.update_lead_routing(&LeadRouting { version: 2, ..routing.clone() }).await);
        assert_stale(tx.set_lead_turns(theirs.id, 9, &[(agent.id, 9)]).await);
        assert_out_of_scope(tx.insert_lead_profile(&profile(&theirs, agent.id, 1)).await);
        assert_stale(tx.update_lead_profile(&profile(&theirs, agent.id, 2)).await);
        // A pass for somebody else's agent touches nothing of theirs.
        tx.insert_lead_routing(&LeadRouting::first(ours.id, rows.now())).await.unwrap();
        tx.set_lead_turns(ours.id, 0, &[(agent.id, 9)]).await.unwrap();
    });
    read!(store, Scope::Company(theirs.id), tx => {
        assert_eq!(tx.lead_routing(theirs.id).await.unwrap(), Some(routing));
        assert_eq!(tx.lead_profile(agent.id).await.unwrap(), Some(profile(&theirs, agent.id, 1)));
        assert_eq!(tx.lead_candidates().await.unwrap()[0].pass, 5);
    });
}

/// However many leads are routed at once, each agent gets the same number, and nobody more than they may have.
pub async fn turns_are_even_however_many_ask_at_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    for _ in 0..7 {
        hired(store, &rows, &company).await;
    }
    let settings = LeadSettings { capacity: 9, ..LeadSettings::default() };
    let routing = LeadRouting { settings, ..LeadRouting::first(company.id, rows.now()) };
    write!(store, scope, tx => tx.insert_lead_routing(&routing).await.unwrap());
    let ask = async || {
        let mut tx = store.begin(scope, Access::Write).await?;
        let routing = tx.lead_routing_for_update(company.id).await?.expect("the state is there");
        let agents = tx.lead_candidates().await?;
        let routed = route(&routing.settings, &question(&rows, &Needs::default(), routing.turn), &agents);
        let Some((chosen, (pass, turn))) = routed.decision.chosen.zip(routed.turns) else {
            tx.commit().await?;
            return Ok(None);
        };
        tx.set_lead_turns(company.id, turn, &[(chosen, pass)]).await?;
        let figures = LeadFigures { agents: [(chosen, [1, 1, 0])].into(), ..LeadFigures::default() };
        tx.add_lead_figures(company.id, &figures).await?;
        tx.commit().await?;
        Ok(Some(chosen))
    };
    let mut given: BTreeMap<UserId, u32> = BTreeMap::new();
    for chosen in join_all((0..56).map(|_| retried(ask))).await {
        *given.entry(chosen.unwrap().expect("somebody has room")).or_default() += 1;
    }
    assert_eq!(given.values().collect::<Vec<_>>(), [&8; 7], "exactly even");
    let beyond = join_all((0..20).map(|_| retried(ask))).await;
    let placed = beyond.into_iter().filter(|chosen| chosen.as_ref().unwrap().is_some()).count();
    assert_eq!(placed, 7, "capacity holds");
    let agents = read!(store, scope, tx => tx.lead_candidates().await.unwrap());
    assert!(agents.iter().all(|agent| agent.leads.open == 9));
}
