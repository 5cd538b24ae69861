//! Rows to store, and short ways to store and compare them. Every row differs from every other in all that must be unique.

use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::call::carrier::{CarrierCall, Service};
use crate::call::recording::{Recording, RecordingState};
use crate::call::{Call, CallEvent, Direction, NewCall};
use crate::client::{Client, ClientNote, ClientProfile};
use crate::company::Company;
use crate::event::{Envelope, Event};
use crate::flow::{Calendar, Flow, FlowTrace, FlowUses, FlowVersion, Prompt, Voicemail};
use crate::id::{CompanyId, Id, IdSource, SeededIds, UserId};
use crate::job::{Job, JobKind};
use crate::lead::{At, Disposition, DispositionSettings, Lead, LeadNote, NewLead, ScoreWeights};
use crate::people::password::TokenHash;
use crate::people::session::SessionLife;
use crate::people::user::Availability;
use crate::people::{Caller, Figures, PasswordHash, Role, Session, User};
use crate::phone::{
    Assignment, Capabilities, Country, E164, Extension, InboundRoute, InboundTarget, NumberStatus, PhoneNumber,
    SipSecret, Trunk, TrunkAuth, TrunkTransport,
};
use crate::pii::Pii;
use crate::queue::{Queue, QueueSettings};
use crate::scope::{ActorName, Scope};
use crate::store::{Access, Store, StoreError, Tx};

/// A text that goes wrong wherever texts are not kept byte for byte.
pub(super) const UNICODE: &str = " Žofie Ñandú 李小龍 🦜 e\u{301} \u{202e}x \\' \" % _ ; -- \t";

/// Reads an instant.
pub(super) fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("a fixture's instant")
}

/// Reads a day.
pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().expect("a fixture's day")
}

/// Reads a country.
pub(super) fn country(text: &str) -> Country {
    text.parse().expect("a fixture's country")
}

/// The first instant stores must keep, and the last.
pub(super) fn ends_of_time() -> (DateTime<Utc>, DateTime<Utc>) {
    (instant("1970-01-01T00:00:00.000001Z"), instant("2999-12-31T23:59:59.999999Z"))
}

/// A text of `count` characters of four bytes each.
pub(super) fn long(count: usize) -> String {
    "𝄞".repeat(count)
}

/// Makes rows. The same calls give the same rows; ids grow.
pub(super) struct Rows {
    ids: SeededIds,
    made: AtomicU32,
}

impl Rows {
    pub(super) fn new() -> Self {
        Self { ids: SeededIds::new(0x5eed), made: AtomicU32::new(0) }
    }

    fn count(&self) -> u32 {
        self.made.fetch_add(1, Ordering::Relaxed)
    }

    /// When most things happen.
    pub(super) fn now(&self) -> DateTime<Utc> {
        instant("2026-03-01T08:30:00.123456Z")
    }

    /// An id above all before it.
    pub(super) fn id<K>(&self) -> Id<K> {
        let at = self.now() + TimeDelta::milliseconds(i64::from(self.count()));
        (&self.ids as &dyn IdSource).id(at)
    }

    pub(super) fn company(&self) -> Company {
        Company {
            id: self.id(),
            name: "Acme".to_owned(),
            timezone: chrono_tz::Europe::Berlin,
            default_country: country("DE"),
            is_active: true,
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    /// An agent.
    pub(super) fn user(&self, company: CompanyId) -> User {
        User {
            id: self.id(),
            company,
            name: "Ann Example".into(),
            email: Pii::new(format!("ann{}@example.com", self.count())),
            password: PasswordHash::from_stored("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA".to_owned()),
            initials: "AE".to_owned(),
            role: Role::Agent,
            phone: None,
            country_code: None,
            department: None,
            reporting_to: None,
            is_active: true,
            is_platform: false,
            availability: Availability::Available,
            availability_reason: None,
            availability_since: self.now(),
            token_version: 0,
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    pub(super) fn caller(&self, user: &User) -> Caller {
        let figures = Figures::default();
        Caller { id: self.id(), user: user.id, company: user.company, figures, created_at: self.now() }
    }

    pub(super) fn session(&self, user: &User) -> Session {
        let token = TokenHash::of(&self.count().to_string());
        let whose = (user.id, user.company);
        Session::open(self.id(), self.id(), whose, token, SessionLife::default(), self.now())
    }

    pub(super) fn e164(&self) -> E164 {
        E164::from_stored(&format!("+1202{:07}", self.count())).expect("a fixture's number")
    }

    pub(super) fn number(&self, company: CompanyId) -> PhoneNumber {
        PhoneNumber {
            id: self.id(),
            company,
            number: self.e164(),
            raw: "(202) 555-0100".to_owned(),
            provider: "manual".to_owned(),
            country: country("US"),
            capabilities: Capabilities::default(),
            status: NumberStatus::Active,
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    /// `number` in the hands of `agent`, unused.
    pub(super) fn assignment(&self, number: &PhoneNumber, agent: UserId) -> Assignment {
        Assignment {
            id: self.id(),
            company: number.company,
            number: number.id,
            agent,
            daily_limit: 100,
            allowed_countries: Vec::new(),
            day: day("2026-03-01"),
            used: 0,
            last_used_at: None,
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    pub(super) fn extension(&self, user: &User) -> Extension {
        let number = (1_001 + self.count()).to_string();
        Extension {
            id: self.id(),
            company: user.company,
            user: user.id,
            username: format!("{number}-x"),
            number,
            secret: SipSecret { md5: "0f".repeat(16), sha256: "1e".repeat(32) },
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    pub(super) fn trunk(&self, company: CompanyId) -> Trunk {
        Trunk {
            id: self.id(),
            company,
            name: format!("Carrier {}", self.count()),
            transport: TrunkTransport::Udp,
            host: "sip.example.com".to_owned(),
            port: 5060,
            auth: TrunkAuth::Address { addresses: vec!["192.0.2.1".parse().expect("a fixture's address")] },
            is_default: false,
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    pub(super) fn route(&self, company: CompanyId, target: InboundTarget) -> InboundRoute {
        InboundRoute {
            id: self.id(),
            company,
            number: self.e164(),
            target,
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    pub(super) fn queue(&self, company: CompanyId) -> Queue {
        let settings = QueueSettings::new(format!("Queue {}", self.count()), Vec::new());
        Queue { id: self.id(), company, settings, version: 1, created_at: self.now(), updated_at: self.now() }
    }

    /// A flow of which nothing was published.
    pub(super) fn flow(&self, company: CompanyId) -> Flow {
        Flow {
            id: self.id(),
            company,
            name: format!("Flow {}", self.count()),
            active: None,
            published: 0,
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    pub(super) fn flow_version(&self, flow: &Flow, number: u32) -> FlowVersion {
        let (flow, company, created_at) = (flow.id, flow.company, self.now());
        FlowVersion { flow, company, number, note: None, author: None, uses: FlowUses::default(), created_at }
    }

    pub(super) fn calendar(&self, company: CompanyId) -> Calendar {
        Calendar {
            id: self.id(),
            company,
            name: format!("Calendar {}", self.count()),
            hours: serde_json::json!({"timezone": "Europe/Berlin"}),
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    pub(super) fn prompt(&self, company: CompanyId) -> Prompt {
        Prompt {
            id: self.id(),
            company,
            name: format!("prompt-{}", self.count()),
            language: "en".to_owned(),
            file_name: "welcome.mp3".to_owned(),
            media_type: "audio/mpeg".to_owned(),
            length_ms: 1_500,
            bytes: 48_044,
            sha256: "2f".repeat(32),
            created_at: self.now(),
        }
    }

    pub(super) fn flow_trace(&self, call: &Call, flow: &Flow) -> FlowTrace {
        FlowTrace {
            call: call.id,
            company: call.company,
            flow: flow.id,
            number: 1,
            steps: serde_json::json!([{"node": "start"}]),
            ended: "hang_up".to_owned(),
            created_at: self.now(),
        }
    }

    /// A voicemail that nobody has heard.
    pub(super) fn voicemail(&self, call: &Call) -> Voicemail {
        Voicemail {
            id: self.id(),
            company: call.company,
            call: call.id,
            flow: None,
            mailbox: "sales".to_owned(),
            from: "+12025550100".into(),
            length_ms: 4_200,
            media_type: "audio/wav".to_owned(),
            bytes: 67_244,
            heard_at: None,
            heard_by: None,
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    /// A call that has just begun.
    pub(super) fn call(&self, company: CompanyId) -> Call {
        Call::begin(NewCall {
            id: self.id(),
            company,
            direction: Direction::Outbound,
            from: "+12025550100".into(),
            to: "+14155550123".into(),
            agent: None,
            number: None,
            trunk: None,
            lead: None,
            node: None,
            at: self.now(),
        })
    }

    /// A call that was handed over to a service.
    pub(super) fn carrier_call(&self, call: &Call) -> CarrierCall {
        CarrierCall {
            call: call.id,
            company: call.company,
            service: Service::Twilio,
            account: None,
            caller: None,
            sid: None,
            due_at: Some(self.now()),
            attempts: 0,
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    /// A recording that is to be fetched.
    pub(super) fn recording(&self, call: &Call) -> Recording {
        Recording {
            id: self.id(),
            company: call.company,
            call: call.id,
            service: Service::Twilio,
            sid: format!("RE{}", self.count()),
            state: RecordingState::Waiting,
            media_type: None,
            bytes: 0,
            seconds: 60,
            due_at: Some(self.now()),
            attempts: 0,
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    /// A client without a number.
    pub(super) fn client(&self, company: CompanyId) -> Client {
        Client {
            id: self.id(),
            company,
            profile: ClientProfile { name: "Bob Buyer".into(), ..ClientProfile::default() },
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    pub(super) fn client_note(&self, client: &Client) -> ClientNote {
        let (company, client) = (client.company, client.id);
        ClientNote { id: self.id(), company, client, author: None, at: self.now(), text: "Called back".into() }
    }

    /// A lead that nobody works on.
    pub(super) fn lead(&self, company: CompanyId) -> Lead {
        let new = NewLead {
            name: "John Doe".to_owned(),
            email: Some(format!("john{}@example.com", self.count())),
            ..NewLead::default()
        };
        let at = At { now: self.now(), home: country("US") };
        let lead = Lead::create(self.id(), company, new, at, &ScoreWeights::default()).expect("a fixture's lead");
        Lead { phone: Some(self.e164()), raw_phone: Some("202 555".into()), ..lead }
    }

    pub(super) fn lead_note(&self, lead: &Lead) -> LeadNote {
        let (author, text) = (Some(self.id()), UNICODE.into());
        LeadNote { id: self.id(), lead: lead.id, company: lead.company, author, at: self.now(), text }
    }

    pub(super) fn disposition(&self, company: CompanyId) -> Disposition {
        let settings = DispositionSettings {
            code: format!("code-{}", self.count()),
            label: UNICODE.to_owned(),
            parent: None,
            lead_status: None,
            position: 1,
            is_active: true,
        };
        Disposition { id: self.id(), company, settings, version: 1, created_at: self.now(), updated_at: self.now() }
    }

    /// A job of three items that waits.
    pub(super) fn job(&self, company: CompanyId) -> Job {
        let (params, total) = (serde_json::json!({"file": UNICODE}), 3);
        Job::queued(self.id(), company, JobKind::LeadImport, (params, total), None, self.now())
    }

    pub(super) fn call_event(&self, call: &Call, seq: u32) -> CallEvent {
        let data = serde_json::json!({ "leg": seq });
        CallEvent { call: call.id, seq, at: self.now(), kind: "ringing".to_owned(), data }
    }

    pub(super) fn event(&self, company: CompanyId) -> Envelope {
        Envelope {
            id: self.id(),
            company,
            seq: 0,
            at: self.now(),
            actor: ActorName::System,
            version: Event::VERSION,
            event: Event::UserDeleted { user: self.id() },
        }
    }
}

/// Begins a unit of work.
pub(super) async fn begin(store: &dyn Store, scope: Scope, access: Access) -> Box<dyn Tx + '_> {
    store.begin(scope, access).await.expect("a unit of work begins")
}

/// Runs one expression in a unit of work that writes, commits it and gives what the expression gave.
macro_rules! write {
    ($store:expr, $scope:expr, $tx:ident => $body:expr) => {{
        let mut $tx = $crate::store::conformance::fixtures::begin($store, $scope, $crate::store::Access::Write).await;
        let given = $body;
        $tx.commit().await.expect("the unit of work is committed");
        given
    }};
}

/// Runs one expression in a unit of work that reads and gives what the expression gave.
macro_rules! read {
    ($store:expr, $scope:expr, $tx:ident => $body:expr) => {{
        let mut $tx = $crate::store::conformance::fixtures::begin($store, $scope, $crate::store::Access::Read).await;
        let given = $body;
        $tx.commit().await.expect("a unit of work that only read ends well");
        given
    }};
}
pub(super) use {read, write};

/// Stores a company.
pub(super) async fn founded(store: &dyn Store, rows: &Rows) -> Company {
    let company = rows.company();
    write!(store, Scope::System, tx => tx.insert_company(&company).await.expect("a company is stored"));
    company
}

/// Stores an agent of a company.
pub(super) async fn hired(store: &dyn Store, rows: &Rows, company: &Company) -> User {
    let user = rows.user(company.id);
    write!(store, Scope::System, tx => tx.insert_user(&user).await.expect("a user is stored"));
    user
}

/// Demands a duplicate of this noun and identity.
#[track_caller]
pub(super) fn assert_duplicate<T: std::fmt::Debug>(result: Result<T, StoreError>, entity: &str, constraint: &str) {
    match result {
        Err(StoreError::Duplicate { entity: own_entity, constraint: own }) => {
            assert_eq!((own_entity, own), (entity, constraint));
        }
        other => panic!("expected a duplicate {entity} ({constraint}), got {other:?}"),
    }
}

/// Demands [`StoreError::Stale`].
#[track_caller]
pub(super) fn assert_stale<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Stale)), "expected Stale, got {result:?}");
}

/// Demands [`StoreError::OutOfScope`].
#[track_caller]
pub(super) fn assert_out_of_scope<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::OutOfScope)), "expected OutOfScope, got {result:?}");
}

/// Lets others run, as a store that waits for a disk or a network does by itself.
pub(super) async fn breathe() {
    let mut first = true;
    std::future::poll_fn(|cx| {
        if std::mem::take(&mut first) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// Runs a unit of work that writes as often as the engine does when the store gives up in favour of another.
pub(super) async fn retried<T>(attempt: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 1..crate::engine::ATTEMPTS_DEFAULT {
        match attempt().await {
            Err(StoreError::Contention) => {}
            other => return other,
        }
    }
    attempt().await
}
