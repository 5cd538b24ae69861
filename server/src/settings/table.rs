//! Every setting: its name, where it is read from, and what it is when nobody says anything.

/// One setting. The environment name is `DIALPLANE_` and the key in upper case.
#[derive(Debug)]
pub(crate) struct Spec {
    /// The key in `dialplane.toml`.
    pub(crate) key: &'static str,
    /// Names of the source documents that are read when the `DIALPLANE_` name is not set.
    pub(crate) aliases: &'static [&'static str],
    /// The value when nothing is set; empty means unset.
    pub(crate) default: &'static str,
    /// Whether `config print` masks it.
    pub(crate) secret: bool,
    /// Whether this version does something with it.
    pub(crate) used: bool,
}

const fn plain(key: &'static str, default: &'static str, aliases: &'static [&'static str]) -> Spec {
    Spec { key, aliases, default, secret: false, used: true }
}

const fn secret(key: &'static str, aliases: &'static [&'static str]) -> Spec {
    Spec { key, aliases, default: "", secret: true, used: true }
}

/// Accepted and shown, so that one environment serves every version; nothing reads it yet.
const fn later(key: &'static str, aliases: &'static [&'static str]) -> Spec {
    Spec { key, aliases, default: "", secret: false, used: false }
}

const fn later_secret(key: &'static str, aliases: &'static [&'static str]) -> Spec {
    Spec { key, aliases, default: "", secret: true, used: false }
}

/// The table of all settings, in the order in which they are printed.
pub(crate) const TABLE: &[Spec] = &[
    plain("http", "127.0.0.1:8080", &[]),
    plain("sip", "127.0.0.1:5060", &[]),
    later("sip_tls", &[]),
    plain("rtp_ports", "40000-49999", &[]),
    plain("public_address", "", &[]),
    plain("public_url", "", &[]),
    plain("data_dir", "./data", &[]),
    secret("database", &["DATABASE_URL"]),
    later_secret("redis", &["REDIS_URI"]),
    plain("company", "My company", &[]),
    plain("timezone", "UTC", &[]),
    plain("country", "US", &[]),
    plain("admin_email", "", &[]),
    secret("admin_password", &[]),
    plain("registration", "closed", &[]),
    secret("jwt_secret", &["JWT_SECRET"]),
    plain("access_token_life", "15m", &["JWT_EXPIRES_IN"]),
    plain("refresh_token_life", "7d", &["JWT_REFRESH_EXPIRES_IN"]),
    plain("rate_limits", "on", &[]),
    plain("rate_limit_window_ms", "900000", &["RATE_LIMIT_WINDOW_MS"]),
    plain("rate_limit_max_requests", "100", &["RATE_LIMIT_MAX_REQUESTS"]),
    plain("max_upload_bytes", "10485760", &["MAX_FILE_SIZE"]),
    plain("export_life", "15m", &[]),
    plain("audit_days", "365", &[]),
    plain("cors_origins", "", &[]),
    plain("trust_proxy", "false", &[]),
    plain("log", "info", &[]),
    plain("log_format", "text", &[]),
    plain("allow_private_webhooks", "false", &[]),
    plain("speech", "auto", &[]),
    plain("speech_url", "", &[]),
    secret("speech_key", &[]),
    plain("speech_model", "tts-1", &[]),
    plain("speech_voice", "alloy", &[]),
    secret("meta_app_secret", &["META_APP_SECRET"]),
    secret("meta_verify_token", &["META_VERIFY_TOKEN"]),
    secret("meta_access_token", &["META_ACCESS_TOKEN"]),
    plain("meta_graph_url", "https://graph.facebook.com/v24.0", &[]),
    plain("carrier", "auto", &[]),
    plain("twilio_account_sid", "", &["TWILIO_ACCOUNT_SID"]),
    secret("twilio_auth_token", &["TWILIO_AUTH_TOKEN"]),
    plain("twilio_phone_number", "", &["TWILIO_PHONE_NUMBER"]),
    plain("twilio_api_url", "https://api.twilio.com", &["TWILIO_API_URL"]),
    plain("twilio_record", "off", &[]),
    later("stun_server", &["STUN_SERVER"]),
    later("turn_server", &["TURN_SERVER"]),
    later("turn_username", &["TURN_USERNAME"]),
    later_secret("turn_credential", &["TURN_CREDENTIAL"]),
    later("smtp_host", &["SMTP_HOST"]),
    later("smtp_port", &["SMTP_PORT"]),
    later("smtp_user", &["SMTP_USER"]),
    later_secret("smtp_pass", &["SMTP_PASS"]),
    later("smtp_from", &["SMTP_FROM"]),
    later("upload_path", &["UPLOAD_PATH"]),
    later("aws_access_key_id", &["AWS_ACCESS_KEY_ID"]),
    later_secret("aws_secret_access_key", &["AWS_SECRET_ACCESS_KEY"]),
    later("aws_s3_bucket", &["AWS_S3_BUCKET"]),
    later("aws_region", &["AWS_REGION"]),
];

/// The setting of this key.
pub(crate) fn spec(key: &str) -> Option<&'static Spec> {
    TABLE.iter().find(|spec| spec.key == key)
}
