//! Trunks in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::state::State;
use super::unit::{Unit, unless_taken};
use crate::id::TrunkId;
use crate::phone::Trunk;
use crate::store::{StoreError, TrunkStore};

#[async_trait]
impl TrunkStore for Unit<'_> {
    async fn insert_trunk(&mut self, trunk: &Trunk) -> Result<(), StoreError> {
        self.admits(trunk)?;
        let name = (trunk.company, trunk.name.clone());
        unless_taken::<Trunk>(self.state().trunks.contains(&trunk.id), "id")?;
        unless_taken::<Trunk>(self.state().trunk_names.contains(&name), "name")?;
        put(self.change()?, trunk);
        Ok(())
    }

    async fn update_trunk(&mut self, trunk: &Trunk) -> Result<(), StoreError> {
        let stored = Arc::clone(self.follows(self.state().trunks.get(&trunk.id), trunk)?);
        let owner = self.state().trunk_names.get(&(trunk.company, trunk.name.clone()));
        unless_taken::<Trunk>(owner.is_some_and(|owner| *owner != trunk.id), "name")?;
        let state = self.change()?;
        state.trunk_names.remove(&(stored.company, stored.name.clone()));
        put(state, trunk);
        Ok(())
    }

    async fn delete_trunk(&mut self, id: TrunkId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(trunk) = self.visible(self.state().trunks.get(&id)) else { return Ok(false) };
        let state = self.change()?;
        state.trunks.remove(&id);
        state.trunk_names.remove(&(trunk.company, trunk.name));
        Ok(true)
    }

    async fn trunk(&mut self, id: TrunkId) -> Result<Option<Trunk>, StoreError> {
        Ok(self.visible(self.state().trunks.get(&id)))
    }

    async fn trunks(&mut self) -> Result<Vec<Trunk>, StoreError> {
        Ok(self.by_company(self.state().trunks.values(), |trunk| trunk.id))
    }
}

/// Stores a trunk; when it is the default, no other of its company is afterwards.
fn put(state: &mut State, trunk: &Trunk) {
    if trunk.is_default {
        let others = state.trunks.values().filter(|other| other.is_default && other.company == trunk.company);
        for other in others.map(|other| Trunk::clone(other)).collect::<Vec<_>>() {
            state.trunks.insert(other.id, Arc::new(Trunk { is_default: false, ..other }));
        }
    }
    state.trunk_names.insert((trunk.company, trunk.name.clone()), trunk.id);
    state.trunks.insert(trunk.id, Arc::new(trunk.clone()));
}
