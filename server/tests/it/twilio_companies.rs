//! Companies with accounts of their own at Twilio: whose account carries a call, and who is believed about it.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::fake_twilio::{ACCOUNT, FakeTwilio, Mood, TOKEN, TwilioCall, now, signed, told, wav};
use crate::meta_companies::beta;
use crate::support::{Answer, PASSWORD, Person, Server, answer, assert_problem};
use crate::twilio::{Shop, settings};

/// The account of the second company.
const BETAS: &str = "ACbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const BETAS_TOKEN: &str = "a-token-of-beta-and-of-nobody-else";
/// Another one of the same company.
const BETAS_NEXT: &str = "ACcccccccccccccccccccccccccccccccc";
const BETAS_NEXT_TOKEN: &str = "the-token-of-the-next-account";
const SETTINGS: &str = "/api/settings/twilio";
/// A number of nobody's here.
const SOMEBODY: &str = "+12025550142";

/// A second company on a server, with an agent who has a number.
struct Firm {
    admin: Person,
    agent: Person,
}

impl Firm {
    async fn open(shop: &Shop, provider: &str) -> Self {
        let server = &shop.server;
        let (_, admin) = beta(server, &shop.admin).await;
        let body = json!({"name": "Bob", "email": "bob@beta.example", "password": PASSWORD, "role": "telecaller",
            "phone": "+12025550166"});
        server.ok("POST", "/api/users", &admin.token, body).await;
        let agent = server.login("bob@beta.example", PASSWORD).await;
        let body = json!({"phone_number": "+12025550155", "provider": provider});
        let number = server.ok("POST", "/api/phone-numbers", &admin.token, body).await["phoneNumber"]["id"].clone();
        let path = format!("/api/phone-numbers/{}/assign", number.as_str().unwrap());
        let terms = json!({"agentId": agent.id, "dailyLimit": 500, "allowedCountries": ["US"]});
        server.ok("POST", &path, &admin.token, terms).await;
        Self { admin, agent }
    }

    /// With an account of its own.
    async fn connected(shop: &Shop) -> Self {
        let firm = Self::open(shop, "manual").await;
        shop.twilio.open(BETAS, BETAS_TOKEN);
        firm.connect(shop, json!({"accountSid": BETAS, "authToken": BETAS_TOKEN})).await;
        firm
    }

    async fn connect(&self, shop: &Shop, account: Value) -> Value {
        shop.server.ok("PUT", SETTINGS, &self.admin.token, account).await["settings"].clone()
    }

    async fn initiate(&self, shop: &Shop) -> Answer {
        let body = json!({"to": SOMEBODY, "callType": "outbound"});
        shop.server.call("POST", "/api/calls/initiate", &self.agent.token, body).await
    }

    async fn placed(&self, shop: &Shop) -> (String, TwilioCall) {
        let placed = self.initiate(shop).await;
        assert_eq!(placed.status, 201, "{}", placed.text);
        (placed.body["call"]["id"].as_str().unwrap().to_owned(), shop.twilio.last())
    }

    async fn call(&self, shop: &Shop, id: &str) -> Value {
        shop.server.get(&format!("/api/calls/{id}"), &self.agent.token).await["call"].clone()
    }

    async fn until(&self, shop: &Shop, id: &str, is: impl Fn(&Value) -> bool) -> Value {
        let waiting = async {
            loop {
                let call = self.call(shop, id).await;
                if is(&call) {
                    return call;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(90), waiting).await.expect("the call comes to be as wanted")
    }
}

/// Sends a callback that is signed with a token.
async fn tell(shop: &Shop, token: &str, url: &str, form: &[(String, String)]) -> Answer {
    shop.send(url, form, Some(&signed(token, url, form))).await
}

fn recorded(call: &str, recording: &str) -> Vec<(String, String)> {
    [("CallSid", call), ("RecordingSid", recording), ("RecordingStatus", "completed"), ("RecordingDuration", "6")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

#[tokio::test]
async fn a_company_calls_with_its_own_account_and_others_with_the_servers() {
    for shop in Shop::on_each_store().await {
        let firm = Firm::connected(&shop).await;
        let (ours, alphas) = shop.placed().await;
        let (theirs, betas) = firm.placed(&shop).await;
        assert_eq!((&*alphas.account, &*betas.account), (ACCOUNT, BETAS));
        assert_eq!(betas.field("From"), "+12025550155");

        // Each call is told of by its own account, and by no other.
        for (id, call, token, wrong) in [(&ours, &alphas, TOKEN, BETAS_TOKEN), (&theirs, &betas, BETAS_TOKEN, TOKEN)] {
            let url = call.field("StatusCallback");
            assert!(url.contains(id.as_str()));
            for status in ["ringing", "busy"] {
                let form = told(&call.sid, None, status, 1, now());
                assert_problem(&tell(&shop, wrong, url, &form).await, 403, "invalid_signature");
            }
            let recording = call.attribute("recordingStatusCallback");
            let form = recorded(&call.sid, "RE1");
            assert_problem(&tell(&shop, wrong, &recording, &form).await, 403, "invalid_signature");
            assert_eq!(tell(&shop, token, url, &told(&call.sid, None, "ringing", 1, now())).await.status, 200);
        }
        assert_eq!(shop.call(&ours).await["status"], "ringing");
        assert_eq!(firm.call(&shop, &theirs).await["status"], "ringing");

        // What a body or an address claims changes nothing: the address says whose signature it takes, and is signed itself.
        let alphas_url = alphas.field("StatusCallback");
        let mut form = told(&alphas.sid, None, "failed", 2, now());
        form.iter_mut().filter(|(name, _)| name == "AccountSid").for_each(|(_, value)| *value = BETAS.to_owned());
        assert_problem(&tell(&shop, BETAS_TOKEN, alphas_url, &form).await, 403, "invalid_signature");
        for extra in [format!("&call={theirs}"), format!("&companyId={}", firm.admin.id)] {
            let url = format!("{alphas_url}{extra}");
            assert_problem(&tell(&shop, BETAS_TOKEN, &url, &form).await, 403, "invalid_signature");
        }
        let nowhere = alphas_url.replace(&ours, "0199a0a0-0000-7000-8000-000000000000");
        assert_problem(&tell(&shop, BETAS_TOKEN, &nowhere, &form).await, 403, "invalid_signature");
        // One's own address with the name of another's call is about no call of one's own.
        let crossed = told(&alphas.sid, None, "failed", 2, now());
        assert_eq!(tell(&shop, BETAS_TOKEN, betas.field("StatusCallback"), &crossed).await.status, 200);
        assert_eq!(shop.call(&ours).await["status"], "ringing");
        assert_eq!(firm.call(&shop, &theirs).await["status"], "ringing");

        // Another company's call is not there.
        for path in [format!("/api/calls/{ours}"), format!("/api/calls/{ours}/hangup")] {
            let method = if path.ends_with("hangup") { "POST" } else { "GET" };
            let denied = shop.server.call(method, &path, &firm.admin.token, Value::Null).await;
            assert_problem(&denied, 404, "not_found");
        }
        // A call is ended, and its recording fetched, by the account that has it. Both recordings have the same name.
        let ended =
            shop.server.call("POST", &format!("/api/calls/{theirs}/hangup"), &firm.agent.token, Value::Null).await;
        assert_eq!(ended.status, 202, "{}", ended.text);
        let standing: Vec<_> = shop.twilio.calls().into_iter().map(|call| (call.account, call.status)).collect();
        assert_eq!(json!(standing), json!([[ACCOUNT, "queued"], [BETAS, "completed"]]));
        shop.twilio.serve(&[], "audio/x-wav", &wav(100));
        let form = recorded(&betas.sid, "RE1");
        assert_eq!(tell(&shop, BETAS_TOKEN, &betas.attribute("recordingStatusCallback"), &form).await.status, 200);
        firm.until(&shop, &theirs, |call| call["recordingUrl"].is_string()).await;
        let form = recorded(&alphas.sid, "RE1");
        assert_eq!(tell(&shop, TOKEN, &alphas.attribute("recordingStatusCallback"), &form).await.status, 200);
        shop.until(&ours, "recorded", |call| call["recordingUrl"].is_string()).await;
        assert_eq!(shop.twilio.fetchers(), [BETAS, ACCOUNT]);
        let path = firm.call(&shop, &theirs).await["recordingUrl"].as_str().unwrap().to_owned();
        assert_problem(&shop.server.call("GET", &path, &shop.admin.token, Value::Null).await, 404, "not_found");
    }
}

#[tokio::test]
async fn a_name_that_one_company_gives_its_call_is_not_taken_from_anothers() {
    for shop in Shop::on_each_store().await {
        let firm = Firm::connected(&shop).await;
        // Nobody knows yet what Twilio calls these two.
        shop.twilio.feel(Mood::Garbled);
        assert_eq!(shop.initiate().await.status, 202);
        let alphas = shop.twilio.last();
        assert_eq!(firm.initiate(&shop).await.status, 202);
        let betas = shop.twilio.last();
        let stolen = told(&alphas.sid, None, "ringing", 1, now());
        assert_eq!(tell(&shop, BETAS_TOKEN, betas.field("StatusCallback"), &stolen).await.status, 200);
        assert_eq!(tell(&shop, TOKEN, alphas.field("StatusCallback"), &stolen).await.status, 200);
        let calls = shop.server.get("/api/calls", &shop.admin.token).await["calls"].clone();
        assert_eq!(json!([calls[0]["status"], calls[0]["twilioCallSid"]]), json!(["ringing", alphas.sid]));
        // With the other's account Twilio knows no such call, and ends nothing.
        let id = firm_call(&shop, &firm).await;
        let ended = shop.server.call("POST", &format!("/api/calls/{id}/hangup"), &firm.agent.token, Value::Null).await;
        assert_eq!(ended.status, 202, "{}", ended.text);
        assert!(shop.twilio.calls().iter().all(|call| call.status == "queued"));
    }
}

async fn firm_call(shop: &Shop, firm: &Firm) -> String {
    let calls = shop.server.get("/api/calls", &firm.agent.token).await["calls"].clone();
    calls[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn calls_go_on_with_the_account_that_placed_them() {
    for shop in Shop::on_each_store().await {
        let firm = Firm::connected(&shop).await;
        let (first, at_first) = firm.placed(&shop).await;
        shop.twilio.open(BETAS_NEXT, BETAS_NEXT_TOKEN);
        let shown = firm.connect(&shop, json!({"accountSid": BETAS_NEXT, "authToken": BETAS_NEXT_TOKEN})).await;
        assert_eq!(json!([shown["accountSid"], shown["finishing"][0]["accountSid"]]), json!([BETAS_NEXT, BETAS]));
        let (second, at_second) = firm.placed(&shop).await;
        assert_eq!(at_second.account, BETAS_NEXT);
        let removed = shop.server.ok("DELETE", SETTINGS, &firm.admin.token, Value::Null).await["settings"].clone();
        assert_eq!(json!([removed["accountSid"], removed["usesServerAccount"]]), json!([null, true]));
        assert_eq!(removed["finishing"].as_array().unwrap().len(), 2);
        assert!(!removed.to_string().contains("oken-of"), "{removed}");
        // New calls are the server's again.
        let (third, at_third) = firm.placed(&shop).await;
        assert_eq!(at_third.account, ACCOUNT);

        let (ringing, busy) = ("ringing", "busy");
        for (id, call, own, others) in [
            (&first, &at_first, BETAS_TOKEN, [BETAS_NEXT_TOKEN, TOKEN]),
            (&second, &at_second, BETAS_NEXT_TOKEN, [BETAS_TOKEN, TOKEN]),
            (&third, &at_third, TOKEN, [BETAS_TOKEN, BETAS_NEXT_TOKEN]),
        ] {
            let url = call.field("StatusCallback");
            for token in others {
                let forged = tell(&shop, token, url, &told(&call.sid, None, busy, 1, now())).await;
                assert_problem(&forged, 403, "invalid_signature");
            }
            assert_eq!(tell(&shop, own, url, &told(&call.sid, None, ringing, 1, now())).await.status, 200);
            assert_eq!(firm.call(&shop, id).await["status"], ringing);
        }
        // They are ended, asked about and listened to as before.
        let ended =
            shop.server.call("POST", &format!("/api/calls/{second}/hangup"), &firm.agent.token, Value::Null).await;
        assert_eq!(ended.status, 202, "{}", ended.text);
        let child = shop.twilio.dial(&at_first.sid);
        shop.twilio.set(&child, "completed", Some(3));
        shop.twilio.set(&at_first.sid, "completed", Some(9));
        let gone = told(&at_first.sid, None, "completed", 3, now());
        assert_eq!(tell(&shop, BETAS_TOKEN, at_first.field("StatusCallback"), &gone).await.status, 200);
        let over = firm.until(&shop, &first, |call| call["endTime"].is_string()).await;
        assert_eq!(over["status"], "completed");
        let form = recorded(&at_first.sid, "RE1");
        assert_eq!(tell(&shop, BETAS_TOKEN, &at_first.attribute("recordingStatusCallback"), &form).await.status, 200);
        firm.until(&shop, &first, |call| call["recordingUrl"].is_string()).await;
        assert_eq!(shop.twilio.fetchers(), [BETAS]);
    }
}

#[tokio::test]
async fn a_new_token_of_the_same_account_holds_for_calls_that_go_on() {
    for shop in Shop::on_each_store().await {
        let firm = Firm::connected(&shop).await;
        let (id, call) = firm.placed(&shop).await;
        // Somebody else came to know the token: Twilio takes another one from now on.
        shop.twilio.open(BETAS, "another-token-of-beta");
        assert_problem(&firm.initiate(&shop).await, 422, "carrier_refused");
        let path = format!("/api/calls/{id}/hangup");
        let denied = shop.server.call("POST", &path, &firm.agent.token, Value::Null).await;
        assert_problem(&denied, 422, "carrier_refused");
        let shown = firm.connect(&shop, json!({"authToken": "another-token-of-beta"})).await;
        assert_eq!(json!([shown["accountSid"], shown["finishing"]]), json!([BETAS, []]));
        let url = call.field("StatusCallback");
        let form = told(&call.sid, None, "ringing", 1, now());
        assert_problem(&tell(&shop, BETAS_TOKEN, url, &form).await, 403, "invalid_signature");
        assert_eq!(tell(&shop, "another-token-of-beta", url, &form).await.status, 200);
        assert_eq!(firm.call(&shop, &id).await["status"], "ringing");
        assert_eq!(shop.server.call("POST", &path, &firm.agent.token, Value::Null).await.status, 202);
    }
}

#[tokio::test]
async fn one_companys_trouble_with_twilio_is_no_others() {
    let shop = Shop::open(None).await;
    let firm = Firm::connected(&shop).await;
    shop.twilio.feel(Mood::Busy(7));
    for _ in 0..6 {
        assert_problem(&firm.initiate(&shop).await, 503, "carrier_unavailable");
    }
    let before = shop.twilio.requests();
    shop.twilio.feel(Mood::Working);
    assert_problem(&firm.initiate(&shop).await, 503, "carrier_unavailable");
    assert_eq!(shop.twilio.requests(), before, "it is left alone for a while");
    assert_eq!(shop.placed().await.1.account, ACCOUNT);
}

#[tokio::test]
async fn a_number_of_another_carrier_is_shown_as_one_of_the_account() {
    let shop = Shop::open(None).await;
    let firm = Firm::open(&shop, "Telnyx").await;
    shop.twilio.open(BETAS, BETAS_TOKEN);
    let account = json!({"accountSid": BETAS, "authToken": BETAS_TOKEN, "phoneNumber": "(202) 555-0144"});
    assert_eq!(firm.connect(&shop, account).await["phoneNumber"], "+12025550144");
    // No answer comes, and no callback: the call is found by the number that was shown.
    shop.twilio.feel(Mood::Silent);
    let placed = firm.initiate(&shop).await;
    assert_eq!(placed.status, 202, "{}", placed.text);
    let call = shop.twilio.last();
    assert_eq!(call.field("From"), "+12025550144");
    assert!(call.field("Twiml").contains("callerId=\"+12025550144\""), "{}", call.field("Twiml"));
    assert_eq!(placed.body["call"]["from"], "+12025550155", "the log has the number whose allowance it is");
    shop.twilio.set(&call.sid, "no-answer", None);
    let id = placed.body["call"]["id"].as_str().unwrap();
    let found = firm.until(&shop, id, |call| call["endTime"].is_string()).await;
    assert_eq!(json!([found["twilioCallSid"], found["status"]]), json!([call.sid, "no_answer"]));
    // One of Twilio's is shown as it is.
    let numbers = shop.server.get("/api/phone-numbers", &firm.admin.token).await;
    let path = format!("/api/phone-numbers/{}", numbers["phoneNumbers"][0]["id"].as_str().unwrap());
    shop.server.ok("PUT", &path, &firm.admin.token, json!({"provider": "Twilio"})).await;
    shop.twilio.feel(Mood::Working);
    assert_eq!(firm.placed(&shop).await.1.field("From"), "+12025550155");
}

#[tokio::test]
async fn the_account_goes_in_and_its_token_does_not_come_out() {
    for shop in Shop::on_each_store().await {
        let (server, root) = (&shop.server, &shop.admin);
        let empty = json!({"accountSid": null, "authToken": null, "phoneNumber": null, "usesServerAccount": true,
            "finishing": [], "version": 0});
        assert_eq!(server.get(SETTINGS, &root.token).await["settings"], empty);
        assert_problem(&server.call("DELETE", SETTINGS, &root.token, Value::Null).await, 404, "not_found");
        let faults = async |body: Value| {
            let bad = server.call("PUT", SETTINGS, &root.token, body).await;
            assert_problem(&bad, 400, "invalid_input");
            let mut fields: Vec<String> = bad.body["errors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|error| error["field"].as_str().unwrap().to_owned())
                .collect();
            fields.sort_unstable();
            fields
        };
        assert_eq!(faults(json!({})).await, ["accountSid", "authToken"]);
        assert_eq!(faults(json!({"accountSid": BETAS})).await, ["authToken"]);
        let bad = json!({"accountSid": "../../Accounts", "authToken": "short", "phoneNumber": "call me"});
        assert_eq!(faults(bad).await, ["accountSid", "authToken", "phoneNumber"]);
        let bad = json!({"account_sid": 7, "auth_token": "with a blank in it", "phoneNumber": []});
        assert_eq!(faults(bad).await.len(), 3);
        assert_eq!(faults(json!({"accountSid": BETAS, "authToken": "…else"})).await, ["authToken"]);

        let body =
            json!({"account_sid": format!(" {BETAS} "), "auth_token": BETAS_TOKEN, "phone_number": "2025550144"});
        let done = server.call("PUT", SETTINGS, &root.token, body).await;
        assert_eq!((done.status, &done.headers["etag"]), (200, &"\"1\"".parse().unwrap()), "{}", done.text);
        let shown = json!({"accountSid": BETAS, "authToken": "…else", "phoneNumber": "+12025550144",
            "usesServerAccount": false, "finishing": [], "version": 1});
        assert_eq!(done.body["settings"], shown);
        // A form that sends back what it was shown changes nothing, and the token still opens the account.
        shop.twilio.open(BETAS, BETAS_TOKEN);
        let again = server.call("PUT", SETTINGS, &root.token, shown).await;
        assert_eq!(
            json!([again.body["settings"]["authToken"], again.body["settings"]["version"]]),
            json!(["…else", 2])
        );
        let (_, call) = shop.placed().await;
        assert_eq!((&*call.account, call.field("From")), (BETAS, "+12025550123"), "a number added by hand is tried");
        // The token of one account is not that of another, and its number neither.
        assert_eq!(faults(json!({"accountSid": BETAS_NEXT})).await, ["authToken"]);
        assert_eq!(faults(json!({"accountSid": BETAS_NEXT, "authToken": "…else"})).await, ["authToken"]);
        let next = json!({"accountSid": BETAS_NEXT, "authToken": BETAS_NEXT_TOKEN});
        let next = server.ok("PUT", SETTINGS, &root.token, next).await["settings"].clone();
        assert_eq!(json!([next["phoneNumber"], next["finishing"][0]["accountSid"]]), json!([null, BETAS]));
        let until: chrono::DateTime<chrono::Utc> = next["finishing"][0]["until"].as_str().unwrap().parse().unwrap();
        assert!(until > now() + TimeDelta::hours(47), "{until}");

        for method in ["PUT", "DELETE"] {
            let stale = server.request(method, SETTINGS, &root.token).header("if-match", "\"1\"");
            assert_problem(&answer(stale.json(&json!({"phoneNumber": null}))).await, 409, "stale_version");
        }
        let tag = server.call("GET", SETTINGS, &root.token, Value::Null).await.headers["etag"].clone();
        let fresh = server.request("DELETE", SETTINGS, &root.token).header("if-match", tag);
        assert_eq!(answer(fresh).await.headers["etag"], "\"4\"");
        // It goes on counting: what was made from an account that is gone does not fit the next one.
        let body = json!({"accountSid": BETAS, "authToken": BETAS_TOKEN});
        let stale = server.request("PUT", SETTINGS, &root.token).header("if-match", "\"0\"").json(&body);
        assert_problem(&answer(stale).await, 409, "stale_version");
        for method in ["GET", "PUT", "DELETE"] {
            let denied = server.call(method, SETTINGS, &shop.agent.token, body.clone()).await;
            assert_problem(&denied, 403, "forbidden");
        }
        // Who did it is known, and nothing that is secret.
        let audit = server.get("/api/audit?limit=100", &root.token).await.to_string();
        assert_eq!(audit.matches("twilio_settings.updated").count(), 4, "{audit}");
        let everything = [audit, server.get(SETTINGS, &root.token).await.to_string()].concat();
        for secret in [BETAS_TOKEN, BETAS_NEXT_TOKEN, TOKEN] {
            assert!(!everything.contains(secret), "{everything}");
        }
    }
}

#[tokio::test]
async fn an_account_is_of_use_to_the_company_of_a_server_without_one() {
    let twilio = FakeTwilio::start().await;
    let own = settings(&twilio);
    let own: Vec<(&str, &str)> =
        own.iter().filter(|(name, _)| !name.starts_with("TWILIO_")).map(|(name, value)| (*name, &**value)).collect();
    let shop = Shop::of(Server::start_with(&own), twilio, None).await;
    let before = shop.server.get(SETTINGS, &shop.admin.token).await["settings"]["usesServerAccount"].clone();
    assert_eq!(before, false);
    // Without an account it is our own call control that has no trunk.
    assert_eq!(shop.initiate().await.body.get("twilioCall"), None);
    let form = told("CA1", None, "busy", 0, now());
    let nowhere = format!("{}/api/calls/status-callback", crate::fake_twilio::PUBLIC);
    assert_problem(&tell(&shop, "", &nowhere, &form).await, 403, "invalid_signature");
    shop.twilio.open(BETAS, BETAS_TOKEN);
    let account = json!({"accountSid": BETAS, "authToken": BETAS_TOKEN});
    shop.server.ok("PUT", SETTINGS, &shop.admin.token, account).await;
    let (id, call) = shop.placed().await;
    let form = told(&call.sid, None, "busy", 1, now());
    assert_eq!(tell(&shop, BETAS_TOKEN, call.field("StatusCallback"), &form).await.status, 200);
    assert_eq!(shop.call(&id).await["status"], "busy");
}

#[tokio::test]
async fn without_an_address_that_twilio_reaches_no_account_is_taken() {
    let server = Server::start();
    let admin = server.set_up().await;
    let account = json!({"accountSid": BETAS, "authToken": BETAS_TOKEN});
    assert_problem(&server.call("PUT", SETTINGS, &admin.token, account).await, 409, "no_public_url");
    assert_problem(&server.call("PUT", SETTINGS, &admin.token, json!({})).await, 400, "invalid_input");
    assert_eq!(server.get(SETTINGS, &admin.token).await["settings"]["version"], 0);
}

#[tokio::test]
async fn a_companys_token_is_not_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log.txt");
    let twilio = FakeTwilio::start().await;
    let own = settings(&twilio);
    let mut own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, &**value)).collect();
    own.push(("DIALPLANE_LOG", "trace"));
    let server = Server::start_logged(directory, &own, std::fs::File::create(&log).unwrap().into());
    let shop = Shop::of(server, twilio, None).await;
    let firm = Firm::connected(&shop).await;
    let (_, call) = firm.placed(&shop).await;
    let form = told(&call.sid, None, "busy", 1, now());
    shop.send(call.field("StatusCallback"), &form, Some("forged")).await;
    assert_eq!(tell(&shop, BETAS_TOKEN, call.field("StatusCallback"), &form).await.status, 200);
    let wrong = json!({"authToken": format!("{BETAS_TOKEN} ")});
    shop.server.call("PUT", SETTINGS, &firm.admin.token, wrong).await;
    let wrong = json!({"accountSid": "a/b", "authToken": format!("{BETAS_TOKEN}-again")});
    shop.server.call("PUT", SETTINGS, &firm.admin.token, wrong).await;
    shop.twilio.open(BETAS, "another-token-of-beta");
    assert_problem(&firm.initiate(&shop).await, 422, "carrier_refused");
    shop.server.ok("DELETE", SETTINGS, &firm.admin.token, Value::Null).await;
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("twilio refused a call"), "{text}");
    for secret in [BETAS_TOKEN, "Basic ", &signed(BETAS_TOKEN, call.field("StatusCallback"), &form)] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}
