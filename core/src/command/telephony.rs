//! Lines: extensions, trunks, inbound routes and queues.

use async_trait::async_trait;

use super::flow::active_user;
use super::queue::{queue_user, settle};
use super::{company_of, fresh, on_duplicate, own_company};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::{Event, TelephonyPart};
use crate::id::{ExtensionId, Id, InboundRouteId, QueueId, TrunkId, UserId};
use crate::people::User;
use crate::phone::E164;
use crate::phone::extension::{Extension, ExtensionRefused, SipSecret, extension_number, next_number, username};
use crate::phone::inbound::{InboundRefused, InboundRoute, InboundTarget};
use crate::phone::trunk::{Trunk, TrunkRefused, TrunkSettings};
use crate::queue::{Member, OverflowTarget, Queue, QueueRefused, QueueSettings};
use crate::scope::Permission;
use crate::store::Repo;

fn changed<K>(cx: &mut Context<'_>, company: crate::id::CompanyId, what: TelephonyPart, id: Id<K>) {
    cx.emit(company, Event::TelephonyUpdated { what, id: Some(id.as_uuid()) });
}

pub(super) fn takes_calls(user: &User) -> bool {
    user.is_active && Permission::TakeCalls.held_by(user.role.kind())
}

/// Whoever holds a line's password is called in its owner's place: nobody manages the lines of somebody above themself.
fn check_rank(cx: &Context<'_>, owner: Option<&User>) -> Result<(), Failure<ExtensionRefused>> {
    let own = cx.actor().role_kind();
    match (own, owner) {
        (Some(own), Some(owner)) if owner.role.kind() > own => Err(Failure::Denied(Permission::ManageCompany)),
        _ => Ok(()),
    }
}

/// Gives a user a line with SIP credentials.
#[derive(Debug, Clone)]
pub struct CreateExtension {
    /// Whose.
    pub user: UserId,
    /// The number inside the company; the next free one when absent.
    pub number: Option<String>,
}

/// A new line. The password is known here and now only.
#[derive(Clone, PartialEq, Eq)]
pub struct NewExtension {
    /// The line.
    pub extension: Extension,
    /// The SIP password.
    pub password: String,
}

impl std::fmt::Debug for NewExtension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewExtension").field("extension", &self.extension).finish_non_exhaustive()
    }
}

#[async_trait]
impl Command for CreateExtension {
    type Output = NewExtension;
    type Refused = ExtensionRefused;
    const NAME: &'static str = "create_extension";

    fn permission(&self) -> Permission {
        Permission::ManagePeople
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<NewExtension, Failure<ExtensionRefused>> {
        let company = company_of(cx)?;
        let owner = repo.user_for_update(self.user).await?.filter(takes_calls).ok_or(ExtensionRefused::NoSuchUser)?;
        check_rank(cx, Some(&owner))?;
        let number = match &self.number {
            Some(text) => extension_number(text)?,
            None => next_number(repo.extensions().await?.iter().map(|extension| extension.number.as_str())),
        };
        let username = username(&number, company);
        let password = cx.secret();
        let extension = Extension {
            id: cx.id(),
            company,
            user: self.user,
            secret: SipSecret::of(&username, &password),
            number,
            username,
            version: 1,
            created_at: cx.now(),
            updated_at: cx.now(),
        };
        // The user name derives from the number: whichever of the two the store names, the number is taken.
        let inserted = on_duplicate(repo.insert_extension(&extension).await, "username", ExtensionRefused::NumberTaken);
        let inserted = match inserted {
            Err(Failure::Store(error)) => on_duplicate(Err(error), "number", ExtensionRefused::NumberTaken),
            other => other,
        };
        match inserted {
            // Two extensions were numbered at the same moment: the next attempt sees the other one.
            Err(Failure::Refused(_)) if self.number.is_none() => {
                return Err(crate::store::StoreError::Contention.into());
            }
            other => other?,
        }
        changed(cx, company, TelephonyPart::Extension, extension.id);
        Ok(NewExtension { extension, password })
    }
}

/// Replaces the SIP password of a line.
#[derive(Debug, Clone, Copy)]
pub struct ResetExtensionSecret {
    /// Which.
    pub extension: ExtensionId,
}

#[async_trait]
impl Command for ResetExtensionSecret {
    type Output = NewExtension;
    type Refused = ExtensionRefused;
    const NAME: &'static str = "reset_extension_secret";

    fn permission(&self) -> Permission {
        Permission::ManagePeople
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<NewExtension, Failure<ExtensionRefused>> {
        let mut extension = repo.extension(self.extension).await?.ok_or(ExtensionRefused::NotFound)?;
        check_rank(cx, repo.user(extension.user).await?.as_ref())?;
        let password = cx.secret();
        extension.secret = SipSecret::of(&extension.username, &password);
        extension.version += 1;
        extension.updated_at = cx.now();
        repo.update_extension(&extension).await?;
        changed(cx, extension.company, TelephonyPart::Extension, extension.id);
        Ok(NewExtension { extension, password })
    }
}

/// Removes a line. Inbound routes to it keep their place and find nobody.
#[derive(Debug, Clone, Copy)]
pub struct DeleteExtension {
    /// Which.
    pub extension: ExtensionId,
}

#[async_trait]
impl Command for DeleteExtension {
    type Output = ();
    type Refused = ExtensionRefused;
    const NAME: &'static str = "delete_extension";

    fn permission(&self) -> Permission {
        Permission::ManagePeople
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<ExtensionRefused>> {
        let extension = repo.extension(self.extension).await?.ok_or(ExtensionRefused::NotFound)?;
        check_rank(cx, repo.user(extension.user).await?.as_ref())?;
        if !repo.delete_extension(self.extension).await? {
            return Err(ExtensionRefused::NotFound.into());
        }
        changed(cx, company_of(cx)?, TelephonyPart::Extension, self.extension);
        Ok(())
    }
}

fn trunk_of(id: TrunkId, cx: &Context<'_>, company: crate::id::CompanyId, settings: TrunkSettings) -> Trunk {
    Trunk {
        id,
        company,
        name: settings.name,
        transport: settings.transport,
        host: settings.host,
        port: settings.port,
        auth: settings.auth,
        is_default: settings.is_default,
        version: 1,
        created_at: cx.now(),
        updated_at: cx.now(),
    }
}

/// Connects the company to a carrier.
#[derive(Debug, Clone)]
pub struct CreateTrunk {
    /// How.
    pub settings: TrunkSettings,
}

#[async_trait]
impl Command for CreateTrunk {
    type Output = Trunk;
    type Refused = TrunkRefused;
    const NAME: &'static str = "create_trunk";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Trunk, Failure<TrunkRefused>> {
        let company = company_of(cx)?;
        let mut settings = self.settings.clone().checked()?;
        // The only trunk is the one to call out by, whatever was said.
        settings.is_default |= repo.trunks().await?.is_empty();
        let trunk = trunk_of(cx.id(), cx, company, settings);
        on_duplicate(repo.insert_trunk(&trunk).await, "name", TrunkRefused::NameTaken)?;
        changed(cx, company, TelephonyPart::Trunk, trunk.id);
        Ok(trunk)
    }
}

/// Changes a trunk.
#[derive(Debug, Clone)]
pub struct UpdateTrunk {
    /// Which.
    pub trunk: TrunkId,
    /// Its new settings.
    pub settings: TrunkSettings,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for UpdateTrunk {
    type Output = Trunk;
    type Refused = TrunkRefused;
    const NAME: &'static str = "update_trunk";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Trunk, Failure<TrunkRefused>> {
        let old = repo.trunk(self.trunk).await?.ok_or(TrunkRefused::NotFound)?;
        if !fresh(self.expected_version, old.version) {
            return Err(TrunkRefused::Stale.into());
        }
        let mut trunk = trunk_of(old.id, cx, old.company, self.settings.clone().checked()?);
        (trunk.version, trunk.created_at) = (old.version + 1, old.created_at);
        on_duplicate(repo.update_trunk(&trunk).await, "name", TrunkRefused::NameTaken)?;
        changed(cx, trunk.company, TelephonyPart::Trunk, trunk.id);
        Ok(trunk)
    }
}

/// Removes a trunk. Calls on it go on.
#[derive(Debug, Clone, Copy)]
pub struct DeleteTrunk {
    /// Which.
    pub trunk: TrunkId,
}

#[async_trait]
impl Command for DeleteTrunk {
    type Output = ();
    type Refused = TrunkRefused;
    const NAME: &'static str = "delete_trunk";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<TrunkRefused>> {
        if !repo.delete_trunk(self.trunk).await? {
            return Err(TrunkRefused::NotFound.into());
        }
        changed(cx, company_of(cx)?, TelephonyPart::Trunk, self.trunk);
        Ok(())
    }
}

async fn check_target(repo: &mut dyn Repo, target: InboundTarget) -> Result<(), Failure<InboundRefused>> {
    let exists = match target {
        InboundTarget::Queue(id) => repo.queue(id).await?.is_some(),
        InboundTarget::Agent(id) => repo.user(id).await?.is_some_and(|user| takes_calls(&user)),
        InboundTarget::Extension(id) => repo.extension(id).await?.is_some(),
        InboundTarget::Flow(id) if repo.flow(id).await?.is_some_and(|flow| flow.active.is_some()) => true,
        InboundTarget::Flow(_) => return Err(InboundRefused::NoActiveFlow.into()),
    };
    if exists { Ok(()) } else { Err(InboundRefused::NoSuchTarget.into()) }
}

/// Says where calls to a number lead.
#[derive(Debug, Clone)]
pub struct CreateInboundRoute {
    /// The called number, as it was typed.
    pub number: String,
    /// Where calls to it lead.
    pub target: InboundTarget,
}

#[async_trait]
impl Command for CreateInboundRoute {
    type Output = InboundRoute;
    type Refused = InboundRefused;
    const NAME: &'static str = "create_inbound_route";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<InboundRoute, Failure<InboundRefused>> {
        let company = own_company(cx, repo).await?;
        let number = E164::parse(&self.number, company.default_country).map_err(InboundRefused::from)?;
        check_target(repo, self.target).await?;
        let route = InboundRoute {
            id: cx.id(),
            company: company.id,
            number,
            target: self.target,
            version: 1,
            created_at: cx.now(),
            updated_at: cx.now(),
        };
        on_duplicate(repo.insert_inbound_route(&route).await, "number", InboundRefused::Duplicate)?;
        changed(cx, company.id, TelephonyPart::InboundRoute, route.id);
        Ok(route)
    }
}

/// Changes where calls to a number lead.
#[derive(Debug, Clone)]
pub struct UpdateInboundRoute {
    /// Which route.
    pub route: InboundRouteId,
    /// Another number.
    pub number: Option<String>,
    /// Another target.
    pub target: Option<InboundTarget>,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for UpdateInboundRoute {
    type Output = InboundRoute;
    type Refused = InboundRefused;
    const NAME: &'static str = "update_inbound_route";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<InboundRoute, Failure<InboundRefused>> {
        let company = own_company(cx, repo).await?;
        let mut route = repo.inbound_route(self.route).await?.ok_or(InboundRefused::NotFound)?;
        if !fresh(self.expected_version, route.version) {
            return Err(InboundRefused::Stale.into());
        }
        if let Some(number) = &self.number {
            route.number = E164::parse(number, company.default_country).map_err(InboundRefused::from)?;
        }
        if let Some(target) = self.target {
            check_target(repo, target).await?;
            route.target = target;
        }
        route.version += 1;
        route.updated_at = cx.now();
        on_duplicate(repo.update_inbound_route(&route).await, "number", InboundRefused::Duplicate)?;
        changed(cx, company.id, TelephonyPart::InboundRoute, route.id);
        Ok(route)
    }
}

/// Removes an inbound route: calls to its number are refused from then on.
#[derive(Debug, Clone, Copy)]
pub struct DeleteInboundRoute {
    /// Which.
    pub route: InboundRouteId,
}

#[async_trait]
impl Command for DeleteInboundRoute {
    type Output = ();
    type Refused = InboundRefused;
    const NAME: &'static str = "delete_inbound_route";

    fn permission(&self) -> Permission {
        Permission::ManageNumbers
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<InboundRefused>> {
        if !repo.delete_inbound_route(self.route).await? {
            return Err(InboundRefused::NotFound.into());
        }
        changed(cx, company_of(cx)?, TelephonyPart::InboundRoute, self.route);
        Ok(())
    }
}

/// Looks at those who were no members before: one who left the company since must not be in the way of other changes.
async fn check_members(
    repo: &mut dyn Repo,
    settings: &QueueSettings,
    before: &[Member],
) -> Result<(), Failure<QueueRefused>> {
    let is_new = |member: &&Member| before.iter().all(|other| other.agent_id != member.agent_id);
    for member in settings.members.iter().filter(is_new) {
        if !repo.user(member.agent_id).await?.is_some_and(|user| takes_calls(&user)) {
            return Err(QueueRefused::NoSuchMember(member.agent_id).into());
        }
    }
    Ok(())
}

/// Refuses while an active flow leads calls to a queue by such a word.
async fn check_flows(
    repo: &mut dyn Repo,
    names: impl Fn(&str) -> bool + Send + Sync,
) -> Result<(), Failure<QueueRefused>> {
    match active_user(repo, |uses| uses.queues.iter().any(|word| names(word))).await? {
        Some(flow) => Err(QueueRefused::InFlow(flow).into()),
        None => Ok(()),
    }
}

/// Sets up a queue.
#[derive(Debug, Clone)]
pub struct CreateQueue {
    /// How.
    pub settings: QueueSettings,
}

#[async_trait]
impl Command for CreateQueue {
    type Output = Queue;
    type Refused = QueueRefused;
    const NAME: &'static str = "create_queue";

    fn permission(&self) -> Permission {
        Permission::ManageQueues
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Queue, Failure<QueueRefused>> {
        let company = company_of(cx)?;
        let mut settings = self.settings.clone().checked()?;
        check_members(repo, &settings, &[]).await?;
        settle(cx, repo, None, &mut settings).await?;
        let queue = Queue { id: cx.id(), company, settings, version: 1, created_at: cx.now(), updated_at: cx.now() };
        on_duplicate(repo.insert_queue(&queue).await, "name", QueueRefused::NameTaken)?;
        cx.emit(company, Event::QueueUpdated { queue: queue.id });
        Ok(queue)
    }
}

/// Changes a queue.
#[derive(Debug, Clone)]
pub struct UpdateQueue {
    /// Which.
    pub queue: QueueId,
    /// Its new settings.
    pub settings: QueueSettings,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for UpdateQueue {
    type Output = Queue;
    type Refused = QueueRefused;
    const NAME: &'static str = "update_queue";

    fn permission(&self) -> Permission {
        Permission::ManageQueues
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Queue, Failure<QueueRefused>> {
        let mut queue = repo.queue(self.queue).await?.ok_or(QueueRefused::NotFound)?;
        if !fresh(self.expected_version, queue.version) {
            return Err(QueueRefused::Stale.into());
        }
        let settings = self.settings.clone().checked()?;
        let old = std::mem::replace(&mut queue.settings, settings);
        if old.name != queue.settings.name {
            check_flows(repo, |word| word == old.name).await?;
        }
        check_members(repo, &queue.settings, &old.members).await?;
        settle(cx, repo, Some((queue.id, &old)), &mut queue.settings).await?;
        queue.version += 1;
        queue.updated_at = cx.now();
        on_duplicate(repo.update_queue(&queue).await, "name", QueueRefused::NameTaken)?;
        cx.emit(queue.company, Event::QueueUpdated { queue: queue.id });
        Ok(queue)
    }
}

/// Removes a queue that no inbound route, flow or other queue leads to.
#[derive(Debug, Clone, Copy)]
pub struct DeleteQueue {
    /// Which.
    pub queue: QueueId,
}

#[async_trait]
impl Command for DeleteQueue {
    type Output = ();
    type Refused = QueueRefused;
    const NAME: &'static str = "delete_queue";

    fn permission(&self) -> Permission {
        Permission::ManageQueues
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<QueueRefused>> {
        let leads_here = |route: &InboundRoute| route.target == InboundTarget::Queue(self.queue);
        if repo.inbound_routes().await?.iter().any(leads_here) {
            return Err(QueueRefused::InUse.into());
        }
        let queue = repo.queue(self.queue).await?.ok_or(QueueRefused::NotFound)?;
        let id = queue.id.to_string();
        check_flows(repo, |word| word == queue.settings.name || word == id).await?;
        let target = OverflowTarget::Queue(queue.id);
        if let Some(user) = queue_user(repo, queue.company, |other| other.waiting.leads_to(&target)).await? {
            return Err(QueueRefused::InQueue(user).into());
        }
        super::callback::drop_queue(cx, repo, self.queue).await?;
        if !repo.delete_queue(self.queue).await? {
            return Err(QueueRefused::NotFound.into());
        }
        cx.emit(company_of(cx)?, Event::QueueUpdated { queue: self.queue });
        Ok(())
    }
}
