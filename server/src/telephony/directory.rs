//! The edge's directory: read from the store at the start, read again when something in it has changed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono_tz::Tz;
use dialplane_core::clock::{Clock as _, SystemClock};
use dialplane_core::company::{Company, end_of_day, local_day, start_of_day};
use dialplane_core::event::{Envelope, Event};
use dialplane_core::id::{CompanyId, NumberId, UserId};
use dialplane_core::people::User;
use dialplane_core::phone::{E164, InboundRoute, TrunkTransport};
use dialplane_core::queue::log::AgentWork;
use dialplane_core::queue::{AgentSettings, Callback, Queue};
use dialplane_core::store::Access;
use dialplane_core::store::{NumberFilter, Page, Store, StoreError, Tx, UserFilter};
use dialplane_core::{Actor, Permission};
use dialplane_signaling::edge::{
    AgentEntry, CallbackEntry, CompanyEntry, Directory, EdgeHandle, ExtensionEntry, QueueEntry, RouteEntry, TrunkEntry,
};
use dialplane_signaling::sip::digest::{Algorithm, Ha1};
use dialplane_signaling::sip::flow::Protocol;
use tokio::sync::watch;

use super::names::Names;
use super::programs::Programs;
use crate::api::queue_log;
use crate::state::{App, Shared};

/// How often the directory is read without being told to: for changes by other processes, and names whose address moved.
const LOOK: Duration = Duration::from_secs(10);
/// Callbacks that are told to the edge at once; further ones wait until those have been made.
const CALLBACKS_MAX: u32 = 10_000;
/// How long an answer to a client waits for the change to reach the edge.
const PATIENCE: Duration = Duration::from_secs(2);

/// Counts changes that concern the directory, and how far they have reached the edge. A client that was told of a new
/// extension may register its phone in the next instant, so answers wait for the edge.
#[derive(Debug)]
pub(crate) struct DirectoryWatch {
    wanted: watch::Sender<u64>,
    loaded: watch::Sender<u64>,
    names: Names,
    inventory: Inventory,
    programs: Programs,
}

impl Default for DirectoryWatch {
    fn default() -> Self {
        Self {
            wanted: watch::Sender::new(0),
            loaded: watch::Sender::new(0),
            names: Names::default(),
            inventory: Inventory::default(),
            programs: Programs::default(),
        }
    }
}

impl DirectoryWatch {
    /// Takes note of what was committed.
    pub(crate) fn committed(&self, events: &[Envelope]) {
        if events.iter().any(|envelope| matches!(envelope.event, Event::NumberDeleted { .. })) {
            // It may come back under another id.
            *self.inventory.lock() = InventoryIds::default();
        }
        if events.iter().any(|envelope| concerns(&envelope.event)) {
            self.changed();
        }
    }

    /// Something that call control must know of has changed.
    pub(super) fn changed(&self) {
        self.wanted.send_modify(|count| *count += 1);
    }

    /// Waits until every change so far has reached the edge; not for ever, since the change itself is safe in the store. At once
    /// where no edge runs.
    pub(crate) async fn settle(&self) {
        let wanted = *self.wanted.borrow();
        if self.wanted.receiver_count() == 0 {
            return;
        }
        let mut loaded = self.loaded.subscribe();
        let reached = loaded.wait_for(|count| *count >= wanted);
        if tokio::time::timeout(PATIENCE, reached).await.is_err() {
            tracing::warn!("a change has not reached call control yet");
        }
    }
}

const fn concerns(event: &Event) -> bool {
    matches!(
        event,
        Event::CompanyCreated { .. }
            | Event::CompanyUpdated { .. }
            | Event::UserCreated { .. }
            | Event::UserUpdated { .. }
            | Event::UserDeleted { .. }
            | Event::AvailabilityChanged { .. }
            | Event::AgentUpdated { .. }
            | Event::NumbersAdded { .. }
            | Event::NumberDeleted { .. }
            | Event::TelephonyUpdated { .. }
            | Event::QueueUpdated { .. }
            | Event::CallbackUpdated { .. }
            | Event::FlowActivated { .. }
            | Event::CalendarUpdated { .. }
            | Event::PromptUpdated { .. }
    )
}

/// Keeps the edge's directory current until the edge stops.
pub(super) async fn keep_current(app: Shared, edge: EdgeHandle) {
    let mut wanted = app.directory.wanted.subscribe();
    loop {
        // Changes during the reading are seen by the next round, as the count was taken before it.
        let count = *wanted.borrow_and_update();
        match load(&app).await {
            Ok(directory) => {
                if edge.replace(Arc::new(directory)).await.is_err() {
                    return;
                }
                app.directory.loaded.send_replace(count);
            }
            Err(error) => tracing::warn!(%error, "the directory could not be read, trying again"),
        }
        let changed = tokio::time::timeout(LOOK, wanted.changed()).await;
        if matches!(changed, Ok(Err(_))) {
            return;
        }
    }
}

/// Reads the first directory of a run, which says as well what agents did today.
pub(super) async fn load_first(app: &App) -> Result<Directory, StoreError> {
    let mut tx = app.engine.store().begin(Actor::system().scope(), Access::Read).await?;
    let now = SystemClock.now();
    let zones: HashMap<CompanyId, Tz> =
        companies(&mut *tx).await?.into_iter().map(|company| (company.id, company.timezone)).collect();
    let mut worked = HashMap::new();
    for queue in tx.queues().await? {
        let Some(zone) = zones.get(&queue.company) else { continue };
        let today = local_day(*zone, now);
        let span = (start_of_day(*zone, today), end_of_day(*zone, today));
        queue_log::add_work(&mut *tx, queue.id, span, &mut worked).await?;
    }
    tx.rollback().await?;
    read(app, &worked).await
}

/// Reads the directory.
pub(super) async fn load(app: &App) -> Result<Directory, StoreError> {
    read(app, &HashMap::new()).await
}

/// Reads the directory in one consistent unit of work.
async fn read(app: &App, worked: &HashMap<UserId, AgentWork>) -> Result<Directory, StoreError> {
    let store: &dyn Store = app.engine.store();
    let mut tx = store.begin(Actor::system().scope(), Access::Read).await?;
    let mut directory = Directory::default();
    let active = add_companies(&mut *tx, &mut directory).await?;
    let users = add_agents(&mut *tx, &mut directory, &active, worked).await?;
    for extension in tx.extensions().await? {
        let Some(user) = users.get(&extension.user) else { continue };
        let (Some(md5), Some(sha256)) = (
            Ha1::from_hex(Algorithm::Md5, &extension.secret.md5),
            Ha1::from_hex(Algorithm::Sha256, &extension.secret.sha256),
        ) else {
            tracing::error!(extension = ?extension.id, "the stored secret of an extension cannot be read");
            continue;
        };
        directory.add_extension(ExtensionEntry {
            id: extension.id,
            company: user.company,
            user: user.id,
            number: extension.number,
            username: extension.username,
            version: extension.version,
            md5,
            sha256,
        });
    }
    add_queues(&mut *tx, &mut directory).await?;
    for callback in tx.due_callbacks(SystemClock.now(), CALLBACKS_MAX).await? {
        let Callback { company, queue, number, since, .. } = callback;
        directory.add_callback(callback.id, CallbackEntry { company, queue, number, since });
    }
    app.directory.programs.add(&mut *tx, &mut directory).await?;
    add_routes(&mut *tx, &mut directory, &app.directory.inventory).await?;
    let trunks = tx.trunks().await?;
    tx.rollback().await?;
    for trunk in trunks {
        let address = app.directory.names.address(&trunk.host, trunk.port, &app.directory);
        let protocol = match trunk.transport {
            TrunkTransport::Udp => Protocol::Udp,
            TrunkTransport::Tcp => Protocol::Tcp,
        };
        directory.add_trunk(TrunkEntry {
            id: trunk.id,
            company: trunk.company,
            protocol,
            host: trunk.host,
            port: trunk.port,
            address,
            auth: trunk.auth,
        });
    }
    Ok(directory)
}

async fn companies(tx: &mut dyn Tx) -> Result<Vec<Company>, StoreError> {
    let mut companies = Vec::new();
    for number in 1.. {
        let listing = tx.companies(Page::number(number, Page::LIMIT_MAX)).await?;
        let last = listing.items.len() < Page::LIMIT_MAX as usize;
        companies.extend(listing.items.into_iter().filter(|company| company.is_active));
        if last {
            break;
        }
    }
    Ok(companies)
}

async fn add_companies(tx: &mut dyn Tx, directory: &mut Directory) -> Result<HashSet<CompanyId>, StoreError> {
    let mut active = HashSet::new();
    for Company { id, default_country, timezone, .. } in companies(tx).await? {
        active.insert(id);
        directory.add_company(id, CompanyEntry { default_country, timezone });
    }
    Ok(active)
}

async fn add_agents(
    tx: &mut dyn Tx,
    directory: &mut Directory,
    active: &HashSet<CompanyId>,
    worked: &HashMap<UserId, AgentWork>,
) -> Result<HashMap<UserId, User>, StoreError> {
    let profiles = tx.agent_profiles().await?;
    let mut settings: HashMap<UserId, AgentSettings> =
        profiles.into_iter().map(|profile| (profile.user, profile.settings)).collect();
    let filter = UserFilter { active: Some(true), ..UserFilter::default() };
    let mut users = HashMap::new();
    for number in 1.. {
        let listing = tx.users(&filter, Page::number(number, Page::LIMIT_MAX)).await?;
        let last = listing.items.len() < Page::LIMIT_MAX as usize;
        for user in listing.items {
            if active.contains(&user.company) && Permission::TakeCalls.held_by(user.role.kind()) {
                let entry = AgentEntry {
                    company: user.company,
                    availability: user.availability,
                    settings: settings.remove(&user.id).unwrap_or_default(),
                    worked: worked.get(&user.id).copied().unwrap_or_default(),
                };
                directory.add_agent(user.id, entry);
                directory.name_agent(user.company, user.email.expose(), user.id);
                users.insert(user.id, user);
            }
        }
        if last {
            break;
        }
    }
    Ok(users)
}

/// Adds the queues, each with its opening hours.
async fn add_queues(tx: &mut dyn Tx, directory: &mut Directory) -> Result<(), StoreError> {
    let queues = tx.queues().await?;
    let mut hours = HashMap::new();
    if queues.iter().any(|queue| queue.settings.waiting.calendar.is_some()) {
        for calendar in tx.calendars().await? {
            match serde_json::from_value(calendar.hours) {
                Ok(read) => drop(hours.insert(calendar.id, Arc::new(read))),
                Err(error) => {
                    tracing::error!(%error, calendar = %calendar.id, "the hours of a calendar cannot be read");
                }
            }
        }
    }
    for Queue { id, company, settings, version, .. } in queues {
        let calendar = settings.waiting.calendar.and_then(|calendar| hours.get(&calendar).cloned());
        directory.add_queue(id, QueueEntry { company, name: settings.name.clone(), settings, version, calendar });
    }
    Ok(())
}

/// Adds the routes, each with its number in the inventory.
async fn add_routes(tx: &mut dyn Tx, directory: &mut Directory, known: &Inventory) -> Result<(), StoreError> {
    let routes = tx.inbound_routes().await?;
    let key = |route: &InboundRoute| (route.company, route.number.clone());
    let unknown = routes.iter().any(|route| !known.lock().ids.contains_key(&key(route)));
    if unknown && known.lock().read.is_none_or(|read| read.elapsed() >= LOOK) {
        let ids = read_inventory(tx).await?;
        *known.lock() = InventoryIds { ids, read: Some(Instant::now()) };
    }
    let ids = known.lock();
    for route in routes {
        let number = ids.ids.get(&key(&route)).copied();
        directory.add_route(&route.number, RouteEntry { company: route.company, target: route.target, number });
    }
    Ok(())
}

async fn read_inventory(tx: &mut dyn Tx) -> Result<HashMap<(CompanyId, E164), NumberId>, StoreError> {
    let mut ids = HashMap::new();
    for number in 1.. {
        let listing = tx.numbers(&NumberFilter::default(), Page::number(number, Page::LIMIT_MAX)).await?;
        let last = listing.items.len() < Page::LIMIT_MAX as usize;
        ids.extend(listing.items.into_iter().map(|row| ((row.number.company, row.number.number), row.number.id)));
        if last {
            break;
        }
    }
    Ok(ids)
}

/// Which number of the inventory a called number is. Kept from reading to reading, since an inventory is large and a number in
/// it keeps its id; read again when a route's number is missing, though not at every change.
#[derive(Debug, Default)]
struct Inventory(Mutex<InventoryIds>);

#[derive(Debug, Default)]
struct InventoryIds {
    ids: HashMap<(CompanyId, E164), NumberId>,
    read: Option<Instant>,
}

impl Inventory {
    fn lock(&self) -> MutexGuard<'_, InventoryIds> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
