//! Small pieces of SIP text that the edge writes.

use dialplane_core::call::HangupCause;

/// The methods the edge serves.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, UPDATE, REFER";

/// The type of a session description.
pub(super) const SDP: &str = "application/sdp";

/// The value of a Reason header (RFC 3326).
pub(super) fn reason(cause: HangupCause) -> String {
    if cause == HangupCause::AnsweredElsewhere {
        return "SIP;cause=200;text=\"Call completed elsewhere\"".to_owned();
    }
    format!("Q.850;cause={};text=\"{}\"", cause.q850(), cause.as_str().replace('_', " "))
}

/// The Q.850 number of a Reason header's value, when it has one.
pub(super) fn q850(value: &str) -> Option<u8> {
    let (protocol, params) = value.split_once(';')?;
    if !protocol.trim().eq_ignore_ascii_case("Q.850") {
        return None;
    }
    params.split(';').find_map(|param| {
        let (name, value) = param.split_once('=')?;
        name.trim().eq_ignore_ascii_case("cause").then(|| value.trim().parse().ok())?
    })
}

/// The key of an INFO body `application/dtmf-relay` (`Signal=5`) or `application/dtmf` (`5`).
pub(super) fn digit(body: &[u8]) -> Option<char> {
    let text = std::str::from_utf8(body).ok()?;
    let value = text
        .lines()
        .find_map(|line| line.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("signal")))
        .map_or(text, |(_, value)| value);
    let mut chars = value.trim().chars();
    let digit = chars.next().filter(|c| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D' | 'a'..='d'))?;
    chars.next().is_none().then(|| digit.to_ascii_uppercase())
}

/// What may stand in the user part of a URI without escape; the rest is left out (a caller's number or name is shown, not
/// dialled).
pub(super) fn uri_user(text: &str) -> String {
    let kept: String = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '_' | '.' | '*' | '#'))
        .take(64)
        .collect();
    let kept = kept.replace('#', "%23");
    if kept.is_empty() { "anonymous".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_from_both_forms_of_info() {
        assert_eq!(digit(b"Signal=5\r\nDuration=160\r\n"), Some('5'));
        assert_eq!(digit(b"signal = a"), Some('A'));
        assert_eq!(digit(b"#"), Some('#'));
        assert_eq!(digit(b"12"), None);
        assert_eq!(digit(b"\xff"), None);
    }

    #[test]
    fn reasons_read_back() {
        assert_eq!(q850(&reason(HangupCause::UserBusy)), Some(17));
        assert_eq!(q850("SIP;cause=200"), None);
        assert_eq!(q850("Q.850 ;cause=x"), None);
    }

    #[test]
    fn a_hostile_user_part_becomes_harmless() {
        assert_eq!(uri_user("+12025550123"), "+12025550123");
        assert_eq!(uri_user("a@b>\r\nX: y"), "abXy");
        assert_eq!(uri_user("<>"), "anonymous");
    }
}
