//! A unit of work: a copy of the state, and what all nouns have in common.

use std::sync::Arc;

use async_trait::async_trait;

use super::Shared;
use super::gate::Pass;
use super::state::{Row, State, Versioned};
use crate::id::CompanyId;
use crate::scope::Scope;
use crate::store::{Listing, Page, Repo, StoreError, Tx};

/// A unit of work.
pub(super) struct Unit<'a> {
    shared: &'a Shared,
    scope: Scope,
    state: Arc<State>,
    /// Held while writing; `None` in a unit of work that only reads.
    pass: Option<Pass>,
}

/// A unit of work that only reads was asked to write or to lock.
#[derive(Debug, thiserror::Error)]
#[error("this unit of work only reads")]
struct OnlyReads;

impl<'a> Unit<'a> {
    /// Begins on what is committed: for writers after their turn has come.
    pub(super) fn new(shared: &'a Shared, scope: Scope, pass: Option<Pass>) -> Self {
        Self { shared, scope, state: shared.current(), pass }
    }

    /// The state, to read.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Whether a row of `company` is visible.
    pub(super) fn sees(&self, company: CompanyId) -> bool {
        self.scope.sees(company)
    }

    /// Refuses to lock in a unit of work that only reads.
    pub(super) fn may_write(&self) -> Result<(), StoreError> {
        if self.pass.is_some() { Ok(()) } else { Err(StoreError::Backend(Box::new(OnlyReads))) }
    }

    /// The state, to change. What is checked must be checked before: an error after a change would leave half of it.
    pub(super) fn change(&mut self) -> Result<&mut State, StoreError> {
        self.may_write()?;
        Ok(Arc::make_mut(&mut self.state))
    }

    /// A copy of the row, when it is visible.
    pub(super) fn visible<R: Row>(&self, row: Option<&Arc<R>>) -> Option<R> {
        row.filter(|row| self.sees(row.company())).map(|row| R::clone(row))
    }

    /// Checks that a row to insert belongs into the scope.
    pub(super) fn admits<R: Row>(&self, row: &R) -> Result<(), StoreError> {
        self.may_write()?;
        if self.sees(row.company()) { Ok(()) } else { Err(StoreError::OutOfScope) }
    }

    /// Checks that `new` follows the stored row, and gives that.
    pub(super) fn follows<'r, R: Versioned>(
        &self,
        stored: Option<&'r Arc<R>>,
        new: &R,
    ) -> Result<&'r Arc<R>, StoreError> {
        self.may_write()?;
        stored
            .filter(|row| self.sees(row.company()) && row.company() == new.company())
            .filter(|row| row.version().checked_add(1) == Some(new.version()))
            .ok_or(StoreError::Stale)
    }

    /// One page of the visible rows that `keep` picks, in the order of `rows`.
    pub(super) fn listing<'r, R: Row + 'r>(
        &self,
        rows: impl Iterator<Item = &'r Arc<R>>,
        page: Page,
        keep: impl Fn(&R) -> bool,
    ) -> Listing<R> {
        let mut listing = Listing { items: Vec::new(), total: 0 };
        for row in rows.filter(|row| self.sees(row.company()) && keep(row)) {
            if listing.total >= page.offset && listing.items.len() < page.limit as usize {
                listing.items.push(R::clone(row));
            }
            listing.total += 1;
        }
        listing
    }

    /// All visible rows, sorted by company and then by `key`.
    pub(super) fn by_company<'r, R: Row + 'r, K: Ord>(
        &self,
        rows: impl Iterator<Item = &'r Arc<R>>,
        key: impl Fn(&R) -> K,
    ) -> Vec<R> {
        let mut rows: Vec<R> = rows.filter(|row| self.sees(row.company())).map(|row| R::clone(row)).collect();
        rows.sort_by_cached_key(|row| (row.company(), key(row)));
        rows
    }
}

/// The error of an identity that exists.
pub(super) const fn duplicate<R: Row>(constraint: &'static str) -> StoreError {
    StoreError::Duplicate { entity: R::ENTITY, constraint }
}

/// [`duplicate`] when `taken`.
pub(super) fn unless_taken<R: Row>(taken: bool, constraint: &'static str) -> Result<(), StoreError> {
    if taken { Err(duplicate::<R>(constraint)) } else { Ok(()) }
}

#[async_trait]
impl Tx for Unit<'_> {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { shared, state, pass, .. } = *self;
        if pass.is_some() {
            shared.replace(state);
        }
        // The next writer comes in after the state is in place.
        drop(pass);
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Repo for Unit<'_> {
    fn scope(&self) -> Scope {
        self.scope
    }
}
