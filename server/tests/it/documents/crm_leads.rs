//! Lead management of document 003.

use dialplane_core::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::{assert_like, team, text};
use crate::support::{Person, Server, assert_problem};

struct Desk {
    server: Server,
    admin: Person,
    boss: Person,
    alice: Person,
}

impl Desk {
    async fn open(server: Server) -> Self {
        let [admin, boss, alice, bob] = team(&server).await;
        // Whoever is away gets no lead.
        server.ok("PUT", &format!("/api/users/{}", bob.id), &admin.token, json!({"isActive": false})).await;
        Self { server, admin, boss, alice }
    }

    async fn made(&self, body: Value) -> Value {
        self.server.ok("POST", "/api/leads", &self.admin.token, body).await["lead"].clone()
    }

    async fn listed(&self, query: &str) -> Value {
        self.server.get(&format!("/api/leads?{query}"), &self.admin.token).await
    }

    fn alice(&self) -> Value {
        json!({"_id": self.alice.id, "name": "Alice Johnson"})
    }

    async fn lists_and_shows(&self) {
        let meta = json!({
            "adName": "Premium Campaign", "campaignName": "Q4 Sales", "leadGenFormName": "Contact Form"
        });
        let body = json!({
            "name": "John Doe", "email": "john.doe@example.com", "phone": "9876543210", "source": "facebook",
            "priority": "high", "quality": "hot", "requirements": "Looking for software development",
            "notes": "Interested in custom solutions", "metaData": meta, "assignedTo": self.alice.id
        });
        let lead = self.made(body).await;
        let mut printed = json!({
            "_id": "<id>", "name": "John Doe", "email": "john.doe@example.com", "phone": "+19876543210",
            "rawPhone": "9876543210", "source": "facebook", "status": "new", "priority": "high", "quality": "hot",
            "assignedTo": self.alice(), "assignedAt": "<time>", "createdAt": "<time>", "score": "<count>"
        });
        let pagination = json!({"page": 1, "limit": 10, "total": 1, "pages": 1});
        let page = json!({"success": true, "leads": [printed], "pagination": pagination});
        for query in ["page=1&limit=10", "status=new&source=facebook&priority=high&quality=hot&limit=10"] {
            assert_like(&self.listed(query).await, &page);
        }
        let assigned = format!("/api/leads/assigned/{}?limit=10", self.alice.id);
        assert_like(&self.server.get(&assigned, &self.alice.token).await, &page);
        let of_nobody = format!("/api/leads/assigned/{}", self.boss.id);
        assert_eq!(self.server.get(&of_nobody, &self.admin.token).await["leads"], json!([]));

        printed["lastContactDate"] = Value::Null;
        printed["followupCount"] = json!(0);
        printed["requirements"] = json!("Looking for software development");
        printed["notes"] = json!("Interested in custom solutions");
        printed["metaData"] = meta;
        let path = format!("/api/leads/{}", text(&lead["_id"]));
        let printed = json!({"success": true, "lead": printed});
        assert_like(&self.server.get(&path, &self.alice.token).await, &printed);
        self.server.ok("DELETE", &path, &self.admin.token, Value::Null).await;
    }

    async fn takes_in_changes_assigns_and_deletes(&self) {
        let body = json!({
            "name": "New Lead",
            "email": "newlead@example.com",
            "phone": "9876543210",
            "source": "manual",
            "priority": "medium",
            "quality": "warm",
            "requirements": "Looking for software development",
            "notes": "Interested in custom solutions"
        });
        let made = self.server.call("POST", "/api/leads", &self.boss.token, body.clone()).await;
        assert_eq!((made.status, &made.headers["etag"]), (201, &"\"1\"".parse().unwrap()), "{}", made.text);
        let lead = &made.body["lead"];
        let mut printed = body;
        printed["phone"] = json!("+19876543210");
        printed["status"] = json!("new");
        assert_like(lead, &printed);
        assert_eq!(lead["score"], 20 + 5 + 5 + 5 + 10 + 5, "warm, medium, manual, e-mail, phone, requirements");
        assert_like(&made.body["assignment"], &json!({"success": true, "telecaller": self.alice()}));

        let path = format!("/api/leads/{}", text(&lead["_id"]));
        let change = json!({
            "status": "contacted", "priority": "high", "notes": "Updated notes", "requirements": "Updated requirements"
        });
        let changed = self.server.ok("PUT", &path, &self.boss.token, change.clone()).await["lead"].clone();
        assert_like(&changed, &change);
        let history = json!([
            {"text": "Updated notes", "author": {"_id": self.boss.id}},
            {"text": "Interested in custom solutions", "author": {"_id": self.boss.id}},
        ]);
        assert_like(&changed["noteHistory"], &history);

        let assign = format!("{path}/assign");
        let body = json!({"assignedTo": self.boss.id});
        let given = self.server.ok("POST", &assign, &self.admin.token, body).await;
        assert_like(&given["lead"], &json!({"assignedTo": {"_id": self.boss.id, "name": "Sue Pervisor"}}));
        assert_problem(&self.server.call("GET", &path, &self.alice.token, Value::Null).await, 404, "not_found");
        let back = self.server.ok("POST", &assign, &self.boss.token, json!({"assignedTo": self.alice.id})).await;
        assert_like(&back["lead"], &json!({"assignedTo": self.alice(), "assignedAt": "<time>"}));

        for person in [&self.boss, &self.alice] {
            assert_problem(&self.server.call("DELETE", &path, &person.token, Value::Null).await, 403, "forbidden");
        }
        self.server.ok("DELETE", &path, &self.admin.token, Value::Null).await;
        assert_problem(&self.server.call("GET", &path, &self.admin.token, Value::Null).await, 404, "not_found");
        assert_eq!(self.listed("").await["pagination"]["total"], 0);
    }

    async fn filters(&self) {
        for n in 0..9 {
            let source = ["facebook", "manual"][n % 2];
            let priority = ["low", "urgent", "high"][n % 3];
            let quality = ["hot", "cold"][n % 2];
            let assigned = if n % 3 == 0 { json!(self.alice.id) } else { Value::Null };
            let body = json!({
                "name": format!("Lead {n} Ñandú 🦜"), "email": format!("l{n}@example.com"), "source": source,
                "priority": priority, "quality": quality, "assignedTo": assigned
            });
            let lead = self.made(body).await;
            if n == 8 {
                let path = format!("/api/leads/{}", text(&lead["_id"]));
                self.server.ok("PUT", &path, &self.admin.token, json!({"status": "contacted"})).await;
            }
        }
        let today = SystemClock.now().with_timezone(&chrono_tz::America::New_York).date_naive();
        let yesterday = today.pred_opt().unwrap();
        for (query, total) in [
            ("status=new", 8),
            ("status=contacted", 1),
            ("status=converted", 0),
            ("source=facebook", 5),
            ("source=website", 0),
            ("priority=urgent", 3),
            ("priority=medium", 0),
            ("quality=cold", 4),
            ("quality=warm", 0),
            (&format!("assignedTo={}", self.alice.id), 3),
            (&format!("assignedTo={}", self.boss.id), 0),
            ("assigned=false", 6),
            (&format!("dateFrom={today}&dateTo={today}"), 9),
            (&format!("dateTo={yesterday}"), 0),
            ("dateFrom=2999-01-01", 0),
            ("q=%C3%91AND%C3%9A", 9),
            ("q=l7%40example", 1),
            ("source=facebook&quality=hot&priority=low", 2),
        ] {
            let page = self.listed(query).await;
            assert_eq!(page["pagination"]["total"], total, "{query}");
            assert_eq!(page["leads"].as_array().unwrap().len(), total, "{query}");
        }
        for wrong in
            ["status=won", "priority=huge", "quality=lukewarm", "assignedTo=me", "dateFrom=yesterday", "cursor=x"]
        {
            let answer = self.server.call("GET", &format!("/api/leads?{wrong}"), &self.admin.token, Value::Null).await;
            assert_eq!(answer.status, 400, "{wrong}: {}", answer.text);
            assert_eq!(answer.body["errors"][0]["field"], wrong.split('=').next().unwrap(), "{}", answer.text);
        }
    }

    async fn pages(&self) {
        let expected: Vec<String> = (0..9).rev().map(|n| format!("Lead {n} Ñandú 🦜")).collect();
        let names = |page: &Value| -> Vec<String> {
            page["leads"].as_array().unwrap().iter().map(|lead| text(&lead["name"]).to_owned()).collect()
        };
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let page = self.listed(&format!("limit=4{cursor}")).await;
            seen.extend(names(&page));
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, expected);
        let third = self.listed("page=3&limit=4").await;
        assert_eq!(third["pagination"], json!({"page": 3, "limit": 4, "total": 9, "pages": 3}));
        assert_eq!(names(&third), expected[8..]);
    }
}

#[tokio::test]
async fn leads_are_listed_shown_taken_in_changed_assigned_and_deleted_as_printed() {
    for server in Server::on_each_store() {
        let desk = Desk::open(server).await;
        desk.lists_and_shows().await;
        desk.takes_in_changes_assigns_and_deletes().await;
        desk.filters().await;
        desk.pages().await;
    }
}
