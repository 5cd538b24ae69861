//! Lists are searched by words and numbers, with the same finds everywhere.

use super::fixtures::{Rows, UNICODE, founded, read, write};
use crate::call::{Call, CallStatus, Direction};
use crate::client::{Client, ClientPhone};
use crate::lead::{CustomFields, Lead};
use crate::people::User;
use crate::phone::E164;
use crate::scope::Scope;
use crate::search::{Search, TOTAL_MAX};
use crate::store::{CallFilter, ClientFilter, LeadFilter, Page, Repo, Store, UserFilter};

/// What somebody in Germany types.
fn search(text: &str) -> Option<Search> {
    Search::parse(text, super::fixtures::country("DE")).unwrap()
}

/// Texts that break queries that are put together from what was typed. None of them finds anything but what it says.
const HOSTILE: [&str; 14] = [
    "' OR 1=1 --",
    "\"; DROP TABLE calls; --",
    "ann\" OR \"x",
    "ann* NOT bob",
    "NEAR(ann bob)",
    "ann:*",
    "ann & !bob",
    "{name}: ann",
    "%",
    "_",
    "\\",
    "\0",
    "\u{fdd0}\u{10ffff}",
    UNICODE,
];

async fn users(tx: &mut dyn Repo, text: &str) -> Vec<User> {
    let filter = UserFilter { search: search(text), ..UserFilter::default() };
    let listing = tx.users(&filter, Page::FIRST).await.unwrap();
    assert_eq!(listing.total, listing.items.len() as u64, "{text}");
    listing.items
}

async fn clients(tx: &mut dyn Repo, text: &str) -> Vec<Client> {
    let filter = ClientFilter { search: search(text), ..ClientFilter::default() };
    let listing = tx.clients(&filter, Page::FIRST).await.unwrap();
    assert_eq!(listing.total, listing.items.len() as u64, "{text}");
    listing.items
}

async fn leads(tx: &mut dyn Repo, text: &str) -> Vec<Lead> {
    let filter = LeadFilter { search: search(text), ..LeadFilter::default() };
    let listing = tx.leads(&filter, Page::FIRST).await.unwrap();
    assert_eq!(listing.total, listing.items.len() as u64, "{text}");
    assert_eq!(tx.newest_leads(&filter, 50).await.unwrap(), listing.items, "{text}");
    listing.items
}

async fn calls(tx: &mut dyn Repo, text: &str) -> Vec<Call> {
    let filter = CallFilter { search: search(text), ..CallFilter::default() };
    let listing = tx.calls(&filter, Page::FIRST).await.unwrap();
    assert_eq!(listing.total, listing.items.len() as u64, "{text}");
    let one = tx.calls(&filter, Page { offset: 0, limit: 1 }).await.unwrap();
    assert_eq!((one.total, one.items.first()), (listing.total, listing.items.first()), "{text}");
    listing.items
}

/// Users are found by their name and their e-mail address, as these are now.
pub async fn users_are_found_by_name_and_address(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let scope = Scope::Company(company.id);
    let named = |name: &str, email: &str| User { name: name.into(), email: email.into(), ..rows.user(company.id) };
    let (ann, zofie) = (named("Ann Smith", "ann@one.example"), named("Žofie Ñandú 🦜", "z@two.example"));
    let theirs = User { name: "Ann".into(), ..rows.user(other.id) };
    write!(store, Scope::System, tx => {
        for user in [&ann, &zofie, &theirs] {
            tx.insert_user(user).await.unwrap();
        }
    });
    read!(store, scope, tx => {
        let tx = &mut *tx;
        for text in ["ann", "SMI an", "one.example", "ann@one"] {
            assert_eq!(users(tx, text).await, std::slice::from_ref(&ann), "{text}");
        }
        for text in ["zofie", "NANDU", "🦜", "ž two"] {
            assert_eq!(users(tx, text).await, std::slice::from_ref(&zofie), "{text}");
        }
        for text in ["nn", "ann zofie", "annn", "12", "!"] {
            assert_eq!(users(tx, text).await, [], "{text}");
        }
        assert_eq!(users(tx, "example").await, [zofie.clone(), ann.clone()]);
        assert_eq!(users(tx, " ").await, [zofie.clone(), ann.clone()]);
        for text in HOSTILE {
            users(tx, text).await;
        }
    });
    let renamed = User { name: "Bea".into(), version: 2, ..ann.clone() };
    write!(store, scope, tx => tx.update_user(&renamed).await.unwrap());
    assert_eq!(read!(store, scope, tx => users(&mut *tx, "smith").await), []);
    assert_eq!(read!(store, scope, tx => users(&mut *tx, "bea").await), [renamed]);
    write!(store, scope, tx => tx.delete_user(ann.id).await.unwrap());
    assert_eq!(read!(store, scope, tx => users(&mut *tx, "bea").await), []);
    assert_eq!(read!(store, Scope::System, tx => users(&mut *tx, "ann").await), [theirs]);
}

/// Clients are found by all that is known about them, as it is now, and by their numbers in either form.
pub async fn clients_are_found_by_everything_about_them(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let scope = Scope::Company(company.id);
    let number = E164::from_stored("+491712345678").unwrap();
    let mut client = rows.client(company.id);
    client.profile.name = "שלום Ann".into();
    client.profile.organization = Some("Straßenbau \"Nord\" GmbH".to_owned());
    client.profile.email = Some("info@nord.example".into());
    client.profile.phone = Some(ClientPhone { number: number.clone(), raw: "0171 2345678".into() });
    client.profile.address = Some("Hauptstraße 4711".into());
    client.profile.tags = vec!["Großkunde".to_owned()];
    client.profile.custom = [("size".to_owned(), "XXL".into())].into();
    let mut second = rows.client(company.id);
    second.profile.name = "Bob".into();
    let mut theirs = rows.client(other.id);
    theirs.profile = client.profile.clone();
    write!(store, Scope::System, tx => {
        for client in [&client, &second, &theirs] {
            tx.insert_client(client).await.unwrap();
        }
    });
    let texts = [
        "ann",
        "שלום",
        "strassenbau nord",
        "info@nord",
        "0171 23",
        "(0171) 2345678",
        "+49 171",
        "hauptstr 4711",
        "grosskunde",
        "xxl",
        "4711",
        "ann 0171/2345",
    ];
    read!(store, scope, tx => {
        let tx = &mut *tx;
        for text in texts {
            assert_eq!(clients(tx, text).await, std::slice::from_ref(&client), "{text}");
        }
        for text in ["ann bob", "0172", "2345678", "711", "?"] {
            assert_eq!(clients(tx, text).await, [], "{text}");
        }
        for text in HOSTILE {
            let found = clients(tx, text).await;
            assert!(found.len() < 2, "{text}");
        }
    });
    let mut next = Client { version: 2, ..client.clone() };
    next.profile = crate::client::ClientProfile { name: "Cara".into(), ..Default::default() };
    write!(store, scope, tx => tx.update_client(&next).await.unwrap());
    assert_eq!(read!(store, scope, tx => clients(&mut *tx, "0171").await), []);
    assert_eq!(read!(store, scope, tx => clients(&mut *tx, "cara").await), [next]);
    write!(store, scope, tx => tx.delete_client(client.id).await.unwrap());
    assert_eq!(read!(store, scope, tx => clients(&mut *tx, "cara").await), []);
}

/// Leads are found by all that is written of them, as it is now, and by their numbers in either form.
pub async fn leads_are_found_by_everything_about_them(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let scope = Scope::Company(company.id);
    let lead = Lead {
        name: "Žofie Ñandú 🦜".into(),
        email: Some("z@nord.example".into()),
        phone: E164::from_stored("+491712345678"),
        raw_phone: Some("after 5 o'clock".into()),
        requirements: Some(format!("A boat\nfor {UNICODE}").into()),
        custom: CustomFields([("size".to_owned(), "XXL".into()), ("seats".to_owned(), 3.into())].into_iter().collect()),
        ..rows.lead(company.id)
    };
    let second = Lead { name: "\0 Ann".into(), ..rows.lead(company.id) };
    let theirs = Lead { name: "Žofie".into(), ..rows.lead(other.id) };
    write!(store, Scope::System, tx => tx.insert_leads(&[lead.clone(), second.clone(), theirs.clone()]).await.unwrap());
    read!(store, scope, tx => {
        let tx = &mut *tx;
        for text in ["zofie", "NANDU 🦜", "nord.example", "+49 171 23", "0171/2345678", "o'clock", "BOAT žofie", "李小龍", "xxl"] {
            assert_eq!(leads(tx, text).await, std::slice::from_ref(&lead), "{text}");
        }
        for text in ["ofie", "zofie ann", "+172", "3", "size", "!"] {
            assert_eq!(leads(tx, text).await, [], "{text}");
        }
        assert_eq!(leads(tx, "ann").await, std::slice::from_ref(&second));
        assert_eq!(leads(tx, " ").await, [second.clone(), lead.clone()]);
        let older = LeadFilter { search: search("example"), before: Some(second.id), ..LeadFilter::default() };
        assert_eq!(tx.newest_leads(&older, 9).await.unwrap(), std::slice::from_ref(&lead));
        for text in HOSTILE {
            leads(tx, text).await;
        }
    });
    let renamed = Lead { name: "Bea".into(), requirements: None, version: 2, ..lead.clone() };
    write!(store, scope, tx => tx.update_lead(&renamed).await.unwrap());
    assert_eq!(read!(store, scope, tx => leads(&mut *tx, "zofie").await), []);
    assert_eq!(read!(store, scope, tx => leads(&mut *tx, "bea").await), [renamed]);
    write!(store, scope, tx => tx.delete_lead(lead.id).await.unwrap());
    assert_eq!(read!(store, scope, tx => leads(&mut *tx, "bea").await), []);
    assert_eq!(read!(store, Scope::System, tx => leads(&mut *tx, "zofie").await), [theirs]);
}

/// Calls are found by the names of their people, their numbers and what was written about them.
pub async fn calls_are_found_by_people_numbers_and_notes(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let scope = Scope::Company(company.id);
    let ann = User { name: "Ann Smith".into(), ..rows.user(company.id) };
    let mut client = rows.client(company.id);
    client.profile.name = "Žofie Ñandú".into();
    client.profile.email = Some("secret@example.com".into());
    let inbound = |from: &str| Call { direction: Direction::Inbound, from: from.into(), ..rows.call(company.id) };
    let agents = Call {
        agent: Some(ann.id),
        notes: Some("Wants an offer; order 4711 🦜".to_owned()),
        ..inbound("+491712345678")
    };
    let clients = Call { client: Some(client.id), outcome: Some("Call back".to_owned()), ..inbound("1001") };
    let both = Call { agent: Some(ann.id), client: Some(client.id), ..inbound("anonymous") };
    let theirs = Call { notes: Some("offer".to_owned()), from: "+491712345678".into(), ..rows.call(other.id) };
    write!(store, Scope::System, tx => {
        tx.insert_user(&ann).await.unwrap();
        tx.insert_client(&client).await.unwrap();
        tx.insert_calls(&[agents.clone(), clients.clone(), both.clone(), theirs.clone()]).await.unwrap();
    });
    let cases: [(&str, &[&Call]); 16] = [
        ("ann", &[&both, &agents]),
        ("smith ann", &[&both, &agents]),
        ("zofie", &[&both, &clients]),
        ("ann nandu", &[&both]),
        ("offer", &[&agents]),
        ("ann offer 0171 23", &[&agents]),
        ("0171 23", &[&agents]),
        ("+49 171 2345678", &[&agents]),
        ("4711", &[&agents]),
        ("🦜", &[&agents]),
        ("1001", &[&clients]),
        ("call back", &[&clients]),
        ("+14155550123", &[&both, &clients, &agents]),
        ("secret", &[]),
        ("711", &[]),
        ("ann bob", &[]),
    ];
    read!(store, scope, tx => {
        for (text, expected) in cases {
            let found = calls(&mut *tx, text).await;
            assert!(found.iter().eq(expected.iter().copied()), "{text}: {found:?}");
        }
        for text in HOSTILE {
            calls(&mut *tx, text).await;
        }
        let narrow = CallFilter { search: search("ann"), client: Some(client.id), ..CallFilter::default() };
        assert_eq!(tx.calls(&narrow, Page::FIRST).await.unwrap().items, std::slice::from_ref(&both));
        let before = CallFilter { search: search("ann"), before: Some(both.id), ..CallFilter::default() };
        assert_eq!(tx.calls(&before, Page::FIRST).await.unwrap().items, std::slice::from_ref(&agents));
        let number = E164::from_stored("+491712345678");
        let party = CallFilter { search: search("ann"), party: number, ..CallFilter::default() };
        assert_eq!(tx.calls(&party, Page::FIRST).await.unwrap().items, std::slice::from_ref(&agents));
    });
    let rewritten = Call { notes: Some("refused".to_owned()), version: 2, ..agents.clone() };
    write!(store, scope, tx => tx.update_call(&rewritten).await.unwrap());
    read!(store, scope, tx => {
        assert_eq!(calls(&mut *tx, "offer").await, []);
        assert_eq!(calls(&mut *tx, "refuse").await, std::slice::from_ref(&rewritten));
    });
    let cleared = Call { notes: None, version: 3, status: CallStatus::Completed, ..rewritten };
    write!(store, scope, tx => tx.update_call(&cleared).await.unwrap());
    assert_eq!(read!(store, scope, tx => calls(&mut *tx, "refuse").await), []);
    assert_eq!(read!(store, Scope::System, tx => calls(&mut *tx, "offer").await), [theirs]);
}

/// A search that finds more than is counted says so, and still shows what it finds, newest first.
pub async fn the_total_of_a_search_has_an_end(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let most = usize::try_from(TOTAL_MAX).unwrap();
    let calls: Vec<Call> =
        (0..most + 5).map(|n| Call { outcome: (n == 7).then(|| "rare".to_owned()), ..rows.call(company.id) }).collect();
    for some in calls.chunks(2_000) {
        write!(store, scope, tx => tx.insert_calls(some).await.unwrap());
    }
    let (common, rare) = (search("+1202"), search("+1202 rare"));
    let page = Page { offset: 3, limit: 4 };
    read!(store, scope, tx => {
        let filter = CallFilter { search: common.clone(), ..CallFilter::default() };
        let listing = tx.calls(&filter, page).await.unwrap();
        assert_eq!(listing.total, TOTAL_MAX);
        assert!(listing.items.iter().eq(calls.iter().rev().skip(3).take(4)));
        let filter = CallFilter { search: common, before: Some(calls[2].id), ..CallFilter::default() };
        assert_eq!(tx.calls(&filter, Page::FIRST).await.unwrap().total, 2);
        let filter = CallFilter { search: rare, ..CallFilter::default() };
        assert_eq!(tx.calls(&filter, Page::FIRST).await.unwrap().items, calls[7..8]);
    });
}
