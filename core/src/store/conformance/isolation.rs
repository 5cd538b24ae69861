//! A company sees and changes its own rows only.

use super::fixtures::{Rows, assert_duplicate, assert_out_of_scope, assert_stale, begin, hired, read, write};
use super::tenant::{Seen, Tenant, busy_day, seen, settled};
use crate::call::Call;
use crate::client::Client;
use crate::company::Company;
use crate::people::{Figures, Session, User};
use crate::phone::{Assignment, Extension, InboundRoute, PhoneNumber, Trunk};
use crate::queue::Queue;
use crate::scope::Scope;
use crate::store::{Access, CallFilter, NumberFilter, Page, Store, UserFilter};

/// A unit of work knows the scope it was begun with.
pub async fn a_unit_of_work_knows_its_scope(store: &dyn Store) {
    let company = Rows::new().id();
    for scope in [Scope::System, Scope::Company(company)] {
        for access in [Access::Read, Access::Write] {
            assert_eq!(begin(store, scope, access).await.scope(), scope);
        }
    }
}

/// Lists and counts hold a company's own rows, and the system's hold all.
pub async fn lists_and_counts_hold_ones_own_rows(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (settled(store, &rows).await, settled(store, &rows).await);
    let (own, other, all) =
        (seen(store, ours.scope()).await, seen(store, theirs.scope()).await, seen(store, Scope::System).await);
    for (tenant, seen) in [(&ours, &own), (&theirs, &other)] {
        assert_eq!((seen.companies.total, &seen.companies.items), (1, &vec![tenant.company.clone()]));
        assert_eq!((seen.users.total, &seen.users.items), (2, &vec![tenant.agent.clone(), tenant.boss.clone()]));
        assert_eq!((&seen.agent_ids, &seen.caller_users), (&vec![tenant.agent.id], &vec![tenant.agent.id]));
        assert_eq!((seen.callers.total, seen.numbers.total, seen.calls.total), (1, 2, 1));
        assert_eq!(seen.numbers.items[1].assignment, Some(tenant.used()));
        assert_eq!((seen.usage.len(), seen.usage[0].agent), (1, tenant.agent.id));
        assert_eq!(seen.extensions, std::slice::from_ref(&tenant.extension));
        assert_eq!(seen.trunks, std::slice::from_ref(&tenant.trunk));
        assert_eq!(seen.routes, std::slice::from_ref(&tenant.route));
        assert_eq!(seen.queues, std::slice::from_ref(&tenant.queue));
        assert_eq!(seen.open_calls, std::slice::from_ref(&tenant.call));
        assert_eq!((seen.timelines.len(), seen.events.len()), (1, 1));
        assert_eq!(seen.clients.items, std::slice::from_ref(&tenant.client));
        assert_eq!(seen.client_notes[0].items, std::slice::from_ref(&tenant.client_note));
    }
    assert_eq!((all.companies.total, all.users.total, all.callers.total, all.numbers.total), (2, 4, 2, 4));
    assert_eq!((all.calls.total, all.usage.len(), all.events.len(), all.open_calls.len()), (2, 2, 2, 2));
    assert_eq!(all.agent_ids, [ours.agent.id, theirs.agent.id]);
    assert_eq!(all.extensions, [ours.extension, theirs.extension]);
    assert_eq!(all.trunks, [ours.trunk, theirs.trunk]);
    assert_eq!(all.routes, [ours.route, theirs.route]);
    assert_eq!(all.queues, [ours.queue, theirs.queue]);
    let company = rows.company();
    write!(store, Scope::System, tx => tx.insert_company(&company).await.unwrap());
    let empty = seen(store, Scope::Company(company.id)).await;
    let companies = crate::store::Listing { items: vec![company], total: 1 };
    assert_eq!(empty, Seen { companies, ..Seen::nothing() });
}

/// Whoever asks for a row of another company by its identity is told that there is none.
pub async fn another_companys_rows_are_absent(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (settled(store, &rows).await, settled(store, &rows).await);
    write!(store, ours.scope(), tx => {
        assert_eq!(tx.company(theirs.company.id).await.unwrap(), None);
        assert_eq!(tx.user(theirs.agent.id).await.unwrap(), None);
        assert_eq!(tx.user_for_update(theirs.agent.id).await.unwrap(), None);
        assert_eq!(tx.user_by_email(theirs.agent.email.expose()).await.unwrap(), None);
        assert_eq!(tx.client(theirs.client.id).await.unwrap(), None);
        assert_eq!(tx.clients_by_ids(&[theirs.client.id]).await.unwrap(), []);
        assert_eq!(tx.client_notes(theirs.client.id, Page::FIRST).await.unwrap().total, 0);
        assert_eq!(tx.caller(theirs.agent.id).await.unwrap(), None);
        assert_eq!(tx.caller_for_update(theirs.agent.id).await.unwrap(), None);
        assert_eq!(tx.hold_timezone(theirs.company.id).await.unwrap(), None);
        assert_eq!(tx.call_days(Some(theirs.agent.id), busy_day(), busy_day()).await.unwrap(), []);
        assert_eq!(tx.call_volumes(Some(theirs.agent.id), busy_day(), busy_day()).await.unwrap(), []);
        assert_eq!(tx.call_span(theirs.agent.id).await.unwrap(), None);
        assert_eq!(tx.session_for_update(&theirs.session.token).await.unwrap(), None);
        assert_eq!(tx.number(theirs.number.id).await.unwrap(), None);
        assert_eq!(tx.assignment_for_update(theirs.number.id).await.unwrap(), None);
        assert_eq!(tx.agent_numbers_for_update(theirs.agent.id).await.unwrap(), []);
        assert_eq!(tx.usage(Some(theirs.agent.id), busy_day(), busy_day()).await.unwrap(), []);
        assert_eq!(tx.extension(theirs.extension.id).await.unwrap(), None);
        assert_eq!(tx.trunk(theirs.trunk.id).await.unwrap(), None);
        assert_eq!(tx.inbound_route(theirs.route.id).await.unwrap(), None);
        assert_eq!(tx.queue(theirs.queue.id).await.unwrap(), None);
        assert_eq!(tx.call(theirs.call.id).await.unwrap(), None);
        assert_eq!(tx.call_for_update(theirs.call.id).await.unwrap(), None);
        assert_eq!(tx.call_events(theirs.call.id).await.unwrap(), []);
        assert_eq!(tx.open_calls(theirs.call.node).await.unwrap(), []);
    });
}

/// Filters that name another company's rows find nothing and count nothing.
pub async fn filters_do_not_reach_other_companies(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (settled(store, &rows).await, settled(store, &rows).await);
    read!(store, ours.scope(), tx => {
        let filter = UserFilter { reporting_to: Some(theirs.boss.id), ..UserFilter::default() };
        assert_eq!(tx.users(&filter, Page::FIRST).await.unwrap().total, 0);
        let filter = NumberFilter { agent: Some(theirs.agent.id), ..NumberFilter::default() };
        assert_eq!(tx.numbers(&filter, Page::FIRST).await.unwrap().total, 0);
        let agent = CallFilter { agent: Some(theirs.agent.id), ..CallFilter::default() };
        let queue = CallFilter { queue: Some(theirs.queue.id), ..CallFilter::default() };
        for filter in [agent, queue] {
            assert_eq!(tx.calls(&filter, Page::FIRST).await.unwrap().total, 0);
        }
        // The cursor may be any id.
        let before = CallFilter { before: Some(theirs.call.id), ..CallFilter::default() };
        assert_eq!(tx.calls(&before, Page::FIRST).await.unwrap().items, std::slice::from_ref(&ours.call));
    });
}

/// Nothing that a company does changes another's people.
pub async fn another_companys_people_cannot_be_changed(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (settled(store, &rows).await, settled(store, &rows).await);
    let before = seen(store, theirs.scope()).await;
    let at = rows.now();
    write!(store, ours.scope(), tx => {
        assert_stale(tx.update_company(&Company { version: 2, ..theirs.company.clone() }).await);
        assert_stale(tx.update_user(&User { version: 2, ..theirs.agent.clone() }).await);
        // Naming one's own company does not help.
        assert_stale(tx.update_user(&User { version: 2, company: ours.company.id, ..theirs.agent.clone() }).await);
        assert!(!tx.delete_user(theirs.agent.id).await.unwrap());
        assert!(!tx.delete_caller(theirs.agent.id).await.unwrap());
        assert_stale(tx.set_figures(theirs.agent.id, &Figures::default()).await);
        assert_stale(tx.mark_session_used(&theirs.session.token, at).await);
        assert_eq!(tx.revoke_family(theirs.session.family, at).await.unwrap(), 0);
        assert_eq!(tx.revoke_sessions(theirs.agent.id, at).await.unwrap(), 0);
        assert_eq!(tx.purge_sessions(theirs.session.family_expires_at + chrono::TimeDelta::days(9)).await.unwrap(), 1);
    });
    assert_eq!(seen(store, theirs.scope()).await, before);
    let session = write!(store, theirs.scope(), tx => tx.session_for_update(&theirs.session.token).await.unwrap());
    assert_eq!(session, Some(theirs.session));
}

/// Nothing that a company does changes another's numbers, lines and calls.
pub async fn another_companys_lines_cannot_be_changed(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (settled(store, &rows).await, settled(store, &rows).await);
    let before = seen(store, theirs.scope()).await;
    write!(store, ours.scope(), tx => {
        assert_stale(tx.update_number(&PhoneNumber { version: 2, ..theirs.number.clone() }).await);
        assert!(!tx.delete_number(theirs.free_number.id).await.unwrap());
        // Not even that it is in use is told.
        assert!(!tx.delete_number(theirs.number.id).await.unwrap());
        assert_stale(tx.update_assignment(&Assignment { version: 2, ..theirs.assignment.clone() }).await);
        assert_stale(tx.record_use(&theirs.used()).await);
        assert!(!tx.delete_assignment(theirs.number.id).await.unwrap());
        assert_eq!(tx.reset_counts(busy_day()).await.unwrap(), 1);
        assert_stale(tx.update_extension(&Extension { version: 2, ..theirs.extension.clone() }).await);
        assert!(!tx.delete_extension(theirs.extension.id).await.unwrap());
        assert_stale(tx.update_trunk(&Trunk { version: 2, ..theirs.trunk.clone() }).await);
        assert!(!tx.delete_trunk(theirs.trunk.id).await.unwrap());
        assert_stale(tx.update_inbound_route(&InboundRoute { version: 2, ..theirs.route.clone() }).await);
        assert!(!tx.delete_inbound_route(theirs.route.id).await.unwrap());
        assert_stale(tx.update_queue(&Queue { version: 2, ..theirs.queue.clone() }).await);
        assert!(!tx.delete_queue(theirs.queue.id).await.unwrap());
        assert_stale(tx.update_call(&Call { version: 2, ..theirs.call.clone() }).await);
        assert!(!tx.delete_call(theirs.call.id).await.unwrap());
        assert_out_of_scope(tx.add_call_days(&[theirs.call_day()]).await);
        tx.clear_call_days().await.unwrap();
        assert_stale(tx.update_client(&Client { version: 2, ..theirs.client.clone() }).await);
        assert!(!tx.delete_client(theirs.client.id).await.unwrap());
        assert_out_of_scope(tx.insert_client_note(&rows.client_note(&theirs.client)).await);
        assert_out_of_scope(tx.append_call_events(&[rows.call_event(&theirs.call, 2)]).await);
        tx.insert_trunk(&Trunk { is_default: true, ..rows.trunk(ours.company.id) }).await.unwrap();
        tx.mark_delivered(&[theirs.event.id], rows.now()).await.unwrap();
    });
    assert_eq!(seen(store, theirs.scope()).await, before);
    let (now, later) = (rows.now(), rows.now() + chrono::TimeDelta::seconds(9));
    write!(store, ours.scope(), tx => {
        let claimed = tx.claim_events(now, later, 9).await.unwrap();
        assert_eq!(claimed.iter().map(|event| event.id).collect::<Vec<_>>(), [ours.event.id]);
    });
    let claimed = write!(store, theirs.scope(), tx => tx.claim_events(now, later, 9).await.unwrap());
    assert_eq!(claimed.iter().map(|event| event.id).collect::<Vec<_>>(), [theirs.event.id]);
}

/// A company stores rows of its own only, and makes no companies, not even itself.
pub async fn rows_of_another_company_cannot_be_added(store: &dyn Store) {
    let rows = Rows::new();
    let ours = settled(store, &rows).await;
    let theirs = Tenant::new(&rows);
    write!(store, Scope::System, tx => theirs.found(&mut *tx).await);
    let before = seen(store, Scope::System).await;
    write!(store, ours.scope(), tx => {
        assert_out_of_scope(tx.insert_company(&rows.company()).await);
        assert_out_of_scope(tx.insert_company(&ours.company).await);
        assert_out_of_scope(tx.insert_user(&theirs.agent).await);
        assert_out_of_scope(tx.insert_caller(&theirs.caller).await);
        assert_out_of_scope(tx.insert_session(&theirs.session).await);
        assert_out_of_scope(tx.insert_number(&theirs.number).await);
        assert_out_of_scope(tx.insert_assignment(&theirs.assignment).await);
        assert_out_of_scope(tx.insert_extension(&theirs.extension).await);
        assert_out_of_scope(tx.insert_trunk(&theirs.trunk).await);
        assert_out_of_scope(tx.insert_queue(&theirs.queue).await);
        assert_out_of_scope(tx.insert_client(&theirs.client).await);
        assert_out_of_scope(tx.insert_client_note(&theirs.client_note).await);
        assert_out_of_scope(tx.insert_inbound_route(&theirs.route).await);
        assert_out_of_scope(tx.insert_calls(&[rows.call(ours.company.id), theirs.call.clone()]).await);
        assert_out_of_scope(tx.append_events(&[rows.event(ours.company.id), theirs.event.clone()]).await);
    });
    assert_eq!(seen(store, Scope::System).await, before);
}

/// A row stays with its company, even when the system changes it.
pub async fn a_row_does_not_move_to_another_company(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (settled(store, &rows).await, settled(store, &rows).await);
    let company = theirs.company.id;
    let before = seen(store, Scope::System).await;
    write!(store, Scope::System, tx => {
        assert_stale(tx.update_user(&User { version: 2, company, ..ours.agent.clone() }).await);
        assert_stale(tx.update_number(&PhoneNumber { version: 2, company, ..ours.number.clone() }).await);
        assert_stale(tx.update_assignment(&Assignment { version: 2, company, ..ours.assignment.clone() }).await);
        assert_stale(tx.update_extension(&Extension { version: 2, company, ..ours.extension.clone() }).await);
        assert_stale(tx.update_trunk(&Trunk { version: 2, company, ..ours.trunk.clone() }).await);
        assert_stale(tx.update_inbound_route(&InboundRoute { version: 2, company, ..ours.route.clone() }).await);
        assert_stale(tx.update_queue(&Queue { version: 2, company, ..ours.queue.clone() }).await);
        assert_stale(tx.update_call(&Call { version: 2, company, ..ours.call.clone() }).await);
    });
    assert_eq!(seen(store, Scope::System).await, before);
}

/// What is unique over all companies is refused across their border, without a word about whose it is.
pub async fn global_identities_are_taken_across_companies(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (settled(store, &rows).await, settled(store, &rows).await);
    let mine = ours.company.id;
    let agent = hired(store, &rows, &ours.company).await;
    let user = User { email: theirs.agent.email.clone(), ..rows.user(mine) };
    let number = PhoneNumber { number: theirs.number.number.clone(), ..rows.number(mine) };
    let extension = Extension { username: theirs.extension.username.clone(), ..rows.extension(&agent) };
    let route = InboundRoute { number: theirs.route.number.clone(), ..rows.route(mine, ours.route.target) };
    write!(store, ours.scope(), tx => {
        assert_duplicate(tx.insert_user(&user).await, "user", "email");
        let moved = User { email: theirs.agent.email.clone(), version: 2, ..ours.agent.clone() };
        assert_duplicate(tx.update_user(&moved).await, "user", "email");
        assert_duplicate(tx.insert_session(&Session { token: theirs.session.token, ..rows.session(&agent) }).await, "session", "token");
        assert_duplicate(tx.insert_number(&number).await, "phone_number", "number");
        assert_duplicate(tx.insert_extension(&extension).await, "extension", "username");
        assert_duplicate(tx.insert_inbound_route(&route).await, "inbound_route", "number");
        let moved = InboundRoute { number: theirs.route.number.clone(), version: 2, ..ours.route.clone() };
        assert_duplicate(tx.update_inbound_route(&moved).await, "inbound_route", "number");
        let asked = [rows.e164(), theirs.number.number.clone()];
        assert_eq!(tx.taken_numbers(&asked).await.unwrap(), std::slice::from_ref(&theirs.number.number));
    });
}

/// An id that another company uses cannot be used again.
pub async fn ids_are_taken_across_companies(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (settled(store, &rows).await, settled(store, &rows).await);
    let mine = ours.company.id;
    let agent = hired(store, &rows, &ours.company).await;
    let before = seen(store, Scope::System).await;
    write!(store, ours.scope(), tx => {
        assert_duplicate(tx.insert_user(&User { id: theirs.agent.id, ..rows.user(mine) }).await, "user", "id");
        let caller = crate::people::Caller { id: theirs.caller.id, ..rows.caller(&agent) };
        assert_duplicate(tx.insert_caller(&caller).await, "caller", "id");
        assert_duplicate(tx.insert_session(&Session { id: theirs.session.id, ..rows.session(&agent) }).await, "session", "id");
        let number = PhoneNumber { id: theirs.number.id, ..rows.number(mine) };
        assert_duplicate(tx.insert_number(&number).await, "phone_number", "id");
        let assignment = Assignment { id: theirs.assignment.id, ..rows.assignment(&ours.free_number, agent.id) };
        assert_duplicate(tx.insert_assignment(&assignment).await, "assignment", "id");
        let extension = Extension { id: theirs.extension.id, ..rows.extension(&agent) };
        assert_duplicate(tx.insert_extension(&extension).await, "extension", "id");
        assert_duplicate(tx.insert_trunk(&Trunk { id: theirs.trunk.id, ..rows.trunk(mine) }).await, "trunk", "id");
        assert_duplicate(tx.insert_queue(&Queue { id: theirs.queue.id, ..rows.queue(mine) }).await, "queue", "id");
        let route = InboundRoute { id: theirs.route.id, ..rows.route(mine, ours.route.target) };
        assert_duplicate(tx.insert_inbound_route(&route).await, "inbound_route", "id");
        assert_duplicate(tx.insert_calls(&[Call { id: theirs.call.id, ..rows.call(mine) }]).await, "call", "id");
    });
    assert_eq!(seen(store, Scope::System).await, before);
}
