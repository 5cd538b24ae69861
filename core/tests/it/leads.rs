//! Leads: what calls do to them, the return timer, duplicates, and figures that are always those of a recount.

use chrono::TimeDelta;
use dialplane_core::call::{CallEntry, CallStatus, Change, Direction, Hangup, HangupCause, LegKind, NewCall, Side};
use dialplane_core::command::call::{AnnotateCall, CallReport, RecordCalls};
use dialplane_core::command::call_log::{DeleteCall, EnterCall};
use dialplane_core::command::lead::{
    AssignLead, BulkAction, BulkLeads, ConvertLead, CreateLead, CreateLeads, DeleteLead, MergeLeads, OnDuplicate,
    Outcome, RouteLeads, UpdateLead, UpdateLeadSettings, figures,
};
use dialplane_core::command::people::{DeleteUser, UpdateUser};
use dialplane_core::error::Failure;
use dialplane_core::event::Event;
use dialplane_core::id::{CallId, IdSource as _, LeadId, SeededIds, UserId};
use dialplane_core::lead::{
    Lead, LeadChange, LeadFigures, LeadRefused, LeadSettings, LeadStatus, NewLead, Owner, Priority, Quality, Source,
    Strategy,
};
use dialplane_core::people::{Role, UserChange};
use dialplane_core::pii::Pii;
use dialplane_core::{Actor, Command};

use crate::world::World;

fn named(name: &str, contact: usize) -> NewLead {
    NewLead { name: name.to_owned(), email: Some(format!("lead{contact}@example.com")), ..NewLead::default() }
}

async fn made(world: &World, lead: NewLead) -> Lead {
    world.engine.execute(&world.admin, &CreateLead { lead }).await.unwrap().0
}

async fn read(world: &World, lead: LeadId) -> Lead {
    world.engine.read(&world.admin).await.unwrap().lead(lead).await.unwrap().unwrap()
}

async fn configure(world: &World, settings: LeadSettings) {
    let command = UpdateLeadSettings { settings, expected_version: None };
    world.engine.execute(&world.admin, &command).await.unwrap();
}

/// A call, with a lead or none, that begins, and ends after it was answered or not.
async fn called(world: &World, agent: UserId, lead: impl Into<Option<LeadId>>, answered: bool) -> CallId {
    let now = world.engine.now();
    let call = world.engine.ids().id(now);
    let begin = NewCall {
        id: call,
        company: world.company.id,
        direction: Direction::Outbound,
        from: Pii::from("+12025550100"),
        to: Pii::from("+12025550101"),
        agent: Some(agent),
        number: None,
        trunk: None,
        lead: lead.into(),
        node: None,
        at: now,
    };
    let mut changes = Vec::new();
    if answered {
        let leg = |leg, kind, agent| Change::LegAdded { leg, kind, party: "x".into(), agent };
        let at = now + TimeDelta::seconds(5);
        changes.push((now, leg(0, LegKind::Sip, Some(agent))));
        changes.push((now, leg(1, LegKind::Carrier, None)));
        changes.push((at, Change::Answered { leg: 1, codec: None }));
        changes.push((at, Change::Bridged { a: 0, b: 1 }));
    }
    let hangup = Hangup { side: Side::Caller, cause: HangupCause::NormalClearing, sip_status: None };
    changes.push((now + TimeDelta::seconds(65), Change::Ended { hangup }));
    let reports = vec![CallReport { begin: Some(begin), changes, ..CallReport::nothing(call) }];
    world.engine.execute(&Actor::system(), &RecordCalls { reports }).await.unwrap();
    call
}

#[tokio::test]
async fn a_call_that_is_corrected_or_deleted_takes_its_contact_with_it() {
    let world = World::new().await;
    let agent = world.user("Ann", "ann@example.com", Role::Agent).await.id;
    let (first, second) = (made(&world, named("A", 1)).await.id, made(&world, named("B", 2)).await.id);
    let contacts = async |lead| {
        let lead = read(&world, lead).await;
        (lead.followup_count, lead.last_contact_at)
    };
    let enter = async |ago: i64| {
        let started_at = Some(world.engine.now() - TimeDelta::seconds(ago));
        let entry = CallEntry {
            agent: Some(agent),
            lead: Some(Some(first)),
            started_at,
            talk_seconds: Some(60),
            ..CallEntry::default()
        };
        let enter = EnterCall { entry, outcome: None, notes: None };
        world.engine.execute(&world.admin, &enter).await.unwrap()
    };
    let (earlier, later) = (enter(900).await, enter(600).await);
    assert_eq!(contacts(first).await, (2, later.ended_at));
    let about = |lead| CallEntry { lead: Some(lead), ..CallEntry::default() };
    let moved = AnnotateCall { entry: about(Some(second)), ..AnnotateCall::nothing(later.id) };
    world.engine.execute(&world.admin, &moved).await.unwrap();
    assert_eq!((contacts(first).await, contacts(second).await), ((1, earlier.ended_at), (1, later.ended_at)));
    assert_eq!(read(&world, second).await.status, LeadStatus::Contacted);
    let shorter = CallEntry { status: Some(CallStatus::NoAnswer), ..CallEntry::default() };
    let shorter = AnnotateCall { entry: shorter, ..AnnotateCall::nothing(later.id) };
    let call = world.engine.execute(&world.admin, &shorter).await.unwrap();
    assert_eq!(contacts(second).await, (1, call.ended_at));
    let delete = |call| DeleteCall { call, expected_version: None };
    world.engine.execute(&world.admin, &delete(later.id)).await.unwrap();
    assert_eq!((contacts(first).await, contacts(second).await), ((1, earlier.ended_at), (0, None)));
    world.engine.execute(&world.admin, &delete(earlier.id)).await.unwrap();
    assert_eq!(contacts(first).await, (0, None));
}

#[tokio::test]
async fn calls_are_contacts_of_their_lead_and_outcomes_move_it() {
    let world = World::new().await;
    let agent = world.user("Ann", "ann@example.com", Role::Telecaller).await;
    let lead = made(&world, NewLead { owner: Owner::User(agent.id), ..named("L", 1) }).await;
    called(&world, agent.id, lead.id, false).await;
    let tried = read(&world, lead.id).await;
    assert_eq!((tried.status, tried.followup_count), (LeadStatus::New, 1), "nobody was reached");
    let call = called(&world, agent.id, lead.id, true).await;
    let talked = read(&world, lead.id).await;
    assert_eq!((talked.status, talked.followup_count), (LeadStatus::Contacted, 2));
    assert_eq!(talked.last_contact_at, Some(world.engine.now() + TimeDelta::seconds(65)));
    let ann = world.as_user(&agent);
    for (outcome, status) in [
        ("Offer_Wanted", LeadStatus::Interested),
        ("said something else", LeadStatus::Interested),
        ("sale", LeadStatus::Converted),
        // An agent cannot take a sale back by a word.
        ("too_expensive", LeadStatus::Converted),
    ] {
        let annotate = AnnotateCall { outcome: Some(Some(outcome.to_owned())), ..AnnotateCall::nothing(call) };
        world.engine.execute(&ann, &annotate).await.unwrap();
        assert_eq!(read(&world, lead.id).await.status, status, "{outcome}");
    }
    assert_eq!(read(&world, lead.id).await.converted_by, Some(agent.id));
    check_figures(&world).await;
}

#[tokio::test]
async fn a_call_is_about_the_newest_lead_with_its_number_unless_somebody_says_about_which() {
    let world = World::new().await;
    let agent = world.user("Ann", "ann@example.com", Role::Telecaller).await;
    let of_call = async |call| world.engine.read(&world.admin).await.unwrap().call(call).await.unwrap().unwrap().lead;
    assert_eq!(of_call(called(&world, agent.id, None, true).await).await, None, "nobody has the number");
    let with_number = |contact| NewLead { phone: Some("(202) 555-0101".to_owned()), ..named("L", contact) };
    let first = made(&world, with_number(1)).await;
    assert_eq!(of_call(called(&world, agent.id, None, true).await).await, Some(first.id));
    world.pass(1);
    let second = made(&world, with_number(2)).await;
    assert_eq!(of_call(called(&world, agent.id, None, false).await).await, Some(second.id));
    assert_eq!(of_call(called(&world, agent.id, first.id, true).await).await, Some(first.id));
    let (first, second) = (read(&world, first.id).await, read(&world, second.id).await);
    assert_eq!((first.status, first.followup_count), (LeadStatus::Contacted, 2));
    assert_eq!((second.status, second.followup_count), (LeadStatus::New, 1));
    check_figures(&world).await;
}

#[tokio::test]
async fn an_untouched_lead_goes_on_to_somebody_else_and_a_touched_one_stays() {
    let world = World::new().await;
    let mut agents = Vec::new();
    for n in 0..2 {
        agents.push(world.user("Ann", &format!("a{n}@example.com"), Role::Agent).await);
    }
    configure(&world, LeadSettings { return_after_minutes: 10, ..LeadSettings::default() }).await;
    let (untouched, touched) = (made(&world, named("U", 1)).await, made(&world, named("T", 2)).await);
    let owner = agents.iter().find(|agent| Some(agent.id) == touched.assigned_to).unwrap();
    let note = LeadChange { notes: Some("I am on it".to_owned()), ..LeadChange::default() };
    let update = UpdateLead { lead: touched.id, change: note, assign: None, expected_version: None };
    world.engine.execute(&world.as_user(owner), &update).await.unwrap();
    let route =
        async || world.engine.execute(&Actor::system_for(world.company.id), &RouteLeads { limit: 10 }).await.unwrap();
    world.pass(599);
    assert_eq!(route().await, 0, "the time is not over");
    world.pass(1);
    assert_eq!(route().await, 1);
    let moved = read(&world, untouched.id).await;
    assert_ne!(moved.assigned_to, untouched.assigned_to);
    assert_eq!((moved.returns, read(&world, touched.id).await.assigned_to), (1, touched.assigned_to));
    let decisions = world.engine.read(&world.admin).await.unwrap().lead_decisions(untouched.id).await.unwrap();
    assert_eq!(decisions.len(), 2);
    assert!(
        decisions[0].decision.candidates.iter().any(|one| Some(one.agent_id) == untouched.assigned_to && !one.included)
    );
    for _ in 0..20 {
        world.pass(600);
        route().await;
    }
    assert_eq!(read(&world, untouched.id).await.returns, 10, "it does not go round for ever");
    check_figures(&world).await;
}

#[tokio::test]
async fn a_lead_that_waits_gets_somebody_as_soon_as_there_is_one() {
    let world = World::new().await;
    let lead = made(&world, named("W", 1)).await;
    assert!(lead.is_waiting && lead.assigned_to.is_none());
    world.pass(60);
    let route = RouteLeads { limit: 10 };
    let system = Actor::system_for(world.company.id);
    assert_eq!(world.engine.execute(&system, &route).await.unwrap(), 0);
    let agent = world.user("Ann", "ann@example.com", Role::Agent).await;
    world.pass(60);
    assert_eq!(world.engine.execute(&system, &route).await.unwrap(), 1);
    let lead = read(&world, lead.id).await;
    assert_eq!((lead.assigned_to, lead.is_waiting), (Some(agent.id), false));
    configure(&world, LeadSettings { strategy: Strategy::Manual, ..LeadSettings::default() }).await;
    assert!(!made(&world, named("M", 2)).await.is_waiting, "by hand means by hand");
}

#[tokio::test]
async fn looking_again_in_vain_is_no_new_version_and_no_news() {
    let world = World::new().await;
    let lead = made(&world, named("W", 1)).await;
    let told = async || world.engine.read(&world.admin).await.unwrap().events_after(0, 100).await.unwrap().len();
    let before = told().await;
    for _ in 0..3 {
        world.pass(60);
        assert_eq!(route(&world, 10).await, 0);
    }
    let after = read(&world, lead.id).await;
    assert_eq!((after.version, after.updated_at, told().await), (1, lead.updated_at, before));
    assert!(after.route_at > lead.route_at, "it is looked at again");
}

async fn route(world: &World, limit: u32) -> usize {
    world.engine.execute(&Actor::system_for(world.company.id), &RouteLeads { limit }).await.unwrap()
}

/// The events about who has a lead, newest last: who had it, and who has it.
async fn hands(world: &World, lead: LeadId) -> Vec<(Option<UserId>, Option<UserId>)> {
    let events = world.engine.read(&world.admin).await.unwrap().events_after(0, 1_000).await.unwrap();
    let assigned = events.into_iter().filter_map(|envelope| match envelope.event {
        Event::LeadAssigned { lead: own, previous, user, .. } if own == lead => Some((previous, user)),
        _ => None,
    });
    assigned.collect()
}

#[tokio::test]
async fn leads_of_who_leaves_go_to_somebody_else_step_by_step_and_none_is_forgotten() {
    let world = World::new().await;
    let ann = world.user("Ann", "ann@example.com", Role::Agent).await;
    let mut leads = Vec::new();
    for n in 0..25 {
        leads.push(made(&world, named("L", n)).await.id);
    }
    let sold = ConvertLead { lead: leads[0], value: None, expected_version: None };
    world.engine.execute(&world.admin, &sold).await.unwrap();
    let bob = world.user("Bob", "bob@example.com", Role::Agent).await;
    assert_eq!(route(&world, 10).await, 0, "whoever is there keeps their leads");

    // Locked out: the open ones go on, some at a time; what was sold stays theirs.
    let lock = UpdateUser { user: ann.id, change: UserChange { is_active: Some(false), ..UserChange::default() } };
    world.engine.execute(&world.admin, &lock).await.unwrap();
    let steps = [route(&world, 10).await, route(&world, 10).await, route(&world, 10).await, route(&world, 10).await];
    assert_eq!(steps, [10, 10, 4, 0]);
    assert_eq!(loads(&world, &[ann.id, bob.id]).await, [0, 24]);
    assert_eq!(read(&world, leads[0]).await.assigned_to, Some(ann.id));
    let moved = read(&world, leads[1]).await;
    assert_eq!((moved.assigned_to, moved.returns), (Some(bob.id), 0), "it does not count as untouched");
    assert_eq!(hands(&world, leads[1]).await, [(None, Some(ann.id)), (Some(ann.id), Some(bob.id))]);
    check_figures(&world).await;

    // Deleted, and nobody is left: they wait, and whoever comes gets them.
    world.engine.execute(&world.admin, &DeleteUser { user: bob.id }).await.unwrap();
    for _ in 0..3 {
        assert_eq!(route(&world, 10).await, 0);
    }
    let waiting = read(&world, leads[1]).await;
    assert_eq!((waiting.assigned_to, waiting.is_waiting), (None, true));
    let cem = world.user("Cem", "cem@example.com", Role::Agent).await;
    world.pass(60);
    assert_eq!(route(&world, 100).await, 24);
    assert_eq!(loads(&world, &[bob.id, cem.id]).await, [0, 24]);

    // What was sold and is taken up again does not stay with who is gone; by hand nobody else is looked for.
    configure(&world, LeadSettings { strategy: Strategy::Manual, ..LeadSettings::default() }).await;
    let change = LeadChange { status: Some(LeadStatus::Interested), ..LeadChange::default() };
    let reopen = UpdateLead { lead: leads[0], change, assign: None, expected_version: None };
    world.engine.execute(&world.admin, &reopen).await.unwrap();
    assert_eq!(route(&world, 100).await, 0);
    let reopened = read(&world, leads[0]).await;
    assert_eq!((reopened.assigned_to, reopened.is_waiting), (None, false));
    check_figures(&world).await;
}

#[tokio::test]
async fn many_leads_are_taken_in_at_once_by_the_rule_for_duplicates() {
    let world = World::new().await;
    let agents =
        [world.user("A", "a@example.com", Role::Agent).await, world.user("B", "b@example.com", Role::Agent).await];
    let known = made(&world, NewLead { owner: Owner::Nobody, ..named("Known", 1) }).await;
    let batch = |on_duplicate| {
        let bad = NewLead { phone: Some("call me".to_owned()), ..named("Bad", 3) };
        let again = NewLead { requirements: Some("a boat".to_owned()), ..named("Known better", 1) };
        CreateLeads { leads: vec![again, named("New", 2), bad, named("Twin", 2)], on_duplicate }
    };
    let run = async |rule| world.engine.execute(&world.admin, &batch(rule)).await.unwrap();
    let skipped = run(OnDuplicate::Skip).await;
    assert_eq!(skipped[0].outcome, Outcome::Skipped(known.id));
    assert!(matches!(&skipped[1].outcome, Outcome::Created(lead) if lead.assigned_to.is_some()));
    assert!(matches!(skipped[2].outcome, Outcome::Refused(LeadRefused::BadPhone(_))));
    assert!(matches!(skipped[3].outcome, Outcome::Skipped(_)), "also one of the same batch");
    let updated = run(OnDuplicate::Update).await;
    assert!(matches!(&updated[0].outcome, Outcome::Updated(lead) if lead.id == known.id));
    let lead = read(&world, known.id).await;
    assert_eq!((lead.name.expose().as_str(), lead.requirements.is_some()), ("Known better", true));
    let created = run(OnDuplicate::Create).await;
    assert_eq!(created.iter().filter(|one| matches!(one.outcome, Outcome::Created(_))).count(), 3);
    let many = CreateLeads { leads: (10..110).map(|n| named("Many", n)).collect(), on_duplicate: OnDuplicate::Skip };
    let before: Vec<u64> = loads(&world, &agents.each_ref().map(|agent| agent.id)).await;
    world.engine.execute(&world.admin, &many).await.unwrap();
    let after = loads(&world, &agents.each_ref().map(|agent| agent.id)).await;
    assert!(
        before.iter().zip(&after).all(|(before, after)| (after - before).abs_diff(50) <= 1),
        "{before:?} {after:?}"
    );
    check_figures(&world).await;
}

async fn loads(world: &World, agents: &[UserId]) -> Vec<u64> {
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    let mut loads = Vec::new();
    for agent in agents {
        loads.push(tx.agent_leads(&[*agent]).await.unwrap().first().map_or(0, |(_, leads)| leads.open));
    }
    loads
}

/// Counts all leads anew and compares.
async fn check_figures(world: &World) {
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    let beyond = figures::verify(&mut *tx, &world.company).await.unwrap();
    assert_eq!(beyond, LeadFigures::default());
}

/// Whether a command did something: refusals and missing rights are part of the history, faults are not.
async fn tried<C: Command>(world: &World, actor: &Actor, command: &C) -> bool
where
    C::Refused: std::fmt::Debug,
{
    match world.engine.execute(actor, command).await {
        Ok(_) => true,
        Err(Failure::Refused(_) | Failure::Denied(_)) => false,
        Err(Failure::Store(error)) => panic!("{}: {error}", C::NAME),
    }
}

#[tokio::test]
async fn figures_are_those_of_a_recount_after_any_history() {
    let world = World::new().await;
    let mut users = Vec::new();
    for n in 0..5 {
        users.push(world.user("Ann", &format!("a{n}@example.com"), Role::Agent).await);
    }
    configure(&world, LeadSettings { return_after_minutes: 60, capacity: 40, ..LeadSettings::default() }).await;
    let dice = SeededIds::new(2_026);
    let roll = |sides: usize| {
        let mut bytes = [0; 8];
        dice.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % sides as u64).unwrap()
    };
    let sources: Vec<Source> = ["facebook", "manual", "website"].map(|word| word.parse().unwrap()).into();
    let (mut leads, mut done, mut kinds): (Vec<LeadId>, usize, [usize; 8]) = (Vec::new(), 0, [0; 8]);
    for step in 0..3_000 {
        world.pass(roll(900) as i64);
        let any = |leads: &[LeadId]| leads.get(roll(leads.len().max(1))).copied();
        let user = users[roll(5)].id;
        let kind = roll(8);
        let worked = match (kind, any(&leads)) {
            (0, _) => {
                let status = if roll(6) == 0 { LeadStatus::Converted } else { LeadStatus::New };
                let owner = [Owner::Routed, Owner::Nobody, Owner::User(user)][roll(3)];
                let value = (roll(2) == 0).then(|| roll(100_000) as u64);
                let source = sources[roll(3)].clone();
                let lead = NewLead { status, owner, value, source, ..named("L", roll(400)) };
                let made = world.engine.execute(&world.admin, &CreateLead { lead }).await.unwrap();
                leads.push(made.0.id);
                true
            }
            (1, Some(lead)) => {
                let change = LeadChange {
                    status: Some(LeadStatus::ALL[roll(7)]),
                    quality: Some(Quality::ALL[roll(3)]),
                    priority: Some(Priority::ALL[roll(4)]),
                    source: (roll(3) == 0).then(|| sources[roll(3)].clone()),
                    value: (roll(3) == 0).then(|| Some(roll(100_000) as u64)),
                    ..LeadChange::default()
                };
                let actor = if roll(3) == 0 { world.as_user(&users[roll(5)]) } else { world.admin };
                tried(&world, &actor, &UpdateLead { lead, change, assign: None, expected_version: None }).await
            }
            (2, Some(lead)) => {
                let user = (roll(4) > 0).then_some(user);
                tried(&world, &world.admin, &AssignLead { lead, user, expected_version: None }).await
            }
            (3, Some(lead)) => {
                tried(&world, &world.admin, &ConvertLead { lead, value: Some(7), expected_version: None }).await
            }
            (4, Some(lead)) if roll(3) == 0 => {
                leads.retain(|own| *own != lead);
                tried(&world, &world.admin, &DeleteLead { lead, expected_version: None }).await
            }
            (5, Some(lead)) => {
                let gone: Vec<LeadId> = any(&leads).into_iter().filter(|other| *other != lead).collect();
                let merged =
                    tried(&world, &world.admin, &MergeLeads { lead, duplicates: gone.clone(), expected_version: None })
                        .await;
                leads.retain(|own| !merged || !gone.contains(own));
                merged
            }
            (6, Some(_)) => {
                let some = (0..5).filter_map(|_| any(&leads)).collect();
                let change = LeadChange { status: Some(LeadStatus::ALL[roll(7)]), ..LeadChange::default() };
                let action =
                    if roll(2) == 0 { BulkAction::Assign(Some(user)) } else { BulkAction::Change(Box::new(change)) };
                tried(&world, &world.admin, &BulkLeads { leads: some, action }).await
            }
            (7, Some(lead)) => {
                called(&world, user, lead, roll(2) == 0).await;
                tried(&world, &Actor::system_for(world.company.id), &RouteLeads { limit: 20 }).await
            }
            _ => false,
        };
        done += usize::from(worked);
        kinds[kind] += usize::from(worked);
        if step % 500 == 499 {
            check_figures(&world).await;
        }
    }
    assert!(done > 1_500 && kinds.iter().all(|count| *count > 20), "{done} {kinds:?}");
    check_figures(&world).await;
}
