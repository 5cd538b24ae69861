//! The migrations. They are embedded and forward only; a released one is never changed: its checksum is in the database.

/// Version, name and text, oldest first.
pub(crate) const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "initial", include_str!("../migrations/0001_initial.sql")),
    (2, "clients", include_str!("../migrations/0002_clients.sql")),
    (3, "leads", include_str!("../migrations/0003_leads.sql")),
    (4, "call_days", include_str!("../migrations/0004_call_days.sql")),
    (5, "requests_and_audit", include_str!("../migrations/0005_requests_and_audit.sql")),
    (7, "jobs", include_str!("../migrations/0007_jobs.sql")),
    (8, "reports", include_str!("../migrations/0008_reports.sql")),
    (9, "carriers", include_str!("../migrations/0009_carriers.sql")),
    (10, "meta", include_str!("../migrations/0010_meta.sql")),
    (11, "lead_words", include_str!("../migrations/0011_lead_words.sql")),
    (12, "twilio", include_str!("../migrations/0012_twilio.sql")),
    (13, "call_spans", include_str!("../migrations/0013_call_spans.sql")),
    (14, "flows", include_str!("../migrations/0014_flows.sql")),
    (15, "agents", include_str!("../migrations/0015_agents.sql")),
    (17, "offers", include_str!("../migrations/0017_offers.sql")),
    (18, "callbacks", include_str!("../migrations/0018_callbacks.sql")),
    (19, "queue_visits", include_str!("../migrations/0019_queue_visits.sql")),
];
