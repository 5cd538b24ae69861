//! Leads of Meta's advertisements: the webhook, what is asked of Graph, and what came of campaigns.

use std::time::Duration;

use futures::future::join_all;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::graph::{Answers, Graph};
use crate::support::{Answer, Person, Server, answer, assert_problem};

pub(crate) const SECRET: &str = "app-secret-of-the-server";
const VERIFY: &str = "verify-token-of-the-server";
const ACCESS: &str = "access-token-of-the-server";
pub(crate) const WEBHOOK: &str = "/api/meta/webhook";

/// The settings of a server whose own app is connected to `graph`.
pub(crate) fn settings(graph: &Graph) -> [(&'static str, String); 4] {
    [
        ("DIALPLANE_META_APP_SECRET", SECRET.to_owned()),
        ("DIALPLANE_META_VERIFY_TOKEN", VERIFY.to_owned()),
        ("DIALPLANE_META_ACCESS_TOKEN", ACCESS.to_owned()),
        ("DIALPLANE_META_GRAPH_URL", graph.base.clone()),
    ]
}

pub(crate) fn borrowed<'s>(settings: &'s [(&'static str, String); 4]) -> [(&'static str, &'s str); 4] {
    settings.each_ref().map(|(name, value)| (*name, value.as_str()))
}

pub(crate) async fn connected() -> ([Server; 2], Graph) {
    let graph = Graph::start().await;
    (Server::on_each_store_with(&borrowed(&settings(&graph))), graph)
}

/// A company with an admin and one agent, who gets all leads.
pub(crate) async fn team(server: &Server) -> (Person, Person) {
    let admin = server.set_up().await;
    let alice = server.join(&admin.token, "telecaller", "alice@alpha.example").await;
    (admin, alice)
}

pub(crate) fn signed(body: &str, secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

pub(crate) async fn deliver_to(server: &Server, path: &str, body: &Value, secret: &str) -> Answer {
    let body = body.to_string();
    let request = server.request("POST", path, "").header("x-hub-signature-256", signed(&body, secret));
    answer(request.header("content-type", "application/json").body(body)).await
}

async fn deliver(server: &Server, body: &Value) -> Answer {
    deliver_to(server, WEBHOOK, body, SECRET).await
}

/// The body that Meta sends, with one change for each lead.
pub(crate) fn leadgen(page: &str, leads: &[&str]) -> Value {
    let change = |lead: &&str| {
        let value = json!({"form_id": "700", "leadgen_id": lead, "created_time": 1630087926, "page_id": page});
        json!({"value": value, "field": "leadgen"})
    };
    let changes: Vec<Value> = leads.iter().map(change).collect();
    json!({"object": "page", "entry": [{"id": page, "time": 1630087927, "changes": changes}]})
}

/// The body of document 003, word for word.
fn documented() -> Value {
    json!({
        "full_name": "John Doe",
        "phone_number": "9876543210",
        "email": "john.doe@example.com",
        "campaign_id": "123456789",
        "ad_id": "987654321",
        "form_id": "456789123",
        "lead_id": "789123456",
        "created_time": 1642234567,
        "field_data": [{"name": "requirements", "values": ["Software development"]}]
    })
}

pub(crate) async fn leads(server: &Server, token: &str) -> Vec<Value> {
    server.get("/api/leads?limit=200", token).await["leads"].as_array().unwrap().clone()
}

/// Waits until a company has this many leads, as Graph was asked for them.
pub(crate) async fn until_leads(server: &Server, token: &str, count: usize) -> Vec<Value> {
    let wait = async {
        loop {
            let leads = leads(server, token).await;
            if leads.len() >= count {
                return leads;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let leads =
        tokio::time::timeout(Duration::from_secs(90), wait).await.unwrap_or_else(|_| panic!("no {count} leads"));
    assert_eq!(leads.len(), count, "{leads:?}");
    leads
}

#[tokio::test]
async fn meta_proves_itself_by_the_verify_token_and_gets_its_challenge_back() {
    let (servers, _graph) = connected().await;
    for server in servers {
        let ask = async |query: &str| answer(server.request("GET", &format!("{WEBHOOK}?{query}"), "")).await;
        let ok = ask(&format!("hub.mode=subscribe&hub.verify_token={VERIFY}&hub.challenge=1158201444")).await;
        assert_eq!(ok.status, 403, "there is no company yet");
        server.set_up().await;
        let ok = ask(&format!("hub.mode=subscribe&hub.verify_token={VERIFY}&hub.challenge=1158201444")).await;
        assert_eq!((ok.status, ok.text.as_str()), (200, "1158201444"));
        assert!(ok.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
        let html = ask(&format!("hub.mode=subscribe&hub.verify_token={VERIFY}&hub.challenge=%3Cscript%3E")).await;
        assert_eq!(html.text, "<script>");
        assert_eq!(html.headers["x-content-type-options"], "nosniff");
        let long = "1".repeat(2_000);
        for query in [
            String::new(),
            "hub.mode=subscribe&hub.challenge=1".to_owned(),
            "hub.mode=subscribe&hub.verify_token=&hub.challenge=1".to_owned(),
            format!("hub.mode=subscribe&hub.verify_token={VERIFY}x&hub.challenge=1"),
            format!("hub.mode=unsubscribe&hub.verify_token={VERIFY}&hub.challenge=1"),
            format!("hub.mode=subscribe&hub.verify_token={VERIFY}&hub.challenge={long}"),
        ] {
            assert_problem(&ask(&query).await, 403, "forbidden");
        }
    }
}

#[tokio::test]
async fn only_what_is_signed_over_its_very_bytes_is_taken() {
    let (servers, _graph) = connected().await;
    for server in servers {
        let (admin, _) = team(&server).await;
        let body = documented().to_string();
        let good = signed(&body, SECRET);
        let hex = good.strip_prefix("sha256=").unwrap();
        let send = async |signature: Option<&str>, body: &str| {
            let request = server.request("POST", WEBHOOK, "").header("content-type", "application/json");
            let request =
                signature.into_iter().fold(request, |request, text| request.header("x-hub-signature-256", text));
            answer(request.body(body.to_owned())).await
        };
        let last = if hex.ends_with('0') { "1" } else { "0" };
        let wrong = [
            None,
            Some(""),
            Some(hex),
            Some(&good[..good.len() - 2]),
            Some(&*format!("{good}00")),
            Some(&*format!("sha1={hex}")),
            Some(&*format!("{}{last}", &good[..good.len() - 1])),
            Some(&*signed(&body, "another-secret")),
            Some(&*signed(&body, "")),
        ]
        .map(|text| text.map(str::to_owned));
        for signature in wrong {
            let refused = send(signature.as_deref(), &body).await;
            assert_problem(&refused, 401, "invalid_signature");
        }
        for changed in [format!("{body} "), body.replace("John", "Jane"), String::new(), "{".to_owned()] {
            assert_problem(&send(Some(&good), &changed).await, 401, "invalid_signature");
        }
        assert_eq!(leads(&server, &admin.token).await, Vec::<Value>::new());
        assert_eq!(send(Some(&good), &body).await.status, 200);
        assert_eq!(leads(&server, &admin.token).await.len(), 1);
        // What is signed is not thereby right.
        for (bad, code) in
            [("{", "malformed"), ("[]", "invalid_input"), ("{}", "invalid_input"), ("{\"entry\": 1}", "invalid_input")]
        {
            assert_problem(&send(Some(&signed(bad, SECRET)), bad).await, 400, code);
        }
        let large = format!("{{\"lead_id\": \"1\", \"x\": \"{}\"}}", "x".repeat(1 << 20));
        assert_problem(&send(Some(&signed(&large, SECRET)), &large).await, 413, "too_large");
    }
}

#[tokio::test]
async fn the_documented_delivery_gets_the_documented_answer() {
    let (servers, _graph) = connected().await;
    for server in servers {
        let (admin, alice) = team(&server).await;
        let first = deliver(&server, &documented()).await;
        assert_eq!(first.status, 200, "{}", first.text);
        let body = &first.body;
        assert_eq!((&body["success"], &body["message"]), (&json!(true), &json!("Lead processed successfully")));
        assert_eq!(
            (&body["lead"]["name"], &body["lead"]["email"]),
            (&json!("John Doe"), &json!("john.doe@example.com"))
        );
        let assignment =
            json!({"success": true, "telecaller": {"id": alice.id, "name": "telecaller alice@alpha.example"}});
        assert_eq!(body["assignment"], assignment);
        let id = body["lead"]["_id"].as_str().unwrap();
        let lead = server.get(&format!("/api/leads/{id}"), &admin.token).await["lead"].clone();
        assert_eq!((&lead["phone"], &lead["rawPhone"]), (&json!("+19876543210"), &json!("9876543210")));
        assert_eq!((&lead["source"], &lead["status"]), (&json!("facebook"), &json!("new")));
        assert_eq!(lead["requirements"], "Software development");
        let meta =
            json!({"campaignId": "123456789", "adId": "987654321", "formId": "456789123", "leadId": "789123456"});
        assert_eq!(lead["metaData"], meta);
        // Delivered again it is the same lead, whatever else it says.
        let mut again = documented();
        again["full_name"] = json!("Somebody Else");
        let second = deliver(&server, &again).await;
        assert_eq!((second.status, &second.body), (200, body));
        // And nobody makes it again by removing it.
        server.ok("DELETE", &format!("/api/leads/{id}"), &admin.token, Value::Null).await;
        let third = deliver(&server, &documented()).await;
        assert_eq!((third.status, third.body.get("lead")), (200, None));
        assert_eq!(leads(&server, &admin.token).await.len(), 0);
    }
}

#[tokio::test]
async fn every_lead_of_every_entry_is_asked_for_and_made() {
    let (servers, graph) = connected().await;
    graph.lead(
        "11",
        json!({"platform": "ig", "ad_id": "5", "ad_name": "Premium Campaign", "campaign_id": "6", "campaign_name": "Q4 Sales"}),
        &[("full_name", "Ann Lee"), ("email", "Ann@Example.com"), ("phone_number", "+12025550123"), ("city", "Köln 🦜")],
    );
    graph.lead("12", json!({}), &[("first_name", "Bob"), ("phone_number", "ask my mother"), ("budget?", "a lot")]);
    graph.lead("13", json!({"platform": "fb"}), &[]);
    for server in servers {
        let (admin, alice) = team(&server).await;
        let mut body = leadgen("1", &["11", "12"]);
        body["entry"].as_array_mut().unwrap().push(leadgen("2", &["13", "11"])["entry"][0].clone());
        let taken = deliver(&server, &body).await;
        assert_eq!((taken.status, &taken.body["received"]), (200, &json!(4)), "{}", taken.text);
        let mut leads = until_leads(&server, &admin.token, 3).await;
        leads.sort_by_key(|lead| lead["metaData"]["leadId"].to_string());
        let (ann, bob, nobody) = (&leads[0], &leads[1], &leads[2]);
        assert_eq!((&ann["name"], &ann["email"]), (&json!("Ann Lee"), &json!("ann@example.com")));
        assert_eq!((&ann["source"], &ann["phone"]), (&json!("instagram"), &json!("+12025550123")));
        let meta = json!({
            "adName": "Premium Campaign", "campaignName": "Q4 Sales", "leadGenFormName": "Contact Form",
            "campaignId": "6", "adId": "5", "formId": "700", "leadId": "11",
        });
        assert_eq!(ann["metaData"], meta);
        assert_eq!(ann["customFields"], json!({"city": "Köln 🦜"}));
        assert_eq!(ann["assignedTo"]["_id"], json!(alice.id));
        assert_eq!(
            (&bob["name"], &bob["phone"], &bob["rawPhone"]),
            (&json!("Bob"), &Value::Null, &json!("ask my mother"))
        );
        assert_eq!((&bob["source"], &bob["customFields"]), (&json!("facebook"), &json!({"budget?": "a lot"})));
        assert_eq!(nobody["name"], "Unnamed lead", "a form can ask for nothing");
        assert_eq!(graph.asked("11", 1).await, format!("Bearer {ACCESS}"));
        assert_eq!(server.get("/api/meta/pending", &admin.token).await["pending"], json!([]));
    }
    assert_eq!(graph.count("11"), 2, "once for each store");
}

#[tokio::test]
async fn a_lead_comes_however_bad_the_day_of_graph_is() {
    let (servers, graph) = connected().await;
    for server in servers {
        let (admin, _) = team(&server).await;
        let down = [
            Answers::Status(500, 0),
            Answers::Status(429, 2),
            Answers::Nonsense,
            Answers::With(json!({"id": "1"})),
            Answers::Elsewhere,
        ];
        let ids: Vec<String> = (0..down.len()).map(|n| format!("{n}-{}", admin.id)).collect();
        for (id, answers) in ids.iter().zip(down) {
            graph.on(id, answers);
        }
        let all: Vec<&str> = ids.iter().map(String::as_str).collect();
        let began = std::time::Instant::now();
        assert_eq!(deliver(&server, &leadgen("1", &all)).await.status, 200);
        assert!(began.elapsed() < Duration::from_secs(5), "nobody waits for Graph");
        for id in &ids {
            graph.asked(id, 1).await;
        }
        assert_eq!(leads(&server, &admin.token).await.len(), 0);
        // What went wrong is told to those who look after it, without words of others.
        graph.asked(&ids[0], 2).await;
        let pending = server.get("/api/meta/pending", &admin.token).await;
        assert_eq!(pending["pending"].as_array().unwrap().len(), ids.len());
        assert!(pending.to_string().contains("Meta answered 500, error 2"), "{pending}");
        assert!(!pending.to_string().contains("secret words"), "{pending}");
        for id in &ids {
            graph.lead(id, json!({}), &[("full_name", id)]);
        }
        until_leads(&server, &admin.token, ids.len()).await;
        assert_eq!(graph.count("elsewhere"), 0, "a token goes nowhere else");
        assert_eq!(server.get("/api/meta/pending", &admin.token).await["pending"], json!([]));
    }
}

#[tokio::test]
async fn what_graph_does_not_know_stays_until_the_settings_are_right() {
    let graph = Graph::start().await;
    let own = settings(&graph);
    let server = Server::start_with(&[&borrowed(&own)[..], &[("DIALPLANE_RATE_LIMITS", "off")]].concat());
    let (admin, _) = team(&server).await;
    deliver(&server, &leadgen("1", &["21"])).await;
    graph.asked("21", 1).await;
    let token = json!({"accessToken": "token-of-the-company", "pageTokens": {"2": "token-of-page-2"}});
    server.ok("PUT", "/api/settings/meta", &admin.token, token).await;
    graph.lead("21", json!({}), &[("full_name", "Late")]);
    graph.lead("22", json!({}), &[("full_name", "Page")]);
    until_leads(&server, &admin.token, 1).await;
    assert_eq!(graph.asked("21", 2).await, "Bearer token-of-the-company");
    deliver(&server, &leadgen("2", &["22"])).await;
    assert_eq!(graph.asked("22", 1).await, "Bearer token-of-page-2");
    until_leads(&server, &admin.token, 2).await;
}

#[tokio::test]
async fn a_form_that_may_not_be_seen_costs_its_name_and_not_the_lead() {
    let graph = Graph::start().await;
    let own = settings(&graph);
    let server = Server::start_with(&[&borrowed(&own)[..], &[("DIALPLANE_RATE_LIMITS", "off")]].concat());
    let (admin, _) = team(&server).await;
    graph.lead("31", json!({"form_id": "701"}), &[("full_name", "Ann")]);
    deliver(&server, &leadgen("1", &["31"])).await;
    let lead = until_leads(&server, &admin.token, 1).await.remove(0);
    assert_eq!(lead["metaData"], json!({"formId": "701", "leadId": "31"}));
}

#[tokio::test]
async fn what_was_delivered_outlives_the_process() {
    let graph = Graph::start().await;
    let own = settings(&graph);
    for mut server in Server::on_each_store_with(&borrowed(&own)) {
        let (admin, _) = team(&server).await;
        let (hung, slow) = (format!("hung-{}", admin.id), format!("slow-{}", admin.id));
        graph.on(&hung, Answers::Never);
        graph.on(&slow, Answers::Status(503, 0));
        assert_eq!(deliver(&server, &leadgen("1", &[&hung, &slow])).await.status, 200);
        graph.asked(&hung, 1).await;
        server.kill();
        for id in [&hung, &slow] {
            graph.lead(id, json!({}), &[("full_name", id)]);
        }
        let server = server.again(&borrowed(&own));
        // The claim of the dead process ends with its lease.
        until_leads(&server, &admin.token, 2).await;
    }
}

#[tokio::test]
async fn a_thousand_deliveries_at_once_are_one_lead() {
    let (servers, graph) = connected().await;
    graph.lead("41", json!({}), &[("full_name", "Ann")]);
    for server in servers {
        let (admin, _) = team(&server).await;
        let (flat, ids) = (documented(), leadgen("1", &["41"]));
        let answers = join_all((0..1_000).map(|_| deliver(&server, &flat))).await;
        let lead = answers[0].body["lead"]["_id"].clone();
        for answer in &answers {
            assert_eq!((answer.status, &answer.body["lead"]["_id"]), (200, &lead), "{}", answer.text);
        }
        assert_eq!(leads(&server, &admin.token).await.len(), 1);
        let answers = join_all((0..1_000).map(|_| deliver(&server, &ids))).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
        until_leads(&server, &admin.token, 2).await;
        let stats = server.get("/api/meta/stats", &admin.token).await["stats"].clone();
        assert_eq!(stats["totalLeads"], 2);
    }
    assert_eq!(graph.count("41"), 2, "once for each store");
}

#[tokio::test]
async fn deliveries_are_not_held_up_by_the_limit_of_requests() {
    let graph = Graph::start().await;
    let own = settings(&graph);
    let server = Server::start_with(&[&borrowed(&own)[..], &[("DIALPLANE_RATE_LIMIT_MAX_REQUESTS", "20")]].concat());
    team(&server).await;
    for n in 0..40 {
        let mut body = documented();
        body["lead_id"] = json!(n);
        assert_eq!(deliver(&server, &body).await.status, 200);
    }
    let mut refused = 0;
    for _ in 0..40 {
        refused += u32::from(deliver_to(&server, WEBHOOK, &documented(), "wrong-secret").await.status == 429);
    }
    assert!(refused > 0, "whoever guesses is slowed down");
    assert_eq!(deliver(&server, &documented()).await.status, 200, "and Meta is not");
}

#[tokio::test]
async fn stats_and_campaigns_follow_every_change_of_their_leads() {
    let (servers, _graph) = connected().await;
    for server in servers {
        let (admin, alice) = team(&server).await;
        let marketing = server.join(&admin.token, "marketing", "m@alpha.example").await;
        let empty =
            json!({"totalLeads": 0, "convertedLeads": 0, "totalValue": 0.0, "campaigns": [], "avgQuality": 0.0});
        assert_eq!(server.get("/api/meta/stats", &marketing.token).await["stats"], empty);
        let mut ids = Vec::new();
        for (lead, campaign, name) in
            [("1", "123456789", "Q4 Sales"), ("2", "123456789", "Q4 Sales"), ("3", "5", "Premium Campaign")]
        {
            let body = json!({
                "lead_id": lead, "full_name": "Ann", "email": format!("a{lead}@example.com"),
                "campaign_id": campaign, "campaign_name": name,
            });
            ids.push(deliver(&server, &body).await.body["lead"]["_id"].as_str().unwrap().to_owned());
        }
        // Whoever came by another way counts for no campaign.
        server.ok("POST", "/api/leads", &admin.token, json!({"name": "Walk-in", "email": "w@example.com"})).await;
        let change =
            async |id: &str, body: Value| server.ok("PUT", &format!("/api/leads/{id}"), &admin.token, body).await;
        change(&ids[0], json!({"status": "converted", "value": 500, "quality": "hot"})).await;
        change(&ids[1], json!({"quality": "cold"})).await;
        change(&ids[2], json!({"status": "converted", "value": 12.5})).await;
        let stats = server.get("/api/meta/stats", &marketing.token).await["stats"].clone();
        let expected = json!({
            "totalLeads": 3, "convertedLeads": 2, "totalValue": 512.5, "campaigns": ["Q4 Sales", "Premium Campaign"],
            "avgQuality": 2.0,
        });
        assert_eq!(stats, expected);
        let campaigns = server.get("/api/meta/campaigns", &marketing.token).await["campaigns"].clone();
        let expected = json!([
            {"campaignId": "123456789", "campaignName": "Q4 Sales", "totalLeads": 2, "convertedLeads": 1, "conversionRate": 50.0},
            {"campaignId": "5", "campaignName": "Premium Campaign", "totalLeads": 1, "convertedLeads": 1, "conversionRate": 100.0},
        ]);
        assert_eq!(campaigns, expected);
        // A sale that fell through, and a lead that is gone.
        change(&ids[0], json!({"status": "interested"})).await;
        server.ok("DELETE", &format!("/api/leads/{}", ids[2]), &admin.token, Value::Null).await;
        let stats = server.get("/api/meta/stats", &admin.token).await["stats"].clone();
        let expected = json!({"totalLeads": 2, "convertedLeads": 0, "totalValue": 0.0, "campaigns": ["Q4 Sales"], "avgQuality": 2.0});
        assert_eq!(stats, expected);
        let days =
            async |query: &str| server.get(&format!("/api/meta/stats?{query}"), &admin.token).await["stats"].clone();
        assert_eq!(days("dateFrom=2020-01-01&dateTo=2020-02-01").await, empty);
        assert_eq!(days("dateTo=2999-12-31").await, empty);
        assert_eq!(days("dateFrom=2026-01-01").await["totalLeads"], 2);
        let wrong =
            server.call("GET", "/api/meta/campaigns?dateFrom=soon&dateTo=2026-02-30", &admin.token, Value::Null).await;
        assert_problem(&wrong, 400, "invalid_input");
        assert_eq!(wrong.body["errors"].as_array().unwrap().len(), 2);
        for path in ["/api/meta/stats", "/api/meta/campaigns", "/api/meta/pending"] {
            assert_problem(&server.call("GET", path, &alice.token, Value::Null).await, 403, "forbidden");
            assert_eq!(server.call("GET", path, "", Value::Null).await.status, 401);
        }
    }
}
