//! Trunks are kept.

use super::fixtures::{Rows, UNICODE, assert_duplicate, assert_stale, ends_of_time, founded, long, read, write};
use crate::phone::{Trunk, TrunkAccount, TrunkAuth, TrunkTransport};
use crate::pii::Secret;
use crate::scope::Scope;
use crate::store::Store;

/// Every field of a trunk comes back as it was; all come by id.
pub async fn a_trunk_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (first, last) = ends_of_time();
    let addresses = (0..64u16).map(|n| std::net::Ipv6Addr::new(0x2001, 0xdb8, n, 0, 0, 0, 0, 0xffff).into());
    let odd = Trunk {
        name: UNICODE.to_owned(),
        transport: TrunkTransport::Tcp,
        host: "2001:db8::1".to_owned(),
        port: u16::MAX,
        auth: TrunkAuth::Address { addresses: addresses.collect() },
        is_default: true,
        version: u32::MAX,
        created_at: first,
        updated_at: last,
        ..rows.trunk(company.id)
    };
    let empty = Trunk { auth: TrunkAuth::Address { addresses: Vec::new() }, port: 1, ..rows.trunk(company.id) };
    let host = format!("{}.example", ["x".repeat(61).as_str(); 3].join("."));
    let long = Trunk { name: long(100), host, ..rows.trunk(company.id) };
    let account = TrunkAccount {
        username: "12025550100".to_owned(),
        auth_username: Some("auth 'name'".to_owned()),
        password: Secret::new(format!("pass\"word\\ {UNICODE}")),
        realm: Some("carrier.example".to_owned()),
        expires_seconds: 86_400,
    };
    let plain = TrunkAccount { auth_username: None, realm: None, expires_seconds: 60, ..account.clone() };
    let registered = |account| Trunk { auth: TrunkAuth::Registration(account), ..rows.trunk(company.id) };
    let trunks = [rows.trunk(company.id), odd, empty, long, registered(account), registered(plain)];
    let trunks = {
        let mut trunks = trunks;
        trunks.sort_by_key(|trunk| trunk.id);
        trunks
    };
    for trunk in trunks.iter().rev() {
        write!(store, scope, tx => tx.insert_trunk(trunk).await.unwrap());
        assert_eq!(read!(store, scope, tx => tx.trunk(trunk.id).await.unwrap()).as_ref(), Some(trunk));
    }
    assert_eq!(read!(store, scope, tx => tx.trunks().await.unwrap()), trunks);
    assert_eq!(read!(store, scope, tx => tx.trunk(rows.id()).await.unwrap()), None);
}

/// Ids are unique everywhere, names byte for byte in the company.
pub async fn a_trunk_name_is_taken_once_in_its_company(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let (trunk, second) = (rows.trunk(company.id), rows.trunk(company.id));
    let named = |company, name: &str| Trunk { name: name.to_owned(), ..rows.trunk(company) };
    write!(store, Scope::System, tx => {
        tx.insert_trunk(&trunk).await.unwrap();
        tx.insert_trunk(&second).await.unwrap();
        assert_duplicate(tx.insert_trunk(&Trunk { id: trunk.id, ..rows.trunk(company.id) }).await, "trunk", "id");
        assert_duplicate(tx.insert_trunk(&named(company.id, &trunk.name)).await, "trunk", "name");
        let renamed = Trunk { name: trunk.name.clone(), version: 2, ..second.clone() };
        assert_duplicate(tx.update_trunk(&renamed).await, "trunk", "name");
        tx.insert_trunk(&named(company.id, &trunk.name.to_uppercase())).await.unwrap();
        tx.insert_trunk(&named(other.id, &trunk.name)).await.unwrap();
        assert_eq!(tx.trunk(second.id).await.unwrap(), Some(second));
    });
}

/// Only the next version replaces a trunk, and its old name is free then.
pub async fn a_trunk_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let trunk = rows.trunk(company.id);
    let next = Trunk {
        name: "Renamed".to_owned(),
        transport: TrunkTransport::Tcp,
        host: "192.0.2.9".to_owned(),
        port: 5061,
        auth: TrunkAuth::Address { addresses: vec!["192.0.2.9".parse().unwrap(), "2001:db8::9".parse().unwrap()] },
        is_default: true,
        version: 2,
        updated_at: ends_of_time().1,
        ..trunk.clone()
    };
    write!(store, scope, tx => {
        tx.insert_trunk(&trunk).await.unwrap();
        tx.update_trunk(&next).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_trunk(&Trunk { version, port: 1, ..next.clone() }).await);
        }
        assert_stale(tx.update_trunk(&Trunk { version: 2, ..rows.trunk(company.id) }).await);
        tx.insert_trunk(&Trunk { name: trunk.name.clone(), ..rows.trunk(company.id) }).await.unwrap();
    });
    assert_eq!(read!(store, scope, tx => tx.trunk(trunk.id).await.unwrap()), Some(next));
}

/// A company has one default trunk at most, and a stale or refused one takes the place of none.
pub async fn a_company_has_one_default_trunk(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let by_default = |company| Trunk { is_default: true, ..rows.trunk(company) };
    let (first, second, foreign) = (by_default(company.id), by_default(company.id), by_default(other.id));
    let defaults = async || -> Vec<_> {
        let trunks = read!(store, Scope::System, tx => tx.trunks().await.unwrap());
        trunks.into_iter().filter(|trunk| trunk.is_default).map(|trunk| trunk.id).collect()
    };
    for (trunk, now) in
        [(&foreign, vec![foreign.id]), (&first, vec![first.id, foreign.id]), (&second, vec![second.id, foreign.id])]
    {
        write!(store, Scope::Company(trunk.company), tx => tx.insert_trunk(trunk).await.unwrap());
        assert_eq!(defaults().await, now);
    }
    write!(store, Scope::System, tx => {
        assert_duplicate(tx.insert_trunk(&Trunk { name: first.name.clone(), ..by_default(company.id) }).await, "trunk", "name");
        assert_stale(tx.update_trunk(&Trunk { version: 9, is_default: true, ..first.clone() }).await);
    });
    assert_eq!(defaults().await, [second.id, foreign.id]);
    // Losing the place is no change of the other's settings: its version stays.
    let back = Trunk { version: 2, ..first.clone() };
    write!(store, Scope::Company(company.id), tx => tx.update_trunk(&back).await.unwrap());
    assert_eq!(defaults().await, [first.id, foreign.id]);
}

/// A trunk goes once.
pub async fn a_trunk_is_deleted_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let trunk = rows.trunk(company.id);
    write!(store, scope, tx => tx.insert_trunk(&trunk).await.unwrap());
    assert!(write!(store, scope, tx => tx.delete_trunk(trunk.id).await.unwrap()));
    assert!(!write!(store, scope, tx => tx.delete_trunk(trunk.id).await.unwrap()));
    assert_eq!(read!(store, scope, tx => tx.trunks().await.unwrap()), []);
    write!(store, scope, tx => tx.insert_trunk(&Trunk { id: rows.id(), ..trunk }).await.unwrap());
}
