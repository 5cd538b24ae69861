use super::*;
use crate::job::CellFault;
use crate::lead::tests::home;
use crate::lead::{LeadStatus, NewLead, Owner, Priority, Quality};

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn words(headers: &[&str]) -> Vec<String> {
    guess(&texts(headers)).0.iter().map(ToString::to_string).collect()
}

fn plan(headers: &[&str]) -> ImportPlan {
    ImportPlan {
        file: "leads.csv".to_owned(),
        headers: texts(headers),
        mapping: guess(&texts(headers)),
        on_duplicate: OnDuplicate::Skip,
        route: true,
        source: Source::IMPORT.parse().unwrap(),
    }
}

fn read(headers: &[&str], cells: &[&str]) -> Result<NewLead, Vec<(String, String)>> {
    let fault = |fault: CellFault| (fault.column, fault.message);
    read_row(&plan(headers), &texts(cells), home())
        .map(|row| row.lead)
        .map_err(|faults| faults.into_iter().map(fault).collect())
}

#[test]
fn headers_are_understood_however_they_are_written() {
    assert_eq!(
        words(&["Full Name", "E-Mail Address", "PHONE_NUMBER", "Lead Source", "Stage", "Owner", "Shoe size"]),
        ["name", "email", "phone", "source", "status", "assignedTo", "custom:Shoe size"]
    );
    assert_eq!(words(&["Vorname", "Nachname", "Telefon", "Priorität"]), ["firstName", "lastName", "phone", "priority"]);
    assert_eq!(words(&["Prénom", "Teléfono", "Correo electrónico"]), ["firstName", "phone", "email"]);
    assert_eq!(
        words(&["name", "Work e-mail (new)", "Home phone", "requirements", "Comments", "Rating", "Budget"]),
        ["name", "email", "phone", "requirements", "notes", "quality", "value"]
    );
}

#[test]
fn a_field_is_given_to_one_column_and_the_best_one() {
    assert_eq!(words(&["Other phone", "Phone", "Mobile"]), ["custom:Other phone", "phone", "custom:Mobile"]);
    assert_eq!(words(&["", "Size", "Size", "Import errors"]), ["ignore", "custom:Size", "ignore", "ignore"]);
    let many: Vec<String> = (0..60).map(|n| format!("own {n}")).collect();
    let own = guess(&many).0.iter().filter(|field| matches!(field, Field::Custom(_))).count();
    assert_eq!(own, crate::lead::FIELDS_MAX);
}

#[test]
fn what_was_said_goes_before_what_is_guessed() {
    let headers = texts(&["Phone", "Night line", "Who"]);
    let said = [("Night line".to_owned(), Field::Phone), ("Who".to_owned(), Field::Name)];
    let mapping = Mapping::given(&said, &headers).unwrap();
    assert_eq!(mapping.0, [Field::Custom("Phone".to_owned()), Field::Phone, Field::Name]);
    assert_eq!(mapping.check(3), Ok(()));
    let slip = [("Nightline".to_owned(), Field::Phone)];
    assert_eq!(Mapping::given(&slip, &headers), Err("Nightline".to_owned()));
}

#[test]
fn a_mapping_without_what_a_lead_needs_is_refused() {
    assert_eq!(guess(&texts(&["name"])).check(1), Err(ImportRefused::NoContact));
    assert_eq!(guess(&texts(&["phone"])).check(1), Err(ImportRefused::NoName));
    let twice = Mapping(vec![Field::Name, Field::Phone, Field::Phone]);
    assert_eq!(twice.check(3), Err(ImportRefused::Twice("phone".to_owned())));
    assert_eq!(twice.check(2), Err(ImportRefused::BadMapping { named: 3, columns: 2 }));
}

#[test]
fn words_of_fields_read_back() {
    for word in ["name", "firstName", "assignedTo", "ignore", "custom:Größe 🦜"] {
        assert_eq!(word.parse::<Field>().unwrap().to_string(), word);
    }
    assert_eq!("assigned_to".parse(), Ok(Field::AssignedTo));
    for bad in ["", "custom:", "custom: ", "shoe", &format!("custom:{}", "x".repeat(65))] {
        assert_eq!(bad.parse::<Field>(), Err(UnknownField), "{bad:?}");
    }
}

#[test]
fn a_row_becomes_a_lead() {
    let headers = [
        "First name",
        "Last name",
        "Phone",
        "Email",
        "Status",
        "Priority",
        "Quality",
        "Value",
        "Skills",
        "Größe",
        "Notes",
    ];
    let row = [
        "Žofie",
        "Ñandú",
        "(202) 555-0123",
        "Z@Example.com",
        "Do not call",
        "URGENT",
        "Hot",
        "$1,999.9",
        "B2B; es",
        "XL",
        "two\nlines",
    ];
    let lead = read(&headers, &row).unwrap();
    assert_eq!((lead.name.as_str(), lead.phone.as_deref()), ("Žofie Ñandú", Some("(202) 555-0123")));
    assert_eq!((lead.status, lead.priority, lead.quality), (LeadStatus::DoNotCall, Priority::Urgent, Quality::Hot));
    assert_eq!((lead.value, lead.needs.skills.len(), lead.source.as_str()), (Some(199_990), 2, "import"));
    assert_eq!((lead.custom.0["Größe"].as_str(), lead.notes.as_deref()), (Some("XL"), Some("two\nlines")));
    assert_eq!(lead.owner, Owner::Routed);
}

#[test]
fn empty_and_missing_cells_are_what_nobody_said() {
    let lead = read(&["name", "phone", "status", "source", "value", "Size"], &["李小龍 🦜", "+442079460000", "", " "])
        .unwrap();
    assert_eq!((lead.status, lead.source.as_str(), lead.value), (LeadStatus::New, "import", None));
    assert!(lead.custom.0.is_empty());
}

#[test]
fn everything_wrong_with_a_row_is_told_cell_by_cell() {
    let headers = ["Customer", "Tel", "Mail", "Stage", "Prio", "Priority", "Budget", "Notes"];
    let long = "x".repeat(10_001);
    let faults = read(&headers, &["", "call me", "nobody", "gone", "-", "soon", "1.234,5", &long]).unwrap_err();
    let columns: Vec<&str> = faults.iter().map(|(column, _)| column.as_str()).collect();
    assert_eq!(columns, ["Tel", "Mail", "Stage", "Priority", "Budget", "Notes", "Customer"]);
    assert!(faults.iter().all(|(_, message)| !message.is_empty()));
    let nobody = read(&["name", "Tel"], &["Ann", ""]).unwrap_err();
    assert_eq!(nobody, [("Tel".to_owned(), "a lead has a telephone number or an e-mail address".to_owned())]);
    let torn = read(&["name", "phone"], &["Ann", "+12025550123", "", "more"]).unwrap_err();
    assert_eq!(torn[0].1, "the row has 4 cells, and the header 2");
    let own = read(&["name", "phone", "Story"], &["Ann", "+12025550123", &"y".repeat(1_001)]).unwrap_err();
    assert_eq!(own[0].0, "Story");
}

#[test]
fn cells_of_a_spreadsheet_are_taken_as_they_are_meant() {
    let lead = read(&["name", "phone"], &["'=cmd|' /C calc'!A0", "=\"+12025550123\""]).unwrap();
    assert_eq!((lead.name.as_str(), lead.phone.as_deref()), ("=cmd|' /C calc'!A0", Some("+12025550123")));
}

#[test]
fn amounts_are_exact() {
    for (text, cents) in
        [("0", 0), ("1,234,567", 123_456_700), ("12.3", 1_230), ("€ 5.05", 505), ("1000000000", 100_000_000_000)]
    {
        let lead = read(&["name", "phone", "value"], &["A", "+12025550123", text]).unwrap();
        assert_eq!(lead.value, Some(cents), "{text}");
    }
    for bad in ["-1", "1,23", "12,3456", "1.234", "1e5", "1000000000.01", ",", ".5.", "NaN", "٣"] {
        assert!(read(&["name", "phone", "value"], &["A", "+12025550123", bad]).is_err(), "{bad}");
    }
}
