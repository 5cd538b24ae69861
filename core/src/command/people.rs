//! People: registration, changes, removal, and the caller sync rule that goes with each of them.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{company_of, figures, fresh, on_duplicate};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::{Event, TelephonyPart};
use crate::id::UserId;
use crate::people::{Availability, Caller, NewUser, PasswordHash, RoleKind, SyncPlan, User, UserChange, UserRefused};
use crate::phone::InboundTarget;
use crate::queue::{AgentProfile, AgentRefused, AgentSettings};
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// Registers somebody in the actor's company.
#[derive(Debug, Clone)]
pub struct RegisterUser {
    /// Who.
    pub new: NewUser,
    /// Whether they register themself, which makes agents only.
    pub open: bool,
}

#[async_trait]
impl Command for RegisterUser {
    type Output = User;
    type Refused = UserRefused;
    const NAME: &'static str = "register_user";

    fn permission(&self) -> Permission {
        Permission::ManagePeople
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<User, Failure<UserRefused>> {
        let highest = if self.open { RoleKind::Agent } else { cx.actor().role_kind().unwrap_or(RoleKind::Admin) };
        if self.new.role.kind() > highest {
            return Err(UserRefused::AboveOwnRole.into());
        }
        check_supervisor(repo, self.new.reporting_to).await?;
        let user = User::register(cx.id(), company_of(cx)?, self.new.clone(), cx.now())?;
        on_duplicate(repo.insert_user(&user).await, "email", UserRefused::EmailTaken)?;
        sync_caller(cx, repo, &user).await?;
        cx.emit(user.company, Event::UserCreated { user: user.id, role: user.role });
        Ok(user)
    }
}

async fn check_supervisor(repo: &mut dyn Repo, supervisor: Option<UserId>) -> Result<(), Failure<UserRefused>> {
    match supervisor {
        Some(id) if repo.user(id).await?.is_none() => Err(UserRefused::UnknownSupervisor.into()),
        _ => Ok(()),
    }
}

/// The caller sync rule: a user of kind agent has a caller record, and nobody else has.
///
/// A fault of the caller write alone must not lose the change of the user (document 000): it is logged, and the next
/// [`SyncCallers`] repairs it. Contention and a lost database are no such fault: there the whole command fails.
async fn sync_caller(cx: &Context<'_>, repo: &mut dyn Repo, user: &User) -> Result<(), Failure<UserRefused>> {
    let result = if user.is_agent() {
        let figures = figures::of_agent(repo, user.id).await?;
        let caller = Caller { id: cx.id(), user: user.id, company: user.company, figures, created_at: cx.now() };
        repo.insert_caller(&caller).await
    } else {
        repo.delete_caller(user.id).await.map(|_| ())
    };
    match result {
        // The record is there already: the rule holds.
        Ok(()) | Err(StoreError::Duplicate { constraint: "user", .. }) => Ok(()),
        Err(error @ (StoreError::Contention | StoreError::Unavailable(_))) => Err(error.into()),
        Err(error) => {
            tracing::error!(user = ?user.id, %error, "the caller record was not written, the next sync repairs it");
            Ok(())
        }
    }
}

/// Changes a user. Everybody may change their own name, e-mail, initials and phone; the rest needs the right to manage people.
#[derive(Debug, Clone)]
pub struct UpdateUser {
    /// Who.
    pub user: UserId,
    /// What changes.
    pub change: UserChange,
}

#[async_trait]
impl Command for UpdateUser {
    type Output = User;
    type Refused = UserRefused;
    const NAME: &'static str = "update_user";

    fn permission(&self) -> Permission {
        Permission::OwnAccount
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<User, Failure<UserRefused>> {
        let actor = cx.actor();
        if !actor.may_for(self.user, Permission::ManagePeople) {
            return Err(Failure::Denied(Permission::ManagePeople));
        }
        let old = repo.user_for_update(self.user).await?.ok_or(UserRefused::NotFound)?;
        let change = &self.change;
        let itself = actor.user_id() == Some(old.id);
        let role_changes = change.role.is_some_and(|role| role != old.role);
        let activity_changes = change.is_active.is_some_and(|active| active != old.is_active);
        if itself && (role_changes || activity_changes) {
            return Err(UserRefused::Oneself.into());
        }
        if change.department.is_some() || change.reporting_to.is_some() || role_changes || activity_changes {
            cx.demand(Permission::ManagePeople)?;
        }
        check_rank(cx, &old, change.role.map(|role| role.kind()))?;
        check_supervisor(repo, change.reporting_to.flatten()).await?;
        let user = old.clone().change(change.clone(), cx.now())?;
        on_duplicate(repo.update_user(&user).await, "email", UserRefused::EmailTaken)?;
        if user.is_agent() != old.is_agent() {
            sync_caller(cx, repo, &user).await?;
        }
        if !Permission::TakeCalls.held_by(user.role.kind()) {
            release_numbers(cx, repo, user.id).await?;
        }
        if !user.is_active && old.is_active {
            repo.revoke_sessions(user.id, cx.now()).await?;
        }
        cx.emit(user.company, Event::UserUpdated { user: user.id, role: user.role, active: user.is_active });
        if user.role != old.role {
            cx.emit(user.company, Event::RoleChanged { user: user.id, from: old.role, to: user.role });
        }
        Ok(user)
    }
}

/// Nobody changes somebody above themself, nor lifts somebody above themself.
fn check_rank(cx: &Context<'_>, target: &User, to: Option<RoleKind>) -> Result<(), Failure<UserRefused>> {
    let Some(own) = cx.actor().role_kind() else { return Ok(()) };
    let platform = cx.actor().may(Permission::Platform);
    let above = target.role.kind() > own || to.is_some_and(|kind| kind > own) || (target.is_platform && !platform);
    if above && cx.actor().user_id() != Some(target.id) { Err(UserRefused::AboveOwnRole.into()) } else { Ok(()) }
}

async fn release_numbers(cx: &mut Context<'_>, repo: &mut dyn Repo, agent: UserId) -> Result<(), Failure<UserRefused>> {
    let company = company_of(cx)?;
    for row in repo.agent_numbers_for_update(agent).await? {
        repo.delete_assignment(row.number.id).await?;
        cx.emit(company, Event::NumberUnassigned { number: row.number.id, agent });
    }
    Ok(())
}

/// Removes a user: the caller record, sessions, extensions, assignments and queue memberships go with them; the calls stay. Their
/// leads with work to do go to somebody else with the next [`RouteLeads`](super::lead::RouteLeads), as do those of somebody who is no longer active.
#[derive(Debug, Clone, Copy)]
pub struct DeleteUser {
    /// Who.
    pub user: UserId,
}

#[async_trait]
impl Command for DeleteUser {
    type Output = ();
    type Refused = UserRefused;
    const NAME: &'static str = "delete_user";

    fn permission(&self) -> Permission {
        Permission::ManagePeople
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<UserRefused>> {
        let company = company_of(cx)?;
        let user = repo.user_for_update(self.user).await?.ok_or(UserRefused::NotFound)?;
        if cx.actor().user_id() == Some(user.id) {
            return Err(UserRefused::Oneself.into());
        }
        check_rank(cx, &user, None)?;
        release_lines(cx, repo, user.id).await?;
        release_numbers(cx, repo, user.id).await?;
        // Whatever the role says: a record left behind by a fault goes now.
        repo.delete_caller(user.id).await?;
        if !repo.delete_user(user.id).await? {
            return Err(StoreError::Contention.into());
        }
        cx.emit(company, Event::UserDeleted { user: user.id });
        Ok(())
    }
}

/// Removes a user's extensions and queue memberships, unless an inbound route still leads to one of them.
async fn release_lines(cx: &mut Context<'_>, repo: &mut dyn Repo, user: UserId) -> Result<(), Failure<UserRefused>> {
    let company = company_of(cx)?;
    let own: Vec<_> = repo.extensions().await?.into_iter().filter(|extension| extension.user == user).collect();
    let leads_here = |target: &InboundTarget| match target {
        InboundTarget::Agent(agent) => *agent == user,
        InboundTarget::Extension(id) => own.iter().any(|extension| extension.id == *id),
        InboundTarget::Queue(_) | InboundTarget::Flow(_) => false,
    };
    if repo.inbound_routes().await?.iter().any(|route| leads_here(&route.target)) {
        return Err(UserRefused::StillHolds("an inbound route").into());
    }
    for extension in &own {
        repo.delete_extension(extension.id).await?;
        let id = Some(extension.id.as_uuid());
        cx.emit(company, Event::TelephonyUpdated { what: TelephonyPart::Extension, id });
    }
    for mut queue in repo.queues().await? {
        let before = queue.settings.members.len();
        queue.settings.members.retain(|member| member.agent_id != user);
        if queue.settings.members.len() != before {
            queue.version += 1;
            queue.updated_at = cx.now();
            repo.update_queue(&queue).await?;
            cx.emit(company, Event::QueueUpdated { queue: queue.id });
        }
    }
    Ok(())
}

/// Sets a password. One's own after the present one was checked; somebody else's with the right to manage people. Every
/// session and token of the user ends.
#[derive(Debug, Clone)]
pub struct SetPassword {
    /// Whose.
    pub user: UserId,
    /// The hash of the new password.
    pub password: PasswordHash,
}

#[async_trait]
impl Command for SetPassword {
    type Output = User;
    type Refused = UserRefused;
    const NAME: &'static str = "set_password";

    fn permission(&self) -> Permission {
        Permission::OwnAccount
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<User, Failure<UserRefused>> {
        if !cx.actor().may_for(self.user, Permission::ManagePeople) {
            return Err(Failure::Denied(Permission::ManagePeople));
        }
        let mut user = repo.user_for_update(self.user).await?.ok_or(UserRefused::NotFound)?;
        check_rank(cx, &user, None)?;
        user.password = self.password.clone();
        user.token_version = user.token_version.wrapping_add(1);
        user.touch(cx.now());
        repo.update_user(&user).await?;
        repo.revoke_sessions(user.id, cx.now()).await?;
        cx.emit(user.company, Event::UserUpdated { user: user.id, role: user.role, active: user.is_active });
        cx.emit(user.company, Event::PasswordChanged { user: user.id });
        Ok(user)
    }
}

/// Sets whether calls are offered to an agent: one's own, or a team member's with the right to manage people.
#[derive(Debug, Clone)]
pub struct SetAvailability {
    /// Who.
    pub user: UserId,
    /// What they choose.
    pub availability: Availability,
    /// Why, in a word of the company's own.
    pub reason: Option<String>,
}

#[async_trait]
impl Command for SetAvailability {
    type Output = User;
    type Refused = UserRefused;
    const NAME: &'static str = "set_availability";

    fn permission(&self) -> Permission {
        Permission::TakeCalls
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<User, Failure<UserRefused>> {
        if !cx.actor().may_for(self.user, Permission::ManagePeople) {
            return Err(Failure::Denied(Permission::ManagePeople));
        }
        let user = repo.user_for_update(self.user).await?.ok_or(UserRefused::NotFound)?;
        let Some(chosen) = user.clone().choose(self.availability, self.reason.as_deref(), cx.now())? else {
            return Ok(user);
        };
        repo.update_user(&chosen).await?;
        let (availability, reason) = (chosen.availability, chosen.availability_reason.clone());
        cx.emit(chosen.company, Event::AvailabilityChanged { user: chosen.id, availability, reason });
        Ok(chosen)
    }
}

/// Says what an agent brings for queues.
#[derive(Debug, Clone)]
pub struct UpdateAgent {
    /// The agent.
    pub user: UserId,
    /// What they bring.
    pub settings: AgentSettings,
    /// The version the change was made from; 0 is that of an agent about whom nothing was ever set.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for UpdateAgent {
    type Output = AgentProfile;
    type Refused = AgentRefused;
    const NAME: &'static str = "update_agent";

    fn permission(&self) -> Permission {
        Permission::ManageQueues
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<AgentProfile, Failure<AgentRefused>> {
        let company = company_of(cx)?;
        // The lock makes changes of one agent come one after another.
        repo.user_for_update(self.user).await?.ok_or(AgentRefused::NotFound)?;
        let old = repo.agent_profile(self.user).await?;
        let version = old.as_ref().map_or(0, |old| old.version);
        if !fresh(self.expected_version, version) {
            return Err(AgentRefused::Stale.into());
        }
        let settings = self.settings.clone().checked()?;
        let profile = AgentProfile { user: self.user, company, settings, version: version + 1, updated_at: cx.now() };
        match old {
            Some(_) => repo.update_agent_profile(&profile).await?,
            None => on_duplicate(repo.insert_agent_profile(&profile).await, "user", AgentRefused::Stale)?,
        }
        cx.emit(company, Event::AgentUpdated { agent: self.user });
        Ok(profile)
    }
}

/// Repairs the caller records of the company.
#[derive(Debug, Clone, Copy, Default)]
pub struct SyncCallers;

/// What a repair did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncReport {
    /// Records made.
    pub created: u32,
    /// Records removed.
    pub deleted: u32,
}

#[async_trait]
impl Command for SyncCallers {
    type Output = SyncReport;
    type Refused = UserRefused;
    const NAME: &'static str = "sync_callers";

    fn permission(&self) -> Permission {
        Permission::ManagePeople
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<SyncReport, Failure<UserRefused>> {
        let company = company_of(cx)?;
        let agents: BTreeSet<UserId> = repo.agent_ids().await?.into_iter().collect();
        let recorded: BTreeSet<UserId> = repo.caller_users().await?.into_iter().collect();
        let plan = SyncPlan::of(&agents, &recorded);
        let mut report = SyncReport::default();
        for id in plan.missing.into_iter().chain(plan.surplus) {
            // Locked and looked at again: the user may have changed since the lists were read.
            let user = repo.user_for_update(id).await?;
            if let Some(user) = user.filter(User::is_agent) {
                if repo.caller(id).await?.is_none() {
                    let figures = figures::of_agent(repo, id).await?;
                    let caller = Caller { id: cx.id(), user: id, company: user.company, figures, created_at: cx.now() };
                    repo.insert_caller(&caller).await?;
                    report.created += 1;
                }
            } else if repo.delete_caller(id).await? {
                report.deleted += 1;
            }
        }
        if report != SyncReport::default() {
            cx.emit(company, Event::CallersSynced { created: report.created, deleted: report.deleted });
        }
        Ok(report)
    }
}
