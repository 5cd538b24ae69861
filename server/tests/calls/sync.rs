//! The caller records follow the users, whatever happens in between.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::company::{Company, text};
use crate::support::server::{PASSWORD, Server};

const AGENTS: [&str; 4] = ["agent", "caller", "telecaller", "officer"];
const OTHERS: [&str; 3] = ["manager", "supervisor", "marketing"];

/// A small generator, so that a failed history can be played again from its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }
}

fn all(company: &Company, path: &str, key: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for page in 1.. {
        let answer = company.get(&format!("{path}?limit=200&page={page}")).expect(200);
        found.extend(answer[key].as_array().cloned().unwrap_or_default());
        if page >= answer["pagination"]["pages"].as_u64().unwrap_or(1) {
            break;
        }
    }
    found
}

/// The users, and a check that exactly those of kind agent have a caller record.
#[track_caller]
fn checked(company: &Company, history: &[String]) -> Vec<Value> {
    let users = all(company, "/api/users", "users");
    let agents: BTreeSet<String> =
        users.iter().filter(|user| user["kind"] == "agent").map(|user| text(&user["id"])).collect();
    let callers = all(company, "/api/callers", "callers");
    let owners: BTreeSet<String> = callers.iter().map(|caller| text(&caller["user_id"])).collect();
    assert_eq!(callers.len(), owners.len(), "two records of one user, after {history:#?}");
    assert_eq!(owners, agents, "after {history:#?}");
    users
}

/// One random change; `None` when the server died under it.
fn change(company: &Company, dice: &mut Dice, users: &[Value], n: usize) -> (String, Option<u16>) {
    let people: Vec<&Value> = users.iter().filter(|user| user["isPlatformAdmin"] != true).collect();
    let role = match dice.roll(3) {
        0 => OTHERS[dice.roll(OTHERS.len())],
        _ => AGENTS[dice.roll(AGENTS.len())],
    };
    let someone = (!people.is_empty()).then(|| text(&people[dice.roll(people.len().max(1))]["id"]));
    let (method, path, body) = match (dice.roll(10), someone) {
        (0..=3, _) | (_, None) => {
            // Few names, so that many people share one.
            let name = ["Ann Lee", "Bob Ray"][dice.roll(2)];
            let email = format!("person{n}@example.com");
            (
                "POST",
                "/api/auth/register".to_owned(),
                json!({ "name": name, "email": email, "password": PASSWORD, "role": role }),
            )
        }
        (4..=6, Some(id)) => ("PUT", format!("/api/users/{id}/role"), json!({ "role": role })),
        (7, Some(id)) => ("PUT", format!("/api/users/{id}"), json!({ "name": "Ann Lee", "role": role })),
        (_, Some(id)) => ("DELETE", format!("/api/users/{id}"), Value::Null),
    };
    let sent = company.send(method, &path, (!body.is_null()).then_some(&body));
    let status = sent.as_ref().ok().map(|answer| answer.status);
    (format!("{method} {path} {body} -> {status:?}"), status)
}

#[test]
fn callers_are_the_users_of_kind_agent_after_any_history_with_kills_in_between() {
    for seed in [0x9e37_79b9_7f4a_7c15, 0x1234_5678_9abc_def1] {
        let mut server = Server::start();
        let mut dice = Dice(seed);
        let mut company = server.company();
        let mut history = vec![format!("seed {seed:#x}")];
        let mut n = 0;
        for round in 0..5 {
            for _ in 0..12 {
                let users = checked(&company, &history);
                let (told, status) = change(&company, &mut dice, &users, n);
                n += 1;
                assert!(status.is_some_and(|status| status < 500), "{told}, after {history:#?}");
                history.push(told);
            }
            let users = checked(&company, &history);
            if round % 2 == 0 {
                server.kill();
            } else {
                // In the middle of changes: they are under way when the process dies.
                std::thread::scope(|scope| {
                    for k in 0..4 {
                        let (company, users) = (&company, &users);
                        let mut dice = Dice(seed ^ (1 + k + round as u64 * 16));
                        scope.spawn(move || change(company, &mut dice, users, 1_000 + round * 10 + k as usize));
                    }
                    server.kill();
                });
            }
            history.push("kill".to_owned());
            server.restart();
            company = server.company();
            checked(&company, &history);
        }
        // The repair finds nothing to do.
        let synced = company.post("/api/users/sync-callers", &json!({})).expect(200);
        assert_eq!((synced["created"].as_u64(), synced["deleted"].as_u64()), (Some(0), Some(0)), "after {history:#?}");
    }
}
