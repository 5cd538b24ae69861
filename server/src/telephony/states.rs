//! How queues and agents stand, asked of call control once a second for each company at most, however many look on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use dialplane_core::id::{CompanyId, QueueId, UserId};
use dialplane_core::queue::router::{AgentNow, QueueStand};
use dialplane_signaling::edge::{CompanyState, EdgeHandle};
use tokio::sync::Mutex;

use super::own_edge;
use crate::problem::{Problem, Reply};
use crate::state::App;

/// How long a state is as good as a new one.
const FRESH: Duration = Duration::from_secs(1);

/// A state, and the time of day when it was taken.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) at: DateTime<Utc>,
    pub(crate) state: CompanyState,
}

impl Taken {
    /// A queue; `None` when call control does not know it (yet).
    pub(crate) fn queue(&self, queue: QueueId) -> Option<&QueueStand> {
        let queues = &self.state.snapshot.queues;
        queues.binary_search_by_key(&queue, |stand| stand.queue).ok().and_then(|place| queues.get(place))
    }

    /// An agent; `None` for somebody call control was never told of.
    pub(crate) fn agent(&self, agent: UserId) -> Option<&AgentNow> {
        let agents = &self.state.snapshot.agents;
        agents.binary_search_by_key(&agent, |own| own.agent).ok().and_then(|place| agents.get(place))
    }

    /// The time of day of something that has lasted so long, to a hundredth of a second: two clocks are read, and what has not changed is
    /// told by the same time again.
    pub(crate) fn began(&self, lasted: Duration) -> DateTime<Utc> {
        (self.at - TimeDelta::from_std(lasted).unwrap_or_default()).round_subsecs(2)
    }
}

/// The state of a company and when it was taken; who asks holds it until it is there.
type Kept = Arc<Mutex<Option<(Instant, Arc<Taken>)>>>;

/// The states that were taken lately.
#[derive(Debug, Default)]
pub(crate) struct States {
    taken: Mutex<HashMap<CompanyId, Kept>>,
}

impl States {
    /// How a company's queues and agents stand, not older than a second. Who asks at once waits for one answer.
    ///
    /// # Errors
    /// 503 while call control does not run.
    pub(crate) async fn of(&self, app: &App, company: CompanyId) -> Reply<Arc<Taken>> {
        let edge = edge_of(app)?;
        let place = {
            let mut taken = self.taken.lock().await;
            // Nobody looks at these any more.
            taken.retain(|own, place| {
                let old =
                    |kept: &Option<(Instant, Arc<Taken>)>| kept.as_ref().is_none_or(|(at, _)| at.elapsed() >= FRESH);
                *own == company || place.try_lock().map_or(true, |kept| !old(&kept))
            });
            Arc::clone(taken.entry(company).or_default())
        };
        let mut kept = place.lock().await;
        if let Some((_, taken)) = kept.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(Arc::clone(taken));
        }
        let state = edge.state(company).await?;
        let ago = TimeDelta::from_std(state.taken.elapsed()).unwrap_or_default();
        let taken = Arc::new(Taken { at: app.engine.now() - ago, state });
        *kept = Some((Instant::now(), Arc::clone(&taken)));
        Ok(taken)
    }
}

/// Our own call control.
///
/// # Errors
/// 503 while it does not run.
pub(crate) fn edge_of(app: &App) -> Reply<&EdgeHandle> {
    own_edge(app).ok_or_else(|| Problem::unavailable("telephony_unavailable", "telephony has not started", 5))
}
