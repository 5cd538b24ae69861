//! The error responses of document 003, which are the same everywhere.

use serde_json::{Value, json};

use super::{NOBODY, assert_like, hired};
use crate::support::{Server, assert_problem};

/// Every route of the documents that reads one thing.
const ONE: [&str; 6] = [
    "/api/users/{id}",
    "/api/leads/{id}",
    "/api/calls/{id}",
    "/api/reports/{id}",
    "/api/clients/{id}",
    "/api/officers/{id}",
];

#[tokio::test]
async fn errors_are_answered_as_printed() {
    for server in Server::on_each_store() {
        let admin = server.set_up().await;
        let agent = hired(&server, &admin.token, "telecaller", "Alice Johnson").await;

        let body =
            json!({"name": "New Telecaller", "email": "nobody", "password": "password123", "role": "telecaller"});
        let wrong = server.call("POST", "/api/auth/register", &admin.token, body).await;
        assert_problem(&wrong, 400, "invalid_input");
        let printed =
            json!({"success": false, "message": "<text>", "errors": [{"field": "email", "message": "<text>"}]});
        assert_like(&wrong.body, &printed);

        for path in
            ["/api/users", "/api/leads", "/api/calls", "/api/clients", "/api/reports", "/api/dashboard/overview"]
        {
            let unknown = server.call("GET", path, "", Value::Null).await;
            assert_problem(&unknown, 401, "no_token");
            assert_eq!(unknown.body["message"], "Access denied. No token provided.", "{path}");
            assert_eq!(unknown.headers["www-authenticate"], "Bearer", "{path}");
            assert_problem(&server.call("GET", path, "nonsense", Value::Null).await, 401, "invalid_token");
        }

        for (method, path) in [
            ("GET", "/api/users"),
            ("GET", "/api/officers"),
            ("DELETE", &*format!("/api/users/{}", admin.id)),
            ("DELETE", &*format!("/api/leads/{NOBODY}")),
            ("GET", "/api/meta/stats"),
            ("GET", "/api/dashboard/overview"),
        ] {
            let refused = server.call(method, path, &agent.token, Value::Null).await;
            assert_problem(&refused, 403, "forbidden");
            assert_eq!(refused.body["message"], "Access denied. Insufficient permissions.", "{method} {path}");
        }

        for path in ONE {
            let absent = server.call("GET", &path.replace("{id}", NOBODY), &admin.token, Value::Null).await;
            assert_problem(&absent, 404, "not_found");
            assert_eq!(absent.body.get("errors"), None, "{path}");
            let path = path.replace("{id}", "60f7b3b3b3b3b3b3b3b3b3b3");
            let no_id = server.call("GET", &path, &admin.token, Value::Null).await;
            assert_problem(&no_id, 400, "invalid_input");
        }
        let nowhere = server.call("GET", "/api/nothing", &admin.token, Value::Null).await;
        assert_problem(&nowhere, 404, "no_such_route");
        assert_eq!(nowhere.body["message"], "Resource not found");
    }
}
