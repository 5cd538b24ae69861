//! Where transactions live: a slab, so that an id finds its transaction without hashing, and a heap of deadlines.

use super::key::Key;
use crate::sip::flow::{Flow, Transmit, TxId};
use crate::sip::transaction::{InviteClient, InviteServer, NonInviteClient, NonInviteServer};
use crate::sip::wire::Message;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Instant;

/// One of the four machines.
#[derive(Debug)]
pub(super) enum Machine {
    InviteClient(InviteClient),
    InviteServer(InviteServer),
    Client(NonInviteClient),
    Server(NonInviteServer),
}

impl Machine {
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::InviteClient(machine) => machine.handle_timeout(now),
            Self::InviteServer(machine) => machine.handle_timeout(now),
            Self::Client(machine) => machine.handle_timeout(now),
            Self::Server(machine) => machine.handle_timeout(now),
        }
    }

    pub(super) fn poll_command(&mut self) -> Option<crate::sip::transaction::Command> {
        match self {
            Self::InviteClient(machine) => machine.poll_command(),
            Self::InviteServer(machine) => machine.poll_command(),
            Self::Client(machine) => machine.poll_command(),
            Self::Server(machine) => machine.poll_command(),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::InviteClient(machine) => machine.poll_timeout(),
            Self::InviteServer(machine) => machine.poll_timeout(),
            Self::Client(machine) => machine.poll_timeout(),
            Self::Server(machine) => machine.poll_timeout(),
        }
    }
}

/// What only one kind of transaction needs.
#[derive(Debug)]
pub(super) enum Part {
    /// A client. The request of an INVITE is kept until its final response, for its ACK and CANCEL; then the ACK of each fork.
    Client { request: Option<Message>, cancel: CancelState, acks: Vec<(u64, Option<Transmit>)> },
    /// The CANCEL of an INVITE; nobody waits for it.
    Cancel,
    /// A server; `origin` only of an INVITE.
    Server { origin: Option<Key>, cancelled: bool, acknowledged: bool },
}

/// How far the cancellation of an INVITE of ours has come.
#[derive(Debug)]
pub(super) enum CancelState {
    None,
    /// Asked for before any provisional came; sent with the first one (§9.1). Holds the Reason.
    Waiting(Option<Box<str>>),
    Sent,
}

/// A transaction and its surroundings.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) machine: Machine,
    pub(super) part: Part,
    pub(super) flow: Flow,
    pub(super) fallback: Option<SocketAddr>,
    /// The deadline in the heap that counts; others of this entry are outdated.
    scheduled: Option<Instant>,
}

impl Entry {
    pub(super) fn new(key: Key, machine: Machine, part: Part, flow: Flow, fallback: Option<SocketAddr>) -> Self {
        Self { key, machine, part, flow, fallback, scheduled: None }
    }
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    entry: Option<Box<Entry>>,
}

/// All transactions.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    deadlines: BinaryHeap<Reverse<(Instant, TxId)>>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Deadlines in the heap, outdated ones included.
    pub(super) fn deadlines(&self) -> usize {
        self.deadlines.len()
    }

    pub(super) fn insert(&mut self, entry: Entry) -> TxId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, entry: None });
            // 2^32 entries do not fit into any memory this runs in.
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let Some(place) = self.slots.get_mut(slot as usize) else { return TxId { slot, generation: 0 } };
        place.entry = Some(Box::new(entry));
        TxId { slot, generation: place.generation }
    }

    pub(super) fn get(&self, id: TxId) -> Option<&Entry> {
        let slot = self.slots.get(id.slot as usize)?;
        if slot.generation == id.generation { slot.entry.as_deref() } else { None }
    }

    pub(super) fn get_mut(&mut self, id: TxId) -> Option<&mut Entry> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation == id.generation { slot.entry.as_deref_mut() } else { None }
    }

    pub(super) fn remove(&mut self, id: TxId) -> Option<Box<Entry>> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let entry = slot.entry.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        Some(entry)
    }

    /// Notes the machine's next deadline. Only an earlier one needs a place in the heap: a later one is looked up when
    /// the earlier comes up.
    pub(super) fn schedule(&mut self, id: TxId) {
        let Some(entry) = self.get_mut(id) else { return };
        let Some(at) = entry.machine.poll_timeout() else { return };
        if entry.scheduled.is_none_or(|scheduled| at < scheduled) {
            entry.scheduled = Some(at);
            self.deadlines.push(Reverse((at, id)));
        }
    }

    /// A transaction whose deadline has come. Call [`Self::schedule`] for it afterwards.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<TxId> {
        while let Some(Reverse((at, id))) = self.deadlines.peek().copied() {
            if at > now {
                return None;
            }
            self.deadlines.pop();
            let Some(entry) = self.get_mut(id) else { continue };
            if entry.scheduled != Some(at) {
                continue;
            }
            entry.scheduled = None;
            return Some(id);
        }
        None
    }

    /// The next deadline; it may turn out to be outdated.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((at, _))| *at)
    }
}
