//! What leads add up to is kept.

use std::sync::Arc;

use chrono::TimeDelta;
use futures::future::join_all;

use super::fixtures::{Rows, UNICODE, assert_out_of_scope, day, founded, hired, read, retried, write};
use crate::clock::ManualClock;
use crate::command::company::UpdateCompany;
use crate::command::lead::{AssignLead, CreateLead, DeleteLead, RouteLeads, UpdateLead, figures};
use crate::engine::{Command, Engine};
use crate::error::Failure;
use crate::id::{IdSource, LeadId, SeededIds};
use crate::lead::{
    AgentLeads, CampaignFigures, CampaignKey, CountBy, LeadChange, LeadCount, LeadDay, LeadFigures, LeadOrigin,
    LeadStatus, NewLead, Owner, Quality, Source,
};
use crate::scope::{Actor, Scope};
use crate::store::memory::MemoryStore;
use crate::store::{Access, Repo, Store, StoreError};

fn source(word: &str) -> Source {
    word.parse().expect("a source")
}

fn count(by: CountBy, word: &str, leads: u64) -> LeadCount {
    LeadCount { by, word: word.to_owned(), leads }
}

/// What is added adds up, what is taken away goes, and what is nothing is not shown.
pub async fn figures_add_up(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let mut users = [rows.id(), rows.id()];
    users.sort_unstable();
    let figures = LeadFigures {
        counts: [
            ((CountBy::Quality, "hot".to_owned()), 3),
            ((CountBy::Source, "straße".to_owned()), 2),
            ((CountBy::Status, "new".to_owned()), 1),
            ((CountBy::Status, "lost".to_owned()), 1),
        ]
        .into(),
        agents: [(users[0], [5, 4, 1]), (users[1], [1, 1, 0])].into(),
        days: [
            ((day("2026-03-01"), None, source("web")), [1, 0, 0]),
            ((day("2026-03-01"), Some(users[0]), source("web")), [1, 1, 250]),
        ]
        .into(),
        ..LeadFigures::default()
    };
    let less = LeadFigures {
        counts: [((CountBy::Status, "new".to_owned()), -1), ((CountBy::Quality, "hot".to_owned()), -1)].into(),
        agents: [(users[1], [-1, -1, 0]), (users[0], [0, -2, 1])].into(),
        days: [((day("2026-03-01"), None, source("web")), [-1, 0, 0])].into(),
        ..LeadFigures::default()
    };
    let kept = LeadFigures {
        counts: [
            ((CountBy::Quality, "hot".to_owned()), 2),
            ((CountBy::Source, "straße".to_owned()), 2),
            ((CountBy::Status, "lost".to_owned()), 1),
        ]
        .into(),
        agents: [(users[0], [5, 2, 2])].into(),
        ..LeadFigures::default()
    };
    write!(store, scope, tx => {
        tx.add_lead_figures(company.id, &figures).await.unwrap();
        tx.add_lead_figures(company.id, &less).await.unwrap();
        tx.add_lead_figures(company.id, &LeadFigures::default()).await.unwrap();
    });
    read!(store, scope, tx => {
        let expected = [
            count(CountBy::Status, "lost", 1),
            count(CountBy::Source, "straße", 2),
            count(CountBy::Quality, "hot", 2),
        ];
        assert_eq!(tx.lead_counts().await.unwrap(), expected);
        let own = (users[0], AgentLeads { total: 5, open: 2, converted: 2 });
        assert_eq!(tx.agent_leads(&[users[1], users[0], users[0], rows.id()]).await.unwrap(), [own, (users[1], AgentLeads::default())]);
        assert_eq!(tx.agent_leads(&[]).await.unwrap(), []);
        let kept = LeadFigures { days: [((day("2026-03-01"), Some(users[0]), source("web")), [1, 1, 250])].into(), ..kept };
        assert_eq!(tx.lead_figures().await.unwrap(), kept);
        let days = tx.lead_days(day("2026-03-01"), day("2026-03-01"), None).await.unwrap();
        let own = LeadDay { day: day("2026-03-01"), user: Some(users[0]), source: source("web"), created: 1, converted: 1, value: 250 };
        assert_eq!(days, [own]);
    });
}

/// Days come in order, within the bounds, and of one person when asked for.
pub async fn figures_of_days_are_narrowed_and_in_order(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let mut users = [rows.id(), rows.id()];
    users.sort_unstable();
    let mut expected = Vec::new();
    let mut figures = LeadFigures::default();
    for day in ["1970-01-01", "2026-02-28", "2026-03-01", "2999-12-31"].map(day) {
        for user in [None, Some(users[0]), Some(users[1])] {
            for source in ["a", "b"].map(source) {
                figures.days.insert((day, user, source.clone()), [1, 0, 0]);
                expected.push(LeadDay { day, user, source, created: 1, converted: 0, value: 0 });
            }
        }
    }
    write!(store, scope, tx => tx.add_lead_figures(company.id, &figures).await.unwrap());
    let (first, last) = (day("1970-01-01"), day("2999-12-31"));
    for (from, to) in [(first, last), (day("2026-02-28"), day("2026-03-01")), (last, first)] {
        for user in [None, Some(users[1])] {
            let within = |one: &&LeadDay| (from..=to).contains(&one.day) && (user.is_none() || one.user == user);
            let expected: Vec<LeadDay> = expected.iter().filter(within).cloned().collect();
            assert_eq!(read!(store, scope, tx => tx.lead_days(from, to, user).await.unwrap()), expected);
        }
    }
}

/// Figures that several units of work add at once, in whatever order, all count.
pub async fn figures_of_several_units_of_work_add_up(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let users = [rows.id(), rows.id(), rows.id()];
    let figures = LeadFigures {
        counts: ["new", "lost", "contacted"].map(|word| ((CountBy::Status, word.to_owned()), 1)).into(),
        agents: users.map(|user| (user, [1, 1, 0])).into(),
        days: users.map(|user| ((day("2026-03-01"), Some(user), source("web")), [1, 0, 0])).into(),
        ..LeadFigures::default()
    };
    let add = async || {
        let mut tx = store.begin(scope, Access::Write).await?;
        tx.add_lead_figures(company.id, &figures).await?;
        tx.commit().await
    };
    for done in join_all((0..24).map(|_| retried(add))).await {
        done.unwrap();
    }
    read!(store, scope, tx => {
        assert!(tx.lead_counts().await.unwrap().iter().all(|count| count.leads == 24));
        assert!(tx.agent_leads(&users).await.unwrap().iter().all(|(_, leads)| leads.open == 24));
    });
}

/// Figures are a company's own; the system sees those of all added up.
pub async fn figures_are_the_companys_own(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let user = rows.id();
    let figures = LeadFigures {
        counts: [((CountBy::Status, "new".to_owned()), 1)].into(),
        agents: [(user, [1, 1, 0])].into(),
        days: [((day("2026-03-01"), None, source("web")), [1, 0, 0])].into(),
        ..LeadFigures::default()
    };
    write!(store, Scope::Company(theirs.id), tx => tx.add_lead_figures(theirs.id, &figures).await.unwrap());
    write!(store, Scope::Company(ours.id), tx => {
        assert_out_of_scope(tx.add_lead_figures(theirs.id, &figures).await);
        assert_eq!(tx.lead_counts().await.unwrap(), []);
        assert_eq!(tx.agent_leads(&[user]).await.unwrap(), []);
        assert_eq!(tx.lead_days(day("1970-01-01"), day("2999-12-31"), None).await.unwrap(), []);
    });
    write!(store, Scope::System, tx => tx.add_lead_figures(ours.id, &figures).await.unwrap());
    read!(store, Scope::System, tx => {
        assert_eq!(tx.lead_counts().await.unwrap(), [count(CountBy::Status, "new", 2)]);
        assert_eq!(tx.lead_days(day("1970-01-01"), day("2999-12-31"), None).await.unwrap()[0].created, 2);
    });
}

/// Campaigns add up over days and units of work, by id and name in that order; a company sees its own, the system those of all.
pub async fn campaigns_add_up_and_are_the_companys_own(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await.id, founded(store, &rows).await.id);
    let key = |id: &str, name: &str| CampaignKey { id: id.to_owned(), name: name.to_owned() };
    let figures = |campaigns: &[(&str, CampaignKey, [i64; 4])]| LeadFigures {
        campaigns: campaigns.iter().map(|(on, key, figures)| ((day(on), key.clone()), *figures)).collect(),
        ..LeadFigures::default()
    };
    let first = figures(&[
        ("2026-03-01", key("1", UNICODE), [2, 1, 5_000, 5]),
        ("2026-03-02", key("1", UNICODE), [1, 0, 0, 3]),
        ("2026-03-02", key("", "Fair"), [1, 0, 0, 2]),
        ("2026-03-02", key("", ""), [1, 0, 0, 1]),
        ("2026-03-09", key("2", "Later"), [4, 0, 0, 4]),
    ]);
    let less =
        figures(&[("2026-03-02", key("", ""), [-1, 0, 0, -1]), ("2026-03-01", key("1", UNICODE), [-1, 0, 0, -2])]);
    write!(store, Scope::Company(ours), tx => {
        tx.add_lead_figures(ours, &first).await.unwrap();
        tx.add_lead_figures(ours, &less).await.unwrap();
    });
    write!(store, Scope::System, tx => tx.add_lead_figures(theirs, &first).await.unwrap());
    let row = |key: &CampaignKey, last: &str, [leads, converted, value, points]: [u64; 4]| CampaignFigures {
        key: key.clone(),
        last_day: day(last),
        leads,
        converted,
        value,
        points,
    };
    let (from, to) = (day("2026-03-01"), day("2026-03-02"));
    let fair = row(&key("", "Fair"), "2026-03-02", [1, 0, 0, 2]);
    let own = row(&key("1", UNICODE), "2026-03-02", [2, 1, 5_000, 6]);
    read!(store, Scope::Company(ours), tx => {
        assert_eq!(tx.lead_campaigns(from, to).await.unwrap(), [fair.clone(), own.clone()]);
        assert_eq!(tx.lead_campaigns(to, from).await.unwrap(), []);
        let ever = tx.lead_campaigns(day("1970-01-01"), day("2999-12-31")).await.unwrap();
        assert_eq!(ever, [fair.clone(), own, row(&key("2", "Later"), "2026-03-09", [4, 0, 0, 4])]);
    });
    let all = read!(store, Scope::System, tx => tx.lead_campaigns(from, to).await.unwrap());
    let expected = [
        row(&key("", ""), "2026-03-02", [1, 0, 0, 1]),
        row(&key("", "Fair"), "2026-03-02", [2, 0, 0, 4]),
        row(&key("1", UNICODE), "2026-03-02", [5, 2, 10_000, 14]),
    ];
    assert_eq!(all, expected);
}

/// Figures are kept to the last one, also those below nothing; clearing takes the days of the scope's company, those of campaigns
/// included, and no other scope has the right.
pub async fn days_are_cleared_in_a_companys_scope(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await.id, founded(store, &rows).await.id);
    let user = rows.id();
    let figures = |times: i64| LeadFigures {
        counts: [((CountBy::Source, UNICODE.trim().to_lowercase()), times)].into(),
        agents: [(user, [2 * times, -times, 0])].into(),
        days: [((day("1970-01-01"), None, source("web")), [times, 0, 0])].into(),
        campaigns: [((day("2999-12-31"), CampaignKey { id: "1".to_owned(), name: UNICODE.to_owned() }), [times; 4])]
            .into(),
    };
    write!(store, Scope::System, tx => {
        tx.add_lead_figures(ours, &figures(-3)).await.unwrap();
        tx.add_lead_figures(theirs, &figures(5)).await.unwrap();
        assert_out_of_scope(tx.clear_lead_days().await);
        assert_out_of_scope(tx.lead_figures().await);
    });
    let kept = async |company| read!(store, Scope::Company(company), tx => tx.lead_figures().await.unwrap());
    assert_eq!(kept(ours).await, figures(-3));
    write!(store, Scope::Company(ours), tx => tx.clear_lead_days().await.unwrap());
    let left = LeadFigures { days: [].into(), campaigns: [].into(), ..figures(-3) };
    assert_eq!((kept(ours).await, kept(theirs).await), (left, figures(5)));
    let mut reader = store.begin(Scope::Company(ours), Access::Read).await.unwrap();
    assert!(matches!(reader.clear_lead_days().await, Err(StoreError::Backend(_))));
}

/// After 2,000 creations, edits, deletions, rounds of routing and changes of the time zone, figures are what a recount gives.
pub async fn figures_equal_a_recount_after_a_random_history(store: &dyn Store) {
    a_random_history_of_leads(store, 80).await;
}

/// Works on leads and changes the time zone at random, in units of work of 25 commands each; recounts four times. Not a case
/// itself: how long it is to be is for the test that runs it to say.
pub fn a_random_history_of_leads(store: &dyn Store, units: u32) -> impl Future<Output = ()> {
    history(store, units)
}

/// Whether a command did something. Refusals are part of the history, and come before anything is written.
async fn done<C: Command>(engine: &Engine, tx: &mut dyn Repo, host: &Actor, command: &C) -> bool
where
    C::Refused: std::fmt::Debug,
{
    match engine.execute_in(tx, host, command).await {
        Ok(_) => true,
        Err(Failure::Refused(_)) => false,
        Err(failure) => panic!("{}: {failure:?}", C::NAME),
    }
}

async fn history(store: &dyn Store, units: u32) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let mut users = Vec::new();
    for _ in 0..3 {
        users.push(hired(store, &rows, &company).await.id);
    }
    let clock = Arc::new(ManualClock::at(rows.now()));
    // The commands run in units of work of the store that is tested; the engine's own is not used.
    let engine = Engine::new(MemoryStore::new()).with_clock(clock.clone()).with_ids(Arc::new(SeededIds::new(7)));
    let host = Actor::host(company.id);
    let dice = SeededIds::new(2_026);
    let roll = |sides: u64| {
        let mut bytes = [0u8; 8];
        (&dice as &dyn IdSource).fill(&mut bytes);
        (u64::from_le_bytes(bytes) % sides) as usize
    };
    let zones = ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "UTC"];
    let (mut leads, mut changes, mut kinds): (Vec<LeadId>, u32, [u32; 6]) = (Vec::new(), 0, [0; 6]);
    for unit in 0..units {
        let mut tx = store.begin(scope, Access::Write).await.unwrap();
        for _ in 0..25 {
            clock.advance(TimeDelta::minutes(roll(120) as i64));
            let place = roll(leads.len().max(1) as u64);
            let kind = match roll(100) {
                0 if unit % 4 == 0 => 0,
                1..=45 if !leads.is_empty() => 1,
                46..=55 if !leads.is_empty() => 2,
                56..=70 if !leads.is_empty() => 3,
                71..=75 => 4,
                _ => 5,
            };
            let value = (roll(2) == 0).then(|| roll(100_000) as u64);
            let source = (roll(3) == 0).then(|| source(["web", "fair"][roll(2)]));
            let campaign = ["spring", "autumn"].get(roll(4)).map(|name| (*name).to_owned());
            let origin = LeadOrigin { campaign_name: campaign, ..LeadOrigin::default() };
            let worked = match kind {
                0 => {
                    let timezone = Some(zones[roll(5)].to_owned());
                    let change = UpdateCompany { timezone, ..UpdateCompany::nothing(company.id) };
                    done(&engine, &mut *tx, &host, &change).await
                }
                1 => {
                    let change = LeadChange {
                        status: Some(LeadStatus::ALL[roll(7)]),
                        quality: Some(Quality::ALL[roll(3)]),
                        origin: (roll(3) == 0).then_some(origin),
                        value: value.map(Some),
                        source,
                        ..LeadChange::default()
                    };
                    let update = UpdateLead { lead: leads[place], change, assign: None, expected_version: None };
                    done(&engine, &mut *tx, &host, &update).await
                }
                2 => {
                    let user = users.get(roll(4)).copied();
                    let assign = AssignLead { lead: leads[place], user, expected_version: None };
                    done(&engine, &mut *tx, &host, &assign).await
                }
                3 => {
                    done(
                        &engine,
                        &mut *tx,
                        &host,
                        &DeleteLead { lead: leads.swap_remove(place), expected_version: None },
                    )
                    .await
                }
                4 => {
                    let system = Actor::system_for(company.id);
                    done(&engine, &mut *tx, &system, &RouteLeads { limit: 5 }).await
                }
                _ => {
                    let lead = NewLead {
                        name: "John Doe".to_owned(),
                        email: Some(format!("john{}@example.com", roll(1_000))),
                        status: if roll(4) == 0 { LeadStatus::Converted } else { LeadStatus::New },
                        owner: [Owner::Routed, Owner::Nobody, Owner::User(users[roll(3)])][roll(3)],
                        source: source.unwrap_or_default(),
                        origin,
                        value,
                        ..NewLead::default()
                    };
                    leads.push(engine.execute_in(&mut *tx, &host, &CreateLead { lead }).await.unwrap().0.id);
                    true
                }
            };
            changes += u32::from(worked);
            kinds[kind] += u32::from(worked);
        }
        tx.commit().await.unwrap();
        if (unit + 1) % (units / 4) == 0 {
            read!(store, scope, tx => {
                let company = tx.company(company.id).await.unwrap().unwrap();
                assert_eq!(figures::verify(&mut *tx, &company).await.unwrap(), LeadFigures::default());
                assert!(!tx.lead_figures().await.unwrap().campaigns.is_empty());
            });
        }
    }
    assert!(changes > units * 15 && kinds.iter().all(|count| *count > 0), "{changes} {kinds:?}");
}
