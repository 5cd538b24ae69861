//! `/analytics/company/{companyId}/staffing`: the agents that a queue's own log asks for.

use chrono::{DateTime, TimeDelta, Utc};
use dialplane_core::call::{Change, Direction, Hangup, HangupCause, LegKind, NewCall, Side};
use dialplane_core::command::call::{CallReport, RecordCalls};
use dialplane_core::id::{CompanyId, IdSource, QueueId, SystemIds, UserId};
use dialplane_core::{Actor, Engine};
use dialplane_storage_sqlite::SqliteStore;
use serde_json::json;

use crate::support::{Server, answer};

/// A call that came into a queue, waited and was answered, or given up.
fn report(company: CompanyId, queue: QueueId, agent: UserId, at: DateTime<Utc>, answered: bool) -> CallReport {
    let ids = SystemIds::default();
    let call = (&ids as &dyn IdSource).id(at);
    let begin = NewCall {
        id: call,
        company,
        direction: Direction::Inbound,
        from: "+12025550100".into(),
        to: "+12025550101".into(),
        agent: None,
        number: None,
        trunk: None,
        lead: None,
        node: None,
        at,
    };
    let leg = |leg, kind, agent| Change::LegAdded { leg, kind, party: "1001".into(), agent };
    let ended = |side| Change::Ended { hangup: Hangup { side, cause: HangupCause::NormalClearing, sip_status: None } };
    let mut steps = vec![(0, leg(0, LegKind::Carrier, None)), (0, Change::queued(queue, None))];
    if answered {
        steps.push((0, Change::Offered { agent, decision: None }));
        steps.push((0, leg(1, LegKind::Sip, Some(agent))));
        steps.push((10, Change::Answered { leg: 1, codec: None }));
        steps.push((10, Change::Bridged { a: 0, b: 1 }));
        steps.push((130, ended(Side::Callee)));
    } else {
        steps.push((40, ended(Side::Caller)));
    }
    let changes = steps.into_iter().map(|(after, change)| (at + TimeDelta::seconds(after), change)).collect();
    CallReport { begin: Some(begin), changes, ..CallReport::nothing(call) }
}

#[tokio::test]
async fn a_manager_is_told_how_many_agents_each_half_hour_of_a_queue_needs() {
    let server = Server::start();
    let admin = server.set_up().await;
    let agent = server.join(&admin.token, "agent", "ann@alpha.example").await;
    let made = server.ok("POST", "/api/queues", &admin.token, json!({"name": "sales", "wrapUpSeconds": 60})).await;
    let queue = made["queue"]["id"].as_str().unwrap().to_owned();
    let profile = server.get("/api/auth/profile", &admin.token).await;
    let (company, zone) = (profile["company"]["id"].as_str().unwrap().to_owned(), "UTC");
    server.ok("PUT", &format!("/api/companies/{company}"), &admin.token, json!({"timezone": zone})).await;

    let engine = Engine::new(SqliteStore::open(server.directory.path().join("data/dialplane.db")).await.unwrap());
    let (id, who) = (company.parse().unwrap(), agent.id.parse().unwrap());
    // Two Tuesdays: 8 calls from 10:00 on, every fourth given up, and on the first one more at 14:30.
    let mut reports = Vec::new();
    for day in ["2026-03-03T10:00:00Z", "2026-03-10T10:00:00Z"] {
        let begins: DateTime<Utc> = day.parse().unwrap();
        let calls = (0..8).map(|n| (begins + TimeDelta::seconds(n * 200), n % 4 > 0));
        reports.extend(calls.map(|(at, answered)| report(id, queue.parse().unwrap(), who, at, answered)));
    }
    let late = "2026-03-03T14:45:00Z".parse().unwrap();
    reports.push(report(id, queue.parse().unwrap(), who, late, true));
    engine.execute(&Actor::system_for(id), &RecordCalls { reports }).await.unwrap();

    let path = format!("/api/analytics/company/{company}/staffing");
    let told = server.get(&format!("{path}?queue={queue}&date=2026-03-10&weeks=2&target=0.9"), &admin.token).await;
    assert_eq!((&told["days"], &told["date"], &told["timezone"]), (&json!(2), &json!("2026-03-10"), &json!(zone)));
    // Four gave up; all waited 13 times 10 and 4 times 40 seconds.
    assert_eq!(told["patienceSeconds"], json!(73.0));
    let intervals = told["intervals"].as_array().unwrap();
    assert_eq!(intervals.len(), 2, "{told}");
    let ten = &intervals[0];
    assert_eq!((&ten["begins"], &ten["calls"], &ten["answered"]), (&json!("10:00"), &json!(8.0), &json!(6.0)));
    assert_eq!((&ten["abandoned"], &ten["handleSeconds"]), (&json!(2.0), &json!(180.0)));
    assert_eq!(ten["agentsThere"], json!(1.0));
    let agents = |of: &str| ten[of].as_u64().unwrap();
    assert!((2..=4).contains(&agents("agentsErlangC")) && agents("agentsErlangA") <= agents("agentsErlangC"), "{ten}");
    assert!(agents("agentsPlanned") > agents("agentsErlangA"));
    assert_eq!((&intervals[1]["begins"], &intervals[1]["calls"]), (&json!("14:30"), &json!(0.5)));
    let day = server.get(&format!("{path}?date=2026-03-10"), &admin.token).await;
    assert_eq!(day["intervals"].as_array().unwrap().len(), 1);
    let other = server.get(&format!("{path}?queue={queue}&date=2026-03-11"), &admin.token).await;
    assert_eq!(other["intervals"], json!([]));

    for (query, status) in
        [("weeks=13", 400), ("target=1", 400), ("seconds=-1", 400), ("shrinkage=0.95", 400), ("date=soon", 400)]
    {
        let asked = answer(server.request("GET", &format!("{path}?{query}"), &admin.token)).await;
        assert_eq!(asked.status, status, "{query}: {}", asked.body);
        let field = query.split('=').next().unwrap();
        assert!(asked.body.to_string().contains(field), "{query}: {}", asked.body);
    }
    let unknown = format!("{path}?queue={}", agent.id);
    assert_eq!(answer(server.request("GET", &unknown, &admin.token)).await.status, 404);
    assert_eq!(answer(server.request("GET", &path, &agent.token)).await.status, 403);
}
