//! Inbound routes in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::unit::{Unit, unless_taken};
use crate::id::InboundRouteId;
use crate::phone::InboundRoute;
use crate::store::{InboundRouteStore, StoreError};

#[async_trait]
impl InboundRouteStore for Unit<'_> {
    async fn insert_inbound_route(&mut self, route: &InboundRoute) -> Result<(), StoreError> {
        self.admits(route)?;
        unless_taken::<InboundRoute>(self.state().routes.contains(&route.id), "id")?;
        unless_taken::<InboundRoute>(self.state().routed.contains(&route.number), "number")?;
        let state = self.change()?;
        state.routed.insert(route.number.clone(), route.id);
        state.routes.insert(route.id, Arc::new(route.clone()));
        Ok(())
    }

    async fn update_inbound_route(&mut self, route: &InboundRoute) -> Result<(), StoreError> {
        let stored = Arc::clone(self.follows(self.state().routes.get(&route.id), route)?);
        let owner = self.state().routed.get(&route.number);
        unless_taken::<InboundRoute>(owner.is_some_and(|owner| *owner != route.id), "number")?;
        let state = self.change()?;
        state.routed.remove(&stored.number);
        state.routed.insert(route.number.clone(), route.id);
        state.routes.insert(route.id, Arc::new(route.clone()));
        Ok(())
    }

    async fn delete_inbound_route(&mut self, id: InboundRouteId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(route) = self.visible(self.state().routes.get(&id)) else { return Ok(false) };
        let state = self.change()?;
        state.routes.remove(&id);
        state.routed.remove(&route.number);
        Ok(true)
    }

    async fn inbound_route(&mut self, id: InboundRouteId) -> Result<Option<InboundRoute>, StoreError> {
        Ok(self.visible(self.state().routes.get(&id)))
    }

    async fn inbound_routes(&mut self) -> Result<Vec<InboundRoute>, StoreError> {
        Ok(self.by_company(self.state().routes.values(), |route| route.number.clone()))
    }
}
