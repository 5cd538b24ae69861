//! Voicemails: hearing and removing them. They are left by what is told of a call ([`Left`](super::Left)).

use async_trait::async_trait;

use crate::command::fresh;
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::flow::{Voicemail, VoicemailRefused};
use crate::id::VoicemailId;
use crate::scope::Permission;
use crate::store::Repo;

/// Notes that a voicemail was heard, or is to be heard again.
#[derive(Debug, Clone, Copy)]
pub struct HearVoicemail {
    /// Which.
    pub voicemail: VoicemailId,
    /// Whether it was heard.
    pub heard: bool,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for HearVoicemail {
    type Output = Voicemail;
    type Refused = VoicemailRefused;
    const NAME: &'static str = "hear_voicemail";

    fn permission(&self) -> Permission {
        Permission::ManageCalls
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Voicemail, Failure<VoicemailRefused>> {
        let old = repo.voicemail(self.voicemail).await?.ok_or(VoicemailRefused::NotFound)?;
        if !fresh(self.expected_version, old.version) {
            return Err(VoicemailRefused::Stale.into());
        }
        // Who heard it first stays.
        if old.heard_at.is_some() == self.heard {
            return Ok(old);
        }
        let voicemail = old.heard(self.heard, cx.actor().user_id(), cx.now());
        repo.update_voicemail(&voicemail).await?;
        cx.emit(voicemail.company, Event::VoicemailUpdated { voicemail: voicemail.id });
        Ok(voicemail)
    }
}

/// Removes a voicemail. Its file is the caller's to remove, once this has been told to have happened.
#[derive(Debug, Clone, Copy)]
pub struct DeleteVoicemail {
    /// Which.
    pub voicemail: VoicemailId,
}

#[async_trait]
impl Command for DeleteVoicemail {
    type Output = Voicemail;
    type Refused = VoicemailRefused;
    const NAME: &'static str = "delete_voicemail";

    fn permission(&self) -> Permission {
        Permission::ManageCalls
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Voicemail, Failure<VoicemailRefused>> {
        let voicemail = repo.voicemail(self.voicemail).await?.ok_or(VoicemailRefused::NotFound)?;
        if !repo.delete_voicemail(voicemail.id).await? {
            return Err(VoicemailRefused::NotFound.into());
        }
        cx.emit(voicemail.company, Event::VoicemailDeleted { voicemail: voicemail.id });
        Ok(voicemail)
    }
}
