//! Call management of documents 002 and 003: the log as it is read, narrowed and corrected. Placing calls is in `twilio`.

use serde_json::{Value, json};

use super::{NOBODY, assert_like, team, text};
use crate::support::{Person, Server, assert_problem};

/// A log of five calls, by number.
struct Log {
    server: Server,
    admin: Person,
    alice: Person,
    bob: Person,
    lead: String,
    client: String,
    calls: Vec<String>,
}

impl Log {
    async fn open(server: Server) -> Self {
        let [admin, _, alice, bob] = team(&server).await;
        let lead = json!({"name": "John Doe", "phone": "9876543210", "assignedTo": alice.id});
        let lead = server.ok("POST", "/api/leads", &admin.token, lead).await["lead"]["_id"].clone();
        let client = json!({"name": "Nord Inc.", "phone": "+13035550100"});
        let client = server.ok("POST", "/api/clients", &admin.token, client).await["client"]["_id"].clone();
        let (lead, client) = (text(&lead).to_owned(), text(&client).to_owned());
        let mut log = Self { server, admin, alice, bob, lead, client, calls: Vec::new() };
        // The first has the printed values of document 003, the second is in the words of document 002.
        for body in [
            json!({"telecaller": log.alice.id, "leadId": log.lead, "number": "9876543210", "callType": "outbound",
                "status": "completed", "duration": 300, "startTime": "2024-01-15T10:30:00Z",
                "notes": "Customer showed interest"}),
            json!({"officerId": log.bob.id, "clientId": log.client, "type": "inbound", "duration": 60,
                "outcome": "meeting", "comments": "Wants a meeting", "timestamp": "2024-01-16T15:00:00Z"}),
            json!({"telecaller": log.bob.id, "status": "no_answer", "number": "+12025550111",
                "startTime": "2024-01-17T15:00:00Z"}),
            json!({"telecaller": log.alice.id, "status": "busy", "number": "+12025550112", "outcome": "callback",
                "startTime": "2024-01-18T15:00:00Z"}),
            json!({"telecaller": log.alice.id, "callType": "internal", "duration": 5, "startTime": "2024-01-19T04:59:59Z"}),
        ] {
            let entered = log.server.call("POST", "/api/calls", &log.admin.token, body).await;
            assert_eq!(entered.status, 201, "{}", entered.text);
            log.calls.push(text(&entered.body["call"]["_id"]).to_owned());
        }
        log
    }

    /// Which of the calls a query finds.
    async fn found(&self, query: &str) -> Vec<usize> {
        let list = self.server.get(&format!("/api/calls?{query}"), &self.admin.token).await;
        let ids = list["calls"].as_array().unwrap().iter().map(|call| text(&call["_id"]));
        ids.map(|id| self.calls.iter().position(|call| call == id).unwrap()).collect()
    }

    fn first(&self) -> Value {
        json!({
            "_id": self.calls[0], "telecaller": {"_id": self.alice.id, "name": "Alice Johnson"},
            "lead": {"_id": self.lead, "name": "John Doe", "phone": "+19876543210"}, "callType": "outbound",
            "status": "completed", "duration": 300, "startTime": "2024-01-15T10:30:00Z",
            "endTime": "2024-01-15T10:35:00Z", "recordingUrl": null, "notes": "Customer showed interest"
        })
    }

    async fn lists(&self) {
        let query = format!("leadId={}&page=1&limit=10", self.lead);
        let list = self.server.get(&format!("/api/calls?{query}"), &self.alice.token).await;
        let pagination = json!({"page": 1, "limit": 10, "total": 1, "pages": 1});
        assert_like(&list, &json!({"success": true, "calls": [self.first()], "pagination": pagination}));
        let (alice, bob) = (&self.alice.id, &self.bob.id);
        for (query, calls) in [
            ("", &[4, 3, 2, 1, 0][..]),
            (&format!("telecaller={alice}"), &[4, 3, 0]),
            (&format!("officerId={bob}"), &[2, 1]),
            (&format!("clientId={}", self.client), &[1]),
            (&format!("leadId={}", self.lead), &[0]),
            (&format!("leadId={NOBODY}"), &[]),
            (&format!("clientId={NOBODY}"), &[]),
            ("status=completed", &[4, 1, 0]),
            ("status=no_answer", &[2]),
            ("status=cancelled", &[]),
            ("callType=outbound", &[3, 2, 0]),
            ("callType=inbound", &[1]),
            ("callType=internal", &[4]),
            ("outcome=meeting", &[1]),
            ("outcome=meet", &[]),
            ("number=%2B12025550111", &[2]),
            ("number=(202)%20555-0112", &[3]),
            // The days are New York's: one second before its midnight is the day before.
            ("dateFrom=2024-01-16&dateTo=2024-01-17", &[2, 1]),
            ("dateFrom=2024-01-18", &[4, 3]),
            ("dateTo=2024-01-15", &[0]),
            ("dateFrom=2024-01-19", &[]),
            ("dateFrom=2024-01-16T15:00:00Z&dateTo=2024-01-17T15:00:00Z", &[1]),
            ("q=meeting", &[1]),
            (&format!("telecaller={alice}&status=completed&callType=outbound&dateTo=2024-01-31"), &[0]),
        ] {
            assert_eq!(self.found(query).await, calls, "{query}");
        }
        let second = self.server.get("/api/calls?page=2&limit=2", &self.admin.token).await;
        assert_eq!(second["pagination"], json!({"page": 2, "limit": 2, "total": 5, "pages": 3}));
        assert_eq!(self.found("page=2&limit=2").await, [2, 1]);
        let first = self.server.get("/api/calls?limit=2", &self.admin.token).await;
        assert_eq!(self.found(&format!("limit=3&cursor={}", text(&first["nextCursor"]))).await, [2, 1, 0]);
        for wrong in ["status=great", "callType=sideways", "telecaller=me", "dateFrom=soon", "leadId=1", "clientId=1"] {
            let refused = self.server.call("GET", &format!("/api/calls?{wrong}"), &self.admin.token, Value::Null).await;
            let field = wrong.split('=').next().unwrap();
            assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (400, &json!(field)), "{}", refused.text);
        }
        // An agent's list is their own.
        let own = self.server.get("/api/calls", &self.bob.token).await;
        assert_eq!(own["pagination"]["total"], 2);
        let others = format!("/api/calls?telecaller={alice}");
        assert_problem(&self.server.call("GET", &others, &self.bob.token, Value::Null).await, 403, "forbidden");
    }

    async fn shows(&self) {
        let path = format!("/api/calls/{}", self.calls[0]);
        for person in [&self.admin, &self.alice] {
            let shown = self.server.get(&path, &person.token).await;
            assert_like(&shown, &json!({"success": true, "call": self.first()}));
        }
        assert_problem(&self.server.call("GET", &path, &self.bob.token, Value::Null).await, 404, "not_found");
        let second = self.server.get(&format!("/api/calls/{}", self.calls[1]), &self.admin.token).await;
        let printed = json!({
            "telecaller": {"_id": self.bob.id}, "client": {"_id": self.client, "name": "Nord Inc.", "phone": "+13035550100"},
            "lead": null, "callType": "inbound", "status": "completed", "outcome": "meeting", "comments": "Wants a meeting"
        });
        assert_like(&second["call"], &printed);
    }

    async fn changes(&self) {
        let path = format!("/api/calls/{}", self.calls[2]);
        let change = json!({"status": "completed", "duration": 300, "notes": "Call completed successfully"});
        let changed = self.server.ok("PUT", &path, &self.bob.token, change.clone()).await;
        assert_like(&changed["call"], &change);
        assert_eq!(changed["call"]["endTime"], "2024-01-17T15:05:00Z");
        assert_like(&self.server.get(&path, &self.admin.token).await["call"], &change);
        assert_eq!(self.found("status=no_answer").await, Vec::<usize>::new());
        self.server.ok("DELETE", &path, &self.bob.token, Value::Null).await;
        assert_eq!(self.found("").await, [4, 3, 1, 0]);
    }

    async fn refuses_leads_that_are_not_theirs(&self) {
        for (person, lead) in [(&self.alice, NOBODY), (&self.bob, &self.lead)] {
            let body = json!({"leadId": lead, "duration": 60});
            assert_problem(
                &self.server.call("POST", "/api/calls", &person.token, body.clone()).await,
                404,
                "not_found",
            );
            let own = format!("/api/calls/{}", self.calls[if person.id == self.bob.id { 1 } else { 3 }]);
            assert_problem(&self.server.call("PUT", &own, &person.token, body).await, 404, "not_found");
        }
        // What came with a call that was read can be sent back with it, and a lead that is gone leaves its call.
        let path = format!("/api/calls/{}", self.calls[0]);
        self.server.ok("DELETE", &format!("/api/leads/{}", self.lead), &self.admin.token, Value::Null).await;
        let body = json!({"leadId": self.lead, "notes": "again"});
        let kept = self.server.ok("PUT", &path, &self.alice.token, body).await;
        assert_like(&kept["call"], &json!({"lead": {"_id": self.lead, "name": null, "phone": null}, "notes": "again"}));
    }
}

#[tokio::test]
async fn calls_are_listed_shown_and_changed_as_printed() {
    for server in Server::on_each_store() {
        let log = Log::open(server).await;
        log.lists().await;
        log.shows().await;
        log.changes().await;
        log.refuses_leads_that_are_not_theirs().await;
    }
}
