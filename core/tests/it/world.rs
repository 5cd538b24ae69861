//! A company to try commands in.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use dialplane_core::clock::ManualClock;
use dialplane_core::command::number::{AddNumber, AssignNumber};
use dialplane_core::command::people::RegisterUser;
use dialplane_core::command::setup::SetUp;
use dialplane_core::company::Company;
use dialplane_core::id::{NumberId, SeededIds, UserId};
use dialplane_core::people::{NewUser, PasswordHash, Role, User};
use dialplane_core::phone::inventory::NewNumber;
use dialplane_core::store::memory::MemoryStore;
use dialplane_core::{Actor, Command, Engine, Failure};

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) company: Company,
    pub(crate) admin: Actor,
}

pub(crate) fn person(name: &str, email: &str, role: Role) -> NewUser {
    NewUser::new(name, email, PasswordHash::from_stored("not a hash".to_owned()), role)
}

pub(crate) fn start() -> DateTime<Utc> {
    "2026-06-01T10:00:00Z".parse().unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(start()));
        let ids = Arc::new(SeededIds::new(1));
        let engine = Engine::new(MemoryStore::new()).with_clock(clock.clone()).with_ids(ids);
        let set_up = SetUp {
            company_name: "Acme".to_owned(),
            timezone: "Europe/Berlin".to_owned(),
            country: "US".to_owned(),
            admin: person("Ada Admin", "ada@example.com", Role::Admin),
        };
        let (company, admin) = engine.execute(&Actor::system(), &set_up).await.unwrap();
        let admin = Actor::user(admin.id, company.id, admin.role.kind(), admin.is_platform);
        Self { engine, clock, company, admin }
    }

    pub(crate) async fn user(&self, name: &str, email: &str, role: Role) -> User {
        let command = RegisterUser { new: person(name, email, role), open: false };
        self.engine.execute(&self.admin, &command).await.unwrap()
    }

    /// An agent with a number of their own, by its last digits.
    pub(crate) async fn agent_with_number(&self, number: &str, daily_limit: u32) -> (UserId, NumberId) {
        let agent = self.user("Ann Agent", &format!("{number}@example.com"), Role::Agent).await;
        let new = NewNumber { number: format!("+1202555{number}"), ..NewNumber::default() };
        let number = self.engine.execute(&self.admin, &AddNumber { new }).await.unwrap();
        let assign = AssignNumber { number: number.id, agent: agent.id, daily_limit, countries: Vec::new() };
        self.engine.execute(&self.admin, &assign).await.unwrap();
        (agent.id, number.id)
    }

    /// Executes a command of the administrator.
    pub(crate) async fn run<C: Command>(&self, command: C) -> C::Output
    where
        C::Refused: std::fmt::Debug + std::fmt::Display,
    {
        self.engine.execute(&self.admin, &command).await.unwrap()
    }

    /// Why a command of the administrator is refused.
    pub(crate) async fn refused<C: Command>(&self, command: C) -> C::Refused
    where
        C::Refused: std::fmt::Debug + std::fmt::Display,
    {
        match self.engine.execute(&self.admin, &command).await {
            Err(Failure::Refused(refused)) => refused,
            Err(other) => panic!("expected a refusal, got {other}"),
            Ok(_) => panic!("expected a refusal"),
        }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    pub(crate) fn as_user(&self, user: &User) -> Actor {
        Actor::user(user.id, self.company.id, user.role.kind(), user.is_platform)
    }
}
