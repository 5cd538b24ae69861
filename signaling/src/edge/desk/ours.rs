//! Flows that nobody wrote: they take a message or say something, and end the call. Going through the machine of flows they have its
//! patience, limits and clean ends.

use std::sync::Arc;

use dialplane_core::call::HangupCause;
use dialplane_core::id::CallId;
use dialplane_core::queue::announce::Saying;
use dialplane_ivr::{Flow, Program, Surroundings};
use serde_json::{Value, json};

use super::super::call_entry::CallEntry;
use super::super::flow::FlowRun;
use super::super::run::Edge;

impl Edge {
    /// Takes a message in a mailbox.
    pub(super) fn message(&self, id: CallId, entry: &CallEntry, language: &str, mailbox: &str) -> Option<Box<FlowRun>> {
        let nodes = json!({
            "first": {"type": "voicemail", "mailbox": mailbox, "onFail": "end"},
            "end": {"type": "hangup"},
        });
        self.ours(id, entry, language, &nodes)
    }

    /// Says something. Where nobody speaks there is a beep.
    pub(super) fn says(&self, id: CallId, entry: &CallEntry, language: &str, saying: Saying) -> Option<Box<FlowRun>> {
        let phrase = saying.in_language(language);
        let nodes = json!({
            "first": {"type": "say", "text": phrase.text, "bargeIn": false, "next": "end", "onFail": "beep"},
            "beep": {"type": "play", "prompt": "beep", "next": "end", "onFail": "end"},
            "end": {"type": "hangup"},
        });
        self.ours(id, entry, &phrase.language, &nodes)
    }

    /// Says that nobody can take the call, and ends it for `cause`.
    pub(super) fn farewell(
        &self,
        id: CallId,
        entry: &CallEntry,
        language: &str,
        cause: HangupCause,
    ) -> Option<Box<FlowRun>> {
        let mut run = self.says(id, entry, language, Saying::Busy)?;
        run.ends = Some(cause);
        Some(run)
    }

    fn ours(&self, id: CallId, entry: &CallEntry, language: &str, nodes: &Value) -> Option<Box<FlowRun>> {
        let mut document = json!({
            "version": 1, "start": "first", "languages": [language], "onError": "end", "nodes": nodes,
        });
        if nodes.get("beep").is_some() {
            let beeps = json!([{"beep": 400}, {"silence": 400}, {"beep": 400}, {"silence": 400}, {"beep": 400}]);
            document["prompts"] = json!({"beep": {"*": beeps}});
        }
        let program = Flow::read(&document.to_string())
            .and_then(|flow| Program::compile("queue", &flow, &Surroundings::default()))
            .inspect_err(|problems| tracing::error!(?problems, "one of our own flows cannot be run"));
        let run = self.run_of(id, entry.company, Arc::new(program.ok()?), &entry.caller, &entry.called)?;
        Some(Box::new(FlowRun::new(None, run)))
    }
}
