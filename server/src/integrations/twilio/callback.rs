//! What Twilio tells us: how calls go, and that a recording is there.

use axum::http::{HeaderMap, Uri};
use chrono::TimeDelta;
use dialplane_core::Actor;
use dialplane_core::call::account::TwilioAccount;
use dialplane_core::call::carrier::{End, EndReport};
use dialplane_core::command::carrier::{NoteRecording, RecordCarrierReport, Reported};
use dialplane_core::id::CallId;
use dialplane_core::store::StoreError;

use super::signature::{Sent, is_genuine};
use super::{Twilio, twiml, words};
use crate::http::input::media_type;
use crate::problem::{Problem, Reply};

/// The largest callback, in bytes: Twilio's have a few hundred.
pub(crate) const BODY_MAX: usize = 64 << 10;
/// How far ahead of our clock Twilio's may be.
const AHEAD: TimeDelta = TimeDelta::minutes(1);

/// A callback whose signature is right.
#[derive(Debug)]
pub(crate) struct Callback {
    call: Option<CallId>,
    end: End,
    fields: Vec<(String, String)>,
}

impl Callback {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.field(name)?.parse().ok()
    }
}

impl Twilio {
    /// Reads a callback that is Twilio's: signed by the account that carries the call which the address names. The address only says
    /// whose signature it takes, as it is signed itself: who signs with another account is not believed, whatever the body says.
    ///
    /// # Errors
    /// 403 when its signature is missing or wrong. Those of the store.
    pub(crate) async fn verified(&self, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Reply<Callback> {
        let forged = || Problem::untrusted("the signature is not right");
        let signature = headers.get("x-twilio-signature").and_then(|value| value.to_str().ok()).ok_or_else(forged)?;
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        let url = format!("{}{path}", self.0.public_url);
        let is_form = media_type(headers) == "application/x-www-form-urlencoded";
        let form: Vec<(String, String)> =
            if is_form { form_urlencoded::parse(body).into_owned().collect() } else { Vec::new() };
        let sent = if is_form { Sent::Form(&form) } else { Sent::Body(body) };
        let query = |name: &str| {
            let query = uri.query().unwrap_or_default().as_bytes();
            form_urlencoded::parse(query).find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
        };
        let call = query("call").and_then(|id| id.parse().ok());
        let signer = self.signer(call).await?;
        if !signer.is_some_and(|account| is_genuine(account.token.expose(), signature, &url, sent)) {
            metrics::counter!("dialplane_carrier_forgeries_total", "carrier" => "twilio").increment(1);
            return Err(forged());
        }
        let end = if query("end").as_deref() == Some(twiml::DESTINATION) { End::Destination } else { End::Agent };
        let fields = if is_form { form } else { of_json(body)? };
        Ok(Callback { call, end, fields })
    }

    /// The account that signs callbacks about a call: that which carries it. About what we do not know only the server's own is heard,
    /// as it may have carried a call that was deleted.
    async fn signer(&self, call: Option<CallId>) -> Result<Option<TwilioAccount>, StoreError> {
        let row = match call {
            Some(call) => self.carried(call).await?,
            None => None,
        };
        match row {
            Some(row) => self.account_of(&row).await,
            None => Ok(self.0.own.clone()),
        }
    }

    /// Takes note of how one end of a call stands. What is repeated, late, or about a call that is not there changes nothing.
    ///
    /// # Errors
    /// When it could not be written down: Twilio shows that as a failed callback, and [`super::follow`] asks later.
    pub(crate) async fn status_changed(&self, callback: &Callback) -> Reply<()> {
        let Some(call) = callback.call else { return Ok(()) };
        let sip_status = callback.number("SipResponseCode");
        let word = callback.field("CallStatus").unwrap_or_default();
        let Some(status) = words::status(word, sip_status) else {
            tracing::debug!(%call, "a callback without a known status is passed over");
            return Ok(());
        };
        // The call that we placed is the agent's; the destination's is its child.
        let sid = match callback.end {
            End::Destination => callback.field("ParentCallSid"),
            End::Agent | End::Call => callback.field("CallSid"),
        };
        let now = self.0.engine.now();
        let said = callback.field("Timestamp").and_then(words::instant);
        let at = said.unwrap_or(now).min(now + AHEAD);
        let report =
            EndReport { end: callback.end, status, at, talk_seconds: callback.number("CallDuration"), sip_status };
        let command = RecordCarrierReport { call, sid: sid.map(str::to_owned), report: Some(report) };
        if self.0.engine.execute(&Actor::system(), &command).await? == Reported::Foreign {
            tracing::warn!(%call, "a callback of twilio's is about a call that is not there");
        }
        Ok(())
    }

    /// Takes note of a recording, which is then fetched.
    ///
    /// # Errors
    /// When it could not be written down.
    pub(crate) async fn recorded(&self, callback: &Callback) -> Reply<()> {
        let Some(call) = callback.call else { return Ok(()) };
        if callback.field("RecordingStatus") != Some("completed") {
            return Ok(());
        }
        let named = callback.field("RecordingSid").filter(|sid| sid.bytes().all(|b| b.is_ascii_alphanumeric()));
        let Some(sid) = named else { return Ok(()) };
        let seconds = callback.number("RecordingDuration").unwrap_or(0);
        let command = NoteRecording { call, sid: sid.to_owned(), seconds };
        match self.0.engine.execute(&Actor::system(), &command).await? {
            Reported::News => self.0.recorded.notify_one(),
            Reported::Known => {}
            Reported::Foreign => tracing::warn!(%call, "a recording of twilio's is of a call that is not there"),
        }
        Ok(())
    }
}

/// The fields of a JSON body.
fn of_json(body: &[u8]) -> Reply<Vec<(String, String)>> {
    let malformed = || Problem::malformed("expected a form or a JSON object");
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).map_err(|_| malformed())?;
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(object.into_iter().map(|(name, value)| (name, text(value))).collect())
}
