//! Which nodes and branches were passed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::program::Program;

/// What tests passed of a flow; its subflows have tests of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// Nodes that were entered, and all nodes.
    pub nodes: (usize, usize),
    /// Branches that were taken, and all branches.
    pub branches: (usize, usize),
    /// Nodes that were not entered and branches that were not taken: `node`, `node.branch`.
    pub missed: Vec<String>,
}

impl Coverage {
    /// The share of nodes and branches together, in percent.
    #[must_use]
    pub fn percent(&self) -> f64 {
        let (passed, all) = (self.nodes.0 + self.branches.0, self.nodes.1 + self.branches.1);
        if all == 0 { 100.0 } else { passed as f64 * 100.0 / all as f64 }
    }
}

/// Gathers what tests pass.
pub(super) struct Covering {
    nodes: BTreeSet<u32>,
    branches: BTreeSet<(u32, u16)>,
    own: u32,
}

impl Covering {
    pub(super) fn new(program: &Program) -> Self {
        let own = program.nodes.iter().filter(|step| step.flow == 0).count() as u32;
        Self { nodes: BTreeSet::new(), branches: BTreeSet::new(), own }
    }

    pub(super) fn add(&mut self, machine: &Machine) {
        for (node, way) in machine.ways_taken().filter(|(node, _)| *node < self.own) {
            match way {
                Some(way) => drop(self.branches.insert((node, way))),
                None => drop(self.nodes.insert(node)),
            }
        }
    }

    pub(super) fn result(&self, program: &Program) -> Coverage {
        let mut missed = Vec::new();
        let mut all = 0;
        for (place, step) in (0..self.own).zip(&program.nodes) {
            if !self.nodes.contains(&place) {
                missed.push(step.name.to_string());
            }
            all += step.branches.len();
            for (way, branch) in (0..).zip(&step.branches) {
                if !self.branches.contains(&(place, way)) {
                    missed.push(format!("{}.{}", step.name, branch.label));
                }
            }
        }
        Coverage { nodes: (self.nodes.len(), self.own as usize), branches: (self.branches.len(), all), missed }
    }
}
