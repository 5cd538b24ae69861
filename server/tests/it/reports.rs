//! Reports and exports of document 003, on each store.

use std::io::Cursor;
use std::time::Duration;

use calamine::{Data, Reader as _, Xlsx, open_workbook_from_rs};
use chrono::{Days, NaiveDate, TimeDelta};
use dialplane_core::clock::{Clock as _, SystemClock};
use dialplane_core::people::User;
use dialplane_core::scope::Actor;
use dialplane_core::store::{Access, Store as _};
use dialplane_storage_sqlite::SqliteStore;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Person, Server, assert_problem};

/// The body of the document, word for word.
fn documented() -> Value {
    json!({
        "reportDate": "2024-01-15",
        "reportType": "daily",
        "totalCalls": 15,
        "completedCalls": 12,
        "followUpsCompleted": 8,
        "convertedLeads": 2,
        "dailyNotes": "Good day overall, converted 2 leads"
    })
}

/// A company in New York with an agent, on each store.
async fn shops() -> Vec<(Server, Person, Person)> {
    let mut shops = Vec::new();
    for server in Server::on_each_store() {
        let admin = server.set_up().await;
        let ann = server.join(&admin.token, "telecaller", "ann@alpha.example").await;
        shops.push((server, admin, ann));
    }
    shops
}

async fn enter(server: &Server, token: &str, body: Value) -> String {
    let call = server.ok("POST", "/api/calls", token, body).await;
    format!("/api/calls/{}", call["call"]["id"].as_str().unwrap())
}

/// Three calls of the 15th of January in New York, two of them answered, one of those about a lead; and one of the next day.
async fn january(server: &Server, admin: &Person, ann: &Person) -> Vec<String> {
    let lead = json!({"name": "John Doe", "email": "john@example.com", "assignedTo": ann.id});
    let lead = server.ok("POST", "/api/leads", &admin.token, lead).await["lead"]["_id"].clone();
    let calls = [
        json!({"startTime": "2024-01-15T15:00:00Z", "duration": 120, "number": "+12025550123", "leadId": lead,
            "outcome": "interested", "comments": "=HYPERLINK(\"http://evil.example\")"}),
        json!({"startTime": "2024-01-16T04:30:00Z", "duration": 60, "callType": "inbound", "number": "+12025550124",
            "comments": "Žofie Ñandú, 李小龍 🦜 مرحبا بالعالم"}),
        json!({"startTime": "2024-01-15T16:00:00Z", "status": "no_answer", "number": "+12025550125", "leadId": lead}),
        json!({"startTime": "2024-01-16T05:30:00Z", "duration": 600, "number": "+12025550126"}),
    ];
    let mut paths = Vec::new();
    for call in calls {
        paths.push(enter(server, &ann.token, call).await);
    }
    paths
}

fn figures(report: &Value) -> Value {
    json!([
        report["totalCalls"],
        report["completedCalls"],
        report["talkSeconds"],
        report["followUpsCompleted"],
        report["convertedLeads"],
        report["newLeads"],
    ])
}

fn fields(answer: &Answer) -> Vec<&str> {
    let errors = answer.body["errors"].as_array().unwrap_or_else(|| panic!("{}", answer.text));
    errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
}

/// Of a daily, a weekly and a monthly report of the agent and a daily one of the admin.
async fn filters_keep_some_and_leave_some_out(server: &Server, admin: &Person, ann: &Person) {
    let ann_only = format!("userId={}", ann.id);
    for (query, kinds) in [
        ("", &["daily", "daily", "monthly", "weekly"][..]),
        (&ann_only, &["daily", "monthly", "weekly"]),
        (&format!("userId={}", admin.id), &["daily"]),
        ("reportType=daily", &["daily", "daily"]),
        (&format!("{ann_only}&reportType=weekly"), &["weekly"]),
        (&format!("{ann_only}&reportType=monthly"), &["monthly"]),
        (&format!("{ann_only}&dateFrom=2024-01-02"), &["daily", "weekly"]),
        (&format!("{ann_only}&dateFrom=2024-01-16"), &[]),
        (&format!("{ann_only}&dateTo=2024-01-14"), &["monthly"]),
        (&format!("{ann_only}&dateFrom=2024-01-01&dateTo=2024-01-31"), &["daily", "monthly", "weekly"]),
    ] {
        let list = server.get(&format!("/api/reports?{query}"), &admin.token).await;
        let mut found: Vec<&str> =
            list["reports"].as_array().unwrap().iter().map(|one| one["reportType"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!((found, &list["pagination"]["total"]), (kinds.to_vec(), &json!(kinds.len())), "{query}");
    }
    let last = server.get(&format!("/api/reports?{ann_only}&page=3&limit=1"), &admin.token).await;
    assert_eq!(last["reports"][0]["reportType"], "monthly", "latest period first");
    assert_eq!(last["pagination"], json!({"page": 3, "limit": 1, "total": 3, "pages": 3}));
}

#[tokio::test]
async fn a_report_shows_what_was_done_and_beside_it_what_the_person_says() {
    for (server, admin, ann) in shops().await {
        let calls = january(&server, &admin, &ann).await;
        let answer = server.call("POST", "/api/reports", &ann.token, documented()).await;
        assert_eq!((answer.status, answer.headers["etag"].to_str().unwrap().starts_with("\"1")), (201, true));
        let report = &answer.body["report"];
        assert_eq!(figures(report), json!([3, 2, 180, 1, 0, 0]), "{}", answer.text);
        let stated = json!({"totalCalls": 15, "completedCalls": 12, "followUpsCompleted": 8, "convertedLeads": 2});
        assert_eq!((&report["stated"], &report["differs"]), (&stated, &json!(true)));
        let path = format!("/api/reports/{}", report["_id"].as_str().unwrap());

        // The list has every documented field.
        let query = "userId=UID&reportType=daily&dateFrom=2024-01-15&dateTo=2024-01-15&page=1&limit=10";
        let list = server.get(&format!("/api/reports?{}", query.replace("UID", &ann.id)), &admin.token).await;
        let [listed] = list["reports"].as_array().unwrap().as_slice() else { panic!("{list}") };
        assert_eq!(
            (&listed["user"]["_id"], &listed["user"]["name"]),
            (&json!(ann.id), &json!("telecaller ann@alpha.example"))
        );
        assert_eq!((&listed["_id"], &listed["reportDate"]), (&report["_id"], &json!("2024-01-15T00:00:00Z")));
        assert_eq!((&listed["reportType"], &listed["lastDay"]), (&json!("daily"), &json!("2024-01-15")));
        assert_eq!(listed["dailyNotes"], "Good day overall, converted 2 leads");
        assert_eq!(figures(listed), json!([3, 2, 180, 1, 0, 0]));
        assert_eq!(list["pagination"], json!({"page": 1, "limit": 10, "total": 1, "pages": 1}));

        // What is corrected in the log is right in the report, on the other day too.
        server.ok("PUT", &calls[1], &ann.token, json!({"startTime": "2024-01-16T15:00:00Z"})).await;
        server.ok("DELETE", &calls[2], &ann.token, Value::Null).await;
        assert_eq!(figures(&server.get(&path, &ann.token).await["report"]), json!([1, 1, 120, 1, 0, 0]));
        let week = json!({"reportType": "weekly", "reportDate": "2024-01-21", "totalCalls": 3});
        let week = server.ok("POST", "/api/reports", &ann.token, week).await["report"].clone();
        assert_eq!((&week["reportDate"], &week["lastDay"]), (&json!("2024-01-15T00:00:00Z"), &json!("2024-01-21")));
        assert_eq!((figures(&week), &week["differs"]), (json!([3, 3, 780, 1, 0, 0]), &json!(false)));
        let month = json!({"reportType": "monthly", "reportDate": "2024-01-31"});
        let month = server.ok("POST", "/api/reports", &ann.token, month).await["report"].clone();
        assert_eq!((&month["reportDate"], &month["stated"]), (&json!("2024-01-01T00:00:00Z"), &Value::Null));

        // One report of a person and period.
        let again = server.call("POST", "/api/reports", &ann.token, documented()).await;
        assert_problem(&again, 409, "duplicate_report");
        assert_eq!(again.body["existing"], report["_id"]);
        server.ok("POST", "/api/reports", &admin.token, documented()).await;

        filters_keep_some_and_leave_some_out(&server, &admin, &ann).await;

        // A report that was read can be sent back; a stale one is refused.
        let mut whole = server.get(&path, &ann.token).await["report"].clone();
        whole["notes"] = json!("  Called back on Friday 🦜 ");
        whole["convertedLeads"] = Value::Null;
        whole.as_object_mut().unwrap().remove("user");
        let changed = server.ok("PUT", &path, &ann.token, whole).await["report"].clone();
        assert_eq!((&changed["notes"], &changed["version"]), (&json!("Called back on Friday 🦜"), &json!(2)));
        assert_eq!((&changed["stated"]["convertedLeads"], &changed["differs"]), (&Value::Null, &json!(false)));
        let stale = server.request("PUT", &path, &ann.token).header("if-match", "\"1\"").json(&json!({"notes": "x"}));
        assert_eq!(crate::support::answer(stale).await.status, 409);
        for (field, value) in [("reportDate", "2024-01-16"), ("reportType", "weekly"), ("userId", &*admin.id)] {
            let moved = server.call("PUT", &path, &ann.token, json!({field: value})).await;
            assert_eq!((moved.status, fields(&moved)), (400, vec![field]));
        }
    }
}

#[tokio::test]
async fn leads_that_came_and_were_sold_are_in_the_report_of_the_day() {
    for (server, admin, ann) in shops().await {
        for (n, sold) in [(1, true), (2, false), (3, false)] {
            let body = json!({"name": "Lead", "email": format!("l{n}@example.com"), "assignedTo": ann.id});
            let lead = server.ok("POST", "/api/leads", &admin.token, body).await["lead"]["_id"].clone();
            if sold {
                for status in ["contacted", "qualified", "interested", "converted"] {
                    let path = format!("/api/leads/{}", lead.as_str().unwrap());
                    server.ok("PUT", &path, &ann.token, json!({"status": status})).await;
                }
            }
        }
        let report =
            server.ok("POST", "/api/reports", &ann.token, json!({"convertedLeads": 1})).await["report"].clone();
        assert_eq!(figures(&report), json!([0, 0, 0, 0, 1, 3]));
        assert_eq!((&report["reportType"], &report["differs"]), (&json!("daily"), &json!(false)));
    }
}

#[tokio::test]
async fn agents_have_their_own_reports_and_managers_everybodys() {
    let server = Server::start();
    let admin = server.set_up().await;
    let ann = server.join(&admin.token, "telecaller", "ann@alpha.example").await;
    let bob = server.join(&admin.token, "officer", "bob@alpha.example").await;
    let boss = server.join(&admin.token, "supervisor", "boss@alpha.example").await;
    let made = server.ok("POST", "/api/reports", &ann.token, documented()).await;
    let path = format!("/api/reports/{}", made["report"]["id"].as_str().unwrap());
    for (method, body) in [("GET", Value::Null), ("PUT", json!({"notes": "mine"}))] {
        assert_problem(&server.call(method, &path, &bob.token, body).await, 404, "not_found");
    }
    let of_ann = format!("/api/reports?userId={}", ann.id);
    assert_problem(&server.call("GET", &of_ann, &bob.token, Value::Null).await, 403, "forbidden");
    assert_eq!(server.get("/api/reports", &bob.token).await["pagination"]["total"], 0);
    let mut other = documented();
    other["userId"] = json!(ann.id);
    assert_problem(&server.call("POST", "/api/reports", &bob.token, other.clone()).await, 403, "forbidden");
    let taken = server.call("POST", "/api/reports", &boss.token, other.clone()).await;
    assert_problem(&taken, 409, "duplicate_report");
    other["reportDate"] = json!("2024-01-16");
    server.ok("POST", "/api/reports", &boss.token, other).await;
    server.ok("PUT", &path, &boss.token, json!({"notes": "seen"})).await;
    assert_eq!(server.get(&of_ann, &boss.token).await["pagination"]["total"], 2);
    assert_eq!(server.get("/api/reports", &ann.token).await["reports"][0]["reportDate"], "2024-01-16T00:00:00Z");
}

#[tokio::test]
async fn a_report_that_cannot_be_is_refused_with_every_field_at_once() {
    let server = Server::start();
    let admin = server.set_up().await;
    let body = json!({"reportDate": "2024-02-30", "reportType": "yearly", "totalCalls": -1, "completedCalls": 1_000_001,
        "followUpsCompleted": "many", "dailyNotes": "x".repeat(10_001), "notes": 7});
    let answer = server.call("POST", "/api/reports", &admin.token, body).await;
    assert_problem(&answer, 400, "invalid_input");
    let mut found = fields(&answer);
    found.sort_unstable();
    let all = ["completedCalls", "dailyNotes", "followUpsCompleted", "notes", "reportDate", "reportType", "totalCalls"];
    assert_eq!(found, all);
    let one = async |body: Value| {
        let answer = server.call("POST", "/api/reports", &admin.token, body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        fields(&answer).join(" ")
    };
    assert_eq!(one(json!({"reportDate": "2999-01-01"})).await, "reportDate");
    assert_eq!(one(json!({"reportDate": "0001-01-01"})).await, "reportDate");
    assert_eq!(one(json!({"userId": "0199a0a0-0000-7000-8000-000000000000"})).await, "userId");
    for (query, field) in [
        ("reportType=hourly", "reportType"),
        ("dateFrom=2024-02-02&dateTo=2024-02-01", "dateTo"),
        ("dateFrom=soon", "dateFrom"),
        ("userId=42", "userId"),
    ] {
        let answer = server.call("GET", &format!("/api/reports?{query}"), &admin.token, Value::Null).await;
        assert_eq!((answer.status, fields(&answer)), (400, vec![field]));
    }
    // Emoji and right-to-left text are text.
    let notes = json!({"dailyNotes": "👩‍💻 \u{202e}مرحبا", "reportDate": "2024-01-15"});
    let made = server.ok("POST", "/api/reports", &admin.token, notes.clone()).await;
    assert_eq!(made["report"]["dailyNotes"], notes["dailyNotes"]);
}

/// The export as the document has it.
async fn export(server: &Server, token: &str, path: &str) -> Value {
    let answer = server.get(&format!("/api/reports/export/{path}"), token).await;
    let filename = answer["filename"].as_str().unwrap();
    let url = answer["downloadUrl"].as_str().unwrap();
    let (stem, ending) = filename.rsplit_once('.').unwrap();
    assert!(url.starts_with(&format!("/api/reports/download/{stem}")) && url.ends_with(ending), "{answer}");
    answer
}

async fn download(server: &Server, token: &str, path: &str) -> Vec<u8> {
    let export = export(server, token, path).await;
    let response = server.request("GET", export["downloadUrl"].as_str().unwrap(), token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let attachment = format!("attachment; filename=\"{}\"", export["filename"].as_str().unwrap());
    assert_eq!(response.headers()["content-disposition"], attachment.as_str());
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.bytes().await.unwrap().to_vec()
}

const JANUARY: &str = "dateFrom=2024-01-15&dateTo=2024-01-16";

#[tokio::test]
async fn a_workbook_has_typed_cells_and_sums_and_no_formula_of_anybody() {
    for (server, admin, ann) in shops().await {
        january(&server, &admin, &ann).await;
        server.ok("POST", "/api/reports", &ann.token, documented()).await;
        let one = export(&server, &admin.token, "daily?format=excel&dateFrom=2024-01-15&dateTo=2024-01-15").await;
        assert_eq!(one["filename"], "report_2024-01-15.xlsx");
        for (user, rows) in [(&ann.id, 4), (&admin.id, 0)] {
            let of_one = download(&server, &admin.token, &format!("calls?format=csv&{JANUARY}&userId={user}")).await;
            assert_eq!(csv::Reader::from_reader(&*of_one).records().count(), rows, "of one person only");
        }

        let bytes = download(&server, &admin.token, &format!("calls?format=excel&{JANUARY}")).await;
        let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).unwrap();
        let sheet = book.worksheet_range("Report").unwrap();
        assert_eq!(sheet.get((0, 0)), Some(&Data::String("Call log".to_owned())));
        let origin = sheet.get((1, 0)).unwrap().to_string();
        assert!(origin.starts_with("Alpha · 2024-01-15 to 2024-01-16 · America/New_York · made "), "{origin}");
        let names: Vec<String> = sheet.rows().nth(3).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(names[..3], ["Began", "Person", "Direction"]);
        let row =
            sheet.rows().find(|row| row[3].to_string().is_empty() && row[4] == Data::String("+12025550123".into()));
        let row = row.or_else(|| sheet.rows().find(|row| row[4] == Data::String("+12025550123".into()))).unwrap();
        let Data::DateTime(began) = &row[0] else { panic!("{row:?}") };
        assert_eq!(began.as_datetime().unwrap().to_string(), "2024-01-15 10:00:00");
        let talk = match &row[6] {
            Data::DateTime(talk) => talk.as_f64(),
            Data::Float(talk) => *talk,
            other => panic!("{other:?}"),
        };
        assert!((talk * 86_400.0 - 120.0).abs() < 1e-6, "{talk}");
        assert_eq!(row[8], Data::String("=HYPERLINK(\"http://evil.example\")".to_owned()));
        assert!(sheet.rows().any(|row| row[8] == Data::String("Žofie Ñandú, 李小龍 🦜 مرحبا بالعالم".to_owned())));
        // The only formulas are the sums, and they come with their values.
        let formulas = book.worksheet_formula("Report").unwrap();
        let formulas: Vec<String> = formulas.used_cells().map(|(_, _, formula)| formula.clone()).collect();
        assert_eq!(formulas, ["SUBTOTAL(109,G5:G8)"]);
        let total = match &sheet.get((8, 6)).unwrap() {
            Data::DateTime(total) => total.as_f64(),
            Data::Float(total) => *total,
            other => panic!("{other:?}"),
        };
        assert!((total * 86_400.0 - 780.0).abs() < 1e-6, "{total}");
        let days = book.worksheet_range("Calls per day").unwrap();
        assert_eq!((days.get((1, 1)), days.get((2, 1))), (Some(&Data::Float(3.0)), Some(&Data::Float(1.0))));

        let bytes = download(&server, &admin.token, &format!("summary?{JANUARY}&userId={}", ann.id)).await;
        let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).unwrap();
        let sheet = book.worksheet_range("Report").unwrap();
        let row: Vec<String> = sheet.rows().nth(4).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(row[..6], ["telecaller ann@alpha.example", "4", "1", "3", "0", "3"]);
    }
}

#[tokio::test]
async fn a_text_has_every_row_and_no_formula() {
    for (server, admin, ann) in shops().await {
        january(&server, &admin, &ann).await;
        let body = json!({"reportDate": "2024-01-15", "totalCalls": 3, "dailyNotes": "-1+1 \"quoted\", and\nmore"});
        server.ok("POST", "/api/reports", &ann.token, body).await;
        let bytes = download(&server, &ann.token, &format!("daily?format=csv&{JANUARY}")).await;
        let text = String::from_utf8(bytes).unwrap();
        let mut reader = csv::Reader::from_reader(text.strip_prefix('\u{feff}').unwrap().as_bytes());
        let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        assert_eq!(names[..4], ["Day", "Person", "Calls", "Completed"]);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let [row] = rows.as_slice() else { panic!("{text}") };
        let row: Vec<&str> = row.iter().collect();
        let expected =
            ["2024-01-15", "telecaller ann@alpha.example", "3", "2", "180", "1", "0", "0", "3", "", "", "", "false"];
        assert_eq!(row[..13], expected);
        assert_eq!(row[13], "'-1+1 \"quoted\", and\nmore");

        let bytes = download(&server, &ann.token, &format!("calls?format=csv&{JANUARY}")).await;
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            text.contains("'+12025550123") && text.contains("\"'=HYPERLINK(\"\"http://evil.example\"\")\""),
            "{text}"
        );
        assert_eq!(csv::Reader::from_reader(text.as_bytes()).records().count(), 4);
    }
}

#[tokio::test]
async fn a_document_is_text_in_many_scripts_with_numbered_pages() {
    for (server, admin, ann) in shops().await {
        january(&server, &admin, &ann).await;
        for n in 0..60 {
            let body =
                json!({"startTime": format!("2024-01-16T15:{n:02}:00Z"), "duration": n, "number": "+12025550199"});
            enter(&server, &ann.token, body).await;
        }
        let bytes = download(&server, &admin.token, &format!("calls?format=pdf&{JANUARY}")).await;
        assert!(bytes.starts_with(b"%PDF-"));
        let pages = pdf_extract::extract_text_from_mem_by_pages(&bytes).unwrap();
        assert!(pages.len() > 1, "{}", pages.len());
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let pages: Vec<String> = pages.iter().map(|page| plain(page)).collect();
        assert!(pages[0].contains("Call log") && pages[0].contains("Alpha · 2024-01-15 to 2024-01-16"), "{}", pages[0]);
        assert!(pages[0].contains("Calls per day"), "{}", pages[0]);
        for (number, page) in pages.iter().enumerate() {
            assert!(page.contains("Began") && page.contains("Talk time"), "the header is on each page: {page}");
            assert!(page.contains(&format!("Page {} of {}", number + 1, pages.len())), "{page}");
        }
        let all = pages.join(" ");
        assert!(all.contains("Žofie Ñandú") && all.contains("+12025550124"), "{all}");
        assert!(all.contains("Total") && all.contains("0:42:30"), "{all}");

        // Nothing to show is a document too.
        let bytes = download(&server, &admin.token, "weekly?format=pdf&dateFrom=2020-01-01&dateTo=2020-01-02").await;
        let text = pdf_extract::extract_text_from_mem(&bytes).unwrap();
        assert!(text.contains("No rows in this period"), "{text}");
    }
}

#[tokio::test]
async fn an_export_that_cannot_be_is_refused_with_every_field_at_once() {
    let server = Server::start();
    let admin = server.set_up().await;
    let ann = server.join(&admin.token, "telecaller", "ann@alpha.example").await;
    let ask = async |path: &str, token: &str| {
        server.call("GET", &format!("/api/reports/export/{path}"), token, Value::Null).await
    };
    let answer = ask("yearly?format=word&dateFrom=2024-02-30&dateTo=later", &admin.token).await;
    assert_eq!((answer.status, fields(&answer)), (400, vec!["type", "format", "dateFrom", "dateTo"]));
    for (query, field) in [
        ("dateFrom=2024-01-02&dateTo=2024-01-01", "dateTo"),
        ("dateFrom=2010-01-01&dateTo=2024-01-01", "dateFrom"),
        ("timezone=Asia/Tokyo", "timezone"),
        ("userId=ann", "userId"),
    ] {
        let answer = ask(&format!("daily?{query}"), &admin.token).await;
        assert_eq!((answer.status, fields(&answer)), (400, vec![field]), "{}", answer.text);
    }
    // Ten years are a range; and a person who is nobody is not there.
    assert_eq!(ask("summary?format=pdf&dateFrom=2014-01-02&dateTo=2024-01-01", &admin.token).await.status, 200);
    assert_problem(&ask("daily?userId=0199a0a0-0000-7000-8000-000000000000", &admin.token).await, 404, "not_found");
    assert_problem(&ask(&format!("calls?userId={}", admin.id), &ann.token).await, 403, "forbidden");
    assert_problem(&ask("daily", "").await, 401, "no_token");
}

#[tokio::test]
async fn a_link_is_its_owners_alone_and_survives_a_restart() {
    let mut server = Server::start();
    let admin = server.set_up().await;
    let ann = server.join(&admin.token, "telecaller", "ann@alpha.example").await;
    let beta = server.ok("POST", "/api/companies", &admin.token, json!({"name": "Beta"})).await;
    let beta = beta["company"]["id"].as_str().unwrap().to_owned();
    let bea = json!({"name": "Bea", "email": "bea@beta.example", "password": PASSWORD, "role": "admin"});
    let made = server.request("POST", "/api/users", &admin.token).header("x-company-id", &beta).json(&bea);
    assert_eq!(made.send().await.unwrap().status(), 201);
    let bea = server.login("bea@beta.example", PASSWORD).await;

    let url = export(&server, &ann.token, "daily?format=csv").await["downloadUrl"].as_str().unwrap().to_owned();
    assert_eq!(server.call("GET", &url, &ann.token, Value::Null).await.status, 200);
    assert_problem(&server.call("GET", &url, "", Value::Null).await, 401, "no_token");
    for other in [&bea, &admin] {
        assert_problem(&server.call("GET", &url, &other.token, Value::Null).await, 404, "not_found");
    }
    // A platform admin's link is good in the company that it was made in.
    let made = server.request("GET", "/api/reports/export/daily", &admin.token).header("x-company-id", &beta);
    let elsewhere = crate::support::answer(made).await.body["downloadUrl"].as_str().unwrap().to_owned();
    assert_problem(&server.call("GET", &elsewhere, &admin.token, Value::Null).await, 404, "not_found");

    // Names that were never given out, and ways out of the folder.
    let (path, name) = url.rsplit_once('/').unwrap();
    let pdf = name.replace(".csv", ".pdf");
    let names = [
        "report_2024-01-15.xlsx",
        &*pdf,
        &name.replace("report_", "rapport_"),
        "..%2F..%2Fsecrets.toml",
        "..%2Fdialplane.db",
        "%2e%2e%2fsecrets.toml",
        "%00",
        "%ff",
        &"a".repeat(4_000),
    ];
    for name in names {
        let answer = server.call("GET", &format!("{path}/{name}"), &ann.token, Value::Null).await;
        assert!(matches!(answer.status, 400 | 404), "{name}: {} {}", answer.status, answer.text);
        assert_eq!(answer.body["success"], false, "{name}");
    }

    // Files are their owner's only, and nothing that was not finished stays.
    let folder = server.directory.path().join("data/exports");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    #[cfg(unix)]
    for file in &files {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    server.stop();
    let directory = std::mem::replace(&mut server.directory, tempfile::tempdir().unwrap());
    let again = Server::start_in(directory, &[("DIALPLANE_RATE_LIMITS", "off")]);
    assert_eq!(again.call("GET", &url, &ann.token, Value::Null).await.status, 200);
}

/// Asks again until the answer has this status.
async fn until(server: &Server, url: &str, token: &str, status: u16) -> Answer {
    for _ in 0..200 {
        let answer = server.call("GET", url, token, Value::Null).await;
        if answer.status == status {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{url} never answers {status}");
}

#[tokio::test]
async fn a_link_ends() {
    let server = Server::start_with(&[("DIALPLANE_RATE_LIMITS", "off"), ("DIALPLANE_EXPORT_LIFE", "2s")]);
    let admin = server.set_up().await;
    let export = export(&server, &admin.token, "daily?format=csv").await;
    let url = export["downloadUrl"].as_str().unwrap();
    assert_eq!(server.call("GET", url, &admin.token, Value::Null).await.status, 200);
    assert_problem(&until(&server, url, &admin.token, 410).await, 410, "link_expired");
}

#[tokio::test]
async fn daily_reports_are_written_by_themselves_and_filled_in_by_the_person() {
    let mut server = Server::start();
    let admin = server.set_up().await;
    let ann = server.join(&admin.token, "telecaller", "ann@alpha.example").await;
    let away = server.join(&admin.token, "telecaller", "away@alpha.example").await;
    server.ok("PUT", &format!("/api/users/{}", away.id), &admin.token, json!({"isActive": false})).await;
    server.stop();
    // The agents have been there for three days.
    let store = SqliteStore::open(server.directory.path().join("data/dialplane.db")).await.unwrap();
    let mut tx = store.begin(Actor::system().scope(), Access::Write).await.unwrap();
    for id in [&ann.id, &away.id] {
        let user = tx.user(id.parse().unwrap()).await.unwrap().unwrap();
        let created_at = user.created_at - TimeDelta::days(3);
        tx.update_user(&User { created_at, version: user.version + 1, ..user }).await.unwrap();
    }
    tx.commit().await.unwrap();
    drop(store);

    let directory = std::mem::replace(&mut server.directory, tempfile::tempdir().unwrap());
    let mut server = Server::start_in(directory, &[("DIALPLANE_RATE_LIMITS", "off")]);
    let ann = server.login(&ann.email, PASSWORD).await;
    let mut reports = Value::Null;
    for _ in 0..200 {
        reports = server.get("/api/reports", &ann.token).await;
        if reports["pagination"]["total"] == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let days: Vec<&str> =
        reports["reports"].as_array().unwrap().iter().map(|one| one["reportDate"].as_str().unwrap()).collect();
    let today = SystemClock.now().with_timezone(&chrono_tz::America::New_York).date_naive();
    let expected: Vec<String> =
        (1..=3).map(|back| format!("{}T00:00:00Z", today.checked_sub_days(Days::new(back)).unwrap())).collect();
    assert_eq!(days, expected);
    assert!(reports["reports"].as_array().unwrap().iter().all(|one| one["isAutomatic"] == true), "{reports}");
    assert_eq!(server.get("/api/reports", &admin.token).await["pagination"]["total"], 3, "nobody else's");

    // The person writes in it, once.
    let yesterday: NaiveDate = today.pred_opt().unwrap();
    let said = json!({"reportDate": yesterday, "totalCalls": 4, "dailyNotes": "quiet"});
    let filled = server.ok("POST", "/api/reports", &ann.token, said.clone()).await["report"].clone();
    assert_eq!((&filled["id"], &filled["isAutomatic"]), (&reports["reports"][0]["id"], &json!(false)));
    assert_eq!((&filled["stated"]["totalCalls"], &filled["differs"]), (&json!(4), &json!(true)));
    assert_problem(&server.call("POST", "/api/reports", &ann.token, said).await, 409, "duplicate_report");

    // Another start finds nothing to do.
    server.stop();
    let directory = std::mem::replace(&mut server.directory, tempfile::tempdir().unwrap());
    let server = Server::start_in(directory, &[("DIALPLANE_RATE_LIMITS", "off")]);
    assert_eq!(server.get("/api/reports", &ann.token).await["pagination"]["total"], 3);
}
