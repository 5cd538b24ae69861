//! Agents are claimed in the database before their phones ring.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialplane_core::call::{Call, Direction, NewCall};
use dialplane_core::clock::{Clock, SystemClock};
use dialplane_core::id::{IdSource, SystemIds};
use dialplane_core::queue::claim::{Offer, OfferClaim, OfferState};
use dialplane_core::queue::router::UNCLAIMED_DELAY;
use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, Page, Store};
use dialplane_storage_postgres::PostgresStore;
use dialplane_storage_sqlite::SqliteStore;
use tokio::runtime::Runtime;

use crate::support::company::{Agent, Company};
use crate::support::peer::Peer;
use crate::support::postgres::Database;
use crate::support::server::Server;
use crate::support::wait::until;
use crate::{CUSTOMER, NUMBER};

const SOON: Duration = Duration::from_secs(5);

/// The database of a running server, as another process has it.
struct Other {
    runtime: Runtime,
    store: Arc<dyn Store>,
}

impl Other {
    fn file(path: &Path) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let store = runtime.block_on(SqliteStore::open(path)).expect("the database opens");
        Self { runtime, store: Arc::new(store) }
    }

    fn server(url: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let store = runtime.block_on(PostgresStore::connect(url)).expect("the database answers");
        Self { runtime, store: Arc::new(store) }
    }

    fn offers(&self) -> Vec<Offer> {
        self.runtime.block_on(async {
            let mut tx = self.store.begin(Scope::System, Access::Read).await.expect("reading");
            tx.offers().await.expect("offers")
        })
    }

    /// Claims an agent for a call of this process's.
    fn claim(&self, agent: &Agent) -> OfferClaim {
        let (ids, at): (&dyn IdSource, _) = (&SystemIds::default(), SystemClock.now());
        let (call, node) = (ids.id(at), Some(ids.id(at)));
        let agent = agent.id.parse().expect("an id");
        self.runtime.block_on(async {
            let mut tx = self.store.begin(Scope::System, Access::Write).await.expect("writing");
            let company = tx.companies(Page::FIRST).await.expect("companies").items.remove(0).id;
            let (direction, from, to) = (Direction::Inbound, "+12025550142".into(), NUMBER.into());
            let (number, trunk, lead) = (None, None, None);
            let new = NewCall { id: call, company, direction, from, to, agent: None, number, trunk, lead, node, at };
            tx.insert_calls(&[Call::begin(new)]).await.expect("a call");
            let claim = OfferClaim { call, agent, capacity: 1, node, at };
            tx.claim_offer(&claim).await.expect("an answer").expect("a claim");
            tx.commit().await.expect("a commit");
            claim
        })
    }

    fn release(&self, claim: &OfferClaim) {
        self.runtime.block_on(async {
            let mut tx = self.store.begin(Scope::System, Access::Write).await.expect("writing");
            assert_eq!(tx.release_offers(&[(claim.call, claim.agent)]).await.expect("an answer"), 1);
            tx.commit().await.expect("a commit");
        });
    }
}

/// A queue with one agent.
fn desk(server: &Server) -> (Company, Agent, Peer) {
    let company = server.company();
    let carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let ann = company.agent("ann");
    let queue = company.queue(20, 120, &[&ann]);
    company.route(NUMBER, "queue", &queue);
    (company, ann, carrier)
}

#[test]
fn an_agent_whom_another_process_has_is_not_rung_until_they_are_free() {
    let server = Server::start();
    let (_, ann, mut carrier) = desk(&server);
    let mut phone = Peer::registered(server.sip, &ann.line);
    let other = Other::file(&server.database_file());
    let theirs = other.claim(&ann);
    let mut caller = carrier.invite(NUMBER);
    let refused = || server.metric("dialplane_claims_refused_total").filter(|refused| *refused >= 2.0);
    until(4 * UNCLAIMED_DELAY, "asked for twice", refused);
    assert!(phone.maybe_incoming(Duration::from_millis(100)).is_none(), "{}", phone.story());
    other.release(&theirs);
    let ringing = phone.incoming_for(4 * UNCLAIMED_DELAY);
    ringing.answer(&mut phone);
    caller.expect(&mut carrier, 200);
    let accepted = || other.offers().first().filter(|offer| offer.state == OfferState::Accepted).cloned();
    assert_eq!(until(SOON, "the agent has the call", accepted).agent, theirs.agent);
    caller.hang_up(&mut carrier);
    ringing.hung_up(&mut phone);
    until(SOON, "the agent is free", || other.offers().is_empty().then_some(()));
}

#[test]
fn a_caller_who_leaves_frees_whoever_was_claimed_and_whoever_declines_is_free() {
    let server = Server::start();
    let (company, ann, mut carrier) = desk(&server);
    let mut phone = Peer::registered(server.sip, &ann.line);
    let other = Other::file(&server.database_file());
    // Callers who leave at once, while a claim is under way, and callers who leave while the phone rings.
    for round in 0..20 {
        let mut caller = carrier.invite(NUMBER);
        if round % 2 == 0 {
            caller.cancel(&mut carrier);
            continue;
        }
        let mut ringing = phone.incoming();
        ringing.ring(&mut phone);
        // One that was rung for a caller who had left.
        while ringing.maybe_cancelled(&mut phone, Duration::from_millis(50)).is_some() {
            ringing.refuse(&mut phone, "487 Request Terminated");
            ringing = phone.incoming();
            ringing.ring(&mut phone);
        }
        caller.cancel(&mut carrier);
        ringing.cancelled(&mut phone, SOON);
    }
    company.ended_calls(20);
    until(SOON, "nobody is held", || other.offers().is_empty().then_some(()));
    let mut caller = carrier.invite(NUMBER);
    let ringing = phone.incoming();
    assert_eq!(other.offers().len(), 1);
    ringing.refuse(&mut phone, "486 Busy Here");
    until(SOON, "who was busy is free", || other.offers().is_empty().then_some(()));
    caller.cancel(&mut carrier);
    company.ended_calls(21);
    server.await_idle();
}

#[test]
fn an_agent_who_was_claimed_when_the_server_died_is_free_at_the_next_start() {
    let server = Server::start();
    let other = Other::file(&server.database_file());
    killed(server, &other);
}

#[test]
fn the_same_holds_of_claims_on_postgres() {
    let database = Database::create();
    let server = Server::on(&database.url);
    let other = Other::server(&database.url);
    killed(server, &other);
}

#[track_caller]
fn killed(mut server: Server, other: &Other) {
    let (_, ann, _) = desk(&server);
    let mut ended = 0;
    for rings in [false, true] {
        let mut phone = Peer::registered(server.sip, &ann.line);
        // Another each time: it says again what was not answered.
        let mut carrier = Peer::new(server.sip, CUSTOMER);
        let mut caller = carrier.invite(NUMBER);
        // As soon as the claim is there, or while the phone rings.
        if rings {
            phone.incoming().ring(&mut phone);
            caller.expect(&mut carrier, 180);
        }
        let deadline = Instant::now() + SOON;
        while other.offers().is_empty() {
            assert!(Instant::now() < deadline, "nobody was claimed");
        }
        server.kill();
        assert_eq!(other.offers().len(), 1, "the claim outlives the process");
        server.restart();
        assert_eq!(other.offers(), [], "somebody is stuck");
        ended += 1;
        server.company().ended_calls(ended);
    }
    let mut carrier = Peer::new(server.sip, CUSTOMER);
    let mut phone = Peer::registered(server.sip, &ann.line);
    let mut caller = carrier.invite(NUMBER);
    let ringing = phone.incoming();
    ringing.answer(&mut phone);
    caller.expect(&mut carrier, 200);
    caller.hang_up(&mut carrier);
    ringing.hung_up(&mut phone);
    server.company().ended_calls(ended + 1);
    until(SOON, "nobody is held", || other.offers().is_empty().then_some(()));
}
