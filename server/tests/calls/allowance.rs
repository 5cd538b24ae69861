//! The daily limit under many requests at the same time.

use std::sync::Barrier;

use serde_json::json;

use crate::support::company::{Agent, Company, text};
use crate::support::http::Answer;
use crate::support::peer::Peer;
use crate::support::postgres::Database;
use crate::support::server::Server;
use crate::{CUSTOMER, NUMBER};

const LIMIT: u32 = 37;
const REQUESTS: usize = 100;

/// An agent who may make so many calls a day with one number.
fn agent(company: &Company) -> (Agent, String) {
    let carrier = Peer::new(([127, 0, 0, 1], 9).into(), "carrier");
    company.trunk(carrier.port());
    let ann = company.agent("ann");
    let number = company.number(NUMBER);
    company.assign(&number, &ann, LIMIT);
    (ann, number)
}

/// Sends all requests at the same moment, to these servers in turn.
fn rush(doors: &[Company], ann: &Agent) -> Vec<Answer> {
    let start = Barrier::new(REQUESTS);
    let body = json!({ "to": CUSTOMER, "agentId": ann.id });
    std::thread::scope(|scope| {
        let (start, body) = (&start, &body);
        let sent: Vec<_> = (0..REQUESTS)
            .map(|n| {
                let door = &doors[n % doors.len()];
                scope.spawn(move || {
                    start.wait();
                    // A store that is too busy says so, and whoever called asks again.
                    let answers = std::iter::repeat_with(|| door.post("/api/calls/initiate", body));
                    answers.take(20).find(|answer| answer.status != 503).expect("an answer in the end")
                })
            })
            .collect();
        sent.into_iter().map(|thread| thread.join().expect("a request")).collect()
    })
}

#[track_caller]
fn check(answers: &[Answer], company: &Company, number: &str) {
    let admitted = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers.iter().filter(|a| a.status == 422 && a.code() == "daily_limit_reached").count();
    let others: Vec<_> =
        answers.iter().filter(|a| !matches!(a.status, 201 | 422)).map(|a| (a.status, &a.text)).collect();
    assert_eq!((admitted, refused), (LIMIT as usize, REQUESTS - LIMIT as usize), "{others:?}");
    let mut left: Vec<u64> = answers.iter().filter_map(|answer| answer.json["remainingToday"].as_u64()).collect();
    left.sort_unstable();
    assert_eq!(left, (0..u64::from(LIMIT)).collect::<Vec<_>>(), "each admitted call was counted by itself");
    let number = company.get(&format!("/api/phone-numbers/{number}")).expect(200)["phoneNumber"].clone();
    let used = ["calls_made_today", "callsMadeToday"].iter().find_map(|key| number["assignment"][key].as_u64());
    assert_eq!(used, Some(u64::from(LIMIT)), "{number}");
    assert_eq!(company.ended_calls(LIMIT as usize).len(), LIMIT as usize);
}

#[test]
fn a_hundred_requests_at_once_never_exceed_the_daily_limit() {
    let server = Server::start();
    let company = server.company();
    let (ann, number) = agent(&company);
    let answers = rush(std::slice::from_ref(&company), &ann);
    check(&answers, &company, &number);
    server.await_idle();
}

#[test]
fn two_servers_on_one_postgres_never_exceed_the_daily_limit_together() {
    let database = Database::create();
    let first = Server::on(&database.url);
    let second = Server::on(&database.url);
    let doors = [first.company(), second.company()];
    let (ann, number) = agent(&doors[0]);
    // What one server was told, the other knows.
    assert_eq!(text(&doors[1].get(&format!("/api/users/{}", ann.id)).expect(200)["user"]["id"]), ann.id);
    let answers = rush(&doors, &ann);
    check(&answers, &doors[1], &number);
}

#[test]
fn a_call_to_a_country_that_is_not_allowed_is_refused_and_not_counted() {
    let server = Server::start();
    let company = server.company();
    let (ann, number) = agent(&company);
    let terms = json!({ "allowedCountries": ["US"] });
    company.put(&format!("/api/phone-numbers/{number}/assignment"), &terms).expect(200);
    let refused = company.post("/api/calls/initiate", &json!({ "to": "+442079460000", "agentId": ann.id }));
    assert_eq!((refused.status, refused.code()), (422, "country_not_allowed"), "{}", refused.text);
    let placed = company.post("/api/calls/initiate", &json!({ "to": CUSTOMER, "agentId": ann.id })).expect(201);
    assert_eq!(placed["remainingToday"], LIMIT - 1);
}
