//! What SQLite makes of the statements that run often: every table is reached by an index, whatever the scope.

use dialplane_core::id::{CompanyId, Id, UserId};
use dialplane_core::lead::{LeadStatus, Priority, Quality};
use dialplane_core::scope::Scope;
use dialplane_core::search::Search;
use dialplane_core::store::{LeadFilter, Page};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Execute as _, Row as _};
use uuid::Uuid;

use crate::pool::{Options, open_writer};
use crate::statement::{Filter, Scoped, placeholders};
use crate::{
    assignment, call, caller, carrier, client, flow, flow_trace, job, lead, lead_figures, lead_routing, meta, number,
    offer, outbox, recording, report, session, twilio, user,
};

/// The steps of the plans of a text.
async fn plans(connection: &mut SqliteConnection, text: &str) -> Vec<String> {
    let mut steps = Vec::new();
    for statement in text.split("; ") {
        let query = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
        let rows = query.fetch_all(&mut *connection).await.expect(statement);
        steps.extend(rows.iter().map(|row| row.get::<String, _>("detail")));
    }
    steps
}

/// Steps that go through a whole table or sort one. `json_each` is the list that was bound, and the partial indexes hold
/// only what is looked for.
fn slow(steps: &[String]) -> Vec<&String> {
    let fine =
        ["SCAN json_each", "USING INDEX calls_open", "USING INDEX outbox_waiting", "USING COVERING INDEX flows_active"];
    let whole = |step: &&String| step.starts_with("SCAN ") && !fine.iter().any(|fine| step.contains(fine));
    steps.iter().filter(|step| whole(step) || step.contains("TEMP B-TREE")).collect()
}

async fn database() -> (tempfile::TempDir, SqliteConnection) {
    let folder = tempfile::tempdir().unwrap();
    let connection = open_writer(&folder.path().join("test.db"), &Options::default()).await.unwrap();
    (folder, connection)
}

#[tokio::test]
async fn statements_of_single_rows_and_of_queues_use_an_index() {
    let (_folder, mut connection) = database().await;
    let scoped: [(&str, &Scoped); 39] = [
        ("callers of a queue", &call::VISITS),
        ("user", &user::ONE),
        ("user by e-mail", &user::BY_EMAIL),
        ("caller", &caller::ONE),
        ("callers of users", &caller::OF_USERS),
        ("users", &user::BY_IDS),
        ("clients", &client::BY_IDS),
        ("lead", &lead::ONE),
        ("leads to route", &lead::TO_ROUTE),
        ("notes of a lead", &lead::NOTES),
        ("decisions about a lead", &lead_routing::OF_LEAD),
        ("refused rows of a job", &job::FAULTS),
        ("session by token", &session::BY_TOKEN),
        ("number", &number::ONE),
        ("assignment", &assignment::ONE),
        ("numbers of an agent", &assignment::OF_AGENT),
        ("count of a use", &assignment::RECORD_USE),
        ("flow", &flow::ONE),
        ("version of a flow", &flow::VERSION),
        ("versions that calls run through", &flow::ACTIVE),
        ("trace of a call", &flow_trace::ONE),
        ("call", &call::ONE),
        ("open calls", &call::OPEN),
        ("open calls of a node", &call::OPEN_OF),
        ("timeline", &call::EVENTS),
        ("call to claim", &offer::STANDING),
        ("accepted offer", &offer::ACCEPT),
        ("state of an offer", &offer::STATE),
        ("released offers", &offer::RELEASE),
        ("offers of calls", &offer::RELEASE_CALLS),
        ("calls to ask about", &carrier::DUE),
        ("accounts to forget", &twilio::DUE),
        ("recordings to fetch", &recording::DUE),
        ("delivery of Meta's", &meta::LEAD),
        ("whose page it is", &meta::PAGE_OWNER),
        ("claim", &outbox::CLAIM),
        ("delivered", &outbox::DELIVERED),
        ("events after", &outbox::AFTER),
        ("newest event", &outbox::HEAD),
    ];
    for (name, statement) in scoped {
        for text in [statement.company, statement.system] {
            let steps = plans(&mut connection, text).await;
            assert_eq!(slow(&steps), Vec::<&String>::new(), "{name}: {steps:#?}");
        }
    }
    let steps = plans(&mut connection, meta::CLAIM.system).await;
    assert_eq!(slow(&steps), Vec::<&String>::new(), "deliveries that are due: {steps:#?}");
    let steps = plans(&mut connection, lead::KNOWN).await;
    let contact = |column| steps.iter().filter(|step| step.contains(&format!("(company_id=? AND {column}=?)"))).count();
    assert_eq!((contact("phone"), contact("email")), (2, 2), "{steps:#?}");
    let steps = plans(&mut connection, number::TAKEN).await;
    assert_eq!(slow(&steps), Vec::<&String>::new(), "taken numbers: {steps:#?}");
    let steps = plans(&mut connection, &client::owners(&placeholders(1, 2, 16))).await;
    assert!(!steps.iter().any(|step| step.starts_with("SCAN client_numbers")), "{steps:#?}");
    assert!(steps.iter().any(|step| step.contains("(company_id=? AND ")), "{steps:#?}");
    for usage in [&assignment::USAGE, &assignment::USAGE_OF] {
        let steps = plans(&mut connection, usage.company).await;
        assert!(steps.iter().any(|step| step.contains("PRIMARY KEY (company_id=? AND day>? AND day<?)")), "{steps:#?}");
    }
}

#[tokio::test]
async fn a_page_of_calls_is_read_from_the_end_of_an_index() {
    let (_folder, mut connection) = database().await;
    let company = CompanyId::from_uuid(Uuid::nil());
    let agent = Some(UserId::from_uuid(Uuid::nil()));
    let steps = plans(&mut connection, call::NEWEST.company).await;
    assert_eq!(slow(&steps), ["SCAN CONSTANT ROW"], "{steps:#?}");
    for (name, scope, agent) in
        [("an agent's", Scope::Company(company), agent), ("an agent's, of all", Scope::System, agent)]
    {
        let text = call::of_agent(scope, agent).listing("calls", "id, legs", "id", Page::FIRST).sql();
        let steps = plans(&mut connection, text.as_str()).await;
        // The count goes through an index of all that is counted; the page is read from the end of one.
        let sorted = steps.iter().any(|step| step.contains("TEMP B-TREE") || step == "SCAN calls");
        assert!(!sorted, "{name}: {steps:#?}");
        let by_agent = steps.iter().filter(|step| step.contains("calls_agent")).count();
        assert_eq!(by_agent, 2, "{name}: {steps:#?}");
    }
}

#[tokio::test]
async fn calls_of_a_span_are_counted_and_ordered_without_their_rows() {
    let (_folder, mut connection) = database().await;
    let company = Scope::Company(CompanyId::from_uuid(Uuid::nil()));
    let agent = Some(UserId::from_uuid(Uuid::nil()));
    let whose = [
        (agent, "COVERING INDEX calls_agent_started_at (agent_id=? AND started_at>? AND started_at<?)"),
        (None, "COVERING INDEX calls_started_at (company_id=? AND started_at>? AND started_at<?)"),
    ];
    for (agent, index) in whose {
        let mut rows = call::of_agent(company, agent);
        rows.number("started_at >= ", Some(1));
        rows.number("started_at < ", Some(2));
        let text = rows.listing_by_ids("calls", "id, legs", Page::FIRST).sql();
        let steps = plans(&mut connection, text.as_str()).await;
        assert_eq!(steps.iter().filter(|step| step.contains(index)).count(), 2, "{steps:#?}");
    }
    let steps = plans(&mut connection, &call::of_agent(company, agent).count("calls")).await;
    assert!(steps.iter().any(|step| step.contains("COVERING INDEX calls_agent")), "{steps:#?}");
}

#[tokio::test]
async fn figures_of_a_company_are_read_by_its_key() {
    let (_folder, mut connection) = database().await;
    // Sorted is what a span of days adds up to by campaign, who wrote on one day, and the few with one contact.
    let sorts = [
        "USE TEMP B-TREE FOR GROUP BY",
        "USE TEMP B-TREE FOR RIGHT PART OF ORDER BY",
        "USE TEMP B-TREE FOR LAST TERM OF ORDER BY",
        "UNION USING TEMP B-TREE",
    ];
    for (name, statement, index) in [
        ("counts", &lead_figures::ALL_COUNTS, "PRIMARY KEY (company_id=?)"),
        ("people", &lead_figures::OF_AGENTS, "agent_leads_company (company_id=? AND user_id=?)"),
        ("days", &lead_figures::BY_DAY, "PRIMARY KEY (company_id=? AND day>? AND day<?)"),
        (
            "days of one",
            &lead_figures::BY_DAY_OF_USER,
            "lead_days_user (company_id=? AND user_id=? AND day>? AND day<?)",
        ),
        ("campaigns", &lead_figures::CAMPAIGNS_OF, "PRIMARY KEY (company_id=? AND day>? AND day<?)"),
        ("leads with a number", &lead::BY_CONTACT, "leads_phone (company_id=? AND phone=?)"),
        ("leads with an address", &lead::BY_CONTACT, "leads_email (company_id=? AND email=?)"),
        ("who has deserted leads", &lead::DESERTED, "agent_leads_company (company_id=?)"),
        ("agents to route to", &lead_routing::CANDIDATES, "users_company (company_id=?)"),
        ("reports that are written", &report::WRITTEN, "reports_day (company_id=? AND day>? AND day<?)"),
        ("open deliveries of Meta's", &meta::OPEN, "meta_leads_open (company_id=?)"),
    ] {
        let steps = plans(&mut connection, statement.company).await;
        let slow: Vec<_> = slow(&steps).into_iter().filter(|step| !sorts.contains(&step.as_str())).collect();
        assert_eq!(slow, Vec::<&String>::new(), "{name}: {steps:#?}");
        assert!(steps.iter().any(|step| step.contains(index)), "{name}: {steps:#?}");
    }
}

/// The steps of the count and the page of a list.
async fn steps_of(
    connection: &mut SqliteConnection,
    table: &'static str,
    key: &'static str,
    rows: Filter,
) -> Vec<String> {
    let text = rows.listing(table, "*", key, Page::FIRST).sql();
    plans(connection, text.as_str()).await
}

#[tokio::test]
async fn a_page_of_leads_is_read_from_an_index_whatever_they_are_narrowed_by() {
    let (_folder, mut connection) = database().await;
    let scope = Scope::Company(CompanyId::from_uuid(Uuid::nil()));
    let search = || Search::parse("ann 0171", "DE".parse().unwrap()).unwrap();
    let (agent, all) = (Some(UserId::from_uuid(Uuid::nil())), LeadFilter::default);
    let by_id = "sqlite_autoindex_leads_1 (id=?)";
    for (name, filter, index) in [
        ("status", LeadFilter { status: Some(LeadStatus::New), ..all() }, "leads_status"),
        ("source", LeadFilter { source: "web".parse().ok(), ..all() }, "leads_company"),
        ("priority", LeadFilter { priority: Some(Priority::Low), ..all() }, "leads_company"),
        ("quality", LeadFilter { quality: Some(Quality::Hot), ..all() }, "leads_company"),
        ("agent", LeadFilter { agent, ..all() }, "leads_assigned_to"),
        ("agent and status", LeadFilter { agent, status: Some(LeadStatus::New), ..all() }, "leads_assigned_to"),
        ("assigned", LeadFilter { assigned: Some(true), ..all() }, "leads_company"),
        ("not assigned", LeadFilter { assigned: Some(false), ..all() }, "leads_assigned_to"),
        ("since", LeadFilter { from: Some(chrono::DateTime::UNIX_EPOCH), ..all() }, "leads_company"),
        ("cursor", LeadFilter { before: Some(Id::from_uuid(Uuid::nil())), ..all() }, "leads_company"),
        ("search", LeadFilter { search: search(), ..all() }, by_id),
        ("search of an agent's", LeadFilter { search: search(), agent, ..all() }, by_id),
    ] {
        let (rows, table) = (lead::narrowed(scope, &filter), lead::newest_first(scope, &filter));
        let count = rows.count("leads");
        let text = rows.listing_of(&count, table, "*", "id", Page::FIRST).sql();
        let steps = plans(&mut connection, text.as_str()).await;
        // The words of a search meet in sets of their own.
        let sorted = steps.iter().any(|step| step.contains("FOR ORDER BY") || step.starts_with("SCAN leads"));
        assert!(!sorted && steps.iter().any(|step| step.contains(index)), "{name}: {steps:#?}");
    }
    let steps = plans(&mut connection, lead::NEWEST.company).await;
    assert_eq!(slow(&steps), ["SCAN CONSTANT ROW"], "{steps:#?}");
}

#[tokio::test]
async fn pages_of_jobs_reports_and_events_are_read_from_an_index() {
    let (_folder, mut connection) = database().await;
    let scope = Scope::Company(CompanyId::from_uuid(Uuid::nil()));
    let user = Some(UserId::from_uuid(Uuid::nil()));
    let narrowed = |conditions: &[&'static str]| {
        let mut rows = Filter::of(scope, "company_id");
        for condition in conditions {
            rows.id(condition, user);
        }
        rows
    };
    for (table, key, conditions, index) in [
        ("jobs", "id", &[][..], "jobs_company"),
        ("jobs", "id", &["created_by = "], "jobs_company"),
        ("reports", "day DESC, id", &[], "reports_day"),
        ("reports", "day DESC, id", &["user_id = "], "reports_user"),
        ("reports", "day DESC, id", &["day >= ", "day <= "], "reports_day"),
        ("reports", "day DESC, id", &["user_id = ", "day >= ", "day <= "], "reports_user"),
        ("reports", "day DESC, id", &["user_id = ", "kind = "], "reports_period"),
        ("outbox", "seq", &[], "outbox_company"),
        ("outbox", "seq", &["json_extract(event, '$.type') = "], "outbox_type"),
        ("outbox", "seq", &["seq < "], "outbox_company"),
        ("outbox", "seq", &["+at >= "], "outbox_company"),
    ] {
        let steps = steps_of(&mut connection, table, key, narrowed(conditions)).await;
        assert_eq!(slow(&steps), Vec::<&String>::new(), "{table} {conditions:?}: {steps:#?}");
        assert!(steps.iter().any(|step| step.contains(index)), "{table} {conditions:?}: {steps:#?}");
    }
    let mut rows = narrowed(&[]);
    rows.holds("actor <> 'system'");
    rows.id("actor = ", user);
    let steps = steps_of(&mut connection, "outbox", "seq", rows).await;
    assert!(slow(&steps).is_empty() && steps.iter().all(|step| step.contains("outbox_actor")), "{steps:#?}");
}
