//! The unit of work.

use async_trait::async_trait;
use dialplane_core::id::CompanyId;
use dialplane_core::scope::Scope;
use dialplane_core::store::{Repo, StoreError, Tx};
use sqlx::sqlite::SqliteConnection;

use crate::error::{self, OnlyReads};
use crate::pool::ReadLease;
use crate::statement::{self, Answer, Prefix, Query, Scoped};
use crate::writer::Lease;

/// A unit of work on SQLite.
pub struct SqliteRepo<'c> {
    on: On<'c>,
    scope: Scope,
}

/// Where its statements go.
enum On<'c> {
    /// The writer; its own part of a shared transaction.
    Writer(Lease),
    /// A reader.
    Reader(ReadLease),
    /// A connection of the embedding application, which owns the transaction.
    Host(&'c mut SqliteConnection),
}

impl<'c> SqliteRepo<'c> {
    /// Joins a transaction of the embedding application, which has begun it (with `BEGIN IMMEDIATE`, or another writer makes
    /// it fail half-way) and commits it: for [`Engine::execute_in`](dialplane_core::Engine::execute_in).
    pub fn join(connection: &'c mut SqliteConnection, scope: Scope) -> impl Repo + use<'c> {
        Self { on: On::Host(connection), scope }
    }

    pub(crate) const fn write(lease: Lease, scope: Scope) -> Self {
        Self { on: On::Writer(lease), scope }
    }

    pub(crate) const fn read(lease: ReadLease, scope: Scope) -> Self {
        Self { on: On::Reader(lease), scope }
    }

    /// The variant of a statement for the scope.
    pub(crate) fn scoped(&self, statement: &Scoped) -> Query<'static> {
        statement.of(self.scope)
    }

    /// Runs a statement that reads.
    pub(crate) async fn fetch(&mut self, query: Query<'_>) -> Result<Answer, StoreError> {
        self.run(query).await.map_err(error::of_statement)
    }

    /// Runs a statement that writes, or reads what nobody else may change until the unit of work ends: there is one writer.
    pub(crate) async fn change(&mut self, query: Query<'_>) -> Result<Answer, StoreError> {
        self.may_write()?;
        self.run(query).await.map_err(error::of_statement)
    }

    /// Like [`Self::change`], with SQLite's own error.
    pub(crate) async fn change_raw(&mut self, query: Query<'_>) -> Result<Result<Answer, sqlx::Error>, StoreError> {
        self.may_write()?;
        Ok(self.run(query).await)
    }

    /// Refuses to write or to lock in a unit of work that only reads.
    pub(crate) fn may_write(&self) -> Result<(), StoreError> {
        match self.on {
            On::Reader(_) => Err(StoreError::Backend(Box::new(OnlyReads))),
            On::Writer(_) | On::Host(_) => Ok(()),
        }
    }

    /// Checks that a row to insert belongs into the scope.
    pub(crate) fn admits(&self, company: CompanyId) -> Result<(), StoreError> {
        self.may_write()?;
        if self.scope.sees(company) { Ok(()) } else { Err(StoreError::OutOfScope) }
    }

    /// Checks that a row to update can be visible. Its statement asks for the company too.
    pub(crate) fn reaches(&self, company: CompanyId) -> Result<(), StoreError> {
        self.may_write()?;
        if self.scope.sees(company) { Ok(()) } else { Err(StoreError::Stale) }
    }

    /// Begins storing a slice that takes several statements, of which all or nothing is stored.
    pub(crate) async fn begin_slice(&mut self, statements: usize) -> Result<(), StoreError> {
        if statements > 1 {
            self.change(sqlx::query("SAVEPOINT slice")).await?;
        }
        Ok(())
    }

    /// Ends what [`Self::begin_slice`] began, as its last statement went.
    pub(crate) async fn end_slice(
        &mut self,
        statements: usize,
        stored: Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if statements > 1 {
            match stored {
                Ok(()) => self.change(sqlx::query("RELEASE slice")).await?,
                // After any other error the unit of work is lost as a whole.
                Err(StoreError::Duplicate { .. } | StoreError::OutOfScope) => {
                    self.change(sqlx::query("ROLLBACK TO slice; RELEASE slice")).await?
                }
                Err(_) => return stored,
            };
        }
        stored
    }

    async fn run(&mut self, query: Query<'_>) -> Result<Answer, sqlx::Error> {
        match &mut self.on {
            On::Writer(lease) => lease.run(query).await,
            On::Reader(lease) => lease.run(query).await,
            On::Host(connection) => statement::run(connection, Prefix::NONE, query).await.answer,
        }
    }
}

impl Repo for SqliteRepo<'_> {
    fn scope(&self) -> Scope {
        self.scope
    }
}

#[async_trait]
impl Tx for SqliteRepo<'_> {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        match self.on {
            On::Writer(lease) => lease.commit().await,
            // A reader has nothing to commit, and what joined a transaction of the application leaves that to it.
            On::Reader(_) | On::Host(_) => Ok(()),
        }
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        // Dropping undoes: nothing of it was visible, and the next unit of work begins after it has been undone.
        Ok(())
    }
}
