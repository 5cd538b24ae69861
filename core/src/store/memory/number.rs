//! Phone numbers, their assignments and their usage in memory.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;

use super::unit::{Unit, unless_taken};
use crate::id::{AssignmentId, NumberId, UserId};
use crate::phone::{Assignment, E164, NumberUsage, PhoneNumber};
use crate::store::{AssignmentStore, Listing, NumberFilter, NumberRow, NumberStore, Page, StoreError};

/// Rows of [`AssignmentStore::usage`], at most.
const USAGE_MAX: usize = 10_000;

#[async_trait]
impl NumberStore for Unit<'_> {
    async fn insert_number(&mut self, number: &PhoneNumber) -> Result<(), StoreError> {
        self.admits(number)?;
        unless_taken::<PhoneNumber>(self.state().numbers.contains(&number.id), "id")?;
        unless_taken::<PhoneNumber>(self.state().number_texts.contains(&number.number), "number")?;
        let state = self.change()?;
        state.number_texts.insert(number.number.clone(), number.id);
        state.numbers.insert(number.id, Arc::new(number.clone()));
        Ok(())
    }

    async fn update_number(&mut self, number: &PhoneNumber) -> Result<(), StoreError> {
        let stored = Arc::clone(self.follows(self.state().numbers.get(&number.id), number)?);
        let owner = self.state().number_texts.get(&number.number);
        unless_taken::<PhoneNumber>(owner.is_some_and(|owner| *owner != number.id), "number")?;
        let state = self.change()?;
        state.number_texts.remove(&stored.number);
        state.number_texts.insert(number.number.clone(), number.id);
        state.numbers.insert(number.id, Arc::new(number.clone()));
        Ok(())
    }

    async fn delete_number(&mut self, id: NumberId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(number) = self.visible(self.state().numbers.get(&id)) else { return Ok(false) };
        if self.state().assignments.contains(&id) {
            return Err(StoreError::InUse { entity: "phone_number" });
        }
        let state = self.change()?;
        state.numbers.remove(&id);
        state.number_texts.remove(&number.number);
        Ok(true)
    }

    async fn number(&mut self, id: NumberId) -> Result<Option<NumberRow>, StoreError> {
        Ok(self.visible(self.state().numbers.get(&id)).map(|number| self.row(number)))
    }

    async fn taken_numbers(&mut self, numbers: &[E164]) -> Result<Vec<E164>, StoreError> {
        Ok(numbers.iter().filter(|number| self.state().number_texts.contains(number)).cloned().collect())
    }

    async fn numbers(&mut self, filter: &NumberFilter, page: Page) -> Result<Listing<NumberRow>, StoreError> {
        let picked = self.listing(self.state().numbers.values().rev(), page, |number| {
            matches(filter, number, self.state().assignments.get(&number.id).map(|assignment| &**assignment))
        });
        let items = picked.items.into_iter().map(|number| self.row(number)).collect();
        Ok(Listing { items, total: picked.total })
    }
}

fn matches(filter: &NumberFilter, number: &PhoneNumber, assignment: Option<&Assignment>) -> bool {
    filter.status.is_none_or(|status| number.status == status)
        && filter.assigned.is_none_or(|assigned| assignment.is_some() == assigned)
        && filter.country.is_none_or(|country| number.country == country)
        && filter.provider.as_ref().is_none_or(|provider| number.provider == *provider)
        && filter.agent.is_none_or(|agent| assignment.is_some_and(|assignment| assignment.agent == agent))
}

impl Unit<'_> {
    fn row(&self, number: PhoneNumber) -> NumberRow {
        let assignment = self.visible(self.state().assignments.get(&number.id));
        NumberRow { number, assignment }
    }
}

#[async_trait]
impl AssignmentStore for Unit<'_> {
    async fn insert_assignment(&mut self, assignment: &Assignment) -> Result<(), StoreError> {
        self.admits(assignment)?;
        unless_taken::<Assignment>(self.state().assignment_ids.contains(&assignment.id), "id")?;
        unless_taken::<Assignment>(self.state().assignments.contains(&assignment.number), "number")?;
        let state = self.change()?;
        state.assignment_ids.insert(assignment.id, assignment.number);
        state.agent_assignments.insert((assignment.agent, assignment.id), assignment.number);
        state.assignments.insert(assignment.number, Arc::new(assignment.clone()));
        Ok(())
    }

    async fn update_assignment(&mut self, assignment: &Assignment) -> Result<(), StoreError> {
        let stored = self.state().assignments.get(&assignment.number).filter(|stored| stored.id == assignment.id);
        let stored = Assignment::clone(self.follows(stored, assignment)?);
        let settings = Assignment {
            daily_limit: assignment.daily_limit,
            allowed_countries: assignment.allowed_countries.clone(),
            version: assignment.version,
            updated_at: assignment.updated_at,
            ..stored
        };
        self.change()?.assignments.insert(settings.number, Arc::new(settings));
        Ok(())
    }

    async fn delete_assignment(&mut self, number: NumberId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(assignment) = self.visible(self.state().assignments.get(&number)) else { return Ok(false) };
        let state = self.change()?;
        state.assignments.remove(&number);
        state.assignment_ids.remove(&assignment.id);
        state.agent_assignments.remove(&(assignment.agent, assignment.id));
        Ok(true)
    }

    async fn assignment_for_update(&mut self, number: NumberId) -> Result<Option<Assignment>, StoreError> {
        self.may_write()?;
        Ok(self.visible(self.state().assignments.get(&number)))
    }

    async fn agent_numbers_for_update(&mut self, agent: UserId) -> Result<Vec<NumberRow>, StoreError> {
        self.may_write()?;
        let first = (agent, AssignmentId::from_uuid(uuid::Uuid::nil()));
        let own = self.state().agent_assignments.from(&first).take_while(|((own, _), _)| *own == agent);
        let numbers = own.filter_map(|(_, number)| self.visible(self.state().numbers.get(number)));
        Ok(numbers.map(|number| self.row(number)).collect())
    }

    async fn record_use(&mut self, assignment: &Assignment) -> Result<(), StoreError> {
        self.may_write()?;
        let stored = self.state().assignments.get(&assignment.number).filter(|stored| stored.id == assignment.id);
        let stored = self.visible(stored).ok_or(StoreError::Stale)?;
        let key = (assignment.day, stored.number, stored.agent);
        let calls = self.state().usage.get(&key).map_or(0, |(_, calls)| *calls);
        let counted =
            Assignment { day: assignment.day, used: assignment.used, last_used_at: assignment.last_used_at, ..stored };
        let state = self.change()?;
        state.usage.insert(key, (counted.company, calls.saturating_add(1)));
        state.assignments.insert(counted.number, Arc::new(counted));
        Ok(())
    }

    async fn reset_counts(&mut self, today: NaiveDate) -> Result<u64, StoreError> {
        let counted: Vec<Assignment> = self
            .state()
            .assignments
            .values()
            .filter(|assignment| self.sees(assignment.company) && assignment.used > 0)
            .map(|assignment| Assignment::clone(assignment))
            .collect();
        let state = self.change()?;
        let count = counted.len() as u64;
        for assignment in counted {
            state.assignments.insert(assignment.number, Arc::new(assignment.reset(today)));
        }
        Ok(count)
    }

    async fn usage(
        &mut self,
        agent: Option<UserId>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<NumberUsage>, StoreError> {
        let first = (from, NumberId::from_uuid(uuid::Uuid::nil()), UserId::from_uuid(uuid::Uuid::nil()));
        let mut usage: Vec<NumberUsage> = self
            .state()
            .usage
            .from(&first)
            .take_while(|((day, ..), _)| *day <= to)
            .filter(|((.., by), (company, _))| self.sees(*company) && agent.is_none_or(|agent| agent == *by))
            .map(|((day, number, agent), (_, calls))| NumberUsage {
                number: *number,
                agent: *agent,
                day: *day,
                calls: *calls,
            })
            .collect();
        // Stable: within a day the order by number and agent stays.
        usage.sort_by_key(|usage| std::cmp::Reverse(usage.day));
        usage.truncate(USAGE_MAX);
        Ok(usage)
    }
}
