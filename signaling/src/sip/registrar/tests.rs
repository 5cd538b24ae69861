use super::*;
use crate::sip::flow::{Flow, Protocol};
use crate::sip::wire::{self, Message};
use std::num::NonZeroU64;

fn flow(port: u16) -> Flow {
    Flow::to(Protocol::Udp, ([192, 0, 2, 1], 5060).into(), ([198, 51, 100, 7], port).into())
}

fn some(uris: &[&str]) -> Contacts {
    Contacts::Some(uris.iter().map(|uri| Contact::new(*uri)).collect())
}

fn registrar() -> (Instant, Registrar<&'static str>) {
    (Instant::now(), Registrar::new(Limits::default()))
}

fn uris<'a>(registrar: &'a Registrar<&'static str>, now: Instant, aor: &'static str) -> Vec<&'a str> {
    registrar.lookup(now, &aor).map(|binding| binding.uri.as_str()).collect()
}

#[test]
fn contacts_come_best_first_and_the_more_recent_wins_a_tie() {
    let (now, mut registrar) = registrar();
    for (n, (uri, q)) in [("sip:a@h", 500), ("sip:b@h", 1000), ("sip:c@h", 500)].into_iter().enumerate() {
        let contact = Contact { q, ..Contact::new(uri) };
        let registration = Registration::new(format!("c{n}"), 1, flow(1), Contacts::Some(vec![contact]));
        registrar.register(now, "x", registration).unwrap();
    }
    assert_eq!(uris(&registrar, now, "x"), ["sip:b@h", "sip:c@h", "sip:a@h"]);
}

#[test]
fn an_overtaken_register_is_refused_and_a_copy_is_harmless() {
    let (now, mut registrar) = registrar();
    registrar.register(now, "x", Registration::new("c", 5, flow(1), some(&["sip:a@h"]))).unwrap();
    let overtaken = registrar.register(now, "x", Registration::new("c", 4, flow(1), some(&["sip:a@h"])));
    assert_eq!(overtaken, Err(Refused::OutOfOrder));
    let copy = registrar.register(now, "x", Registration::new("c", 5, flow(1), some(&["sip:a@h"]))).unwrap();
    assert_eq!(copy, Changes { refreshed: 1, ..Changes::default() });
    let next = registrar.register(now, "x", Registration::new("c", 6, flow(2), some(&["SIP:a@H"]))).unwrap();
    assert_eq!(next, Changes { refreshed: 1, ..Changes::default() });
    registrar.register(now, "x", Registration::new("rebooted", 1, flow(3), some(&["sip:a@h"]))).unwrap();
    let binding = registrar.lookup(now, &"x").next().unwrap();
    assert_eq!(binding.flow.remote.port(), 3);
    assert_eq!(registrar.lookup(now, &"x").count(), 1);
}

#[test]
fn a_refused_registration_changes_nothing() {
    let (now, mut registrar) = registrar();
    let brief = Contact { expires: Some(Duration::from_secs(5)), ..Contact::new("sip:b@h") };
    let mixed = Contacts::Some(vec![Contact::new("sip:a@h"), brief]);
    let refused = registrar.register(now, "x", Registration::new("c", 1, flow(1), mixed)).unwrap_err();
    assert_eq!(refused, Refused::TooBrief { min: Duration::from_secs(30) });
    assert_eq!(refused.status(), 423);
    assert!(registrar.is_empty());
}

#[test]
fn one_contact_too_many_replaces_the_one_refreshed_longest_ago() {
    let (now, mut registrar) = registrar();
    for n in 0..11u32 {
        let contacts = Contacts::Some(vec![Contact::new(format!("sip:{n}@h"))]);
        let at = now + Duration::from_secs(n.into());
        registrar.register(at, "x", Registration::new(format!("c{n}"), 1, flow(1), contacts)).unwrap();
    }
    let now = now + Duration::from_secs(11);
    let mut left: Vec<_> = registrar.lookup(now, &"x").map(|binding| binding.uri.clone()).collect();
    left.sort();
    assert_eq!(left.len(), 10);
    assert!(!left.contains(&"sip:0@h".to_owned()), "{left:?}");
}

#[test]
fn expiry_takes_the_header_then_the_default_and_is_cut_to_the_longest() {
    let (now, mut registrar) = registrar();
    let mut registration = Registration::new("c", 1, flow(1), some(&["sip:a@h"]));
    registration.expires = Some(Duration::from_secs(90));
    registrar.register(now, "header", registration).unwrap();
    registrar.register(now, "default", Registration::new("c", 1, flow(1), some(&["sip:a@h"]))).unwrap();
    let mut registration = Registration::new("c", 1, flow(1), some(&["sip:a@h"]));
    registration.expires = Some(Duration::from_secs(1_000_000));
    registrar.register(now, "longest", registration).unwrap();
    let left = |aor| registrar.lookup(now, &aor).next().unwrap().remaining_seconds(now);
    assert_eq!([left("header"), left("default"), left("longest")], [90, 3600, 3600]);
}

#[test]
fn an_expired_address_of_record_is_reported_once() {
    let (now, mut registrar) = registrar();
    let brief = |cseq| {
        let contact = Contact { expires: Some(Duration::from_secs(60)), ..Contact::new("sip:a@h") };
        Registration::new("c", cseq, flow(1), Contacts::Some(vec![contact]))
    };
    assert!(registrar.register(now, "x", brief(1)).unwrap().came_online);
    let later = now + Duration::from_secs(50);
    assert!(!registrar.register(later, "x", brief(2)).unwrap().came_online);
    assert_eq!(registrar.expire(now + Duration::from_secs(60)), [""; 0]);
    assert!(registrar.is_online(now + Duration::from_secs(109), &"x"));
    assert_eq!(registrar.poll_timeout(), Some(later + Duration::from_secs(60)));
    assert_eq!(registrar.expire(now + Duration::from_secs(110)), ["x"]);
    assert_eq!(registrar.expire(now + Duration::from_secs(110)), [""; 0]);
    assert!(registrar.is_empty());
    assert_eq!(registrar.poll_timeout(), None);
}

#[test]
fn one_contact_of_two_may_expire() {
    let (now, mut registrar) = registrar();
    let brief = Contact { expires: Some(Duration::from_secs(60)), ..Contact::new("sip:a@h") };
    let both = Contacts::Some(vec![brief, Contact::new("sip:b@h")]);
    registrar.register(now, "x", Registration::new("c", 1, flow(1), both)).unwrap();
    assert_eq!(registrar.expire(now + Duration::from_secs(61)), [""; 0]);
    assert_eq!(uris(&registrar, now, "x"), ["sip:b@h"]);
    assert_eq!(registrar.poll_timeout(), Some(now + Duration::from_secs(3600)));
}

#[test]
fn zero_removes_one_and_a_star_removes_all() {
    let (now, mut registrar) = registrar();
    registrar.register(now, "x", Registration::new("c", 2, flow(1), some(&["sip:a@h", "sip:b@h"]))).unwrap();
    let zero = Contact { expires: Some(Duration::ZERO), ..Contact::new("sip:a@h") };
    let changes = registrar.register(now, "x", Registration::new("c", 3, flow(1), Contacts::Some(vec![zero]))).unwrap();
    assert_eq!(changes, Changes { removed: 1, ..Changes::default() });
    let stale = registrar.register(now, "x", Registration::new("c", 1, flow(1), Contacts::RemoveAll));
    assert_eq!(stale, Err(Refused::OutOfOrder));
    let changes = registrar.register(now, "x", Registration::new("c", 4, flow(1), Contacts::RemoveAll)).unwrap();
    assert_eq!(changes, Changes { removed: 1, went_offline: true, ..Changes::default() });
    assert!(registrar.is_empty());
}

#[test]
fn a_query_changes_nothing() {
    let (now, mut registrar) = registrar();
    let changes = registrar.register(now, "x", Registration::new("c", 1, flow(1), Contacts::Query)).unwrap();
    assert_eq!(changes, Changes::default());
    assert!(registrar.is_empty());
}

#[test]
fn the_same_device_replaces_its_contact_at_a_new_address() {
    let (now, mut registrar) = registrar();
    for (n, uri) in ["sip:a@10.0.0.1", "sip:a@10.0.0.2"].into_iter().enumerate() {
        let contact = Contact { instance: Some("urn:uuid:1".to_owned()), ..Contact::new(uri) };
        let registration = Registration::new(format!("c{n}"), 1, flow(1), Contacts::Some(vec![contact]));
        registrar.register(now, "x", registration).unwrap();
    }
    assert_eq!(uris(&registrar, now, "x"), ["sip:a@10.0.0.2"]);
}

#[test]
fn a_closed_connection_takes_its_contacts_along() {
    let (now, mut registrar) = registrar();
    let connection = ConnectionId(NonZeroU64::MIN);
    let over_tcp = Flow { protocol: Protocol::Tcp, connection: Some(connection), ..flow(1) };
    registrar.register(now, "x", Registration::new("c", 1, over_tcp, some(&["sip:a@h"]))).unwrap();
    registrar.register(now, "y", Registration::new("c", 1, over_tcp, some(&["sip:a@h"]))).unwrap();
    registrar.register(now, "y", Registration::new("d", 1, flow(1), some(&["sip:b@h"]))).unwrap();
    assert_eq!(registrar.connection_closed(now, connection), ["x"]);
    assert_eq!(uris(&registrar, now, "y"), ["sip:b@h"]);
    assert_eq!(registrar.connection_closed(now, connection), [""; 0]);
    assert!(registrar.connections.is_empty());
}

#[test]
fn a_full_registrar_still_refreshes() {
    let now = Instant::now();
    let mut registrar = Registrar::new(Limits { aors: 1, ..Limits::default() });
    registrar.register(now, "x", Registration::new("c", 1, flow(1), some(&["sip:a@h"]))).unwrap();
    let refused = registrar.register(now, "y", Registration::new("c", 1, flow(1), some(&["sip:a@h"])));
    assert_eq!(refused, Err(Refused::Full));
    registrar.register(now, "x", Registration::new("c", 2, flow(1), some(&["sip:a@h"]))).unwrap();
}

#[test]
fn refreshing_often_does_not_grow_the_registrar() {
    let (now, mut registrar) = registrar();
    for cseq in 1..10_000 {
        registrar.register(now, "x", Registration::new("c", cseq, flow(1), some(&["sip:a@h"]))).unwrap();
    }
    assert!(registrar.expiries.len() < 100);
}

#[test]
fn a_user_part_is_compared_as_written() {
    let (now, mut registrar) = registrar();
    for (n, uri) in
        ["sip:a@H.example;transport=UDP", "SIP:a@h.example;transport=udp", "sip:A@h.example"].iter().enumerate()
    {
        registrar.register(now, "x", Registration::new(format!("c{n}"), 1, flow(1), some(&[uri]))).unwrap();
    }
    assert_eq!(uris(&registrar, now, "x"), ["sip:A@h.example", "SIP:a@h.example;transport=udp"]);
}

fn register(headers: &str) -> Result<Registration, BadRegistration> {
    let text = format!(
        "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@example.com>;tag=1\r\n\
         To: <sip:a@example.com>\r\nCall-ID: c\r\nCSeq: 3 REGISTER\r\n{headers}\r\n"
    );
    Registration::read(&Message::parse(text.into(), &wire::Limits::default()).unwrap(), flow(1))
}

#[test]
fn a_register_is_read_and_answered_with_what_is_bound() {
    let (now, mut registrar) = registrar();
    let registration = register(
        "Contact: \"A\" <sip:a@10.0.0.5;transport=tcp>;q=0.5;expires=90;+sip.instance=\"<urn:uuid:7>\";reg-id=2, <sip:b@h>\r\n\
         Expires: 60\r\nPath: <sip:edge;lr>\r\nUser-Agent: phone\r\n",
    )
    .unwrap();
    assert_eq!((registration.cseq, registration.call_id.as_str()), (3, "c"));
    assert_eq!(registration.path, ["<sip:edge;lr>"]);
    registrar.register(now, "a", registration).unwrap();
    let ok = registrar.write_contacts(now, &"a", Builder::response(200, "")).finish();
    let ok = Message::parse(ok, &wire::Limits::default()).unwrap();
    let contacts: Vec<_> = ok.header_values(Name::Contact).collect();
    assert_eq!(
        contacts,
        [
            "<sip:b@h>;expires=60",
            "<sip:a@10.0.0.5;transport=tcp>;expires=90;q=0.500;+sip.instance=\"<urn:uuid:7>\";reg-id=2"
        ]
    );
    let binding = registrar.lookup(now, &"a").nth(1).unwrap();
    assert_eq!((binding.instance.as_deref(), binding.user_agent.as_deref()), (Some("urn:uuid:7"), Some("phone")));
}

#[test]
fn a_star_stands_alone_and_with_expires_0() {
    assert_eq!(register("Contact: *\r\nExpires: 0\r\n").unwrap().contacts, Contacts::RemoveAll);
    assert_eq!(register("").unwrap().contacts, Contacts::Query);
    assert_eq!(register("Contact: *\r\n").unwrap_err(), BadRegistration::Wildcard);
    assert_eq!(register("Contact: *\r\nExpires: 60\r\n").unwrap_err(), BadRegistration::Wildcard);
    assert_eq!(register("Contact: *, <sip:a@h>\r\nExpires: 0\r\n").unwrap_err(), BadRegistration::Wildcard);
    assert_eq!(register("Contact: <tel:+12025550123>\r\n").unwrap_err(), BadRegistration::Scheme);
    assert!(matches!(register("Contact: <sip:a@h>\r\nExpires: soon\r\n"), Err(BadRegistration::Header(_))));
}
