//! From the beginning of a flow to its end: what the machine wants is done here, or handed to whom it concerns.

use std::time::Instant;

use dialplane_core::call::{Change, HangupCause};
use dialplane_core::command::flow::Left;
use dialplane_core::id::CallId;
use dialplane_ivr::machine::{Cause, Command, Finish, Input};

use super::super::Order;
use super::super::call_entry::{CallEntry, Plan};
use super::super::run::Edge;
use super::{FlowRun, Phase};

impl CallEntry {
    pub(in super::super) fn flow(&mut self) -> Option<&mut FlowRun> {
        match &mut self.plan {
            Plan::Flow(run) => Some(run),
            _ => None,
        }
    }

    /// Tells the call's flow something; nothing when it has none.
    pub(in super::super) fn tell_flow(&mut self, now: Instant, input: Input) {
        if let Some(run) = self.flow() {
            run.tell(now, input);
        }
    }
}

impl Edge {
    /// Gives an input to the flow of a call and carries out what follows.
    pub(in super::super) fn feed_flow(&mut self, now: Instant, id: CallId, input: Input) {
        let Some(mut entry) = self.calls.remove(&id) else { return };
        entry.tell_flow(now, input);
        self.drive(now, id, entry);
    }

    /// Begins the flow as soon as the caller hears us.
    pub(in super::super) fn begin_flow(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        let waits = entry.flow().is_some_and(|run| run.began.is_none() && !run.machine.is_over());
        if !waits || entry.machine.voice().is_none() {
            return;
        }
        self.attach_voice(entry);
        self.report_in_flow(now, id, entry);
        if let Some(run) = entry.flow() {
            run.began = Some(now);
            run.tell(now, Input::Begin);
        }
    }

    /// Notes that the flow talks with the caller.
    pub(super) fn report_in_flow(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        if let Some((flow, version)) = entry.flow().and_then(|run| run.flow) {
            let change = Change::InFlow { flow, version };
            self.report(now, id, entry, change);
        }
    }

    /// Does what the flow of a call wants; `false` when it wants nothing.
    pub(in super::super) fn drain_flow(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) -> bool {
        self.begin_flow(now, id, entry);
        let Some(command) = entry.flow().and_then(|run| run.machine.poll_command()) else { return false };
        match command {
            Command::Play { play, sounds, language, repeat } => self.play(id, entry, play, sounds, language, repeat),
            Command::StopPlay(play) => self.stop_play(entry, play),
            Command::Request(token, request) => {
                let (host, company) = (self.surroundings.host.clone(), entry.company);
                self.ask(async move {
                    let result = host.web_request(company, id, token.0, request).await;
                    Order::Flow(id, Input::Answered(token, result))
                });
            }
            Command::AskQueue(token, queue) => {
                let status = self.queue_status(now, entry.company, &queue);
                entry.tell_flow(now, Input::QueueStatus(token, status));
            }
            Command::Enqueue(wait) => self.enter_queue(now, id, entry, &wait),
            Command::Dequeue => self.leave_queue(now, id, entry),
            Command::Dial(dial) => self.dial(now, id, entry, &dial),
            Command::Record(token, record) => self.record_message(now, id, entry, token, &record),
            Command::StopRecord(token) => {
                if let Some(session) = entry.media {
                    // A recording that has ended by itself is not stopped again.
                    self.relay.stop_record(session, crate::call::Side::A, token.0.into()).ok();
                }
            }
            Command::StartCallRecording => self.record_call(id, entry),
            Command::StopCallRecording => self.stop_call_recording(entry),
            Command::RequestCallback(token, request) => {
                let arranged = self.arrange_callback(now, id, entry, &request);
                entry.tell_flow(now, Input::Callback(token, arranged));
            }
            Command::Tag { tags, disposition } => {
                self.report(now, id, entry, Change::Tagged { tags, outcome: disposition });
            }
            Command::Finish(finish) => self.finish_flow(now, id, entry, finish),
        }
        true
    }

    /// Has something done away from this task.
    pub(in super::super) fn ask(&self, work: impl Future<Output = Order> + Send + 'static) {
        let orders = self.own_orders.clone();
        tokio::spawn(async move {
            let order = work.await;
            // An edge that has stopped wants no answer.
            orders.send(order).await.ok();
        });
    }

    fn finish_flow(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, finish: Finish) {
        let at = self.surroundings.clock.now();
        entry.hearing.playing = None;
        let Some(run) = entry.flow() else { return };
        run.phase = Phase::Alone;
        if let Finish::Fault(fault) = finish {
            tracing::warn!(flow = ?run.flow, node = run.machine.node(), %fault, "a flow could not go on");
        }
        let ends = run.ends;
        if let Some((flow, version)) = run.flow {
            let ended = finish.to_string();
            let steps = serde_json::to_value(run.machine.trace()).unwrap_or_default();
            entry.report.left.push(Left::Trace { flow, version, steps, ended, at });
        }
        self.list_report(now, id, entry);
        let cause = match finish {
            Finish::Caller => return,
            Finish::HangUp(Cause::Normal) | Finish::Completed | Finish::Message => HangupCause::NormalClearing,
            Finish::HangUp(Cause::Busy) => HangupCause::UserBusy,
            Finish::HangUp(Cause::Rejected) => HangupCause::CallRejected,
            Finish::HangUp(Cause::Congestion) => HangupCause::NoCircuit,
            Finish::HangUp(Cause::Failure) | Finish::Fault(_) => HangupCause::TemporaryFailure,
        };
        Self::tell(entry, now, crate::call::Input::EndAll { cause: ends.unwrap_or(cause) });
    }
}
