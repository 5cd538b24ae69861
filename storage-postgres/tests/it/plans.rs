//! How the statements are carried out on tables of some size: by which index, and over how many rows. The figures are the
//! server's own counts of scans in the transaction, so that it is the store's very statements that are looked at.

use std::collections::BTreeMap;

use dialplane_core::call::Direction;
use dialplane_core::id::{CompanyId, Id};
use dialplane_core::phone::E164;
use dialplane_core::scope::{ActorName, Scope};
use dialplane_core::search::Search;
use dialplane_core::store::{
    CallFilter, CallStore, EventFilter, LeadFiguresStore, LeadFilter, LeadStore, Outbox, Page, ReportFilter,
    ReportStore, UserFilter, UserStore,
};
use dialplane_storage_postgres::PgRepo;
use sqlx::{Connection, Executor, PgConnection, Row};
use uuid::Uuid;

use crate::database::Database;
use crate::rows::{Rows, now};

/// Calls of all companies together. Enough for the planner to prefer an index where one fits.
const CALLS: i64 = 20_000;

/// The tables that are large.
const BIG: [&str; 7] = ["calls", "outbox", "users", "leads", "lead_words", "lead_days", "reports"];

/// Fills the tables: a tenth of the rows is one company's, and others' are around them.
async fn fill(connection: &mut PgConnection, company: CompanyId, others: CompanyId, agent: Uuid) {
    let calls = "INSERT INTO calls (id, company_id, direction, status, \"from\", \"to\", agent_id, queue_id, number_id, lead_id, \
         started_at, legs, events, version, updated_at) \
         SELECT gen_random_uuid(), CASE WHEN i % 10 = 0 THEN $1 ELSE $2 END, 'inbound', \
         CASE WHEN i % 2000 = 50 THEN 'ringing' WHEN i % 500 = 60 THEN 'abandoned' ELSE 'completed' END, '+1', '+2', \
         CASE WHEN i % 400 = 10 THEN $3 ELSE gen_random_uuid() END, CASE WHEN i % 400 = 20 THEN $3 END, \
         CASE WHEN i % 400 = 30 THEN $3 END, CASE WHEN i % 400 = 40 THEN $3 END, \
         $4::timestamptz + i * interval '1 minute', '[]', 0, 1, now() FROM generate_series(1, $5) AS i";
    let calls = sqlx::query(calls).bind(company.as_uuid()).bind(others.as_uuid()).bind(agent).bind(now()).bind(CALLS);
    calls.execute(&mut *connection).await.expect("calls are stored");
    let totals = "INSERT INTO call_totals SELECT company_id, 0, count(*) FROM calls GROUP BY company_id";
    connection.execute(totals).await.expect("totals are stored");
    let events = "INSERT INTO outbox (id, company_id, at, actor, version, event, delivered_at) \
         SELECT gen_random_uuid(), CASE WHEN i % 100 = 0 THEN $1 ELSE $2 END, $4::timestamptz + i * interval '1 minute', \
         CASE WHEN i % 2000 = 100 THEN 'user:' || $5::uuid ELSE 'system' END, 1, \
         jsonb_build_object('type', CASE WHEN i % 2000 = 200 THEN 'company.created' ELSE 'company.updated' END), \
         CASE WHEN i % 1000 > 0 THEN now() END FROM generate_series(1, $3) AS i";
    let events = sqlx::query(events).bind(company.as_uuid()).bind(others.as_uuid()).bind(CALLS).bind(now()).bind(agent);
    events.execute(&mut *connection).await.expect("events are stored");
    let users = "INSERT INTO users SELECT gen_random_uuid(), CASE WHEN i % 10 = 0 THEN $1 ELSE $2 END, 'n', i || '@x', 'p', 'i', \
         'agent', NULL, NULL, NULL, NULL, true, false, 'offline', 0, 1, now(), now(), '', NULL, now() FROM generate_series(1, 5000) AS i";
    let users = sqlx::query(users).bind(company.as_uuid()).bind(others.as_uuid());
    users.execute(&mut *connection).await.expect("users are stored");
    let reports = "INSERT INTO reports (id, company_id, user_id, kind, day, version, created_at, updated_at) \
         SELECT gen_random_uuid(), CASE WHEN i % 10 = 0 THEN $1 ELSE $2 END, CASE WHEN i % 400 = 10 THEN $3 ELSE gen_random_uuid() END, \
         'daily', date '2000-01-01' + i::int / 20, 1, now(), now() FROM generate_series(1, $4) AS i";
    let reports = sqlx::query(reports).bind(company.as_uuid()).bind(others.as_uuid()).bind(agent).bind(CALLS);
    reports.execute(&mut *connection).await.expect("reports are stored");
    connection.execute("VACUUM (ANALYZE) calls, outbox, users, reports").await.expect("statistics are gathered");
}

/// The scans that the server has counted: of tables from end to end, and of entries of each index. It counts on from one
/// transaction to the next until it publishes the counts.
async fn scans(connection: &mut PgConnection) -> BTreeMap<String, i64> {
    let counts = "SELECT relname::text AS name, seq_scan AS count FROM pg_stat_xact_user_tables \
         WHERE relname = ANY($1) UNION ALL \
         SELECT c.relname::text, pg_stat_get_xact_tuples_returned(c.oid) FROM pg_class c \
         JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_class t ON t.oid = i.indrelid WHERE t.relname = ANY($1)";
    let rows = sqlx::query(counts).bind(&BIG[..]).fetch_all(connection).await.expect("the server counts scans");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Runs `$work` often enough for a generic plan to be chosen where the planner likes one, and checks the last run.
macro_rules! expect_index {
    ($connection:expr, $scope:expr, $index:literal, $most:expr, |$repo:ident| $work:expr) => {
        for round in 0..7 {
            let mut transaction = $connection.begin().await.unwrap();
            // As the store's units of work that read have it.
            transaction.execute("SET LOCAL plan_cache_mode = force_custom_plan").await.unwrap();
            let before = scans(&mut transaction).await;
            let mut $repo = PgRepo::join(&mut transaction, $scope);
            $work.await.unwrap();
            let mut scans = scans(&mut transaction).await;
            scans.iter_mut().for_each(|(name, count)| *count -= before.get(name).copied().unwrap_or(0));
            scans.retain(|_, count| *count > 0);
            for table in BIG {
                assert!(!scans.contains_key(table), "round {round}: {table} scanned from end to end: {scans:?}");
            }
            let entries = scans.get($index).copied();
            assert!(
                entries.is_some_and(|entries| entries <= $most),
                "round {round}: {} not as expected: {scans:?}",
                $index
            );
            transaction.rollback().await.unwrap();
        }
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_claims_go_by_their_index_and_touch_little_more_than_they_give() {
    let database = Database::fresh().await;
    drop(database.store().await);
    let rows = Rows::default();
    let (company, others): (CompanyId, CompanyId) = (rows.id(), rows.id());
    let agent: Uuid = rows.id::<()>().as_uuid();
    let mut connection = database.connection().await;
    fill(&mut connection, company, others, agent).await;
    let scope = Scope::Company(company);
    let page = Page { offset: 0, limit: 50 };

    // A page costs the page, whatever the length of the list, and its total nothing but what a cursor has passed.
    let none = CallFilter::default();
    expect_index!(connection, scope, "calls_by_company", 50, |repo| repo.calls(&none, page));
    let near =
        CallFilter { before: Some(Id::from_uuid(Uuid::from_u128(u128::MAX - (u128::MAX >> 6)))), ..none.clone() };
    expect_index!(connection, scope, "calls_by_company", 150, |repo| repo.calls(&near, page));
    let inbound = CallFilter { direction: Direction::from_word("inbound"), ..none.clone() };
    expect_index!(connection, scope, "calls_by_company", CALLS / 10 + 50, |repo| repo.calls(&inbound, page));
    let by_agent = CallFilter { agent: Some(Id::from_uuid(agent)), ..none.clone() };
    expect_index!(connection, scope, "calls_by_agent", 200, |repo| repo.calls(&by_agent, page));
    let by_queue = CallFilter { queue: Some(Id::from_uuid(agent)), ..none.clone() };
    expect_index!(connection, scope, "calls_by_queue", 200, |repo| repo.calls(&by_queue, page));
    let by_number = CallFilter { number: Some(Id::from_uuid(agent)), ..none.clone() };
    expect_index!(connection, scope, "calls_by_number", 200, |repo| repo.calls(&by_number, page));
    let by_lead = CallFilter { lead: Some(Id::from_uuid(agent)), ..none.clone() };
    expect_index!(connection, scope, "calls_by_lead", 200, |repo| repo.calls(&by_lead, page));
    let abandoned = CallFilter { status: "abandoned".parse().ok(), ..none.clone() };
    expect_index!(connection, scope, "calls_by_status", 200, |repo| repo.calls(&abandoned, page));
    let ringing = CallFilter { status: "ringing".parse().ok(), ..none.clone() };
    expect_index!(connection, scope, "calls_open", 50, |repo| repo.calls(&ringing, page));
    let hour = CallFilter { from: Some(now()), to: Some(now() + chrono::TimeDelta::hours(1)), ..none.clone() };
    expect_index!(connection, scope, "calls_by_start", 200, |repo| repo.calls(&hour, page));
    expect_index!(connection, Scope::System, "calls_open", 50, |repo| repo.open_calls(None));

    expect_index!(connection, scope, "users_by_company", 1_000, |repo| repo.users(&UserFilter::default(), page));
    expect_index!(connection, scope, "users_email", 1, |repo| repo.user_by_email("7@x"));

    // Undelivered events are found among the delivered ones, and a client's place among all.
    expect_index!(connection, Scope::System, "outbox_due", 40, |repo| repo.claim_events(now(), now(), 10));
    expect_index!(connection, scope, "outbox_by_company", 120, |repo| repo.events_after(100, 100));

    // What the audit log is narrowed by.
    let none = EventFilter::default();
    let named = EventFilter { name: Some("company.created".to_owned()), ..none.clone() };
    expect_index!(connection, scope, "outbox_by_type", 10, |repo| repo.find_events(&named, 50));
    let by_agent = EventFilter { actor: Some(ActorName::User(Id::from_uuid(agent))), ..none.clone() };
    expect_index!(connection, scope, "outbox_by_actor", 10, |repo| repo.find_events(&by_agent, 50));
    let hours = Some(now() + chrono::TimeDelta::hours(10));
    let span = EventFilter { from: Some(now()), to: hours, ..none.clone() };
    expect_index!(connection, scope, "outbox_by_at", 20, |repo| repo.find_events(&span, 50));

    let none = ReportFilter::default();
    let day = |text: &str| Some(text.parse::<chrono::NaiveDate>().unwrap());
    let own = ReportFilter { user: Some(Id::from_uuid(agent)), ..none.clone() };
    expect_index!(connection, scope, "reports_by_user", 120, |repo| repo.reports(&own, page));
    let week = ReportFilter { from: day("2000-03-01"), to: day("2000-03-07"), ..none.clone() };
    expect_index!(connection, scope, "reports_by_day", 60, |repo| repo.reports(&week, page));
}

/// Fills the tables of leads in the same way. One in 400 leads is `agent`'s.
async fn fill_leads(connection: &mut PgConnection, company: CompanyId, others: CompanyId, agent: Uuid) {
    let leads = "INSERT INTO leads (id, company_id, name, email, phone, source, status, priority, quality, score, needs, custom, \
         origin, followup_count, assigned_to, is_waiting, route_at, returns, version, created_at, updated_at, words) \
         SELECT gen_random_uuid(), CASE WHEN i % 10 = 0 THEN $1 ELSE $2 END, 'n', i || '@x', '+1202' || i, 'web', \
         CASE WHEN i % 500 = 60 THEN 'interested' ELSE 'lost' END, 'low', 'hot', 1, '{}', '{}', '{}', 0, \
         CASE WHEN i % 400 = 10 THEN $3 WHEN i % 4 = 0 THEN gen_random_uuid() END, i % 500 = 70, \
         CASE WHEN i % 500 = 70 THEN $4::timestamptz END, 0, 1, $4::timestamptz + i * interval '1 minute', now(), \
         '+1202' || i || ' t' || i || ' tn' FROM generate_series(1, $5) AS i";
    let leads = sqlx::query(leads).bind(company.as_uuid()).bind(others.as_uuid()).bind(agent).bind(now()).bind(CALLS);
    leads.execute(&mut *connection).await.expect("leads are stored");
    let days = "INSERT INTO lead_days SELECT CASE WHEN i % 10 = 0 THEN $1 ELSE $2 END, date '2000-01-01' + i::int / 20, \
         CASE WHEN i % 400 = 10 THEN $3 ELSE gen_random_uuid() END, 'web', 1, 0, 0 FROM generate_series(1, $4) AS i";
    let days = sqlx::query(days).bind(company.as_uuid()).bind(others.as_uuid()).bind(agent).bind(CALLS);
    days.execute(&mut *connection).await.expect("figures are stored");
    let totals = "INSERT INTO lead_totals SELECT company_id, 0, count(*) FROM leads GROUP BY company_id; \
         INSERT INTO agent_leads SELECT assigned_to, company_id, count(*), count(*) FILTER (WHERE status = 'interested'), 0 \
         FROM leads WHERE assigned_to IS NOT NULL GROUP BY 1, 2";
    connection.execute(sqlx::raw_sql(totals)).await.expect("totals are stored");
    connection
        .execute("VACUUM (ANALYZE) leads, lead_words, lead_days, agent_leads")
        .await
        .expect("statistics are gathered");
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_and_their_figures_are_found_by_their_index() {
    let database = Database::fresh().await;
    drop(database.store().await);
    let rows = Rows::default();
    let (company, others): (CompanyId, CompanyId) = (rows.id(), rows.id());
    let agent: Uuid = rows.id::<()>().as_uuid();
    let mut connection = database.connection().await;
    fill_leads(&mut connection, company, others, agent).await;
    let scope = Scope::Company(company);
    let page = Page { offset: 0, limit: 50 };
    let all = LeadFilter::default;

    // A page costs the page, whatever the length of the list.
    expect_index!(connection, scope, "leads_by_company", 50, |repo| repo.leads(&all(), page));
    let hot = LeadFilter { quality: "hot".parse().ok(), ..all() };
    expect_index!(connection, scope, "leads_by_company", 50, |repo| repo.newest_leads(&hot, 50));
    let interested = LeadFilter { status: "interested".parse().ok(), ..all() };
    expect_index!(connection, scope, "leads_by_status", 200, |repo| repo.leads(&interested, page));
    let own = LeadFilter { agent: Some(Id::from_uuid(agent)), ..all() };
    expect_index!(connection, scope, "leads_by_assignee", 200, |repo| repo.leads(&own, page));
    let hour = LeadFilter { from: Some(now()), to: Some(now() + chrono::TimeDelta::hours(1)), ..all() };
    expect_index!(connection, scope, "leads_by_creation", 200, |repo| repo.leads(&hour, page));
    let named = LeadFilter { search: Search::parse("1990", "US".parse().unwrap()).unwrap(), ..all() };
    expect_index!(connection, scope, "lead_words_pkey", 50, |repo| repo.leads(&named, page));
    expect_index!(connection, scope, "leads_by_company", 20, |repo| repo.leads(&named, page));
    let phone = E164::from_stored("+120220000").unwrap();
    expect_index!(connection, scope, "leads_by_phone", 1, |repo| repo.leads_by_contact(Some(&phone), None));
    expect_index!(connection, scope, "leads_by_email", 1, |repo| repo.leads_by_contact(None, Some("20@x")));

    // The routing finds the few that are due, and the few whose owner is gone.
    expect_index!(connection, Scope::System, "leads_due", 50, |repo| repo.leads_to_route(now(), 10));
    let before = now() - chrono::TimeDelta::days(1);
    expect_index!(connection, scope, "leads_by_assignee", 600, |repo| repo.leads_to_route(before, 10));

    let (from, to) = ("2000-02-01".parse().unwrap(), "2000-02-03".parse().unwrap());
    expect_index!(connection, scope, "lead_days_pkey", 100, |repo| repo.lead_days(from, to, None));
    let user = Some(Id::from_uuid(agent));
    let to = "2002-12-31".parse().unwrap();
    expect_index!(connection, scope, "lead_days_by_user", 100, |repo| repo.lead_days(from, to, user));
}
