//! Rows and commands that the tests have in common.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::Failure;
use dialplane_core::engine::{Command, Context};
use dialplane_core::event::{Envelope, Event};
use dialplane_core::id::{CompanyId, EventId, IdSource, NumberId, SystemIds, UserId};
use dialplane_core::phone::{Assignment, Capabilities, E164, NumberStatus, PhoneNumber};
use dialplane_core::scope::{ActorName, Permission, Scope};
use dialplane_core::store::{Access, Repo, Store, StoreError};
use uuid::Uuid;

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_767_225_600_000_000).expect("an instant")
}

pub(crate) fn company() -> CompanyId {
    CompanyId::from_uuid(Uuid::from_u128(1))
}

/// An event by its number.
pub(crate) fn event(number: u128) -> Envelope {
    Envelope {
        id: EventId::from_uuid(Uuid::from_u128(number)),
        company: company(),
        seq: 0,
        at: now(),
        actor: ActorName::System,
        version: Event::VERSION,
        event: Event::CompanyUpdated {},
    }
}

/// The ids of all events that are stored.
pub(crate) async fn events(store: &dyn Store) -> Vec<u128> {
    let mut tx = store.begin(Scope::System, Access::Read).await.expect("reading");
    let events = tx.events_after(0, u32::MAX).await.expect("events");
    events.iter().map(|event| event.id.as_uuid().as_u128()).collect()
}

/// Stores an event in a unit of work of its own.
pub(crate) async fn store_event(store: &dyn Store, number: u128) -> Result<(), StoreError> {
    let mut tx = store.begin(Scope::Company(company()), Access::Write).await?;
    tx.append_events(&[event(number)]).await?;
    tx.commit().await
}

/// Gives an agent a number with a limit.
pub(crate) async fn assign(store: &dyn Store, limit: u32) -> (NumberId, UserId) {
    let ids: &dyn IdSource = &SystemIds::default();
    let (id, agent) = (ids.id(now()), ids.id(now()));
    let mut tx = store.begin(Scope::System, Access::Write).await.expect("writing");
    let number = PhoneNumber {
        id,
        company: company(),
        number: E164::from_stored("+12025550123").expect("a number"),
        raw: String::new(),
        provider: "manual".to_owned(),
        country: "US".parse().expect("a country"),
        capabilities: Capabilities::default(),
        status: NumberStatus::Active,
        version: 1,
        created_at: now(),
        updated_at: now(),
    };
    tx.insert_number(&number).await.expect("a number");
    let assignment = Assignment {
        id: ids.id(now()),
        company: company(),
        number: id,
        agent,
        daily_limit: limit,
        allowed_countries: Vec::new(),
        day: now().date_naive(),
        used: 0,
        last_used_at: None,
        version: 1,
        created_at: now(),
        updated_at: now(),
    };
    tx.insert_assignment(&assignment).await.expect("an assignment");
    tx.commit().await.expect("a commit");
    (id, agent)
}

/// How often the number was used.
pub(crate) async fn used(store: &dyn Store, number: NumberId) -> u32 {
    let mut tx = store.begin(Scope::System, Access::Read).await.expect("reading");
    let row = tx.number(number).await.expect("a row").expect("the number");
    row.assignment.expect("the assignment").used
}

/// Counts one use against the limit: reads, decides, writes.
pub(crate) struct Reserve(pub(crate) NumberId);

#[async_trait]
impl Command for Reserve {
    type Output = bool;
    type Refused = std::convert::Infallible;
    const NAME: &'static str = "reserve";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<bool, Failure<Self::Refused>> {
        let assignment = repo.assignment_for_update(self.0).await?.ok_or(StoreError::Stale)?;
        if assignment.used >= assignment.daily_limit {
            return Ok(false);
        }
        repo.record_use(&Assignment { used: assignment.used + 1, last_used_at: Some(cx.now()), ..assignment }).await?;
        cx.emit(company(), Event::CompanyUpdated {});
        Ok(true)
    }
}
