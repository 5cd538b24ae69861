//! What the edge knows about the companies: a snapshot, built from the store by the host and replaced as a whole.
//!
//! Lookups are plain map accesses, so that authentication and routing of a request need no I/O.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use dialplane_core::id::{CallId, CallbackId, CompanyId, ExtensionId, FlowId, NumberId, QueueId, TrunkId, UserId};
use dialplane_core::people::Availability;
use dialplane_core::phone::{Country, E164, InboundTarget, TrunkAccount, TrunkAuth};
use dialplane_core::queue::log::AgentWork;
use dialplane_core::queue::{AgentSettings, QueueSettings};
use dialplane_ivr::{Calendar, Program};

use crate::sip::digest::Ha1;
use crate::sip::flow::Protocol;

/// A company, as far as calls need it.
#[derive(Debug, Clone, Copy)]
pub struct CompanyEntry {
    /// The country of numbers dialled without an international prefix.
    pub default_country: Country,
    /// Where its day begins and ends.
    pub timezone: Tz,
}

/// A line of an active user.
#[derive(Debug, Clone)]
pub struct ExtensionEntry {
    /// Its id.
    pub id: ExtensionId,
    /// The company.
    pub company: CompanyId,
    /// Whose it is.
    pub user: UserId,
    /// The number inside the company.
    pub number: String,
    /// The SIP user name: the address of record of its phones.
    pub username: String,
    /// Its version: another one may mean another password.
    pub version: u32,
    /// The digest of its password by MD5.
    pub md5: Ha1,
    /// The digest of its password by SHA-256.
    pub sha256: Ha1,
}

/// A way to a carrier.
#[derive(Debug, Clone)]
pub struct TrunkEntry {
    /// Its id.
    pub id: TrunkId,
    /// The company.
    pub company: CompanyId,
    /// The transport towards the carrier.
    pub protocol: Protocol,
    /// The carrier's host, for the Request-URI.
    pub host: String,
    /// The carrier's port.
    pub port: u16,
    /// The carrier's address, once its name was resolved.
    pub address: Option<SocketAddr>,
    /// How the carrier is known.
    pub auth: TrunkAuth,
}

impl TrunkEntry {
    /// The account at the carrier, for a trunk by registration.
    #[must_use]
    pub fn account(&self) -> Option<&TrunkAccount> {
        match &self.auth {
            TrunkAuth::Registration(account) => Some(account),
            TrunkAuth::Address { .. } => None,
        }
    }

    /// Where the carrier's requests come from. A carrier that we register at sends calls from where it is registered at.
    fn sources(&self) -> Vec<IpAddr> {
        match &self.auth {
            TrunkAuth::Address { addresses } => addresses.clone(),
            TrunkAuth::Registration(_) => self.address.map(|address| address.ip()).into_iter().collect(),
        }
    }

    /// The carrier's host as it stands in a URI.
    pub(super) fn uri_host(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// The carrier's host, port and transport as they stand in a URI.
    pub(super) fn uri_place(&self) -> String {
        let transport = if self.protocol == Protocol::Udp { "" } else { ";transport=tcp" };
        format!("{}:{}{transport}", self.uri_host(), self.port)
    }
}

/// Where calls to a number lead.
#[derive(Debug, Clone, Copy)]
pub struct RouteEntry {
    /// The company.
    pub company: CompanyId,
    /// Where.
    pub target: InboundTarget,
    /// The number in the inventory, when it is there.
    pub number: Option<NumberId>,
}

/// A queue.
#[derive(Debug, Clone)]
pub struct QueueEntry {
    /// The company.
    pub company: CompanyId,
    /// Its name, by which flows call it.
    pub name: String,
    /// Its settings.
    pub settings: QueueSettings,
    /// Their version.
    pub version: u32,
    /// When it is open; `None` means always.
    pub calendar: Option<Arc<Calendar>>,
}

/// A flow that calls run through.
#[derive(Debug, Clone)]
pub struct FlowEntry {
    /// The company.
    pub company: CompanyId,
    /// The version that is active.
    pub version: u32,
    /// What it has become. Calls keep the one they began with.
    pub program: Arc<Program>,
}

/// Who takes calls.
#[derive(Debug, Clone)]
pub struct AgentEntry {
    /// The company.
    pub company: CompanyId,
    /// What they chose.
    pub availability: Availability,
    /// What is set about them.
    pub settings: AgentSettings,
    /// What they did today: counts in the first directory that has them.
    pub worked: AgentWork,
}

/// Somebody who is to be called back now.
#[derive(Debug, Clone)]
pub struct CallbackEntry {
    /// The company.
    pub company: CompanyId,
    /// The queue they wait in.
    pub queue: QueueId,
    /// Their number.
    pub number: E164,
    /// Since when they wait.
    pub since: DateTime<Utc>,
}

/// The snapshot.
#[derive(Debug, Default)]
pub struct Directory {
    companies: HashMap<CompanyId, CompanyEntry>,
    by_username: HashMap<String, Arc<ExtensionEntry>>,
    by_number: HashMap<(CompanyId, String), Arc<ExtensionEntry>>,
    by_id: HashMap<ExtensionId, Arc<ExtensionEntry>>,
    by_user: HashMap<UserId, Vec<Arc<ExtensionEntry>>>,
    trunks: HashMap<TrunkId, Arc<TrunkEntry>>,
    by_source: HashMap<IpAddr, Vec<Arc<TrunkEntry>>>,
    routes: HashMap<String, RouteEntry>,
    queues: HashMap<QueueId, QueueEntry>,
    queue_names: HashMap<(CompanyId, String), QueueId>,
    callbacks: HashMap<CallId, CallbackEntry>,
    callback_numbers: HashMap<(CompanyId, QueueId, E164), CallId>,
    agents: HashMap<UserId, AgentEntry>,
    agent_names: HashMap<(CompanyId, String), UserId>,
    flows: HashMap<FlowId, FlowEntry>,
}

impl Directory {
    /// Adds an active company. Lines, trunks and routes of companies that were not added lead nowhere.
    pub fn add_company(&mut self, id: CompanyId, entry: CompanyEntry) {
        self.companies.insert(id, entry);
    }

    /// Adds a line.
    pub fn add_extension(&mut self, entry: ExtensionEntry) {
        let entry = Arc::new(entry);
        self.by_username.insert(entry.username.clone(), entry.clone());
        self.by_number.insert((entry.company, entry.number.clone()), entry.clone());
        self.by_id.insert(entry.id, entry.clone());
        self.by_user.entry(entry.user).or_default().push(entry);
    }

    /// Adds a trunk.
    pub fn add_trunk(&mut self, entry: TrunkEntry) {
        let entry = Arc::new(entry);
        for address in entry.sources() {
            self.by_source.entry(address.to_canonical()).or_default().push(entry.clone());
        }
        self.trunks.insert(entry.id, entry);
    }

    /// Adds a route for calls to `number`.
    pub fn add_route(&mut self, number: &E164, entry: RouteEntry) {
        self.routes.insert(number.as_str().to_owned(), entry);
    }

    /// Adds a queue.
    pub fn add_queue(&mut self, id: QueueId, entry: QueueEntry) {
        self.queue_names.insert((entry.company, entry.name.clone()), id);
        self.queues.insert(id, entry);
    }

    /// Adds an active flow.
    pub fn add_flow(&mut self, id: FlowId, entry: FlowEntry) {
        self.flows.insert(id, entry);
    }

    /// Lets flows call an agent by e-mail address.
    pub fn name_agent(&mut self, company: CompanyId, email: &str, id: UserId) {
        self.agent_names.insert((company, email.to_lowercase()), id);
    }

    /// The agent with this e-mail address.
    #[must_use]
    pub fn agent_called(&self, company: CompanyId, email: &str) -> Option<UserId> {
        self.agent_names.get(&(company, email.trim().to_lowercase())).copied()
    }

    /// The active flow with this id.
    #[must_use]
    pub fn flow(&self, id: FlowId) -> Option<&FlowEntry> {
        self.flows.get(&id)
    }

    /// The queue of a company with this name or id.
    #[must_use]
    pub fn queue_named(&self, company: CompanyId, name: &str) -> Option<QueueId> {
        let by_name = self.queue_names.get(&(company, name.to_owned())).copied();
        let by_id = || name.parse().ok().filter(|id| self.queue(*id).is_some_and(|queue| queue.company == company));
        by_name.or_else(by_id)
    }

    /// Adds an active user who takes calls.
    pub fn add_agent(&mut self, id: UserId, entry: AgentEntry) {
        self.agents.insert(id, entry);
    }

    /// The company, when it is active.
    #[must_use]
    pub fn company(&self, id: CompanyId) -> Option<CompanyEntry> {
        self.companies.get(&id).copied()
    }

    /// The line with this SIP user name.
    #[must_use]
    pub fn by_username(&self, username: &str) -> Option<&Arc<ExtensionEntry>> {
        self.by_username.get(username).filter(|entry| self.companies.contains_key(&entry.company))
    }

    /// The line of a company with this number.
    #[must_use]
    pub fn by_number(&self, company: CompanyId, number: &str) -> Option<&Arc<ExtensionEntry>> {
        self.by_number.get(&(company, number.to_owned()))
    }

    /// The line with this id.
    #[must_use]
    pub fn by_id(&self, id: ExtensionId) -> Option<&Arc<ExtensionEntry>> {
        self.by_id.get(&id)
    }

    /// The lines of a user.
    #[must_use]
    pub fn lines_of(&self, user: UserId) -> &[Arc<ExtensionEntry>] {
        self.by_user.get(&user).map_or(&[], Vec::as_slice)
    }

    /// The trunk with this id.
    #[must_use]
    pub fn trunk(&self, id: TrunkId) -> Option<&Arc<TrunkEntry>> {
        self.trunks.get(&id)
    }

    /// All trunks by registration.
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<TrunkEntry>> {
        self.trunks.values().filter(|trunk| trunk.account().is_some())
    }

    /// The trunks whose carrier sends from `source`. Several companies may rent from one carrier.
    #[must_use]
    pub fn trunks_from(&self, source: IpAddr) -> &[Arc<TrunkEntry>] {
        self.by_source.get(&source.to_canonical()).map_or(&[], Vec::as_slice)
    }

    /// Where a call to `called`, arriving over one of `trunks`, leads, and over which of them it came. The number may stand in
    /// international form with or without `+`, or as people of the company's country write it.
    #[must_use]
    pub fn inbound<'a>(
        &self,
        called: &str,
        trunks: &'a [Arc<TrunkEntry>],
    ) -> Option<(&'a Arc<TrunkEntry>, RouteEntry)> {
        let international = called.strip_prefix('+').unwrap_or(called);
        let plain = (!international.starts_with('0')).then(|| format!("+{international}"));
        let leads = |number: &str, trunk: &TrunkEntry| {
            self.routes.get(number).copied().filter(|route| route.company == trunk.company)
        };
        // Almost every carrier sends the international form; reading the other costs microseconds.
        let found = plain.and_then(|plain| trunks.iter().find_map(|trunk| Some((trunk, leads(&plain, trunk)?))));
        found
            .or_else(|| {
                trunks.iter().find_map(|trunk| {
                    let home = self.company(trunk.company)?.default_country;
                    let local = E164::parse(called, home).ok()?;
                    Some((trunk, leads(local.as_str(), trunk)?))
                })
            })
            .filter(|(trunk, _)| self.company(trunk.company).is_some())
    }

    /// Where calls to a number of the company's own lead, as people of its country write it.
    #[must_use]
    pub fn own_number(&self, company: CompanyId, dialled: &str) -> Option<InboundTarget> {
        let number = E164::parse(dialled, self.company(company)?.default_country).ok()?;
        self.routes.get(number.as_str()).filter(|route| route.company == company).map(|route| route.target)
    }

    /// The queue with this id.
    #[must_use]
    pub fn queue(&self, id: QueueId) -> Option<&QueueEntry> {
        self.queues.get(&id)
    }

    /// All queues.
    pub fn queues(&self) -> impl Iterator<Item = (QueueId, &QueueEntry)> {
        self.queues.iter().map(|(id, entry)| (*id, entry))
    }

    /// Adds a callback whose time has come.
    pub fn add_callback(&mut self, id: CallbackId, entry: CallbackEntry) {
        let call = CallId::from_uuid(id.as_uuid());
        self.callback_numbers.insert((entry.company, entry.queue, entry.number.clone()), call);
        self.callbacks.insert(call, entry);
    }

    /// All callbacks, by the ids that routers know them under.
    pub(super) fn callbacks(&self) -> impl Iterator<Item = (CallId, &CallbackEntry)> {
        self.callbacks.iter().map(|(id, entry)| (*id, entry))
    }

    /// A callback.
    pub(super) fn callback(&self, id: CallId) -> Option<&CallbackEntry> {
        self.callbacks.get(&id)
    }

    /// Whether there are callbacks whose time has come.
    pub(super) fn has_callbacks(&self) -> bool {
        !self.callbacks.is_empty()
    }

    /// The callback to a number that waits in a queue.
    pub(super) fn callback_to(
        &self,
        company: CompanyId,
        queue: QueueId,
        number: &E164,
    ) -> Option<(CallId, &CallbackEntry)> {
        let id = self.callback_numbers.get(&(company, queue, number.clone()))?;
        Some((*id, self.callbacks.get(id)?))
    }

    /// All agents.
    pub fn agents(&self) -> impl Iterator<Item = (UserId, &AgentEntry)> {
        self.agents.iter().map(|(id, entry)| (*id, entry))
    }

    /// An agent.
    #[must_use]
    pub fn agent(&self, id: UserId) -> Option<&AgentEntry> {
        self.agents.get(&id)
    }
}
