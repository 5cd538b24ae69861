//! Words in the call log: names, numbers and comments of document 002, in any script.

use serde_json::{Value, json};

use super::{hired, team, text};
use crate::support::{Person, Server};

struct Log {
    server: Server,
    admin: Person,
    bob: Person,
    client: String,
    calls: Vec<String>,
}

impl Log {
    async fn open(server: Server) -> Self {
        let [admin, _, alice, bob] = team(&server).await;
        let zoe = hired(&server, &admin.token, "officer", "Zoë Ångström").await;
        let client = json!({"name": "شركة النور", "phone": "+13035550102"});
        let client = server.ok("POST", "/api/clients", &admin.token, client).await["client"]["id"].clone();
        let mut log = Self { server, admin, bob, client: text(&client).to_owned(), calls: Vec::new() };
        for (person, body) in [
            (&alice, json!({"number": "+12025550101", "comments": "Žofie asked for a quote 🦜"})),
            (&alice, json!({"number": "+13035550102", "comments": "مرحبا بالعالم", "callType": "inbound"})),
            (&log.bob, json!({"number": "+12025550103", "comments": "李小龍 called about the quote"})),
            (&log.bob, json!({"number": "+442071838750", "comments": "Ñandú café, naïve"})),
            (&zoe, json!({"number": "+12025550105", "outcome": "Straße", "comments": "100% sure_of 'it'"})),
        ] {
            let call = log.server.ok("POST", "/api/calls", &person.token, body).await;
            log.calls.push(text(&call["call"]["id"]).to_owned());
        }
        log
    }

    async fn page(&self, query: &[(&str, &str)], person: &Person) -> Value {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.server.get(&format!("/api/calls?{query}"), &person.token).await
    }

    async fn found(&self, words: &str) -> Vec<usize> {
        let list = self.page(&[("q", words)], &self.admin).await;
        let calls = list["calls"].as_array().unwrap();
        assert_eq!(list["pagination"]["total"], calls.len(), "{words}");
        let place = |call: &Value| self.calls.iter().position(|id| id == text(&call["id"])).unwrap();
        calls.iter().map(place).collect()
    }

    async fn finds_words_in_any_script(&self) {
        for (words, calls) in [
            ("quote", &[2, 0][..]),
            ("QUO", &[2, 0]),
            ("uote", &[]),
            ("zofie", &[0]),
            ("ŽOFIE", &[0]),
            ("Z\u{30c}ofie", &[0]),
            ("🦜", &[0]),
            ("🦆", &[]),
            ("quote 🦜", &[0]),
            ("مرحبا", &[1]),
            ("بالعالم مرحبا", &[1]),
            ("李小龍", &[2]),
            ("李", &[2]),
            ("cafe", &[3]),
            ("CAFÉ nandu", &[3]),
            ("naive", &[3]),
            ("strasse", &[4]),
            ("straße", &[4]),
            // Nothing that is typed is an operator.
            ("%", &[]),
            ("100%", &[4]),
            ("sure_of", &[4]),
            ("' OR 1=1 --", &[]),
            ("quote OR zofie", &[]),
        ] {
            assert_eq!(self.found(words).await, calls, "{words}");
        }
    }

    async fn finds_names_and_numbers(&self) {
        for (words, calls) in [
            ("alice", &[1, 0][..]),
            ("johnson ali", &[1, 0]),
            ("stone", &[3, 2]),
            ("zoe angstrom", &[4]),
            ("شركة", &[1]),
            ("النور", &[1]),
            ("alice quote", &[0]),
            ("stone quote", &[2]),
            ("zoe quote", &[]),
            ("+12025550101", &[0]),
            ("(202) 555-0103", &[2]),
            ("2025550105", &[4]),
            ("202 555", &[4, 2, 0]),
            ("+44 20 7183", &[3]),
            ("+1303", &[1]),
            ("999999", &[]),
        ] {
            assert_eq!(self.found(words).await, calls, "{words}");
        }
    }

    async fn joins_other_filters_and_pages(&self) {
        let list = self.page(&[("q", "quote"), ("telecaller", &self.bob.id)], &self.admin).await;
        assert_eq!(list["pagination"]["total"], 1);
        let list = self.page(&[("search", "202"), ("callType", "inbound")], &self.admin).await;
        assert_eq!(list["pagination"]["total"], 0);
        let first = self.page(&[("q", "202 555"), ("limit", "2")], &self.admin).await;
        assert_eq!(first["pagination"], json!({"page": 1, "limit": 2, "total": 3, "pages": 2}));
        let next =
            self.page(&[("q", "202 555"), ("limit", "2"), ("cursor", text(&first["nextCursor"]))], &self.admin).await;
        assert_eq!((&next["calls"][0]["id"], next["calls"].as_array().unwrap().len()), (&json!(self.calls[0]), 1));
        let own = self.page(&[("q", "quote")], &self.bob).await;
        assert_eq!((&own["pagination"]["total"], &own["calls"][0]["id"]), (&json!(1), &json!(self.calls[2])));
        for (field, query) in [("q", [("q", "x".repeat(201))]), ("number", [("number", "call".to_owned())])] {
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            let refused = self.server.call("GET", &format!("/api/calls?{query}"), &self.admin.token, Value::Null).await;
            assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (400, &json!(field)), "{}", refused.text);
        }
    }

    async fn follows_what_changes(&self) {
        let call = |n: usize| format!("/api/calls/{}", self.calls[n]);
        self.server.ok("PUT", &call(0), &self.admin.token, json!({"comments": "nothing came of it"})).await;
        assert_eq!((self.found("quote").await, self.found("came").await), (vec![2], vec![0]));
        let client = format!("/api/clients/{}", self.client);
        self.server.ok("PUT", &client, &self.admin.token, json!({"name": "Nur Trading"})).await;
        assert_eq!((self.found("شركة").await, self.found("nur").await), (vec![], vec![1]));
        let bob = format!("/api/users/{}", self.bob.id);
        self.server.ok("PUT", &bob, &self.admin.token, json!({"name": "Robert Rock"})).await;
        assert_eq!((self.found("stone").await, self.found("rock").await), (vec![], vec![3, 2]));
        self.server.ok("DELETE", &call(2), &self.admin.token, Value::Null).await;
        assert_eq!((self.found("rock").await, self.found("李小龍").await), (vec![3], vec![]));
    }
}

#[tokio::test]
async fn calls_are_found_by_the_words_of_their_comments_names_and_numbers() {
    for server in Server::on_each_store() {
        let log = Log::open(server).await;
        log.finds_words_in_any_script().await;
        log.finds_names_and_numbers().await;
        log.joins_other_filters_and_pages().await;
        log.follows_what_changes().await;
    }
}
