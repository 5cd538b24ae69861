//! Caller management of document 000.

use serde_json::{Value, json};

use super::{assert_like, column};
use crate::support::{Person, Server, assert_problem};

fn john() -> Value {
    json!({
        "name": "John Doe",
        "email": "john@example.com",
        "password": "password123",
        "initials": "JD",
        "role": "caller",
        "phone": "+1234567890",
        "country_code": "+1"
    })
}

struct Office {
    server: Server,
    admin: Person,
    john: String,
}

impl Office {
    async fn callers(&self) -> Value {
        self.server.get("/api/callers", &self.admin.token).await["callers"].clone()
    }

    async fn names(&self) -> Vec<String> {
        column(&self.callers().await, "name").into_iter().map(str::to_owned).collect()
    }

    async fn open(server: Server) -> Self {
        let admin = server.set_up().await;
        let answer = server.call("POST", "/api/auth/register", &admin.token, john()).await;
        assert_eq!(answer.status, 201);
        let keys: Vec<&String> = answer.body.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["message", "success", "user"], "a token only for oneself");
        assert_eq!(answer.body["message"], "User registered successfully");
        let mut printed = john();
        printed.as_object_mut().unwrap().remove("password");
        assert_like(&answer.body["user"], &printed);
        let john = answer.body["user"]["id"].as_str().unwrap().to_owned();
        Self { server, admin, john }
    }

    async fn registers(&self) {
        let jane = json!({
            "name": "Jane Smith", "email": "jane@example.com", "password": "password123", "initials": "JS", "role": "caller",
            "phone": "+9876543210"
        });
        self.server.ok("POST", "/api/auth/register", &self.admin.token, jane.clone()).await;
        assert_eq!(self.names().await, ["Jane Smith", "John Doe"]);
        let again = self.server.call("POST", "/api/auth/register", &self.admin.token, jane).await;
        assert_problem(&again, 409, "email_taken");
        let stranger = self.server.call("POST", "/api/auth/register", "", john()).await;
        assert_problem(&stranger, 401, "no_token");
    }

    async fn shows_figures(&self) {
        let callers = self.callers().await;
        let caller = callers.as_array().unwrap().iter().find(|caller| caller["name"] == "John Doe").unwrap();
        let printed = json!({
            "name": "John Doe", "total_calls": 0, "connected_calls": 0, "not_connected_calls": 0,
            "total_duration_minutes": 0, "duration_raise_percentage": 0.0, "first_call_time": null, "last_call_time": null
        });
        assert_like(caller, &printed);
        for id in [caller["id"].as_str().unwrap(), &*self.john] {
            let one = self.server.get(&format!("/api/callers/{id}"), &self.admin.token).await;
            assert_eq!(&one["caller"], caller);
        }
    }

    async fn follows_the_role(&self) {
        let path = format!("/api/users/{}", self.john);
        let role = format!("{path}/role");
        let changed = self.server.ok("PUT", &role, &self.admin.token, json!({"role": "manager"})).await;
        assert_eq!(changed["user"]["role"], "manager");
        assert_eq!(self.names().await, ["Jane Smith"]);
        self.server.ok("PUT", &role, &self.admin.token, json!({"role": "caller"})).await;
        assert_eq!(self.names().await, ["Jane Smith", "John Doe"]);
        let update = json!({
            "name": "John Doe", "email": "john@example.com", "phone": "+1234567890", "initials": "JD",
            "role": "marketing", "country_code": "+1", "reporting_to": self.admin.id
        });
        let updated = self.server.ok("PUT", &path, &self.admin.token, update.clone()).await;
        assert_like(&updated["user"], &update);
        assert_eq!(self.names().await, ["Jane Smith"]);
    }

    async fn removes_the_right_one_of_two_with_one_name(&self) {
        let mut twins = Vec::new();
        for email in ["one@example.com", "two@example.com"] {
            let mut body = john();
            body["email"] = json!(email);
            let done = self.server.ok("POST", "/api/auth/register", &self.admin.token, body).await;
            twins.push(done["user"]["id"].as_str().unwrap().to_owned());
        }
        let path = format!("/api/users/{}", twins[0]);
        let done = self.server.ok("DELETE", &path, &self.admin.token, Value::Null).await;
        assert_eq!(done["message"], "User deleted successfully");
        assert_eq!(self.names().await, ["Jane Smith", "John Doe"]);
        assert!(column(&self.callers().await, "user_id").contains(&&*twins[1]));
    }

    async fn says_what_synchronizing_did(&self) {
        let done = self.server.ok("POST", "/api/users/sync-callers", &self.admin.token, Value::Null).await;
        let printed =
            json!({"success": true, "message": "Callers table synced successfully", "created": 0, "deleted": 0});
        assert_eq!(done, printed);
    }
}

#[tokio::test]
async fn callers_follow_their_users_as_printed() {
    for server in Server::on_each_store() {
        let office = Office::open(server).await;
        office.registers().await;
        office.shows_figures().await;
        office.follows_the_role().await;
        office.removes_the_right_one_of_two_with_one_name().await;
        office.says_what_synchronizing_did().await;
    }
}
