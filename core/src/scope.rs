//! Who acts, on which company, with which rights.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{CompanyId, UserId};
use crate::once::Claim;
use crate::people::RoleKind;

/// What a unit of work may see. Fixed when it begins, so that no query can forget the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One company: every other company's rows do not exist.
    Company(CompanyId),
    /// All companies: for sign-in, the platform admin and jobs. Made from an [`Actor`] only.
    System,
}

impl Scope {
    /// The company, when the scope is one.
    #[must_use]
    pub const fn company(self) -> Option<CompanyId> {
        match self {
            Self::Company(company) => Some(company),
            Self::System => None,
        }
    }

    /// Whether a row of `company` is visible.
    #[must_use]
    pub fn sees(self, company: CompanyId) -> bool {
        self.company().is_none_or(|own| own == company)
    }
}

/// A right that a command asks for. Which kind of role holds which is in [`Permission::held_by`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Create companies and act on all of them: platform admins and jobs.
    Platform,
    /// Change the company's own settings.
    ManageCompany,
    /// Create, change and remove people, and repair caller records.
    ManagePeople,
    /// See the company's people and callers.
    ViewPeople,
    /// Add, assign and remove phone numbers; trunks, inbound routes.
    ManageNumbers,
    /// See all phone numbers and their usage.
    ViewNumbers,
    /// Create and change queues.
    ManageQueues,
    /// See and change flows, their calendars and prompts, and see what calls did in them.
    ManageFlows,
    /// See the company's audit log.
    ViewAudit,
    /// See the calls of everybody in the company.
    ViewAllCalls,
    /// Enter, correct and delete the calls of others.
    ManageCalls,
    /// Place calls and take them: own numbers, own calls, own availability.
    TakeCalls,
    /// See clients, add and change them, write notes about them.
    UseClients,
    /// Remove clients.
    DeleteClients,
    /// Work on leads: one's own.
    WorkLeads,
    /// See all leads, and give them to people, merge them and take them up again.
    ManageLeads,
    /// Say how leads are routed and scored, and what can come of a call.
    ConfigureLeads,
    /// Write reports of one's own work and read them.
    WriteReports,
    /// Read and write the reports of everybody in the company.
    ManageReports,
    /// See how the team does: leads and calls added up.
    ViewDashboards,
    /// Anything about oneself: profile, password, sessions.
    OwnAccount,
    /// What only the engine itself does: recording calls, closing lost ones, the outbox.
    Internal,
}

impl Permission {
    /// Whether a role of this kind holds the permission. The matrix of roles and rights is here and nowhere else.
    #[must_use]
    pub const fn held_by(self, kind: RoleKind) -> bool {
        match self {
            Self::Platform | Self::Internal => false,
            Self::ManageCompany | Self::ManageNumbers | Self::ViewAudit => matches!(kind, RoleKind::Admin),
            Self::ManagePeople | Self::ViewNumbers | Self::ManageQueues | Self::ViewAllCalls | Self::ViewPeople => {
                matches!(kind, RoleKind::Admin | RoleKind::Manager)
            }
            Self::ManageFlows | Self::ManageCalls => matches!(kind, RoleKind::Admin | RoleKind::Manager),
            Self::UseClients => true,
            Self::DeleteClients => matches!(kind, RoleKind::Admin | RoleKind::Manager),
            Self::TakeCalls => !matches!(kind, RoleKind::Marketing),
            Self::ManageLeads => !matches!(kind, RoleKind::Agent),
            Self::ConfigureLeads => matches!(kind, RoleKind::Admin | RoleKind::Manager),
            Self::WorkLeads => true,
            Self::ManageReports => matches!(kind, RoleKind::Admin | RoleKind::Manager),
            Self::WriteReports => true,
            Self::ViewDashboards => !matches!(kind, RoleKind::Agent),
            Self::OwnAccount => true,
        }
    }
}

/// Who asks for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    who: Who,
    company: Option<CompanyId>,
    claim: Option<Claim>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    User { id: UserId, kind: RoleKind, platform: bool },
    Host,
    System,
}

/// The name of an actor, as events and the audit log keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum ActorName {
    /// A signed-in user.
    User(UserId),
    /// The application that embeds the engine.
    Host,
    /// The engine itself.
    System,
}

impl fmt::Display for ActorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Host => f.write_str("host"),
            Self::System => f.write_str("system"),
        }
    }
}

impl std::str::FromStr for ActorName {
    type Err = crate::id::BadId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "host" => Ok(Self::Host),
            "system" => Ok(Self::System),
            _ => text.strip_prefix("user:").ok_or(crate::id::BadId)?.parse().map(Self::User),
        }
    }
}

impl Actor {
    /// A signed-in user, bound to their company.
    #[must_use]
    pub const fn user(id: UserId, company: CompanyId, kind: RoleKind, platform: bool) -> Self {
        Self { who: Who::User { id, kind, platform }, company: Some(company), claim: None }
    }

    /// The embedding application, acting with every right inside one company.
    #[must_use]
    pub const fn host(company: CompanyId) -> Self {
        Self { who: Who::Host, company: Some(company), claim: None }
    }

    /// The engine itself: sign-in, jobs, start-up. The one place where [`Scope::System`] comes from, besides
    /// [`Actor::on_platform`].
    #[must_use]
    pub const fn system() -> Self {
        Self { who: Who::System, company: None, claim: None }
    }

    /// The engine itself, narrowed to one company.
    #[must_use]
    pub const fn system_for(company: CompanyId) -> Self {
        Self { who: Who::System, company: Some(company), claim: None }
    }

    /// The same actor within one request, which is to have its effect once: their commands take the claim.
    #[must_use]
    pub const fn once(self, claim: Claim) -> Self {
        Self { claim: Some(claim), ..self }
    }

    /// The request within which the actor acts, when it is to have its effect once.
    #[must_use]
    pub const fn claim(&self) -> Option<Claim> {
        self.claim
    }

    /// The same platform admin acting on all companies; `None` for everybody else.
    #[must_use]
    pub const fn on_platform(self) -> Option<Self> {
        match self.who {
            Who::User { platform: true, .. } | Who::System => Some(Self { company: None, ..self }),
            _ => None,
        }
    }

    /// The same platform admin acting inside `company`; `None` when the actor may not.
    #[must_use]
    pub fn inside(self, company: CompanyId) -> Option<Self> {
        if self.company == Some(company) {
            return Some(self);
        }
        self.on_platform().map(|actor| Self { company: Some(company), ..actor })
    }

    /// What this actor's units of work may see.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        match self.company {
            Some(company) => Scope::Company(company),
            None => Scope::System,
        }
    }

    /// The company the actor acts in.
    #[must_use]
    pub const fn company(&self) -> Option<CompanyId> {
        self.company
    }

    /// The user, when the actor is one.
    #[must_use]
    pub const fn user_id(&self) -> Option<UserId> {
        match self.who {
            Who::User { id, .. } => Some(id),
            _ => None,
        }
    }

    /// The kind of the user's role, when the actor is a user.
    #[must_use]
    pub const fn role_kind(&self) -> Option<RoleKind> {
        match self.who {
            Who::User { kind, .. } => Some(kind),
            _ => None,
        }
    }

    /// Whether the actor holds the permission.
    #[must_use]
    pub const fn may(&self, permission: Permission) -> bool {
        match self.who {
            Who::System => true,
            Who::Host => !matches!(permission, Permission::Platform),
            Who::User { platform: true, .. } => !matches!(permission, Permission::Internal),
            Who::User { kind, .. } => permission.held_by(kind),
        }
    }

    /// Whether the actor may act for `user`: for oneself always, for others with `permission`.
    #[must_use]
    pub fn may_for(&self, user: UserId, permission: Permission) -> bool {
        self.user_id() == Some(user) || self.may(permission)
    }

    /// How events and the audit log name the actor.
    #[must_use]
    pub const fn name(&self) -> ActorName {
        match self.who {
            Who::User { id, .. } => ActorName::User(id),
            Who::Host => ActorName::Host,
            Who::System => ActorName::System,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};

    fn company(seed: u64) -> CompanyId {
        (&SeededIds::new(seed) as &dyn IdSource).id(chrono::DateTime::UNIX_EPOCH)
    }

    #[test]
    fn only_a_platform_admin_or_the_system_leaves_a_company() {
        let user = (&SeededIds::new(9) as &dyn IdSource).id(chrono::DateTime::UNIX_EPOCH);
        let admin = Actor::user(user, company(1), RoleKind::Admin, false);
        assert_eq!(admin.on_platform(), None);
        assert_eq!(admin.inside(company(2)), None);
        assert_eq!(admin.inside(company(1)), Some(admin));
        let platform = Actor::user(user, company(1), RoleKind::Admin, true);
        assert_eq!(platform.inside(company(2)).map(|a| a.scope()), Some(Scope::Company(company(2))));
        assert_eq!(Actor::host(company(1)).on_platform(), None);
    }

    #[test]
    fn an_agent_acts_for_nobody_else() {
        let ids = SeededIds::new(3);
        let ids: &dyn IdSource = &ids;
        let (me, other) = (ids.id(chrono::DateTime::UNIX_EPOCH), ids.id(chrono::DateTime::UNIX_EPOCH));
        let agent = Actor::user(me, company(1), RoleKind::Agent, false);
        assert!(agent.may_for(me, Permission::ViewAllCalls));
        assert!(!agent.may_for(other, Permission::ViewAllCalls));
    }
}
