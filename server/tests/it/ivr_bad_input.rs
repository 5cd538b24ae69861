//! Flows that no engineer would send: each gets a clear answer, and the server goes on.

use serde_json::{Map, Value, json};

use crate::support::{Person, Server, answer, assert_problem};

async fn set_up() -> (Server, Person, String) {
    let server = Server::start();
    let admin = server.set_up().await;
    let made = server.ok("POST", "/api/ivr", &admin.token, json!({"name": "Main"})).await;
    let path = format!("/api/ivr/{}", made["flow"]["id"].as_str().unwrap());
    (server, admin, path)
}

/// A document of so many nodes, one after another.
fn chain(nodes: usize) -> Value {
    let node = |at: usize| {
        let next = if at + 1 < nodes { format!("n{}", at + 1) } else { "end".to_owned() };
        (format!("n{at}"), json!({"type": "tag", "tags": ["x"], "next": next}))
    };
    let mut all: Map<String, Value> = (0..nodes).map(node).collect();
    all.insert("end".to_owned(), json!({"type": "hangup"}));
    json!({"version": 1, "start": "n0", "nodes": all})
}

#[tokio::test]
async fn json_that_is_none_is_told_by_line_and_column() {
    let (server, admin, path) = set_up().await;
    for (method, path) in [("POST", "/api/ivr".to_owned()), ("PUT", path.clone()), ("POST", format!("{path}/validate"))]
    {
        let request = server.request(method, &path, &admin.token).header("content-type", "application/json");
        let refused = answer(request.body("{\"name\": \"x\",\n \"flow\": {\"version\": 1,,}}")).await;
        assert_problem(&refused, 400, "malformed");
        assert!(refused.body["message"].as_str().unwrap().contains("line 2 column 24"), "{}", refused.text);
    }
    for flow in [json!([]), json!("text"), json!(1), json!(true)] {
        let refused = server.call("PUT", &path, &admin.token, json!({"flow": flow})).await;
        assert_problem(&refused, 400, "invalid_input");
        assert_eq!(refused.body["errors"][0]["field"], "flow");
    }
    let request = server.request("PUT", &path, &admin.token).header("content-type", "text/plain").body("{}");
    assert_problem(&answer(request).await, 415, "unsupported_media_type");
}

#[tokio::test]
async fn all_that_is_wrong_with_a_request_is_named_at_once() {
    let (server, admin, _) = set_up().await;
    let refused = server.call("POST", "/api/ivr", &admin.token, json!({"name": "", "flow": []})).await;
    assert_problem(&refused, 400, "invalid_input");
    let fields: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["name", "flow"], "{}", refused.text);
    assert_problem(&server.call("POST", "/api/ivr", &admin.token, json!({"name": "Main"})).await, 409, "name_taken");
}

#[tokio::test]
async fn every_broken_node_is_told_at_once() {
    let (server, admin, path) = set_up().await;
    let flow = json!({"version": 1, "start": "a", "nodes": {
        "a": {"type": "menu"}, "b": {"type": "nothing"}, "c": 5, "d": {"type": "hangup", "extra": 1},
    }});
    server.ok("PUT", &path, &admin.token, json!({"flow": flow})).await;
    let told = server.ok("POST", &format!("{path}/validate"), &admin.token, Value::Null).await;
    let nodes: Vec<_> = told["problems"].as_array().unwrap().iter().map(|problem| &problem["node"]).collect();
    assert_eq!((&told["valid"], told["errors"].as_u64()), (&json!(false), Some(4)), "{told}");
    assert_eq!(nodes, ["a", "b", "c", "d"], "{told}");
    let refused = server.call("POST", &format!("{path}/activate"), &admin.token, Value::Null).await;
    assert_problem(&refused, 422, "flow_invalid");
    assert_eq!(refused.body["problems"].as_array().unwrap().len(), 4, "{}", refused.text);
    // A name that stands twice is not silently the last one.
    let request = server.request("PUT", &path, &admin.token).header("content-type", "application/json");
    let twice = r#"{"flow": {"version": 1, "start": "a", "start": "b", "nodes": {"a": {"type": "hangup"}}}}"#;
    assert_eq!(answer(request.body(twice)).await.status, 200);
    let told = server.ok("POST", &format!("{path}/validate"), &admin.token, Value::Null).await;
    assert_eq!((&told["valid"], &told["problems"][0]["code"]), (&json!(false), &json!("malformed")), "{told}");
}

#[tokio::test]
async fn large_documents_are_looked_at_and_larger_ones_refused() {
    let (server, admin, path) = set_up().await;
    let mut text = chain(9_999);
    server.ok("PUT", &path, &admin.token, json!({"flow": text})).await;
    let told = server.ok("POST", &format!("{path}/validate"), &admin.token, Value::Null).await;
    assert_eq!(told["valid"], true, "{told}");
    server.ok("POST", &format!("{path}/activate"), &admin.token, Value::Null).await;
    let too_many = json!({"flow": chain(10_001)});
    let told = server.ok("POST", &format!("{path}/validate"), &admin.token, too_many).await;
    assert_eq!((&told["valid"], &told["problems"][0]["code"]), (&json!(false), &json!("too_large")), "{told}");

    // One megabyte of text in one prompt.
    text = json!({"version": 1, "start": "a", "prompts": {"a": {"en": "x".repeat(1 << 20)}}, "nodes": {
        "a": {"type": "play", "prompt": "a", "next": "b", "onFail": "b"}, "b": {"type": "hangup"},
    }});
    server.ok("PUT", &path, &admin.token, json!({"flow": text})).await;
    let told = server.ok("POST", &format!("{path}/validate"), &admin.token, Value::Null).await;
    assert_eq!(told["valid"], false, "{}", told["problems"]);

    for size in [(2 << 20) + 1, 3 << 20, 16 << 20] {
        let long = json!({"name": "x", "flow": {"version": 1, "x": "y".repeat(size)}});
        for (method, path) in [("POST", "/api/ivr"), ("PUT", &*path), ("POST", &*format!("{path}/simulate"))] {
            assert_problem(&server.call(method, path, &admin.token, long.clone()).await, 413, "too_large");
        }
    }
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{{\"flow\": {}1{}}}", open.repeat(100_000), close.repeat(100_000));
        let request = server.request("PUT", &path, &admin.token).header("content-type", "application/json");
        assert_problem(&answer(request.body(deep)).await, 400, "invalid_input");
    }
    assert_eq!(server.ok("GET", "/api/ivr", &admin.token, Value::Null).await["flows"].as_array().unwrap().len(), 1);
}
