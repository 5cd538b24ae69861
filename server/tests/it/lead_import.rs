//! Leads from files and to files, on both stores.

use std::io::{Cursor, Write as _};
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{Answer, Person, Server, answer, assert_problem};

/// How long a job may take in a test; far more than any needs.
const PATIENCE: Duration = Duration::from_secs(90);

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

async fn send(server: &Server, token: &str, query: &str, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = server.request("POST", &format!("/api/leads/import{query}"), token);
    answer(request.header("content-type", kind).body(body.into())).await
}

/// Sends CSV in: the job.
async fn import(server: &Server, token: &str, query: &str, text: impl Into<reqwest::Body>) -> Value {
    let begun = send(server, token, query, "text/csv", text).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let job = begun.body["job"].clone();
    assert_eq!(begun.headers["location"], format!("/api/jobs/{}", job["id"].as_str().unwrap()));
    job
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

async fn job(server: &Server, token: &str, id: &str) -> Value {
    server.get(&format!("/api/jobs/{id}"), token).await["job"].clone()
}

/// Follows the company's events until the job has ended.
async fn ended(server: &Server, token: &str, id: &str) -> Value {
    let until = Instant::now() + PATIENCE;
    let mut events = server.request("GET", "/api/events", token).send().await.unwrap();
    loop {
        // Asked after the stream is open, so that no end is missed.
        let now = job(server, token, id).await;
        if !matches!(now["state"].as_str().unwrap(), "queued" | "running") {
            return now;
        }
        let left = until.saturating_duration_since(Instant::now());
        let news = tokio::time::timeout(left, events.chunk()).await;
        news.unwrap_or_else(|_| panic!("the job does not end: {now}")).unwrap();
    }
}

/// Imports, and waits for the end.
async fn imported(server: &Server, token: &str, query: &str, text: impl Into<reqwest::Body>) -> Value {
    let begun = import(server, token, query, text).await;
    ended(server, token, id(&begun)).await
}

fn counts(job: &Value) -> [u64; 4] {
    ["created", "updated", "skipped", "failed"].map(|word| job["counts"][word].as_u64().unwrap())
}

async fn leads(server: &Server, token: &str, query: &str) -> Vec<Value> {
    server.get(&format!("/api/leads?limit=200{query}"), token).await["leads"].as_array().unwrap().clone()
}

async fn text_of(server: &Server, path: &str, token: &str) -> (u16, String) {
    let answer = answer(server.request("GET", path, token)).await;
    (answer.status, answer.text)
}

/// Rows of leads that differ; every `bad`th cannot be read.
fn many(rows: usize, bad: usize) -> String {
    let mut text = String::from("Full name,Phone,E-mail,Priority,Shoe size\n");
    for n in 1..=rows {
        let phone = if bad > 0 && n % bad == 0 { "call me".to_owned() } else { format!("+1202555{n:04}") };
        text.push_str(&format!("Lead {n},{phone},lead{n}@example.com,high,{n}\n"));
    }
    text
}

async fn manager(server: &Server) -> (Person, Person) {
    let root = server.set_up().await;
    let manager = server.join(&root.token, "manager", "m@alpha.example").await;
    (root, manager)
}

#[tokio::test]
async fn a_good_file_becomes_leads_and_its_end_is_told() {
    for server in Server::on_each_store() {
        let (root, manager) = manager(&server).await;
        let agent = server.join(&root.token, "agent", "agent@alpha.example").await;
        server.ok("PUT", "/api/settings/leads", &manager.token, json!({"strategy": "round_robin"})).await;
        let text = "Full name,Phone,E-mail,Stage,Budget,Owner,Size,Comments\n\
            Ann,(202) 555-0101,ann@example.com,Contacted,\"1,999.90\",,XL,\"two\nlines\"\n\
            Bob,+442079460000,,,,agent@alpha.example,,\n";
        let done = imported(&server, &manager.token, "?fileName=fair.csv&source=Trade%20Fair", text).await;
        assert_eq!((done["state"].as_str(), counts(&done)), (Some("done"), [2, 0, 0, 0]), "{done}");
        assert_eq!((&done["file"], &done["total"], &done["errorsUrl"]), (&json!("fair.csv"), &json!(2), &Value::Null));
        assert_eq!(done["result"]["counts"]["created"], 2);
        assert_eq!(done["createdBy"], manager.id);
        let leads = leads(&server, &manager.token, "").await;
        let ann = leads.iter().find(|lead| lead["name"] == "Ann").unwrap();
        assert_eq!(
            (&ann["phone"], &ann["status"], &ann["value"]),
            (&json!("+12025550101"), &json!("contacted"), &json!(1999.9))
        );
        assert_eq!((&ann["source"], &ann["customFields"]), (&json!("trade_fair"), &json!({"Size": "XL"})));
        assert_eq!(ann["assignedTo"]["id"], agent.id, "routed: {ann}");
        let bob = leads.iter().find(|lead| lead["name"] == "Bob").unwrap();
        assert_eq!(bob["assignedTo"]["id"], agent.id, "named: {bob}");
        let detail = server.get(&format!("/api/leads/{}", id(ann)), &manager.token).await;
        assert_eq!(detail["lead"]["notes"], "two\nlines");
        let listed = server.get("/api/jobs?state=done&kind=lead_import", &manager.token).await;
        assert_eq!((id(&listed["jobs"][0]), &listed["pagination"]["total"]), (id(&done), &json!(1)));
        let again = server.call("POST", &format!("/api/jobs/{}/cancel", id(&done)), &manager.token, Value::Null).await;
        assert_problem(&again, 409, "job_ended");
    }
}

#[tokio::test]
async fn bad_rows_are_told_cell_by_cell_and_their_file_comes_in_again_once_it_is_right() {
    for server in Server::on_each_store() {
        let (_, manager) = manager(&server).await;
        let text = many(500, 50).replace("Lead 100,", "\"=cmd|' /C calc'!A0\",");
        let done = imported(&server, &manager.token, "?route=false", text).await;
        assert_eq!((done["state"].as_str(), counts(&done)), (Some("done"), [490, 0, 0, 10]), "{done}");
        let (status, errors) = text_of(&server, done["errorsUrl"].as_str().unwrap(), &manager.token).await;
        assert_eq!(status, 200);
        let lines: Vec<&str> = errors.trim_start_matches('\u{feff}').lines().collect();
        assert_eq!(lines.len(), 11);
        assert_eq!(lines[0], "Full name,Phone,E-mail,Priority,Shoe size,Import row,Import errors");
        assert!(lines[1].starts_with("Lead 50,call me,lead50@example.com,high,50,51,Phone: "), "{}", lines[1]);
        assert!(lines[2].starts_with("'=cmd|' /C calc'!A0,call me,"), "a formula stays a text: {}", lines[2]);
        let right: String = errors
            .lines()
            .enumerate()
            .map(|(n, line)| line.replace("call me", &format!("+1303555{n:04}")) + "\n")
            .collect();
        let fixed = imported(&server, &manager.token, "?route=false", right).await;
        assert_eq!(counts(&fixed), [10, 0, 0, 0], "{fixed}");
        let formula = leads(&server, &manager.token, "&q=calc").await;
        assert_eq!((formula.len(), &formula[0]["name"]), (1, &json!("=cmd|' /C calc'!A0")));
        assert_eq!(formula[0]["customFields"], json!({"Shoe size": "100"}));
    }
}

#[tokio::test]
async fn a_preview_shows_what_would_become_of_a_file_and_changes_nothing() {
    for server in Server::on_each_store() {
        let (_, manager) = manager(&server).await;
        let known =
            server.ok("POST", "/api/leads", &manager.token, json!({"name": "Known", "phone": "+12025550001"})).await;
        let text = "Kunde;Telefon;Night line;Size\nAnn;+12025550001;;S\nBob;x;;M\nCid;+12025550001;;L\n";
        let shown =
            send(&server, &manager.token, "?preview=true&mapping=%7B%22Size%22:%22ignore%22%7D", "text/csv", text)
                .await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        let shown = shown.body;
        let fields: Vec<&str> =
            shown["columns"].as_array().unwrap().iter().map(|column| column["field"].as_str().unwrap()).collect();
        assert_eq!(fields, ["name", "phone", "custom:Night line", "ignore"]);
        assert_eq!(shown["columns"][0]["samples"], json!(["Ann", "Bob", "Cid"]));
        let figures = ["rows", "checked", "valid", "invalid", "repeated"].map(|word| shown[word].as_u64().unwrap());
        assert_eq!((figures, &shown["problem"]), ([3, 3, 2, 1, 1], &Value::Null));
        assert_eq!(shown["sample"][0]["duplicateOf"], known["lead"]["id"]);
        assert_eq!(
            (&shown["sample"][0]["lead"]["phone"], &shown["sample"][0]["row"]),
            (&json!("+12025550001"), &json!(2))
        );
        assert_eq!(
            (&shown["errors"][0]["row"], &shown["errors"][0]["errors"][0]["field"]),
            (&json!(3), &json!("Telefon"))
        );
        let blind = send(&server, &manager.token, "?preview=true", "text/csv", "a,b\n1,2\n").await;
        assert!(blind.body["problem"].as_str().unwrap().contains("name"), "{}", blind.text);
        assert_eq!(leads(&server, &manager.token, "").await.len(), 1);
        assert_eq!(server.get("/api/jobs", &manager.token).await["pagination"]["total"], 0);
    }
}

#[tokio::test]
async fn a_mapping_is_taken_from_the_form_and_a_wrong_one_is_refused() {
    for server in Server::on_each_store() {
        let (_, manager) = manager(&server).await;
        let file = || Part::bytes(b"Wer,Tel,Mehr\nAnn,+12025550101,x\n".to_vec()).file_name("wer \"ist\".csv");
        let form = |mapping: &str| {
            Form::new()
                .part("file", file())
                .text("mapping", mapping.to_owned())
                .text("onDuplicate", "create")
                .text("route", "false")
        };
        let post = |form: Form| answer(server.request("POST", "/api/leads/import", &manager.token).multipart(form));
        let begun = post(form(r#"{"Wer": "name", "Mehr": "custom:more"}"#)).await;
        assert_eq!(begun.status, 202, "{}", begun.text);
        assert_eq!(begun.body["job"]["file"], "wer \"ist\".csv");
        ended(&server, &manager.token, id(&begun.body["job"])).await;
        assert_eq!(leads(&server, &manager.token, "").await[0]["customFields"], json!({"more": "x"}));
        let wrong = [
            ("{\"Wer\": \"shoe\"}", "invalid_input"),
            ("{\"Nobody\": \"name\"}", "invalid_input"),
            ("[1]", "invalid_input"),
            ("{\"Wer\": 1}", "invalid_input"),
            ("{\"Wer\": \"name\", \"Tel\": null}", "invalid_mapping"),
            ("{\"Wer\": \"name\", \"Mehr\": \"name\"}", "invalid_mapping"),
            ("", "invalid_mapping"),
        ];
        for (mapping, code) in wrong {
            let refused = post(form(mapping)).await;
            assert_problem(&refused, 400, code);
            assert_eq!(refused.body["errors"][0]["field"], "mapping", "{mapping}: {}", refused.text);
        }
        for (field, text) in [("onDuplicate", "merge"), ("route", "maybe"), ("source", "a/b")] {
            let refused = post(form("{\"Wer\": \"name\"}").text(field, text)).await;
            assert_problem(&refused, 400, "invalid_input");
            assert_eq!(refused.body["errors"][0]["field"], field, "{}", refused.text);
        }
        assert_problem(&post(Form::new().text("route", "true")).await, 400, "invalid_input");
    }
}

#[tokio::test]
async fn duplicates_are_skipped_updated_or_created() {
    for server in Server::on_each_store() {
        let (_, manager) = manager(&server).await;
        let known = json!({"name": "Old", "phone": "+12025550001", "email": "old@example.com"});
        server.ok("POST", "/api/leads", &manager.token, known).await;
        let text = "name,phone,email,Size\nNew,202-555-0001,,XL\nBy address,,OLD@example.com,\nFresh,+12025550003,,\nFresh again,+12025550003,,\n";
        let skipped = imported(&server, &manager.token, "?route=false", text).await;
        assert_eq!(counts(&skipped), [1, 0, 3, 0], "skip is usual, in the file too: {skipped}");
        let updated = imported(&server, &manager.token, "?route=false&onDuplicate=update", text).await;
        assert_eq!(counts(&updated), [0, 4, 0, 0], "{updated}");
        let old = leads(&server, &manager.token, "&q=old@example.com").await;
        assert_eq!(
            (old.len(), &old[0]["name"], &old[0]["customFields"]),
            (1, &json!("By address"), &json!({"Size": "XL"}))
        );
        let created = imported(&server, &manager.token, "?route=false&onDuplicate=create", text).await;
        assert_eq!(counts(&created), [4, 0, 0, 0], "{created}");
        assert_eq!(leads(&server, &manager.token, "").await.len(), 6);
    }
}

#[tokio::test]
async fn texts_of_all_the_world_come_in_and_go_out_as_they_are() {
    for server in Server::on_each_store() {
        let (_, manager) = manager(&server).await;
        let texts = ["李小龍 🦜", "שלום עולם", "e\u{301} \u{202e}x", "=1+1", "-Ann", "'twas", "a \"quote\", and more"];
        let mut csv = String::from("\u{feff}name;phone;Größe\n");
        for (n, text) in texts.iter().enumerate() {
            csv.push_str(&format!("\"{}\";+1202555{n:04};\"{0}\"\n", text.replace('"', "\"\""),));
        }
        let done = imported(&server, &manager.token, "?route=false", csv).await;
        assert_eq!(counts(&done), [texts.len() as u64, 0, 0, 0], "{done}");
        let windows =
            imported(&server, &manager.token, "?route=false", b"name\tphone\nJos\xe9 \x80\t+12025559999\n".to_vec())
                .await;
        assert_eq!(counts(&windows)[0], 1);
        let names = |leads: Vec<Value>| {
            let mut names: Vec<String> = leads.iter().map(|lead| lead["name"].as_str().unwrap().to_owned()).collect();
            names.sort();
            names
        };
        let mut expected: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        expected.push("José €".to_owned());
        expected.sort();
        assert_eq!(names(leads(&server, &manager.token, "").await), expected);
        let (status, exported) = text_of(&server, "/api/leads/export", &manager.token).await;
        assert_eq!(status, 200);
        assert!(
            exported.contains("'=1+1,") && exported.contains("'-Ann,") && exported.contains("'+12025550000,"),
            "{exported}"
        );
        // What was exported comes back as it was.
        let again = imported(&server, &manager.token, "?route=false&onDuplicate=create", exported).await;
        assert_eq!(counts(&again), [expected.len() as u64, 0, 0, 0], "{again}");
        let twice = leads(&server, &manager.token, "").await;
        let mut doubled = [expected.clone(), expected].concat();
        doubled.sort();
        assert_eq!(names(twice.clone()), doubled);
        let sizes: Vec<&Value> =
            twice.iter().filter(|lead| lead["name"] == "=1+1").map(|lead| &lead["customFields"]).collect();
        assert_eq!(sizes, [&json!({"Größe": "=1+1"}), &json!({"Größe": "=1+1"})]);
    }
}

fn archive(name: &str, size: usize) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    for _ in 0..size >> 20 {
        archive.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[tokio::test]
async fn files_that_are_no_tables_are_refused_and_cost_little() {
    // Made before the servers are there: they close connections that are silent for long.
    let (bomb, letter) = (archive("xl/worksheets/sheet1.xml", 130 << 20), archive("word/document.xml", 1 << 20));
    for server in Server::on_each_store() {
        let (root, manager) = manager(&server).await;
        let limit = 10 * 1024 * 1024;
        let mut large = b"name,phone\nAnn,+12025550101\n".to_vec();
        large.resize(limit + 1, b'\n');
        assert_problem(&send(&server, &manager.token, "", "text/csv", large.clone()).await, 413, "too_large");
        let form = Form::new().part("file", Part::bytes(large.clone()).file_name("large.csv"));
        let posted = answer(server.request("POST", "/api/leads/import", &manager.token).multipart(form)).await;
        assert_problem(&posted, 413, "too_large");
        large.truncate(limit);
        let fits = send(&server, &manager.token, "?preview=true", "text/csv", large).await;
        assert_eq!((fits.status, &fits.body["rows"]), (200, &json!(1)), "{}", fits.text);
        let bad: [(&str, Vec<u8>); 7] = [
            (XLSX, bomb.clone()),
            (XLSX, letter.clone()),
            (XLSX, b"PK\x03\x04 and no more".to_vec()),
            ("application/vnd.ms-excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec()),
            ("text/csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
            ("text/csv", Vec::new()),
            ("text/csv", format!("name,phone\n1,\"{}", "x,y\n".repeat(20_000)).into_bytes()),
        ];
        for (kind, file) in bad {
            let refused = send(&server, &manager.token, "", kind, file).await;
            assert_problem(&refused, 400, "invalid_input");
            assert_eq!(refused.body["errors"][0]["field"], "file", "{}", refused.text);
        }
        assert_problem(&send(&server, &manager.token, "", "text/csv", "name,phone\n").await, 400, "empty_file");
        assert_problem(&send(&server, &manager.token, "", "image/png", "x").await, 415, "unsupported_media_type");
        let agent = server.join(&root.token, "agent", "agent@alpha.example").await;
        assert_problem(
            &send(&server, &agent.token, "", "text/csv", "name,phone\nA,+12025550101\n").await,
            403,
            "forbidden",
        );
        assert_eq!(server.get("/api/jobs", &manager.token).await["pagination"]["total"], 0);
    }
}

#[tokio::test]
async fn a_workbook_comes_in_and_an_export_is_a_workbook() {
    for server in Server::on_each_store() {
        let (root, manager) = manager(&server).await;
        let mut workbook = rust_xlsxwriter::Workbook::new();
        let sheet = workbook.add_worksheet();
        sheet.write_row(0, 0, ["Name", "Mobile", "Amount"]).unwrap();
        for row in 1..=700u32 {
            sheet.write_string(row, 0, format!("=Lead {row} 🦜")).unwrap();
            sheet.write_number(row, 1, 12_025_550_000.0 + f64::from(row)).unwrap();
            sheet.write_number(row, 2, 10.5).unwrap();
        }
        let file = workbook.save_to_buffer().unwrap();
        let form = Form::new().part("file", Part::bytes(file).file_name("leads.xlsx")).text("route", "false");
        let begun = answer(server.request("POST", "/api/leads/import", &manager.token).multipart(form)).await;
        assert_eq!(begun.status, 202, "{}", begun.text);
        let done = ended(&server, &manager.token, id(&begun.body["job"])).await;
        assert_eq!(counts(&done), [700, 0, 0, 0], "{done}");
        let agent = server.join(&root.token, "agent", "agent@alpha.example").await;
        let one = leads(&server, &manager.token, "&q=lead%20700").await;
        let assign = json!({"assignedTo": agent.id});
        server.ok("PUT", &format!("/api/leads/{}", id(&one[0])), &manager.token, assign).await;
        for (who, rows) in [(&manager, 700), (&agent, 1)] {
            let response =
                server.request("GET", "/api/leads/export?format=xlsx&source=import", &who.token).send().await.unwrap();
            assert_eq!((response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()), (200, XLSX));
            let bytes = response.bytes().await.unwrap();
            let mut exported: calamine::Xlsx<_> = calamine::Reader::new(Cursor::new(bytes)).unwrap();
            let range = calamine::Reader::worksheet_range(&mut exported, "Leads").unwrap();
            assert_eq!(range.height(), rows + 1);
            let cell = |column| range.get((1, column)).unwrap().clone();
            assert_eq!(cell(0), calamine::Data::String("=Lead 700 🦜".to_owned()), "a text, not a formula");
            assert_eq!(
                (cell(2), cell(9)),
                (calamine::Data::String("+12025550700".to_owned()), calamine::Data::Float(10.5))
            );
            assert_eq!(cell(10), calamine::Data::String("agent@alpha.example".to_owned()));
            assert!(matches!(cell(16), calamine::Data::DateTime(_)));
            let (_, csv) = text_of(&server, "/api/leads/export?format=csv", &who.token).await;
            assert_eq!(csv.lines().count(), rows + 1);
        }
        let others = format!("/api/leads/export?assignedTo={}", manager.id);
        assert_eq!(text_of(&server, &others, &agent.token).await.0, 403);
        assert_eq!(text_of(&server, "/api/leads/export?format=pdf", &manager.token).await.0, 400);
    }
}

#[tokio::test]
async fn a_job_is_stopped_between_its_steps_and_keeps_what_it_did() {
    for server in Server::on_each_store() {
        let (_, manager) = manager(&server).await;
        let first = import(&server, &manager.token, "?route=false", many(9_000, 0)).await;
        let second =
            import(&server, &manager.token, "?route=false&onDuplicate=create", "name,phone\nLast,+13035550001\n").await;
        let waiting = import(&server, &manager.token, "?route=false", "name,phone\nNever,+13035550002\n").await;
        let stopped =
            server.ok("POST", &format!("/api/jobs/{}/cancel", id(&waiting)), &manager.token, Value::Null).await;
        assert_eq!(stopped["job"]["state"], "cancelled", "it waited behind the others of its company");
        let asked = server.ok("POST", &format!("/api/jobs/{}/cancel", id(&first)), &manager.token, Value::Null).await;
        assert!(matches!(asked["job"]["state"].as_str(), Some("running" | "cancelled")), "{asked}");
        let end = ended(&server, &manager.token, id(&first)).await;
        assert_eq!(end["state"], "cancelled", "{end}");
        let done = end["done"].as_u64().unwrap();
        assert!(done < 9_000, "{end}");
        assert_eq!(ended(&server, &manager.token, id(&second)).await["state"], "done", "the next one has its turn");
        let total = server.get("/api/leads?limit=1", &manager.token).await["pagination"]["total"].as_u64().unwrap();
        assert_eq!(total, done + 1, "what was done is there, and nothing else");
    }
}

/// Reads a job until it has come forward, by the events that say so.
async fn came_forward(server: &Server, token: &str, id: &str) {
    let mut events = server.request("GET", "/api/events", token).send().await.unwrap();
    while job(server, token, id).await["done"].as_u64().unwrap() == 0 {
        tokio::time::timeout(PATIENCE, events.chunk()).await.expect("the job comes forward").unwrap();
    }
}

#[tokio::test]
async fn a_job_goes_on_where_it_was_after_a_stop_and_after_a_crash() {
    for how in ["-TERM", "-KILL"] {
        for mut server in Server::on_each_store() {
            let (_, manager) = manager(&server).await;
            let begun = import(&server, &manager.token, "?route=false", many(1_000, 50)).await;
            came_forward(&server, &manager.token, id(&begun)).await;
            server.end(how);
            server.start_again();
            let end = ended(&server, &manager.token, id(&begun)).await;
            assert_eq!((end["state"].as_str(), counts(&end)), (Some("done"), [980, 0, 0, 20]), "{how}: {end}");
            let total = &server.get("/api/leads?limit=1", &manager.token).await["pagination"]["total"];
            assert_eq!(total, &json!(980), "{how}: every row once");
            let (_, errors) = text_of(&server, end["errorsUrl"].as_str().unwrap(), &manager.token).await;
            assert_eq!(errors.lines().count(), 21, "{how}");
        }
    }
}

#[tokio::test]
async fn jobs_of_another_company_do_not_exist() {
    for server in Server::on_each_store() {
        let (root, manager) = manager(&server).await;
        let done = imported(&server, &manager.token, "", many(10, 5)).await;
        let beta = server.ok("POST", "/api/companies", &root.token, json!({"name": "Beta"})).await;
        let body =
            json!({"name": "Bea", "email": "bea@beta.example", "password": crate::support::PASSWORD, "role": "admin"});
        let request = server.request("POST", "/api/users", &root.token).json(&body);
        answer(request.header("x-company-id", beta["company"]["id"].as_str().unwrap())).await;
        let bea = server.login("bea@beta.example", crate::support::PASSWORD).await;
        let agent = server.join(&root.token, "agent", "agent@alpha.example").await;
        for who in [&bea, &agent] {
            for (method, path) in [("GET", ""), ("POST", "/cancel"), ("GET", "/errors")] {
                let path = format!("/api/jobs/{}{path}", id(&done));
                assert_problem(&server.call(method, &path, &who.token, Value::Null).await, 404, "not_found");
            }
            assert_eq!(server.get("/api/jobs", &who.token).await["pagination"]["total"], 0);
            assert_eq!(text_of(&server, "/api/leads/export", &who.token).await.1.lines().count(), 1);
        }
    }
}
