//! Hashing passwords off the async threads, a few at a time: hashing is slow and takes memory by intent.

use std::sync::Arc;

use dialplane_core::people::password::check_password;
use dialplane_core::people::{Argon2Hasher, PasswordHash, PasswordHasher, UserRefused};
use tokio::sync::Semaphore;

use crate::problem::{Problem, Reply};

/// Requests that may wait for a place; beyond, they are told to come back.
const WAITING_MAX: usize = 128;

/// The password hasher with its bounds.
pub(crate) struct Passwords {
    hasher: Arc<dyn PasswordHasher>,
    running: Semaphore,
    waiting: Semaphore,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

impl Passwords {
    /// Argon2id, as many at a time as there are processors.
    pub(crate) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let hasher = Arc::new(Argon2Hasher::new());
        Self { hasher, running: Semaphore::new(processors), waiting: Semaphore::new(WAITING_MAX) }
    }

    /// Checks and hashes a new password.
    ///
    /// # Errors
    /// 400 when it is not acceptable, 503 when too many wait.
    pub(crate) async fn hash(&self, password: String) -> Reply<PasswordHash> {
        check_password(&password).map_err(|refused| {
            let failure = dialplane_core::Failure::Refused(UserRefused::from(refused));
            Problem::from(failure)
        })?;
        self.run(move |hasher| hasher.hash(&password)).await
    }

    /// Whether the password fits. Takes as long when there is no hash to compare with.
    ///
    /// # Errors
    /// 503 when too many wait.
    pub(crate) async fn verify(&self, password: String, hash: Option<PasswordHash>) -> Reply<bool> {
        self.run(move |hasher| hasher.verify(&password, hash.as_ref())).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&dyn PasswordHasher) -> T + Send + 'static) -> Reply<T> {
        let busy = || Problem::unavailable("busy", "too many sign-ins at once, try again shortly", 2);
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        let _turn = self.running.acquire().await.map_err(|_| busy())?;
        let hasher = Arc::clone(&self.hasher);
        tokio::task::spawn_blocking(move || work(&*hasher)).await.map_err(|error| Problem::internal(&error))
    }
}
