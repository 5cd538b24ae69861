//! Whatever comes in that should not: a clear typed error, nothing lost, nothing leaked.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{Server, answer, assert_problem};

fn field(body: &Value) -> &str {
    body["errors"][0]["field"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn json_that_cannot_be_read_is_named() {
    let server = Server::start();
    let admin = server.set_up().await;
    let post = |text: &'static [u8]| {
        let request = server.request("POST", "/api/users", &admin.token).header("content-type", "application/json");
        answer(request.body(text))
    };
    for text in [
        &b"{"[..],
        b"",
        b"not json",
        b"{\"name\": \"\xff\xfe\"}",
        br#"{"name": "A", "email": "a@b.c", "password": "long enough"} {}"#,
    ] {
        assert_problem(&post(text).await, 400, "malformed");
    }
    for (text, expected) in [
        (&b"{}"[..], "name"),
        (b"[]", "body"),
        (b"null", "body"),
        (br#"{"name": 5}"#, "name"),
        (br#"{"name": "A", "email": null}"#, "email"),
        (br#"{"name": "A", "email": "a@b.c", "password": "long enough", "role": "king"}"#, "role"),
        (br#"{"name": "A", "email": "nonsense", "password": "long enough", "role": "agent"}"#, "email"),
        (br#"{"name": " ", "email": "a@b.c", "password": "long enough", "role": "agent"}"#, "name"),
        (br#"{"name": "A", "email": "a@b.c", "password": "short", "role": "agent"}"#, "password"),
        (br#"{"name": "A", "email": "a@b.c", "password": "long enough", "reporting_to": "me"}"#, "reporting_to"),
    ] {
        let refused = post(text).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert_eq!(field(&refused.body), expected, "{}", refused.text);
    }
}

#[tokio::test]
async fn one_answer_names_every_wrong_field_of_form_and_rules() {
    let server = Server::start();
    let admin = server.set_up().await;
    let number = server.ok("POST", "/api/phone-numbers", &admin.token, json!({"phone_number": "+12025550123"})).await;
    let assign = format!("/api/phone-numbers/{}/assign", number["phoneNumber"]["id"].as_str().unwrap());
    let long = "x".repeat(300);
    let cases = [
        (
            "/api/auth/register",
            json!({"name": 5, "email": "nonsense", "password": "short", "role": "king", "phone": long, "department": long}),
            &["department", "email", "name", "password", "phone", "role"][..],
        ),
        ("/api/users", json!({}), &["email", "name", "password"]),
        (
            "/api/queues",
            json!({"name": " ", "strategy": "chance", "ringSeconds": 1, "wrapUpSeconds": 9_999, "members": [{"tier": "x"}]}),
            &["members[0].agentId", "members[0].tier", "name", "ringSeconds", "strategy", "wrapUpSeconds"],
        ),
        (
            "/api/queues",
            json!({"name": "Q", "music": 5, "announce": {"everySeconds": 5, "wait": true}, "language": "english!", "calendar": "week",
                "overflow": [{"afterSeconds": 1, "target": {"type": "moon", "id": "x"}}], "resumeSeconds": 9_999,
                "exitKeys": [{"key": "ab", "target": {"type": "callback"}}], "preferred": {"agent": "best"}, "callbackFirst": "nobody"}),
            &[
                "announce",
                "calendar",
                "callbackFirst",
                "exitKeys",
                "language",
                "music",
                "overflow",
                "preferred.agent",
                "resumeSeconds",
            ],
        ),
        (
            "/api/trunks",
            json!({"transport": "smoke", "host": "a b", "port": 0, "auth": {"kind": "address", "addresses": ["here", "1.2.3.4"]}}),
            &["auth.addresses[0]", "host", "name", "port", "transport"],
        ),
        (
            "/api/inbound-routes",
            json!({"number": "12", "target": {"type": "moon", "id": 7}}),
            &["number", "target", "target.id"],
        ),
        (
            "/api/phone-numbers",
            json!({"phone_number": "abc", "provider": long, "country": "Narnia", "status": "gone"}),
            &["country_code", "phone_number", "provider", "status"],
        ),
        (
            assign.as_str(),
            json!({"daily_limit": -1, "allowed_countries": ["Narnia"]}),
            &["agentId", "allowed_countries", "daily_limit"],
        ),
        (
            "/api/companies",
            json!({"name": "", "timezone": "Mars/Olympus", "country": 1}),
            &["country", "name", "timezone"],
        ),
    ];
    for (path, body, expected) in cases {
        let refused = server.call("POST", path, &admin.token, body).await;
        assert_problem(&refused, 400, "invalid_input");
        let errors = refused.body["errors"].as_array().unwrap();
        let mut named: Vec<&str> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
        named.sort_unstable();
        assert_eq!(named, expected, "{path}: {}", refused.text);
        let count = format!("{} fields", expected.len());
        assert!(refused.body["message"].as_str().unwrap().starts_with(&count), "{}", refused.text);
    }
    let query = server.call("GET", "/api/users?role=king&kind=queen&isActive=perhaps", &admin.token, Value::Null).await;
    assert_eq!(query.body["errors"].as_array().unwrap().len(), 3, "{}", query.text);
}

#[tokio::test]
async fn ids_that_are_none_and_ids_of_nothing_differ() {
    let server = Server::start();
    let admin = server.set_up().await;
    let refused = server.call("GET", "/api/users/5", &admin.token, Value::Null).await;
    assert_problem(&refused, 400, "invalid_input");
    let absent = server.call("GET", "/api/users/01a1f79b-5231-7000-b9bd-79b2412a6403", &admin.token, Value::Null).await;
    assert_problem(&absent, 404, "not_found");
    assert_eq!(server.call("GET", "/api/users/%ff%fe", &admin.token, Value::Null).await.status, 400);
    let filter = server.call("GET", "/api/users?role=king", &admin.token, Value::Null).await;
    assert_eq!((filter.status, field(&filter.body)), (400, "role"), "{}", filter.text);
    let page = server.call("GET", "/api/users?page=-1", &admin.token, Value::Null).await;
    assert_eq!((page.status, field(&page.body)), (400, "page"), "{}", page.text);
    let far = server.get("/api/users?page=18446744073709551615&limit=1000000", &admin.token).await;
    assert_eq!((&far["users"], &far["pagination"]["limit"]), (&json!([]), &json!(200)));
}

#[tokio::test]
async fn bodies_that_are_too_large_or_of_another_type_are_refused() {
    let server = Server::start();
    let admin = server.set_up().await;
    let large = json!({"name": "x".repeat(2 << 20), "email": "a@b.c", "password": "long enough"});
    assert_problem(&server.call("POST", "/api/users", &admin.token, large).await, 413, "too_large");
    let upload = server.request("POST", "/api/phone-numbers/bulk-upload", &admin.token);
    let upload = upload.header("content-type", "text/csv").body(vec![b'9'; (10 << 20) + 1]);
    assert_problem(&answer(upload).await, 413, "too_large");
    let form = server.request("POST", "/api/users", &admin.token).header("content-type", "text/plain").body("{}");
    assert_problem(&answer(form).await, 415, "unsupported_media_type");
    let none = server.request("POST", "/api/users", &admin.token);
    assert_problem(&answer(none).await, 415, "unsupported_media_type");
    let image =
        server.request("POST", "/api/phone-numbers/bulk-upload", &admin.token).header("content-type", "image/png");
    assert_problem(&answer(image.body("x")).await, 415, "unsupported_media_type");
}

#[tokio::test]
async fn unknown_paths_and_methods_answer_in_json_without_telling_more() {
    let server = Server::start();
    assert_problem(&server.call("GET", "/api/nothing", "", Value::Null).await, 404, "no_such_route");
    assert_problem(&server.call("GET", "/nothing", "", Value::Null).await, 404, "no_such_route");
    assert_problem(&server.call("PATCH", "/api/users", "", Value::Null).await, 405, "method_not_allowed");
    assert_problem(&server.call("DELETE", "/health", "", Value::Null).await, 405, "method_not_allowed");
}

#[tokio::test]
async fn nonsense_numbers_countries_and_limits_are_refused_by_field() {
    let server = Server::start();
    let admin = server.set_up().await;
    for number in ["", "hello", "+1", "123456789012345678901234567890", "+0000000000", "12;34"] {
        let refused = server.call("POST", "/api/phone-numbers", &admin.token, json!({"phone_number": number})).await;
        assert_problem(&refused, 400, "invalid_number");
        assert_eq!(field(&refused.body), "phone_number");
    }
    let body = json!({"phone_number": "+12025550123", "country_code": "Narnia"});
    let refused = server.call("POST", "/api/phone-numbers", &admin.token, body).await;
    assert_eq!((refused.status, field(&refused.body)), (400, "country_code"));
    let added = server.ok("POST", "/api/phone-numbers", &admin.token, json!({"phone_number": "+12025550123"})).await;
    let assign = format!("/api/phone-numbers/{}/assign", added["phoneNumber"]["id"].as_str().unwrap());
    for (body, expected) in [
        (json!({"agentId": admin.id, "dailyLimit": -1}), "dailyLimit"),
        (json!({"agentId": admin.id, "dailyLimit": 1.5}), "dailyLimit"),
        (json!({"agentId": admin.id, "dailyLimit": 100_001}), "daily_limit"),
        (json!({"agentId": admin.id, "allowedCountries": ["ZZ"]}), "allowed_countries"),
        (json!({"agentId": admin.id, "allowedCountries": "US"}), "allowedCountries"),
        (json!({"dailyLimit": 5}), "agentId"),
    ] {
        let refused = server.call("POST", &assign, &admin.token, body).await;
        assert_eq!((refused.status, field(&refused.body)), (400, expected), "{}", refused.text);
    }
}

#[tokio::test]
async fn an_upload_keeps_its_good_lines_in_every_form() {
    let server = Server::start();
    let admin = server.set_up().await;
    let path = "/api/phone-numbers/bulk-upload";
    let text = "+12025550123,telnyx,US\nhello,telnyx,US\n+12025550124,telnyx,US\n+12025550123,telnyx,US\n";
    let done = server.ok("POST", path, &admin.token, json!({"numbers": text})).await;
    assert_eq!((&done["created"], &done["skipped"], &done["errors"][0]["line"]), (&json!(2), &json!(1), &json!(2)));

    let torn = server.request("POST", path, &admin.token).header("content-type", "text/csv; charset=utf-8");
    let done = answer(torn.body(&b"number,provider,country\n+12025550125,tel\xffnyx\n+12025550126\n"[..])).await.body;
    assert_eq!((&done["created"], &done["errors"][0]["line"]), (&json!(1), &json!(2)));

    let form = Form::new().text("note", "x").part("file", Part::bytes(&b"+12025550127\n"[..]).file_name("numbers.csv"));
    let done = answer(server.request("POST", path, &admin.token).multipart(form)).await.body;
    assert_eq!(done["created"], 1, "{done}");
    let empty = answer(server.request("POST", path, &admin.token).multipart(Form::new().text("note", "x"))).await;
    assert_eq!((empty.status, field(&empty.body)), (400, "file"));
    let broken = server.request("POST", path, &admin.token).header("content-type", "multipart/form-data");
    assert_problem(&answer(broken.body("x")).await, 400, "malformed");

    let many = "+12025550123\n".repeat(50_001);
    let refused =
        answer(server.request("POST", path, &admin.token).header("content-type", "text/plain").body(many)).await;
    assert_eq!((refused.status, field(&refused.body)), (400, "numbers"));
    assert_eq!(server.get("/api/phone-numbers", &admin.token).await["pagination"]["total"], 4);
}

#[tokio::test]
async fn both_spellings_are_understood_and_both_at_once_are_refused() {
    let server = Server::start();
    let admin = server.set_up().await;
    let base = |extra: (&str, &str)| {
        let mut body =
            json!({"name": "A", "email": format!("{}@x.example", extra.0.to_lowercase()), "password": "long enough"});
        body[extra.0] = json!(extra.1);
        body
    };
    for spelling in ["country_code", "countryCode"] {
        let done = server.ok("POST", "/api/users", &admin.token, base((spelling, "+44"))).await;
        assert_eq!(done["user"]["country_code"], "+44");
    }
    let mut both = base(("country_code", "+1"));
    both["countryCode"] = json!("+2");
    assert_eq!(server.call("POST", "/api/users", &admin.token, both).await.status, 400);
}

#[tokio::test]
async fn names_in_any_script_are_kept_and_endless_ones_are_refused() {
    let server = Server::start();
    let admin = server.set_up().await;
    let names = ["שלום עולם", "محمد علي", "山田太郎", "👩‍👩‍👧 Ann 🏴‍☠️", "\u{202e}Ann", "O'Brien; DROP TABLE users --"];
    for (n, name) in names.into_iter().enumerate() {
        let body =
            json!({"name": name, "email": format!("u{n}@alpha.example"), "password": "long enough", "role": "agent"});
        let made = server.ok("POST", "/api/users", &admin.token, body).await;
        let read = server.get(&format!("/api/users/{}", made["user"]["id"].as_str().unwrap()), &admin.token).await;
        assert_eq!(read["user"]["name"], name);
        let queue = server.ok("POST", "/api/queues", &admin.token, json!({"name": name})).await;
        assert_eq!(queue["queue"]["name"], name);
    }
    let endless = "é".repeat(1_000);
    for (path, body) in [
        ("/api/users", json!({"name": endless, "email": "e@alpha.example", "password": "long enough"})),
        ("/api/queues", json!({"name": endless})),
        ("/api/companies", json!({"name": endless})),
    ] {
        let refused = server.call("POST", path, &admin.token, body).await;
        assert_problem(&refused, 400, "invalid_input");
        assert_eq!(field(&refused.body), "name", "{path}");
    }
}

#[tokio::test]
async fn absurd_and_reversed_dates_are_refused_by_field() {
    let server = Server::start();
    let admin = server.set_up().await;
    for route in ["/api/calls", "/api/audit"] {
        for (query, fields) in [
            ("dateFrom=2026-02-31&dateTo=never", &["dateFrom", "dateTo"][..]),
            ("dateFrom=0000-01-01", &["dateFrom"]),
            ("dateTo=%2B262142-12-31", &["dateTo"]),
            ("dateFrom=2026-03-02&dateTo=2026-03-01", &["dateTo"]),
            ("dateFrom=99999999999999999999", &["dateFrom"]),
        ] {
            let refused = server.call("GET", &format!("{route}?{query}"), &admin.token, Value::Null).await;
            assert_problem(&refused, 400, "invalid_input");
            let errors = refused.body["errors"].as_array().unwrap();
            let named: Vec<&str> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
            assert_eq!(named, fields, "{route}?{query}");
        }
        server.get(&format!("{route}?dateFrom=1900-01-01&dateTo=9999-12-31"), &admin.token).await;
    }
}

#[tokio::test]
async fn a_body_just_beyond_its_limit_is_refused_and_one_at_it_is_read() {
    let server = Server::start();
    let admin = server.set_up().await;
    let upload = |size: usize| {
        let request = server.request("POST", "/api/phone-numbers/bulk-upload", &admin.token);
        answer(request.header("content-type", "text/plain").body(vec![b'\n'; size]))
    };
    let limit = 10 << 20;
    assert_problem(&upload(limit + 1).await, 413, "too_large");
    assert_ne!(upload(limit).await.status, 413);
    let json = |size: usize| {
        let name = "x".repeat(size - br#"{"name":""}"#.len());
        answer(server.request("POST", "/api/queues", &admin.token).json(&json!({"name": name})))
    };
    assert_problem(&json((1 << 20) + 1).await, 413, "too_large");
    assert_problem(&json(1 << 20).await, 400, "invalid_input");
}
