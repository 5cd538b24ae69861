//! Several companies and Meta: whose a delivery is, and what one sees of another.

use serde_json::{Value, json};

use crate::graph::Graph;
use crate::meta::{SECRET, WEBHOOK, borrowed, connected, deliver_to, leadgen, leads, settings, team, until_leads};
use crate::support::{PASSWORD, Person, Server, answer, assert_problem};

/// A second company with an admin of its own.
pub(crate) async fn beta(server: &Server, root: &Person) -> (String, Person) {
    let made = server.ok("POST", "/api/companies", &root.token, json!({"name": "Beta"})).await;
    let id = made["company"]["id"].as_str().unwrap().to_owned();
    let body = json!({"name": "Bea", "email": "bea@beta.example", "password": PASSWORD, "role": "admin"});
    let request = server.request("POST", "/api/users", &root.token).json(&body).header("x-company-id", &id);
    assert_eq!(answer(request).await.status, 201);
    (id, server.login("bea@beta.example", PASSWORD).await)
}

fn flat(lead: &str) -> Value {
    json!({"lead_id": lead, "full_name": format!("Lead {lead}"), "email": "x@example.com"})
}

#[tokio::test]
async fn a_page_leads_to_its_company_and_an_app_of_its_own_to_nobody_else() {
    let (servers, graph) = connected().await;
    for lead in ["1", "2", "3", "4"] {
        graph.lead(lead, json!({"campaign_name": format!("Campaign {lead}")}), &[("full_name", lead)]);
    }
    for server in servers {
        let (root, _) = team(&server).await;
        let (company, bea) = beta(&server, &root).await;
        let own = format!("{WEBHOOK}/{company}");
        // Which page is whose is not said by those who would gain by it.
        let pages = json!({"pageIds": ["900"]});
        let denied = server.call("PUT", "/api/settings/meta", &bea.token, pages.clone()).await;
        assert_problem(&denied, 403, "forbidden");
        let request = server.request("PUT", "/api/settings/meta", &root.token).header("x-company-id", &company);
        assert_eq!(answer(request.json(&pages)).await.status, 200);
        let taken = server.call("PUT", "/api/settings/meta", &root.token, pages).await;
        assert_problem(&taken, 409, "page_taken");
        // Through the server's app: by page, and to the first company without one.
        assert_eq!(deliver_to(&server, WEBHOOK, &leadgen("900", &["1"]), SECRET).await.status, 200);
        assert_eq!(deliver_to(&server, WEBHOOK, &leadgen("901", &["2"]), SECRET).await.status, 200);
        let (betas, alphas) = (until_leads(&server, &bea.token, 1).await, until_leads(&server, &root.token, 1).await);
        assert_eq!((&betas[0]["name"], &alphas[0]["name"]), (&json!("1"), &json!("2")));
        // The address of a company is worth nothing without the secret of its own app.
        assert_problem(&deliver_to(&server, &own, &flat("x"), SECRET).await, 401, "invalid_signature");
        let secrets = json!({
            "appSecret": "secret-of-beta-alone", "verifyToken": "verify-of-beta-alone", "accessToken": "token-of-beta",
        });
        server.ok("PUT", "/api/settings/meta", &bea.token, secrets).await;
        assert_problem(&deliver_to(&server, &own, &flat("x"), SECRET).await, 401, "invalid_signature");
        assert_problem(
            &deliver_to(&server, WEBHOOK, &flat("x"), "secret-of-beta-alone").await,
            401,
            "invalid_signature",
        );
        let nobody = format!("{WEBHOOK}/{}", root.id);
        assert_problem(&deliver_to(&server, &nobody, &flat("x"), SECRET).await, 401, "invalid_signature");
        // With it everything is Beta's, whatever page is named, and is opened by Beta's token alone.
        assert_eq!(deliver_to(&server, &own, &leadgen("901", &["3"]), "secret-of-beta-alone").await.status, 200);
        until_leads(&server, &bea.token, 2).await;
        assert_eq!(graph.asked("3", 1).await, "Bearer token-of-beta");
        assert_eq!(leads(&server, &root.token).await.len(), 1);
        let ask = async |token: &str| {
            let query = format!("{own}?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=7");
            answer(server.request("GET", &query, "")).await.status
        };
        assert_eq!((ask("verify-of-beta-alone").await, ask("verify-token-of-the-server").await), (200, 403));
        // Each sees its own.
        let campaigns = async |token: &str| server.get("/api/meta/stats", token).await["stats"]["campaigns"].clone();
        assert_eq!(campaigns(&root.token).await, json!(["Campaign 2"]));
        let mut betas = campaigns(&bea.token).await.as_array().unwrap().clone();
        betas.sort_by_key(Value::to_string);
        assert_eq!(betas, [json!("Campaign 1"), json!("Campaign 3")]);
        assert_eq!(server.get("/api/meta/campaigns", &root.token).await["campaigns"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_company_cannot_have_the_servers_token_opened_for_it() {
    let graph = Graph::start().await;
    let own = settings(&graph);
    let server = Server::start_with(&[&borrowed(&own)[..], &[("DIALPLANE_RATE_LIMITS", "off")]].concat());
    let (root, _) = team(&server).await;
    let (company, bea) = beta(&server, &root).await;
    server.ok("PUT", "/api/settings/meta", &bea.token, json!({"appSecret": "secret-of-beta-alone"})).await;
    graph.lead("foreign", json!({}), &[("full_name", "A lead of somebody else")]);
    let forged = leadgen("1", &["foreign"]);
    let path = format!("{WEBHOOK}/{company}");
    assert_eq!(deliver_to(&server, &path, &forged, "secret-of-beta-alone").await.status, 200);
    let fault = async {
        loop {
            let pending = server.get("/api/meta/pending", &bea.token).await["pending"].clone();
            if let Some(fault) = pending[0]["fault"].as_str() {
                return fault.to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let fault = tokio::time::timeout(std::time::Duration::from_secs(30), fault).await.unwrap();
    assert_eq!(fault, "there is no access token for this page");
    assert_eq!(graph.count("foreign"), 0);
    assert_eq!(server.get("/api/meta/pending", &root.token).await["pending"], json!([]));
}

#[tokio::test]
async fn secrets_go_in_and_do_not_come_out() {
    let (servers, _graph) = connected().await;
    for server in servers {
        let (root, alice) = team(&server).await;
        let read = async || server.get("/api/settings/meta", &root.token).await["settings"].clone();
        let empty = read().await;
        let expected = json!({
            "pageIds": [], "appSecret": null, "verifyToken": null, "accessToken": null, "pageTokens": {},
            "webhookUrl": "/api/meta/webhook", "usesServerApp": true, "version": 0,
        });
        assert_eq!(empty, expected);
        let secret = "0123456789abcdef0123456789abcdef";
        let put =
            json!({"page_ids": ["2", "1", "2"], "app_secret": secret, "pageTokens": {"1": "page-token-of-page-1"}});
        let done = server.call("PUT", "/api/settings/meta", &root.token, put).await;
        assert_eq!((done.status, &done.headers["etag"]), (200, &"\"1\"".parse().unwrap()));
        let shown = &done.body["settings"];
        assert_eq!((&shown["appSecret"], &shown["pageIds"]), (&json!("…cdef"), &json!(["1", "2"])));
        assert!(!done.text.contains(secret) && !done.text.contains("page-token"), "{}", done.text);
        // A form that sends back what it was shown changes nothing, and the secret still proves.
        let again = server.call("PUT", "/api/settings/meta", &root.token, shown.clone()).await;
        assert_eq!(again.body["settings"]["appSecret"], "…cdef", "{}", again.text);
        assert_eq!(deliver_to(&server, WEBHOOK, &flat("1"), secret).await.status, 200);
        let stale =
            server.request("PUT", "/api/settings/meta", &root.token).header("if-match", "\"1\"").json(&json!({}));
        assert_problem(&answer(stale).await, 409, "stale_version");
        let cleared = json!({"appSecret": null, "pageTokens": {"1": null}});
        let cleared = server.ok("PUT", "/api/settings/meta", &root.token, cleared).await;
        assert_eq!((&cleared["settings"]["appSecret"], &cleared["settings"]["pageTokens"]), (&Value::Null, &json!({})));
        assert_problem(&deliver_to(&server, WEBHOOK, &flat("2"), secret).await, 401, "invalid_signature");
        let bad = json!({"pageIds": ["a b"], "appSecret": "short", "verifyToken": "with a blank", "accessToken": 7});
        let bad = server.call("PUT", "/api/settings/meta", &root.token, bad).await;
        assert_problem(&bad, 400, "invalid_input");
        let mut fields: Vec<&str> =
            bad.body["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["accessToken", "appSecret", "pageIds", "verifyToken"]);
        for method in ["GET", "PUT"] {
            assert_problem(&server.call(method, "/api/settings/meta", &alice.token, json!({})).await, 403, "forbidden");
        }
    }
}
