//! Flows in memory, with their drafts and versions.

use std::sync::Arc;

use async_trait::async_trait;

use super::unit::{Unit, unless_taken};
use crate::flow::{Flow, FlowVersion};
use crate::id::FlowId;
use crate::store::{FlowStore, Listing, Page, StoreError};

#[async_trait]
impl FlowStore for Unit<'_> {
    async fn insert_flow(&mut self, flow: &Flow) -> Result<(), StoreError> {
        self.admits(flow)?;
        let name = (flow.company, flow.name.clone());
        unless_taken::<Flow>(self.state().flows.contains(&flow.id), "id")?;
        unless_taken::<Flow>(self.state().flow_names.contains(&name), "name")?;
        let state = self.change()?;
        state.flow_names.insert(name, flow.id);
        state.flows.insert(flow.id, Arc::new(flow.clone()));
        Ok(())
    }

    async fn update_flow(&mut self, flow: &Flow) -> Result<(), StoreError> {
        let stored = Arc::clone(self.follows(self.state().flows.get(&flow.id), flow)?);
        let name = (flow.company, flow.name.clone());
        let owner = self.state().flow_names.get(&name);
        unless_taken::<Flow>(owner.is_some_and(|owner| *owner != flow.id), "name")?;
        let state = self.change()?;
        state.flow_names.remove(&(stored.company, stored.name.clone()));
        state.flow_names.insert(name, flow.id);
        state.flows.insert(flow.id, Arc::new(flow.clone()));
        Ok(())
    }

    async fn delete_flow(&mut self, id: FlowId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(flow) = self.visible(self.state().flows.get(&id)) else { return Ok(false) };
        let versions: Vec<u32> = self.versions_of(id).map(|version| version.number).collect();
        let state = self.change()?;
        state.flows.remove(&id);
        state.flow_names.remove(&(flow.company, flow.name));
        state.flow_drafts.remove(&id);
        for number in versions {
            state.flow_versions.remove(&(id, number));
            state.flow_documents.remove(&(id, number));
        }
        Ok(true)
    }

    async fn flow(&mut self, id: FlowId) -> Result<Option<Flow>, StoreError> {
        Ok(self.visible(self.state().flows.get(&id)))
    }

    async fn flows(&mut self) -> Result<Vec<Flow>, StoreError> {
        Ok(self.by_company(self.state().flows.values(), |flow| flow.id))
    }

    async fn write_flow_draft(&mut self, flow: FlowId, document: Option<&str>) -> Result<(), StoreError> {
        self.may_write()?;
        if self.flow(flow).await?.is_none() {
            return Err(StoreError::Stale);
        }
        let drafts = &mut self.change()?.flow_drafts;
        match document {
            Some(document) => drafts.insert(flow, document.into()),
            None => drop(drafts.remove(&flow)),
        }
        Ok(())
    }

    async fn flow_draft(&mut self, flow: FlowId) -> Result<Option<String>, StoreError> {
        let is_visible = self.flow(flow).await?.is_some();
        Ok(self.state().flow_drafts.get(&flow).filter(|_| is_visible).map(|draft| (**draft).to_owned()))
    }

    async fn insert_flow_version(&mut self, version: &FlowVersion, document: &str) -> Result<(), StoreError> {
        self.admits(version)?;
        if self.state().flows.get(&version.flow).is_none_or(|flow| flow.company != version.company) {
            return Err(StoreError::OutOfScope);
        }
        let key = (version.flow, version.number);
        unless_taken::<FlowVersion>(self.state().flow_versions.contains(&key), "number")?;
        let state = self.change()?;
        state.flow_versions.insert(key, Arc::new(version.clone()));
        state.flow_documents.insert(key, document.into());
        Ok(())
    }

    async fn flow_version(&mut self, flow: FlowId, number: u32) -> Result<Option<FlowVersion>, StoreError> {
        Ok(self.visible(self.state().flow_versions.get(&(flow, number))))
    }

    async fn flow_document(&mut self, flow: FlowId, number: u32) -> Result<Option<String>, StoreError> {
        let is_visible = self.flow_version(flow, number).await?.is_some();
        let document = self.state().flow_documents.get(&(flow, number));
        Ok(document.filter(|_| is_visible).map(|document| (**document).to_owned()))
    }

    async fn flow_versions(&mut self, flow: FlowId, page: Page) -> Result<Listing<FlowVersion>, StoreError> {
        let mut versions: Vec<&Arc<FlowVersion>> = self.versions_of(flow).collect();
        versions.reverse();
        Ok(self.listing(versions.into_iter(), page, |_| true))
    }

    async fn active_flow_versions(&mut self) -> Result<Vec<FlowVersion>, StoreError> {
        let state = self.state();
        let active = state.flows.values().filter_map(|flow| state.flow_versions.get(&(flow.id, flow.active?)));
        Ok(self.by_company(active, |version| version.flow))
    }
}

impl Unit<'_> {
    /// The versions of a flow, oldest first.
    fn versions_of(&self, flow: FlowId) -> impl Iterator<Item = &Arc<FlowVersion>> {
        let versions = self.state().flow_versions.from(&(flow, 0));
        versions.take_while(move |((own, _), _)| *own == flow).map(|(_, version)| version)
    }
}
