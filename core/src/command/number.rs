//! Phone numbers: the inventory, assignments and the allowance.

use async_trait::async_trait;

use super::{company_of, fresh, on_duplicate, own_company};
use crate::company::local_day;
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::id::{NumberId, UserId};
use crate::people::User;
use crate::phone::E164;
use crate::phone::allowance::{AllowanceRefused, Assignment, AssignmentRefused, countries, daily_limit};
use crate::phone::import::Upload;
use crate::phone::inventory::{Capabilities, NewNumber, NumberRefused, NumberStatus, PhoneNumber, country, provider};
use crate::phone::rotation::{Candidate, Rotation, consume};
use crate::scope::Permission;
use crate::store::{NumberRow, Repo, StoreError};

/// Adds a number to the inventory.
#[derive(Debug, Clone)]
pub struct AddNumber {
    /// What was typed.
    pub new: NewNumber,
}

#[async_trait]
impl Command for AddNumber {
    type Output = PhoneNumber;
    type Refused = NumberRefused;
    const NAME: &'static str = "add_number";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<PhoneNumber, Failure<NumberRefused>> {
        let company = own_company(cx, repo).await?;
        let number = PhoneNumber::read(cx.id(), company.id, &self.new, company.default_country, cx.now())?;
        on_duplicate(repo.insert_number(&number).await, "number", NumberRefused::Duplicate)?;
        cx.emit(company.id, Event::NumbersAdded { numbers: vec![number.id] });
        Ok(number)
    }
}

/// Adds the good lines of an upload; numbers that are taken already are skipped.
#[derive(Debug, Clone)]
pub struct ImportNumbers {
    /// What was read.
    pub upload: Upload,
}

/// What an upload did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportReport {
    /// Numbers added.
    pub created: u32,
    /// Numbers that were there already, in the inventory or earlier in the upload.
    pub skipped: u32,
}

#[async_trait]
impl Command for ImportNumbers {
    type Output = ImportReport;
    type Refused = NumberRefused;
    const NAME: &'static str = "import_numbers";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<ImportReport, Failure<NumberRefused>> {
        let company = own_company(cx, repo).await?;
        let all: Vec<E164> = self.upload.lines.iter().map(|line| line.number.clone()).collect();
        let mut taken = repo.taken_numbers(&all).await?;
        taken.sort_unstable();
        let repeated = u32::try_from(self.upload.repeated).unwrap_or(u32::MAX);
        let mut report = ImportReport { created: 0, skipped: repeated };
        let mut added = Vec::new();
        for line in &self.upload.lines {
            if taken.binary_search(&line.number).is_ok() {
                report.skipped += 1;
                continue;
            }
            let number = PhoneNumber::read(cx.id(), company.id, &line.new, company.default_country, cx.now())?;
            // Somebody may add the same number between the look and the write.
            match repo.insert_number(&number).await {
                Ok(()) => added.push(number.id),
                Err(StoreError::Duplicate { constraint: "number", .. }) => report.skipped += 1,
                Err(error) => return Err(error.into()),
            }
        }
        report.created = u32::try_from(added.len()).unwrap_or(u32::MAX);
        for numbers in added.chunks(1_000) {
            cx.emit(company.id, Event::NumbersAdded { numbers: numbers.to_vec() });
        }
        Ok(report)
    }
}

/// Changes a number: only what is `Some` changes. The number itself never does.
#[derive(Debug, Clone)]
pub struct UpdateNumber {
    /// Which.
    pub number: NumberId,
    /// A new provider.
    pub provider: Option<String>,
    /// A new country.
    pub country: Option<String>,
    /// New capabilities.
    pub capabilities: Option<Capabilities>,
    /// A new status.
    pub status: Option<NumberStatus>,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for UpdateNumber {
    type Output = NumberRow;
    type Refused = NumberRefused;
    const NAME: &'static str = "update_number";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<NumberRow, Failure<NumberRefused>> {
        let mut row = repo.number(self.number).await?.ok_or(NumberRefused::NotFound)?;
        let number = &mut row.number;
        if !fresh(self.expected_version, number.version) {
            return Err(NumberRefused::Stale.into());
        }
        if let Some(text) = &self.provider {
            number.provider = provider(text)?;
        }
        if let Some(text) = &self.country {
            number.country = country(text)?;
        }
        number.capabilities = self.capabilities.unwrap_or(number.capabilities);
        number.status = self.status.unwrap_or(number.status);
        number.version += 1;
        number.updated_at = cx.now();
        repo.update_number(number).await?;
        cx.emit(number.company, Event::NumberUpdated { number: number.id });
        Ok(row)
    }
}

/// Removes a number that nobody has and no inbound route uses.
#[derive(Debug, Clone, Copy)]
pub struct DeleteNumber {
    /// Which.
    pub number: NumberId,
}

#[async_trait]
impl Command for DeleteNumber {
    type Output = ();
    type Refused = NumberRefused;
    const NAME: &'static str = "delete_number";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<NumberRefused>> {
        let company = company_of(cx)?;
        let row = repo.number(self.number).await?.ok_or(NumberRefused::NotFound)?;
        if repo.inbound_routes().await?.iter().any(|route| route.number == row.number.number) {
            return Err(NumberRefused::Routed.into());
        }
        match repo.delete_number(self.number).await {
            Ok(true) => {
                cx.emit(company, Event::NumberDeleted { number: self.number });
                Ok(())
            }
            Ok(false) => Err(NumberRefused::NotFound.into()),
            Err(StoreError::InUse { .. }) => Err(NumberRefused::Assigned.into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Gives a number to an agent.
#[derive(Debug, Clone)]
pub struct AssignNumber {
    /// Which.
    pub number: NumberId,
    /// To whom.
    pub agent: UserId,
    /// Calls a local day; [`crate::phone::allowance::DAILY_LIMIT_DEFAULT`] when nothing is said.
    pub daily_limit: u32,
    /// Where it may call, by ISO 3166 code; empty means everywhere.
    pub countries: Vec<String>,
}

#[async_trait]
impl Command for AssignNumber {
    type Output = NumberRow;
    type Refused = AssignmentRefused;
    const NAME: &'static str = "assign_number";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<NumberRow, Failure<AssignmentRefused>> {
        let limit = daily_limit(self.daily_limit)?;
        let allowed_countries = countries(&self.countries)?;
        let company = own_company(cx, repo).await?;
        let takes_calls = |user: &User| user.is_active && Permission::TakeCalls.held_by(user.role.kind());
        repo.user_for_update(self.agent).await?.filter(takes_calls).ok_or(AssignmentRefused::NoSuchAgent)?;
        let row = repo.number(self.number).await?.ok_or(AssignmentRefused::NoSuchNumber)?;
        if row.number.status != NumberStatus::Active {
            return Err(AssignmentRefused::NumberInactive.into());
        }
        let assignment = Assignment {
            id: cx.id(),
            company: company.id,
            number: self.number,
            agent: self.agent,
            daily_limit: limit,
            allowed_countries,
            day: local_day(company.timezone, cx.now()),
            used: 0,
            last_used_at: None,
            version: 1,
            created_at: cx.now(),
            updated_at: cx.now(),
        };
        on_duplicate(repo.insert_assignment(&assignment).await, "number", AssignmentRefused::AlreadyAssigned)?;
        cx.emit(company.id, assigned(&assignment));
        Ok(NumberRow { assignment: Some(assignment), ..row })
    }
}

fn assigned(assignment: &Assignment) -> Event {
    Event::NumberAssigned { number: assignment.number, agent: assignment.agent, daily_limit: assignment.daily_limit }
}

/// Takes a number back.
#[derive(Debug, Clone, Copy)]
pub struct UnassignNumber {
    /// Which.
    pub number: NumberId,
}

#[async_trait]
impl Command for UnassignNumber {
    type Output = NumberRow;
    type Refused = AssignmentRefused;
    const NAME: &'static str = "unassign_number";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<NumberRow, Failure<AssignmentRefused>> {
        let row = repo.number(self.number).await?.ok_or(AssignmentRefused::NoSuchNumber)?;
        let held = repo.assignment_for_update(self.number).await?.ok_or(AssignmentRefused::NotAssigned)?;
        repo.delete_assignment(self.number).await?;
        cx.emit(held.company, Event::NumberUnassigned { number: self.number, agent: held.agent });
        Ok(NumberRow { assignment: None, ..row })
    }
}

/// Changes the terms of an assignment: only what is `Some` changes. The day's count stays.
#[derive(Debug, Clone)]
pub struct UpdateAssignment {
    /// The number.
    pub number: NumberId,
    /// A new limit.
    pub daily_limit: Option<u32>,
    /// New countries.
    pub countries: Option<Vec<String>>,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for UpdateAssignment {
    type Output = NumberRow;
    type Refused = AssignmentRefused;
    const NAME: &'static str = "update_assignment";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<NumberRow, Failure<AssignmentRefused>> {
        let row = repo.number(self.number).await?.ok_or(AssignmentRefused::NoSuchNumber)?;
        let mut held = repo.assignment_for_update(self.number).await?.ok_or(AssignmentRefused::NotAssigned)?;
        if !fresh(self.expected_version, held.version) {
            return Err(AssignmentRefused::Stale.into());
        }
        if let Some(limit) = self.daily_limit {
            held.daily_limit = daily_limit(limit)?;
        }
        if let Some(list) = &self.countries {
            held.allowed_countries = countries(list)?;
        }
        held.version += 1;
        held.updated_at = cx.now();
        repo.update_assignment(&held).await?;
        cx.emit(held.company, assigned(&held));
        Ok(NumberRow { assignment: Some(held), ..row })
    }
}

/// Sets the day's counts of the whole company back to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResetDailyCounts;

#[async_trait]
impl Command for ResetDailyCounts {
    type Output = u64;
    type Refused = AssignmentRefused;
    const NAME: &'static str = "reset_daily_counts";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<u64, Failure<AssignmentRefused>> {
        let company = own_company(cx, repo).await?;
        let count = repo.reset_counts(local_day(company.timezone, cx.now())).await?;
        cx.emit(company.id, Event::AllowanceReset { assignments: u32::try_from(count).unwrap_or(u32::MAX) });
        Ok(count)
    }
}

/// Counts one call of an agent against the allowance of one of their numbers.
#[derive(Debug, Clone)]
pub struct ConsumeAllowance {
    /// Who calls.
    pub agent: UserId,
    /// Where to, as it was typed.
    pub to: String,
    /// How the number is chosen.
    pub rotation: Rotation,
}

/// An admitted call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The assignment after counting.
    pub assignment: Assignment,
    /// The number to call with.
    pub number: PhoneNumber,
    /// The destination.
    pub destination: E164,
    /// Calls left on this number today.
    pub remaining: u32,
}

#[async_trait]
impl Command for ConsumeAllowance {
    type Output = Allowed;
    type Refused = AllowanceRefused;
    const NAME: &'static str = "consume_allowance";

    fn permission(&self) -> Permission {
        Permission::TakeCalls
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Allowed, Failure<AllowanceRefused>> {
        if !cx.actor().may_for(self.agent, Permission::ViewAllCalls) {
            return Err(Failure::Denied(Permission::ViewAllCalls));
        }
        let company = own_company(cx, repo).await?;
        let destination = E164::parse(&self.to, company.default_country).map_err(AllowanceRefused::from)?;
        let rows = repo.agent_numbers_for_update(self.agent).await?;
        let candidates: Vec<Candidate> = rows
            .into_iter()
            .filter_map(|row| row.assignment.map(|assignment| Candidate { assignment, number: row.number }))
            .collect();
        if candidates.is_empty() && repo.user(self.agent).await?.is_none() {
            return Err(AllowanceRefused::NoSuchAgent.into());
        }
        let (admitted, number) = consume(self.rotation, candidates, &destination, company.timezone, cx.now())?;
        let assignment = admitted.assignment;
        repo.record_use(&assignment).await?;
        let (used, limit) = (assignment.used, assignment.daily_limit);
        cx.emit(company.id, Event::AllowanceConsumed { number: number.id, agent: self.agent, used, limit });
        Ok(Allowed { assignment, number, destination, remaining: admitted.remaining })
    }
}
