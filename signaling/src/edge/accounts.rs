//! Trunks by registration: one registration at the carrier for each, as long as the directory has it and the edge runs.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use dialplane_core::id::TrunkId;

use super::directory::TrunkEntry;
use super::run::Edge;
use crate::sip::flow::{Flow, TxId};
use crate::sip::registration::{Addresses, Input, Registration, State, Trouble};
use crate::sip::wire::{Builder, Message, Name};

/// How the registration of a trunk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrunkRegistration {
    /// How.
    pub state: State,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it ends unless it is refreshed.
    pub expires_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed.
    pub trouble: Option<Trouble>,
}

/// A trunk's registration. One that has ended is kept until the carrier has heard of it.
#[derive(Debug)]
pub(super) struct Account {
    /// Tells it from others of the same trunk, which may be ending while a new one begins.
    key: u64,
    trunk: Arc<TrunkEntry>,
    addresses: Addresses,
    ends: bool,
    machine: Registration,
}

impl Edge {
    /// Begins and ends registrations as the directory says.
    pub(super) fn follow_accounts(&mut self, now: Instant) {
        if self.stopping.is_some() {
            return;
        }
        let directory = self.directory.clone();
        for at in 0..self.accounts.len() {
            let Some(account) = self.accounts.get(at).filter(|account| !account.ends) else { continue };
            let trunk = directory.trunk(account.trunk.id).filter(|trunk| directory.company(trunk.company).is_some());
            let same = trunk.filter(|trunk| self.addresses_of(trunk).as_ref() == Some(&account.addresses)).cloned();
            let Some(account) = self.accounts.get_mut(at) else { continue };
            match same {
                Some(trunk) => {
                    let old = std::mem::replace(&mut account.trunk, trunk);
                    match account.trunk.account() {
                        Some(new) if old.account() != Some(new) => {
                            account.machine.handle(now, Input::Changed(new.clone()));
                        }
                        _ if old.address != account.trunk.address => account.machine.handle(now, Input::Begin),
                        _ => {}
                    }
                }
                None => account.end(now),
            }
        }
        for trunk in directory.accounts().filter(|trunk| directory.company(trunk.company).is_some()) {
            let known = self.accounts.iter().any(|account| account.trunk.id == trunk.id && !account.ends);
            let (false, Some(addresses), Some(account)) = (known, self.addresses_of(trunk), trunk.account()) else {
                continue;
            };
            let mut machine = Registration::new(addresses.clone(), account.clone(), self.surroundings.ids.clone());
            machine.handle(now, Input::Begin);
            self.accounts_begun += 1;
            let (key, trunk) = (self.accounts_begun, trunk.clone());
            self.accounts.push(Account { key, trunk, addresses, ends: false, machine });
        }
        self.drain_accounts(now);
    }

    /// Takes all registrations back.
    pub(super) fn end_accounts(&mut self, now: Instant) {
        self.accounts.iter_mut().for_each(|account| account.end(now));
        self.drain_accounts(now);
    }

    fn addresses_of(&self, trunk: &TrunkEntry) -> Option<Addresses> {
        let user = &trunk.account()?.username;
        let flow = Flow::to(trunk.protocol, self.local, self.local);
        Some(Addresses {
            registrar: format!("sip:{}", trunk.uri_place()),
            record: format!("sip:{user}@{}", trunk.uri_host()),
            contact: self.own_uri(Some(user), &flow),
        })
    }

    pub(super) fn accounts_due(&mut self, now: Instant) {
        if self.account_due.is_some_and(|at| at <= now) {
            self.accounts.iter_mut().for_each(|account| account.machine.handle_timeout(now));
            self.drain_accounts(now);
        }
    }

    /// A response to a REGISTER of ours.
    pub(super) fn register_answered(&mut self, now: Instant, tx: TxId, message: &Message) {
        if message.status().is_some_and(|status| status < 200) {
            return;
        }
        if let Some(key) = self.registers.remove(&tx) {
            self.tell_account(now, key, Input::Response(message));
        }
    }

    /// A REGISTER of ours got no answer, or could not be sent.
    pub(super) fn register_lost(&mut self, now: Instant, tx: TxId, trouble: Trouble) {
        if let Some(key) = self.registers.remove(&tx) {
            self.tell_account(now, key, Input::Lost(trouble));
        }
    }

    fn tell_account(&mut self, now: Instant, key: u64, input: Input<'_>) {
        let Some(account) = self.accounts.iter_mut().find(|account| account.key == key) else { return };
        let before = account.machine.status();
        account.machine.handle(now, input);
        let after = account.machine.status();
        if (before.state, before.trouble) != (after.state, after.trouble) {
            match after.trouble {
                Some(trouble) => tracing::warn!(trunk = %account.trunk.id, %trouble, "a trunk could not be registered"),
                None => {
                    tracing::info!(trunk = %account.trunk.id, state = after.state.as_str(), "a trunk's registration");
                }
            }
        }
        self.drain_accounts(now);
    }

    fn drain_accounts(&mut self, now: Instant) {
        for at in 0..self.accounts.len() {
            while let Some(request) = self.accounts.get_mut(at).and_then(|account| account.machine.poll_command()) {
                let sent = self.send_register(now, at, request);
                if let (Err(trouble), Some(account)) = (sent, self.accounts.get_mut(at)) {
                    account.machine.handle(now, Input::Lost(trouble));
                }
            }
        }
        self.accounts.retain(|account| !account.machine.is_over());
        self.account_due = self.accounts.iter().filter_map(|account| account.machine.poll_timeout()).min();
    }

    fn send_register(&mut self, now: Instant, at: usize, request: Builder) -> Result<(), Trouble> {
        let Some(account) = self.accounts.get(at) else { return Ok(()) };
        let address = account.trunk.address.ok_or(Trouble::Unresolved)?;
        let key = account.key;
        let flow = Flow::to(account.trunk.protocol, self.local, address);
        let request =
            request.header(Name::Via, self.endpoint.via(&flow)).header(Name::UserAgent, &self.config.software).finish();
        let tx = self.endpoint.send_request(now, request, flow).map_err(|error| {
            tracing::warn!(%error, "a REGISTER was not sent");
            Trouble::Unreachable
        })?;
        self.registers.insert(tx, key);
        Ok(())
    }

    /// How the registrations stand.
    pub(super) fn registrations(&self, now: Instant) -> Vec<(TrunkId, TrunkRegistration)> {
        let clock = self.surroundings.clock.now();
        let time = |at: Instant| {
            let ahead = chrono::TimeDelta::from_std(at.saturating_duration_since(now)).unwrap_or_default();
            let ago = chrono::TimeDelta::from_std(now.saturating_duration_since(at)).unwrap_or_default();
            clock + ahead - ago
        };
        let of = |account: &Account| {
            let status = account.machine.status();
            let registration = TrunkRegistration {
                state: status.state,
                since: status.since.map_or(clock, time),
                expires_at: status.expires_at.map(time),
                trouble: status.trouble,
            };
            (account.trunk.id, registration)
        };
        self.accounts.iter().filter(|account| !account.ends).map(of).collect()
    }
}

impl Account {
    fn end(&mut self, now: Instant) {
        self.ends = true;
        self.machine.handle(now, Input::End);
    }
}
