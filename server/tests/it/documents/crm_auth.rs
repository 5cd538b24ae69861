//! Authentication of documents 002 and 003.

use serde_json::{Value, json};

use super::assert_like;
use crate::support::{Server, assert_problem};

#[tokio::test]
async fn people_register_sign_in_and_out_as_printed() {
    for server in Server::on_each_store() {
        let root = server.set_up().await;
        let chief = |password: &str| {
            json!({
                "name": "Admin User", "email": "admin@telecaller.com", "password": password, "role": "admin",
                "department": "management"
            })
        };
        // The password that is printed leads the lists that are tried first.
        let common = server.call("POST", "/api/auth/register", &root.token, chief("admin123")).await;
        assert_problem(&common, 400, "weak_password");
        server.ok("POST", "/api/auth/register", &root.token, chief("admin123!")).await;

        let login = json!({"email": "admin@telecaller.com", "password": "admin123!"});
        let admin = server.call("POST", "/api/auth/login", "", login.clone()).await;
        assert_eq!(admin.status, 200);
        let user = json!({
            "_id": "<id>", "name": "Admin User", "email": "admin@telecaller.com", "role": "admin",
            "department": "management", "isActive": true
        });
        assert_like(&admin.body, &json!({"success": true, "token": "<text>", "user": user}));
        let token = admin.body["token"].as_str().unwrap();
        assert!(token.starts_with("eyJ") && token.split('.').count() == 3, "{token}");
        let profile = server.get("/api/auth/profile", token).await;
        assert_like(&profile, &json!({"success": true, "user": user, "company": {"id": "<id>", "name": "Alpha"}}));

        let new = json!({
            "name": "New Telecaller",
            "email": "new@telecaller.com",
            "password": "password123",
            "role": "telecaller",
            "department": "lead_generation",
            "phone": "9876543210",
            "supervisor": admin.body["user"]["_id"]
        });
        assert_problem(&server.call("POST", "/api/auth/register", "", new.clone()).await, 401, "no_token");
        let made = server.call("POST", "/api/auth/register", token, new.clone()).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let printed = json!({
            "success": true,
            "message": "User registered successfully",
            "user": {"_id": "<id>", "name": "New Telecaller", "email": "new@telecaller.com", "role": "telecaller"}
        });
        assert_like(&made.body, &printed);
        assert_eq!(made.body.get("token"), None, "a token only for oneself");
        assert!(!made.text.contains("password"), "{}", made.text);
        assert_problem(&server.call("POST", "/api/auth/register", token, new.clone()).await, 409, "email_taken");
        let telecaller = server.login("new@telecaller.com", "password123").await;
        let mut other = new;
        other["email"] = json!("other@telecaller.com");
        let refused = server.call("POST", "/api/auth/register", &telecaller.token, other).await;
        assert_problem(&refused, 403, "forbidden");

        let out = server.call("POST", "/api/auth/logout", token, Value::Null).await;
        assert_eq!((out.status, &out.body), (200, &json!({"success": true, "message": "Logged out successfully"})));
        assert_problem(&server.call("GET", "/api/auth/profile", token, Value::Null).await, 401, "invalid_token");
        assert_eq!(server.call("POST", "/api/auth/login", "", login).await.status, 200, "and in again");
    }
}
