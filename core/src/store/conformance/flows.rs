//! Flows are kept, with their drafts and versions.

use super::fixtures::{
    Rows, UNICODE, assert_duplicate, assert_out_of_scope, assert_stale, begin, ends_of_time, founded, long, read, write,
};
use crate::flow::{DOCUMENT_BYTES_MAX, Flow, FlowUses, FlowVersion};
use crate::scope::Scope;
use crate::store::{Access, Page, Store, StoreError};

fn named(flow: Flow, name: &str) -> Flow {
    Flow { name: name.to_owned(), ..flow }
}

/// Every field of a flow comes back as it was; all come by id.
pub async fn a_flow_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (created_at, updated_at) = ends_of_time();
    let odd = Flow {
        name: UNICODE.to_owned(),
        active: Some(u32::MAX),
        published: u32::MAX,
        version: u32::MAX,
        created_at,
        updated_at,
        ..rows.flow(company.id)
    };
    let mut flows = [rows.flow(company.id), odd, named(rows.flow(company.id), &long(100))];
    flows.sort_by_key(|flow| flow.id);
    for flow in flows.iter().rev() {
        write!(store, scope, tx => tx.insert_flow(flow).await.unwrap());
        assert_eq!(read!(store, scope, tx => tx.flow(flow.id).await.unwrap()).as_ref(), Some(flow));
    }
    read!(store, scope, tx => {
        assert_eq!(tx.flows().await.unwrap(), flows);
        assert_eq!(tx.flow(rows.id()).await.unwrap(), None);
        assert_eq!(tx.flow_draft(flows[0].id).await.unwrap(), None);
        assert_eq!(tx.flow_versions(flows[0].id, Page::FIRST).await.unwrap().total, 0);
    });
}

/// Ids are unique everywhere, names byte for byte in the company.
pub async fn a_flow_name_is_taken_once_in_its_company(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let (flow, second) = (named(rows.flow(company.id), "Sales"), rows.flow(company.id));
    write!(store, Scope::System, tx => {
        tx.insert_flow(&flow).await.unwrap();
        tx.insert_flow(&second).await.unwrap();
        assert_duplicate(tx.insert_flow(&Flow { id: flow.id, ..rows.flow(company.id) }).await, "flow", "id");
        assert_duplicate(tx.insert_flow(&named(rows.flow(company.id), "Sales")).await, "flow", "name");
        let renamed = Flow { version: 2, ..named(second.clone(), "Sales") };
        assert_duplicate(tx.update_flow(&renamed).await, "flow", "name");
        tx.insert_flow(&named(rows.flow(company.id), "sales")).await.unwrap();
        tx.insert_flow(&named(rows.flow(other.id), "Sales")).await.unwrap();
        assert_eq!(tx.flow(second.id).await.unwrap(), Some(second));
    });
}

/// Only the next version replaces a flow, and its old name is free then.
pub async fn a_flow_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let flow = rows.flow(company.id);
    let next = Flow { active: Some(7), published: 9, version: 2, ..named(flow.clone(), "Renamed") };
    write!(store, scope, tx => {
        tx.insert_flow(&flow).await.unwrap();
        tx.update_flow(&next).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_flow(&Flow { version, ..named(next.clone(), "Stale") }).await);
        }
        assert_stale(tx.update_flow(&Flow { version: 2, ..rows.flow(company.id) }).await);
        tx.insert_flow(&named(rows.flow(company.id), &flow.name)).await.unwrap();
    });
    assert_eq!(read!(store, scope, tx => tx.flow(flow.id).await.unwrap()), Some(next));
}

/// A draft comes back byte for byte, stays when the flow changes, and is replaced and removed without changing it.
pub async fn a_draft_is_replaced_and_removed_and_leaves_the_flow_alone(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let flow = rows.flow(company.id);
    write!(store, scope, tx => tx.insert_flow(&flow).await.unwrap());
    for document in ["", "{\"b\": 1,\n \"a\": 2}", UNICODE, "a\0b", &"x".repeat(DOCUMENT_BYTES_MAX)] {
        write!(store, scope, tx => tx.write_flow_draft(flow.id, Some(document)).await.unwrap());
        assert!(read!(store, scope, tx => tx.flow_draft(flow.id).await.unwrap()).as_deref() == Some(document));
    }
    let next = Flow { version: 2, ..named(flow.clone(), "Renamed") };
    write!(store, scope, tx => {
        tx.write_flow_draft(flow.id, Some("{}")).await.unwrap();
        assert_eq!(tx.flow(flow.id).await.unwrap(), Some(flow.clone()));
        tx.update_flow(&next).await.unwrap();
        assert_eq!(tx.flow_draft(flow.id).await.unwrap().as_deref(), Some("{}"));
        tx.write_flow_draft(flow.id, None).await.unwrap();
        tx.write_flow_draft(flow.id, None).await.unwrap();
        assert_eq!(tx.flow_draft(flow.id).await.unwrap(), None);
        assert_eq!(tx.flow(flow.id).await.unwrap(), Some(next));
        assert_stale(tx.write_flow_draft(rows.id(), Some("{}")).await);
        assert_stale(tx.write_flow_draft(rows.id(), None).await);
    });
}

/// A version comes back as it was published, its number is taken once, and the list has the newest first.
pub async fn versions_are_immutable_and_come_newest_first(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (flow, other) = (rows.flow(company.id), rows.flow(company.id));
    let words = |word: &str| vec![word.to_owned(), UNICODE.to_owned()];
    let uses = FlowUses { flows: words("a"), prompts: words("b"), calendars: words("c"), queues: vec!["d".to_owned()] };
    let odd = FlowVersion {
        number: u32::MAX,
        note: Some(UNICODE.to_owned()),
        author: Some(rows.id()),
        uses,
        created_at: ends_of_time().1,
        ..rows.flow_version(&flow, 1)
    };
    let versions = [odd, rows.flow_version(&flow, 3), rows.flow_version(&flow, 2), rows.flow_version(&flow, 1)];
    write!(store, scope, tx => {
        tx.insert_flow(&flow).await.unwrap();
        tx.insert_flow(&other).await.unwrap();
        for version in versions.iter().rev() {
            tx.insert_flow_version(version, &format!("{} a\0b", version.number)).await.unwrap();
        }
        tx.insert_flow_version(&rows.flow_version(&other, 1), "other").await.unwrap();
        let again = FlowVersion { note: Some("again".to_owned()), ..versions[1].clone() };
        assert_duplicate(tx.insert_flow_version(&again, "again").await, "flow_version", "number");
        assert_out_of_scope(tx.insert_flow_version(&rows.flow_version(&rows.flow(company.id), 1), "lost").await);
    });
    read!(store, scope, tx => {
        for version in &versions {
            assert_eq!(tx.flow_version(flow.id, version.number).await.unwrap().as_ref(), Some(version));
            let document = tx.flow_document(flow.id, version.number).await.unwrap();
            assert_eq!(document, Some(format!("{} a\0b", version.number)));
        }
        assert_eq!(tx.flow_version(flow.id, 4).await.unwrap(), None);
        assert_eq!(tx.flow_document(flow.id, 0).await.unwrap(), None);
        let listed = tx.flow_versions(flow.id, Page::FIRST).await.unwrap();
        assert_eq!((listed.total, listed.items), (4, versions.to_vec()));
        let second = tx.flow_versions(flow.id, Page { offset: 1, limit: 2 }).await.unwrap();
        assert_eq!((second.total, second.items.as_slice()), (4, &versions[1..3]));
    });
}

/// The active version of each flow is told, in order of company and flow, and of no flow that has none.
pub async fn the_versions_that_calls_run_through_are_found(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let active = |flow: Flow, number| Flow { active: Some(number), published: 2, ..flow };
    let first = active(rows.flow(company.id), 1);
    let idle = Flow { published: 2, ..rows.flow(company.id) };
    let (second, theirs) = (active(rows.flow(company.id), 2), active(rows.flow(other.id), 2));
    write!(store, Scope::System, tx => {
        for flow in [&theirs, &second, &idle, &first] {
            tx.insert_flow(flow).await.unwrap();
            for number in [1, 2] {
                tx.insert_flow_version(&rows.flow_version(flow, number), "{}").await.unwrap();
            }
        }
    });
    let expected = [rows.flow_version(&first, 1), rows.flow_version(&second, 2), rows.flow_version(&theirs, 2)];
    let all = read!(store, Scope::System, tx => tx.active_flow_versions().await.unwrap());
    assert_eq!(all, expected);
    let own = read!(store, Scope::Company(company.id), tx => tx.active_flow_versions().await.unwrap());
    assert_eq!(own, expected[..2]);
}

/// A flow goes once, with all that belongs to it, and its name is free again.
pub async fn a_deleted_flow_takes_its_draft_and_versions_along(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (flow, kept) = (Flow { active: Some(1), ..rows.flow(company.id) }, rows.flow(company.id));
    write!(store, scope, tx => {
        for flow in [&flow, &kept] {
            tx.insert_flow(flow).await.unwrap();
            tx.write_flow_draft(flow.id, Some("{}")).await.unwrap();
            tx.insert_flow_version(&rows.flow_version(flow, 1), "{}").await.unwrap();
        }
        assert!(tx.delete_flow(flow.id).await.unwrap());
        assert!(!tx.delete_flow(flow.id).await.unwrap());
        assert_eq!(tx.flow(flow.id).await.unwrap(), None);
        assert_eq!(tx.flow_draft(flow.id).await.unwrap(), None);
        assert_eq!(tx.flow_version(flow.id, 1).await.unwrap(), None);
        assert_eq!(tx.flow_document(flow.id, 1).await.unwrap(), None);
        assert_eq!(tx.flow_versions(flow.id, Page::FIRST).await.unwrap().total, 0);
        assert_eq!(tx.active_flow_versions().await.unwrap(), []);
        // It begins anew when it comes back under its old id and name.
        tx.insert_flow(&flow).await.unwrap();
        assert_eq!(tx.flow_draft(flow.id).await.unwrap(), None);
        tx.insert_flow_version(&rows.flow_version(&flow, 1), "{}").await.unwrap();
        assert_eq!(tx.flow_versions(kept.id, Page::FIRST).await.unwrap().total, 1);
    });
}

/// Another company's flows are absent and stay as they are; and who only reads changes nothing.
pub async fn another_companys_flows_are_absent_and_stay_as_they_are(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let flow = Flow { active: Some(1), ..rows.flow(theirs.id) };
    let version = rows.flow_version(&flow, 1);
    write!(store, Scope::System, tx => {
        tx.insert_flow(&flow).await.unwrap();
        tx.write_flow_draft(flow.id, Some("draft")).await.unwrap();
        tx.insert_flow_version(&version, "document").await.unwrap();
    });
    let next = Flow { version: 2, ..flow.clone() };
    write!(store, Scope::Company(ours.id), tx => {
        assert_eq!(tx.flow(flow.id).await.unwrap(), None);
        assert_eq!(tx.flows().await.unwrap(), []);
        assert_eq!(tx.flow_draft(flow.id).await.unwrap(), None);
        assert_eq!(tx.flow_version(flow.id, 1).await.unwrap(), None);
        assert_eq!(tx.flow_document(flow.id, 1).await.unwrap(), None);
        assert_eq!(tx.flow_versions(flow.id, Page::FIRST).await.unwrap().total, 0);
        assert_eq!(tx.active_flow_versions().await.unwrap(), []);
        assert_stale(tx.update_flow(&next).await);
        assert_stale(tx.update_flow(&Flow { company: ours.id, ..next.clone() }).await);
        assert_stale(tx.write_flow_draft(flow.id, Some("stolen")).await);
        assert_stale(tx.write_flow_draft(flow.id, None).await);
        assert!(!tx.delete_flow(flow.id).await.unwrap());
        assert_out_of_scope(tx.insert_flow(&rows.flow(theirs.id)).await);
        assert_out_of_scope(tx.insert_flow_version(&FlowVersion { number: 2, ..version.clone() }, "").await);
        assert_out_of_scope(tx.insert_flow_version(&FlowVersion { number: 2, company: ours.id, ..version.clone() }, "").await);
        assert_duplicate(tx.insert_flow(&Flow { id: flow.id, ..rows.flow(ours.id) }).await, "flow", "id");
    });
    write!(store, Scope::System, tx => assert_stale(tx.update_flow(&Flow { company: ours.id, ..next.clone() }).await));
    for reading in 0..5 {
        let mut tx = begin(store, Scope::System, Access::Read).await;
        let refused = match reading {
            0 => tx.insert_flow(&rows.flow(ours.id)).await,
            1 => tx.update_flow(&next).await,
            2 => tx.write_flow_draft(flow.id, None).await,
            3 => tx.delete_flow(flow.id).await.map(|_| ()),
            _ => tx.insert_flow_version(&FlowVersion { number: 2, ..version.clone() }, "").await,
        };
        assert!(matches!(refused, Err(StoreError::Backend(_))), "{refused:?}");
    }
    read!(store, Scope::Company(theirs.id), tx => {
        assert_eq!(tx.flows().await.unwrap(), std::slice::from_ref(&flow));
        assert_eq!(tx.flow_draft(flow.id).await.unwrap().as_deref(), Some("draft"));
        assert_eq!(tx.flow_document(flow.id, 1).await.unwrap().as_deref(), Some("document"));
        assert_eq!(tx.flow_versions(flow.id, Page::FIRST).await.unwrap().items, [version]);
    });
}
