//! Flows compiled for running: names resolved to places, expressions compiled, subflows linked in.
//!
//! A program never changes. A call holds the one it began with, so that activating another version leaves it alone.

mod compile;
mod op;

use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;

pub(crate) use op::{
    Act, Body, CallbackOp, CaseOp, CollectOp, DialKind, DialOp, Gathering, MenuOp, Op, PhoneOp, Piece, PlayOp, Prompt,
    QueueOp, SubflowOp, VoicemailOp, WaitOp, Way, WebhookOp,
};

use crate::check::{self, Problem, Surroundings};
use crate::expr::Value;
use crate::flow::Flow;

/// A compiled flow with all its subflows. Share it between calls.
#[derive(Debug)]
pub struct Program {
    pub(crate) nodes: Box<[Step]>,
    /// The flow itself, then its subflows.
    pub(crate) flows: Box<[FlowPart]>,
}

/// A node.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: Arc<str>,
    pub(crate) flow: u16,
    pub(crate) branches: Box<[Branch]>,
    pub(crate) op: Op,
}

/// A way out of a node.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) label: Box<str>,
    pub(crate) target: u32,
}

/// What the nodes of a flow share.
#[derive(Debug)]
pub(crate) struct FlowPart {
    pub(crate) name: Arc<str>,
    pub(crate) start: u32,
    pub(crate) on_error: Option<u32>,
    pub(crate) languages: Box<[Arc<str>]>,
    pub(crate) timezone: Option<Tz>,
    pub(crate) variables: Box<[VariablePart]>,
    pub(crate) max: Duration,
    /// By name, for those that an action may play.
    pub(crate) prompts: Vec<(Box<str>, Arc<Prompt>)>,
}

#[derive(Debug)]
pub(crate) struct VariablePart {
    pub(crate) name: Box<str>,
    pub(crate) initial: Value,
    pub(crate) secret: bool,
}

impl FlowPart {
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable.secret && &*variable.name == name)
    }
}

impl Program {
    /// Compiles a flow. `name` is what it is called among the surrounding flows.
    ///
    /// # Errors
    /// The problems of the flow, when one of them is an error, or when a subflow of it has errors.
    pub fn compile(name: &str, flow: &Flow, around: &Surroundings<'_>) -> Result<Self, Vec<Problem>> {
        let mut problems = check::check(flow, around);
        if problems.iter().any(Problem::is_error) {
            problems.retain(Problem::is_error);
            return Err(problems);
        }
        compile::link(name, flow, around)
    }

    /// Links a flow without asking whether it makes sense: a machine has to end whatever it is given.
    #[cfg(test)]
    pub(crate) fn link_unchecked(name: &str, flow: &Flow, around: &Surroundings<'_>) -> Self {
        compile::link_as_is(name, flow, around).unwrap()
    }

    /// The number of nodes, those of subflows included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node; such a flow does not compile.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The names of the recordings that the program plays, in each flow and language.
    pub fn audio(&self) -> impl Iterator<Item = &str> {
        let prompts = self.flows.iter().flat_map(|flow| &flow.prompts);
        let pieces = prompts.flat_map(|(_, prompt)| prompt.iter().flatten());
        pieces.filter_map(|piece| match piece {
            Piece::Audio(name) => Some(&**name),
            _ => None,
        })
    }

    pub(crate) fn name(&self, node: u32) -> &str {
        self.nodes.get(node as usize).map(|step| &*step.name).unwrap_or_default()
    }

    pub(crate) fn branch(&self, node: u32, way: u16) -> Option<&Branch> {
        self.nodes.get(node as usize)?.branches.get(usize::from(way))
    }

    /// The name of a node's flow, when it is a subflow.
    pub(crate) fn flow_name(&self, node: u32) -> Option<&str> {
        let flow = self.nodes.get(node as usize)?.flow;
        (flow != 0).then(|| self.flows.get(usize::from(flow)).map(|part| &*part.name))?
    }
}
