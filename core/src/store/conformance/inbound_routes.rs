//! Inbound routes are kept.

use super::fixtures::{Rows, assert_duplicate, assert_stale, ends_of_time, founded, hired, read, write};
use crate::phone::{E164, InboundRoute, InboundTarget};
use crate::scope::Scope;
use crate::store::Store;

/// Every field of a route comes back as it was; all come by number.
pub async fn a_route_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    let (queue, extension) = (rows.queue(company.id), rows.extension(&user));
    write!(store, scope, tx => {
        tx.insert_queue(&queue).await.unwrap();
        tx.insert_extension(&extension).await.unwrap();
    });
    let (first, last) = ends_of_time();
    let route = |number: &str, target| InboundRoute {
        number: E164::from_stored(number).expect("a number"),
        ..rows.route(company.id, target)
    };
    let odd = InboundRoute {
        version: u32::MAX,
        created_at: first,
        updated_at: last,
        ..route("+123456789012345", InboundTarget::Queue(queue.id))
    };
    let agent = route("+49301234567", InboundTarget::Agent(user.id));
    let phone = route("+999", InboundTarget::Extension(extension.id));
    let sorted = [odd, agent, phone];
    for route in sorted.iter().rev() {
        write!(store, scope, tx => tx.insert_inbound_route(route).await.unwrap());
        let found = read!(store, scope, tx => tx.inbound_route(route.id).await.unwrap());
        assert_eq!(found.as_ref(), Some(route));
    }
    assert_eq!(read!(store, scope, tx => tx.inbound_routes().await.unwrap()), sorted);
    assert_eq!(read!(store, scope, tx => tx.inbound_route(rows.id()).await.unwrap()), None);
}

/// Ids and numbers are unique, the latter also when a route is changed.
pub async fn a_number_is_routed_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let target = InboundTarget::Agent(hired(store, &rows, &company).await.id);
    let (route, second) = (rows.route(company.id, target), rows.route(company.id, target));
    write!(store, scope, tx => {
        tx.insert_inbound_route(&route).await.unwrap();
        tx.insert_inbound_route(&second).await.unwrap();
        let same_id = InboundRoute { id: route.id, ..rows.route(company.id, target) };
        assert_duplicate(tx.insert_inbound_route(&same_id).await, "inbound_route", "id");
        let same_number = InboundRoute { number: route.number.clone(), ..rows.route(company.id, target) };
        assert_duplicate(tx.insert_inbound_route(&same_number).await, "inbound_route", "number");
        let moved = InboundRoute { number: route.number.clone(), version: 2, ..second.clone() };
        assert_duplicate(tx.update_inbound_route(&moved).await, "inbound_route", "number");
        assert_eq!(tx.inbound_route(second.id).await.unwrap(), Some(second));
    });
}

/// Only the next version replaces a route, and its old number is free then.
pub async fn a_route_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let target = InboundTarget::Agent(hired(store, &rows, &company).await.id);
    let (queue, route) = (rows.queue(company.id), rows.route(company.id, target));
    let next = InboundRoute {
        number: rows.e164(),
        target: InboundTarget::Queue(queue.id),
        version: 2,
        updated_at: ends_of_time().1,
        ..route.clone()
    };
    write!(store, scope, tx => {
        tx.insert_queue(&queue).await.unwrap();
        tx.insert_inbound_route(&route).await.unwrap();
        tx.update_inbound_route(&next).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_inbound_route(&InboundRoute { version, target, ..next.clone() }).await);
        }
        assert_stale(tx.update_inbound_route(&InboundRoute { version: 2, ..rows.route(company.id, target) }).await);
        let heir = InboundRoute { number: route.number.clone(), ..rows.route(company.id, target) };
        tx.insert_inbound_route(&heir).await.unwrap();
    });
    assert_eq!(read!(store, scope, tx => tx.inbound_route(route.id).await.unwrap()), Some(next));
}

/// A route goes once, and its number is free again.
pub async fn a_route_is_deleted_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let target = InboundTarget::Agent(hired(store, &rows, &company).await.id);
    let route = rows.route(company.id, target);
    write!(store, scope, tx => tx.insert_inbound_route(&route).await.unwrap());
    assert!(write!(store, scope, tx => tx.delete_inbound_route(route.id).await.unwrap()));
    assert!(!write!(store, scope, tx => tx.delete_inbound_route(route.id).await.unwrap()));
    assert_eq!(read!(store, scope, tx => tx.inbound_routes().await.unwrap()), []);
    write!(store, scope, tx => tx.insert_inbound_route(&InboundRoute { id: rows.id(), ..route }).await.unwrap());
}
