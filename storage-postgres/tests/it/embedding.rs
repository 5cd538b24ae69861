//! The engine inside a transaction of the embedding application.

use async_trait::async_trait;
use dialplane_core::company::Company;
use dialplane_core::engine::{Command, Context, Engine};
use dialplane_core::error::Failure;
use dialplane_core::event::Event;
use dialplane_core::scope::{Actor, Permission, Scope};
use dialplane_core::store::{Access, Repo, Store};
use dialplane_storage_postgres::{PgRepo, PostgresStore};
use sqlx::Executor;

use crate::database::Database;
use crate::rows::Rows;

struct Found(Company);

#[async_trait]
impl Command for Found {
    type Output = ();
    type Refused = std::convert::Infallible;
    const NAME: &'static str = "found_company";

    fn permission(&self) -> Permission {
        Permission::Platform
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<Self::Refused>> {
        repo.insert_company(&self.0).await.map_err(Failure::Store)?;
        cx.emit(self.0.id, Event::CompanyCreated {});
        Ok(())
    }
}

async fn orders(store: &PostgresStore) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(store.pool()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_commits_with_the_applications_own_changes_or_not_at_all() {
    let database = Database::fresh().await;
    let store = database.store().await;
    store.pool().execute("CREATE TABLE orders (id BIGINT PRIMARY KEY)").await.unwrap();
    let engine = Engine::new(store.clone());
    let actor = Actor::system();
    let command = Found(Rows::default().company());
    for keep in [false, true] {
        let mut transaction = store.pool().begin().await.unwrap();
        transaction.execute("INSERT INTO orders VALUES (1)").await.unwrap();
        let mut repo = PgRepo::join(&mut transaction, actor.scope());
        engine.execute_in(&mut repo, &actor, &command).await.unwrap();
        if keep {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
        let mut tx = store.begin(Scope::System, Access::Read).await.unwrap();
        assert_eq!(tx.company(command.0.id).await.unwrap().is_some(), keep);
        assert_eq!(tx.events_after(0, 10).await.unwrap().len(), usize::from(keep));
        assert_eq!(orders(&store).await, i64::from(keep));
    }
}
