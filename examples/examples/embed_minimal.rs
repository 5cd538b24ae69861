//! The smallest useful embedding: an agent may call with one number twice a day, counted in SQLite.

#![allow(clippy::print_stdout)]

use dialplane_core::command::company::CreateCompany;
use dialplane_core::command::number::{AddNumber, AssignNumber, ConsumeAllowance};
use dialplane_core::command::people::RegisterUser;
use dialplane_core::people::password::{Argon2Hasher, PasswordHasher as _};
use dialplane_core::people::{NewUser, Role};
use dialplane_core::phone::inventory::NewNumber;
use dialplane_core::phone::rotation::Rotation;
use dialplane_core::{Actor, Engine};
use dialplane_storage_sqlite::SqliteStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let engine = Engine::new(SqliteStore::open(folder.path().join("dialplane.db")).await?);

    let new = CreateCompany { name: "Acme".into(), timezone: "Europe/Berlin".into(), country: "DE".into() };
    let company = engine.execute(&Actor::system(), &new).await?;
    let host = Actor::host(company.id);

    let password = Argon2Hasher::new().hash("correct horse battery");
    let new = NewUser::new("Ada Lovelace", "ada@acme.example", password, Role::Agent);
    let agent = engine.execute(&host, &RegisterUser { new, open: false }).await?.id;
    let new = NewNumber { number: "030 12345678".into(), ..NewNumber::default() };
    let number = engine.execute(&host, &AddNumber { new }).await?.id;
    engine.execute(&host, &AssignNumber { number, agent, daily_limit: 2, countries: vec!["DE".into()] }).await?;

    for to in ["089 1234567", "+1 202 555 0123", "089 1234567", "089 1234567"] {
        let call = ConsumeAllowance { agent, to: to.into(), rotation: Rotation::LeastUsed };
        match engine.execute(&host, &call).await {
            Ok(allowed) => {
                println!("{to}: call with {}, {} left today", allowed.number.number.as_str(), allowed.remaining);
            }
            Err(failure) => println!("{to}: refused, {failure}"),
        }
    }

    println!("\nTry next: a second number for the agent and Rotation::LocalPresence, or `--example host_transaction`.");
    Ok(())
}
