//! Voicemails in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::state::State;
use super::unit::{Unit, unless_taken};
use crate::flow::Voicemail;
use crate::id::{CallId, VoicemailId};
use crate::store::{Listing, Page, StoreError, VoicemailFilter, VoicemailStore};

#[async_trait]
impl VoicemailStore for Unit<'_> {
    async fn insert_voicemail(&mut self, voicemail: &Voicemail) -> Result<(), StoreError> {
        self.admits(voicemail)?;
        self.has_call(voicemail.company, voicemail.call)?;
        unless_taken::<Voicemail>(self.state().voicemails.contains(&voicemail.id), "id")?;
        self.change()?.voicemails.insert(voicemail.id, Arc::new(voicemail.clone()));
        Ok(())
    }

    async fn update_voicemail(&mut self, voicemail: &Voicemail) -> Result<(), StoreError> {
        let stored = self.follows(self.state().voicemails.get(&voicemail.id), voicemail)?;
        let next = Voicemail {
            heard_at: voicemail.heard_at,
            heard_by: voicemail.heard_by,
            version: voicemail.version,
            updated_at: voicemail.updated_at,
            ..Voicemail::clone(stored)
        };
        self.change()?.voicemails.insert(voicemail.id, Arc::new(next));
        Ok(())
    }

    async fn delete_voicemail(&mut self, id: VoicemailId) -> Result<bool, StoreError> {
        self.may_write()?;
        if self.voicemail(id).await?.is_none() {
            return Ok(false);
        }
        self.change()?.voicemails.remove(&id);
        Ok(true)
    }

    async fn voicemail(&mut self, id: VoicemailId) -> Result<Option<Voicemail>, StoreError> {
        Ok(self.visible(self.state().voicemails.get(&id)))
    }

    async fn voicemails(&mut self, filter: &VoicemailFilter, page: Page) -> Result<Listing<Voicemail>, StoreError> {
        let fits = |voicemail: &Voicemail| {
            filter.mailbox.as_ref().is_none_or(|mailbox| voicemail.mailbox == *mailbox)
                && filter.heard.is_none_or(|heard| voicemail.heard_at.is_some() == heard)
                && filter.from.is_none_or(|from| voicemail.created_at >= from)
                && filter.to.is_none_or(|to| voicemail.created_at < to)
                && filter.before.is_none_or(|before| voicemail.id < before)
        };
        Ok(self.listing(self.state().voicemails.values().rev(), page, fits))
    }

    async fn voicemails_of(&mut self, calls: &[CallId]) -> Result<Vec<Voicemail>, StoreError> {
        let calls: BTreeSet<&CallId> = calls.iter().collect();
        let rows = self.state().voicemails.values().filter(|row| calls.contains(&row.call));
        let mut found: Vec<Voicemail> = rows.filter_map(|row| self.visible(Some(row))).collect();
        found.sort_by_key(|row| (row.call, row.id));
        Ok(found)
    }
}

/// Removes the voicemails of a call that is deleted.
pub(super) fn forget(state: &mut State, call: CallId) {
    let own: Vec<VoicemailId> = state.voicemails.values().filter(|row| row.call == call).map(|row| row.id).collect();
    for id in own {
        state.voicemails.remove(&id);
    }
}
