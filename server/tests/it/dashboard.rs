//! The dashboard and the users' figures of document 003, on each store.

use serde_json::{Value, json};

use crate::support::{Person, Server, assert_problem};

/// The keys of an object, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The performance of one person, and of other days.
async fn performance_is_narrowed(server: &Server, admin: &Person, bob: &Person, whole: &Value) {
    let of = async |query: &str| {
        let path = format!("/api/dashboard/performance?{query}");
        server.get(&path, &admin.token).await["performance"].clone()
    };
    let of_bob = of(&format!("userId={}", bob.id)).await;
    let only =
        json!([{"user": whole["topPerformers"][1]["user"], "calls": 2, "conversions": 0, "conversionRate": 0.0}]);
    assert_eq!((&of_bob["topPerformers"], &of_bob["leadSources"]), (&only, &json!([])));
    let past = of("dateFrom=2024-01-15&dateTo=2024-01-16").await;
    let day = |date: &str| json!({"date": date, "calls": 0, "leads": 0, "conversions": 0});
    let expected = json!({
        "dailyStats": [day("2024-01-15"), day("2024-01-16")], "topPerformers": [], "leadSources": [],
    });
    assert_eq!(past, expected);
    let today = &whole["dailyStats"][29];
    let date = today["date"].as_str().unwrap();
    assert_eq!(of(&format!("dateFrom={date}&dateTo={date}")).await["dailyStats"], json!([today]));
}

#[tokio::test]
async fn the_dashboard_shows_what_leads_and_calls_add_up_to() {
    for server in Server::on_each_store() {
        let admin = server.set_up().await;
        let ann = server.join(&admin.token, "telecaller", "ann@alpha.example").await;
        let bob = server.join(&admin.token, "telecaller", "bob@alpha.example").await;
        let marketing = server.join(&admin.token, "marketing", "m@alpha.example").await;
        let mut leads = Vec::new();
        for n in 0..4 {
            let body = json!({
                "name": format!("Lead {n}"), "phone": format!("202555010{n}"), "source": if n == 0 { "manual" } else { "facebook" },
                "quality": if n == 0 { "hot" } else { "cold" }, "assignedTo": ann.id,
            });
            let lead = server.ok("POST", "/api/leads", &admin.token, body).await["lead"].clone();
            let path = format!("/api/leads/{}", lead["_id"].as_str().unwrap());
            server.ok("POST", &format!("{path}/assign"), &admin.token, json!({"assignedTo": ann.id})).await;
            leads.push(path);
        }
        for status in ["contacted", "qualified", "interested", "converted"] {
            server.ok("PUT", &leads[0], &ann.token, json!({"status": status})).await;
        }
        server.ok("PUT", &leads[1], &ann.token, json!({"status": "contacted"})).await;
        for (person, status) in [(&ann, "completed"), (&ann, "no_answer"), (&bob, "completed"), (&bob, "completed")] {
            let call = server.call("POST", "/api/calls", &person.token, json!({"status": status})).await;
            assert_eq!(call.status, 201, "{}", call.text);
        }

        let overview = server.get("/api/dashboard/overview", &marketing.token).await["overview"].clone();
        let expected = json!({
            "totalLeads": 4, "newLeads": 2, "contactedLeads": 1, "convertedLeads": 1, "totalCalls": 4, "completedCalls": 3,
            "activeTelecallers": 2, "conversionRate": 25.0, "successRate": 75.0,
        });
        assert_eq!(overview, expected);

        let performance = server.get("/api/dashboard/performance", &admin.token).await["performance"].clone();
        assert_eq!(keys(&performance), ["dailyStats", "leadSources", "topPerformers"]);
        let days = performance["dailyStats"].as_array().unwrap();
        assert_eq!(days.len(), 30);
        let sum = |key: &str| days.iter().map(|day| day[key].as_i64().unwrap()).sum::<i64>();
        assert_eq!((sum("calls"), sum("leads"), sum("conversions")), (4, 4, 1));
        let best = &performance["topPerformers"];
        assert_eq!(
            (&best[0]["user"]["_id"], &best[0]["calls"], &best[0]["conversions"]),
            (&json!(ann.id), &json!(2), &json!(1))
        );
        assert_eq!((&best[0]["conversionRate"], &best[1]["user"]["_id"]), (&json!(50.0), &json!(bob.id)));
        let sources = json!([
            {"source": "facebook", "count": 3, "conversions": 0}, {"source": "manual", "count": 1, "conversions": 1},
        ]);
        assert_eq!(performance["leadSources"], sources);

        performance_is_narrowed(&server, &admin, &bob, &performance).await;

        let spread = server.get("/api/dashboard/leads", &admin.token).await["leads"].clone();
        assert_eq!(keys(&spread), ["qualityDistribution", "sourceDistribution", "statusDistribution"]);
        let statuses = spread["statusDistribution"].as_array().unwrap();
        assert!(statuses.contains(&json!({"status": "converted", "count": 1})), "{spread}");
        assert!(spread["qualityDistribution"].as_array().unwrap().contains(&json!({"quality": "cold", "count": 3})));
        assert!(spread["sourceDistribution"].as_array().unwrap().contains(&json!({"source": "facebook", "count": 3})));

        // An agent sees how they did themself, and nothing of the team.
        let own = server.get("/api/dashboard/performance", &bob.token).await["performance"].clone();
        assert_eq!((own["topPerformers"].as_array().unwrap().len(), &own["topPerformers"][0]["calls"]), (1, &json!(2)));
        assert_eq!(own["leadSources"], json!([]));
        for path in ["/api/dashboard/overview", "/api/dashboard/leads"] {
            assert_problem(&server.call("GET", path, &bob.token, Value::Null).await, 403, "forbidden");
        }
        let others = format!("/api/dashboard/performance?userId={}", ann.id);
        assert_problem(&server.call("GET", &others, &bob.token, Value::Null).await, 403, "forbidden");

        // The users' own figures, as the document has them.
        let list = server.get("/api/users?role=telecaller", &admin.token).await;
        let user =
            list["users"].as_array().unwrap().iter().find(|user| user["_id"] == ann.id.as_str()).unwrap().clone();
        let figures = |of: &Value| {
            let names =
                ["totalCalls", "successfulCalls", "totalLeads", "convertedLeads", "successRate", "conversionRate"];
            json!(names.map(|name| of[name].clone()))
        };
        assert_eq!(figures(&user), json!([2, 1, 4, 1, 50.0, 25.0]));
        let one = server.get(&format!("/api/users/{}", ann.id), &admin.token).await["user"].clone();
        assert_eq!(figures(&one["performance"]), json!([2, 1, 4, 1, 50.0, 25.0]));
    }
}

#[tokio::test]
async fn days_that_cannot_be_are_refused_on_the_dashboard() {
    let server = Server::start();
    let admin = server.set_up().await;
    for (query, field) in [
        ("dateFrom=2026-03-02&dateTo=2026-03-01", "dateTo"),
        ("dateFrom=yesterday", "dateFrom"),
        ("timezone=Asia/Tokyo", "timezone"),
        ("userId=me", "userId"),
    ] {
        let answer =
            server.call("GET", &format!("/api/dashboard/performance?{query}"), &admin.token, Value::Null).await;
        assert_problem(&answer, 400, "invalid_input");
        assert_eq!(answer.body["errors"][0]["field"], field, "{}", answer.text);
    }
}
