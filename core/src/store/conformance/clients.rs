//! Clients, their numbers, their calls and the notes about them are kept.

use super::fixtures::{
    Rows, UNICODE, assert_duplicate, assert_out_of_scope, assert_stale, begin, breathe, ends_of_time, founded, hired,
    long, read, retried, write,
};
use crate::call::{Call, Direction};
use crate::client::{Client, ClientNote, ClientPhone, ClientProfile};
use crate::company::Company;
use crate::phone::E164;
use crate::scope::Scope;
use crate::store::{Access, ClientFilter, Listing, NumberOwner, Page, Store};

fn with(client: Client, change: impl FnOnce(&mut ClientProfile)) -> Client {
    let mut client = client;
    change(&mut client.profile);
    client
}

fn phone(number: &E164) -> ClientPhone {
    ClientPhone { number: number.clone(), raw: UNICODE.into() }
}

/// A client with every field set.
fn full(rows: &Rows, company: &Company) -> Client {
    let (first, last) = ends_of_time();
    let profile = ClientProfile {
        name: UNICODE.into(),
        organization: Some(long(200)),
        email: Some("ann@example.com".into()),
        phone: Some(phone(&rows.e164())),
        further_phones: (0..10).map(|_| phone(&rows.e164())).collect(),
        address: Some(long(1_000).as_str().into()),
        tags: vec!["VIP".to_owned(), UNICODE.to_owned()],
        owner: Some(rows.id()),
        custom: [(UNICODE.to_owned(), UNICODE.into()), (String::new(), String::new().into())].into(),
    };
    Client { profile, version: u32::MAX, created_at: first, updated_at: last, ..rows.client(company.id) }
}

/// Every field of a client comes back as it was, whichever way it is read.
pub async fn a_client_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let clients = [rows.client(company.id), full(&rows, &company), rows.client(company.id)];
    for client in &clients {
        write!(store, scope, tx => tx.insert_client(client).await.unwrap());
        assert_eq!(read!(store, scope, tx => tx.client(client.id).await.unwrap()).as_ref(), Some(client));
    }
    let listing = read!(store, scope, tx => tx.clients(&ClientFilter::default(), Page::FIRST).await.unwrap());
    assert!(listing.total == 3 && listing.items.iter().eq(clients.iter().rev()));
    let asked = [clients[2].id, rows.id(), clients[0].id, clients[2].id];
    let found = read!(store, scope, tx => tx.clients_by_ids(&asked).await.unwrap());
    assert_eq!(found, [clients[0].clone(), clients[2].clone()]);
    assert_eq!(read!(store, scope, tx => tx.clients_by_ids(&[]).await.unwrap()), []);
    assert_eq!(read!(store, scope, tx => tx.client(rows.id()).await.unwrap()), None);
    write!(store, scope, tx => {
        assert_duplicate(tx.insert_client(&Client { id: clients[0].id, ..rows.client(company.id) }).await, "client", "id");
    });
}

/// Only the next version replaces a client, numbers and all.
pub async fn a_client_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let client = Client { version: 1, ..full(&rows, &company) };
    let kept = client.profile.further_phones[0].clone();
    let next = Client { version: 2, ..with(rows.client(company.id), |profile| profile.phone = Some(kept.clone())) };
    let next = Client { id: client.id, ..next };
    write!(store, scope, tx => {
        tx.insert_client(&client).await.unwrap();
        tx.update_client(&next).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_client(&Client { version, ..client.clone() }).await);
        }
        assert_stale(tx.update_client(&Client { version: 2, ..rows.client(company.id) }).await);
    });
    read!(store, scope, tx => {
        assert_eq!(tx.client(client.id).await.unwrap().as_ref(), Some(&next));
        let asked: Vec<_> = client.numbers().into_iter().map(|number| (company.id, number.clone())).collect();
        let owners = tx.number_owners(&asked).await.unwrap();
        assert_eq!(owners, [NumberOwner { company: company.id, number: kept.number, client: client.id }]);
    });
}

/// A client goes once, with its numbers and the notes about it; its calls keep its id.
pub async fn a_deleted_client_takes_its_notes_and_numbers_along(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (client, other) = (full(&rows, &company), rows.client(company.id));
    let number = client.numbers()[0].clone();
    let call = Call { client: Some(client.id), ..rows.call(company.id) };
    let (note, kept) = (rows.client_note(&client), rows.client_note(&other));
    write!(store, scope, tx => {
        tx.insert_client(&client).await.unwrap();
        tx.insert_client(&other).await.unwrap();
        tx.insert_client_note(&note).await.unwrap();
        tx.insert_client_note(&kept).await.unwrap();
        tx.insert_calls(std::slice::from_ref(&call)).await.unwrap();
    });
    assert!(write!(store, scope, tx => tx.delete_client(client.id).await.unwrap()));
    assert!(!write!(store, scope, tx => tx.delete_client(client.id).await.unwrap()));
    write!(store, scope, tx => {
        assert_eq!(tx.client(client.id).await.unwrap(), None);
        assert_eq!(tx.number_owners(&[(company.id, number)]).await.unwrap(), []);
        assert_eq!(tx.client_notes(client.id, Page::FIRST).await.unwrap().total, 0);
        assert_eq!(tx.client_notes(other.id, Page::FIRST).await.unwrap().items, [kept]);
        assert_eq!(tx.call(call.id).await.unwrap(), Some(call));
        tx.insert_client(&client).await.unwrap();
        tx.insert_client_note(&note).await.unwrap();
    });
}

/// A number is that of the client who has had it longest, in the company that was asked about.
pub async fn numbers_lead_to_their_clients(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let scope = Scope::Company(company.id);
    let (number, second) = (rows.e164(), rows.e164());
    let has = |client, number| with(client, |profile| profile.phone = Some(phone(number)));
    let (first, later, theirs) =
        (rows.client(company.id), has(rows.client(company.id), &number), has(rows.client(other.id), &number));
    let twice = phone(&number);
    let first = with(first, |profile| profile.further_phones = vec![phone(&second), twice.clone(), twice]);
    write!(store, Scope::System, tx => {
        tx.insert_client(&later).await.unwrap();
        tx.insert_client(&first).await.unwrap();
        tx.insert_client(&theirs).await.unwrap();
    });
    let owner = |company: &Company, number: &E164, client: &Client| NumberOwner {
        company: company.id,
        number: number.clone(),
        client: client.id,
    };
    let mut asked = vec![(other.id, number.clone()), (company.id, number.clone()), (company.id, rows.e164())];
    asked.extend([(company.id, second.clone()), (company.id, number.clone()), (other.id, second.clone())]);
    asked.extend((0..100).map(|_| (company.id, rows.e164())));
    let mut own = vec![owner(&company, &number, &first), owner(&company, &second, &first)];
    own.sort_by(|a, b| a.number.cmp(&b.number));
    assert_eq!(read!(store, scope, tx => tx.number_owners(&asked).await.unwrap()), own);
    assert_eq!(write!(store, scope, tx => tx.number_owners_for_update(&asked).await.unwrap()), own);
    assert_eq!(read!(store, scope, tx => tx.number_owners(&[]).await.unwrap()), []);
    own.push(owner(&other, &number, &theirs));
    own.sort_by(|a, b| (a.company, &a.number).cmp(&(b.company, &b.number)));
    assert_eq!(read!(store, Scope::System, tx => tx.number_owners(&asked).await.unwrap()), own);
}

/// Of several who look for a number before they add a client with it, one finds none.
pub async fn a_number_is_given_to_one_of_several_at_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let asked = [(company.id, rows.e164()), (company.id, rows.e164())];
    let clients: Vec<Client> =
        (0..8).map(|n| with(rows.client(company.id), |profile| profile.phone = Some(phone(&asked[n % 2].1)))).collect();
    let add = async |client: &Client| {
        retried(async || {
            let mut tx = begin(store, scope, Access::Write).await;
            if !tx.number_owners_for_update(&asked).await?.is_empty() {
                return Ok(false);
            }
            breathe().await;
            tx.insert_client(client).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
        .unwrap()
    };
    let added = futures::future::join_all(clients.iter().map(add)).await;
    assert_eq!(added.into_iter().filter(|added| *added).count(), 1);
}

/// A new client gets the newest thousand calls of its numbers that are nobody's, and their version says so.
pub async fn calls_of_its_numbers_become_a_clients(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let scope = Scope::Company(company.id);
    let client = full(&rows, &company);
    let numbers: Vec<&str> = client.numbers().into_iter().map(E164::as_str).collect();
    let call = |company: &Company, direction, from: &str, to: &str| Call {
        direction,
        from: from.into(),
        to: to.into(),
        ..rows.call(company.id)
    };
    let somebody = Some(rows.id());
    let not = [
        call(&company, Direction::Internal, numbers[0], numbers[0]),
        call(&company, Direction::Inbound, "+12025550100", numbers[0]),
        call(&company, Direction::Outbound, numbers[0], "+12025550100"),
        call(&other, Direction::Inbound, numbers[0], "+12025550100"),
        Call { client: somebody, ..call(&company, Direction::Inbound, numbers[0], "+12025550100") },
    ];
    let mut its = Vec::new();
    for n in 0..1_003 {
        its.push(match n % 2 {
            0 => call(&company, Direction::Inbound, numbers[n % 11], "+12025550100"),
            _ => call(&company, Direction::Outbound, "+12025550100", numbers[n % 11]),
        });
    }
    write!(store, Scope::System, tx => {
        tx.insert_calls(&not).await.unwrap();
        tx.insert_calls(&its).await.unwrap();
        tx.insert_client(&client).await.unwrap();
    });
    assert_eq!(write!(store, Scope::Company(other.id), tx => tx.link_calls(client.id).await.unwrap()), 0);
    assert_eq!(write!(store, scope, tx => tx.link_calls(client.id).await.unwrap()), 1_000);
    read!(store, Scope::System, tx => {
        for call in its[..3].iter().chain(&not) {
            assert_eq!(tx.call(call.id).await.unwrap().as_ref(), Some(call));
        }
        for call in [&its[3], &its[1_002]] {
            let linked = Call { client: Some(client.id), version: 2, ..call.clone() };
            assert_eq!(tx.call(call.id).await.unwrap(), Some(linked));
        }
    });
    assert_eq!(write!(store, scope, tx => tx.link_calls(client.id).await.unwrap()), 3);
    assert_eq!(write!(store, scope, tx => tx.link_calls(client.id).await.unwrap()), 0);
    assert_eq!(write!(store, scope, tx => tx.link_calls(rows.id()).await.unwrap()), 0);
}

/// Notes come back as they were, newest first, and need a client of their company.
pub async fn notes_are_a_history(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let scope = Scope::Company(company.id);
    let (client, theirs) = (rows.client(company.id), rows.client(other.id));
    let (first, last) = ends_of_time();
    let mut notes: Vec<ClientNote> = (0..5).map(|_| rows.client_note(&client)).collect();
    notes[0] = ClientNote { at: last, text: UNICODE.into(), author: Some(rows.id()), ..notes[0].clone() };
    notes[1] = ClientNote { at: first, text: long(10_000).as_str().into(), ..notes[1].clone() };
    write!(store, Scope::System, tx => {
        tx.insert_client(&client).await.unwrap();
        tx.insert_client(&theirs).await.unwrap();
        for n in [3, 0, 4, 1, 2] {
            tx.insert_client_note(&notes[n]).await.unwrap();
        }
        let again = ClientNote { id: notes[0].id, ..rows.client_note(&client) };
        assert_duplicate(tx.insert_client_note(&again).await, "client_note", "id");
        let crossed = ClientNote { company: company.id, ..rows.client_note(&theirs) };
        assert_out_of_scope(tx.insert_client_note(&crossed).await);
        assert_out_of_scope(tx.insert_client_note(&rows.client_note(&rows.client(company.id))).await);
    });
    notes.reverse();
    let page = |number| Page::number(number, 3);
    read!(store, scope, tx => {
        let listing = tx.client_notes(client.id, page(1)).await.unwrap();
        assert_eq!(listing, Listing { items: notes[..3].to_vec(), total: 5 });
        let listing = tx.client_notes(client.id, page(2)).await.unwrap();
        assert_eq!(listing, Listing { items: notes[3..].to_vec(), total: 5 });
        assert_eq!(tx.client_notes(theirs.id, page(1)).await.unwrap().total, 0);
    });
}

/// Clients are narrowed by every field of the filter, alone and together.
pub async fn clients_are_narrowed_by_every_field(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let owners = [hired(store, &rows, &company).await.id, hired(store, &rows, &company).await.id];
    let tags = ["VIP", "vip kunde", "Žofie", "🦜"];
    let clients: Vec<Client> = (0..48)
        .map(|n| {
            with(rows.client(company.id), |profile| {
                profile.owner = (n % 3 != 0).then(|| owners[n % 2]);
                profile.tags = tags.iter().skip(n % 4).step_by(2).map(|tag| (*tag).to_owned()).collect();
                profile.name = ["Ann Smith", "Žofie Ñandú", "李小龍"][n % 3].into();
            })
        })
        .collect();
    write!(store, Scope::Company(company.id), tx => {
        for client in &clients {
            tx.insert_client(client).await.unwrap();
        }
    });
    let all = ClientFilter::default;
    let tagged = |tag: &str| ClientFilter { tag: Some(tag.to_owned()), ..all() };
    let search = |text| crate::search::Search::parse(text, company.default_country).unwrap();
    let filters = [
        (all(), vec![]),
        (ClientFilter { owner: Some(owners[0]), ..all() }, vec![]),
        (ClientFilter { owner: Some(rows.id()), ..all() }, vec![]),
        (tagged("vip"), vec!["VIP"]),
        (tagged("VIP-Kunde"), vec!["vip kunde"]),
        (tagged("zofie"), vec!["Žofie"]),
        (tagged("🦜"), vec!["🦜"]),
        (tagged("vi"), vec!["none"]),
        (tagged("' OR 1=1 --"), vec!["none"]),
        (tagged("!"), vec!["none"]),
        (ClientFilter { before: Some(clients[20].id), ..all() }, vec![]),
        (ClientFilter { search: search("zof ñan"), ..all() }, vec![]),
        (
            ClientFilter {
                owner: Some(owners[1]),
                search: search("ann"),
                before: Some(clients[40].id),
                ..tagged("vip")
            },
            vec!["VIP"],
        ),
    ];
    for (filter, tags) in filters {
        let fits = |client: &&Client| {
            filter.owner.is_none_or(|owner| client.profile.owner == Some(owner))
                && tags.iter().all(|tag| client.profile.tags.iter().any(|own| own == tag))
                && filter.before.is_none_or(|before| client.id < before)
                && filter.search.as_ref().is_none_or(|search| {
                    let entries = client.entries();
                    search.matches(|word| entries.has_word('t', word), |start| entries.begin(start))
                })
        };
        let expected: Vec<Client> = clients.iter().rev().filter(fits).cloned().collect();
        let scope = Scope::Company(company.id);
        let listing = read!(store, scope, tx => tx.clients(&filter, Page::number(1, 200)).await.unwrap());
        assert_eq!(listing, Listing { total: expected.len() as u64, items: expected }, "{filter:?}");
    }
}
