//! REGISTER: authentication, bindings, presence.

use std::time::{Instant, SystemTime};

use super::auth::Verdict;
use super::run::Edge;
use super::sip_text::ALLOW;
use crate::sip::endpoint::Incoming;
use crate::sip::registrar::{Refused, Registration};
use crate::sip::wire::{Method, Name};

impl Edge {
    pub(super) fn register(&mut self, now: Instant, incoming: &Incoming) {
        if self.stopping.is_some() {
            return self.refuse(incoming, 503);
        }
        let message = &incoming.message;
        let source = incoming.flow.remote.ip();
        let line = match self.auth.verify(message, &Method::Register, source, SystemTime::now(), &self.directory) {
            Verdict::Line(line) => line,
            Verdict::Challenge { value, failed } => return self.challenge(incoming, &value, failed),
            Verdict::Malformed => return self.refuse(incoming, 400),
        };
        // Whoever proved one line may not register phones for another (RFC 3261 §10.3 item 4).
        let aor = message.to().ok().and_then(|to| to.uri.user_decoded().map(|user| user.into_owned()));
        if aor.as_deref() != Some(line.username.as_str()) {
            return self.refuse(incoming, 403);
        }
        let Ok(registration) = Registration::read(message, incoming.flow) else { return self.refuse(incoming, 400) };
        let response = match self.registrar.register(now, line.username.clone(), registration) {
            Ok(changes) => {
                if changes.came_online || changes.went_offline {
                    self.presence_changed(now, &line.username);
                }
                let response = self.endpoint.response(incoming, 200, "").header(Name::Allow, ALLOW);
                self.registrar.write_contacts(now, &line.username, response)
            }
            Err(refused) => {
                let response = self.endpoint.response(incoming, refused.status(), "");
                match refused {
                    Refused::TooBrief { min } => response.header(Name::MinExpires, min.as_secs()),
                    _ => response,
                }
            }
        };
        // Without a transaction: a copy of the request asks for nothing that was not done, and thousands of phones cost no memory.
        self.endpoint.reply(incoming, response.finish());
    }
}
