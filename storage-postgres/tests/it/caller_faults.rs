//! What a fault of the caller records does to everything else.

use dialplane_core::command::people::{RegisterUser, SyncCallers, SyncReport};
use dialplane_core::command::setup::SetUp;
use dialplane_core::people::{NewUser, PasswordHash, Role};
use dialplane_core::{Actor, Engine};

use crate::database::Database;

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_caller_records_does_not_lose_the_user_and_the_next_sync_repairs_it() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let mut connection = database.connection().await;
    let engine = Engine::new(store);
    let set_up = SetUp {
        company_name: "Acme".to_owned(),
        timezone: "UTC".to_owned(),
        country: "US".to_owned(),
        admin: person("ada@example.com", Role::Admin),
    };
    let (company, _) = engine.execute(&Actor::system(), &set_up).await.unwrap();
    let host = Actor::host(company.id);
    sqlx::query("ALTER TABLE callers RENAME TO callers_away").execute(&mut connection).await.unwrap();
    let register = RegisterUser { new: person("ann@example.com", Role::Agent), open: false };
    let agent = engine.execute(&host, &register).await.unwrap();
    assert!(engine.read(&host).await.unwrap().user(agent.id).await.unwrap().is_some());
    sqlx::query("ALTER TABLE callers_away RENAME TO callers").execute(&mut connection).await.unwrap();
    let report = engine.execute(&host, &SyncCallers).await.unwrap();
    assert_eq!(report, SyncReport { created: 1, deleted: 0 });
}

fn person(email: &str, role: Role) -> NewUser {
    NewUser::new("A Person", email, PasswordHash::from_stored("not a hash".to_owned()), role)
}
