//! Leads and their notes are kept.

use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::json;

use super::fixtures::{
    Rows, UNICODE, assert_duplicate, assert_out_of_scope, assert_stale, breathe, ends_of_time, founded, hired, long,
    read, retried, write,
};
use crate::call::Call;
use crate::lead::{
    CustomFields, Known, KnownContacts, Lead, LeadFigures, LeadNote, LeadOrigin, LeadStatus, Needs, Priority, Quality,
};
use crate::people::User;
use crate::scope::Scope;
use crate::store::{Access, LeadFilter, Listing, Page, SharedContact, Store};

/// A lead with everything that can be known of one.
fn full(rows: &Rows, company: crate::id::CompanyId) -> Lead {
    let (first, last) = ends_of_time();
    let custom =
        json!({"Größe\u{0}": "a\u{0}b", "n": 1.5, "big": 9_007_199_254_740_993i64, "vip": true, "\u{fdd0}": "🦜"});
    let text = |text: &str| Some(text.to_owned());
    Lead {
        name: UNICODE.into(),
        email: Some("ñ@example.com".into()),
        raw_phone: Some("٠١٢ 🦜".into()),
        source: "trade_fair-2026".parse().expect("a source"),
        status: LeadStatus::Converted,
        priority: Priority::Urgent,
        quality: Quality::Hot,
        score: 100,
        requirements: Some(long(10_000).into()),
        needs: Needs { skills: vec!["a".to_owned(), "b".to_owned()], language: text("es"), territory: text("mx") },
        custom: CustomFields(custom.as_object().cloned().unwrap_or_default()),
        value: Some(100_000_000_000),
        origin: LeadOrigin { ad_name: text(UNICODE), campaign_id: text("1"), ..LeadOrigin::default() },
        followup_count: u32::MAX,
        last_contact_at: Some(last),
        assigned_to: Some(rows.id()),
        assigned_at: Some(first),
        is_waiting: true,
        route_at: Some(last),
        returns: 7,
        client: Some(rows.id()),
        converted_at: Some(first),
        converted_by: Some(rows.id()),
        version: u32::MAX,
        created_at: first,
        updated_at: last,
        ..rows.lead(company)
    }
}

/// Every field of a lead comes back as it was.
pub async fn a_lead_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let bare = Lead { phone: None, raw_phone: None, ..rows.lead(company.id) };
    let leads = [full(&rows, company.id), rows.lead(company.id), Lead { email: None, ..bare }];
    write!(store, scope, tx => tx.insert_leads(&leads).await.unwrap());
    for lead in &leads {
        assert_eq!(read!(store, scope, tx => tx.lead(lead.id).await.unwrap()).as_ref(), Some(lead));
        assert_eq!(write!(store, scope, tx => tx.lead_for_update(lead.id).await.unwrap()).as_ref(), Some(lead));
    }
    assert_eq!(read!(store, scope, tx => tx.lead(rows.id()).await.unwrap()), None);
    write!(store, scope, tx => tx.insert_leads(&[]).await.unwrap());
}

/// Of a slice with an id that is taken, nothing is stored, and the total stays.
pub async fn a_slice_with_a_taken_lead_is_refused_whole(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let leads: Vec<Lead> = (0..40).map(|_| rows.lead(company.id)).collect();
    write!(store, scope, tx => {
        tx.insert_leads(&leads[39..]).await.unwrap();
        assert_duplicate(tx.insert_leads(&leads).await, "lead", "id");
        let twice = [leads[0].clone(), leads[0].clone()];
        assert_duplicate(tx.insert_leads(&twice).await, "lead", "id");
        assert_eq!(tx.leads(&LeadFilter::default(), Page::number(1, 1)).await.unwrap().total, 1);
        tx.insert_leads(&leads[..39]).await.unwrap();
    });
    assert_eq!(
        read!(store, scope, tx => tx.leads(&LeadFilter::default(), Page::number(1, 1)).await.unwrap()).total,
        40
    );
}

/// Only the next version replaces a lead.
pub async fn a_lead_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let lead = rows.lead(company.id);
    let next = Lead { id: lead.id, version: 2, ..full(&rows, company.id) };
    let after = Lead { version: 3, value: None, client: None, ..next.clone() };
    write!(store, scope, tx => {
        tx.insert_leads(std::slice::from_ref(&lead)).await.unwrap();
        tx.update_lead(&next).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_lead(&Lead { version, ..lead.clone() }).await);
        }
        assert_stale(tx.update_lead(&Lead { version: 2, ..rows.lead(company.id) }).await);
        assert_eq!(tx.lead(lead.id).await.unwrap().as_ref(), Some(&next));
        tx.update_lead(&after).await.unwrap();
    });
    assert_eq!(read!(store, scope, tx => tx.lead(lead.id).await.unwrap()), Some(after));
}

/// A lead goes once, and its notes go with it; calls keep the id.
pub async fn a_lead_is_deleted_once_with_its_notes(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (lead, other) = (rows.lead(company.id), rows.lead(company.id));
    let note = rows.lead_note(&lead);
    let call = Call { lead: Some(lead.id), ..rows.call(company.id) };
    write!(store, scope, tx => {
        tx.insert_leads(&[lead.clone(), other.clone()]).await.unwrap();
        tx.insert_lead_notes(std::slice::from_ref(&note)).await.unwrap();
        tx.insert_calls(std::slice::from_ref(&call)).await.unwrap();
    });
    assert!(write!(store, scope, tx => tx.delete_lead(lead.id).await.unwrap()));
    assert!(!write!(store, scope, tx => tx.delete_lead(lead.id).await.unwrap()));
    read!(store, scope, tx => {
        assert_eq!(tx.lead_notes(lead.id, 9).await.unwrap(), []);
        assert_eq!(tx.call(call.id).await.unwrap().unwrap().lead, Some(lead.id));
        let left = tx.leads(&LeadFilter::default(), Page::FIRST).await.unwrap();
        assert_eq!(left, Listing { items: vec![other], total: 1 });
    });
    write!(store, scope, tx => {
        tx.insert_leads(std::slice::from_ref(&lead)).await.unwrap();
        tx.insert_lead_notes(std::slice::from_ref(&note)).await.unwrap();
    });
}

/// Leads are narrowed by every field of the filter, alone and together.
pub async fn leads_are_narrowed_by_every_field(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agents = [hired(store, &rows, &company).await.id, hired(store, &rows, &company).await.id];
    let leads: Vec<Lead> = (0..60usize)
        .map(|n| Lead {
            name: ["Ann 100%_\\", "ΑΝΝΑ Ñandú", "李小龍 🦜"][n % 3].into(),
            requirements: (n % 5 == 0).then(|| "A boat for Acme".into()),
            status: LeadStatus::ALL[n % 7],
            source: ["facebook", "manual"][n % 2].parse().expect("a source"),
            priority: Priority::ALL[n % 4],
            quality: Quality::ALL[n % 3],
            assigned_to: (n % 4 != 0).then(|| agents[n % 2]),
            created_at: rows.now() + TimeDelta::seconds((n as i64 * 7) % 60),
            ..rows.lead(company.id)
        })
        .collect();
    write!(store, scope, tx => tx.insert_leads(&leads).await.unwrap());
    let all = LeadFilter::default;
    let sample = leads[13].clone();
    let (from, to) = (Some(rows.now() + TimeDelta::seconds(10)), Some(rows.now() + TimeDelta::seconds(40)));
    let search = |text: &str| crate::search::Search::parse(text, company.default_country).expect("a search");
    let mut filters = vec![
        all(),
        LeadFilter { source: Some(sample.source.clone()), ..all() },
        LeadFilter { priority: Some(Priority::Urgent), ..all() },
        LeadFilter { quality: Some(Quality::Cold), ..all() },
        LeadFilter { agent: sample.assigned_to, ..all() },
        LeadFilter { agent: Some(rows.id()), ..all() },
        LeadFilter { assigned: Some(true), ..all() },
        LeadFilter { assigned: Some(false), ..all() },
        LeadFilter { from, ..all() },
        LeadFilter { to, ..all() },
        LeadFilter { from, to, ..all() },
        LeadFilter { from: to, to: from, ..all() },
        LeadFilter { before: Some(sample.id), ..all() },
        LeadFilter { search: search("ann"), ..all() },
        LeadFilter { search: search("αννα NANDU"), ..all() },
        LeadFilter { search: search("李小龍"), ..all() },
        LeadFilter { search: search("🦜"), ..all() },
        LeadFilter { search: search("100 acme"), ..all() },
        LeadFilter { search: search("%"), ..all() },
        LeadFilter { search: search(&sample.email.as_ref().expect("an address").expose()[..6]), ..all() },
        LeadFilter { search: search(sample.phone.as_ref().expect("a number").as_str()), ..all() },
        LeadFilter { search: search("nowhere"), ..all() },
        LeadFilter {
            status: Some(sample.status),
            source: Some(sample.source.clone()),
            priority: Some(sample.priority),
            quality: Some(sample.quality),
            agent: sample.assigned_to,
            assigned: Some(true),
            from: Some(sample.created_at),
            to: Some(sample.created_at + TimeDelta::microseconds(1)),
            search: search("ñandú"),
            before: Some(leads[14].id),
        },
    ];
    filters.extend(LeadStatus::ALL.map(|status| LeadFilter { status: Some(status), ..all() }));
    for filter in filters {
        let fits = |lead: &&Lead| {
            filter.status.is_none_or(|status| lead.status == status)
                && filter.source.as_ref().is_none_or(|source| lead.source == *source)
                && filter.priority.is_none_or(|priority| lead.priority == priority)
                && filter.quality.is_none_or(|quality| lead.quality == quality)
                && filter.agent.is_none_or(|agent| lead.assigned_to == Some(agent))
                && filter.assigned.is_none_or(|assigned| lead.assigned_to.is_some() == assigned)
                && filter.from.is_none_or(|from| lead.created_at >= from)
                && filter.to.is_none_or(|to| lead.created_at < to)
                && filter.search.as_ref().is_none_or(|search| search.finds(&lead.entries()))
                && filter.before.is_none_or(|before| lead.id < before)
        };
        let expected: Vec<Lead> = leads.iter().rev().filter(fits).cloned().collect();
        let listing = read!(store, scope, tx => tx.leads(&filter, Page::number(1, 200)).await.unwrap());
        assert_eq!(listing, Listing { total: expected.len() as u64, items: expected.clone() }, "{filter:?}");
        let page = read!(store, scope, tx => tx.leads(&filter, Page::number(2, 5)).await.unwrap());
        let second: Vec<Lead> = expected.iter().skip(5).take(5).cloned().collect();
        assert_eq!((page.total, page.items), (expected.len() as u64, second), "{filter:?}");
        let newest = read!(store, scope, tx => tx.newest_leads(&filter, 7).await.unwrap());
        assert_eq!(newest, expected.into_iter().take(7).collect::<Vec<_>>(), "{filter:?}");
    }
}

/// The cursor leads through a list of leads to its end, undisturbed by leads that come meanwhile.
pub async fn the_cursor_leads_through_all_leads(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let leads: Vec<Lead> = (0..25).map(|_| rows.lead(company.id)).collect();
    write!(store, scope, tx => tx.insert_leads(&leads).await.unwrap());
    let (mut seen, mut filter) = (Vec::new(), LeadFilter::default());
    loop {
        let listing = read!(store, scope, tx => tx.leads(&filter, Page::number(1, 4)).await.unwrap());
        let Some(last) = listing.items.last() else { break };
        filter.before = Some(last.id);
        seen.extend(listing.items.iter().map(|lead| lead.id));
        write!(store, scope, tx => tx.insert_leads(&[rows.lead(company.id)]).await.unwrap());
    }
    assert!(seen.into_iter().eq(leads.iter().rev().map(|lead| lead.id)));
}

/// Leads with one number or address are found, newest first, and contacts that several have are told.
pub async fn leads_with_the_same_contact_are_found(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let scope = Scope::Company(company.id);
    let first = rows.lead(company.id);
    let same_phone = Lead { phone: first.phone.clone(), ..rows.lead(company.id) };
    let same_email = Lead { email: first.email.clone(), ..rows.lead(company.id) };
    let theirs = Lead { phone: first.phone.clone(), email: first.email.clone(), ..rows.lead(other.id) };
    let leads = [first.clone(), same_phone.clone(), same_email.clone(), theirs, rows.lead(company.id)];
    write!(store, Scope::System, tx => tx.insert_leads(&leads).await.unwrap());
    let email = first.email.as_ref().map(|email| email.expose().as_str());
    read!(store, scope, tx => {
        let found = tx.leads_by_contact(first.phone.as_ref(), email).await.unwrap();
        assert_eq!(found, [same_email.clone(), same_phone.clone(), first.clone()]);
        assert_eq!(tx.leads_by_contact(first.phone.as_ref(), None).await.unwrap(), [same_phone.clone(), first.clone()]);
        assert_eq!(tx.leads_by_contact(None, email).await.unwrap(), [same_email.clone(), first.clone()]);
        assert_eq!(tx.leads_by_contact(None, None).await.unwrap(), []);
        let shared = tx.shared_contacts(9).await.unwrap();
        let (phone, email) = (first.phone.clone().expect("a number"), first.email.clone().expect("an address"));
        assert_eq!(shared, [SharedContact::Phone(phone.clone()), SharedContact::Email(email)]);
        let nothing = tx.shared_contacts(0).await.unwrap();
        assert_eq!(nothing, []);
    });
}

/// Of many contacts at once, the newest lead and the newest that somebody has are told; of the company asked about alone.
pub async fn who_is_known_by_many_contacts_is_told_at_once(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let owner = Some(rows.id());
    let owned = Lead { assigned_to: owner, ..rows.lead(company.id) };
    let same_phone = Lead { phone: owned.phone.clone(), assigned_to: None, ..rows.lead(company.id) };
    let free = Lead { assigned_to: None, ..rows.lead(company.id) };
    let theirs = Lead { phone: owned.phone.clone(), email: owned.email.clone(), ..rows.lead(other.id) };
    let leads = [owned.clone(), same_phone.clone(), free.clone(), theirs.clone()];
    write!(store, Scope::System, tx => tx.insert_leads(&leads).await.unwrap());
    let phone = |lead: &Lead| lead.phone.clone().expect("a number");
    let email = |lead: &Lead| lead.email.clone().expect("an address");
    let phones = [phone(&owned), phone(&rows.lead(company.id)), phone(&owned)];
    let emails = [email(&free), email(&owned), "nobody@example.com".into(), "'\"\\ñ@example.com".into()];
    let owned_by = owner.map(|owner| (owned.id, owner));
    for scope in [Scope::Company(company.id), Scope::System] {
        read!(store, scope, tx => {
            let known = tx.known_contacts(company.id, &phones, &emails).await.unwrap();
            assert_eq!(known.phones.into_iter().collect::<Vec<_>>(), [
                (phone(&owned), Known { newest: same_phone.id, owned: owned_by }),
            ]);
            let found = [
                (email(&owned), Known { newest: owned.id, owned: owned_by }),
                (email(&free), Known { newest: free.id, owned: None }),
            ];
            assert_eq!(known.emails, found.into_iter().collect());
            let nothing = tx.known_contacts(company.id, &[], &[]).await.unwrap();
            assert_eq!(nothing, KnownContacts::default());
        });
    }
    read!(store, Scope::Company(other.id), tx => {
        let known = tx.known_contacts(company.id, &phones, &emails).await.unwrap();
        assert_eq!(known, KnownContacts::default(), "another company's leads are absent");
    });
}

/// Leads that are due come in the order in which they became so, and then of their ids.
pub async fn leads_to_route_are_found_in_the_order_they_are_due(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let now = rows.now();
    let lead = |is_waiting, late| {
        let route_at = Some(now + TimeDelta::microseconds(late));
        Lead { is_waiting, route_at, ..rows.lead(company.id) }
    };
    let leads = [rows.lead(company.id), lead(true, 0), lead(false, 0), lead(true, -1), lead(false, 1)];
    write!(store, scope, tx => tx.insert_leads(&leads).await.unwrap());
    for scope in [scope, Scope::System] {
        read!(store, scope, tx => {
            let due = [3, 1, 2].map(|n: usize| (company.id, leads[n].id));
            assert_eq!(tx.leads_to_route(now, 9).await.unwrap(), due);
            assert_eq!(tx.leads_to_route(now, 2).await.unwrap(), due[..2]);
        });
    }
}

/// After the leads that are due come the open ones of who is no active user of the company, each once.
pub async fn leads_of_who_is_gone_are_found(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let here = hired(store, &rows, &company).await;
    let locked = User { is_active: false, ..rows.user(company.id) };
    let (theirs, gone) = (hired(store, &rows, &other).await, rows.id());
    let now = rows.now();
    let lead = |owner, status| Lead { assigned_to: Some(owner), status, ..rows.lead(company.id) };
    let mut leads = vec![
        lead(here.id, LeadStatus::New),
        lead(locked.id, LeadStatus::New),
        lead(locked.id, LeadStatus::Lost),
        lead(locked.id, LeadStatus::Interested),
        Lead { route_at: Some(now), ..lead(gone, LeadStatus::Contacted) },
        Lead { route_at: Some(now + TimeDelta::seconds(1)), ..lead(gone, LeadStatus::Qualified) },
        lead(gone, LeadStatus::Converted),
        lead(theirs.id, LeadStatus::New),
        rows.lead(company.id),
    ];
    write!(store, Scope::System, tx => {
        tx.insert_user(&locked).await.unwrap();
        tx.insert_leads(&leads).await.unwrap();
        let mut figures = LeadFigures::default();
        leads.iter().for_each(|lead| figures.count(company.timezone, lead, 1));
        tx.add_lead_figures(company.id, &figures).await.unwrap();
    });
    let due = (company.id, leads[4].id);
    leads.retain(|lead| lead.assigned_to != Some(here.id) && lead.status.is_open() && lead.id != due.1);
    let mut deserted: Vec<_> = leads.iter().filter_map(|lead| Some((lead.assigned_to?, lead.id))).collect();
    deserted.sort_unstable();
    let expected: Vec<_> = [due].into_iter().chain(deserted.iter().map(|(_, lead)| (company.id, *lead))).collect();
    for scope in [Scope::Company(company.id), Scope::System] {
        read!(store, scope, tx => {
            assert_eq!(tx.leads_to_route(now, 9).await.unwrap(), expected);
            assert_eq!(tx.leads_to_route(now, 3).await.unwrap(), expected[..3]);
        });
    }
    assert_eq!(read!(store, Scope::Company(other.id), tx => tx.leads_to_route(now, 9).await.unwrap()), []);
}

/// When the routing looks again is set without a new version.
pub async fn the_next_look_of_the_routing_is_no_new_version(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let scope = Scope::Company(company.id);
    let (lead, theirs) = (Lead { is_waiting: true, ..rows.lead(company.id) }, rows.lead(other.id));
    let at = Some(ends_of_time().1);
    write!(store, Scope::System, tx => tx.insert_leads(&[lead.clone(), theirs.clone()]).await.unwrap());
    write!(store, scope, tx => {
        tx.set_lead_route_at(lead.id, at).await.unwrap();
        assert_stale(tx.set_lead_route_at(theirs.id, at).await);
        assert_stale(tx.set_lead_route_at(rows.id(), None).await);
    });
    let mut reader = store.begin(scope, Access::Read).await.unwrap();
    assert_eq!(reader.lead(lead.id).await.unwrap(), Some(Lead { route_at: at, ..lead.clone() }));
    assert!(reader.set_lead_route_at(lead.id, None).await.is_err(), "writing needs write access");
    drop(reader);
    write!(store, Scope::System, tx => tx.set_lead_route_at(lead.id, None).await.unwrap());
    assert_eq!(read!(store, Scope::System, tx => tx.lead(lead.id).await.unwrap()), Some(lead));
}

/// Notes come newest first, as many as asked for, and only those of leads of the scope can be written.
pub async fn notes_come_newest_first(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let scope = Scope::Company(company.id);
    let (lead, theirs) = (rows.lead(company.id), rows.lead(other.id));
    let mut notes: Vec<LeadNote> = (0..5).map(|_| rows.lead_note(&lead)).collect();
    notes[2].author = None;
    write!(store, Scope::System, tx => tx.insert_leads(&[lead.clone(), theirs.clone()]).await.unwrap());
    write!(store, scope, tx => {
        tx.insert_lead_notes(&notes[..2]).await.unwrap();
        assert_duplicate(tx.insert_lead_notes(&notes[1..]).await, "lead_note", "id");
        assert_out_of_scope(tx.insert_lead_notes(&[rows.lead_note(&lead), rows.lead_note(&theirs)]).await);
        assert_out_of_scope(tx.insert_lead_notes(&[LeadNote { company: company.id, ..rows.lead_note(&theirs) }]).await);
        assert_out_of_scope(tx.insert_lead_notes(&[LeadNote { lead: rows.id(), ..rows.lead_note(&lead) }]).await);
        tx.insert_lead_notes(&notes[2..]).await.unwrap();
        tx.insert_lead_notes(&[]).await.unwrap();
    });
    notes.reverse();
    read!(store, scope, tx => {
        assert_eq!(tx.lead_notes(lead.id, 200).await.unwrap(), notes);
        assert_eq!(tx.lead_notes(lead.id, 2).await.unwrap(), notes[..2]);
        assert_eq!(tx.lead_notes(theirs.id, 9).await.unwrap(), []);
    });
}

/// The notes and calls of a lead move to another one of its company, and to no other.
pub async fn a_history_moves_to_another_lead(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let scope = Scope::Company(company.id);
    let (from, to, theirs) = (rows.lead(company.id), rows.lead(company.id), rows.lead(other.id));
    let (old, own) = (rows.lead_note(&from), rows.lead_note(&to));
    let call = Call { lead: Some(from.id), ..rows.call(company.id) };
    write!(store, Scope::System, tx => {
        tx.insert_leads(&[from.clone(), to.clone(), theirs.clone()]).await.unwrap();
        tx.insert_lead_notes(&[old.clone(), own.clone()]).await.unwrap();
        tx.insert_calls(std::slice::from_ref(&call)).await.unwrap();
        assert_stale(tx.move_lead_history(from.id, theirs.id).await);
    });
    write!(store, scope, tx => {
        assert_stale(tx.move_lead_history(from.id, theirs.id).await);
        assert_stale(tx.move_lead_history(theirs.id, to.id).await);
        assert_stale(tx.move_lead_history(from.id, rows.id()).await);
        tx.move_lead_history(from.id, to.id).await.unwrap();
        assert_eq!(tx.lead_notes(from.id, 9).await.unwrap(), []);
        assert_eq!(tx.lead_notes(to.id, 9).await.unwrap(), [own, LeadNote { lead: to.id, ..old }]);
        assert_eq!(tx.call(call.id).await.unwrap().unwrap().lead, Some(to.id));
    });
}

/// Leads are read by their ids, in order; those of others are left out.
pub async fn leads_are_read_by_their_ids(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let scope = Scope::Company(company.id);
    let first = rows.lead(company.id);
    let (without, theirs) = (Lead { phone: None, raw_phone: None, ..rows.lead(company.id) }, rows.lead(other.id));
    let leads = [rows.lead(company.id), first.clone(), without.clone(), theirs.clone()];
    write!(store, Scope::System, tx => tx.insert_leads(&leads).await.unwrap());
    let asked = [without.id, theirs.id, first.id, rows.id(), first.id];
    let found = read!(store, scope, tx => tx.leads_by_ids(&asked).await.unwrap());
    assert_eq!(found, [first.clone(), without.clone()]);
    assert_eq!(read!(store, scope, tx => tx.leads_by_ids(&[]).await.unwrap()), []);
}

/// Another company's leads are absent, and nothing that a company does changes them.
pub async fn another_companys_leads_are_absent_and_stay_as_they_are(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let lead = Lead { is_waiting: true, ..rows.lead(theirs.id) };
    write!(store, Scope::System, tx => tx.insert_leads(std::slice::from_ref(&lead)).await.unwrap());
    write!(store, Scope::Company(ours.id), tx => {
        assert_eq!(tx.lead(lead.id).await.unwrap(), None);
        assert_eq!(tx.lead_for_update(lead.id).await.unwrap(), None);
        assert_eq!(tx.leads(&LeadFilter::default(), Page::FIRST).await.unwrap().total, 0);
        assert_eq!(tx.leads_by_contact(lead.phone.as_ref(), None).await.unwrap(), []);
        assert_eq!(tx.leads_to_route(rows.now(), 9).await.unwrap(), []);
        assert_stale(tx.update_lead(&Lead { version: 2, ..lead.clone() }).await);
        assert_stale(tx.update_lead(&Lead { version: 2, company: ours.id, ..lead.clone() }).await);
        assert!(!tx.delete_lead(lead.id).await.unwrap());
        assert_out_of_scope(tx.insert_leads(&[rows.lead(ours.id), rows.lead(theirs.id)]).await);
        assert_duplicate(tx.insert_leads(&[Lead { id: lead.id, ..rows.lead(ours.id) }]).await, "lead", "id");
        assert_eq!(tx.leads(&LeadFilter::default(), Page::FIRST).await.unwrap().total, 0);
    });
    write!(store, Scope::System, tx => {
        assert_stale(tx.update_lead(&Lead { version: 2, company: ours.id, ..lead.clone() }).await);
        assert_eq!(tx.lead(lead.id).await.unwrap(), Some(lead.clone()));
    });
    let mut reader = store.begin(Scope::Company(theirs.id), Access::Read).await.unwrap();
    assert!(reader.lead_for_update(lead.id).await.is_err(), "locking needs write access");
}

/// Whoever waits for the lock of a lead sees what the one before left.
pub async fn no_update_of_a_locked_lead_is_lost(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let lead = rows.lead(company.id);
    write!(store, scope, tx => tx.insert_leads(std::slice::from_ref(&lead)).await.unwrap());
    let step = async || {
        let mut tx = store.begin(scope, Access::Write).await?;
        let lead = tx.lead_for_update(lead.id).await?.expect("the lead is there");
        breathe().await;
        let next = Lead { version: lead.version + 1, followup_count: lead.followup_count + 1, ..lead };
        tx.update_lead(&next).await?;
        tx.commit().await
    };
    for done in join_all((0..16).map(|_| retried(step))).await {
        done.unwrap();
    }
    assert_eq!(read!(store, scope, tx => tx.lead(lead.id).await.unwrap()).unwrap().followup_count, 16);
}
