//! Rows to store.

use chrono::{DateTime, Utc};
use dialplane_core::call::{Call, Direction, NewCall};
use dialplane_core::company::Company;
use dialplane_core::event::{Envelope, Event};
use dialplane_core::id::{CompanyId, Id, IdSource, SystemIds, UserId};
use dialplane_core::people::{NewUser, PasswordHash, Role, User};
use dialplane_core::phone::{Assignment, Capabilities, E164, NumberStatus, PhoneNumber};
use dialplane_core::scope::{ActorName, Scope};
use dialplane_core::store::{Access, Store};

/// Makes rows with ids that grow.
#[derive(Default)]
pub struct Rows(SystemIds);

/// When everything happens.
pub fn now() -> DateTime<Utc> {
    "2026-03-01T08:30:00.123456Z".parse().expect("an instant")
}

impl Rows {
    pub fn id<K>(&self) -> Id<K> {
        (&self.0 as &dyn IdSource).id(now())
    }

    pub fn company(&self) -> Company {
        Company {
            id: self.id(),
            name: "Acme".to_owned(),
            timezone: "Europe/Berlin".parse().expect("a zone"),
            default_country: "DE".parse().expect("a country"),
            is_active: true,
            version: 1,
            created_at: now(),
            updated_at: now(),
        }
    }

    pub fn user(&self, company: CompanyId, email: &str) -> User {
        let new = NewUser {
            name: "Ann Example".to_owned(),
            email: email.to_owned(),
            password: PasswordHash::from_stored("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA".to_owned()),
            initials: None,
            role: Role::Agent,
            phone: None,
            country_code: None,
            department: None,
            reporting_to: None,
        };
        User::register(self.id(), company, new, now()).expect("a user")
    }

    pub fn number(&self, company: CompanyId, text: &str) -> PhoneNumber {
        PhoneNumber {
            id: self.id(),
            company,
            number: E164::from_stored(text).expect("a number"),
            raw: text.to_owned(),
            provider: "manual".to_owned(),
            country: "US".parse().expect("a country"),
            capabilities: Capabilities::default(),
            status: NumberStatus::Active,
            version: 1,
            created_at: now(),
            updated_at: now(),
        }
    }

    pub fn assignment(&self, number: &PhoneNumber, agent: UserId, daily_limit: u32) -> Assignment {
        Assignment {
            id: self.id(),
            company: number.company,
            number: number.id,
            agent,
            daily_limit,
            allowed_countries: Vec::new(),
            day: now().date_naive(),
            used: 0,
            last_used_at: None,
            version: 1,
            created_at: now(),
            updated_at: now(),
        }
    }

    pub fn call(&self, company: CompanyId) -> Call {
        Call::begin(NewCall {
            id: self.id(),
            company,
            direction: Direction::Outbound,
            from: "+12025550101".into(),
            to: "+12025550123".into(),
            agent: None,
            number: None,
            trunk: None,
            lead: None,
            node: None,
            at: now(),
        })
    }

    pub fn event(&self, company: CompanyId) -> Envelope {
        let event = Event::CompanyUpdated {};
        Envelope { id: self.id(), company, seq: 0, at: now(), actor: ActorName::System, version: Event::VERSION, event }
    }

    /// Stores a company with a number that an agent may call with `limit` times a day.
    pub async fn assigned(&self, store: &dyn Store, limit: u32) -> Assignment {
        let company = self.company();
        let number = self.number(company.id, "+12025550101");
        let assignment = self.assignment(&number, self.id(), limit);
        let mut tx = store.begin(Scope::System, Access::Write).await.expect("a unit of work begins");
        tx.insert_company(&company).await.expect("the company is stored");
        tx.insert_number(&number).await.expect("the number is stored");
        tx.insert_assignment(&assignment).await.expect("the assignment is stored");
        tx.commit().await.expect("the unit of work ends");
        assignment
    }
}
