//! Settings: flags before environment before `dialplane.toml` before defaults, each value with its origin.

mod sources;
mod table;
mod value;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use sources::Sources;

use dialplane_core::call::account::TwilioAccount;
use dialplane_core::phone::Country;
use dialplane_core::pii;

/// A setting cannot be used. Names the setting and where its value came from, never the value of a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// A value is out of range or cannot be read.
    #[error("setting {key} (from {origin}): {message}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// Where it came from.
        origin: String,
        /// What is wrong.
        message: String,
    },
    /// The settings file names something that is no setting.
    #[error("{path}: there is no setting called {key}")]
    Unknown {
        /// The file.
        path: String,
        /// The name.
        key: String,
    },
    /// The settings file cannot be read.
    #[error("{path}: {message}")]
    File {
        /// The file.
        path: String,
        /// What is wrong.
        message: String,
    },
}

/// Which database is used.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Database {
    /// A file of SQLite's.
    Sqlite(PathBuf),
    /// A server that speaks PostgreSQL's protocol; the URL holds a password.
    Postgres(String),
    /// In memory: everything is gone when the process ends.
    Memory,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres"),
            Self::Memory => f.write_str("memory"),
        }
    }
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) const fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Who is created when there is no user.
#[derive(Debug, Clone)]
pub(crate) struct FirstAdmin {
    pub(crate) email: String,
    pub(crate) password: Secret,
}

/// Twilio as a carrier.
#[derive(Debug, Clone)]
pub(crate) struct TwilioServer {
    /// The server's own account, for companies that have none.
    pub(crate) account: Option<TwilioAccount>,
    /// The base of its REST API. The operator's alone: a company that could change it could make the server ask any address.
    pub(crate) api_url: String,
    /// Whether calls are recorded.
    pub(crate) records: bool,
    /// Whether calls go to Twilio even from a company that has a trunk.
    pub(crate) is_first: bool,
}

/// The server's own app at Meta.
#[derive(Debug, Clone)]
pub(crate) struct MetaServer {
    /// Signs what it delivers.
    pub(crate) app_secret: Option<Secret>,
    /// What Meta proves itself by when the webhook is subscribed.
    pub(crate) verify_token: Option<Secret>,
    /// Opens leads of pages whose company has no token of its own.
    pub(crate) access_token: Option<Secret>,
    /// The base of the Graph API. The operator's alone: a company that could change it could make the server ask any address.
    pub(crate) graph_url: String,
}

/// Who speaks the texts of flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    Nobody,
    Espeak,
    Http,
}

/// How texts of flows are spoken.
#[derive(Debug, Clone)]
pub(crate) struct SpeechSettings {
    /// Who speaks; `None` is the web service where its address is set, else `espeak-ng` where it is installed.
    pub(crate) provider: Option<Provider>,
    /// The base of the web service.
    pub(crate) url: Option<String>,
    /// What it is opened with.
    pub(crate) key: Option<Secret>,
    /// Its model.
    pub(crate) model: String,
    /// Its voice.
    pub(crate) voice: String,
}

/// How requests are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimits {
    /// Whether they are.
    pub(crate) on: bool,
    /// The window of the anonymous, sign-in and upload limits.
    pub(crate) window: Duration,
    /// Anonymous requests of one address in a window.
    pub(crate) anonymous: u32,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// The settings, read and checked.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) http: SocketAddr,
    pub(crate) sip: SocketAddr,
    pub(crate) rtp_ports: (u16, u16),
    pub(crate) public_address: Option<String>,
    pub(crate) public_url: Option<String>,
    pub(crate) data_dir: PathBuf,
    pub(crate) database: Database,
    pub(crate) company: String,
    pub(crate) timezone: String,
    pub(crate) country: Country,
    pub(crate) first_admin: Option<FirstAdmin>,
    pub(crate) twilio: TwilioServer,
    /// Whether web services of flows may be inside: on this machine, in the network around it.
    pub(crate) allow_private_webhooks: bool,
    /// How texts of flows are spoken.
    pub(crate) speech: SpeechSettings,
    pub(crate) meta: MetaServer,
    pub(crate) open_registration: bool,
    pub(crate) jwt_secret: Option<Secret>,
    pub(crate) access_life: Duration,
    pub(crate) refresh_life: Duration,
    pub(crate) rate_limits: RateLimits,
    pub(crate) max_upload_bytes: usize,
    /// How long the link to an export is good.
    pub(crate) export_life: Duration,
    /// Days that events are kept for the audit log and for clients that were away; `None` for ever.
    pub(crate) audit_days: Option<NonZeroU32>,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) trust_proxy: bool,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
}

impl Settings {
    /// Reads and checks what the sources say.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting and its origin.
    pub(crate) fn read(sources: &Sources) -> Result<Self, SettingsError> {
        let data_dir = PathBuf::from(sources.get("data_dir").text.as_str());
        Ok(Self {
            http: sources.parse("http", value::address)?,
            sip: sources.parse("sip", value::address)?,
            rtp_ports: sources.parse("rtp_ports", value::port_range)?,
            public_address: sources.optional("public_address", value::host)?,
            public_url: sources.optional("public_url", value::base_url)?,
            database: database(sources, &data_dir)?,
            company: sources.parse("company", value::company_name)?,
            timezone: sources.parse("timezone", value::timezone)?,
            country: sources.parse("country", value::country)?,
            first_admin: first_admin(sources)?,
            twilio: twilio(sources)?,
            meta: MetaServer {
                app_secret: sources.optional("meta_app_secret", value::foreign_secret)?,
                verify_token: sources.optional("meta_verify_token", value::foreign_secret)?,
                access_token: sources.optional("meta_access_token", value::foreign_secret)?,
                graph_url: sources.parse("meta_graph_url", value::base_url)?,
            },
            allow_private_webhooks: sources.parse("allow_private_webhooks", value::switch)?,
            speech: SpeechSettings {
                provider: sources.parse("speech", |text| {
                    let words = [
                        ("auto", None),
                        ("off", Some(Provider::Nobody)),
                        ("espeak-ng", Some(Provider::Espeak)),
                        ("http", Some(Provider::Http)),
                    ];
                    value::word(text, &words)
                })?,
                url: sources.optional("speech_url", value::base_url)?,
                key: sources.optional("speech_key", value::foreign_secret)?,
                model: sources.parse("speech_model", |text| Ok(text.to_owned()))?,
                voice: sources.parse("speech_voice", |text| Ok(text.to_owned()))?,
            },
            open_registration: sources
                .parse("registration", |text| value::word(text, &[("open", true), ("closed", false)]))?,
            jwt_secret: sources.optional("jwt_secret", value::jwt_secret)?,
            access_life: sources.parse("access_token_life", |text| value::duration(text, 1, 86_400))?,
            refresh_life: sources.parse("refresh_token_life", |text| value::duration(text, 60, 365 * 86_400))?,
            rate_limits: RateLimits {
                on: sources.parse("rate_limits", value::switch)?,
                window: Duration::from_millis(
                    sources.parse("rate_limit_window_ms", |t| value::number(t, 1_000, 86_400_000))?,
                ),
                anonymous: sources.parse("rate_limit_max_requests", |t| value::number(t, 1, 1_000_000))? as u32,
            },
            export_life: sources.parse("export_life", |text| value::duration(text, 1, 86_400))?,
            max_upload_bytes: sources.parse("max_upload_bytes", |text| value::number(text, 1_024, 1 << 30))? as usize,
            audit_days: NonZeroU32::new(sources.parse("audit_days", |text| value::number(text, 0, 36_500))? as u32),
            cors_origins: sources.parse("cors_origins", value::origins)?,
            trust_proxy: sources.parse("trust_proxy", value::switch)?,
            log: sources.parse("log", value::log_filter)?,
            log_format: sources.parse("log_format", |text| {
                value::word(text, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
            })?,
            data_dir,
        })
    }

    /// The address that phones register at and that appears in SIP addresses.
    pub(crate) fn sip_domain(&self) -> String {
        self.public_address.clone().unwrap_or_else(|| self.sip.to_string())
    }

    /// The base of links: the public URL, or the address that is listened on.
    pub(crate) fn base_url(&self, listening: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| {
            let shown = if listening.ip().is_unspecified() {
                SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), listening.port())
            } else {
                listening
            };
            format!("http://{shown}")
        })
    }
}

fn database(sources: &Sources, data_dir: &Path) -> Result<Database, SettingsError> {
    Ok(sources
        .optional("database", value::database)?
        .unwrap_or_else(|| Database::Sqlite(data_dir.join("dialplane.db"))))
}

fn first_admin(sources: &Sources) -> Result<Option<FirstAdmin>, SettingsError> {
    let email = sources.optional("admin_email", value::email)?;
    let password = sources.optional("admin_password", value::password)?;
    match (email, password) {
        (Some(email), Some(password)) => Ok(Some(FirstAdmin { email, password })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(sources.invalid("admin_password", "is needed beside admin_email".to_owned())),
        (None, Some(_)) => Err(sources.invalid("admin_email", "is needed beside admin_password".to_owned())),
    }
}

/// Twilio. The server's account is worth something with a token and with an address that Twilio reports to.
fn twilio(sources: &Sources) -> Result<TwilioServer, SettingsError> {
    let home = sources.parse("country", value::country)?;
    let sid = sources.optional("twilio_account_sid", value::account_sid)?;
    let token = sources.optional("twilio_auth_token", |text| Ok(pii::Secret::new(text.to_owned())))?;
    let number = sources.optional("twilio_phone_number", |text| value::phone_number(text, home))?;
    let public_url = sources.optional("public_url", value::base_url)?;
    let is_first = sources.parse("carrier", |text| value::word(text, &[("auto", false), ("twilio", true)]))?;
    let api_url = sources.parse("twilio_api_url", value::api_url)?;
    let records = sources.parse("twilio_record", value::switch)?;
    let needed = |key, beside: &str| Err(sources.invalid(key, format!("is needed beside {beside}")));
    let account = match (sid, token, public_url) {
        (Some(sid), Some(token), Some(_)) => Ok(Some(TwilioAccount { sid, token, number })),
        (Some(_), None, _) => needed("twilio_auth_token", "twilio_account_sid"),
        (None, Some(_), _) => needed("twilio_account_sid", "twilio_auth_token"),
        (Some(_), Some(_), None) => needed("public_url", "twilio_account_sid: Twilio reports to it"),
        (None, None, _) if is_first => needed("twilio_account_sid", "carrier = twilio"),
        (None, None, _) => Ok(None),
    }?;
    Ok(TwilioServer { account, api_url, records, is_first })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flags: &[(&'static str, &str)], env: &[(&str, &str)], file: &str) -> Result<Settings, SettingsError> {
        let flags = flags.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        let lookup = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Settings::read(&Sources::new(flags, lookup, Some(("dialplane.toml", file)))?)
    }

    #[test]
    fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
        let file = "http = \"127.0.0.1:1\"\nsip = \"127.0.0.1:2\"\nrtp_ports = \"30000-30010\"";
        let env = [("DIALPLANE_HTTP", "127.0.0.1:3"), ("DIALPLANE_SIP", "127.0.0.1:4"), ("PORT", "9")];
        let settings = read(&[("http", "127.0.0.1:5")], &env, file).unwrap();
        assert_eq!(settings.http.port(), 5);
        assert_eq!(settings.sip.port(), 4);
        assert_eq!(settings.rtp_ports, (30_000, 30_010));
        assert_eq!(settings.access_life, Duration::from_secs(900));
    }

    #[test]
    fn the_names_of_the_documents_are_aliases_that_our_own_name_beats() {
        let env = [
            ("PORT", "3000"),
            ("HOST", "localhost"),
            ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
            ("JWT_EXPIRES_IN", "24h"),
            ("DB_HOST", "db.example"),
            ("DB_NAME", "calldocker"),
            ("DB_USER", "post gres"),
            ("DB_PASSWORD", "p@ss"),
            ("MAX_FILE_SIZE", "2048"),
            ("DIALPLANE_MAX_UPLOAD_BYTES", "4096"),
        ];
        let settings = read(&[], &env, "").unwrap();
        assert_eq!(settings.http.to_string(), "127.0.0.1:3000");
        assert_eq!(settings.access_life, Duration::from_secs(86_400));
        let url = "postgres://post%20gres:p%40ss@db.example:5432/calldocker";
        assert_eq!(settings.database, Database::Postgres(url.to_owned()));
        assert_eq!(settings.max_upload_bytes, 4_096);
    }

    #[test]
    fn a_bad_value_names_its_setting_and_origin_and_never_a_secret() {
        let error = read(&[], &[("PORT", "seventy")], "").unwrap_err().to_string();
        assert!(error.contains("http") && error.contains("PORT"), "{error}");
        let error = read(&[], &[("JWT_SECRET", "tooshort")], "").unwrap_err().to_string();
        assert!(error.contains("jwt_secret") && !error.contains("tooshort"), "{error}");
        let error = read(&[], &[], "htp = \"x\"").unwrap_err().to_string();
        assert!(error.contains("htp"), "{error}");
        assert!(read(&[], &[("DIALPLANE_ADMIN_EMAIL", "a@b.c")], "").is_err());
    }

    #[test]
    fn twilio_takes_an_account_its_token_and_a_public_url() {
        let token = ("TWILIO_AUTH_TOKEN", "very-secret");
        let account = ("TWILIO_ACCOUNT_SID", "AC0123");
        let public = ("DIALPLANE_PUBLIC_URL", "https://calls.example.com");
        assert!(read(&[], &[], "").unwrap().twilio.account.is_none());
        let settings = read(&[], &[token, account, public], "").unwrap();
        assert!(!format!("{settings:?}").contains("very-secret"));
        let twilio = settings.twilio;
        let own = twilio.account.unwrap();
        assert_eq!((&*own.sid, own.number, &*twilio.api_url), ("AC0123", None, "https://api.twilio.com"));
        assert!(!twilio.records && !twilio.is_first);
        let choice = ("DIALPLANE_CARRIER", "twilio");
        for few in
            [&[token][..], &[account], &[token, account], &[choice], &[("TWILIO_ACCOUNT_SID", "a/b"), token, public]]
        {
            let error = read(&[], few, "").unwrap_err().to_string();
            assert!(!error.contains("very-secret"), "{error}");
        }
        let plain = ("DIALPLANE_TWILIO_API_URL", "http://api.twilio.com");
        assert!(read(&[], &[token, account, public, plain], "").is_err(), "a token is not sent in the clear");
        let local = ("DIALPLANE_TWILIO_API_URL", "http://127.0.0.1:4010");
        assert_eq!(read(&[], &[token, account, public, local], "").unwrap().twilio.api_url, local.1);
        let number = ("TWILIO_PHONE_NUMBER", "(202) 555-0123");
        let shown = read(&[], &[token, account, public, number], "").unwrap().twilio.account.unwrap().number;
        assert_eq!(shown.unwrap().as_str(), "+12025550123");
        assert!(read(&[], &[token, account, public, ("TWILIO_PHONE_NUMBER", "x")], "").is_err());
    }
}
