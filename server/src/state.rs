//! What all handlers share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use dialplane_core::Engine;
use dialplane_core::engine::CommitObserver;
use dialplane_core::event::{Envelope, Event};
use dialplane_core::people::session::SessionLife;
use dialplane_core::store::Store;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Notify, broadcast};

use crate::audio::AudioFiles;
use crate::auth::jwt::Tokens;
use crate::auth::passwords::Passwords;
use crate::auth::secrets::Secrets;
use crate::auth::setup_link::SetupLink;
use crate::export::files::Exports;
use crate::http::cache::Answers;
use crate::http::rate_limit::Limiter;
use crate::integrations::meta::Meta;
use crate::integrations::twilio::Twilio;
use crate::live::Hub;
use crate::settings::Settings;
use crate::telephony::{DirectoryWatch, States, Telephony};

/// Events that a slow listener may lag behind before it misses some.
const BUS_CAPACITY: usize = 4_096;
/// A login ends after this many days, however often it is refreshed.
const SESSION_DAYS_MAX: i64 = 30;

/// The state of the server.
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    /// The generated secrets; signalling takes the one of nonces from here.
    pub(crate) secrets: Secrets,
    pub(crate) tokens: Tokens,
    pub(crate) passwords: Passwords,
    pub(crate) limiter: Limiter,
    /// Reports that were made lately.
    pub(crate) answers: Arc<Answers>,
    /// Files that people take with them.
    pub(crate) exports: Exports,
    pub(crate) setup: SetupLink,
    /// What carries calls, once it has started.
    pub(crate) calls: OnceLock<Arc<Telephony>>,
    /// How queues and agents stood lately.
    pub(crate) states: States,
    /// Twilio as a carrier, where there is an address that it can report to.
    pub(crate) twilio: OnceLock<Twilio>,
    /// The audio of recorded calls and of voicemails.
    pub(crate) recordings: AudioFiles,
    /// The audio of prompts.
    pub(crate) prompts: AudioFiles,
    /// Delivered events, for whoever listens in this process.
    pub(crate) bus: broadcast::Sender<Arc<Envelope>>,
    /// Who follows events live.
    pub(crate) live: Hub,
    /// What delivers leads of advertisements.
    pub(crate) meta: Meta,
    /// Wakes the delivery of events.
    pub(crate) outbox: Arc<Notify>,
    /// Wakes whoever runs queued jobs.
    pub(crate) jobs: Arc<Notify>,
    /// Counts the changes that call control must know of.
    pub(crate) directory: Arc<DirectoryWatch>,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) started: Instant,
    draining: AtomicBool,
}

/// The state as handlers take it.
pub(crate) type Shared = Arc<App>;

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Wakes the outbox, jobs and call control when a command has emitted events, and forgets reports that they change.
struct Waker {
    outbox: Arc<Notify>,
    jobs: Arc<Notify>,
    directory: Arc<DirectoryWatch>,
    answers: Arc<Answers>,
}

impl CommitObserver for Waker {
    fn committed(&self, events: &[Envelope]) {
        self.outbox.notify_one();
        if events.iter().any(|event| matches!(event.event, Event::JobQueued { .. })) {
            self.jobs.notify_one();
        }
        self.directory.committed(events);
        self.answers.committed(events);
    }
}

impl App {
    /// The state on an open store.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        settings: Settings,
        secrets: Secrets,
        metrics: PrometheusHandle,
    ) -> Shared {
        let outbox = Arc::new(Notify::new());
        let jobs = Arc::new(Notify::new());
        let directory = Arc::new(DirectoryWatch::default());
        let answers = Arc::new(Answers::default());
        let waker = Waker {
            outbox: Arc::clone(&outbox),
            jobs: Arc::clone(&jobs),
            directory: Arc::clone(&directory),
            answers: Arc::clone(&answers),
        };
        let signing = settings.jwt_secret.as_ref().unwrap_or(&secrets.jwt);
        Arc::new(Self {
            engine: Engine::on(store).with_observer(Arc::new(waker)),
            tokens: Tokens::new(signing.expose().as_bytes(), settings.access_life),
            passwords: Passwords::new(),
            limiter: Limiter::new(settings.rate_limits),
            answers,
            exports: Exports::new(&settings.data_dir, signing.expose().as_bytes(), settings.export_life),
            setup: SetupLink::default(),
            calls: OnceLock::new(),
            states: States::default(),
            twilio: OnceLock::new(),
            recordings: AudioFiles::below(&settings.data_dir, "recordings"),
            prompts: AudioFiles::below(&settings.data_dir, "prompts"),
            bus: broadcast::Sender::new(BUS_CAPACITY),
            live: Hub::default(),
            meta: Meta::new(&settings.meta),
            outbox,
            jobs,
            directory,
            metrics,
            started: Instant::now(),
            draining: AtomicBool::new(false),
            settings,
            secrets,
        })
    }

    /// How long sessions live.
    pub(crate) fn session_life(&self) -> SessionLife {
        let idle = chrono::TimeDelta::from_std(self.settings.refresh_life).unwrap_or(chrono::TimeDelta::days(7));
        SessionLife { idle, absolute: chrono::TimeDelta::days(SESSION_DAYS_MAX).max(idle) }
    }

    /// Takes no new work from now on.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the server is stopping.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}
