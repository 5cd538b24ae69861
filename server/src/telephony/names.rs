//! The addresses of trunks that are known by a host name. They are looked up beside the reading of the directory: a slow name
//! server keeps no change from reaching the edge.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::directory::DirectoryWatch;

/// How long a name server may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
struct Known {
    address: Option<SocketAddr>,
    /// When it was asked for last.
    asked: Instant,
}

/// What name servers have said.
#[derive(Debug, Default, Clone)]
pub(super) struct Names {
    known: Arc<Mutex<HashMap<(String, u16), Known>>>,
}

impl Names {
    /// The address of a host as far as it is known now. Where that is old or nothing, it is asked for, and `directory` is told
    /// when the answer differs.
    pub(super) fn address(&self, host: &str, port: u16, directory: &Arc<DirectoryWatch>) -> Option<SocketAddr> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Some(SocketAddr::new(ip, port));
        }
        let key = (host.to_owned(), port);
        let now = Instant::now();
        let mut known = self.lock();
        let found = known.get(&key).copied();
        if found.is_none_or(|found| now.duration_since(found.asked) >= FRESH) {
            let address = found.and_then(|found| found.address);
            known.insert(key.clone(), Known { address, asked: now });
            tokio::spawn(look_up(self.clone(), key, Arc::clone(directory)));
        }
        found.and_then(|found| found.address)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, u16), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn look_up(names: Names, key: (String, u16), directory: Arc<DirectoryWatch>) {
    let asked = tokio::net::lookup_host((key.0.as_str(), key.1));
    let answer = tokio::time::timeout(PATIENCE, asked).await.ok().and_then(Result::ok);
    let Some(address) = answer.and_then(|mut addresses| addresses.next()) else {
        // What was known before stays: a name server that is away must not end the calls to a carrier.
        tracing::warn!(host = key.0, "the host of a trunk cannot be resolved");
        return;
    };
    let differs = names.lock().get_mut(&key).is_some_and(|known| known.address.replace(address) != Some(address));
    if differs {
        directory.changed();
    }
}
