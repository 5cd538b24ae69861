//! What Twilio is told to do once the agent has answered, and where it tells us how it goes.

use dialplane_core::id::CallId;
use dialplane_core::phone::E164;

/// The address that the callbacks about calls go to, below the public URL.
const STATUS: &str = "/api/calls/status-callback";
/// The address that the callbacks about recordings go to.
const RECORDING: &str = "/api/calls/recording-status";
/// The word for the agent's end in the address of a callback.
pub(super) const AGENT: &str = "agent";
/// The word for the other end.
pub(super) const DESTINATION: &str = "destination";

/// The address for callbacks about one end of a call. It names our call, so that a callback that overtakes the answer to the request it
/// follows from is understood; Twilio signs the address with the rest.
pub(super) fn status_callback(public: &str, call: CallId, end: &str) -> String {
    format!("{public}{STATUS}?call={call}&end={end}")
}

/// Dials the destination and connects it with the agent, who waits for it.
pub(super) fn dial(public: &str, call: CallId, caller: &E164, destination: &E164, ring: u32, records: bool) -> String {
    let (caller, number) = (escaped(caller.as_str()), escaped(destination.as_str()));
    let status = escaped(&status_callback(public, call, DESTINATION));
    let record = if records {
        let url = escaped(&format!("{public}{RECORDING}?call={call}"));
        format!(
            " record=\"record-from-answer-dual\" recordingStatusCallback=\"{url}\" \
             recordingStatusCallbackEvent=\"completed absent\""
        )
    } else {
        String::new()
    };
    format!(
        "<Response><Dial callerId=\"{caller}\" answerOnBridge=\"true\" timeout=\"{ring}\"{record}>\
         <Number statusCallback=\"{status}\" statusCallbackEvent=\"initiated ringing answered completed\">{number}</Number>\
         </Dial></Response>"
    )
}

/// A text as the value of an attribute or the content of an element.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_destination_is_dialled_with_our_number_and_recorded_when_wanted() {
        let call = CallId::from_uuid(uuid::Uuid::from_u128(7));
        let (ours, theirs) = (E164::from_stored("+12025550123").unwrap(), E164::from_stored("+12025550199").unwrap());
        let plain = dial("https://a.example", call, &ours, &theirs, 30, false);
        let status = format!("https://a.example/api/calls/status-callback?call={call}&amp;end=destination");
        assert!(plain.contains("callerId=\"+12025550123\"") && plain.contains(">+12025550199</Number>"), "{plain}");
        assert!(plain.contains(&status) && !plain.contains("record="), "{plain}");
        let recorded = dial("https://a.example", call, &ours, &theirs, 30, true);
        assert!(recorded.contains("record-from-answer-dual") && recorded.contains("/api/calls/recording-status?call="));
        assert!(recorded.len() < 4_000, "Twilio takes no more than that with a request");
    }
}
