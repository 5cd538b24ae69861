//! How many agents are needed: the formulas of Erlang, by recurrence so that nothing overflows.
//!
//! Erlang C assumes that callers wait for ever, Erlang A that they give up after an exponential patience. Both assume that every agent can take
//! every call; where skills make that wrong, simulate.
//!
//! ```
//! use dialplane_core::queue::staffing::Load;
//!
//! // 100 calls in half an hour, three minutes each: how many agents answer 80 % within 20 seconds?
//! let load = Load { calls: 100.0, interval_seconds: 1_800.0, handle_seconds: 180.0, patience_seconds: None };
//! let needed = load.agents_for(0.8, 20.0).unwrap();
//! assert_eq!(needed, 14);
//! assert!((load.with(needed).service_level(20.0) - 0.888).abs() < 0.001);
//! ```

/// The most agents that are tried.
const AGENTS_MAX: u32 = 100_000;
/// The longest line of impatient callers that is looked at.
const LINE_MAX: u32 = 100_000;

/// What comes in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Calls in the interval.
    pub calls: f64,
    /// The interval, in seconds: 1,800 for half an hour.
    pub interval_seconds: f64,
    /// What a call takes of an agent, wrap-up included, in seconds.
    pub handle_seconds: f64,
    /// How long callers are willing to wait on average, in seconds; `None` for ever.
    pub patience_seconds: Option<f64>,
}

/// A load and the agents for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Staffed {
    load: Load,
    agents: u32,
    /// The chance that a call has to wait.
    waits: f64,
    /// The share of calls that give up.
    abandons: f64,
    /// The mean wait of all calls, in seconds.
    wait: f64,
}

impl Load {
    /// The offered traffic, in erlangs: agents who would be busy all the time.
    #[must_use]
    pub fn erlangs(&self) -> f64 {
        self.calls / self.interval_seconds * self.handle_seconds
    }

    fn is_sound(&self) -> bool {
        let all = [self.calls, self.interval_seconds, self.handle_seconds, self.patience_seconds.unwrap_or(1.0)];
        all.into_iter().all(|value| value.is_finite() && value >= 0.0)
            && self.interval_seconds > 0.0
            && self.handle_seconds > 0.0
            && self.patience_seconds.is_none_or(|patience| patience > 0.0)
    }

    /// What so many agents make of it.
    #[must_use]
    pub fn with(self, agents: u32) -> Staffed {
        match self.patience_seconds {
            None => self.erlang_c(agents),
            Some(patience) => self.erlang_a(agents, patience),
        }
    }

    /// The chance that a call finds all of so many agents busy where none may wait (Erlang B).
    fn blocking(&self, agents: u32) -> f64 {
        let traffic = self.erlangs();
        (1..=agents).fold(1.0, |blocked, n| traffic * blocked / (f64::from(n) + traffic * blocked))
    }

    fn erlang_c(self, agents: u32) -> Staffed {
        let (traffic, free) = (self.erlangs(), f64::from(agents) - self.erlangs());
        if free <= 0.0 {
            // The line grows without end.
            let waits = if traffic > 0.0 { 1.0 } else { 0.0 };
            let wait = if traffic > 0.0 { f64::INFINITY } else { 0.0 };
            return Staffed { load: self, agents, waits, abandons: 0.0, wait };
        }
        let blocked = self.blocking(agents);
        let waits = f64::from(agents) * blocked / (f64::from(agents) - traffic * (1.0 - blocked));
        Staffed { load: self, agents, waits, abandons: 0.0, wait: waits * self.handle_seconds / free }
    }

    /// With all agents busy: how likely 0, 1, 2, ... callers wait, in proportion to each other.
    fn line(&self, agents: u32, patience: f64) -> Vec<f64> {
        let rate = self.calls / self.interval_seconds;
        let served = f64::from(agents) / self.handle_seconds;
        // In logarithms, as the largest may be too large and the smallest too small for a number.
        let (mut logarithms, mut logarithm, mut largest) = (Vec::new(), 0.0_f64, 0.0_f64);
        for k in 1..=LINE_MAX {
            logarithms.push(logarithm);
            largest = largest.max(logarithm);
            if logarithm < largest - 40.0 {
                break;
            }
            logarithm += (rate / (served + f64::from(k) / patience)).ln();
        }
        logarithms.into_iter().map(|logarithm| (logarithm - largest).exp()).collect()
    }

    /// The queue M/M/n+M: with `n` busy and `k` waiting, calls end at `n` by handling and at `k` by giving up.
    fn erlang_a(self, agents: u32, patience: f64) -> Staffed {
        let rate = self.calls / self.interval_seconds;
        if rate <= 0.0 {
            return Staffed { load: self, agents, waits: 0.0, abandons: 0.0, wait: 0.0 };
        }
        let gives_up = 1.0 / patience;
        let line = self.line(agents, patience);
        let sum: f64 = line.iter().sum();
        let waiting: f64 = line.iter().zip(0..).map(|(weight, k)| weight * f64::from(k)).sum();
        let first = line.first().copied().unwrap_or_default();
        // The states below: the inverse of Erlang B is their sum up to all busy, in the same units.
        let blocked = self.blocking(agents);
        let all = (1.0 / blocked - 1.0) * first + sum;
        let (waits, length) = (sum / all, waiting / all);
        // Who gives up does so at the rate of those who wait (Little's law).
        Staffed { load: self, agents, waits, abandons: (length * gives_up / rate).clamp(0.0, 1.0), wait: length / rate }
    }

    /// The fewest agents who answer such a share of the calls within so many seconds; `None` when the load cannot be or no number of agents that is
    /// tried will do.
    #[must_use]
    pub fn agents_for(self, share: f64, seconds: f64) -> Option<u32> {
        let asked = (0.0..=1.0).contains(&share) && seconds.is_finite() && seconds >= 0.0;
        if !asked || !self.is_sound() {
            return None;
        }
        let does = |agents: u32| self.with(agents).service_level(seconds) >= share;
        // More agents never answer fewer calls, so the search may halve.
        let (mut low, mut high) = (0, 1);
        while !does(high) {
            low = high;
            high = high.checked_mul(2).filter(|high| *high <= AGENTS_MAX)?;
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if does(middle) { high = middle } else { low = middle }
        }
        Some(if low == 0 && does(0) { 0 } else { high })
    }
}

impl Staffed {
    /// The agents.
    #[must_use]
    pub const fn agents(&self) -> u32 {
        self.agents
    }

    /// The chance that a call has to wait.
    #[must_use]
    pub const fn waiting_probability(&self) -> f64 {
        self.waits
    }

    /// The share of calls that give up; none where callers are patient for ever.
    #[must_use]
    pub const fn abandonment(&self) -> f64 {
        self.abandons
    }

    /// The mean wait of all calls, in seconds; infinite where the line grows without end.
    #[must_use]
    pub const fn mean_wait(&self) -> f64 {
        self.wait
    }

    /// The share of the agents' time that calls take.
    #[must_use]
    pub fn occupancy(&self) -> f64 {
        match self.agents {
            0 => 0.0,
            agents => (self.load.erlangs() * (1.0 - self.abandons) / f64::from(agents)).min(1.0),
        }
    }

    /// The share of calls that are answered within so many seconds.
    #[must_use]
    pub fn service_level(&self, seconds: f64) -> f64 {
        let Load { handle_seconds, patience_seconds, .. } = self.load;
        let free = f64::from(self.agents) - self.load.erlangs();
        match patience_seconds {
            None if self.waits <= 0.0 => 1.0,
            None if free <= 0.0 => 0.0,
            None => 1.0 - self.waits * (-free * seconds / handle_seconds).exp(),
            Some(patience) => self.answered_within(seconds, patience),
        }
    }

    /// With impatient callers: those who need not wait, and of the others those who are answered before the time is up and before they
    /// give up. The wait behind `k` others ends after `k + 1` departures, each at the rate of handling and of giving up.
    fn answered_within(&self, seconds: f64, patience: f64) -> f64 {
        if self.agents == 0 {
            return 0.0;
        }
        let (served, gives_up) = (f64::from(self.agents) / self.load.handle_seconds, 1.0 / patience);
        // By small steps of time: the chance that a tagged caller still waits with `k` before them.
        let mut states = self.load.line(self.agents, patience);
        let scale = self.waits / states.iter().sum::<f64>();
        states.iter_mut().for_each(|state| *state *= scale);
        // Uniformisation: events of all kinds come at one rate, and their number within the time is Poisson.
        let most = served + (states.len() as f64 + 1.0) * gives_up;
        let mean = most * seconds;
        let (mut answered, mut happened) = (0.0, 0.0);
        // In logarithms, as the chance of no event at all may be smaller than any number.
        let mut logarithm = -mean;
        let events = (mean + 12.0 * mean.sqrt() + 50.0) as u32;
        for n in 0..=events {
            // What is answered by the n-th event counts for all times with at least n events.
            let at_least = (1.0_f64 - happened).clamp(0.0, 1.0);
            happened += logarithm.exp();
            if n > 0 {
                answered += at_least * states.first().copied().unwrap_or_default() * served / most;
                for k in 0..states.len() {
                    let ahead = k as f64;
                    // From k: whoever waits gives up, or somebody is served. From k + 1 the tagged caller's own giving up leads nowhere.
                    let leaves = served + (ahead + 1.0) * gives_up;
                    let behind = states.get(k + 1).copied().unwrap_or_default();
                    states[k] = states[k] * (1.0 - leaves / most) + behind * leaves / most;
                }
            }
            logarithm += mean.ln() - f64::from(n + 1).ln();
        }
        (1.0 - self.waits + answered).clamp(0.0, 1.0)
    }
}

/// Agents to plan so that so many are there, when such a share of paid time is spent otherwise (breaks, training, illness).
#[must_use]
pub fn with_shrinkage(agents: u32, shrinkage: f64) -> u32 {
    let share = shrinkage.clamp(0.0, 0.95);
    (f64::from(agents) / (1.0 - share)).ceil() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_HOUR: Load =
        Load { calls: 100.0, interval_seconds: 1_800.0, handle_seconds: 180.0, patience_seconds: None };

    fn near(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() <= 1e-7 * wanted.abs().max(1.0)
    }

    #[test]
    fn erlang_c_gives_the_published_figures() {
        let staffed = HALF_HOUR.with(14);
        assert!(near(HALF_HOUR.erlangs(), 10.0));
        assert!(near(staffed.waiting_probability(), 0.174_131_934), "{staffed:?}");
        assert!(near(staffed.service_level(20.0), 0.888_350_019), "{}", staffed.service_level(20.0));
        assert!(near(staffed.mean_wait(), 7.835_937_02), "{staffed:?}");
        assert!(near(staffed.occupancy(), 10.0 / 14.0));
        assert_eq!((HALF_HOUR.agents_for(0.8, 20.0), HALF_HOUR.agents_for(0.99, 20.0)), (Some(14), Some(18)));
    }

    #[test]
    fn too_few_agents_for_patient_callers_are_told_as_such() {
        let staffed = HALF_HOUR.with(10);
        assert_eq!((staffed.waiting_probability(), staffed.service_level(1e6)), (1.0, 0.0));
        assert!(staffed.mean_wait().is_infinite() && staffed.occupancy() == 1.0);
        let nobody = Load { calls: 0.0, ..HALF_HOUR };
        assert_eq!((nobody.agents_for(1.0, 0.0), nobody.with(0).service_level(0.0)), (Some(0), 1.0));
    }

    #[test]
    fn erlang_a_agrees_with_itself_and_with_erlang_c_where_patience_has_no_end() {
        for agents in [5, 10, 14, 20] {
            let impatient = Load { patience_seconds: Some(120.0), ..HALF_HOUR }.with(agents);
            // Two ways to the same figure: the steady state, and every caller followed to the end.
            let answered = impatient.service_level(4_000.0);
            assert!((answered - (1.0 - impatient.abandonment())).abs() < 1e-6, "{agents}: {answered} {impatient:?}");
            assert!(impatient.service_level(20.0) > HALF_HOUR.with(agents).service_level(20.0));
            let levels: Vec<f64> = (0..20).map(|n| impatient.service_level(f64::from(n) * 5.0)).collect();
            assert!(levels.windows(2).all(|pair| pair[0] <= pair[1]), "{levels:?}");
        }
        let patient = Load { patience_seconds: Some(1e7), ..HALF_HOUR }.with(14);
        assert!((patient.service_level(20.0) - 0.888_35).abs() < 1e-4, "{}", patient.service_level(20.0));
        assert!((patient.waiting_probability() - 0.174_13).abs() < 1e-4);
    }

    #[test]
    fn one_agent_and_one_minute_of_patience_are_as_worked_out_by_hand() {
        // One call a minute, a minute each, a minute of patience: weights 1, 1, 1/2, 1/6, ... = e in all, 1 of them free.
        let load = Load { calls: 1.0, interval_seconds: 60.0, handle_seconds: 60.0, patience_seconds: Some(60.0) };
        let staffed = load.with(1);
        let e = std::f64::consts::E;
        assert!(near(staffed.waiting_probability(), (e - 1.0) / e), "{staffed:?}");
        // Busy for a share of (e - 1) / e, so that this share of the calls is answered.
        assert!(near(1.0 - staffed.abandonment(), (e - 1.0) / e), "{staffed:?}");
    }

    #[test]
    fn large_centres_neither_overflow_nor_take_long() {
        let load = Load { calls: 50_000.0, interval_seconds: 1_800.0, handle_seconds: 240.0, patience_seconds: None };
        let patient = load.agents_for(0.8, 20.0).unwrap();
        let impatient = Load { patience_seconds: Some(60.0), ..load }.agents_for(0.8, 20.0).unwrap();
        assert!((6_667..6_800).contains(&patient), "{patient}");
        // Of callers who wait a minute on average, a fifth goes within 13 s: four fifths of the load are enough.
        assert!((5_334..5_400).contains(&impatient), "{impatient}");
    }

    #[test]
    fn a_load_that_cannot_be_has_no_answer() {
        for load in [
            Load { calls: -1.0, ..HALF_HOUR },
            Load { interval_seconds: 0.0, ..HALF_HOUR },
            Load { handle_seconds: f64::NAN, ..HALF_HOUR },
            Load { patience_seconds: Some(0.0), ..HALF_HOUR },
        ] {
            assert_eq!(load.agents_for(0.8, 20.0), None, "{load:?}");
        }
        assert_eq!((HALF_HOUR.agents_for(1.1, 20.0), HALF_HOUR.agents_for(0.8, f64::NAN)), (None, None));
    }

    #[test]
    fn shrinkage_is_on_top() {
        assert_eq!((with_shrinkage(14, 0.3), with_shrinkage(14, 0.0), with_shrinkage(0, 0.5)), (20, 14, 0));
    }
}
