//! What documents say about their surroundings. All else about them is the business of `dialplane_ivr`.

use std::collections::BTreeSet;

use dialplane_ivr::flow::{Segment, Spoken};
use dialplane_ivr::{Flow as Document, Node};

use super::FlowUses;

/// What a document refers to. Calendars of its own are not among it.
#[must_use]
pub fn uses(document: &Document) -> FlowUses {
    let (mut flows, mut calendars, mut queues) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for node in document.nodes.values() {
        match node {
            Node::Subflow(node) => drop(flows.insert(node.flow.clone())),
            Node::Hours(node) if !document.calendars.contains_key(&node.calendar) => {
                calendars.insert(node.calendar.clone());
            }
            Node::Queue(node) => drop(queues.insert(node.queue.clone())),
            Node::QueueStatus(node) => drop(queues.insert(node.queue.clone())),
            _ => {}
        }
    }
    let spoken = document.prompts.values().flat_map(|languages| languages.values());
    let segments = spoken.filter_map(|spoken| match spoken {
        Spoken::Segments(segments) => Some(segments),
        Spoken::Say(_) => None,
    });
    let prompts: BTreeSet<String> = segments
        .flatten()
        .filter_map(|segment| match segment {
            Segment::Audio(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    let list = |names: BTreeSet<String>| names.into_iter().collect();
    FlowUses { flows: list(flows), prompts: list(prompts), calendars: list(calendars), queues: list(queues) }
}
