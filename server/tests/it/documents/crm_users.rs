//! User management of document 003.

use serde_json::{Value, json};

use super::{assert_like, column, hired, text};
use crate::support::{Person, Server, assert_problem};

/// A company whose calls are known: of Alice's five, four were answered.
struct Office {
    server: Server,
    root: Person,
    boss: Person,
    alice: Person,
}

impl Office {
    async fn open(server: Server) -> Self {
        let root = server.set_up().await;
        let boss = hired(&server, &root.token, "supervisor", "Sue Pervisor").await;
        let alice = hired(&server, &root.token, "telecaller", "Alice Johnson").await;
        let change = json!({"department": "lead_generation", "phone": "9876543210", "supervisor": boss.id});
        server.ok("PUT", &format!("/api/users/{}", alice.id), &root.token, change).await;
        let away = hired(&server, &root.token, "telecaller", "Al Gone").await;
        server.ok("PUT", &format!("/api/users/{}", away.id), &root.token, json!({"isActive": false})).await;
        for status in ["completed", "completed", "busy", "completed", "completed"] {
            server.ok("POST", "/api/calls", &alice.token, json!({"status": status})).await;
        }
        Self { server, root, boss, alice }
    }

    async fn names(&self, query: &str) -> Vec<String> {
        let list = self.server.get(&format!("/api/users?{query}"), &self.root.token).await;
        column(&list["users"], "name").into_iter().map(str::to_owned).collect()
    }

    async fn lists(&self) {
        let list = self.server.get("/api/users?role=telecaller&isActive=true&page=1&limit=10", &self.boss.token).await;
        let printed = json!({
            "success": true,
            "users": [{
                "_id": self.alice.id, "name": "Alice Johnson", "email": "alice.johnson@telecaller.com", "role": "telecaller",
                "department": "lead_generation", "isActive": true, "totalCalls": 5, "successfulCalls": 4, "totalLeads": 0,
                "convertedLeads": 0, "successRate": 80, "conversionRate": 0
            }],
            "pagination": {"page": 1, "limit": 10, "total": 1, "pages": 1}
        });
        assert_like(&list, &printed);
        for (query, names) in [
            ("", &["Al Gone", "Alice Johnson", "Root", "Sue Pervisor"][..]),
            ("role=admin", &["Root"]),
            ("role=supervisor", &["Sue Pervisor"]),
            ("role=telecaller", &["Al Gone", "Alice Johnson"]),
            ("role=officer", &[]),
            ("kind=agent", &["Al Gone", "Alice Johnson"]),
            ("department=lead_generation", &["Alice Johnson"]),
            ("department=management", &[]),
            ("isActive=true", &["Alice Johnson", "Root", "Sue Pervisor"]),
            ("isActive=false", &["Al Gone"]),
            ("role=telecaller&isActive=false", &["Al Gone"]),
        ] {
            assert_eq!(self.names(query).await, names, "{query}");
        }
        let pages = [self.names("page=1&limit=3").await, self.names("page=2&limit=3").await];
        assert_eq!((pages[0].len(), pages[1].len()), (3, 1));
        assert!(!pages[0].contains(&pages[1][0]), "{pages:?}");
        let second = self.server.get("/api/users?page=2&limit=3", &self.root.token).await;
        assert_eq!(second["pagination"], json!({"page": 2, "limit": 3, "total": 4, "pages": 2}));
        let refused = self.server.call("GET", "/api/users", &self.alice.token, Value::Null).await;
        assert_problem(&refused, 403, "forbidden");
        for (query, field) in [("role=king", "role"), ("isActive=maybe", "isActive"), ("page=first", "page")] {
            let refused = self.server.call("GET", &format!("/api/users?{query}"), &self.root.token, Value::Null).await;
            assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (400, &json!(field)), "{}", refused.text);
        }
    }

    async fn shows(&self) {
        let performance = json!({
            "totalCalls": 5, "successfulCalls": 4, "totalLeads": 0, "convertedLeads": 0, "successRate": 80, "conversionRate": 0
        });
        let printed = json!({
            "success": true,
            "user": {
                "_id": self.alice.id, "name": "Alice Johnson", "email": "alice.johnson@telecaller.com", "role": "telecaller",
                "department": "lead_generation", "phone": "9876543210", "isActive": true,
                "supervisor": {"_id": self.boss.id, "name": "Sue Pervisor"}, "teamMembers": [], "performance": performance
            }
        });
        let path = format!("/api/users/{}", self.alice.id);
        for person in [&self.root, &self.boss, &self.alice] {
            assert_like(&self.server.get(&path, &person.token).await, &printed);
        }
        let boss = self.server.get(&format!("/api/users/{}", self.boss.id), &self.root.token).await;
        let team = json!([{"_id": self.alice.id, "name": "Alice Johnson"}]);
        assert_like(&boss["user"], &json!({"supervisor": null, "teamMembers": team, "performance": {"totalCalls": 0}}));
        let other = format!("/api/users/{}", self.boss.id);
        assert_problem(&self.server.call("GET", &other, &self.alice.token, Value::Null).await, 403, "forbidden");
    }

    async fn changes(&self) {
        let path = format!("/api/users/{}", self.alice.id);
        let change = json!({"name": "Updated Name", "department": "sales", "phone": "9876543211", "isActive": true});
        assert_problem(&self.server.call("PUT", &path, &self.alice.token, change.clone()).await, 403, "forbidden");
        let changed = self.server.ok("PUT", &path, &self.boss.token, change.clone()).await;
        assert_like(&changed["user"], &change);
        let read = self.server.get(&path, &self.root.token).await;
        assert_like(&read["user"], &change);
        assert_eq!(read["user"]["supervisor"]["_id"], self.boss.id, "what is absent stays");
        assert_eq!(self.names("department=sales").await, ["Updated Name"]);
    }

    async fn deletes(&self) {
        let path = format!("/api/users/{}", self.alice.id);
        assert_problem(&self.server.call("DELETE", &path, &self.alice.token, Value::Null).await, 403, "forbidden");
        let deleted = self.server.ok("DELETE", &path, &self.root.token, Value::Null).await;
        assert_eq!(deleted, json!({"success": true, "message": "User deleted successfully"}));
        assert_problem(&self.server.call("GET", &path, &self.root.token, Value::Null).await, 404, "not_found");
        assert_problem(&self.server.call("DELETE", &path, &self.root.token, Value::Null).await, 404, "not_found");
        assert_eq!(self.names("role=telecaller").await, ["Al Gone"]);
        // What they did stays in the log.
        let calls = self.server.get("/api/calls", &self.root.token).await;
        assert_eq!((&calls["pagination"]["total"], &calls["calls"][0]["telecaller"]), (&json!(5), &Value::Null));
        assert_eq!(text(&calls["calls"][0]["status"]), "completed");
    }
}

#[tokio::test]
async fn users_are_listed_shown_changed_and_deleted_as_printed() {
    for server in Server::on_each_store() {
        let office = Office::open(server).await;
        office.lists().await;
        office.shows().await;
        office.changes().await;
        office.deletes().await;
    }
}
