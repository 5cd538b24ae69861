//! An application with tables of its own: its row and a command of the engine commit together, or neither does.

#![allow(clippy::print_stdout)]

use dialplane_core::command::company::CreateCompany;
use dialplane_core::command::number::{AddNumber, AssignNumber, ConsumeAllowance};
use dialplane_core::command::people::RegisterUser;
use dialplane_core::people::password::{Argon2Hasher, PasswordHasher as _};
use dialplane_core::people::{NewUser, Role};
use dialplane_core::phone::inventory::NewNumber;
use dialplane_core::phone::rotation::Rotation;
use dialplane_core::{Actor, Engine};
use dialplane_storage_sqlite::{SqliteRepo, SqliteStore};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;

type AnyError = Box<dyn std::error::Error>;

/// Notes the deal and takes the call it needs out of the agent's allowance.
async fn note_deal(
    engine: &Engine,
    own: &mut SqliteConnection,
    host: &Actor,
    call: &ConsumeAllowance,
    title: &str,
) -> Result<u32, AnyError> {
    // A write transaction from the start: one that begins by reading can fail half-way when somebody else writes.
    let mut tx = own.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("INSERT INTO deal (title) VALUES (?)").bind(title).execute(&mut *tx).await?;
    // The repository borrows the connection for this one command.
    let allowed = engine.execute_in(&mut SqliteRepo::join(&mut tx, host.scope()), host, call).await?;
    tx.commit().await?;
    Ok(allowed.remaining)
    // On every way out with an error the transaction is dropped, which undoes the row and the command.
}

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("application.db")).await?;
    let mut own = store.connect().await?;
    sqlx::query("CREATE TABLE deal (title TEXT NOT NULL)").execute(&mut own).await?;
    let engine = Engine::new(store);

    let new = CreateCompany { name: "Acme".into(), timezone: "America/New_York".into(), country: "US".into() };
    let company = engine.execute(&Actor::system(), &new).await?;
    let host = Actor::host(company.id);
    let password = Argon2Hasher::new().hash("correct horse battery");
    let new = NewUser::new("Grace Hopper", "grace@acme.example", password, Role::Agent);
    let agent = engine.execute(&host, &RegisterUser { new, open: false }).await?.id;
    let new = NewNumber { number: "(202) 555-0123".into(), ..NewNumber::default() };
    let number = engine.execute(&host, &AddNumber { new }).await?.id;
    engine.execute(&host, &AssignNumber { number, agent, daily_limit: 2, countries: Vec::new() }).await?;

    let call = ConsumeAllowance { agent, to: "(202) 555-0199".into(), rotation: Rotation::LeastUsed };
    for title in ["Rotary phones", "Patch cords", "A switchboard"] {
        match note_deal(&engine, &mut own, &host, &call, title).await {
            Ok(remaining) => println!("{title}: noted, {remaining} calls left today"),
            Err(error) => println!("{title}: not noted, {error}"),
        }
    }

    let deals: i64 = sqlx::query_scalar("SELECT count(*) FROM deal").fetch_one(&mut own).await?;
    let mut unit = engine.read(&host).await?;
    let row = unit.number(number).await?.ok_or("the number is gone")?;
    let used = row.assignment.map_or(0, |assignment| assignment.used);
    println!(
        "{deals} deals in the application's table, {used} calls in the engine's: the third left nothing in either"
    );
    assert_eq!((deals, used), (2, 2));

    println!(
        "\nTry next: take the limit to 3, or fail after execute_in and see the count stay, or `--example custom_store`."
    );
    Ok(())
}
