//! Calls that a carrier's service carries, in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::state::State;
use super::unit::{Unit, unless_taken};
use crate::call::carrier::CarrierCall;
use crate::id::CallId;
use crate::store::{CarrierCallStore, StoreError};

#[async_trait]
impl CarrierCallStore for Unit<'_> {
    async fn insert_carrier_call(&mut self, row: &CarrierCall) -> Result<(), StoreError> {
        self.admits(row)?;
        self.has_call(row.company, row.call)?;
        unless_taken::<CarrierCall>(self.state().carrier_calls.contains(&row.call), "call")?;
        self.has_free_sid(row)?;
        put(self.change()?, row);
        Ok(())
    }

    async fn update_carrier_call(&mut self, row: &CarrierCall) -> Result<(), StoreError> {
        let stored = Arc::clone(self.follows(self.state().carrier_calls.get(&row.call), row)?);
        self.has_free_sid(row)?;
        let state = self.change()?;
        if let Some(sid) = &stored.sid {
            state.carrier_sids.remove(&(stored.company, stored.service, sid.clone()));
        }
        put(state, row);
        Ok(())
    }

    async fn carrier_calls(&mut self, calls: &[CallId]) -> Result<Vec<CarrierCall>, StoreError> {
        let calls: BTreeSet<&CallId> = calls.iter().collect();
        Ok(calls.into_iter().filter_map(|call| self.visible(self.state().carrier_calls.get(call))).collect())
    }

    async fn due_carrier_calls(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<CarrierCall>, StoreError> {
        let rows = self.state().carrier_calls.values().filter(|row| row.due_at.is_some_and(|due| due <= now));
        let mut due: Vec<CarrierCall> = rows.filter_map(|row| self.visible(Some(row))).collect();
        due.sort_by_key(|row| (row.due_at, row.call));
        due.truncate(limit as usize);
        Ok(due)
    }
}

impl Unit<'_> {
    /// Refuses a row whose call is not of its company.
    pub(super) fn has_call(&self, company: crate::id::CompanyId, call: CallId) -> Result<(), StoreError> {
        let fits = self.state().calls.get(&call).is_some_and(|call| call.company == company);
        if fits { Ok(()) } else { Err(StoreError::OutOfScope) }
    }

    fn has_free_sid(&self, row: &CarrierCall) -> Result<(), StoreError> {
        let owner =
            row.sid.as_ref().and_then(|sid| self.state().carrier_sids.get(&(row.company, row.service, sid.clone())));
        unless_taken::<CarrierCall>(owner.is_some_and(|owner| *owner != row.call), "sid")
    }
}

fn put(state: &mut State, row: &CarrierCall) {
    if let Some(sid) = &row.sid {
        state.carrier_sids.insert((row.company, row.service, sid.clone()), row.call);
    }
    state.carrier_calls.insert(row.call, Arc::new(row.clone()));
}

/// Removes what belongs to a call that is deleted.
pub(super) fn forget(state: &mut State, call: CallId) {
    let Some(row) = state.carrier_calls.remove(&call) else { return };
    if let Some(sid) = &row.sid {
        state.carrier_sids.remove(&(row.company, row.service, sid.clone()));
    }
}
