//! Client management of document 002: clients, whom their calls are with, and what there was between them and the company.

use serde_json::{Value, json};

use super::{NOBODY, assert_like, hired, text};
use crate::support::{Person, Server, answer, assert_problem};

/// A German company, so that numbers are typed as Germans do.
struct Shop {
    server: Server,
    admin: Person,
    alice: Person,
    bob: Person,
}

fn names(list: &Value) -> Vec<&str> {
    list["clients"].as_array().unwrap().iter().map(|client| text(&client["name"])).collect()
}

impl Shop {
    async fn open(server: Server) -> Self {
        let admin = server.set_up().await;
        let profile = server.get("/api/auth/profile", &admin.token).await;
        let company = format!("/api/companies/{}", text(&profile["company"]["id"]));
        server.ok("PUT", &company, &admin.token, json!({"country": "DE"})).await;
        let alice = hired(&server, &admin.token, "telecaller", "Alice Johnson").await;
        let bob = hired(&server, &admin.token, "telecaller", "Bob Stone").await;
        Self { server, admin, alice, bob }
    }

    async fn client(&self, body: Value) -> String {
        let made = self.server.call("POST", "/api/clients", &self.admin.token, body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        format!("/api/clients/{}", text(&made.body["client"]["id"]))
    }

    async fn enters(&self, person: &Person, body: Value) -> Value {
        let made = self.server.call("POST", "/api/calls", &person.token, body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.body["call"].clone()
    }

    async fn call(&self, call: &Value) -> Value {
        self.server.get(&format!("/api/calls/{}", text(&call["id"])), &self.admin.token).await["call"].clone()
    }

    async fn shown(&self, path: &str, person: &Person) -> Value {
        self.server.get(path, &person.token).await["client"].clone()
    }

    async fn adds_finds_changes_and_removes(&self) {
        let body = json!({
            "name": "Žofie Ñandú 🦜", "company": "Nord GmbH", "email": "Zofie@Nord.example", "phone": "0171 2345678",
            "furtherPhones": ["+1 202 555 0123"], "address": "Hauptstraße 1", "tags": ["VIP", "vip"], "owner": self.alice.id,
            "custom": {"size": "XXL"},
        });
        let made = self.server.call("POST", "/api/clients", &self.alice.token, body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let printed = json!({
            "id": "<id>", "_id": made.body["client"]["id"], "name": "Žofie Ñandú 🦜", "company": "Nord GmbH",
            "email": "zofie@nord.example", "phone": "+491712345678", "rawPhone": "0171 2345678",
            "furtherPhones": [{"number": "+12025550123", "rawPhone": "+1 202 555 0123"}], "address": "Hauptstraße 1",
            "tags": ["VIP"], "owner": {"id": self.alice.id, "name": "Alice Johnson"}, "custom": {"size": "XXL"},
            "createdAt": "<time>", "updatedAt": "<time>"
        });
        assert_like(&made.body["client"], &printed);
        let path = format!("/api/clients/{}", text(&made.body["client"]["id"]));
        self.client(json!({"name": "شركة النور"})).await;

        let list = async |query: &str| self.server.get(&format!("/api/clients?{query}"), &self.alice.token).await;
        let of_alice = format!("owner={}", self.alice.id);
        for query in [
            "q=zofie",
            "q=0171%2023",
            "q=nord+gmbh",
            "q=%F0%9F%A6%9C",
            "tag=vip",
            "q=%2B1%20202",
            "q=xxl+haupt",
            &of_alice,
        ] {
            assert_eq!(names(&list(query).await), ["Žofie Ñandú 🦜"], "{query}");
        }
        assert_eq!(names(&list("q=%D8%B4%D8%B1%D9%83%D8%A9").await), ["شركة النور"]);
        for query in ["q='%20OR%201=1%20--", "tag=vi", &format!("owner={}", self.bob.id)] {
            assert_eq!(names(&list(query).await), Vec::<&str>::new(), "{query}");
        }
        let first = list("limit=1").await;
        assert_eq!(first["pagination"], json!({"page": 1, "limit": 1, "total": 2, "pages": 2}));
        for next in [&*format!("cursor={}", text(&first["nextCursor"])), "page=2"] {
            assert_eq!(names(&list(&format!("limit=1&{next}")).await), ["Žofie Ñandú 🦜"], "{next}");
        }

        let body = json!({"company": null, "name": "Zoe"});
        let changed = self.server.ok("PUT", &path, &self.alice.token, body).await;
        assert_like(&changed["client"], &json!({"company": null, "name": "Zoe", "phone": "+491712345678"}));
        let stale = self.server.request("PUT", &path, &self.alice.token).header("if-match", "\"1\"");
        assert_problem(&answer(stale.json(&json!({"name": "X"}))).await, 409, "stale_version");
        let note = json!({"text": "Called back"});
        let note = self.server.ok("POST", &format!("{path}/notes"), &self.alice.token, note).await;
        let printed = json!({"id": "<id>", "at": "<time>", "text": "Called back", "author": {"id": self.alice.id}});
        assert_like(&note["note"], &printed);
        let notes = self.server.get(&format!("{path}/notes?limit=10"), &self.bob.token).await;
        assert_like(
            &notes,
            &json!({"notes": [printed], "pagination": {"page": 1, "limit": 10, "total": 1, "pages": 1}}),
        );
        let detail = self.shown(&path, &self.alice).await;
        let nothing = json!({"notes": [printed], "calls": [], "leads": []});
        assert_like(&detail, &nothing);
        assert_eq!(detail["figures"], json!({"totalCalls": 0, "lastContact": null}));
        assert_problem(&self.server.call("DELETE", &path, &self.alice.token, Value::Null).await, 403, "forbidden");
        self.server.ok("DELETE", &path, &self.admin.token, Value::Null).await;
        assert_problem(&self.server.call("GET", &path, &self.alice.token, Value::Null).await, 404, "not_found");
    }

    async fn tells_whose_number_it_is(&self) {
        let body = json!({"name": "Ann", "phone": "0172 2345678"});
        let first = self.client(body.clone()).await;
        let again = json!({"name": "Bob", "furtherPhones": ["+49 172 2345678"]});
        let refused = self.server.call("POST", "/api/clients", &self.admin.token, again.clone()).await;
        assert_problem(&refused, 409, "duplicate_phone");
        assert_eq!(format!("/api/clients/{}", text(&refused.body["existing"])), first);
        let admitted = self.server.call("POST", "/api/clients?allowDuplicate=true", &self.admin.token, again).await;
        assert_eq!(admitted.status, 201, "{}", admitted.text);
        self.server.ok("PUT", &first, &self.admin.token, body).await;
    }

    async fn names_what_is_wrong(&self) {
        let long = "x".repeat(1_000);
        for (field, body) in [
            ("name", json!({})),
            ("name", json!({"name": long})),
            ("phone", json!({"name": "A", "phone": "call me"})),
            ("email", json!({"name": "A", "email": "nobody"})),
            ("tags", json!({"name": "A", "tags": ["!"]})),
            ("owner", json!({"name": "A", "owner": NOBODY})),
            ("custom", json!({"name": "A", "custom": {"": "x"}})),
        ] {
            let refused = self.server.call("POST", "/api/clients", &self.admin.token, body).await;
            assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (400, &json!(field)), "{}", refused.text);
        }
    }

    /// Calls find their client by the number, whichever of the two came first.
    async fn links_calls_by_number(&self) {
        let at = |day: u32| json!(format!("2026-03-{day:02}T12:00:00Z"));
        let before =
            json!({"number": "0173 1111111", "startTime": at(1), "duration": 60, "comments": "asked for a price"});
        let before = self.enters(&self.bob, before).await;
        assert_eq!(before["client"], Value::Null);
        let body = json!({"name": "Nord GmbH", "phone": "0173 1111111"});
        let path = self.client(body).await;
        let further = json!({"number": "030 222222", "callType": "inbound", "startTime": at(3)});
        let further = self.enters(&self.alice, further).await;
        let client = self.call(&before).await["client"].clone();
        let printed = json!({"name": "Nord GmbH", "phone": "+491731111111"});
        assert_like(&client, &printed);
        assert_eq!(format!("/api/clients/{}", text(&client["_id"])), path);
        let after = json!({"number": "+49 (0)173 1111111", "callType": "inbound", "startTime": at(2), "duration": 30});
        assert_eq!(self.enters(&self.alice, after).await["client"], client);
        let nobody = json!({"number": "0173 1111111", "clientId": null, "startTime": at(4)});
        assert_eq!(self.enters(&self.alice, nobody).await["client"], Value::Null);
        assert_eq!(self.call(&further).await["client"], Value::Null);
        self.server.ok("PUT", &path, &self.admin.token, json!({"furtherPhones": ["030 222222"]})).await;
        assert_eq!(self.call(&further).await["client"], client, "a number that is added finds its calls");

        let days = |detail: &Value| -> Vec<String> {
            detail["calls"].as_array().unwrap().iter().map(|call| text(&call["startTime"])[8..10].to_owned()).collect()
        };
        let detail = self.shown(&path, &self.admin).await;
        assert_eq!(
            detail["figures"]["totalCalls"], 4,
            "the one that was said to be nobody's has the number, too: {detail}"
        );
        let own = self.shown(&path, &self.bob).await;
        assert_eq!((days(&own), &own["figures"]), (vec!["01".to_owned()], &detail["figures"]));
        assert_like(&own["calls"], &json!([{"comments": "asked for a price", "telecaller": {"name": "Bob Stone"}}]));

        // A call whose number was typed wrong is somebody else's.
        let typo = format!("/api/calls/{}", text(&before["id"]));
        let moved = self.server.ok("PUT", &typo, &self.bob.token, json!({"number": "0173 9999999"})).await;
        assert_eq!(moved["call"]["client"], Value::Null);
        let back = self.server.ok("PUT", &typo, &self.bob.token, json!({"number": "0173 1111111"})).await;
        assert_eq!(back["call"]["client"], client);
        // A client goes, its calls stay.
        self.server.ok("DELETE", &path, &self.admin.token, Value::Null).await;
        assert_like(&self.call(&before).await, &json!({"client": null, "comments": "asked for a price"}));
    }

    /// Calls find their lead by the number; the lead becomes a client, whose history they are.
    async fn links_leads_by_number(&self) {
        let body = json!({"name": "John Doe", "phone": "0174 1111111", "assignedTo": self.alice.id});
        let lead = self.server.ok("POST", "/api/leads", &self.admin.token, body).await["lead"].clone();
        let path = format!("/api/leads/{}", text(&lead["_id"]));
        let call = json!({"number": "0174 1111111", "callType": "inbound", "startTime": "2026-03-02T12:00:00Z", "duration": 60});
        let call = self.enters(&self.bob, call).await;
        let printed = json!({"_id": lead["_id"], "name": "John Doe", "phone": "+491741111111"});
        assert_like(&call, &json!({"lead": printed, "client": null}));
        let none = self.enters(&self.bob, json!({"number": "0174 1111111", "leadId": null})).await;
        assert_eq!(none["lead"], Value::Null);
        let contacted = self.server.get(&path, &self.alice.token).await;
        let printed = json!({"status": "contacted", "followupCount": 1, "lastContactDate": "2026-03-02T12:01:00Z"});
        assert_like(&contacted["lead"], &printed);
        let of_lead = format!("/api/calls?leadId={}", text(&lead["_id"]));
        let listed = self.server.get(&of_lead, &self.admin.token).await;
        assert_like(&listed["calls"], &json!([{"_id": call["_id"]}]));
        let moved = json!({"number": "0174 2222222"});
        let moved = self.server.ok("PUT", &format!("/api/calls/{}", text(&none["_id"])), &self.bob.token, moved).await;
        assert_eq!(moved["call"]["lead"], Value::Null);

        self.server.ok("POST", &format!("{path}/convert"), &self.alice.token, json!({})).await;
        let client = self.call(&call).await["client"].clone();
        assert_like(&client, &json!({"name": "John Doe", "phone": "+491741111111"}));
        let path = format!("/api/clients/{}", text(&client["_id"]));
        let history = json!({"leads": [{"_id": lead["_id"], "status": "converted"}], "calls": [{"_id": call["_id"]}]});
        assert_like(&self.shown(&path, &self.admin).await, &history);
        let own = self.shown(&path, &self.bob).await;
        assert_like(&own, &json!({"leads": [], "calls": [{"_id": call["_id"]}]}));
        let own = self.shown(&path, &self.alice).await;
        assert_like(&own, &json!({"leads": [{"_id": lead["_id"]}], "calls": []}));
    }
}

#[tokio::test]
async fn clients_are_added_found_linked_with_their_calls_and_removed() {
    for server in Server::on_each_store() {
        let shop = Shop::open(server).await;
        shop.adds_finds_changes_and_removes().await;
        shop.tells_whose_number_it_is().await;
        shop.names_what_is_wrong().await;
        shop.links_calls_by_number().await;
        shop.links_leads_by_number().await;
    }
}
