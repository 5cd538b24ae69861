//! A call, as the edge keeps it: the machine, and what its legs are made of in SIP.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use dialplane_core::call::{Hangup, LegKind};
use dialplane_core::command::call::CallReport;
use dialplane_core::id::{CallId, CompanyId, QueueId, TrunkId, UserId};
use dialplane_core::queue::Decision;
use dialplane_core::queue::log::Stays;

use super::claims::Asked;
use super::desk::Desk;
use super::directory::TrunkEntry;
use super::flow::FlowRun;
use super::stay::Stay;
use super::transfer::Transfer;
use super::voice::Hearing;
use crate::call::{Call, LegId, Offer, Side};
use crate::media::relay::SessionId;
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::Incoming;
use crate::sip::flow::{Flow, TxId};
use crate::sip::wire::Message;

/// Someone to send an INVITE to.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// A registered phone.
    Phone(Arc<PhoneTarget>),
    /// A number behind a carrier.
    Carrier(Arc<CarrierTarget>),
}

#[derive(Debug)]
pub(super) struct PhoneTarget {
    pub(super) uri: String,
    pub(super) routes: Vec<String>,
    pub(super) flow: Flow,
    pub(super) username: String,
    pub(super) agent: UserId,
}

#[derive(Debug)]
pub(super) struct CarrierTarget {
    pub(super) trunk: Arc<TrunkEntry>,
    /// In international form.
    pub(super) number: String,
    /// The number that the called party is shown. In a call that the host placed, the agent's phone is shown the destination instead.
    pub(super) caller: String,
    pub(super) flow: Flow,
}

/// How the next one to ring is found.
#[derive(Debug)]
pub(super) enum Plan {
    /// These, one after another.
    Offers(VecDeque<Offer<Target>>),
    /// The router of the company says.
    Queue(Box<Desk>),
    /// The host has been asked and will say.
    Admission,
    /// A flow says.
    Flow(Box<FlowRun>),
    /// Whoever is rung is called back, and waits in the queue once they have answered, in the place of somebody who came then.
    CallBack { queue: QueueId, since: Option<Instant> },
}

/// One leg's SIP side.
#[derive(Debug)]
pub(super) struct LegEntry {
    pub(super) kind: LegKind,
    pub(super) party: String,
    pub(super) agent: Option<UserId>,
    pub(super) flow: Flow,
    pub(super) dialog: Option<Dialog>,
    pub(super) state: LegSip,
    /// A re-INVITE or UPDATE of the peer that waits for its answer.
    pub(super) reoffer: Option<(TxId, Box<Incoming>)>,
    /// The trunk of a carrier that may ask once for its account's password.
    pub(super) account: Option<Arc<TrunkEntry>>,
    /// The codec, once it is settled.
    pub(super) codec: Option<&'static str>,
    /// Whether it has ended.
    pub(super) over: bool,
}

#[derive(Debug)]
pub(super) enum LegSip {
    /// The peer's INVITE.
    Uas { tx: TxId, incoming: Box<Incoming> },
    /// Our INVITE.
    Uac { tx: TxId, invite: Box<Message> },
    /// The INVITE could not be sent.
    Unsent,
}

/// What a client transaction of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The INVITE of a leg, ours or the peer's.
    Invite,
    /// A re-INVITE of ours.
    Reinvite { cseq: u32 },
    /// A re-INVITE of the peer that we answered: its ACK is awaited.
    PeerReinvite,
    /// A BYE; the leg's dialog is forgotten with it.
    Bye,
    /// An INFO.
    Info,
    /// A NOTIFY: news of a transfer.
    Notify,
}

/// A transaction's place: the call, the leg, what for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) call: CallId,
    pub(super) leg: LegId,
    pub(super) purpose: Purpose,
}

#[derive(Debug)]
pub(super) struct CallEntry {
    pub(super) company: CompanyId,
    pub(super) machine: Call<Target>,
    pub(super) plan: Plan,
    pub(super) legs: Vec<LegEntry>,
    pub(super) media: Option<SessionId>,
    /// Who calls, as the called party is shown.
    pub(super) caller: String,
    /// What was called.
    pub(super) called: String,
    /// The trunk the call came in on, or leaves by.
    pub(super) trunk: Option<TrunkId>,
    /// Hops the caller's INVITE may still take.
    pub(super) max_forwards: u8,
    /// Agents rung by an offer, by its key.
    pub(super) offered: Vec<(u64, UserId)>,
    /// Agents who are being claimed.
    pub(super) asked: Vec<Asked>,
    /// Agents who are claimed.
    pub(super) claimed: Vec<UserId>,
    /// Why the offer with this key was made, until the offer is noted.
    pub(super) decided: Option<(u64, Box<Decision>)>,
    /// Who gave the call to an agent by hand just now.
    pub(super) given_by: Option<UserId>,
    /// Who has it from a queue.
    pub(super) taken_by: Option<UserId>,
    /// Its stays in queues, for what they are worth to agents.
    pub(super) stays: Stays,
    /// Agents whom the router must not offer calls because of this one.
    pub(super) engaged: Vec<UserId>,
    /// The stay in a queue: from its routing to its answer.
    pub(super) stay: Option<Stay>,
    /// What the caller hears from us.
    pub(super) hearing: Hearing,
    /// The callback that an agent makes by it: the router knows the call by its name.
    pub(super) callback: Option<CallId>,
    /// The callback whose place its caller has: they called again, or were called before an agent.
    pub(super) returned: Option<CallId>,
    pub(super) next_key: u64,
    pub(super) hangup: Option<Hangup>,
    /// The final status of whoever was rung in vain last.
    pub(super) refused: Option<u16>,
    /// Whether a party holds the other.
    pub(super) on_hold: bool,
    /// The transfer under way.
    pub(super) transfer: Option<Transfer>,
    /// Transfers begun so far.
    pub(super) transfers: u32,
    /// The side whose party is played music: the other one holds or transfers it.
    pub(super) music: Option<Side>,
    /// What was not handed out yet.
    pub(super) report: CallReport,
    /// The record is being opened by the host: reports wait until it is.
    pub(super) held_back: bool,
    /// Whether the call is in the list of those with something to report.
    pub(super) listed: bool,
    /// When the machine is next due, as the heap of deadlines knows it.
    pub(super) due: Option<Instant>,
}

impl CallEntry {
    pub(super) fn leg(&self, leg: LegId) -> Option<&LegEntry> {
        self.legs.get(leg.0 as usize)
    }

    pub(super) fn leg_mut(&mut self, leg: LegId) -> Option<&mut LegEntry> {
        self.legs.get_mut(leg.0 as usize)
    }

    /// A key for the next offer, which rings `agent`.
    pub(super) fn key(&mut self, agent: Option<UserId>) -> u64 {
        self.next_key += 1;
        self.offered.extend(agent.map(|agent| (self.next_key, agent)));
        self.next_key
    }

    /// The queue that the call waits in.
    pub(super) fn waits_in(&self) -> Option<QueueId> {
        self.stay.as_ref().map(Stay::queue)
    }

    /// Why the offer with this key was made.
    pub(super) fn decision(&mut self, key: u64) -> Option<Box<Decision>> {
        self.decided.take_if(|(own, _)| *own == key).map(|(_, decision)| decision)
    }

    pub(super) fn agent_of(&self, key: u64) -> Option<UserId> {
        self.offered.iter().find(|(known, _)| *known == key).map(|(_, agent)| *agent)
    }
}
