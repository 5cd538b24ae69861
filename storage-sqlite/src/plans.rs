//! What SQLite makes of the statements that run often: every table is reached by an index, whatever the scope.

use dialplane_core::id::{CompanyId, UserId};
use dialplane_core::scope::Scope;
use dialplane_core::store::Page;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Execute as _, Row as _};
use uuid::Uuid;

use crate::pool::{Options, open_writer};
use crate::statement::{Filter, Scoped};
use crate::{assignment, call, caller, carrier, meta, number, outbox, recording, session, twilio, user};

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

/// Steps that go through a whole table or sort one. `json_each` is the list that was bound, and the two partial indexes hold
/// only what is looked for.
fn slow(steps: &[String]) -> Vec<&String> {
    let fine = ["SCAN json_each", "USING INDEX calls_open", "USING INDEX outbox_waiting"];
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
    let scoped: [(&str, &Scoped); 21] = [
        ("user", &user::ONE),
        ("user by e-mail", &user::BY_EMAIL),
        ("caller", &caller::ONE),
        ("session by token", &session::BY_TOKEN),
        ("number", &number::ONE),
        ("assignment", &assignment::ONE),
        ("numbers of an agent", &assignment::OF_AGENT),
        ("count of a use", &assignment::RECORD_USE),
        ("call", &call::ONE),
        ("open calls", &call::OPEN),
        ("open calls of a node", &call::OPEN_OF),
        ("timeline", &call::EVENTS),
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
    let steps = plans(&mut connection, number::TAKEN).await;
    assert_eq!(slow(&steps), Vec::<&String>::new(), "taken numbers: {steps:#?}");
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
        let mut rows = Filter::of(scope, "company_id");
        rows.id("agent_id = ", agent);
        let text = rows.listing("calls", "id, legs", "id", Page::FIRST).sql();
        let steps = plans(&mut connection, text.as_str()).await;
        // The count goes through an index of all that is counted; the page is read from the end of one.
        let sorted = steps.iter().any(|step| step.contains("TEMP B-TREE") || step == "SCAN calls");
        assert!(!sorted, "{name}: {steps:#?}");
    }
}
