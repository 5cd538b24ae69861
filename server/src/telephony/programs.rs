//! Active flows, compiled for call control. A company's are compiled again when one of them or a calendar has changed.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use dialplane_core::flow::{Calendar, Flow};
use dialplane_core::id::{CalendarId, CompanyId, FlowId};
use dialplane_core::store::{StoreError, Tx};
use dialplane_ivr::{Flow as Document, Program, Surroundings};
use dialplane_signaling::edge::{Directory, FlowEntry};

/// What programs were made of: the active versions and the calendars.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Sources {
    flows: Vec<(FlowId, u32, String)>,
    calendars: Vec<(CalendarId, u32)>,
}

#[derive(Debug, Default)]
struct Compiled {
    sources: Sources,
    flows: Vec<(FlowId, FlowEntry)>,
}

/// The programs of all companies, from reading to reading.
#[derive(Debug, Default)]
pub(super) struct Programs(Mutex<HashMap<CompanyId, Compiled>>);

impl Programs {
    /// Adds the active flows to a directory.
    pub(super) async fn add(&self, tx: &mut dyn Tx, directory: &mut Directory) -> Result<(), StoreError> {
        let mut companies: BTreeMap<CompanyId, (Vec<Flow>, Vec<Calendar>)> = BTreeMap::new();
        for flow in tx.flows().await?.into_iter().filter(|flow| flow.active.is_some()) {
            companies.entry(flow.company).or_default().0.push(flow);
        }
        if companies.is_empty() {
            return Ok(());
        }
        for calendar in tx.calendars().await? {
            if let Some(company) = companies.get_mut(&calendar.company) {
                company.1.push(calendar);
            }
        }
        for (company, (flows, calendars)) in companies {
            let sources = Sources {
                flows: flows.iter().map(|flow| (flow.id, flow.active.unwrap_or(0), flow.name.clone())).collect(),
                calendars: calendars.iter().map(|calendar| (calendar.id, calendar.version)).collect(),
            };
            let known = self.known(company, &sources);
            let compiled = match known {
                Some(flows) => flows,
                None => {
                    let flows = compile(tx, company, &flows, calendars).await?;
                    let compiled = Compiled { sources, flows: flows.clone() };
                    self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(company, compiled);
                    flows
                }
            };
            compiled.into_iter().for_each(|(id, entry)| directory.add_flow(id, entry));
        }
        Ok(())
    }

    fn known(&self, company: CompanyId, sources: &Sources) -> Option<Vec<(FlowId, FlowEntry)>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&company).filter(|compiled| compiled.sources == *sources).map(|compiled| compiled.flows.clone())
    }
}

async fn compile(
    tx: &mut dyn Tx,
    company: CompanyId,
    flows: &[Flow],
    calendars: Vec<Calendar>,
) -> Result<Vec<(FlowId, FlowEntry)>, StoreError> {
    let mut documents = BTreeMap::new();
    for flow in flows {
        let Some(number) = flow.active else { continue };
        let Some(text) = tx.flow_document(flow.id, number).await? else { continue };
        match Document::read(&text) {
            Ok(document) => drop(documents.insert(flow.name.clone(), document)),
            Err(problems) => tracing::error!(flow = ?flow.id, number, ?problems, "an active flow cannot be read"),
        }
    }
    let hours = calendars
        .into_iter()
        .filter_map(|calendar| Some((calendar.name, serde_json::from_value(calendar.hours).ok()?)));
    let around = Surroundings {
        calendars: Some(Cow::Owned(hours.collect())),
        flows: Some(Cow::Borrowed(&documents)),
        // A queue or recording that is gone costs its callers a branch, not the whole flow.
        ..Surroundings::default()
    };
    let mut entries = Vec::with_capacity(flows.len());
    for flow in flows {
        let (Some(version), Some(document)) = (flow.active, documents.get(&flow.name)) else { continue };
        match Program::compile(&flow.name, document, &around) {
            Ok(program) => entries.push((flow.id, FlowEntry { company, version, program: Arc::new(program) })),
            Err(problems) => tracing::error!(flow = ?flow.id, version, ?problems, "an active flow cannot be run"),
        }
    }
    Ok(entries)
}
