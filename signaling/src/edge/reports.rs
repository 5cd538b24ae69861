//! From what a call tells about itself to what is logged of it.

use std::time::Instant;

use dialplane_core::call::{Change, Hangup, HangupCause, LeaveReason, Side};
use dialplane_core::command::call::CallReport;
use dialplane_core::id::CallId;
use dialplane_core::queue::router;

use super::call_entry::CallEntry;
use super::routing::failure;
use super::run::Edge;
use crate::call::{CallEvent, HangupSide, LegId, OfferFailure};

impl Edge {
    /// Notes a change of a call for the log.
    pub(super) fn report(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, change: Change) {
        let at = self.surroundings.clock.now();
        self.note_work(now, id, entry, at, &change);
        entry.report.changes.push((at, change));
        self.list_report(now, id, entry);
    }

    /// Puts the call on the list of those with something to report.
    pub(super) fn list_report(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        let empty = is_empty(&entry.report);
        if !entry.listed && !entry.held_back && !empty {
            entry.listed = true;
            self.reporting.push(id);
            self.report_soon(now);
        }
    }

    pub(super) fn has_reports(&self) -> bool {
        !self.reporting.is_empty() || !self.last_reports.is_empty()
    }

    /// What is to be recorded now.
    pub(super) fn take_reports(&mut self) -> Vec<CallReport> {
        let mut batch = std::mem::take(&mut self.last_reports);
        for id in std::mem::take(&mut self.reporting) {
            if let Some(entry) = self.calls.get_mut(&id) {
                entry.listed = false;
                batch.push(take(&mut entry.report));
            }
        }
        self.report_due = None;
        batch
    }

    /// The call is over: its last report is kept until it is handed out.
    pub(super) fn last_report(&mut self, now: Instant, entry: &mut CallEntry) {
        if !is_empty(&entry.report) {
            self.last_reports.push(take(&mut entry.report));
            self.report_soon(now);
        }
    }

    /// Logs an event of the machine and lets the router know.
    pub(super) fn tell_event(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, event: CallEvent) {
        match event {
            CallEvent::Offered { key, .. } => {
                if let Some(agent) = entry.agent_of(key) {
                    let decision = entry.decision(key);
                    self.report(now, id, entry, Change::Offered { agent, decision });
                }
            }
            CallEvent::OfferFailed { key, reason } => self.tell_offer_failed(now, id, entry, key, reason),
            CallEvent::Ringing { leg, .. } => self.report(now, id, entry, Change::Ringing { leg: leg.0 }),
            CallEvent::EarlyMedia { leg } => self.report(now, id, entry, Change::EarlyMedia { leg: leg.0 }),
            // That the caller was answered is told when it is done, since it also happens as part of being connected.
            CallEvent::Answered { key: None, .. } => {}
            CallEvent::Answered { leg, key: Some(key) } => self.tell_answered(now, id, entry, leg, key),
            CallEvent::Bridged { a, b } => {
                self.report(now, id, entry, Change::Bridged { a: a.0, b: b.0 });
                // One whose phone has hung up before is told nothing more.
                entry.transfer = None;
                entry.on_hold = entry.machine.is_on_hold();
                self.follow_hold(entry);
                self.desk_bridged(entry);
                self.flow_bridged(now, entry);
            }
            CallEvent::Transferred { .. } => self.transferred(now, id, entry),
            CallEvent::Released { .. } => self.transferor_left(now, id, entry),
            CallEvent::PartyLeft { .. } => {
                self.follow_hold(entry);
                self.flow_parted(now, id, entry);
            }
            CallEvent::Held { leg } => {
                entry.on_hold = true;
                self.renew_voice(entry);
                self.follow_hold(entry);
                self.report(now, id, entry, Change::Held { leg: leg.0 });
            }
            CallEvent::Resumed { leg } => {
                entry.on_hold = entry.machine.is_on_hold();
                self.renew_voice(entry);
                self.follow_hold(entry);
                self.report(now, id, entry, Change::Resumed { leg: leg.0 });
            }
            CallEvent::HungUp { side, cause, status } => {
                // Where nobody else is left to ring, the call ends by the word of whoever was rung last.
                let (side, status) = match (side, status, entry.refused) {
                    (HangupSide::System, None, Some(refused)) => (HangupSide::B, Some(refused)),
                    told => (told.0, told.1),
                };
                entry.hangup.get_or_insert(Hangup { side: logged_side(side), cause, sip_status: status });
            }
            CallEvent::Ended { cause, .. } => self.tell_ended(now, id, entry, cause),
            CallEvent::Digit { leg, digit } => self.info_key(now, id, entry, leg, digit),
            CallEvent::Created { .. } => {}
        }
    }

    fn tell_offer_failed(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, key: u64, reason: OfferFailure) {
        let Some(agent) = entry.agent_of(key) else { return };
        self.report(now, id, entry, Change::OfferFailed { agent, reason: failure(reason) });
        self.disengage(now, entry, agent);
        entry.release(agent);
        if let Some(callback) = entry.callback.filter(|_| entry.stay.is_some()) {
            self.end_stay(entry);
            self.callback_lost(now, entry.company, callback, agent, failure(reason));
        }
    }

    fn tell_answered(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, leg: LegId, key: u64) {
        let codec = entry.leg(leg).and_then(|leg| leg.codec).map(str::to_owned);
        self.report(now, id, entry, Change::Answered { leg: leg.0, codec });
        if let Some(agent) = entry.agent_of(key)
            && entry.stay.is_some()
        {
            self.stay_answered(now, entry);
            self.end_stay(entry);
            entry.accept(agent);
            self.tell_taken(now, id, entry, agent);
        }
    }

    fn tell_ended(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, cause: HangupCause) {
        self.end_transfer(now, entry);
        let unknown = Hangup { side: Side::System, cause, sip_status: None };
        let hangup = entry.hangup.unwrap_or(unknown);
        let reason = if hangup.side == Side::Caller { LeaveReason::Abandoned } else { LeaveReason::Ended };
        self.stay_ended(now, id, entry, reason);
        self.report(now, id, entry, Change::Ended { hangup });
        // The end of a call releases whoever was claimed for it.
        entry.asked.clear();
        self.tell_over(now, id, entry);
        self.callback_call_ended(now, entry);
        for agent in std::mem::take(&mut entry.engaged) {
            self.tell_router(now, entry.company, router::Input::AgentReleased { agent });
        }
        entry.tell_flow(now, dialplane_ivr::machine::Input::HungUp);
    }
}

pub(super) fn is_empty(report: &CallReport) -> bool {
    report.begin.is_none() && report.changes.is_empty() && report.left.is_empty() && report.offers.is_empty()
}

fn take(report: &mut CallReport) -> CallReport {
    CallReport {
        call: report.call,
        begin: report.begin.take(),
        changes: std::mem::take(&mut report.changes),
        left: std::mem::take(&mut report.left),
        offers: std::mem::take(&mut report.offers),
    }
}

const fn logged_side(side: HangupSide) -> Side {
    match side {
        HangupSide::A => Side::Caller,
        HangupSide::B => Side::Callee,
        HangupSide::System => Side::System,
    }
}
